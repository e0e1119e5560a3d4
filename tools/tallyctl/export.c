/* `export`: the ballots of a poll, out of a fresh backup, in one of two ways. *Counted*: those that
 * count, ordered by what they say, as BLT, CSV or JSON from which they can be counted again; nobody
 * learns from it who cast which, or when. *The ledger's*: all that were recorded, as they were,
 * with their voters and times. Where voters are recorded by name, everybody may know them, so the
 * second way is the usual one; elsewhere it is the first. */
#include "tools/tallyctl/ballots.h"
#include "tools/tallyctl/csv.h"
#include "tools/tallyctl/database.h"
#include "tools/election/ballot_csv.h"
#include "tools/election/blt.h"
#include "tools/election/election_json.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/lib/text.h"

#include "proto/name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- in the order of the ledger ---- */

/* The columns of the query, of the CSV and of the JSON alike. */
enum { COLUMN_SEQ, COLUMN_TIME, COLUMN_CHOICE, COLUMN_VOTER, COLUMN_KEY, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {"seq", "time", "choice", "voter", "key"};

static const char ballots_sql[] =
    "SELECT seq, time_ns, value, coalesce(spelling, voter), key FROM ballot"
    " WHERE poll = ? ORDER BY seq";

/* A poll whose ballots are printed. */
struct exported {
    const struct invocation *invocation;
    struct database *database;
    int64_t poll;
    struct ballots *ballots;       /* at that poll */
    struct election *election;     /* it, with the ballots that count */
    sqlite3_stmt *query;           /* of all ballots */
    char text[MARKS_TEXT_MAX + 1]; /* of a ballot */
};

static bool is_json(const struct invocation *invocation)
{
    return invocation->json || invocation->format == EXPORT_JSON;
}

/* A field as text, malloc'd; NULL for SQL's NULL. Hashes become hexadecimal. */
static char *field_text(struct exported *exported, int column)
{
    sqlite3_stmt *ballot = exported->query;
    const void *bytes = sqlite3_column_blob(ballot, column);
    size_t len = (size_t)sqlite3_column_bytes(ballot, column);
    int type = sqlite3_column_type(ballot, column);
    if (column == COLUMN_CHOICE)
        return must_join(exported->text, "");
    if (type == SQLITE_NULL)
        return NULL;
    char *text = must_calloc(TEXT_HEX_SIZE(len) + TEXT_TIME_SIZE, 1);
    if (column == COLUMN_TIME)
        text_time(sqlite3_column_int64(ballot, column), text);
    else if (type == SQLITE_BLOB)
        text_hex(bytes, len, text);
    else
        snprintf(text, len + 1, "%s", (const char *)sqlite3_column_text(ballot, column));
    return text;
}

static void print_csv(struct exported *exported)
{
    char *fields[COLUMN_COUNT];
    for (int i = 0; i < COLUMN_COUNT; i++)
        fields[i] = field_text(exported, i);
    csv_row(exported->invocation, (const char *const *)fields, COLUMN_COUNT);
    for (int i = 0; i < COLUMN_COUNT; i++)
        free(fields[i]);
}

static void print_json(struct exported *exported)
{
    json_t *object = json_object();
    for (int i = 0; i < COLUMN_COUNT; i++) {
        json_t *value;
        char *text = field_text(exported, i);
        if (i == COLUMN_SEQ)
            value = json_integer(sqlite3_column_int64(exported->query, i));
        else
            value = text ? output_json_text(text, strlen(text)) : json_null();
        json_object_set_new(object, column_names[i], value);
        free(text);
    }
    output_json(object);
}

static enum status print_ballot(struct exported *exported)
{
    enum status status = ballots_text(
        exported->ballots, exported->election,
        (uint32_t)sqlite3_column_int64(exported->query, COLUMN_CHOICE), exported->text);
    if (status == STATUS_DONE && is_json(exported->invocation))
        print_json(exported);
    else if (status == STATUS_DONE)
        print_csv(exported);
    return status;
}

static enum status print_ledger(struct exported *exported)
{
    bool has_row = true;
    enum status status = database_query(exported->database, ballots_sql, &exported->query);
    if (status != STATUS_DONE)
        return status;
    sqlite3_bind_int64(exported->query, 1, exported->poll);
    if (!is_json(exported->invocation))
        csv_heading(exported->invocation, column_names, COLUMN_COUNT);
    while (status == STATUS_DONE && has_row) {
        status = database_step(exported->database, exported->query, &has_row);
        if (status == STATUS_DONE && has_row)
            status = print_ballot(exported);
    }
    sqlite3_finalize(exported->query);
    return status;
}

/* ---- those that count ---- */

static void put(void *owner, const char *bytes, size_t len)
{
    (void)owner;
    output_text(stdout, bytes, len);
}

static enum status print_counted(struct exported *exported)
{
    const struct invocation *invocation = exported->invocation;
    election_sort(exported->election);
    if (is_json(invocation)) {
        election_json_write(exported->election, put, NULL);
    } else if (invocation->format == EXPORT_BLT) {
        blt_write(exported->election, put, NULL);
    } else {
        csv_begin(invocation);
        ballot_csv_write(exported->election, put, NULL);
    }
    return STATUS_DONE;
}

/* ---- which poll, and which way ---- */

static enum status find_poll(struct database *database, const char *word, int64_t *id,
                             bool *has_names)
{
    struct name name;
    sqlite3_stmt *query;
    bool has_row = false;
    *id = 0;
    enum status status =
        database_query(database, "SELECT id, record = 'name' FROM poll WHERE name = ?", &query);
    if (status != STATUS_DONE)
        return status;
    if (name_parse(word, strlen(word), &name)) {
        sqlite3_bind_text(query, 1, name.text, name.len, SQLITE_STATIC);
        status = database_step(database, query, &has_row);
        *id = sqlite3_column_int64(query, 0);
        *has_names = sqlite3_column_int(query, 1);
    }
    sqlite3_finalize(query);
    if (status == STATUS_DONE && !has_row) {
        output_error("%s: there is no such poll", word);
        return STATUS_REFUSED;
    }
    return status;
}

static enum status judge_format(const struct exported *exported, bool is_ledger)
{
    const struct invocation *invocation = exported->invocation;
    if (invocation->format != EXPORT_BLT || invocation->json)
        return STATUS_DONE;
    if (!is_ledger && exported->election->settings.value[SETTING_KIND] == KIND_RANKED)
        return STATUS_DONE;
    output_error(is_ledger ? "%s: BLT has no place for voters and times; --counted leaves them out"
                           : "%s: BLT is for ranked ballots; --format csv and json are for all",
                 invocation->argv[0]);
    return STATUS_USAGE;
}

static enum status print_ballots(struct exported *exported, bool has_names)
{
    const struct invocation *invocation = exported->invocation;
    const bool is_ledger = invocation->ledger ||
                           (has_names && !invocation->counted && invocation->format != EXPORT_BLT);
    bool has_poll;
    enum status status =
        ballots_open(exported->database, exported->poll, !is_ledger, &exported->ballots);
    if (status == STATUS_DONE)
        status = ballots_next(exported->ballots, exported->election, &exported->poll, &has_poll);
    if (status == STATUS_DONE)
        status = judge_format(exported, is_ledger);
    if (status == STATUS_DONE)
        status = is_ledger ? print_ledger(exported) : print_counted(exported);
    ballots_close(exported->ballots);
    return status;
}

static enum status export(const struct invocation *invocation, struct database *database) {
    bool has_names = false; struct exported *exported = must_calloc(1, sizeof *exported);
    *exported = (struct exported){.invocation = invocation,
                                  .database = database,
                                  .election = must_calloc(1, sizeof *exported->election)};
    enum status status = find_poll(database, invocation->argv[0], &exported->poll, &has_names);
    if (status == STATUS_DONE) status = print_ballots(exported, has_names);
    election_clear(exported->election);
    free(exported->election);
    free(exported);
    return status;
}

enum status command_export(const struct invocation *invocation)
{
    struct database *database;
    if (invocation->ledger && invocation->counted) {
        output_error("--ledger or --counted, not both");
        return STATUS_USAGE;
    }
    enum status status = database_open_fresh(invocation, &database);
    if (status != STATUS_DONE)
        return status;
    status = export(invocation, database);
    database_close(database);
    return status;
}
