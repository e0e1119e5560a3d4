/* What was cast, answered and shown, and whether the database agrees. */
#include "tests/torture/book.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const book_poll_names[BOOK_POLLS] = {"lunch", "noise"};

static const char *const creations[BOOK_POLLS] = {
    "CREATE lunch pizza sushi voters=named record=name",
    "CREATE noise loud quiet ballots=unlimited",
};

void book_init(struct book *book, struct victim *victim)
{
    *book = (struct book){.victim = victim};
}

void book_free(struct book *book)
{
    free(book->ballots);
    free(book->tallies);
}

/* Room for one more. */
static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity * 2 + 64;
    array = reallocarray(array, *capacity, size);
    if (!array)
        abort();
    return array;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* What a server in trouble may say to something that would be recorded. */
static bool is_refusal(struct book *book, const char *reply)
{
    static const char *const codes[] = {"-LIMIT ", "-SHUTTING-DOWN ", "-POLL-CLOSED "};
    if (begins(reply, "-STORAGE ")) {
        book->refused_storage++;
        return true;
    }
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (begins(reply, codes[i])) {
            book->refused_otherwise++;
            return true;
        }
    return false;
}

bool book_create(struct book *book, struct peer *admin, unsigned poll)
{
    enum fate before = book->polls[poll];
    book->polls[poll] = before == FATE_COUNTED ? before : FATE_UNKNOWN;
    const char *reply = peer_ask(admin, creations[poll], NULL, NULL);
    if (!reply)
        return false;
    bool exists = begins(reply, "-POLL-EXISTS ");
    if (exists ? before == FATE_UNSENT || before == FATE_REFUSED
               : before == FATE_COUNTED || !(begins(reply, "+OK ") || is_refusal(book, reply)))
        victim_fail(book->victim, "%s is answered \"%s\"", creations[poll], reply);
    book->polls[poll] = exists || reply[0] == '+' ? FATE_COUNTED : FATE_REFUSED;
    return true;
}

size_t book_add(struct book *book, unsigned poll)
{
    book->ballots =
        grow(book->ballots, book->ballot_count, &book->ballot_capacity, sizeof *book->ballots);
    size_t number = book->ballot_count++;
    book->ballots[number] = (struct book_ballot){.poll = poll, .choice = 1 + number / 2 % 2};
    return number;
}

static bool is_wanted(const struct book_ballot *ballot, bool again)
{
    return again || ballot->fate != FATE_COUNTED;
}

void book_send(struct book *book, struct peer *peer, size_t from, size_t to, bool again)
{
    size_t size = (to - from) * BOOK_LINE_MAX, len = 0;
    char *lines = malloc(size + 1);
    if (!lines)
        abort();
    for (size_t i = from; i < to; i++) {
        struct book_ballot *ballot = &book->ballots[i];
        if (!is_wanted(ballot, again))
            continue;
        len += (size_t)snprintf(lines + len, BOOK_LINE_MAX, "VOTE %s %u id=ballot%zu",
                                book_poll_names[ballot->poll], ballot->choice, i);
        if (ballot->poll == 0)
            len += (size_t)snprintf(lines + len, BOOK_LINE_MAX, " as=voter%zu", i);
        lines[len++] = '\n';
    }
    peer_send(peer, lines, len);
    free(lines);
}

/* Takes one answer; `before` is what was known of the ballot. */
static void take_answer(struct book *book, size_t number, enum fate before, const char *reply)
{
    struct book_ballot *ballot = &book->ballots[number];
    char *end = NULL;
    uint64_t seq = begins(reply, "+OK ") ? strtoull(reply + 4, &end, 10) : 0;
    bool plain = seq > 0 && *end == '\0', duplicate = seq > 0 && strcmp(end, " duplicate") == 0;
    if (before == FATE_COUNTED && (!duplicate || seq != ballot->seq))
        victim_fail(book->victim,
                    "ballot %zu was counted as %" PRIu64 ", and is now answered \"%s\"", number,
                    ballot->seq, reply);
    if (duplicate && (before == FATE_REFUSED || before == FATE_UNSENT))
        victim_fail(book->victim, "ballot %zu was %s, and is now answered \"%s\"", number,
                    before == FATE_REFUSED ? "refused" : "never sent", reply);
    bool no_poll = book->polls[ballot->poll] != FATE_COUNTED && begins(reply, "-NO-SUCH-POLL ");
    if (!plain && !duplicate && !no_poll && !is_refusal(book, reply))
        victim_fail(book->victim, "ballot %zu is answered \"%s\"", number, reply);
    ballot->fate = plain || duplicate ? FATE_COUNTED : FATE_REFUSED;
    ballot->seq = seq;
}

