/* Loading: the tables of entries are read side by side, in order of the sequences, and what belongs
 * together is put together: an event and, if it is a CREATE, its poll and choices; ballots and the
 * marks of those that define a value. Each row is made
 * a sheet; its entries go to the visitor if they can be read from it, follow without a gap, and the
 * row's chain is the one that follows from all rows before. So whatever was changed, lost or
 * doubled is found at the first row that it hit. What entries mean to each other is the visitor's
 * to judge. Main thread, before the ledger's starts. Fails: an impossible row, or damage that
 * SQLite finds; `why` then names the file. */
#include "store/sqlite/sqlite_cursor.h"
#include "store/sqlite/sqlite_poll_rows.h"
#include "store/sqlite/sqlite_value_rows.h"

#include "poll/poll.h"
#include "proto/reply.h"
#include "proto/voter_name.h"

#include <stdio.h>
#include <string.h>

#define BELOW_ALL INT64_MIN /* any sequence, good or bad */

struct reading {
    struct sqlite_store *store;
    const struct store_visitor *visitor;
    char *why;
    struct cursor events, sheets;
    struct cursor alone; /* ballots that have a row of their own */
    struct poll_rows polls;
    struct value_rows values;
    struct sqlite_end end; /* of what was read */
    int64_t first;         /* rows from that sequence on are read */
    uint64_t after;        /* entries up to here are not visited */
    struct sheet_reader reader;
    char folded[PROTO_VOTER_MAX]; /* a voter's name, of an old ballot */
};

static int damaged(const struct reading *reading, const char *what, int64_t at)
{
    return sqlite_damaged(reading->store, reading->why, what, at);
}

static int open_query(struct reading *reading, struct cursor *row, const char *sql)
{
    return cursor_open(row, reading->store, sql, reading->first, reading->why);
}

/* ---- the chain ---- */

/* Whether a sheet goes on from what was read, and `chain` from its chain. */
static int follow(struct reading *reading, const struct sheet *sheet, const unsigned char *chain)
{
    struct sqlite_end *end = &reading->end;
    const struct sqlite_end *stop = &reading->store->stop;
    if (sheet->first_seq > end->seq + 1)
        return damaged(reading, "an entry is missing:", (int64_t)end->seq + 1);
    if (sheet->first_seq <= end->seq)
        return damaged(reading, "a sequence is used twice:", (int64_t)sheet->first_seq);
    sheet_chain(end->chain, sheet);
    end->seq += sheet->entries;
    if (reading->store->format->is_old)
        return 0;
    if (!chain || memcmp(chain, end->chain, SHEET_CHAIN_BYTES) != 0)
        return damaged(reading, "not as it was written: entry", (int64_t)sheet->first_seq);
    if (end->seq == stop->seq && memcmp(end->chain, stop->chain, SHEET_CHAIN_BYTES) != 0)
        return damaged(reading, "another ledger's since entry", 1);
    return 0;
}

static bool defines_value(const struct entry *entry)
{
    return entry->kind == ENTRY_BALLOT && entry->ballot.marks.at;
}

/* Visits the entries of a sheet, if it follows. */
static int visit_sheet(struct reading *reading, const struct sheet *sheet,
                       const unsigned char *chain, const char *what)
{
    struct entry entry;
    if (!sheet_is_valid(sheet))
        return damaged(reading, what, (int64_t)sheet->first_seq);
    if (follow(reading, sheet, chain) != 0)
        return -1;
    sheet_read_begin(&reading->reader, sheet);
    for (unsigned i = 0; i < sheet->entries; i++) {
        if (!sheet_read(&reading->reader, &entry))
            return damaged(reading, what, (int64_t)sheet->first_seq + i);
        if (defines_value(&entry) && !value_rows_fit(&reading->values, &entry))
            return damaged(reading, "value of ballot", (int64_t)entry.seq);
        if (entry.seq > reading->after &&
            reading->visitor->entry(reading->visitor->context, &entry, reading->why) != 0)
            return -1;
    }
    return value_rows_end(&reading->values, reading->end.seq);
}

/* The same for an entry that has a row of its own. */
static int visit_alone(struct reading *reading, const struct entry *entry,
                       const unsigned char *chain, const char *what)
{
    struct sheet_builder *builder = &reading->store->sheet;
    sheet_begin(builder, entry);
    return visit_sheet(reading, &builder->sheet, chain, what);
}

