/* Committing: making a batch durable, and showing it. Ledger's thread. */
#ifndef TALLYCAST_COMMIT_H
#define TALLYCAST_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* How often it is looked whether the database is in its place. A batch that comes less than this
 * after it was moved may be acknowledged all the same. */
#define COMMIT_PLACE_NS UINT64_C(1000000000)

/* Looks where the database's files are, if that was long enough ago, and tells when it changes. */
void commit_check_place(struct ledger *ledger, uint64_t now_ns);

/* Makes the judged batch durable, or undoes it: that is, all of its verdicts that rest on it.
 * Returns whether there is something new to show. */
bool commit_batch(struct ledger *ledger);

/* Shows what was committed. */
void commit_publish(struct ledger *ledger);

#endif
