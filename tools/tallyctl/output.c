/* Standard output and standard error. Whether standard output is a terminal, and with which
 * characters, is found out once and kept here, since it is a property of the process. An error in
 * writing is remembered by stdio and reported by output_flush. */
#include "tools/tallyctl/output.h"

#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/progress.h"
#include "tools/tallyctl/screen.h"
#include "tools/lib/memory.h"
#include "tools/lib/text.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_terminal;
static bool is_screen;
static bool is_utf8;

void output_init(void)
{
    is_terminal = isatty(STDOUT_FILENO);
    const char *kind = getenv("TERM");
    is_screen = is_terminal && kind && *kind && strcmp(kind, "dumb") != 0;
    memory_before_end(screen_leave);
    is_utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool output_is_terminal(void)
{
    return is_terminal;
}

bool output_is_screen(void)
{
    return is_screen;
}

bool output_is_utf8(void)
{
    return is_utf8;
}

unsigned output_columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

unsigned output_rows(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row : 24;
}

void output_error(const char *format, ...)
{
    char *message;
    va_list arguments;

    screen_leave(); /* a message on the screen would vanish with it */
    progress_end();
    fflush(stdout);
    va_start(arguments, format);
    int len = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (len < 0) {
        fputs("tallyctl: out of memory\n", stderr);
        return;
    }
    char *escaped = output_escaped(message, (size_t)len);
    fprintf(stderr, "tallyctl: %s\n", escaped);
    free(escaped);
    free(message);
}

char *output_escaped(const char *text, size_t len)
{
    char *escaped = malloc(TEXT_ESCAPED_SIZE(len));
    if (!escaped)
        memory_exhausted();
    text_escape(text, len, is_utf8, escaped);
    return escaped;
}

void output_text(FILE *out, const char *text, size_t len)
{
    if (len == 0)
        return; /* there may be no text at all */
    if (!is_terminal) {
        fwrite(text, 1, len, out);
        return;
    }
    char *escaped = output_escaped(text, len);
    fputs(escaped, out);
    free(escaped);
}

void output_fitted(FILE *out, const char *text, size_t columns, bool pad)
{
    size_t len = strlen(text);
    size_t fits = text_fit(text, len, columns);
    const char *mark = "";
    if (fits < len && columns > 0) {
        mark = is_utf8 ? "…" : ">";
        fits = text_fit(text, len, columns - 1);
    }
    size_t used = text_width(text, fits) + (*mark ? 1 : 0);
    fprintf(out, "%.*s%s%*s", (int)fits, text, mark, pad ? (int)(columns - used) : 0, "");
}

static void output_line(const char *text, size_t len)
{
    output_text(stdout, text, len);
    putchar('\n');
}

json_t *output_json_text(const char *text, size_t len)
{
    json_t *string = json_stringn(text, len);
    if (string)
        return string;
    char *escaped = output_escaped(text, len);
    string = json_string(escaped);
    free(escaped);
    return string;
}

void output_json(json_t *object)
{
    char *line = json_dumps(object, JSON_COMPACT | (is_terminal ? JSON_ENSURE_ASCII : 0u));
    if (!line)
        memory_exhausted();
    progress_end();
    for (const char *at = line; *at; at++) {
        if (*at == 0x7f)
            fputs("\\u007f", stdout); /* jansson leaves DEL as it is */
        else
            putchar(*at);
    }
    putchar('\n');
    free(line);
    json_decref(object);
}

void output_change(const struct invocation *invocation, const struct reply *reply,
                   enum change_number number)
{
    if (invocation->json && reply->has_number && number == NUMBER_IS_COUNT)
        output_json(json_pack("{s:I}", "closed", (json_int_t)reply->number));
    else if (invocation->json && reply->has_number)
        output_json(json_pack("{s:I, s:b}", "seq", (json_int_t)reply->number, "duplicate",
                              reply->duplicate));
    else if (invocation->json)
        output_json(json_pack("{s:b}", "ok", 1));
    else if (reply->text.len > 0)
        output_line(reply->text.at, reply->text.len);
}

enum status output_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_DONE;
    if (errno == EPIPE)
        interrupt_release(); /* the reader has gone: if SIGPIPE was only held up, it ends us */
    output_error("standard output: %s",
                 errno ? strerror(errno) : "what was printed is lost in part");
    return STATUS_REFUSED;
}
