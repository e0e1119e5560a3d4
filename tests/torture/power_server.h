/* The real server on a disk that lost its power: the programs, over their sockets. */
#ifndef TALLYCAST_TESTS_POWER_SERVER_H
#define TALLYCAST_TESTS_POWER_SERVER_H

#include "tests/torture/power_run.h"

/* Starts the program that TALLYCAST_BINARY names on the database in the directory, with the
 * durability that the run before had, casts ballots
 * again over TCP that were cast before, stops it, and has the one that TALLYCTL_BINARY names
 * recount. The answers are added to the history. Returns whether all went well; otherwise `why`
 * (STORE_WHY_MAX bytes) says what did not. The server's log goes to the file `log`. */
bool power_server_visit(const char *directory, const char *log, bool os_durability,
                        struct history *history, struct torture *random, char *why);

#endif
