/* Telnet's commands (RFC 854, 855), as far as a server that negotiates nothing must know them: to
 * skip them, but for one that its client waits for. Pure; any thread. */
#ifndef TALLYCAST_PROTO_TELNET_H
#define TALLYCAST_PROTO_TELNET_H

#include <stdbool.h>
#include <stddef.h>

enum { TELNET_IAC = 0xff }; /* begins each command, and no UTF-8 */

/* The length of the command that `bytes` begin with: an option that is offered or asked for, a
 * whole subnegotiation, or one without an argument. 0 if they begin with none, -1 if they end
 * before it does. */
ptrdiff_t telnet_command_len(const char *bytes, size_t len);

/* Whether a whole command asks for a timing mark (RFC 860). telnet does so after Ctrl-C, and shows
 * nothing until it is answered. */
bool telnet_asks_for_mark(const char *command, size_t len);

/* The answer: there is no such option, and everything before was dealt with. */
#define TELNET_NO_MARK "\xff\xfc\x06"

#endif
