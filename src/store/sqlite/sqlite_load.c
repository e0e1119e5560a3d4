/* Loading: four tables are read side by side, in order, and what belongs together is put together:
 * an event and, if it is a CREATE, its poll and choices; events and ballots by their sequences.
 * Before the visitor gets an entry, it is checked that one can be made of the row at all. Main
 * thread, before the ledger's starts. Fails: an impossible row, or damage that SQLite finds; `why`
 * then names the file. */
#include "store/sqlite/sqlite_internal.h"

#include "poll/poll.h"
#include "proto/reply.h"

#include <stdio.h>
#include <string.h>

static int damaged(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what,
                   int64_t at)
{
    snprintf(why, STORE_WHY_MAX, "%s: damaged: %s %lld", store->path, what, (long long)at);
    return -1;
}

/* ---- cursors ---- */

/* The rows of a query, one at a time. All zero is none. */
struct cursor {
    sqlite3_stmt *row;
    bool at_end;
};

struct reading {
    struct sqlite_store *store;
    const struct store_visitor *visitor;
    char *why;
    struct cursor polls, choices, events;
    uint64_t last_seq; /* of the ballots */
    bool failed;       /* `why` says how */
};

static int cursor_next(struct reading *reading, struct cursor *cursor)
{
    int code = sqlite3_step(cursor->row);
    cursor->at_end = code != SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? 0
               : sqlite_fail(reading->store, reading->why, "damaged");
}

/* Stands on the first row. */
static int cursor_open(struct reading *reading, struct cursor *cursor, const char *sql)
{
    if (sqlite3_prepare_v2(reading->store->db, sql, -1, &cursor->row, NULL) != SQLITE_OK)
        return sqlite_fail(reading->store, reading->why, "damaged");
    return cursor_next(reading, cursor);
}

static int64_t cursor_int(const struct cursor *cursor, int column)
{
    return sqlite3_column_int64(cursor->row, column);
}

/* The column's text; at is NULL for NULL. Valid until the cursor moves. */
static struct span cursor_text(const struct cursor *cursor, int column)
{
    const char *text = (const char *)sqlite3_column_text(cursor->row, column);
    return (struct span){text, text ? (size_t)sqlite3_column_bytes(cursor->row, column) : 0};
}

static bool cursor_name(const struct cursor *cursor, int column, struct name *name)
{
    struct span text = cursor_text(cursor, column);
    return text.at && name_parse(text.at, text.len, name);
}

/* ---- polls ---- */

/* A poll's definition, put together. */
struct definition {
    struct name name;
    struct settings settings;
    struct name choices[PROTO_CHOICES_MAX];
};

/* Takes the choices of poll `id`. Returns how many, or -1 with `why` filled. */
static int take_choices(struct reading *reading, int64_t id, struct name choices[PROTO_CHOICES_MAX])
{
    struct cursor *row = &reading->choices;
    int count = 0;
    while (!row->at_end && cursor_int(row, 0) == id) {
        if (count >= PROTO_CHOICES_MAX || cursor_int(row, 1) != count + 1 ||
            !cursor_name(row, 2, &choices[count]))
            return damaged(reading->store, reading->why, "choices of poll", id);
        count++;
        if (cursor_next(reading, row) != 0)
            return -1;
    }
    return count;
}

/* Takes the poll's row, the next one, but for its choices. */
static int take_poll(struct reading *reading, int64_t id, struct definition *definition)
{
    struct cursor *row = &reading->polls;
    if (row->at_end || cursor_int(row, 0) != id || !cursor_name(row, 1, &definition->name))
        return damaged(reading->store, reading->why, "poll", id);
    for (enum setting setting = SETTING_BALLOTS; setting <= SETTING_RECORD; setting++) {
        struct span word = cursor_text(row, 2 + (int)setting);
        int value = word.at ? setting_value_find(setting, word.at, word.len) : -1;
        if (value < 0)
            return damaged(reading->store, reading->why, "settings of poll", id);
        definition->settings.value[setting] = (uint8_t)value;
    }
    return cursor_next(reading, row);
}

/* What no CREATE has taken. */
static int refuse_rest(struct reading *reading)
{
    if (!reading->polls.at_end)
        return damaged(reading->store, reading->why, "poll", cursor_int(&reading->polls, 0));
    if (!reading->choices.at_end)
        return damaged(reading->store, reading->why, "choices of poll",
                       cursor_int(&reading->choices, 0));
    return 0;
}

