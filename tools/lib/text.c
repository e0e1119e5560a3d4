/* Text for people and for files. Everything here is a pure function over bytes that may come from
 * anyone: nothing can fail, and no input may make a function write more than the size that its
 * header names. */
#include "tools/lib/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

size_t text_decode(const char *text, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* of a form of so many bytes */
    const unsigned char *at = (const unsigned char *)text;

    if (len == 0)
        return 0;
    if (at[0] < 0x80) {
        *code = at[0];
        return 1;
    }
    size_t bytes = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || len < bytes)
        return 0;
    uint32_t value = at[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3f);
    }
    if (value < least[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code = value;
    return bytes;
}

/* Marks that change the direction of what follows, or end the line: a title with them could pass
 * itself off as another. */
static bool reorders(uint32_t code)
{
    return code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* The bytes of the printable character at `text`, and its columns; 0 if the bytes there must be
 * escaped. */
static size_t printable(const char *text, size_t len, bool utf8, size_t *columns)
{
    uint32_t code;
    size_t bytes = text_decode(text, len, &code);
    uint32_t beyond_ascii = utf8 ? 0xa0 : UINT32_MAX;

    if (bytes == 0 || code < 0x20 || (code >= 0x7f && code < beyond_ascii) || reorders(code))
        return 0;
    int width = wcwidth((wchar_t)code);
    if (width < 0)
        return 0;
    *columns = (size_t)width;
    return bytes;
}

static char *put_hex(char *out, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    *out++ = digits[byte >> 4];
    *out++ = digits[byte & 15];
    return out;
}

size_t text_escape(const char *text, size_t len, bool utf8, char *out)
{
    char *end = out;
    for (size_t i = 0; i < len;) {
        size_t columns;
        size_t bytes = printable(text + i, len - i, utf8, &columns);
        if (bytes == 0) {
            *end++ = '\\';
            *end++ = 'x';
            end = put_hex(end, (unsigned char)text[i++]);
            continue;
        }
        memcpy(end, text + i, bytes);
        end += bytes;
        i += bytes;
    }
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_width(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len;) {
        size_t columns = 4; /* of `\xHH` */
        size_t bytes = printable(text + i, len - i, true, &columns);
        width += columns;
        i += bytes ? bytes : 1;
    }
    return width;
}

size_t text_fit(const char *text, size_t len, size_t columns)
{
    size_t at = 0;
    size_t used = 0;
    while (at < len) {
        size_t width = 4;
        size_t bytes = printable(text + at, len - at, true, &width);
        if (used + width > columns)
            break;
        used += width;
        at += bytes ? bytes : 1;
    }
    return at;
}

/* How many of `steps` a bar for count/most fills: rounded, but at least one unless count is 0. */
static size_t bar_steps(uint64_t count, uint64_t most, size_t steps)
{
    if (count == 0 || most == 0)
        return 0;
    if (count >= most)
        return steps;
    size_t filled = (size_t)((double)count / (double)most * (double)steps + 0.5);
    return filled ? filled : 1;
}

size_t text_bar(uint64_t count, uint64_t most, unsigned columns, bool utf8, char *out)
{
    static const char eighths[][4] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    size_t cell = utf8 ? 8 : 1;
    size_t filled = columns ? bar_steps(count, most, columns * cell) : 0;
    char *end = out;

    for (unsigned i = 0; i < columns; i++) {
        size_t here = filled < cell ? filled : cell;
        const char *glyph = here == 0 ? " " : utf8 ? eighths[here] : "#";
        size_t bytes = strlen(glyph);
        memcpy(end, glyph, bytes);
        end += bytes;
        filled -= here;
    }
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_percent(uint64_t count, uint64_t total, char out[TEXT_PERCENT_SIZE])
{
    if (total == 0)
        return (size_t)snprintf(out, TEXT_PERCENT_SIZE, "-");
    double share = count < total ? (double)count / (double)total : 1;
    return (size_t)snprintf(out, TEXT_PERCENT_SIZE, "%.1f%%", 100 * share);
}

/* Full-width signs count too: some spreadsheets take them for the usual ones. */
static bool begins_formula(const char *text, size_t len)
{
    static const char *const signs[] = {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (len >= strlen(signs[i]) && memcmp(text, signs[i], strlen(signs[i])) == 0)
            return true;
    return false;
}

/* RFC 4180 names the comma, quotes and line ends. Where the comma is decimal, spreadsheets divide a
 * row at semicolons, and some at TABs: unquoted, the rest of a field would be a cell of its own. */
static bool must_be_quoted(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] != '\0' && strchr(",;\t\"\r\n", text[i]))
            return true;
    return false;
}

size_t text_csv(const char *text, size_t len, bool raw, char *out)
{
    bool quoted = must_be_quoted(text, len);
    char *end = out;
    if (quoted)
        *end++ = '"';
    if (!raw && begins_formula(text, len))
        *end++ = '\'';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            *end++ = '"';
        *end++ = text[i];
    }
    if (quoted)
        *end++ = '"';
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_hex(const void *bytes, size_t len, char *out)
{
    const unsigned char *at = bytes;
    char *end = out;
    for (size_t i = 0; i < len; i++)
        end = put_hex(end, at[i]);
    *end = '\0';
    return 2 * len;
}

size_t text_uri(const char *path, char *out)
{
    char *end = out;
    for (; *path; path++) {
        if (*path == '%' || *path == '?' || *path == '#') {
            *end++ = '%';
            end = put_hex(end, (unsigned char)*path);
        } else {
            *end++ = *path;
        }
    }
    *end = '\0';
    return (size_t)(end - out);
}

size_t text_time(int64_t time_ns, char out[TEXT_TIME_SIZE])
{
    const int64_t second = 1000000000;
    int64_t ns = (time_ns % second + second) % second;
    time_t seconds =
        (time_t)(time_ns / second - (time_ns % second < 0)); /* floored: before 1970 too */
    struct tm utc;

    gmtime_r(&seconds, &utc);
    size_t len = strftime(out, TEXT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(out + len, TEXT_TIME_SIZE - len, ".%09dZ", (int)ns);
}
