/* Loading: before the visitor gets a row, it is checked to be one that the engine could
 * have written. Main thread, before the ledger's starts. Fails: an impossible row, or damage that
 * SQLite finds; `why` then names the file. */
#include "store/sqlite/sqlite_internal.h"

#include "proto/line.h"
#include "proto/reply.h"
#include "poll/voter.h"

#include <stdio.h>
#include <string.h>

static int damaged(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what,
                   int64_t at)
{
    snprintf(why, STORE_WHY_MAX, "%s: damaged: %s %lld", store->path, what, (long long)at);
    return -1;
}

/* Calls `visit` for each row of a query. Returns 0, or -1 with `why` filled. */
static int
each_row(struct sqlite_store *store, const char *sql, const struct store_visitor *visitor,
         int (*visit)(struct sqlite_store *, sqlite3_stmt *, const struct store_visitor *, char *),
         char *why)
{
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(store->db, sql, -1, &row, NULL) != SQLITE_OK)
        return sqlite_fail(store, why, "damaged");
    int code, result = 0;
    while (result == 0 && (code = sqlite3_step(row)) == SQLITE_ROW)
        result = visit(store, row, visitor, why);
    if (result == 0 && code != SQLITE_DONE)
        result = sqlite_fail(store, why, "damaged");
    sqlite3_finalize(row);
    return result;
}

static bool column_name(sqlite3_stmt *row, int column, struct name *name)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text && name_parse(text, (size_t)sqlite3_column_bytes(row, column), name);
}

/* The choices of poll `id`, in order, into `choices`. Returns how many, or -1 with `why` filled. */
static int load_choices(struct sqlite_store *store, int64_t id,
                        struct name choices[PROTO_CHOICES_MAX], char *why)
{
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(store->db,
                           "SELECT number, name FROM choice WHERE poll = ? ORDER BY number", -1,
                           &row, NULL) != SQLITE_OK)
        return sqlite_fail(store, why, "damaged");
    sqlite3_bind_int64(row, 1, id);
    int count = 0;
    int code;
    while ((code = sqlite3_step(row)) == SQLITE_ROW && count >= 0 && count < PROTO_CHOICES_MAX) {
        bool good =
            sqlite3_column_int64(row, 0) == count + 1 && column_name(row, 1, &choices[count]);
        count = good ? count + 1 : -1;
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE && count >= PROTO_CHOICES_MIN
               ? count
               : damaged(store, why, "choices of poll", id);
}

static int load_poll(struct sqlite_store *store, sqlite3_stmt *row,
                     const struct store_visitor *visitor, char *why)
{
    struct name name;
    struct name choices[PROTO_CHOICES_MAX];
    struct settings settings = {0};
    int64_t id = sqlite3_column_int64(row, 0);
    if (id < 1 || id > POLLS_MAX || !column_name(row, 1, &name))
        return damaged(store, why, "poll", id);
    for (enum setting setting = SETTING_BALLOTS; setting <= SETTING_RECORD; setting++) {
        const char *word = (const char *)sqlite3_column_text(row, 2 + (int)setting);
        int value = word ? setting_value_find(setting, word, strlen(word)) : -1;
        if (value < 0)
            return damaged(store, why, "settings of poll", id);
        settings.value[setting] = (uint8_t)value;
    }
    int count = load_choices(store, id, choices, why);
    if (count < 0)
        return -1;
    struct poll *poll = poll_new(&name, &settings, choices, (unsigned)count);
    if (!poll)
        return damaged(store, why, "no memory for poll", id);
    poll->id = (uint32_t)id;
    return visitor->poll(visitor->context, poll, why);
}

static int load_event(struct sqlite_store *store, sqlite3_stmt *row,
                      const struct store_visitor *visitor, char *why)
{
    int64_t seq = sqlite3_column_int64(row, 0);
    int64_t poll = sqlite3_column_int64(row, 1);
    int64_t choice = sqlite3_column_int64(row, 3); /* 0 for none */
    const char *kind = (const char *)sqlite3_column_text(row, 2);
    struct store_event event = {
        .seq = (uint64_t)seq,
        .kind = STORE_CREATE,
        .choice = (unsigned)(choice - 1),
        .text = (const char *)sqlite3_column_text(row, 4),
        .text_len = (size_t)sqlite3_column_bytes(row, 4),
    };
    while (kind && event.kind <= STORE_LABEL && strcmp(kind, sqlite_event_names[event.kind]) != 0)
        event.kind++;
    if (seq < 1 || seq > STORE_SEQ_MAX || poll < 1 || poll > POLLS_MAX || !kind ||
        event.kind > STORE_LABEL || event.text_len > PROTO_TEXT_MAX ||
        (event.kind == STORE_TITLE || event.kind == STORE_LABEL || event.kind == STORE_CREATE) !=
            !!event.text ||
        (event.kind == STORE_LABEL ? choice < 1 || choice > PROTO_CHOICES_MAX : choice != 0) ||
        (event.text && !line_is_text(event.text, event.text_len)))
        return damaged(store, why, "poll_event", seq);
    struct poll named = {.id = (uint32_t)poll};
    event.poll = &named;
    return visitor->event(visitor->context, &event, why);
}

/* Reads a hash; false if the value isn't one. */
static bool value_hash(sqlite3_value *value, struct hash *hash)
{
    if (sqlite3_value_type(value) != SQLITE_BLOB || sqlite3_value_bytes(value) != HASH_BYTES)
        return false;
    *hash = hash_from_bytes(sqlite3_value_blob(value));
    return true;
}

