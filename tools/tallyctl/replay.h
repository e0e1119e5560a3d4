/* Replaying: the entries and tallies of one database are recorded in another, as they were. It can
 * be cut short at any instant, and goes on from what the other has. Main thread. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_REPLAY_H
#define TALLYCAST_TOOLS_TALLYCTL_REPLAY_H

#include "store/store.h"

#include <stdbool.h>

struct replay;

enum replay_end {
    REPLAY_DONE,
    REPLAY_FAILED,      /* `why` says how */
    REPLAY_OTHER,       /* what the other has is of another database */
    REPLAY_INTERRUPTED, /* by a signal, which waits to be delivered */
};

/* Begins to replay into a database, which was opened for writing, and reads what it has. Returns 0,
 * and the caller owns *replay; or -1 with `why` filled. */
int replay_begin(struct replay **replay, struct store *to, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* How many entries the database has. */
uint64_t replay_entries(const struct replay *replay);

/* Once it was adopted: records what it lacks of `from`, which has `all` entries, and shows the
 * progress. Signals must be caught (interrupt.h). */
enum replay_end replay_run(struct replay *replay, struct store *from, uint64_t all,
                           char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

void replay_free(struct replay *replay);

#endif
