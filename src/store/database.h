/* The database together with the key that its voters are hashed with: neither is of use without the
 * other. */
#ifndef TALLYCAST_DATABASE_H
#define TALLYCAST_DATABASE_H

#include "store/store.h"
#include "poll/voter.h"

#include <stdbool.h>

/* Opens the engine's database `path` and its key, `path`.key; makes what isn't there yet, but no
 * new key if there are ballots. `sync` is as for store_open. Returns 0, and the caller owns *store;
 * or -1 with `why` filled and nothing open. Main thread. */
int database_open(struct store **store, struct voter_key *key, const struct store_engine *engine,
                  const char *path, bool sync, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Opens the database as store_open_to_read does, and judges its key as above, but the key may be
 * missing, since backups have none: *key is then all zero. Returns as above. */
int database_open_to_read(struct store **store, struct voter_key *key,
                          const struct store_engine *engine, const char *path,
                          char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

#endif
