/* HTTP, for the listener and the workers: the handler of its connections, and what it makes of the
 * ledger's answers, as line/line_protocol.h is for lines. */
#ifndef TALLYCAST_WEB_PROTOCOL_H
#define TALLYCAST_WEB_PROTOCOL_H

#include "serve/client.h"

extern const struct client_protocol web_protocol;

#endif
