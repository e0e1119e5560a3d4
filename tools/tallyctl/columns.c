/* A table of words. Cells are kept in the form in which they may be printed (escaped for a
 * terminal), so that their widths are what the terminal shows. */
#include "tools/tallyctl/columns.h"

#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/lib/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char gap[] = "  "; /* between columns */

struct column {
    size_t width; /* of its widest cell, in columns of the terminal */
    bool right;
};

struct columns {
    size_t width;
    struct column *column; /* `width` of them */
    char **cells;          /* row by row */
    size_t count;
    size_t room;
};

struct columns *columns_new(size_t width)
{
    struct columns *columns = calloc(1, sizeof(*columns));
    if (!columns || !(columns->column = calloc(width, sizeof(*columns->column))))
        memory_exhausted();
    columns->width = width;
    return columns;
}

void columns_free(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        free(columns->cells[i]);
    free(columns->cells);
    free(columns->column);
    free(columns);
}

void columns_add(struct columns *columns, const char *text, size_t len)
{
    if (columns->count == columns->room) {
        columns->room = columns->room ? 2 * columns->room : 64;
        columns->cells = realloc(columns->cells, columns->room * sizeof(*columns->cells));
        if (!columns->cells)
            memory_exhausted();
    }
    char *cell = output_is_terminal() ? output_escaped(text, len) : strndup(text, len);
    if (!cell)
        memory_exhausted();
    struct column *column = &columns->column[columns->count % columns->width];
    size_t width = text_width(cell, strlen(cell));
    if (width > column->width)
        column->width = width;
    columns->cells[columns->count++] = cell;
}

void columns_add_string(struct columns *columns, const char *text)
{
    columns_add(columns, text, strlen(text));
}

void columns_align_right(struct columns *columns, size_t column)
{
    columns->column[column].right = true;
}

static void print_cell(const struct column *column, const char *cell, FILE *out)
{
    int room = (int)(column->width - text_width(cell, strlen(cell)));
    fprintf(out, "%*s%s%*s", column->right ? room : 0, "", cell, column->right ? 0 : room, "");
}

/* The columns that the terminal has left for the last cell of a row. A pipe has no end. */
static size_t left_for_last(const struct columns *columns)
{
    size_t used = 0;
    if (!output_is_terminal())
        return SIZE_MAX;
    for (size_t i = 0; i + 1 < columns->width; i++)
        used += columns->column[i].width + strlen(gap);
    size_t all = output_columns();
    return all > used ? all - used : 0;
}

/* Text in the last column is not padded, and cut where the terminal ends: a row is one line. */
void columns_print(const struct columns *columns, FILE *out)
{
    const size_t left = left_for_last(columns);
    for (size_t i = 0; i < columns->count; i++) {
        size_t at = i % columns->width;
        bool is_last = at == columns->width - 1;
        if (is_last && !columns->column[at].right)
            output_fitted(out, columns->cells[i], left, false);
        else
            print_cell(&columns->column[at], columns->cells[i], out);
        fputs(is_last ? "\n" : gap, out);
    }
}

void columns_print_tabs(const struct columns *columns, FILE *out)
{
    for (size_t i = 0; i < columns->count; i++)
        fprintf(out, "%s%c", columns->cells[i],
                i % columns->width == columns->width - 1 ? '\n' : '\t');
}
