/* A table of words: gathered cell by cell, then printed in aligned columns, or with TABs between
 * for programs. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_COLUMNS_H
#define TALLYCAST_TOOLS_TALLYCTL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct columns;

/* A table of `width` columns (1 or more). columns_free releases it. */
struct columns *columns_new(size_t width);
void columns_free(struct columns *columns);

/* Adds the next cell of the row at hand, copied; a full row begins the next one. */
void columns_add(struct columns *columns, const char *text, size_t len);
void columns_add_string(struct columns *columns, const char *text);

/* Aligns a column to the right. */
void columns_align_right(struct columns *columns, size_t column);

/* Prints aligned: columns are as wide as their widest cell, two spaces apart. On a terminal text is
 * cut so that a row is one line. */
void columns_print(const struct columns *columns, FILE *out);

/* Prints with a TAB between cells. */
void columns_print_tabs(const struct columns *columns, FILE *out);

#endif
