/* Makes the sockets on which the server will listen. Main thread. */
#ifndef TALLYCAST_BIND_H
#define TALLYCAST_BIND_H

#include "config/config.h"

enum { BIND_WHY_MAX = 512, BIND_ADDRESS_MAX = 320 };

/* Returns a socket bound to an address, and in `bound` that address with the port that was taken;
 * or -1, with one line for a person in `why`. */
int bind_address(const struct config_address *address, char bound[BIND_ADDRESS_MAX],
                 char why[BIND_WHY_MAX]) __attribute__((warn_unused_result));

/* The same for the admin socket, at its path, for its group. The database must be this process's by
 * now: then an admin socket on which nobody answers is a dead server's, and is replaced. */
int bind_admin(const struct config *config, char why[BIND_WHY_MAX])
    __attribute__((warn_unused_result));

#endif
