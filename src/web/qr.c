/* A QR code as SVG: libqrencode makes the modules; each run of dark ones in a row is one step of
 * one path. Any thread. */
#include "web/qr.h"

#include <qrencode.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    QUIET = 4,      /* modules around the code */
    PIECE_MAX = 256 /* bytes that one call of put() appends at most */
};

static int put(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int put(struct buffer *out, const char *format, ...)
{
    char *room = buffer_reserve(out, PIECE_MAX);
    if (!room)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    out->len += (size_t)vsnprintf(room, PIECE_MAX, format, arguments);
    va_end(arguments);
    return 0;
}

/* Finds the first run of dark modules in the row at or after `from`, and sets *from to its start.
 * Returns its length, or 0 if there is none. */
static int next_run(const unsigned char *row, int width, int *from)
{
    int at = *from;
    while (at < width && !(row[at] & 1))
        at++;
    *from = at;
    while (at < width && (row[at] & 1))
        at++;
    return at - *from;
}

static int put_row(struct buffer *out, const unsigned char *row, int width, int y)
{
    for (int x = 0, len; (len = next_run(row, width, &x)) > 0; x += len)
        if (put(out, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, len, len) != 0)
            return -1;
    return 0;
}

static int put_code(struct buffer *out, const QRcode *code)
{
    int size = code->width + 2 * QUIET;
    if (put(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
            size, size, size, size) != 0)
        return -1;
    for (int y = 0; y < code->width; y++)
        if (put_row(out, code->data + y * code->width, code->width, y) != 0)
            return -1;
    return put(out, "\"/></svg>");
}

int qr_svg(struct buffer *out, const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (!code)
        return -1;
    size_t len = out->len;
    int result = put_code(out, code);
    if (result != 0)
        out->len = len;
    QRcode_free(code);
    return result;
}
