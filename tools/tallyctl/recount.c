/* `recount`: counts the tallies again, from the ballots alone, and compares them with what the
 * server last showed. The schema's view `tally` does the counting, so anybody can repeat it with
 * SQL. Then it computes each poll's result from the same ballots; if there is a server, that is
 * compared with the result that it shows. */
#include "proto/reply.h"
#include "tools/tallyctl/client.h"
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
    const char *shown;                      /* NULL if there is none */
    const char *recounted;                  /* likewise */
    const struct result_view *result;       /* recounted; NULL if there can be none */
    const struct result_view *shown_result; /* NULL if there is none of this very tally */
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

static bool results_differ(const struct finding *poll)
{
    return poll->result && poll->shown_result &&
           !result_view_equal(poll->result, poll->shown_result);
}

static void print_result(const char *heading, const struct result_view *result)
{
    if (!result)
        return;
    fputs(heading, stdout);
    recounted_print(result, stdout);
    putchar('\n');
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
    print_result("  ", poll->result);
    if (results_differ(poll))
        print_result("  DIFFERS from the result shown: ", poll->shown_result);
}

static json_t *json_or_null(const char *text)
{
    return text ? output_json_text(text, strlen(text)) : json_null();
}

static json_t *result_json(const struct result_view *result)
{
    return result ? result_view_json(result) : json_null();
}

static void print_poll_json(const struct finding *poll)
{
    output_json(json_pack("{s:o, s:b, s:o, s:o, s:o, s:o}", "poll", json_or_null(poll->name), "ok",
                          poll->is_same, "shown", json_or_null(poll->shown), "recounted",
                          json_or_null(poll->recounted), "result", result_json(poll->result),
                          "shown_result", result_json(poll->shown_result)));
}

/* Asks the server for the result that it shows. It is comparable only if it is of the very tally
 * that was recounted: ballots may have come since the backup, or the newest be uncounted yet. */
static enum status ask_shown(struct client *client, struct finding *poll, struct result_view *shown)
{
    struct tally_row *tally = must_calloc(1, sizeof *tally);
    enum status status = STATUS_DONE;
    if (poll->name && poll->recounted &&
        tally_parse(poll->recounted, strlen(poll->recounted), tally)) {
        status = result_view_ask(shown, client, poll->name, false);
        if (status == STATUS_DONE && shown->seq == tally->seq && !result_view_is_hidden(shown))
            poll->shown_result = shown;
    }
    free(tally);
    return status;
}

/* What the present poll is compared with, and how. */
struct comparison {
    const struct invocation *invocation;
    struct recounted *recounted; /* owned */
    struct client *client;       /* of the server whose backup this is; or NULL */
    uint64_t *differences;
};

static enum status compare_results(struct comparison *comparison, struct finding *poll,
                                   struct result_view *result, struct result_view *shown)
{
    if (recounted_next(comparison->recounted, poll->recounted, result) == STATUS_DONE)
        poll->result = result;
    return comparison->client ? ask_shown(comparison->client, poll, shown) : STATUS_DONE;
}

/* Compares the present poll's tally and result, and tells them. */
static enum status compare_poll(struct comparison *comparison, sqlite3_stmt *query)
{
    struct result_view result = {0}, shown = {0};
    struct finding poll = {.name = column_text(query, 0),
                           .shown = column_text(query, 2),
                           .recounted = column_text(query, 1)};
    enum status status = compare_results(comparison, &poll, &result, &shown);
    poll.is_same = poll.shown && poll.recounted && strcmp(poll.shown, poll.recounted) == 0;
    *comparison->differences += !poll.is_same || !poll.result || results_differ(&poll);
    if (comparison->invocation->json)
        print_poll_json(&poll);
    else
        print_poll(&poll);
    result_view_clear(&result);
    result_view_clear(&shown);
    return status;
}

static enum status compare_polls(struct comparison *comparison, struct database *database)
{
    sqlite3_stmt *query;
    bool has_row = true;
    enum status status = database_query(database, tallies_sql, &query);
    if (status != STATUS_DONE)
        return status;
    database_show_progress(database, "counting ballots, pages");
    status = recounted_open(database, &comparison->recounted);
    while (status == STATUS_DONE && has_row) {
        status = database_step(database, query, &has_row);
        if (status == STATUS_DONE && has_row)
            status = compare_poll(comparison, query);
    }
    recounted_close(comparison->recounted);
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
static enum status recount(const struct invocation *invocation, struct database *database,
                           struct client *client)
{
    uint64_t differences = 0;
    struct comparison comparison = {invocation, NULL, client, &differences};
    enum status status = compare_polls(&comparison, database);
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

static enum status recount_file(const struct invocation *invocation)
{
    struct database *database;
    enum status status = database_open_file(invocation->argv[0], &database);
    if (status != STATUS_DONE)
        return status;
    status = recount(invocation, database, NULL);
    database_close(database);
    return status;
}

static enum status recount_server(const struct invocation *invocation)
{
    struct database *database;
    struct client *client;
    enum status status = database_open_fresh(invocation, &database);
    if (status != STATUS_DONE)
        return status;
    status = client_open(invocation, &client);
    if (status == STATUS_DONE) {
        status = recount(invocation, database, client);
        client_close(client);
    }
    database_close(database);
    return status;
}

enum status command_recount(const struct invocation *invocation)
{
    return invocation->argc > 0 ? recount_file(invocation) : recount_server(invocation);
}
