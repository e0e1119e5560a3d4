/* `import`: replays a database of schema version 1 into a new one. The entries keep their
 * sequences, times and voters, so who voted is known again by the same key. Happy path: the rows of
 * the old file are read in the order of the sequences, and appended in batches by the server's own
 * store, under a name of its own; when the server's own loader has found the same tallies in it, it
 * gets its name. Whatever fails before, nothing is left. */
#include "tools/tallyctl/database.h"

#include "base/file.h"
#include "ledger/ledger.h"
#include "proto/voter_name.h"
#include "store/sqlite/sqlite.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 8192,
    OLD_VERSION = 1,
    PROGRESS_ENTRIES = 1000000,
};

/* The columns of `entries_sql`. */
enum { COLUMN_SEQ, COLUMN_TIME, COLUMN_POLL, COLUMN_KIND, COLUMN_CHOICE, COLUMN_TEXT, COLUMN_KEY };

/* Both tables are read in their own order, and merged. `text` is the voter of a ballot. */
static const char entries_sql[] =
    "SELECT seq, time_ns, poll, kind, choice, text, NULL FROM poll_event"
    " UNION ALL SELECT seq, time_ns, poll, 'ballot', choice, voter, key FROM ballot ORDER BY seq";

static const char *const kinds[] = {"ballot", "create", "open", "close", "title", "label"};

/* What an entry of the batch points to. */
struct words {
    char text[PROTO_TEXT_MAX];
    char folded[PROTO_VOTER_MAX];
    char spelling[PROTO_VOTER_MAX];
};

struct import {
    struct database *old;
    sqlite3_stmt *polls, *choices, *spelling;
    struct store *store;
    char path[PATH_MAX]; /* of the new file, until it gets its name */
    uint64_t entries;    /* appended so far */
    size_t count;        /* in the batch */
    struct entry batch[BATCH];
    struct words words[BATCH];
    struct name name, choice_names[PROTO_CHOICES_MAX];
    struct settings settings;
};

static enum status refuse(const char *file, const char *why)
{
    output_error("%s: %s", file, why);
    return STATUS_REFUSED;
}

/* What is in the old file can't be. */
static enum status refuse_row(const char *what, int64_t at)
{
    output_error("the old database is damaged: %s %" PRId64, what, at);
    return STATUS_REFUSED;
}

static struct span column_span(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return (struct span){text, text ? (size_t)sqlite3_column_bytes(row, column) : 0};
}

/* ---- appending ---- */

static enum status append(struct import *import, const struct store_batch *batch)
{
    const char *why = "";
    if (store_append(import->store, batch, &why) != STORE_RECORDED)
        return refuse(import->path, why);
    store_work(import->store, STORE_BUSY);
    return STATUS_DONE;
}

static enum status flush_batch(struct import *import)
{
    const struct store_batch batch = {.entries = import->batch, .entry_count = import->count};
    uint64_t before = import->entries / PROGRESS_ENTRIES;
    if (import->count == 0)
        return STATUS_DONE;
    import->entries += import->count;
    import->count = 0;
    if (import->entries / PROGRESS_ENTRIES > before && isatty(STDERR_FILENO))
        fprintf(stderr, "%" PRIu64 " entries\n", import->entries);
    return append(import, &batch);
}

/* ---- one entry ---- */

static int find_kind(struct span word)
{
    for (int i = 0; i < (int)(sizeof kinds / sizeof kinds[0]); i++)
        if (word.at && span_is(word, kinds[i]))
            return i;
    return -1;
}

/* A hash of the old file; false if the column has none. */
static bool take_hash(sqlite3_stmt *row, int column, struct hash *hash)
{
    if (sqlite3_column_type(row, column) != SQLITE_BLOB ||
        sqlite3_column_bytes(row, column) != HASH_BYTES)
        return false;
    *hash = hash_from_bytes(sqlite3_column_blob(row, column));
    return true;
}

static struct span keep(char *room, struct span text)
{
    memcpy(room, text.at, text.len);
    return (struct span){room, text.len};
}

