/* Rows of CSV on standard output, as RFC 4180 has them. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_CSV_H
#define TALLYCAST_TOOLS_TALLYCTL_CSV_H

#include "tools/tallyctl/tallyctl.h"

#include <stddef.h>

/* What stands before a table: a byte order mark, if one is asked for. */
void csv_begin(const struct invocation *invocation);

/* The heading, after a byte order mark if one is asked for. */
void csv_heading(const struct invocation *invocation, const char *const *names, size_t count);

/* One row; NULL is an empty field. A field that a spreadsheet would take for a formula is made
 * text, unless the invocation asks for raw ones. */
void csv_row(const struct invocation *invocation, const char *const *fields, size_t count);

#endif
