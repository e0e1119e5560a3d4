/* `recount`: counts the tallies again, from the ballots alone, and compares them with what the
 * server last showed. The schema's view `tally` does the counting, so anybody can repeat it with
 * SQL. Then it tells each poll's result, which the server computes from the same ballots. */
#include "tools/tallyctl/database.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/progress.h"
#include "tools/tallyctl/recounted.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One row a poll: its name, the recount, the tally shown. Either line may be NULL. */
static const char tallies_sql[] = "WITH recount AS MATERIALIZED (SELECT poll, line FROM tally)"
                                  "SELECT p.name, r.line, l.line"
                                  "  FROM poll p LEFT JOIN recount r ON r.poll = p.id"
                                  "  LEFT JOIN last_tally l ON l.poll = p.id ORDER BY p.id";

/* Faults that must not be there, beside differing tallies. */
static const struct check {
    const char *name;
    const char *sql;
} checks[] = {
    {"tallies of a poll that there isn't",
     "SELECT count(*) FROM last_tally l LEFT JOIN poll p ON p.id = l.poll WHERE p.id IS NULL"},
};

/* One poll's or one check's outcome. */
struct finding {
    const char *name; /* NULL in a file that is damaged */
    bool is_same;
    const char *shown;                /* NULL if there is none */
    const char *recounted;            /* likewise */
    const struct result_view *result; /* NULL if there can be none */
};

static const char *column_text(sqlite3_stmt *query, int column)
{
    return (const char *)sqlite3_column_text(query, column);
}

static void print_quoted(const char *heading, const char *line)
{
    printf(" %s ", heading);
    if (!line)
        fputs("nothing", stdout);
    else
        output_text(stdout, line, strlen(line));
}

static void print_poll(const struct finding *poll)
{
    const char *name = poll->name ? poll->name : "(a poll without a name)";
    progress_end();
    output_text(stdout, name, strlen(name));
    if (poll->is_same) {
        fputs(": ok", stdout);
    } else {
        fputs(": DIFFERS:", stdout);
        print_quoted("shown", poll->shown);
        print_quoted("| recounted", poll->recounted);
    }
    putchar('\n');
    if (poll->result) {
        fputs("  ", stdout);
        recounted_print(poll->result, stdout);
        putchar('\n');
    }
}

static json_t *json_or_null(const char *text)
{
    return text ? output_json_text(text, strlen(text)) : json_null();
}

static void print_poll_json(const struct finding *poll)
{
    output_json(json_pack("{s:o, s:b, s:o, s:o, s:o}", "poll", json_or_null(poll->name), "ok",
                          poll->is_same, "shown", json_or_null(poll->shown), "recounted",
                          json_or_null(poll->recounted), "result",
                          poll->result ? result_view_json(poll->result) : json_null()));
}

/* Compares the present poll's tally, and tells it with the poll's result. */
static void compare_poll(const struct invocation *invocation, sqlite3_stmt *query,
                         struct recounted *recounted, uint64_t *differences)
{
    struct result_view result = {0};
    struct finding poll = {.name = column_text(query, 0),
                           .shown = column_text(query, 2),
                           .recounted = column_text(query, 1)};
    if (recounted_next(recounted, poll.recounted, &result) == STATUS_DONE)
        poll.result = &result;
    poll.is_same = poll.shown && poll.recounted && strcmp(poll.shown, poll.recounted) == 0;
    *differences += !poll.is_same || !poll.result;
    if (invocation->json)
        print_poll_json(&poll);
    else
        print_poll(&poll);
    result_view_clear(&result);
}

static enum status compare_polls(const struct invocation *invocation, struct database *database,
                                 uint64_t *differences)
{
    sqlite3_stmt *query;
    struct recounted *recounted = NULL;
    bool has_row = true;
    enum status status = database_query(database, tallies_sql, &query);
    if (status != STATUS_DONE)
        return status;
    database_show_progress(database, "counting ballots, pages");
    status = recounted_open(database, &recounted);
    while (status == STATUS_DONE && has_row) {
        status = database_step(database, query, &has_row);
        if (status == STATUS_DONE && has_row)
            compare_poll(invocation, query, recounted, differences);
    }
    recounted_close(recounted);
    sqlite3_finalize(query);
    return status;
}

/* Reports one check's outcome: how often it failed, in the given words. */
static void tell_check(const struct invocation *invocation, const char *name, int64_t count,
                       const char *words)
{
    if (invocation->json)
        output_json(json_pack("{s:s, s:b, s:I}", "check", name, "ok", count == 0, "count",
                              (json_int_t)count));
    if (count > 0)
        output_error("%s", words);
}

static enum status run_check(const struct invocation *invocation, struct database *database,
                             const struct check *check, uint64_t *differences)
{
    sqlite3_stmt *query;
    bool has_row;
    char words[128];
    enum status status = database_query(database, check->sql, &query);
    if (status != STATUS_DONE)
        return status;
    status = database_step(database, query, &has_row);
    int64_t count = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    if (status != STATUS_DONE)
        return status;
    snprintf(words, sizeof words, "%s: %" PRId64, check->name, count);
    tell_check(invocation, check->name, count, words);
    *differences += count > 0;
    return STATUS_DONE;
}

/* Has SQLite check every page, since the loader does not read them all. */
static enum status check_pages(const struct invocation *invocation, struct database *database,
                               uint64_t *differences)
{
    sqlite3_stmt *query;
    bool has_row = true;
    int64_t count = 0;
    enum status status = database_query(database, "PRAGMA integrity_check(5)", &query);
    if (status != STATUS_DONE)
        return status;
    database_show_progress(database, "checking pages");
    while ((status = database_step(database, query, &has_row)) == STATUS_DONE && has_row) {
        const char *line = column_text(query, 0);
        if (line && strcmp(line, "ok") == 0)
            break;
        output_error("damaged: %s", line ? line : "nobody knows how");
        count++;
    }
    sqlite3_finalize(query);
    if (invocation->json && status == STATUS_DONE)
        output_json(json_pack("{s:s, s:b, s:I}", "check", "damaged pages", "ok", count == 0,
                              "count", (json_int_t)count));
    *differences += count > 0;
    return status;
}

static void check_start(const struct invocation *invocation, struct database *database,
                        uint64_t *differences)
{
    char *words = NULL;
    progress_show("loading as a server does", 0, 0);
    const char *why = database_judge(database);
    if (asprintf(&words, "a server would not start with it: %s", why ? why : "") < 0)
        memory_exhausted();
    tell_check(invocation, "refused by a server", why != NULL, words);
    *differences += why != NULL;
    free(words);
}

/* Whatever a step finds, the next one may find more. */
static enum status recount(const struct invocation *invocation, struct database *database)
{
    uint64_t differences = 0;
    enum status status = compare_polls(invocation, database, &differences);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && status == STATUS_DONE; i++)
        status = run_check(invocation, database, &checks[i], &differences);
    enum status pages = check_pages(invocation, database, &differences);
    check_start(invocation, database, &differences);
    if (status == STATUS_DONE)
        status = pages;
    progress_end();
    if (status == STATUS_DONE)
        status = database_verify_still(database);
    return status == STATUS_DONE && differences > 0 ? STATUS_REFUSED : status;
}

enum status command_recount(const struct invocation *invocation)
{
    struct database *database;
    enum status status = invocation->argc > 0 ? database_open_file(invocation->argv[0], &database)
                                              : database_open_fresh(invocation, &database);
    if (status != STATUS_DONE)
        return status;
    status = recount(invocation, database);
    database_close(database);
    return status;
}
