/* A table of words. Cells are kept in the form in which they may be printed (escaped for a
 * terminal), so that their widths are what the terminal shows. */
#include "tools/tallyctl/columns.h"

#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/lib/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LEAST = 4 }; /* columns that text has even on the narrowest terminal */

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
    char *cell = output_is_terminal() ? output_escaped(text, len) : must_copy(text, len);
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

/* ---- on a terminal ---- */

/* Text is cut to so many columns; numbers, which stand to the right, are not. */
static size_t shown_width(const struct column *column, size_t most)
{
    return column->right || column->width < most ? column->width : most;
}

static size_t row_width(const struct columns *columns, size_t most)
{
    size_t width = 0;
    for (size_t i = 0; i < columns->width; i++)
        width += (i > 0 ? strlen(gap) : 0) + shown_width(&columns->column[i], most);
    return width;
}

/* The most columns that text may take, so that a row is one line of the terminal. A pipe has no
 * end. */
static size_t most_of_text(const struct columns *columns)
{
    size_t most = output_columns();
    if (!output_is_terminal())
        return SIZE_MAX;
    while (most > TEXT_LEAST && row_width(columns, most) > output_columns())
        most--;
    return most;
}

void columns_print(const struct columns *columns, FILE *out)
{
    const size_t most = most_of_text(columns);
    for (size_t i = 0; i < columns->count; i++) {
        const char *cell = columns->cells[i];
        const struct column *column = &columns->column[i % columns->width];
        bool is_last = (i + 1) % columns->width == 0; /* nothing is padded at the end of a line */
        if (column->right)
            fprintf(out, "%*s%s", (int)(column->width - text_width(cell, strlen(cell))), "", cell);
        else
            output_fitted(out, cell, shown_width(column, most), !is_last);
        fputs(is_last ? "\n" : gap, out);
    }
}

void columns_print_tabs(const struct columns *columns, FILE *out)
{
    for (size_t i = 0; i < columns->count; i++)
        fprintf(out, "%s%c", columns->cells[i],
                i % columns->width == columns->width - 1 ? '\n' : '\t');
}