/* How the voter wrote the name first, if the file tells it; the name itself if it does not. */
static enum status find_spelling(struct import *import, struct span name, struct words *words,
                                 struct span *spelling)
{
    bool has_row = false;
    *spelling = keep(words->spelling, name);
    if (!import->spelling)
        return STATUS_DONE;
    sqlite3_bind_text(import->spelling, 1, name.at, (int)name.len, SQLITE_STATIC);
    enum status status = database_step(import->old, import->spelling, &has_row);
    struct span found = has_row ? column_span(import->spelling, 0) : (struct span){NULL, 0};
    if (found.len > 0 && found.len <= PROTO_VOTER_MAX)
        *spelling = keep(words->spelling, found);
    sqlite3_reset(import->spelling);
    return status;
}

static enum status take_name(struct import *import, sqlite3_stmt *row, struct entry *entry,
                             struct words *words)
{
    struct span name = column_span(row, COLUMN_TEXT), spelling;
    if (!name.at || name.len > PROTO_VOTER_MAX)
        return refuse_row("voter of ballot", (int64_t)entry->seq);
    enum status status = find_spelling(import, name, words, &spelling);
    if (status != STATUS_DONE)
        return status;
    size_t len = voter_name_fold(name, words->folded);
    entry->ballot.name = len > 0 ? (struct span){words->folded, len} : keep(words->folded, name);
    bool is_same = spelling.len == entry->ballot.name.len &&
                   memcmp(spelling.at, words->folded, spelling.len) == 0;
    entry->ballot.spelling = is_same ? (struct span){NULL, 0} : spelling;
    return STATUS_DONE;
}

static enum status take_ballot(struct import *import, sqlite3_stmt *row, struct entry *entry,
                               struct words *words)
{
    int64_t value = sqlite3_column_int64(row, COLUMN_CHOICE);
    entry->ballot = (struct entry_ballot){.value = (uint32_t)value, .weight = 1};
    entry->ballot.has_key = take_hash(row, COLUMN_KEY, &entry->ballot.key);
    if (value < 1 || value > PROTO_CHOICES_MAX)
        return refuse_row("ballot", (int64_t)entry->seq);
    if (take_hash(row, COLUMN_TEXT, &entry->ballot.voter))
        return STATUS_DONE;
    return take_name(import, row, entry, words);
}

static enum status take_text(sqlite3_stmt *row, struct entry *entry, struct words *words)
{
    int64_t choice = sqlite3_column_int64(row, COLUMN_CHOICE);
    struct span text = column_span(row, COLUMN_TEXT);
    const bool is_label = entry->kind == ENTRY_LABEL;
    if (!text.at || text.len > PROTO_TEXT_MAX ||
        (is_label && (choice < 1 || choice > PROTO_CHOICES_MAX)))
        return refuse_row("poll_event", (int64_t)entry->seq);
    entry->text = (struct entry_text){.choice = is_label ? (unsigned)choice - 1 : 0,
                                      .text = keep(words->text, text)};
    return STATUS_DONE;
}

static bool column_name(sqlite3_stmt *row, int column, struct name *name)
{
    struct span text = column_span(row, column);
    return text.at && name_parse(text.at, text.len, name);
}

/* The settings of the poll's row, and the state in which it began. */
static bool take_settings(sqlite3_stmt *row, struct span state, struct settings *settings)
{
    for (enum setting i = SETTING_BALLOTS; i <= SETTING_STATE; i++) {
        struct span word = i == SETTING_STATE ? state : column_span(row, 1 + (int)i);
        int value = word.at ? setting_value_find(i, word.at, word.len) : -1;
        if (value < 0)
            return false;
        settings->value[i] = (uint8_t)value;
    }
    return true;
}

static enum status take_choices(struct import *import, int64_t poll, unsigned *count)
{
    bool has_row = true;
    enum status status = STATUS_DONE;
    *count = 0;
    sqlite3_bind_int64(import->choices, 1, poll);
    while ((status = database_step(import->old, import->choices, &has_row)) == STATUS_DONE &&
           has_row) {
        if (*count == PROTO_CHOICES_MAX ||
            !column_name(import->choices, 0, &import->choice_names[*count]))
            status = refuse_row("choices of poll", poll);
        if (status != STATUS_DONE)
            break;
        ++*count;
    }
    sqlite3_reset(import->choices);
    return status;
}

