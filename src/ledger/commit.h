/* Committing: making a batch durable, and showing it. Ledger's thread. */
#ifndef TALLYCAST_COMMIT_H
#define TALLYCAST_COMMIT_H

#include <stdbool.h>

struct ledger;

/* Makes the judged batch durable, or undoes it. Returns whether there is something new to show. */
bool commit_batch(struct ledger *ledger);

/* Shows what was committed. */
void commit_publish(struct ledger *ledger);

#endif
