/* Looking at what a dead server has left.
 *
 * The database file and its log are read together, as the next start would read them, into a
 * database in memory. Reading takes no lock, replays nothing and writes nothing, so the next start
 * finds exactly what the death left.
 *
 * 1. Entry by entry, in order: each that is known must be there, once, as it was told; each other
 *    must be what somebody still waits for an answer to, once. A poll that is closed takes none.
 * 2. Tallies that were shown: without the entries that came later, the schema's recount must give
 *    them again, so each ballot in them is there.
 * 3. A backup that has its name is whole, and holds what was acknowledged before it was asked for.
 * 4. `tallyctl recount` agrees, for the database and the backup. */
#include "tests/torture/kill_oracle.h"
#include "tests/torture/kill_process.h"

#include "poll/voter.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SQL_MAX = PATH_MAX + 64 };

struct judge {
    struct oracle *oracle;
    const char *database;
    sqlite3 *memory; /* a copy of it */
    struct voter_key key;
    unsigned poll_count;
    unsigned polls_by_id[ORACLE_POLLS + 1]; /* the number here of each id there */
    bool open[ORACLE_POLLS];                /* as of the entry that is looked at */
    uint64_t found;                         /* known entries */
    uint64_t last_seq;
};

/* ---- SQL ---- */

static void expect_sqlite(const struct judge *judge, int code, sqlite3 *db, const char *what)
{
    if (code != SQLITE_OK)
        torture_fail(judge->oracle->torture, "%s: %s: %s", judge->database, what,
                     sqlite3_errmsg(db));
}