/* ---- events ---- */

/* Makes the entry of a new poll. */
static int take_create(struct reading *reading, struct entry *entry, struct span state,
                       struct sheet_poll *poll)
{
    uint16_t value;
    if (!poll_rows_find_word(SETTING_STATE, state, &value))
        return damaged(reading, "poll_event", (int64_t)entry->seq);
    if (poll_rows_take(&reading->polls, entry->poll, poll, &entry->create) != 0)
        return -1;
    poll->settings.value[SETTING_STATE] = value;
    return 0;
}

/* The kind of that name, or -1. */
static int find_kind(struct span name)
{
    for (int kind = ENTRY_CREATE; kind <= ENTRY_LABEL; kind++)
        if (name.at && span_is(name, sqlite_event_names[kind]))
            return kind;
    return -1;
}

/* Visits the event at which the cursor stands. */
static int visit_event(struct reading *reading, struct cursor *row)
{
    struct sheet_poll poll;
    int64_t seq = cursor_int(row, 0), number = cursor_int(row, 2);
    int64_t choice = cursor_int(row, 4); /* 0 for none */
    int kind = find_kind(cursor_text(row, 3));
    struct span text = cursor_text(row, 5);
    if (number < 1 || number > POLLS_MAX || kind < 0 || text.len > PROTO_TEXT_MAX ||
        (kind == ENTRY_OPEN || kind == ENTRY_CLOSE) == !!text.at ||
        (kind == ENTRY_LABEL ? choice < 1 || choice > PROTO_CHOICES_MAX : choice != 0))
        return damaged(reading, "poll_event", seq);
    struct entry entry = {.seq = (uint64_t)seq,
                          .time_ns = (uint64_t)cursor_int(row, 1),
                          .poll = (uint32_t)number,
                          .kind = (enum entry_kind)kind};
    if (kind != ENTRY_CREATE)
        entry.text = (struct entry_text){.choice = kind == ENTRY_LABEL ? (unsigned)choice - 1 : 0,
                                         .text = text};
    else if (take_create(reading, &entry, text, &poll) != 0)
        return -1;
    return visit_alone(reading, &entry, cursor_bytes(row, 6, SHEET_CHAIN_BYTES), "poll_event");
}

/* ---- ballots ---- */

/* Gives a sheet its marks, which the values' rows have. */
static int merge_marks(struct reading *reading, struct sheet *sheet)
{
    unsigned char *marks = reading->store->sheet.marks, *at = marks;
    for (unsigned i = 0; i < sheet->entries; i++) {
        struct span found;
        if (value_rows_take(&reading->values, sheet->first_seq + i, &found) != 0)
            return -1;
        if (i == 0 && !found.at) /* the kind says that it has marks */
            return damaged(reading, "value of ballot", (int64_t)sheet->first_seq);
        at = sheet_put_marks(at, found);
    }
    sheet->marks = marks;
    sheet->marks_len = (size_t)(at - marks);
    return 0;
}

static int visit_ballots(struct reading *reading, struct cursor *row)
{
    int64_t kind = cursor_int(row, 2), ballots = cursor_int(row, 3);
    const bool is_impossible = kind < SHEET_BALLOTS || kind >= SHEET_NAMED || ballots < 1 ||
                               ballots > SHEET_BALLOTS_MAX ||
                               sqlite3_column_type(row->row, 4) != SQLITE_BLOB;
    if (is_impossible)
        return damaged(reading, "sheet", cursor_int(row, 0));
    struct sheet sheet = {.first_seq = (uint64_t)cursor_int(row, 0),
                          .time_ns = (uint64_t)cursor_int(row, 1),
                          .kind = (uint8_t)kind,
                          .entries = (uint16_t)ballots,
                          .body = sqlite3_column_blob(row->row, 4),
                          .body_len = (size_t)sqlite3_column_bytes(row->row, 4)};
    if (kind & SHEET_MARKS && merge_marks(reading, &sheet) != 0)
        return -1;
    return visit_sheet(reading, &sheet, cursor_bytes(row, 5, SHEET_CHAIN_BYTES), "sheet");
}