/* The entry points to what the import holds for one poll, so it is the batch's last. */
static enum status take_create(struct import *import, sqlite3_stmt *row, struct entry *entry)
{
    bool has_row = false;
    unsigned count = 0;
    sqlite3_bind_int64(import->polls, 1, entry->poll);
    enum status status = database_step(import->old, import->polls, &has_row);
    if (status == STATUS_DONE &&
        (!has_row || !column_name(import->polls, 0, &import->name) ||
         !take_settings(import->polls, column_span(row, COLUMN_TEXT), &import->settings)))
        status = refuse_row("poll", entry->poll);
    sqlite3_reset(import->polls);
    if (status == STATUS_DONE)
        status = take_choices(import, entry->poll, &count);
    entry->create = (struct entry_create){.name = &import->name,
                                          .settings = &import->settings,
                                          .choices = import->choice_names,
                                          .choice_count = count};
    return status;
}

static enum status take_entry(struct import *import, sqlite3_stmt *row)
{
    struct entry *entry = &import->batch[import->count];
    struct words *words = &import->words[import->count];
    int64_t seq = sqlite3_column_int64(row, COLUMN_SEQ);
    int64_t poll = sqlite3_column_int64(row, COLUMN_POLL);
    int kind = find_kind(column_span(row, COLUMN_KIND));
    if (kind < 0 || poll < 1 || poll > POLLS_MAX || seq < 1 || seq > (int64_t)ENTRY_SEQ_MAX)
        return refuse_row("entry", seq);
    *entry = (struct entry){.seq = (uint64_t)seq,
                            .time_ns = (uint64_t)sqlite3_column_int64(row, COLUMN_TIME),
                            .poll = (uint32_t)poll,
                            .kind = (enum entry_kind)kind};
    import->count++;
    switch (entry->kind) {
    case ENTRY_BALLOT:
        return take_ballot(import, row, entry, words);
    case ENTRY_CREATE:
        return take_create(import, row, entry);
    case ENTRY_TITLE:
    case ENTRY_LABEL:
        return take_text(row, entry, words);
    default:
        return STATUS_DONE;
    }
}

/* ---- all of them ---- */

static enum status copy_entries(struct import *import)
{
    sqlite3_stmt *row;
    bool has_row = true;
    enum status status = database_query(import->old, entries_sql, &row);
    if (status != STATUS_DONE)
        return status;
    while ((status = database_step(import->old, row, &has_row)) == STATUS_DONE && has_row) {
        status = take_entry(import, row);
        if (status == STATUS_DONE &&
            (import->count == BATCH || import->batch[import->count - 1].kind == ENTRY_CREATE))
            status = flush_batch(import);
        if (status != STATUS_DONE)
            break;
    }
    sqlite3_finalize(row);
    return status == STATUS_DONE ? flush_batch(import) : status;
}

/* The tallies that were last shown, with which the ballots are compared at the end. */
static enum status copy_tallies(struct import *import)
{
    sqlite3_stmt *row;
    bool has_row = true;
    enum status status =
        database_query(import->old, "SELECT poll, line FROM last_tally ORDER BY poll", &row);
    if (status != STATUS_DONE)
        return status;
    while ((status = database_step(import->old, row, &has_row)) == STATUS_DONE && has_row) {
        struct span line = column_span(row, 1);
        const struct store_tally tally = {
            .poll = (uint32_t)sqlite3_column_int64(row, 0), .line = line.at, .len = line.len};
        const struct store_batch batch = {.tallies = &tally, .tally_count = 1};
        status = line.at ? append(import, &batch) : refuse_row("last_tally of poll", tally.poll);
        if (status != STATUS_DONE)
            break;
    }
    sqlite3_finalize(row);
    return status;
}

/* By it the new file knows the key of its voters. */
static enum status copy_key_check(struct import *import)
{
    sqlite3_stmt *row;
    bool has_row = false;
    char why[STORE_WHY_MAX];
    struct hash check;
    enum status status = database_query(import->old, "SELECT key_check FROM server", &row);
    if (status != STATUS_DONE)
        return status;
    status = database_step(import->old, row, &has_row);
    if (status == STATUS_DONE && has_row && take_hash(row, 0, &check) &&
        store_set_key_check(import->store, check, why) != 0)
        status = refuse(import->path, why);
    sqlite3_finalize(row);
    return status;
}

