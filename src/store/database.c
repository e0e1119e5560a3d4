/* Opening the database with its key, on the main thread.
 *
 * Happy path: the key is read, and its check value is the one that the database holds. A start that
 * died may have left a database without a key, or a key whose check value was not recorded: as long
 * as there are no ballots nothing is lost, and the start is made good. With ballots, a missing or
 * different key is an error: no voter could be recognized again. */
#include "store/database.h"

#include "base/failpoint.h"
#include "base/partial.h"

#include <limits.h>
#include <stdio.h>

static int set_new_key(struct store *store, const struct voter_key *key, char why[STORE_WHY_MAX])
{
    failpoint(FAILPOINT_START_KEY);
    return store_set_key_check(store, voter_key_check(key), why);
}

/* 1, 0, or -1 with `why` filled. */
static int is_recorded(const struct store *store, const struct voter_key *key,
                       char why[STORE_WHY_MAX])
{
    struct hash recorded, mine = voter_key_check(key);
    int found = store_key_check(store, &recorded, why);
    return found == 1 ? recorded.high == mine.high && recorded.low == mine.low : found;
}

static int refuse_key(const char *database, char why[STORE_WHY_MAX])
{
    snprintf(why, STORE_WHY_MAX, "%.*s.key: not the key that the voters in %.*s were hashed with",
             PATH_MAX / 2, database, PATH_MAX / 2, database);
    return -1;
}

/* The key must be the one that the ballots' voters were hashed with. Returns 1 if it is, 0 if
 * another one may be recorded, or -1 with `why` filled. */
static int judge_key(const struct store *store, const struct voter_key *key, const char *database,
                     char why[STORE_WHY_MAX])
{
    int recorded = is_recorded(store, key, why);
    if (recorded != 0)
        return recorded;
    int ballots = store_has_ballots(store, why);
    return ballots > 0 ? refuse_key(database, why) : ballots;
}

static int take_key(struct store *store, const struct voter_key *key, const char *database,
                    char why[STORE_WHY_MAX])
{
    int judged = judge_key(store, key, database, why);
    if (judged != 0)
        return judged > 0 ? 0 : -1;
    return set_new_key(store, key, why);
}

static int make_key(struct store *store, struct voter_key *key, const char *path,
                    char why[STORE_WHY_MAX])
{
    int ballots = store_has_ballots(store, why);
    if (ballots < 0)
        return -1;
    if (ballots == 0)
        return voter_key_create(path, key, why, STORE_WHY_MAX) == 0 ? set_new_key(store, key, why)
                                                                    : -1;
    snprintf(why, STORE_WHY_MAX,
             "%.*s is missing; without it the voters in the database can't be known again, "
             "so put it back",
             PATH_MAX / 2, path);
    return -1;
}

static int name_key(const char *database, char path[PATH_MAX], char why[STORE_WHY_MAX])
{
    if (snprintf(path, PATH_MAX, "%s.key", database) < PATH_MAX)
        return 0;
    snprintf(why, STORE_WHY_MAX, "the database's path is too long");
    return -1;
}

static int load_key(struct store *store, struct voter_key *key, const char *database,
                    char why[STORE_WHY_MAX])
{
    char path[PATH_MAX];
    if (name_key(database, path, why) != 0)
        return -1;
    failpoint(FAILPOINT_START_DATABASE);
    partial_clear(path);
    switch (voter_key_read(path, key, why, STORE_WHY_MAX)) {
    case VOTER_KEY_READ:
        return take_key(store, key, database, why);
    case VOTER_KEY_MISSING:
        return make_key(store, key, path, why);
    case VOTER_KEY_FAILED:
        break;
    }
    return -1;
}

int database_open(struct store **store, struct voter_key *key, const struct store_engine *engine,
                  const char *path, bool sync, char why[STORE_WHY_MAX])
{
    struct store *opened;
    if (store_open(&opened, engine, path, sync, why) != 0)
        return -1;
    if (load_key(opened, key, path, why) != 0) {
        store_close(opened);
        return -1;
    }
    *store = opened;
    return 0;
}

/* Without ballots any key will do; with ballots and no key, there must still be a check value, by
 * which a start would recognize the key. */
static int judge_key_to_read(const struct store *store, struct voter_key *key, const char *database,
                             char why[STORE_WHY_MAX])
{
    char path[PATH_MAX];
    struct hash recorded;
    int found;
    *key = (struct voter_key){0};
    if (name_key(database, path, why) != 0)
        return -1;
    switch (voter_key_read(path, key, why, STORE_WHY_MAX)) {
    case VOTER_KEY_READ:
        return judge_key(store, key, database, why) < 0 ? -1 : 0;
    case VOTER_KEY_MISSING:
        found = store_key_check(store, &recorded, why);
        if (found != 0)
            return found > 0 ? 0 : -1;
        found = store_has_ballots(store, why);
        if (found <= 0)
            return found;
        snprintf(why, STORE_WHY_MAX, "%.*s: damaged: it does not tell the key of its voters",
                 PATH_MAX, database);
        return -1;
    case VOTER_KEY_FAILED:
        break;
    }
    return -1;
}

int database_open_to_read(struct store **store, struct voter_key *key,
                          const struct store_engine *engine, const char *path,
                          char why[STORE_WHY_MAX])
{
    struct store *opened;
    if (store_open_to_read(&opened, engine, path, why) != 0)
        return -1;
    if (judge_key_to_read(opened, key, path, why) != 0) {
        store_close(opened);
        return -1;
    }
    *store = opened;
    return 0;
}