/* Names were not always folded in old ballots. One that can't be a name is left as it is, and found
 * by others. */
static void fold_old_name(struct reading *reading, struct entry_ballot *ballot)
{
    struct span name = ballot->name;
    size_t len = voter_name_fold(name, reading->folded);
    const bool is_same = len == name.len && memcmp(name.at, reading->folded, len) == 0;
    if (len == 0 || is_same)
        return;
    ballot->name = (struct span){reading->folded, len};
    if (!ballot->spelling.at)
        ballot->spelling = name;
}

static int visit_own_row(struct reading *reading, struct cursor *row)
{
    const bool is_old = reading->store->format->is_old;
    const char *what = is_old ? "ballot" : "named_ballot";
    int64_t poll = cursor_int(row, 2), value = cursor_int(row, 3), weight = cursor_int(row, 4);
    const unsigned char *hash = is_old ? cursor_bytes(row, 5, HASH_BYTES) : NULL;
    struct span name = hash ? (struct span){NULL, 0} : cursor_text(row, 5);
    struct span spelling = cursor_text(row, 6);
    const bool has_key = sqlite3_column_type(row->row, 7) != SQLITE_NULL;
    const unsigned char *key = cursor_bytes(row, 7, HASH_BYTES);
    if (poll < 1 || poll > POLLS_MAX || value < 1 || value > ENTRY_VALUE_MAX || weight < 1 ||
        weight > UINT32_MAX || (!hash && !name.at) || name.len > PROTO_VOTER_MAX ||
        spelling.len > PROTO_VOTER_MAX || (has_key && !key))
        return damaged(reading, what, cursor_int(row, 0));
    struct entry entry = {.seq = (uint64_t)cursor_int(row, 0),
                          .time_ns = (uint64_t)cursor_int(row, 1),
                          .poll = (uint32_t)poll,
                          .kind = ENTRY_BALLOT,
                          .ballot = {.value = (uint32_t)value,
                                     .weight = (uint32_t)weight,
                                     .has_key = has_key,
                                     .voter = hash ? hash_from_bytes(hash) : (struct hash){0, 0},
                                     .key = key ? hash_from_bytes(key) : (struct hash){0, 0},
                                     .name = name,
                                     .spelling = spelling}};
    if (is_old && !hash)
        fold_old_name(reading, &entry.ballot);
    if (value_rows_take(&reading->values, entry.seq, &entry.ballot.marks) != 0)
        return -1;
    if (entry.ballot.marks.at && value == VALUE_ABSTAIN)
        return damaged(reading, "value of ballot", cursor_int(row, 0));
    return visit_alone(reading, &entry, cursor_bytes(row, 8, SHEET_CHAIN_BYTES), what);
}

/* ---- entries ---- */

/* The cursor whose row comes next; NULL if all have ended. */
static struct cursor *next_cursor(struct reading *reading)
{
    struct cursor *const cursors[] = {&reading->sheets, &reading->alone, &reading->events};
    struct cursor *next = NULL;
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
        if (!cursors[i]->at_end && (!next || cursor_int(cursors[i], 0) < cursor_int(next, 0)))
            next = cursors[i];
    return next;
}

static int open_cursors(struct reading *reading)
{
    const struct sqlite_format *format = reading->store->format;
    const struct {
        struct cursor *cursor;
        const char *sql;
    } cursors[] = {
        {&reading->events, format->events},         {&reading->sheets, format->sheets},
        {&reading->alone, format->ballots},         {&reading->polls.polls, format->polls},
        {&reading->polls.choices, format->choices}, {&reading->values.row, format->values},
    };
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
        if (open_query(reading, cursors[i].cursor, cursors[i].sql) != 0)
            return -1;
    return 0;
}

static int visit_next(struct reading *reading, struct cursor *row)
{
    int result;
    if (row == &reading->sheets)
        result = visit_ballots(reading, row);
    else if (row == &reading->alone)
        result = visit_own_row(reading, row);
    else
        result = visit_event(reading, row);
    return result == 0 ? cursor_next(row) : -1;
}

