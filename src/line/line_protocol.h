/* The line protocol, for the listener and the workers: the handler of its connections, and what it
 * makes of the ledger's answers. conn knows bytes; this and what it calls know their meaning. */
#ifndef TALLYCAST_LINE_PROTOCOL_H
#define TALLYCAST_LINE_PROTOCOL_H

#include "serve/client.h"

extern const struct client_protocol line_protocol;

#endif
