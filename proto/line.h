/* A client's line before it is a command: what its bytes are. Pure; any thread. */
#ifndef TALLYCAST_PROTO_LINE_H
#define TALLYCAST_PROTO_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a line (without its LF and CR) is valid UTF-8 without control characters but TAB. */
bool line_is_text(const char *line, size_t len);

/* Whether a line that may be the first of a connection is an HTTP request's (PROTOCOL.md, "HTTP"):
 * its first word is a method in capitals (GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT TRACE PRI)
 * followed by a space, or it ends in `HTTP/` digit `.` digit. White space around the line and a CR
 * at its end don't matter. The line need not be text, and may be only the beginning of one that is
 * too long. */
bool line_is_http(const char *line, size_t len);

/* Whether the line holds nothing but spaces and TABs. */
bool line_is_empty(const char *line, size_t len);

#endif