static int visit_entries(struct reading *reading)
{
    struct cursor *row;
    if (open_cursors(reading) != 0)
        return -1;
    while ((row = next_cursor(reading)))
        if (visit_next(reading, row) != 0)
            return -1;
    if (reading->end.seq < reading->store->stop.seq)
        return damaged(reading, "the last orderly stop was later, at entry",
                       (int64_t)reading->store->stop.seq);
    return poll_rows_end(&reading->polls) == 0 ? value_rows_end(&reading->values, INT64_MAX) : -1;
}

/* ---- what vouches for them ---- */

/* Reads a row of a sequence and its chain, if there is one. */
static int read_end(struct reading *reading, const char *sql, const char *what,
                    struct sqlite_end *end)
{
    struct cursor row;
    int result = open_query(reading, &row, sql);
    if (result == 0 && !row.at_end) {
        const unsigned char *chain = cursor_bytes(&row, 1, SHEET_CHAIN_BYTES);
        end->seq = (uint64_t)cursor_int(&row, 0);
        if (chain)
            memcpy(end->chain, chain, SHEET_CHAIN_BYTES);
        else
            result = damaged(reading, what, cursor_int(&row, 0));
    }
    cursor_close(&row);
    return result;
}

int sqlite_read_ends(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    static const char last[] =
        "SELECT seq, chain FROM (SELECT first_seq + ballots - 1 AS seq, chain FROM sheet"
        " ORDER BY first_seq DESC LIMIT 1) UNION ALL "
        "SELECT seq, chain FROM (SELECT seq, chain FROM named_ballot ORDER BY seq DESC LIMIT 1)"
        " UNION ALL "
        "SELECT seq, chain FROM (SELECT seq, chain FROM poll_event ORDER BY seq DESC LIMIT 1)"
        " ORDER BY seq DESC LIMIT 1";
    struct reading reading = {.store = store, .why = why};
    sheet_chain_begin(store->last.chain, (uint64_t)store->row.origin);
    if (read_end(&reading, last, "chain of entry", &store->last) != 0)
        return -1;
    return read_end(&reading, "SELECT seq, chain FROM orderly_stop", "orderly_stop", &store->stop);
}

/* The views count with the places of a sheet; without one, they would leave out ballots. */
static int check_slots(struct reading *reading)
{
    struct cursor row;
    int result = open_query(reading, &row, "SELECT count(*), min(n), max(n) FROM slot");
    if (result == 0 && (cursor_int(&row, 0) != SHEET_BALLOTS_MAX || cursor_int(&row, 1) != 0 ||
                        cursor_int(&row, 2) != SHEET_BALLOTS_MAX - 1))
        result = damaged(reading, "rows of slot:", cursor_int(&row, 0));
    cursor_close(&row);
    return result;
}

/* Tables of one row have it under the id 1. Their CHECK says so, which SQLite ignores where a
 * database is only read. */
static int check_only_rows(struct reading *reading)
{
    static const char others[] = "SELECT 'row of server:', id FROM server WHERE id <> 1"
                                 " UNION ALL SELECT 'row of ledger:', id FROM ledger WHERE id <> 1"
                                 " UNION ALL SELECT 'row of orderly_stop:', id FROM orderly_stop"
                                 " WHERE id <> 1";
    struct cursor row;
    int result = open_query(reading, &row, others);
    if (result == 0 && !row.at_end)
        result = damaged(reading, cursor_text(&row, 0).at, cursor_int(&row, 1));
    cursor_close(&row);
    return result;
}

/* What SQLite finds wrong with the file: pages that are damaged where nothing is read (free room,
 * an index, a list of free pages) would be written to, over what is good. All pages are in the
 * kernel's cache by now. */
static int check_pages(struct reading *reading)
{
    struct cursor row;
    int result = open_query(reading, &row, "PRAGMA integrity_check(1)");
    struct span found = result == 0 && !row.at_end ? cursor_text(&row, 0) : (struct span){NULL, 0};
    if (result == 0 && (!found.at || strcmp(found.at, "ok") != 0)) {
        const char *fault = found.at ? found.at : "nobody knows how";
        if (strncmp(fault, "***", 3) == 0 && strchr(fault, '\n')) /* it says which database */
            fault = strchr(fault, '\n') + 1;
        snprintf(reading->why, STORE_WHY_MAX, "%s: damaged: %.*s", reading->store->path,
                 (int)strcspn(fault, "\n"), fault);
        result = -1;
    }
    cursor_close(&row);
    return result;
}