bool book_take_answers(struct book *book, struct peer *peer, size_t from, size_t to, bool again)
{
    const char *reply = "";
    for (size_t i = from; i < to; i++) {
        struct book_ballot *ballot = &book->ballots[i];
        if (!is_wanted(ballot, again))
            continue;
        enum fate before = ballot->fate;
        do
            reply = reply ? peer_line(peer) : NULL;
        while (reply && reply[0] == '>');
        if (reply)
            take_answer(book, i, before, reply);
        else if (before != FATE_COUNTED)
            ballot->fate = FATE_UNKNOWN;
    }
    return reply != NULL;
}

unsigned book_show(struct book *book, const char *tally, uint64_t *seq)
{
    char name[65], state[8];
    struct book_tally shown = {0};
    if (sscanf(tally, "%64s %7s %" SCNu64 " %" SCNu64 " %*[a-z]=%" SCNu64 " %*[a-z]=%" SCNu64, name,
               state, &shown.seq, &shown.ballots, &shown.counts[0], &shown.counts[1]) != 6)
        return BOOK_POLLS;
    while (shown.poll < BOOK_POLLS && strcmp(book_poll_names[shown.poll], name) != 0)
        shown.poll++;
    if (shown.poll == BOOK_POLLS)
        return BOOK_POLLS;
    book->tallies =
        grow(book->tallies, book->tally_count, &book->tally_capacity, sizeof *book->tallies);
    book->tallies[book->tally_count++] = shown;
    *seq = shown.seq;
    return shown.poll;
}

size_t book_count(const struct book *book, enum fate fate)
{
    size_t count = 0;
    for (size_t i = 0; i < book->ballot_count; i++)
        count += book->ballots[i].fate == fate;
    return count;
}

/* ---- judging ---- */

