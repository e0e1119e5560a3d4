/* Output of tallyctl: plain to a pipe, escaped to a terminal, since titles and voters come from
 * others. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_OUTPUT_H
#define TALLYCAST_TOOLS_TALLYCTL_OUTPUT_H

#include "proto/reply.h"
#include "tools/tallyctl/tallyctl.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* Sets the locale. Call before anything is printed. */
void output_init(void);

/* Whether standard output is a terminal; whether that can be redrawn, by TERM; and whether it takes
 * UTF-8. */
bool output_is_terminal(void);
bool output_is_screen(void);
bool output_is_utf8(void);

/* The size of the terminal; 80 and 24 if it doesn't say. */
unsigned output_columns(void);
unsigned output_rows(void);

/* Prints `tallyctl: …` on standard error, escaped, after leaving the screen. */
void output_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes text to `out`; escaped if standard output is a terminal. */
void output_text(FILE *out, const char *text, size_t len);

/* The text in its escaped form. The caller frees it. */
char *output_escaped(const char *text, size_t len);

/* Writes escaped text in so many columns at most, cut short with a mark if need be; with `pad`, in
 * exactly so many. */
void output_fitted(FILE *out, const char *text, size_t columns, bool pad);

/* A JSON string; bytes that are not UTF-8 are escaped first. The caller owns the reference. */
json_t *output_json_text(const char *text, size_t len);

/* Prints one object as one line and takes over the reference. NULL means a lack of memory. To a
 * terminal it prints ASCII only. */
void output_json(json_t *object);

/* Prints the result that a `+OK` tells of a change: its sequence, the number of closed connections,
   or nothing. */
enum change_number { NUMBER_IS_SEQ, NUMBER_IS_COUNT };
void output_change(const struct invocation *invocation, const struct reply *reply,
                   enum change_number number);

/* Flushes standard output. STATUS_REFUSED if anything printed there was lost. */
enum status output_flush(void) CHECKED;

#endif