/* ---- events ---- */

static int visit_create(struct reading *reading, struct entry *entry, struct span state)
{
    struct definition definition;
    int value = setting_value_find(SETTING_STATE, state.at, state.len);
    if (value < 0)
        return damaged(reading->store, reading->why, "poll_event", (int64_t)entry->seq);
    definition.settings.value[SETTING_STATE] = (uint8_t)value;
    if (take_poll(reading, entry->poll, &definition) != 0)
        return -1;
    int count = take_choices(reading, entry->poll, definition.choices);
    if (count < 0)
        return -1;
    entry->create = (struct entry_create){.name = &definition.name,
                                          .settings = &definition.settings,
                                          .choices = definition.choices,
                                          .choice_count = (unsigned)count};
    return reading->visitor->entry(reading->visitor->context, entry, reading->why);
}

/* The kind of that name, or -1. */
static int find_kind(struct span name)
{
    for (int kind = ENTRY_CREATE; kind <= ENTRY_LABEL; kind++)
        if (name.at && span_is(name, sqlite_event_names[kind]))
            return kind;
    return -1;
}

/* Visits the event at which the cursor stands, and goes on to the next. */
static int visit_event(struct reading *reading)
{
    struct cursor *row = &reading->events;
    int64_t seq = cursor_int(row, 0), poll = cursor_int(row, 2);
    int64_t choice = cursor_int(row, 4); /* 0 for none */
    int kind = find_kind(cursor_text(row, 3));
    struct span text = cursor_text(row, 5);
    if (seq < 1 || seq > (int64_t)ENTRY_SEQ_MAX || poll < 1 || poll > POLLS_MAX || kind < 0 ||
        (kind == ENTRY_OPEN || kind == ENTRY_CLOSE) == !!text.at ||
        (kind == ENTRY_LABEL ? choice < 1 || choice > PROTO_CHOICES_MAX : choice != 0))
        return damaged(reading->store, reading->why, "poll_event", seq);
    struct entry entry = {.seq = (uint64_t)seq,
                          .time_ns = (uint64_t)cursor_int(row, 1),
                          .poll = (uint32_t)poll,
                          .kind = (enum entry_kind)kind};
    if (kind == ENTRY_CREATE) {
        if (visit_create(reading, &entry, text) != 0)
            return -1;
    } else {
        unsigned index = kind == ENTRY_LABEL ? (unsigned)(choice - 1) : 0;
        entry.text = (struct entry_text){.choice = index, .text = text};
        if (reading->visitor->entry(reading->visitor->context, &entry, reading->why) != 0)
            return -1;
    }
    return cursor_next(reading, row);
}

/* Visits the events before an entry. */
static int visit_events_before(struct reading *reading, uint64_t seq)
{
    while (!reading->events.at_end && cursor_int(&reading->events, 0) < (int64_t)seq)
        if (visit_event(reading) != 0)
            return -1;
    return 0;
}

/* ---- ballots ---- */

/* Reads a hash; false if the value isn't one. */
static bool value_hash(sqlite3_value *value, struct hash *hash)
{
    if (sqlite3_value_type(value) != SQLITE_BLOB || sqlite3_value_bytes(value) != HASH_BYTES)
        return false;
    *hash = hash_from_bytes(sqlite3_value_blob(value));
    return true;
}

/* Reads a ballot's voter: a name, or a hash. False if it is neither. */
static bool value_voter(sqlite3_value *value, struct entry_ballot *ballot)
{
    if (sqlite3_value_type(value) != SQLITE_TEXT)
        return value_hash(value, &ballot->voter);
    ballot->name.at = (const char *)sqlite3_value_text(value);
    ballot->name.len = (size_t)sqlite3_value_bytes(value);
    return ballot->name.at != NULL;
}

/* Reads a row of `ballot`. Returns NULL, or the name of the part that is impossible. */
static const char *read_ballot(sqlite3_value **row, struct entry *entry)
{
    int64_t seq = sqlite3_value_int64(row[0]);
    int64_t poll = sqlite3_value_int64(row[2]);
    int64_t value = sqlite3_value_int64(row[3]);
    struct entry_ballot *ballot = &entry->ballot;
    *entry = (struct entry){.seq = (uint64_t)seq,
                            .time_ns = (uint64_t)sqlite3_value_int64(row[1]),
                            .poll = (uint32_t)poll,
                            .kind = ENTRY_BALLOT,
                            .ballot = {.value = (uint32_t)value, .weight = 1}};
    if (seq < 1 || seq > (int64_t)ENTRY_SEQ_MAX || poll < 1 || poll > POLLS_MAX || value < 1 ||
        value > ENTRY_VALUE_MAX)
        return "ballot";
    if (!value_voter(row[4], ballot))
        return "voter of ballot";
    ballot->has_key = sqlite3_value_type(row[5]) != SQLITE_NULL;
    return ballot->has_key && !value_hash(row[5], &ballot->key) ? "key of ballot" : NULL;
}

