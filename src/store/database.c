/* Opening the database with its key, on the main thread.
 *
 * Happy path: the key is read, and its check value is the one that the database holds. A start that
 * died may have left a database without a key, or a key whose check value was not recorded: as long
 * as there are no ballots nothing is lost, and the start is made good. With ballots, a key that is
 * missing or another one is an error: who voted could not be known again. */
#include "store/database.h"

#include "base/failpoint.h"

#include <limits.h>
#include <stdio.h>

static int set_new_key(struct store *store, const struct voter_key *key, char why[STORE_WHY_MAX])
{
    failpoint(FAILPOINT_START_KEY);
    return store_set_key_check(store, voter_key_check(key), why);
}

/* A key that was read must be the one that the ballots' voters were hashed with. */
static int judge_key(struct store *store, const struct voter_key *key, const char *database,
                     char why[STORE_WHY_MAX])
{
    struct hash recorded, mine = voter_key_check(key);
    if (store_key_check(store, &recorded) && recorded.high == mine.high && recorded.low == mine.low)
        return 0;
    if (!store_has_ballots(store))
        return set_new_key(store, key, why);
    snprintf(why, STORE_WHY_MAX, "%.*s.key: not the key that the voters in %.*s were hashed with",
             PATH_MAX / 2, database, PATH_MAX / 2, database);
    return -1;
}

static int make_key(struct store *store, struct voter_key *key, const char *path,
                    char why[STORE_WHY_MAX])
{
    if (!store_has_ballots(store))
        return voter_key_create(path, key, why, STORE_WHY_MAX) == 0 ? set_new_key(store, key, why)
                                                                    : -1;
    snprintf(why, STORE_WHY_MAX,
             "%.*s is missing; without it the voters in the database can't be known again, "
             "so put it back",
             PATH_MAX / 2, path);
    return -1;
}

static int load_key(struct store *store, struct voter_key *key, const char *database,
                    char why[STORE_WHY_MAX])
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s.key", database) >= (int)sizeof path) {
        snprintf(why, STORE_WHY_MAX, "the database's path is too long");
        return -1;
    }
    failpoint(FAILPOINT_START_DATABASE);
    switch (voter_key_read(path, key, why, STORE_WHY_MAX)) {
    case VOTER_KEY_READ:
        return judge_key(store, key, database, why);
    case VOTER_KEY_MISSING:
        return make_key(store, key, path, why);
    case VOTER_KEY_FAILED:
        break;
    }
    return -1;
}

int database_open(struct store **store, struct voter_key *key, const char *path, bool sync,
                  char why[STORE_WHY_MAX])
{
    struct store *opened;
    if (store_open(&opened, path, sync, why) != 0)
        return -1;
    if (load_key(opened, key, path, why) != 0) {
        store_close(opened);
        return -1;
    }
    *store = opened;
    return 0;
}
