/* A client's line before it is a command: checks of its bytes. Pure; any thread. */
#ifndef TALLYCAST_PROTO_LINE_H
#define TALLYCAST_PROTO_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a line (without its LF and CR) is valid UTF-8 without control characters but TAB. */
bool line_is_text(const char *line, size_t len);

/* Whether the bytes of an incomplete line hold one that no text has: a control character other than
 * TAB and CR. */
bool line_has_control(const char *bytes, size_t len);

/* Whether a line that may be the first of a connection is another protocol's (PROTOCOL.md, "The
 * first line"): its first word is a method of HTTP in capitals, followed by a space (GET HEAD POST
 * PUT DELETE OPTIONS PATCH CONNECT TRACE PRI), or begins with `SSH-`; or it ends in a protocol and
 * its version, as `HTTP/1.1` or `RTSP/1.0`. White space around the line and a CR at its end don't
 * matter. The line need not be text, and may be only the beginning of one that is too long. */
bool line_is_foreign(const char *line, size_t len);

/* Whether the line holds nothing but spaces and TABs. */
bool line_is_empty(const char *line, size_t len);

#endif