static __attribute__((format(printf, 2, 3))) void execute(const struct judge *judge,
                                                          const char *format, ...)
{
    char sql[SQL_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    expect_sqlite(judge, sqlite3_exec(judge->memory, sql, NULL, NULL, NULL), judge->memory, sql);
}

static sqlite3_stmt *query(const struct judge *judge, const char *sql)
{
    sqlite3_stmt *rows;
    expect_sqlite(judge, sqlite3_prepare_v2(judge->memory, sql, -1, &rows, NULL), judge->memory,
                  sql);
    return rows;
}

static bool next_row(const struct judge *judge, sqlite3_stmt *rows)
{
    int code = sqlite3_step(rows);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        expect_sqlite(judge, code, judge->memory, sqlite3_sql(rows));
    return code == SQLITE_ROW;
}

static uint64_t query_number(const struct judge *judge, const char *sql, uint64_t parameter)
{
    sqlite3_stmt *rows = query(judge, sql);
    sqlite3_bind_int64(rows, 1, (sqlite3_int64)parameter);
    uint64_t number = next_row(judge, rows) ? (uint64_t)sqlite3_column_int64(rows, 0) : 0;
    sqlite3_finalize(rows);
    return number;
}

static const char *column(sqlite3_stmt *row, int number)
{
    const char *text = (const char *)sqlite3_column_text(row, number);
    return text ? text : "";
}

/* Copies the database with what is in its log. The VFS without locks and the exclusive mode keep
 * the log's index out of the directory; at its close a connection would remove a log that holds
 * nothing, though the next start must find one. */
static void read_database(struct judge *judge)
{
    sqlite3 *file;
    expect_sqlite(judge, sqlite3_open(":memory:", &judge->memory), judge->memory, "no memory");
    int code = sqlite3_open_v2(judge->database, &file, SQLITE_OPEN_READONLY, "unix-none");
    if (code == SQLITE_OK)
        code = sqlite3_db_config(file, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(file, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    expect_sqlite(judge, code, file, "can't be opened");
    sqlite3_backup *copy = sqlite3_backup_init(judge->memory, "main", file, "main");
    if (copy)
        sqlite3_backup_step(copy, -1);
    expect_sqlite(judge, copy ? sqlite3_backup_finish(copy) : SQLITE_ERROR, judge->memory,
                  "can't be read");
    sqlite3_close(file);
}

/* Puts each ballot of the copy into a sheet of its own, so that it can be taken out. */
static void split_sheets(const struct judge *judge)
{
    execute(judge, "CREATE TEMP TABLE single AS"
                   " SELECT first_seq + n AS seq, time_ns, kind,"
                   " substr(body, 1 + width * n, width) AS body"
                   " FROM (SELECT *, 22 + 16 * (kind & 1) + 2 * (kind & 2) AS width FROM sheet)"
                   " CROSS JOIN slot ON n < ballots");
    execute(judge, "DELETE FROM sheet");
    execute(judge, "INSERT INTO sheet SELECT seq, time_ns, kind, 1, body, x'' FROM single");
    execute(judge, "DROP TABLE single");
}

/* ---- 1. entry by entry ---- */

static void read_polls(struct judge *judge)
{
    sqlite3_stmt *rows = query(judge, "SELECT id, name FROM poll ORDER BY id");
    for (int id = 1; next_row(judge, rows); id++) {
        unsigned poll = 0;
        while (poll < ORACLE_POLLS && strcmp(judge->oracle->polls[poll].name, column(rows, 1)) != 0)
            poll++;
        if (poll == ORACLE_POLLS || id > ORACLE_POLLS || sqlite3_column_int(rows, 0) != id)
            torture_fail(judge->oracle->torture, "nobody created poll %s", column(rows, 1));
        judge->polls_by_id[id] = poll;
        judge->poll_count = (unsigned)id;
    }
    sqlite3_finalize(rows);
}

/* The columns of `entries`. */
enum { COLUMN_SEQ, COLUMN_POLL, COLUMN_KIND, COLUMN_SAYS, COLUMN_VOTER, COLUMN_KEY };

static const char entries[] =
    "SELECT b.seq, b.poll, 'ballot', " SAYS_RECORDED_SQL ", b.voter, b.key"
    " FROM ballot b LEFT JOIN value v ON v.poll = b.poll AND v.number = b.value"
    " UNION ALL SELECT seq, poll, kind, NULL, NULL, NULL FROM poll_event ORDER BY seq";

static bool is_hash(sqlite3_stmt *row, int number, struct hash hash)
{
    unsigned char bytes[HASH_BYTES];
    hash_to_bytes(hash, bytes);
    return sqlite3_column_bytes(row, number) == HASH_BYTES &&
           memcmp(sqlite3_column_blob(row, number), bytes, HASH_BYTES) == 0;
}

/* Whether the row is this voter's ballot. */
static bool is_from(const struct judge *judge, sqlite3_stmt *row, const struct voter *voter)
{
    char name[ORACLE_NAME_MAX];
    uint32_t id = (uint32_t)sqlite3_column_int(row, COLUMN_POLL);
    if (judge->polls_by_id[id] != voter->poll)
        return false;
    oracle_voter_name(voter, name);
    switch (judge->oracle->polls[voter->poll].kind) {
    case POLL_ROLL_CALL:
        return strcmp(column(row, COLUMN_VOTER), name) == 0;
    case POLL_UNLIMITED:
        return is_hash(row, COLUMN_KEY,
                       voter_hash(&judge->key, VOTER_HASH_KEY, id, name, strlen(name)));
    case POLL_CHANGEABLE:
    case POLL_ONCE:
        return is_hash(row, COLUMN_VOTER,
                       voter_hash(&judge->key, VOTER_HASH_VOTER, id, name, strlen(name)));
    case POLL_OF_START:
        break;
    }
    return false;
}

/* Whether the row's ballot of that poll says this. */
static bool is_said(const struct judge *judge, sqlite3_stmt *row, unsigned poll, int says)
{
    char recorded[SAYS_RECORDED_SIZE];
    says_recorded(judge->oracle->polls[poll].says, (unsigned)says, recorded);
    return strcmp(column(row, COLUMN_SAYS), recorded) == 0;
}

/* Whether a ballot that waits for its answer may have been recorded; where it has no id=, in place
 * of one that says the same. */
static bool may_be_recorded(const struct judge *judge, const struct voter *voter)
{
    const struct poll *poll = &judge->oracle->polls[voter->poll];
    bool changes = poll->kind == POLL_CHANGEABLE || poll->kind == POLL_ROLL_CALL;
    return voter->asked != NOTHING && !voter->found &&
           (voter->seq == 0 ||
            (changes && (voter->says != voter->asked || !oracle_has_id(judge->oracle, voter))));
}

/* A ballot that nobody knows of must be one that waits for its answer. */
static struct entry settle_ballot(const struct judge *judge, sqlite3_stmt *row, uint64_t seq)
{
    struct oracle *oracle = judge->oracle;
    for (size_t i = 0; i < oracle->voter_count; i++) {
        struct voter *voter = &oracle->voters[i];
        if (!may_be_recorded(judge, voter) || !is_from(judge, row, voter) ||
            !is_said(judge, row, voter->poll, voter->asked))
            continue;
        if (seq < voter->seq)
            torture_fail(oracle->torture, "ballot %" PRIu64 " came after %" PRIu64, seq,
                         voter->seq);
        voter->seq = seq;
        voter->says = voter->asked;
        voter->found = true;
        oracle->found++;
        return (struct entry){
            .kind = ENTRY_BALLOT, .poll = voter->poll, .voter = i, .says = voter->says};
    }
    torture_fail(oracle->torture, "ballot %" PRIu64 " is nobody's", seq);
}

static struct entry settle_event(const struct judge *judge, unsigned number, enum entry_kind kind,
                                 uint64_t seq)
{
    struct oracle *oracle = judge->oracle;
    struct poll *poll = &oracle->polls[number];
    struct order *order = &oracle->order;
    static const enum entry_kind kinds[] = {
        [ORDER_CREATE] = ENTRY_CREATE, [ORDER_OPEN] = ENTRY_OPEN, [ORDER_CLOSE] = ENTRY_CLOSE};
    bool by_start = poll->kind == POLL_OF_START && !poll->created && kind == ENTRY_CREATE;
    bool ordered = order->kind != ORDER_NONE && order->kind != ORDER_BACKUP && !order->found &&
                   order->poll == number && kinds[order->kind] == kind;
    bool changes = kind == ENTRY_CREATE ? !poll->created : poll->open != (kind == ENTRY_OPEN);
    if (!(by_start || ordered) || !changes)
        torture_fail(oracle->torture, "nobody ordered entry %" PRIu64 " of %s", seq, poll->name);
    if (ordered)
        order->found = true;
    poll->created = true;
    poll->open = kind != ENTRY_CLOSE;
    poll->state_seq = seq;
    return (struct entry){.kind = kind, .poll = number};
}

static enum entry_kind kind_named(const struct judge *judge, const char *word)
{
    static const char *const words[] = {[ENTRY_BALLOT] = "ballot",
                                        [ENTRY_CREATE] = "create",
                                        [ENTRY_OPEN] = "open",
                                        [ENTRY_CLOSE] = "close"};
    for (enum entry_kind kind = ENTRY_BALLOT; kind <= ENTRY_CLOSE; kind++)
        if (strcmp(words[kind], word) == 0)
            return kind;
    torture_fail(judge->oracle->torture, "an entry of the kind %s", word);
}

static bool is_as_told(const struct judge *judge, sqlite3_stmt *row, unsigned poll,
                       enum entry_kind kind, const struct entry *entry)
{
    return entry->kind == kind && entry->poll == poll &&
           (kind != ENTRY_BALLOT || (is_said(judge, row, poll, entry->says) &&
                                     is_from(judge, row, &judge->oracle->voters[entry->voter])));
}

static void judge_entry(struct judge *judge, sqlite3_stmt *row)
{
    struct oracle *oracle = judge->oracle;
    uint64_t seq = (uint64_t)sqlite3_column_int64(row, COLUMN_SEQ);
    int id = sqlite3_column_int(row, COLUMN_POLL);
    if (id < 1 || id > ORACLE_POLLS)
        torture_fail(oracle->torture, "entry %" PRIu64 " is in poll %d", seq, id);
    unsigned poll = judge->polls_by_id[id];
    enum entry_kind kind = kind_named(judge, column(row, COLUMN_KIND));
    if (seq <= judge->last_seq)
        torture_fail(oracle->torture, "sequence %" PRIu64 " is there twice", seq);
    if (kind == ENTRY_BALLOT && !judge->open[poll])
        torture_fail(oracle->torture, "ballot %" PRIu64 " is in %s, which was closed then", seq,
                     oracle->polls[poll].name);
    judge->open[poll] = kind != ENTRY_CLOSE;
    judge->last_seq = seq;
    if (seq >= oracle->entry_capacity || oracle->entries[seq].kind == ENTRY_UNKNOWN)
        oracle_note(oracle, seq,
                    kind == ENTRY_BALLOT ? settle_ballot(judge, row, seq)
                                         : settle_event(judge, poll, kind, seq));
    else if (!is_as_told(judge, row, poll, kind, &oracle->entries[seq]))
        torture_fail(oracle->torture, "entry %" PRIu64 " is not what was told: %s of %s", seq,
                     column(row, COLUMN_KIND), oracle->polls[poll].name);
    oracle->entries[seq].judgement = oracle->judgements;
}

static void judge_entries(struct judge *judge)
{
    struct oracle *oracle = judge->oracle;
    sqlite3_stmt *rows = query(judge, entries);
    while (next_row(judge, rows))
        judge_entry(judge, rows);
    sqlite3_finalize(rows);
    for (uint64_t seq = 1; seq <= oracle->last_seq; seq++)
        if (oracle->entries[seq].kind != ENTRY_UNKNOWN &&
            oracle->entries[seq].judgement != oracle->judgements)
            torture_fail(oracle->torture, "entry %" PRIu64 " is lost; the last one is %" PRIu64,
                         seq, judge->last_seq);
}

/* ---- 2. what was shown ---- */

static void remember_lines(const struct judge *judge)
{
    sqlite3_stmt *rows = query(judge, "SELECT poll, line FROM tally");
    while (next_row(judge, rows)) {
        struct poll *poll = &judge->oracle->polls[judge->polls_by_id[sqlite3_column_int(rows, 0)]];
        free(poll->line);
        poll->line = strdup(column(rows, 1));
    }
    sqlite3_finalize(rows);
}

/* Deletes the entries of each poll that came after a tally of it was shown: seqs[] by poll, 0 for
 * none. The recount must give those tallies. */
static void recount_shown(const struct judge *judge, const uint64_t seqs[ORACLE_POLLS])
{
    const struct oracle *oracle = judge->oracle;
    for (unsigned id = 1; id <= judge->poll_count; id++) {
        uint64_t seq = seqs[judge->polls_by_id[id]];
        if (seq == 0)
            continue;
        execute(judge,
                "DELETE FROM sheet WHERE first_seq > %" PRIu64
                " AND substr(body, 1, 3) = (SELECT code FROM poll WHERE id = %u)",
                seq, id);
        execute(judge, "DELETE FROM named_ballot WHERE poll = %u AND seq > %" PRIu64, id, seq);
        execute(judge, "DELETE FROM poll_event WHERE poll = %u AND seq > %" PRIu64, id, seq);
    }
    sqlite3_stmt *rows = query(judge, "SELECT poll, line FROM tally");
    while (next_row(judge, rows)) {
        uint64_t seq = seqs[judge->polls_by_id[sqlite3_column_int(rows, 0)]];
        const char *shown = seq > 0 ? oracle->entries[seq].shown : NULL;
        if (shown && strcmp(shown, column(rows, 1)) != 0)
            torture_fail(oracle->torture, "shown: %s; there: %s", shown, column(rows, 1));
    }
    sqlite3_finalize(rows);
}

/* The last tally of a poll that was shown up to there; 0 for none. */
static uint64_t last_shown(const struct oracle *oracle, unsigned poll, uint64_t seq)
{
    while (seq > 0 && (!oracle->entries[seq].shown || oracle->entries[seq].poll != poll))
        seq--;
    return seq;
}

/* The last tally that was shown of each poll, and then one of those before. */
static void judge_shown(const struct judge *judge, struct torture *torture)
{
    const struct oracle *oracle = judge->oracle;
    uint64_t seqs[ORACLE_POLLS];
    split_sheets(judge);
    for (unsigned i = 0; i < ORACLE_POLLS; i++) {
        seqs[i] = oracle->polls[i].shown_seq;
        if (seqs[i] > judge->last_seq || (seqs[i] > 0 && !oracle->polls[i].line))
            torture_fail(oracle->torture, "shown: %s; the last entry there is %" PRIu64,
                         oracle->entries[seqs[i]].shown, judge->last_seq);
    }
    recount_shown(judge, seqs);
    for (unsigned i = 0; i < ORACLE_POLLS; i++)
        if (seqs[i] > 0)
            seqs[i] = last_shown(oracle, i, torture_random(torture, seqs[i] + 1));
    recount_shown(judge, seqs);
}

/* ---- 3. and 4. ---- */

static void recount(const struct judge *judge, const char *file)
{
    if (process_run(process_tallyctl(), "recount", file) != 0)
        torture_fail(judge->oracle->torture, "tallyctl recount %s does not agree", file);
}

static void expect_none(const struct judge *judge, const char *sql)
{
    uint64_t rows = query_number(judge, sql, judge->oracle->backup.seq);
    if (rows > 0)
        torture_fail(judge->oracle->torture, "%s: %" PRIu64 " rows of: %s",
                     judge->oracle->backup.path, rows, sql);
}

static void judge_backup(const struct judge *judge)
{
    struct backup *backup = &judge->oracle->backup;
    struct stat status = {0};
    bool there = backup->path[0] && stat(backup->path, &status) == 0;
    if (backup->bytes > 0 && (!there || (uint64_t)status.st_size != backup->bytes))
        torture_fail(judge->oracle->torture, "the backup %s is not what was told", backup->path);
    if (there) {
        execute(judge, "ATTACH '%s' AS backup", backup->path);
        expect_none(judge, "SELECT count(*) FROM (SELECT * FROM main.ballot WHERE seq <= ?"
                           " EXCEPT SELECT * FROM backup.ballot)");
        expect_none(judge, "SELECT count(*) FROM (SELECT * FROM main.poll_event WHERE seq <= ?"
                           " EXCEPT SELECT * FROM backup.poll_event)");
        expect_none(judge, "SELECT count(*) FROM (SELECT * FROM backup.ballot"
                           " EXCEPT SELECT * FROM main.ballot)");
        expect_none(judge, "SELECT count(*) FROM (SELECT * FROM backup.poll_event"
                           " EXCEPT SELECT * FROM main.poll_event)");
        execute(judge, "DETACH backup");
        recount(judge, backup->path);
        unlink(backup->path);
    }
    *backup = (struct backup){0};
    if (judge->oracle->order.kind == ORDER_BACKUP) {
        judge->oracle->order.kind = ORDER_NONE;
        judge->oracle->polls[judge->oracle->order.poll].orders++;
    }
}

/* Whether there is a database. There may be none, or one that has not got into its log's mode yet,
 * as long as nobody was told anything. */
static bool is_there(const struct judge *judge)
{
    char journal[PATH_MAX];
    struct stat status;
    snprintf(journal, sizeof journal, "%s-journal", judge->database);
    bool unfinished = stat(journal, &status) == 0 && status.st_size > 0;
    bool there = stat(judge->database, &status) == 0 && !unfinished;
    if (!there && judge->oracle->known > 0)
        torture_fail(judge->oracle->torture, "%s is gone", judge->database);
    return there;
}

static void read_key(struct judge *judge)
{
    char path[PATH_MAX], why[PATH_MAX * 2];
    snprintf(path, sizeof path, "%s.key", judge->database);
    enum voter_key_result result = voter_key_read(path, &judge->key, why, sizeof why);
    if (result != VOTER_KEY_READ && (result == VOTER_KEY_FAILED || judge->oracle->known > 0))
        torture_fail(judge->oracle->torture, "no key: %s", path);
}

void oracle_judge(struct oracle *oracle, struct torture *torture, const char *database)
{
    struct judge judge = {.oracle = oracle, .database = database};
    oracle->judgements++;
    if (!is_there(&judge))
        return;
    read_key(&judge);
    recount(&judge, database);
    read_database(&judge);
    read_polls(&judge);
    judge_entries(&judge);
    remember_lines(&judge);
    judge_backup(&judge);
    judge_shown(&judge, torture);
    sqlite3_close(judge.memory);
    oracle->floor_seq = judge.last_seq;
}
