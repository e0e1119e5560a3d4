/* Lines of text. */
#include "tools/election/lines.h"

#include "proto/line.h"

#include <stdarg.h>
#include <stdio.h>

void lines_begin(struct lines *lines, const char *text, size_t len, char why[LINES_WHY_MAX])
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t mark_len = sizeof mark - 1;
    size_t skipped = len >= mark_len && memcmp(text, mark, mark_len) == 0 ? mark_len : 0;
    *lines = (struct lines){.rest = {text + skipped, len - skipped}, .why = why};
}

int lines_next(struct lines *lines, struct span *line)
{
    if (lines->rest.len == 0)
        return 0;
    lines->number++;
    *line = span_cut(&lines->rest, '\n');
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    return line_is_text(line->at, line->len) ? 1 : lines_fail(lines, "this is no text in UTF-8");
}

int lines_fail(const struct lines *lines, const char *format, ...)
{
    va_list arguments;
    int len = snprintf(lines->why, LINES_WHY_MAX, "line %u: ", lines->number);
    va_start(arguments, format);
    vsnprintf(lines->why + len, LINES_WHY_MAX - (size_t)len, format, arguments);
    va_end(arguments);
    return -1;
}
