/* `export`: all recorded ballots of a poll, in the order of the ledger. */
#include "tools/tallyctl/csv.h"
#include "tools/tallyctl/database.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/lib/text.h"

#include "proto/name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The columns of the query, of the CSV and of the JSON alike. */
enum { COLUMN_SEQ, COLUMN_TIME, COLUMN_CHOICE, COLUMN_VOTER, COLUMN_KEY, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {"seq", "time", "choice", "voter", "key"};

/* A choice without a name, which no server writes, is shown by its number. */
static const char ballots_sql[] =
    "SELECT b.seq, b.time_ns, coalesce(c.name, b.choice), coalesce(b.spelling, b.voter), b.key"
    "  FROM ballot b LEFT JOIN choice c ON c.poll = b.poll AND c.number = b.choice"
    " WHERE b.poll = ? ORDER BY b.seq";

/* A field as text, malloc'd; NULL for SQL's NULL. Hashes become hexadecimal. */
static char *field_text(sqlite3_stmt *ballot, int column)
{
    const void *bytes = sqlite3_column_blob(ballot, column);
    size_t len = (size_t)sqlite3_column_bytes(ballot, column);
    int type = sqlite3_column_type(ballot, column);
    char *text = type == SQLITE_NULL ? NULL : malloc(TEXT_HEX_SIZE(len) + TEXT_TIME_SIZE);
    if (type == SQLITE_NULL)
        return NULL;
    if (!text)
        memory_exhausted();
    if (column == COLUMN_TIME)
        text_time(sqlite3_column_int64(ballot, column), text);
    else if (type == SQLITE_BLOB)
        text_hex(bytes, len, text);
    else
        snprintf(text, len + 1, "%s", (const char *)sqlite3_column_text(ballot, column));
    return text;
}

static void print_csv(const struct invocation *invocation, sqlite3_stmt *ballot)
{
    char *fields[COLUMN_COUNT];
    for (int i = 0; i < COLUMN_COUNT; i++)
        fields[i] = field_text(ballot, i);
    csv_row(invocation, (const char *const *)fields, COLUMN_COUNT);
    for (int i = 0; i < COLUMN_COUNT; i++)
        free(fields[i]);
}

static void print_json(sqlite3_stmt *ballot)
{
    json_t *object = json_object();
    for (int i = 0; i < COLUMN_COUNT; i++) {
        json_t *value;
        char *text = field_text(ballot, i);
        if (i == COLUMN_SEQ)
            value = json_integer(sqlite3_column_int64(ballot, i));
        else
            value = text ? output_json_text(text, strlen(text)) : json_null();
        json_object_set_new(object, column_names[i], value);
        free(text);
    }
    output_json(object);
}

static enum status find_poll(struct database *database, const char *word, int64_t *id)
{
    struct name name;
    sqlite3_stmt *query;
    bool has_row = false;
    *id = 0;
    enum status status = database_query(database, "SELECT id FROM poll WHERE name = ?", &query);
    if (status != STATUS_DONE)
        return status;
    if (name_parse(word, strlen(word), &name)) {
        sqlite3_bind_text(query, 1, name.text, name.len, SQLITE_STATIC);
        status = database_step(database, query, &has_row);
        *id = sqlite3_column_int64(query, 0);
    }
    sqlite3_finalize(query);
    if (status == STATUS_DONE && !has_row) {
        output_error("%s: there is no such poll", word);
        return STATUS_REFUSED;
    }
    return status;
}

static enum status print_ballots(const struct invocation *invocation, struct database *database,
                                 int64_t poll)
{
    sqlite3_stmt *ballot;
    bool has_row = true;
    bool is_json = invocation->json || invocation->format == EXPORT_JSON;
    enum status status = database_query(database, ballots_sql, &ballot);
    if (status != STATUS_DONE)
        return status;
    sqlite3_bind_int64(ballot, 1, poll);
    if (!is_json)
        csv_heading(invocation, column_names, COLUMN_COUNT);
    while ((status = database_step(database, ballot, &has_row)) == STATUS_DONE && has_row) {
        if (is_json)
            print_json(ballot);
        else
            print_csv(invocation, ballot);
    }
    sqlite3_finalize(ballot);
    return status;
}

enum status command_export(const struct invocation *invocation)
{
    struct database *database;
    int64_t poll;
    enum status status = database_open_fresh(invocation, &database);
    if (status != STATUS_DONE)
        return status;
    status = find_poll(database, invocation->argv[0], &poll);
    if (status == STATUS_DONE)
        status = print_ballots(invocation, database, poll);
    database_close(database);
    return status;
}