/* ---- tallies ---- */

static int visit_tally(struct reading *reading, const struct cursor *row)
{
    int64_t poll = cursor_int(row, 0);
    struct span line = cursor_text(row, 1);
    if (!line.at || poll < 1 || poll > POLLS_MAX)
        return damaged(reading, "last_tally of poll", poll);
    const struct store_tally tally = {.poll = (uint32_t)poll, .line = line.at, .len = line.len};
    return reading->visitor->tally(reading->visitor->context, &tally, reading->why);
}

static int visit_tallies(struct reading *reading)
{
    struct cursor row;
    int result = open_query(reading, &row, "SELECT poll, line FROM last_tally ORDER BY poll");
    while (result == 0 && !row.at_end)
        if ((result = visit_tally(reading, &row)) == 0)
            result = cursor_next(&row);
    cursor_close(&row);
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

static void close_cursors(struct reading *reading)
{
    struct cursor *const cursors[] = {&reading->events,        &reading->sheets,
                                      &reading->alone,         &reading->polls.polls,
                                      &reading->polls.choices, &reading->values.row};
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++)
        cursor_close(cursors[i]);
}

static struct reading begin_reading(struct sqlite_store *store, const struct store_visitor *visitor,
                                    char *why)
{
    struct reading reading = {.store = store, .visitor = visitor, .why = why, .first = BELOW_ALL};
    sheet_chain_begin(reading.end.chain, (uint64_t)store->row.origin);
    return reading;
}

int sqlite_load(struct store *base, const struct store_visitor *visitor, char why[STORE_WHY_MAX])
{
    struct reading reading = begin_reading(sqlite_store(base), visitor, why);
    int result = 0;
    if (!reading.store->format->is_old && (result = check_only_rows(&reading)) == 0)
        result = check_slots(&reading);
    if (result == 0)
        result = visit_entries(&reading);
    if (result == 0)
        result = visit_tallies(&reading);
    if (result == 0)
        result = check_pages(&reading);
    close_cursors(&reading);
    return result;
}

/* ---- following ---- */

/* Takes the row that holds entry `after`, or else the last one, for the first to be read: it may
 * hold later ones, too. */
static int find_first(struct reading *reading, uint64_t after)
{
    static const char first[] =
        "SELECT max(first) FROM (SELECT max(first_seq) AS first FROM sheet WHERE first_seq <= ?1"
        " UNION ALL SELECT max(seq) FROM named_ballot WHERE seq <= ?1"
        " UNION ALL SELECT max(seq) FROM poll_event WHERE seq <= ?1)";
    struct cursor row;
    reading->first = (int64_t)after;
    int result = open_query(reading, &row, first);
    if (result == 0)
        reading->first = cursor_int(&row, 0) > 0 ? cursor_int(&row, 0) : BELOW_ALL;
    cursor_close(&row);
    return result;
}

/* Takes what is before the first row for the end of what was read. */
static int find_end_before(struct reading *reading)
{
    static const char before[] =
        "SELECT ?1 - 1, chain FROM (SELECT first, chain FROM"
        " (SELECT first_seq AS first, chain FROM sheet WHERE first_seq < ?1"
        " ORDER BY first_seq DESC LIMIT 1) UNION ALL SELECT seq, chain FROM"
        " (SELECT seq, chain FROM named_ballot WHERE seq < ?1 ORDER BY seq DESC LIMIT 1)"
        " UNION ALL SELECT seq, chain FROM"
        " (SELECT seq, chain FROM poll_event WHERE seq < ?1 ORDER BY seq DESC LIMIT 1))"
        " ORDER BY first DESC LIMIT 1";
    return read_end(reading, before, "chain of entry", &reading->end);
}

int sqlite_follow(struct store *base, uint64_t after_seq, const struct store_visitor *visitor,
                  char why[STORE_WHY_MAX])
{
    struct reading reading = begin_reading(sqlite_store(base), visitor, why);
    reading.after = after_seq;
    int result = find_first(&reading, after_seq);
    if (result == 0)
        result = find_end_before(&reading);
    if (result == 0)
        result = visit_entries(&reading);
    close_cursors(&reading);
    return result;
}
