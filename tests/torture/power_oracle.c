/* The oracle: reads the rows, and goes through the facts. It shares no counting with the server,
 * nor with the view `tally`. One thread. */
#include "tests/torture/power_oracle.h"

#include "proto/error.h"

#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_MAX = 2 * POWER_CASTS_MAX };

struct ballot {
    uint64_t seq;
    uint32_t poll;
    uint32_t said; /* see pack */
    bool has_key;
    struct hash voter, key;
    const struct ballot *replaced; /* the same voter's ballot that counted until this one */
};

struct event {
    uint64_t seq;
    uint32_t poll;
    char kind[8];
    bool opens; /* the poll is open after it */
};

/* What a ballot says: four bits a choice, and a bit that tells it from an abstention, which is 0.
 */
enum { MARK_BITS = 4, SAID = 1 << (MARK_BITS * POWER_CHOICES), SAID_NOTHING = 1 << 30 };

static uint32_t pack(const uint8_t *marks)
{
    uint32_t said = SAID;
    for (unsigned i = 0; i < POWER_CHOICES; i++)
        said |= (uint32_t)marks[i] << (MARK_BITS * i);
    return said;
}

static uint32_t mark_of(uint32_t said, unsigned choice)
{
    return said >> (MARK_BITS * choice) & 15;
}

static uint32_t said_by(const struct cast *cast)
{
    struct marks marks;
    says_marks(&power_polls[cast->poll - 1].says, cast->says, &marks);
    return marks.abstains ? 0 : pack(marks.mark);
}

/* A database that was read. */
struct book {
    const struct history *history;
    size_t facts;
    struct voter_key key;
    size_t ballot_count, event_count;
    struct ballot ballots[ROWS_MAX]; /* by sequence */
    struct event events[ROWS_MAX];   /* by sequence */
    const struct ballot *by_voter[ROWS_MAX];
    uint64_t cast_fingerprints[POWER_CASTS_MAX];
    const struct fact *told[POWER_FACTS_MAX];
    char *why;
};

