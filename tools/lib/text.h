/* Text for people and for files: escaping for terminals, widths, bars, CSV, times. Pure functions
 * over UTF-8; any thread. Widths are those of wcwidth, so LC_CTYPE must be a UTF-8 locale for text
 * beyond ASCII to count as printable. Every `out` is NUL-terminated; the functions return the bytes
 * before the NUL. */
#ifndef TALLYCAST_TOOLS_TEXT_H
#define TALLYCAST_TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that `out` must have, the NUL included, for `n` bytes (for bars: columns) of input. */
#define TEXT_ESCAPED_SIZE(n) (4 * (n) + 1)
#define TEXT_BAR_SIZE(n)     (3 * (n) + 1)
#define TEXT_CSV_SIZE(n)     (2 * (n) + 4)
#define TEXT_HEX_SIZE(n)     (2 * (n) + 1)
#define TEXT_URI_SIZE(n)     (3 * (n) + 1)

enum {
    TEXT_TIME_SIZE = sizeof("2262-04-11T23:47:16.854775807Z"),
    TEXT_PERCENT_SIZE = sizeof("100.0%"),
};

/* Decodes the character at `text`. Returns its bytes (1 to 4), or 0 if no valid UTF-8 begins there
 * (overlong forms and surrogates are invalid) or len is 0. */
size_t text_decode(const char *text, size_t len, uint32_t *code);

/* Makes `text` safe for a terminal: each byte of a control character (C0, DEL, C1), of a character
 * that reorders or breaks a line, and each byte that is not UTF-8 becomes `\xHH`. Without `utf8`,
 * so does everything beyond ASCII. */
size_t text_escape(const char *text, size_t len, bool utf8, char *out);

/* The columns that `text` takes on a terminal once it is escaped. */
size_t text_width(const char *text, size_t len);

/* How many bytes of escaped `text` fit in so many columns; no character is cut. */
size_t text_fit(const char *text, size_t len, size_t columns);

/* Draws count/most (0 if most is 0) as a bar, padded with spaces to `columns`: in eighths of a
 * column with `utf8`, else in `#`. A count that is not 0 is always visible. */
size_t text_bar(uint64_t count, uint64_t most, unsigned columns, bool utf8, char *out);

/* "57.1%", rounded; "-" for a total of 0. */
size_t text_percent(uint64_t count, uint64_t total, char out[TEXT_PERCENT_SIZE]);

/* One field of CSV, quoted where RFC 4180 or a spreadsheet's other separators ask for it. A
 * spreadsheet takes a field that begins with = + - @ TAB or CR for a formula, and runs it. Without
 * `raw`, such a field gets an apostrophe before it, which marks it as text. */
size_t text_csv(const char *text, size_t len, bool raw, char *out);

/* Lower-case hexadecimal. */
size_t text_hex(const void *bytes, size_t len, char *out);

/* A path as the path of a URI: characters that SQLite's `file:` would take for separators are
   percent-encoded. */
size_t text_uri(const char *path, char *out);

/* Nanoseconds since 1970 as RFC 3339, UTC, with nine digits: "2026-01-02T03:04:05.000000006Z". */
size_t text_time(int64_t time_ns, char out[TEXT_TIME_SIZE]);

#endif