static sqlite3 *open_database(const struct book *book, const char *path)
{
    char uri[VICTIM_PATH_MAX + 32];
    sqlite3 *database;
    snprintf(uri, sizeof uri, "file:%s?immutable=1", path);
    if (sqlite3_open_v2(uri, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        victim_fail(book->victim, "%s: %s", path, sqlite3_errmsg(database));
    return database;
}

/* The view takes all sheets apart for each question; a table of the same name, beside the file,
 * does it once. */
static void spread_ballots(const struct book *book, sqlite3 *database)
{
    if (sqlite3_exec(database,
                     "PRAGMA temp_store=MEMORY;"
                     "CREATE TEMP TABLE ballot AS SELECT * FROM main.ballot;"
                     "CREATE UNIQUE INDEX temp.ballot_seq ON ballot(seq)",
                     NULL, NULL, NULL) != SQLITE_OK)
        victim_fail(book->victim, "the ballots can't be read: %s", sqlite3_errmsg(database));
}

static sqlite3_stmt *prepare(const struct book *book, sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        victim_fail(book->victim, "%s: %s", sql, sqlite3_errmsg(database));
    return statement;
}

static uint64_t query(const struct book *book, sqlite3 *database, const char *sql)
{
    sqlite3_stmt *row = prepare(book, database, sql);
    if (sqlite3_step(row) != SQLITE_ROW)
        victim_fail(book->victim, "%s: %s", sql, sqlite3_errmsg(database));
    uint64_t value = (uint64_t)sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return value;
}

uint64_t book_query(const struct book *book, const char *path, const char *sql)
{
    sqlite3 *database = open_database(book, path);
    uint64_t value = query(book, database, sql);
    sqlite3_close(database);
    return value;
}

/* A counted ballot is the row of its sequence, and says what was cast. */
static void judge_ballots(const struct book *book, sqlite3 *database)
{
    sqlite3_stmt *row = prepare(book, database,
                                "SELECT count(*) FROM ballot b JOIN poll p ON p.id = b.poll WHERE "
                                "b.seq = ?1 AND p.name = ?2 AND b.choice = ?3 AND (?4 IS NULL OR "
                                "b.voter = ?4)");
    for (size_t i = 0; i < book->ballot_count; i++) {
        const struct book_ballot *ballot = &book->ballots[i];
        char voter[32];
        if (ballot->fate != FATE_COUNTED)
            continue;
        snprintf(voter, sizeof voter, "voter%zu", i);
        sqlite3_bind_int64(row, 1, (sqlite3_int64)ballot->seq);
        sqlite3_bind_text(row, 2, book_poll_names[ballot->poll], -1, SQLITE_STATIC);
        sqlite3_bind_int64(row, 3, ballot->choice);
        if (ballot->poll == 0)
            sqlite3_bind_text(row, 4, voter, -1, SQLITE_STATIC);
        else
            sqlite3_bind_null(row, 4);
        if (sqlite3_step(row) != SQLITE_ROW || sqlite3_column_int64(row, 0) != 1)
            victim_fail(book->victim,
                        "ballot %zu was counted as %" PRIu64 ", and is not in the database so", i,
                        ballot->seq);
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
}

/* Nobody votes twice here, so a tally is the count of the ballots up to its sequence. */
static void judge_tallies(const struct book *book, sqlite3 *database)
{
    sqlite3_stmt *row =
        prepare(book, database,
                "SELECT count(*), coalesce(sum(choice = 1), 0), coalesce(sum(choice = 2), 0) FROM "
                "ballot WHERE poll = (SELECT id FROM poll WHERE name = ?1) AND seq <= ?2");
    for (size_t i = 0; i < book->tally_count; i++) {
        const struct book_tally *shown = &book->tallies[i];
        sqlite3_bind_text(row, 1, book_poll_names[shown->poll], -1, SQLITE_STATIC);
        sqlite3_bind_int64(row, 2, (sqlite3_int64)shown->seq);
        if (sqlite3_step(row) != SQLITE_ROW ||
            (uint64_t)sqlite3_column_int64(row, 0) != shown->ballots ||
            (uint64_t)sqlite3_column_int64(row, 1) != shown->counts[0] ||
            (uint64_t)sqlite3_column_int64(row, 2) != shown->counts[1])
            victim_fail(book->victim,
                        "%s was shown with %" PRIu64 " ballots (%" PRIu64 " and %" PRIu64
                        ") at %" PRIu64 ", when the database has %lld",
                        book_poll_names[shown->poll], shown->ballots, shown->counts[0],
                        shown->counts[1], shown->seq, sqlite3_column_int64(row, 0));
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
}

void book_judge(const struct book *book, const char *path, uint64_t others)
{
    sqlite3 *database = open_database(book, path);
    spread_ballots(book, database);
    judge_ballots(book, database);
    judge_tallies(book, database);
    uint64_t rows = query(book, database, "SELECT count(*) FROM ballot") - others;
    size_t least = book_count(book, FATE_COUNTED);
    if (rows < least || rows > least + book_count(book, FATE_UNKNOWN))
        victim_fail(book->victim, "the database has %" PRIu64 " ballots where %zu are counted",
                    rows, least);
    if (query(book, database,
              "SELECT count(*) FROM tally t LEFT JOIN last_tally l USING (poll) "
              "WHERE t.line IS NOT l.line") != 0)
        victim_fail(book->victim, "a recount gives something else than what was last shown");
    if (query(book, database,
              "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") != 0)
        victim_fail(book->victim, "the database is damaged");
    sqlite3_close(database);
}
