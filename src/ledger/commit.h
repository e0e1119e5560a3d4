/* Committing: making a batch durable, and showing it. Ledger's thread. */
#ifndef TALLYCAST_COMMIT_H
#define TALLYCAST_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* How often the ledger asks the store how it is. A batch that comes less than this after the
 * database was moved may still be acknowledged. */
#define COMMIT_HEALTH_NS UINT64_C(1000000000)

/* Asks the store how it is, if the last time was long enough ago, and logs a change. */
void commit_check_health(struct ledger *ledger, uint64_t now_ns);

/* Makes the judged batch durable, or undoes it, with all verdicts that rest on its entries. Returns
 * whether there is something new to show. If the ledger has another owner, ends the process. */
bool commit_batch(struct ledger *ledger);

/* Shows the committed tallies. */
void commit_publish(struct ledger *ledger);

#endif
