/* Loading what the store holds into a new ledger. */
#ifndef TALLYCAST_LOAD_H
#define TALLYCAST_LOAD_H

#include "store/store.h"

struct ledger;

/* Reads everything and shows it. Returns 0, or -1 with `why` filled. Main thread, before the
 * ledger's is started. */
int load_ledger(struct ledger *ledger, char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

#endif
