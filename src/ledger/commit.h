/* Committing: making a batch durable, and showing it. Ledger's thread. */
#ifndef TALLYCAST_COMMIT_H
#define TALLYCAST_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* How often the ledger checks whether the database is in its place. A batch that comes less than
 * this after the database was moved may still be acknowledged. */
#define COMMIT_PLACE_NS UINT64_C(1000000000)

/* Checks where the database's files are, if the last check was long enough ago, and logs a
 * change. */
void commit_check_place(struct ledger *ledger, uint64_t now_ns);

/* Makes the judged batch durable, or undoes it, with all verdicts that rest on its entries. Returns
 * whether there is something new to show. */
bool commit_batch(struct ledger *ledger);

/* Shows the committed tallies. */
void commit_publish(struct ledger *ledger);

#endif