/* Reads a row of `ballot`. Returns NULL, or the name of the part that is impossible. */
static const char *read_ballot(sqlite3_value **row, struct store_ballot *ballot)
{
    int64_t seq = sqlite3_value_int64(row[0]);
    int64_t poll = sqlite3_value_int64(row[1]);
    int64_t choice = sqlite3_value_int64(row[2]);
    *ballot = (struct store_ballot){.seq = (uint64_t)seq};
    if (seq < 1 || seq > STORE_SEQ_MAX || poll < 1 || poll > POLLS_MAX || choice < 1 ||
        choice > PROTO_CHOICES_MAX)
        return "ballot";
    ballot->poll = (uint32_t)poll;
    ballot->choice = (uint16_t)(choice - 1);
    if (sqlite3_value_type(row[3]) == SQLITE_TEXT) {
        ballot->voter_name = (const char *)sqlite3_value_text(row[3]);
        ballot->voter_name_len = (size_t)sqlite3_value_bytes(row[3]);
        if (!ballot->voter_name || ballot->voter_name_len > PROTO_VOTER_MAX)
            return "voter of ballot";
    } else if (!value_hash(row[3], &ballot->voter)) {
        return "voter of ballot";
    }
    ballot->has_key = sqlite3_value_type(row[4]) != SQLITE_NULL;
    return ballot->has_key && !value_hash(row[4], &ballot->key) ? "key of ballot" : NULL;
}

struct ballots {
    struct sqlite_store *store;
    const struct store_visitor *visitor;
    char *why;
    uint64_t last_seq;
    bool failed; /* `why` says how */
};

/* Takes one row. Ballots must come in their order, which a scan of the table gives. */
static void visit_ballot(sqlite3_context *context, int argc, sqlite3_value **row)
{
    (void)argc;
    struct ballots *ballots = sqlite3_user_data(context);
    struct store_ballot ballot;
    const char *bad = read_ballot(row, &ballot);
    if (!bad && ballot.seq <= ballots->last_seq)
        bad = "order of ballot";
    ballots->last_seq = ballot.seq;
    ballots->failed =
        bad ? damaged(ballots->store, ballots->why, bad, (int64_t)ballot.seq) != 0
            : ballots->visitor->ballot(ballots->visitor->context, &ballot, ballots->why) != 0;
    if (ballots->failed)
        sqlite3_result_error(context, "damaged", -1);
}

static void visit_done(sqlite3_context *context)
{
    (void)context;
}

/* Most rows are ballots, so an aggregate function of ours visits them inside one step of one
 * statement. This saves the step and column calls for each row, which took a third of the time of
 * loading 10 million. */
static int load_ballots(struct sqlite_store *store, const struct store_visitor *visitor, char *why)
{
    struct ballots ballots = {store, visitor, why, 0, false};
    int code = sqlite3_create_function_v2(store->db, "visit_ballot", 5, SQLITE_UTF8, &ballots, NULL,
                                          visit_ballot, visit_done, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(store->db,
                            "SELECT visit_ballot(seq, poll, choice, voter, key) FROM ballot", NULL,
                            NULL, NULL);
    if (code != SQLITE_OK && !ballots.failed)
        sqlite_fail(store, why, "damaged");
    /* Otherwise the function would outlive what it points to. */
    sqlite3_create_function_v2(store->db, "visit_ballot", 5, SQLITE_UTF8, NULL, NULL, NULL, NULL,
                               NULL);
    return code == SQLITE_OK ? 0 : -1;
}

static int load_tally(struct sqlite_store *store, sqlite3_stmt *row,
                      const struct store_visitor *visitor, char *why)
{
    int64_t poll = sqlite3_column_int64(row, 0);
    struct store_tally tally = {
        .poll = (uint32_t)poll,
        .line = (const char *)sqlite3_column_text(row, 1),
        .len = (size_t)sqlite3_column_bytes(row, 1),
    };
    if (!tally.line || poll < 1 || poll > POLLS_MAX)
        return damaged(store, why, "last_tally of poll", poll);
    return visitor->tally(visitor->context, &tally, why);
}

uint64_t sqlite_voter_estimate(const struct store *base)
{
    const struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *row;
    uint64_t voters = 0;
    if (sqlite3_prepare_v2(store->db,
                           "SELECT line FROM last_tally l JOIN poll p ON p.id = l.poll"
                           " WHERE p.ballots <> 'unlimited'",
                           -1, &row, NULL) != SQLITE_OK)
        return 0;
    while (sqlite3_step(row) == SQLITE_ROW) {
        struct tally_row tally;
        const char *line = (const char *)sqlite3_column_text(row, 0);
        if (line && tally_parse(line, (size_t)sqlite3_column_bytes(row, 0), &tally))
            voters += tally.ballots;
    }
    sqlite3_finalize(row);
    return voters;
}

int sqlite_load(struct store *base, const struct store_visitor *visitor, char why[STORE_WHY_MAX])
{
    struct sqlite_store *store = sqlite_store(base);
    if (each_row(store, "SELECT id, name, ballots, voters, reveal, record FROM poll ORDER BY id",
                 visitor, load_poll, why) != 0 ||
        each_row(store, "SELECT seq, poll, kind, choice, text FROM poll_event ORDER BY seq",
                 visitor, load_event, why) != 0 ||
        load_ballots(store, visitor, why) != 0)
        return -1;
    return each_row(store, "SELECT poll, line FROM last_tally ORDER BY poll", visitor, load_tally,
                    why);
}