/* A file of before names were folded has no such table. */
static enum status prepare_spelling(struct import *import)
{
    sqlite3_stmt *row;
    bool has_table = false;
    enum status status = database_query(
        import->old, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'spelling'",
        &row);
    if (status == STATUS_DONE)
        status = database_step(import->old, row, &has_table);
    sqlite3_finalize(row);
    if (status == STATUS_DONE && has_table)
        status = database_query(import->old, "SELECT name FROM spelling WHERE voter = ?",
                                &import->spelling);
    return status;
}

static enum status prepare(struct import *import)
{
    enum status status = database_query(
        import->old, "SELECT name, ballots, voters, reveal, record FROM poll WHERE id = ?",
        &import->polls);
    if (status == STATUS_DONE)
        status =
            database_query(import->old, "SELECT name FROM choice WHERE poll = ? ORDER BY number",
                           &import->choices);
    return status == STATUS_DONE ? prepare_spelling(import) : status;
}

static enum status replay(struct import *import)
{
    char why[STORE_WHY_MAX];
    enum status status = prepare(import);
    if (status == STATUS_DONE)
        status = copy_key_check(import);
    if (status == STATUS_DONE)
        status = copy_entries(import);
    if (status == STATUS_DONE)
        status = copy_tallies(import);
    if (status == STATUS_DONE && store_finish(import->store, why) != 0)
        status = refuse(import->path, why);
    return status == STATUS_DONE ? database_verify_still(import->old) : status;
}

/* ---- the new file ---- */

static void remove_new(const struct import *import)
{
    char log[PATH_MAX + 8];
    snprintf(log, sizeof log, "%s-wal", import->path);
    unlink(log);
    unlink(import->path);
}

/* Whether the server's own loader finds all of it, and the tallies that were last shown. */
static enum status check_new(const struct import *import)
{
    struct store *store;
    char why[STORE_WHY_MAX];
    if (store_open_to_read(&store, &sqlite_engine, import->path, why) != 0)
        return refuse(import->path, why);
    int result = ledger_check(store, why);
    store_close(store);
    return result == 0 ? STATUS_DONE : refuse("what was imported can't be served", why);
}

static enum status give_name(const struct import *import, const char *file)
{
    if (file_give_name(import->path, file) != 0 || file_sync_directory(file) != 0)
        return refuse(file, strerror(errno));
    return STATUS_DONE;
}

static enum status make_new(struct import *import, const char *file)
{
    char why[STORE_WHY_MAX];
    if (access(file, F_OK) == 0)
        return refuse(file, "there is a file of that name already, and it stays");
    if (snprintf(import->path, sizeof import->path, "%s.importing", file) >=
        (int)sizeof import->path)
        return refuse(file, strerror(ENAMETOOLONG));
    remove_new(import); /* what one that was killed left */
    if (store_open(&import->store, &sqlite_engine, import->path, false, why) != 0)
        return refuse(file, why);
    enum status status = replay(import);
    store_close(import->store);
    if (status == STATUS_DONE)
        status = check_new(import);
    if (status == STATUS_DONE)
        status = give_name(import, file);
    remove_new(import);
    return status;
}

enum status command_import(const struct invocation *invocation)
{
    const char *old = invocation->argv[0], *file = invocation->argv[1];
    struct import *import = must_calloc(1, sizeof *import);
    enum status status = database_open_version(old, OLD_VERSION, &import->old);
    if (status == STATUS_DONE) {
        status = make_new(import, file);
        sqlite3_finalize(import->polls);
        sqlite3_finalize(import->choices);
        sqlite3_finalize(import->spelling);
        database_close(import->old);
    }
    if (status == STATUS_DONE && invocation->json)
        output_json(json_pack("{s:I}", "entries", (json_int_t)import->entries));
    else if (status == STATUS_DONE)
        printf("%" PRIu64 " entries; copy %s.key to %s.key\n", import->entries, old, file);
    free(import);
    return status;
}
