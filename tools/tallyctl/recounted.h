/* The results of a database's polls, computed from its ballots alone. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_RECOUNTED_H
#define TALLYCAST_TOOLS_TALLYCTL_RECOUNTED_H

#include "tools/tallyctl/database.h"
#include "tools/tallyctl/result_view.h"

struct recounted;

/* Begins, with the poll that was created first. On STATUS_DONE the caller owns *recounted and must
 * give it to recounted_close. STATUS_REFUSED, with a message, if SQLite fails. */
enum status recounted_open(struct database *database, struct recounted **recounted) CHECKED;
void recounted_close(struct recounted *recounted); /* NULL is ignored */

/* The result of the next poll, in the order of creation, whose recounted tally is `line`. `view` is
 * one of which nothing is known before. STATUS_REFUSED, with a message, if SQLite fails, or if the
 * file is damaged and there is no such poll or ballot. */
enum status recounted_next(struct recounted *recounted, const char *line,
                           struct result_view *view) CHECKED;

/* In words, on one line: the method, who is elected, and ties. */
void recounted_print(const struct result_view *view, FILE *out);

#endif
