/* Telnet's commands (see telnet.h). Pure functions, for any thread; nothing can fail. */
#include "proto/telnet.h"

enum { SE = 240, NOP, GO_AHEAD = 249, SB, WILL, DO = 253, DONT, TIMING_MARK = 6 };

static unsigned byte_at(const char *bytes, size_t i)
{
    return (unsigned char)bytes[i];
}

/* The length of `IAC SB … IAC SE`, in which an IAC byte is doubled. */
static ptrdiff_t subnegotiation_len(const char *bytes, size_t len)
{
    for (size_t i = 2; i + 1 < len; i++) {
        if (byte_at(bytes, i) != TELNET_IAC)
            continue;
        if (byte_at(bytes, ++i) == SE)
            return (ptrdiff_t)i + 1;
    }
    return -1;
}

ptrdiff_t telnet_command_len(const char *bytes, size_t len)
{
    if (len == 0 || byte_at(bytes, 0) != TELNET_IAC)
        return 0;
    if (len == 1)
        return -1;
    unsigned command = byte_at(bytes, 1);
    if (command == SB)
        return subnegotiation_len(bytes, len);
    if (command >= WILL && command <= DONT)
        return len < 3 ? -1 : 3;
    return command >= NOP && command <= GO_AHEAD ? 2 : 0;
}

bool telnet_asks_for_mark(const char *command, size_t len)
{
    return len == 3 && byte_at(command, 1) == DO && byte_at(command, 2) == TIMING_MARK;
}
