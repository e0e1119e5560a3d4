/* Reading an election from a file of any form: BLT, CSV or JSON, by what is in it. Memory that runs
 * short ends the program. */
#ifndef TALLYCAST_TOOLS_ELECTION_READ_H
#define TALLYCAST_TOOLS_ELECTION_READ_H

#include "tools/election/election.h"

/* The bounds of a file. JSON takes more memory than it has bytes. */
enum { ELECTION_FILE_MAX = 256 << 20, ELECTION_JSON_MAX = 64 << 20 };

/* Reads a whole file's text into an election of which nothing but settings is known. Returns 0; or
 * -1 with what is wrong, and where, in `why`: the election may then only be cleared. */
int election_read(struct election *election, const char *text, size_t len,
                  char why[ELECTION_WHY_MAX]) __attribute__((warn_unused_result));

/* The same of an open file, from where it stands to its end. */
int election_read_file(struct election *election, int fd, char why[ELECTION_WHY_MAX])
    __attribute__((warn_unused_result));

#endif