static int visit_row(struct reading *reading, sqlite3_value **row)
{
    struct entry entry;
    const char *bad = read_ballot(row, &entry);
    if (!bad && entry.seq <= reading->last_seq)
        bad = "order of ballot";
    if (bad)
        return damaged(reading->store, reading->why, bad, (int64_t)entry.seq);
    reading->last_seq = entry.seq;
    if (visit_events_before(reading, entry.seq) != 0)
        return -1;
    return reading->visitor->entry(reading->visitor->context, &entry, reading->why);
}

/* Takes one row. Ballots must come in their order, which a scan of the table gives. */
static void visit_ballot(sqlite3_context *context, int argc, sqlite3_value **row)
{
    (void)argc;
    struct reading *reading = sqlite3_user_data(context);
    reading->failed = visit_row(reading, row) != 0;
    if (reading->failed)
        sqlite3_result_error(context, "damaged", -1);
}

static void visit_done(sqlite3_context *context)
{
    (void)context;
}

/* Most rows are ballots, so an aggregate function of ours visits them inside one step of one
 * statement. This saves the step and column calls for each row, which took a third of the time of
 * loading 10 million. */
static int visit_ballots(struct reading *reading)
{
    sqlite3 *db = reading->store->db;
    int code = sqlite3_create_function_v2(db, "visit_ballot", 6, SQLITE_UTF8, reading, NULL,
                                          visit_ballot, visit_done, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db,
                            "SELECT visit_ballot(seq, time_ns, poll, choice, voter, key)"
                            " FROM ballot NOT INDEXED",
                            NULL, NULL, NULL);
    if (code != SQLITE_OK && !reading->failed)
        sqlite_fail(reading->store, reading->why, "damaged");
    /* Otherwise the function would outlive what it points to. */
    sqlite3_create_function_v2(db, "visit_ballot", 6, SQLITE_UTF8, NULL, NULL, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : -1;
}

static int visit_entries(struct reading *reading)
{
    if (cursor_open(reading, &reading->polls,
                    "SELECT id, name, ballots, voters, reveal, record FROM poll ORDER BY id") !=
            0 ||
        cursor_open(reading, &reading->choices,
                    "SELECT poll, number, name FROM choice ORDER BY poll, number") != 0 ||
        cursor_open(reading, &reading->events,
                    "SELECT seq, time_ns, poll, kind, choice, text FROM poll_event"
                    " ORDER BY seq") != 0 ||
        visit_ballots(reading) != 0 || visit_events_before(reading, INT64_MAX) != 0)
        return -1;
    return refuse_rest(reading);
}

/* ---- tallies ---- */

static int visit_tally(struct reading *reading, const struct cursor *row)
{
    int64_t poll = cursor_int(row, 0);
    struct span line = cursor_text(row, 1);
    if (!line.at || poll < 1 || poll > POLLS_MAX)
        return damaged(reading->store, reading->why, "last_tally of poll", poll);
    const struct store_tally tally = {.poll = (uint32_t)poll, .line = line.at, .len = line.len};
    return reading->visitor->tally(reading->visitor->context, &tally, reading->why);
}

static int visit_tallies(struct reading *reading)
{
    struct cursor row = {NULL, false};
    int result = cursor_open(reading, &row, "SELECT poll, line FROM last_tally ORDER BY poll");
    while (result == 0 && !row.at_end)
        if ((result = visit_tally(reading, &row)) == 0)
            result = cursor_next(reading, &row);
    sqlite3_finalize(row.row);
    return result;
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
    struct reading reading = {.store = sqlite_store(base), .visitor = visitor, .why = why};
    int result = visit_entries(&reading);
    if (result == 0)
        result = visit_tallies(&reading);
    sqlite3_finalize(reading.polls.row);
    sqlite3_finalize(reading.choices.row);
    sqlite3_finalize(reading.events.row);
    return result;
}