static bool __attribute__((format(printf, 2, 3))) wrong(struct book *book, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(book->why, ORACLE_WHY_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- reading ---- */

static bool query_is(struct book *book, sqlite3 *db, const char *sql, const char *expected)
{
    sqlite3_stmt *row;
    bool good = false;
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(row, 0);
        good = text && strcmp(text, expected) == 0;
        if (!good)
            wrong(book, "%s gives %s", sql, text ? text : "NULL");
    } else {
        wrong(book, "%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_finalize(row);
    return good;
}

static bool is_sound(struct book *book, sqlite3 *db)
{
    return query_is(book, db, "PRAGMA integrity_check", "ok") &&
           query_is(book, db,
                    "SELECT count(*) FROM poll p LEFT JOIN tally t ON t.poll = p.id"
                    " LEFT JOIN last_tally l ON l.poll = p.id WHERE t.line IS NOT l.line",
                    "0") &&
           query_is(book, db, "SELECT count(*) FROM ballot JOIN poll_event USING (seq)", "0") &&
           query_is(book, db,
                    "SELECT (SELECT count(*) FROM value) -"
                    " (SELECT count(*) FROM (SELECT DISTINCT poll, marks FROM value))",
                    "0") &&
           query_is(book, db,
                    "SELECT count(*) FROM value WHERE seq NOT IN (SELECT seq FROM ballot)", "0");
}

static struct hash read_hash(const struct book *book, sqlite3_stmt *row, int column, uint32_t poll)
{
    const void *bytes = sqlite3_column_blob(row, column);
    size_t len = (size_t)sqlite3_column_bytes(row, column);
    if (sqlite3_column_type(row, column) == SQLITE_TEXT)
        return voter_hash(&book->key, VOTER_HASH_VOTER, poll, bytes, len);
    return len == HASH_BYTES ? hash_from_bytes(bytes) : (struct hash){0};
}

/* The columns of a ballot. */
enum { SEQ, POLL, CHOICE, VALUE, MARKS, DEFINED_BY, VOTER, KEY };
#define BALLOTS                                                                             \
    "SELECT b.seq, b.poll, b.choice, b.value, v.marks, v.seq, b.voter, b.key FROM ballot b" \
    " LEFT JOIN value v ON v.poll = b.poll AND v.number = b.value ORDER BY b.seq"

/* A value must have been defined by this ballot, or by one before it. */
static uint32_t read_said(sqlite3_stmt *row)
{
    uint8_t marks[POWER_CHOICES] = {0};
    const int choice = sqlite3_column_int(row, CHOICE);
    if (choice >= 1 && choice <= POWER_CHOICES)
        marks[choice - 1] = 1;
    else if (sqlite3_column_bytes(row, MARKS) == POWER_CHOICES &&
             sqlite3_column_int64(row, DEFINED_BY) <= sqlite3_column_int64(row, SEQ))
        memcpy(marks, sqlite3_column_blob(row, MARKS), sizeof marks);
    else
        return sqlite3_column_int(row, VALUE) == VALUE_ABSTAIN ? 0 : SAID_NOTHING;
    return pack(marks);
}

static void read_ballot(struct book *book, sqlite3_stmt *row)
{
    struct ballot *ballot = &book->ballots[book->ballot_count++];
    uint32_t poll = (uint32_t)sqlite3_column_int(row, POLL);
    *ballot = (struct ballot){
        .seq = (uint64_t)sqlite3_column_int64(row, SEQ),
        .poll = poll,
        .said = read_said(row),
        .voter = read_hash(book, row, VOTER, poll),
        .has_key = sqlite3_column_type(row, KEY) != SQLITE_NULL,
    };
    if (ballot->has_key)
        ballot->key = read_hash(book, row, KEY, poll);
}

static void read_event(struct book *book, sqlite3_stmt *row)
{
    struct event *event = &book->events[book->event_count++];
    const char *kind = (const char *)sqlite3_column_text(row, 2);
    const char *text = (const char *)sqlite3_column_text(row, 3);
    *event = (struct event){.seq = (uint64_t)sqlite3_column_int64(row, 0),
                            .poll = (uint32_t)sqlite3_column_int(row, 1)};
    snprintf(event->kind, sizeof event->kind, "%s", kind ? kind : "");
    event->opens = strcmp(event->kind, "open") == 0 ||
                   (strcmp(event->kind, "create") == 0 && text && strcmp(text, "open") == 0);
}

static bool read_rows(struct book *book, sqlite3 *db, const char *sql,
                      void (*read)(struct book *, sqlite3_stmt *))
{
    sqlite3_stmt *row;
    int code = sqlite3_prepare_v2(db, sql, -1, &row, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        read(book, row);
        code = SQLITE_OK;
        if (book->ballot_count == ROWS_MAX || book->event_count == ROWS_MAX)
            break;
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE || wrong(book, "%s: %s", sql, sqlite3_errmsg(db));
}

static bool read_book(struct book *book, const char *path)
{
    sqlite3 *db = NULL;
    book->ballot_count = book->event_count = 0;
    bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK ||
                wrong(book, "%s: %s", path, sqlite3_errmsg(db));
    good = good && is_sound(book, db) && read_rows(book, db, BALLOTS, read_ballot) &&
           read_rows(book, db, "SELECT seq, poll, kind, text FROM poll_event ORDER BY seq",
                     read_event);
    sqlite3_close(db);
    return good;
}

/* ---- looking things up ---- */

static const struct ballot *ballot_at(const struct book *book, uint64_t seq)
{
    size_t from = 0, to = book->ballot_count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (book->ballots[middle].seq == seq)
            return &book->ballots[middle];
        if (book->ballots[middle].seq < seq)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static const struct event *event_at(const struct book *book, uint64_t seq)
{
    for (size_t i = 0; i < book->event_count; i++)
        if (book->events[i].seq == seq)
            return &book->events[i];
    return NULL;
}

static int compare_hashes(struct hash a, struct hash b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return (a.low > b.low) - (a.low < b.low);
}

/* What a ballot is known again by. */
static struct hash identity(const struct ballot *ballot)
{
    return ballot->has_key ? ballot->key : ballot->voter;
}

static int compare_voters(const void *left, const void *right)
{
    const struct ballot *a = *(const struct ballot *const *)left;
    const struct ballot *b = *(const struct ballot *const *)right;
    if (a->poll != b->poll)
        return a->poll < b->poll ? -1 : 1;
    int order = compare_hashes(identity(a), identity(b));
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

static struct hash cast_identity(const struct book *book, const struct cast *cast)
{
    return cast->key > 0 ? power_key(&book->key, cast) : power_voter(&book->key, cast);
}

/* ---- no ballot twice, none of nobody's ---- */

static uint64_t fingerprint(uint32_t poll, uint32_t said, struct hash who)
{
    return who.high ^ (who.low << 1) ^ ((uint64_t)poll << 32) ^ said;
}

static int compare_fingerprints(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static bool check_casts(struct book *book)
{
    const struct history *history = book->history;
    size_t count = 0, casts = 0;
    for (size_t i = 0; i < book->facts; i++)
        if (history->facts[i].kind == FACT_SENT)
            casts = history->facts[i].number;
    for (size_t i = 0; i < casts; i++) {
        const struct cast *cast = &history->casts[i];
        if (cast->kind == REQUEST_BALLOT)
            book->cast_fingerprints[count++] =
                fingerprint(cast->poll, said_by(cast), cast_identity(book, cast));
    }
    qsort(book->cast_fingerprints, count, sizeof *book->cast_fingerprints, compare_fingerprints);
    for (size_t i = 0; i < book->ballot_count; i++) {
        const struct ballot *ballot = &book->ballots[i];
        uint64_t wanted = fingerprint(ballot->poll, ballot->said, identity(ballot));
        if (!bsearch(&wanted, book->cast_fingerprints, count, sizeof wanted, compare_fingerprints))
            return wrong(book, "nobody cast ballot %" PRIu64, ballot->seq);
    }
    return true;
}

/* Also notes which ballot replaced which. */
static bool check_voters(struct book *book)
{
    for (size_t i = 0; i < book->ballot_count; i++)
        book->by_voter[i] = &book->ballots[i];
    qsort(book->by_voter, book->ballot_count, sizeof *book->by_voter, compare_voters);
    for (size_t i = 1; i < book->ballot_count; i++) {
        const struct ballot *earlier = book->by_voter[i - 1];
        struct ballot *later = &book->ballots[book->by_voter[i] - book->ballots];
        if (earlier->poll != later->poll || compare_hashes(identity(earlier), identity(later)) != 0)
            continue;
        if (power_polls[later->poll - 1].ballots != BALLOTS_CHANGEABLE ||
            earlier->said == later->said)
            return wrong(book, "ballot %" PRIu64 " is there again as %" PRIu64, earlier->seq,
                         later->seq);
        later->replaced = earlier;
    }
    return true;
}

/* ---- what was answered ---- */

static bool is_of_voter(const struct book *book, const struct ballot *ballot,
                        const struct cast *cast)
{
    return ballot && ballot->poll == cast->poll && ballot->has_key == (cast->key > 0) &&
           compare_hashes(identity(ballot), cast_identity(book, cast)) == 0;
}

static bool check_ballot_answer(struct book *book, const struct fact *fact, const struct cast *cast)
{
    const struct ballot *ballot = ballot_at(book, fact->number);
    const struct event *event;
    bool says_same = ballot && ballot->said == said_by(cast);
    switch (fact->error) {
    case 0:
        return (is_of_voter(book, ballot, cast) && says_same) ||
               wrong(book, "acknowledged ballot %" PRIu64 " of cast %u%s %s", fact->number,
                     fact->cast, fact->duplicate ? " (a duplicate)" : "",
                     ballot ? "is another one now" : "is lost");
    case ERR_ALREADY_VOTED:
        return (is_of_voter(book, ballot, cast) && !says_same) ||
               wrong(book, "cast %u was refused for ballot %" PRIu64 ", which is not there",
                     fact->cast, fact->number);
    case ERR_POLL_CLOSED:
        event = event_at(book, fact->number);
        return (event && event->poll == cast->poll && !event->opens) ||
               wrong(book, "cast %u was refused for the closing %" PRIu64 ", which is not there",
                     fact->cast, fact->number);
    default:
        return wrong(book, "cast %u was answered -%s", fact->cast,
                     error_code((enum error)fact->error));
    }
}

static bool check_event_answer(struct book *book, const struct fact *fact, const struct cast *cast)
{
    static const char *const kinds[] = {[REQUEST_CREATE] = "create",
                                        [REQUEST_TITLE] = "title",
                                        [REQUEST_OPEN] = "open",
                                        [REQUEST_CLOSE] = "close"};
    const struct event *event = event_at(book, fact->number);
    bool first = event && strcmp(event->kind, "create") == 0; /* what an OPEN may repeat */
    if (fact->error == 0 && event && event->poll == cast->poll &&
        (strcmp(event->kind, kinds[cast->kind]) == 0 || (first && fact->duplicate)))
        return true;
    return wrong(book, "the %s of cast %u, answered %" PRIu64 " (error %d), is not there",
                 kinds[cast->kind], fact->cast, fact->number, fact->error);
}

static int compare_numbers(const void *left, const void *right)
{
    const struct fact *a = *(const struct fact *const *)left;
    const struct fact *b = *(const struct fact *const *)right;
    return (a->number > b->number) - (a->number < b->number);
}

/* Collects the facts of a kind that `wanted` picks, by number. Returns how many. */
static size_t collect(struct book *book, bool (*wanted)(const struct book *, const struct fact *))
{
    size_t count = 0;
    for (size_t i = 0; i < book->facts; i++)
        if (wanted(book, &book->history->facts[i]))
            book->told[count++] = &book->history->facts[i];
    qsort(book->told, count, sizeof *book->told, compare_numbers);
    return count;
}

static bool is_new_entry(const struct book *book, const struct fact *fact)
{
    return fact->kind == FACT_ANSWERED && fact->error == 0 && !fact->duplicate &&
           book->history->casts[fact->cast].kind != REQUEST_BACKUP;
}

static bool check_answers(struct book *book)
{
    for (size_t i = 0; i < book->facts; i++) {
        const struct fact *fact = &book->history->facts[i];
        if (fact->kind != FACT_ANSWERED)
            continue;
        const struct cast *cast = &book->history->casts[fact->cast];
        if (cast->kind == REQUEST_BACKUP)
            continue;
        if (!(cast->kind == REQUEST_BALLOT ? check_ballot_answer : check_event_answer)(book, fact,
                                                                                       cast))
            return false;
    }
    size_t count = collect(book, is_new_entry);
    for (size_t i = 1; i < count; i++)
        if (book->told[i]->number == book->told[i - 1]->number)
            return wrong(book, "sequence %" PRIu64 " was told to casts %u and %u",
                         book->told[i]->number, book->told[i - 1]->cast, book->told[i]->cast);
    return true;
}

/* ---- what was shown ---- */

struct count {
    bool open;
    uint64_t seq, ballots, counts[POWER_CHOICES];
};

/* Ballots and events come apart, each in order. */
static void reach(struct count *count, uint64_t seq)
{
    if (seq > count->seq)
        count->seq = seq;
}

/* What a ballot adds to a choice's count. */
static uint64_t count_for(const struct ballot *ballot, unsigned choice)
{
    const uint32_t mark = mark_of(ballot->said, choice);
    const struct settings *settings = &power_polls[ballot->poll - 1].says.settings;
    return settings->value[SETTING_KIND] == KIND_RANKED ? mark == 1 : mark;
}

static void count_ballot(struct count *count, const struct ballot *ballot)
{
    reach(count, ballot->seq);
    count->ballots += !ballot->replaced;
    for (unsigned i = 0; i < POWER_CHOICES; i++) {
        count->counts[i] += count_for(ballot, i);
        if (ballot->replaced)
            count->counts[i] -= count_for(ballot->replaced, i);
    }
}

static void count_event(struct count *count, const struct event *event)
{
    if (strcmp(event->kind, "title") == 0)
        return;
    reach(count, event->seq);
    count->open = event->opens;
}

static bool is_shown(const struct book *book, const struct fact *fact)
{
    (void)book;
    return fact->kind == FACT_SHOWN;
}

static bool wrong_tally(struct book *book, const struct fact *fact, const struct count *count)
{
    return wrong(book,
                 "poll %u was shown as %s %" PRIu64 " %" PRIu64 " a=%" PRIu64 " b=%" PRIu64
                 " c=%" PRIu64 "; the entries give %s %" PRIu64 " %" PRIu64 " a=%" PRIu64
                 " b=%" PRIu64 " c=%" PRIu64,
                 fact->poll, fact->open ? "open" : "closed", fact->number, fact->ballots,
                 fact->counts[0], fact->counts[1], fact->counts[2], count->open ? "open" : "closed",
                 count->seq, count->ballots, count->counts[0], count->counts[1], count->counts[2]);
}

static bool check_shown(struct book *book)
{
    struct count counts[POWER_POLLS] = {0};
    size_t shown = collect(book, is_shown), ballot = 0, event = 0;
    for (size_t i = 0; i < shown; i++) {
        const struct fact *fact = book->told[i];
        struct count *count = &counts[fact->poll - 1];
        for (; ballot < book->ballot_count && book->ballots[ballot].seq <= fact->number; ballot++)
            count_ballot(&counts[book->ballots[ballot].poll - 1], &book->ballots[ballot]);
        for (; event < book->event_count && book->events[event].seq <= fact->number; event++)
            count_event(&counts[book->events[event].poll - 1], &book->events[event]);
        if (count->seq != fact->number || count->open != fact->open ||
            count->ballots != fact->ballots ||
            memcmp(count->counts, fact->counts, sizeof fact->counts) != 0)
            return wrong_tally(book, fact, count);
    }
    return true;
}

/* ---- all of it ---- */

static bool has_polls_only_of_ours(struct book *book)
{
    for (size_t i = 0; i < book->ballot_count; i++)
        if (book->ballots[i].poll < 1 || book->ballots[i].poll > POWER_POLLS ||
            book->ballots[i].said == SAID_NOTHING)
            return wrong(book, "ballot %" PRIu64 " is for nothing", book->ballots[i].seq);
    for (size_t i = 0; i < book->event_count; i++)
        if (book->events[i].poll < 1 || book->events[i].poll > POWER_POLLS)
            return wrong(book, "entry %" PRIu64 " is of no poll", book->events[i].seq);
    return true;
}

static bool check_database(struct book *book, const char *path)
{
    return read_book(book, path) && has_polls_only_of_ours(book) && check_casts(book) &&
           check_voters(book) && check_answers(book) && check_shown(book);
}

/* The facts that came before a cast was sent. */
static size_t facts_before(const struct history *history, uint32_t cast)
{
    size_t i = 0;
    while (history->facts[i].kind != FACT_SENT || history->facts[i].number <= cast)
        i++;
    return i;
}

/* A backup that has its name: one that was acknowledged is held against what was known when it was
 * asked for. What else it holds was sent by the end. */
static bool check_backup(struct book *book, const char *path)
{
    if (!read_book(book, path))
        return false;
    return has_polls_only_of_ours(book) && check_casts(book) && check_voters(book);
}

static bool check_acknowledged_backup(struct book *book, const char *path, uint32_t cast)
{
    size_t facts = book->facts;
    if (!check_backup(book, path))
        return false;
    book->facts = facts_before(book->history, cast);
    bool good = check_answers(book) && check_shown(book);
    book->facts = facts;
    return good;
}

static bool check_backups(struct book *book, const char *directory)
{
    const struct history *history = book->history;
    char path[PATH_MAX];
    for (size_t i = 0; i < book->facts; i++) {
        const struct fact *fact = &history->facts[i];
        if (fact->kind == FACT_ANSWERED && history->casts[fact->cast].kind == REQUEST_BACKUP) {
            snprintf(path, sizeof path, "%s/backup-%u", directory, fact->cast);
            if (fact->error != 0)
                return wrong(book, "a backup was answered %d", fact->error);
            if (!check_acknowledged_backup(book, path, fact->cast))
                return false;
        }
    }
    for (size_t i = 0; i < history->cast_count; i++) {
        snprintf(path, sizeof path, "%s/backup-%zu", directory, i);
        if (history->casts[i].kind == REQUEST_BACKUP && access(path, F_OK) == 0 &&
            !check_backup(book, path))
            return false;
    }
    return true;
}

bool oracle_agrees(const char *directory, const struct history *history, size_t facts,
                   char why[ORACLE_WHY_MAX])
{
    char path[PATH_MAX];
    struct book *book = calloc(1, sizeof *book);
    if (!book)
        abort();
    book->history = history;
    book->facts = facts;
    book->why = why;
    snprintf(path, sizeof path, "%s/" POWER_DATABASE ".key", directory);
    bool good = voter_key_read(path, &book->key, why, ORACLE_WHY_MAX) == VOTER_KEY_READ ||
                wrong(book, "the key is not there");
    snprintf(path, sizeof path, "%s/" POWER_DATABASE, directory);
    good = good && check_database(book, path) && check_backups(book, directory);
    free(book);
    return good;
}
