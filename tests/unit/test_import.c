/* `tallyctl import OLD NEW`: databases of version 1, made with plain SQL as that version's schema
 * has it, become databases of the present one, with the same entries and tallies; whatever ends the
 * work, the same command goes on; and what can't be imported leaves nothing behind. The command
 * runs in a process of its own. */
#include "ledger/ledger.h"
#include "poll/voter.h"
#include "store/database.h"
#include "store/sqlite/sqlite.h"
#include "tests/support/database.h"
#include "tests/support/entries.h"
#include "tests/support/temporary.h"
#include "tests/support/terminal.h"
#include "tests/support/unit.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/tallyctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PATH_BYTES = TEMPORARY_MAX + 32,
    SAID_BYTES = 8192,
    BATCH = 16384, /* entries that are recorded together */
    MANY = 40000,  /* ballots: three batches, and the tallies */
};

/* The schema of version 1, without its comments. */
static const char schema_1[] =
    "PRAGMA page_size = 4096; PRAGMA application_id = 0x54414c59; PRAGMA user_version = 1;"
    "CREATE TABLE server (id INTEGER PRIMARY KEY CHECK (id = 1), created_ns INTEGER NOT NULL,"
    " key_check BLOB NOT NULL);"
    "CREATE TABLE ledger (id INTEGER PRIMARY KEY CHECK (id = 1), identity INTEGER NOT NULL,"
    " origin INTEGER NOT NULL, log INTEGER NOT NULL, file INTEGER NOT NULL);"
    "CREATE TABLE poll (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, ballots TEXT NOT NULL,"
    " voters TEXT NOT NULL, reveal TEXT NOT NULL, record TEXT NOT NULL);"
    "CREATE TABLE choice (poll INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,"
    " PRIMARY KEY (poll, number)) WITHOUT ROWID;"
    "CREATE TABLE poll_event (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,"
    " poll INTEGER NOT NULL, kind TEXT NOT NULL, choice INTEGER, text TEXT);"
    "CREATE TABLE ballot (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,"
    " poll INTEGER NOT NULL, choice INTEGER NOT NULL, voter NOT NULL, key BLOB);"
    "CREATE TABLE spelling (voter TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE last_tally (poll INTEGER PRIMARY KEY, line TEXT NOT NULL);"
    "CREATE VIEW counting_ballot AS"
    " SELECT b.poll, max(b.seq) AS seq, b.choice FROM ballot b JOIN poll p ON p.id = b.poll"
    "  WHERE p.ballots = 'changeable' GROUP BY b.poll, b.voter"
    " UNION ALL SELECT b.poll, min(b.seq), b.choice FROM ballot b JOIN poll p ON p.id = b.poll"
    "  WHERE p.ballots = 'once' GROUP BY b.poll, b.voter"
    " UNION ALL SELECT b.poll, min(b.seq), b.choice FROM ballot b JOIN poll p ON p.id = b.poll"
    "  WHERE p.ballots = 'unlimited' AND b.key IS NOT NULL GROUP BY b.poll, b.key"
    " UNION ALL SELECT b.poll, b.seq, b.choice FROM ballot b JOIN poll p ON p.id = b.poll"
    "  WHERE p.ballots = 'unlimited' AND b.key IS NULL;"
    "CREATE VIEW poll_state AS SELECT poll, max(seq) AS seq, CASE kind WHEN 'open' THEN 'open'"
    "  WHEN 'close' THEN 'closed' ELSE text END AS state"
    "  FROM poll_event WHERE kind IN ('create', 'open', 'close') GROUP BY poll;"
    "CREATE VIEW tally AS WITH counted AS (SELECT poll, choice, count(*) AS n FROM counting_ballot"
    "  GROUP BY poll, choice), last_ballot AS (SELECT poll, max(seq) AS seq FROM ballot"
    "  GROUP BY poll), vector AS (SELECT c.poll, sum(coalesce(n, 0)) AS ballots,"
    "  group_concat(c.name || '=' || coalesce(n, 0), ' ') AS counts FROM (SELECT poll, number, name"
    "  FROM choice ORDER BY poll, number) c LEFT JOIN counted ON counted.poll = c.poll"
    "  AND counted.choice = c.number GROUP BY c.poll)"
    " SELECT p.id AS poll, p.name, s.state, max(s.seq, coalesce(b.seq, 0)) AS seq, v.ballots,"
    "  v.counts, p.name || ' ' || s.state || ' ' || max(s.seq, coalesce(b.seq, 0)) || ' ' ||"
    "  v.ballots || ' ' || v.counts AS line FROM poll p JOIN poll_state s ON s.poll = p.id"
    "  JOIN vector v ON v.poll = p.id LEFT JOIN last_ballot b ON b.poll = p.id;"
    "INSERT INTO ledger VALUES (1, 5000000000000000001, 5000000000000000002,"
    " 5000000000000000004, 4611686018427387904);";

/* Polls of all kinds, with all that can happen in them. */
static const char all_kinds[] =
    "INSERT INTO poll VALUES (1, 'lunch', 'changeable', 'address', 'live', 'pseudonym'),"
    " (2, 'board', 'once', 'named', 'closed', 'name'),"
    " (3, 'claps', 'unlimited', 'connection', 'live', 'pseudonym'),"
    " (4, 'walk', 'changeable', 'named', 'live', 'pseudonym'),"
    " (5, 'words', 'unlimited', 'named', 'closed', 'name'),"
    " (6, 'empty', 'once', 'connection', 'closed', 'pseudonym');"
    "INSERT INTO choice VALUES (1, 1, 'pizza'), (1, 2, 'sushi'), (1, 3, 'soup'), (2, 1, 'yes'),"
    " (2, 2, 'no'), (3, 1, 'a'), (3, 2, 'b'), (4, 1, 'a'), (4, 2, 'b'), (5, 1, 'a'), (5, 2, 'b'),"
    " (6, 1, 'a'), (6, 2, 'b');"
    "INSERT INTO poll_event VALUES (1, 10, 1, 'create', NULL, 'open'),"
    " (2, 20, 1, 'title', NULL, 'Où?'), (3, 21, 1, 'label', 2, 'Sushi 🍣'),"
    " (4, 22, 2, 'create', NULL, 'closed'), (5, 23, 2, 'open', NULL, NULL),"
    " (6, 24, 3, 'create', NULL, 'open'), (7, 25, 4, 'create', NULL, 'open'),"
    " (8, 25, 5, 'create', NULL, 'open'), (16, 39, 2, 'close', NULL, NULL),"
    " (17, 39, 2, 'open', NULL, NULL), (25, 60, 1, 'close', NULL, NULL),"
    " (26, 61, 6, 'create', NULL, 'closed'), (27, 62, 1, 'title', NULL, '');"
    "INSERT INTO ballot VALUES (9, 30, 1, 1, x'000102030405060708090a0b0c0d0e0f', NULL),"
    " (10, 30, 1, 3, x'100102030405060708090a0b0c0d0e0f', NULL),"
    " (11, 31, 1, 2, x'000102030405060708090a0b0c0d0e0f', NULL),"
    " (12, 32, 2, 1, 'ann lee', x'a00102030405060708090a0b0c0d0e0f'),"
    " (13, 33, 2, 2, 'Bob', NULL), (14, 34, 2, 1, 'jürgen', NULL), (15, 35, 2, 1, 'carol', NULL),"
    " (18, 40, 3, 1, x'200102030405060708090a0b0c0d0e0f', NULL),"
    " (19, 40, 3, 1, x'200102030405060708090a0b0c0d0e0f', x'b00102030405060708090a0b0c0d0e0f'),"
    " (20, 41, 4, 1, x'300102030405060708090a0b0c0d0e0f', x'c00102030405060708090a0b0c0d0e0f'),"
    " (21, 42, 4, 2, x'300102030405060708090a0b0c0d0e0f', NULL),"
    " (22, 43, 5, 1, 'Eve', x'd00102030405060708090a0b0c0d0e0f'),"
    " (23, 44, 5, 2, 'eve', NULL), (24, 45, 5, 2, 'EVE', NULL);"
    "INSERT INTO spelling VALUES ('ann lee', 'Ann Lee'), ('jürgen', 'Jürgen');";

static const char shown[] = "DELETE FROM last_tally; INSERT INTO last_tally SELECT poll, line FROM"
                            " tally;";

static char directory[TEMPORARY_MAX];
static char old[PATH_BYTES], new[PATH_BYTES], half[PATH_BYTES], said[SAID_BYTES];
static char why[STORE_WHY_MAX];
static const struct voter_key key = {"sixteen bytes.."};

/* ---- files ---- */

/* A path of the directory; good until the fourth call after it. */
static const char *in_directory(const char *name)
{
    static char paths[4][PATH_BYTES];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_BYTES, "%s/%s", directory, name);
    return path;
}

static bool is_there(const char *name)
{
    struct stat status;
    return stat(in_directory(name), &status) == 0;
}

static void make_old(const char *sql, const char *more)
{
    char server[128], check[2 * HASH_BYTES + 1];
    unsigned char bytes[HASH_BYTES];
    hash_to_bytes(voter_key_check(&key), bytes);
    for (int i = 0; i < HASH_BYTES; i++)
        snprintf(check + 2 * i, 3, "%02x", bytes[i]);
    snprintf(server, sizeof server, "INSERT INTO server VALUES (1, 1, x'%s')", check);
    database_change(old, schema_1);
    database_change(old, server);
    database_change(old, sql);
    database_change(old, shown);
    database_change(old, more);
}

static void make_all_kinds(void)
{
    make_old(all_kinds, "PRAGMA journal_mode = WAL");
}

static void make_many(void)
{
    static const char sql[] =
        "INSERT INTO poll VALUES (1, 'lunch', 'changeable', 'address', 'live', 'pseudonym');"
        "INSERT INTO choice VALUES (1, 1, 'pizza'), (1, 2, 'sushi');"
        "INSERT INTO poll_event VALUES (1, 10, 1, 'create', NULL, 'open');"
        "WITH RECURSIVE b (seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM b WHERE seq < 40001)"
        "INSERT INTO ballot SELECT seq, 11 + seq / 1000, 1, 1 + seq % 2, randomblob(16), NULL"
        " FROM b";
    make_old(sql, "PRAGMA journal_mode = WAL");
}

static void set_up(void)
{
    temporary_directory(directory, "tallycast-import");
    strcpy(old, in_directory("old"));
    strcpy(new, in_directory("new"));
    strcpy(half, in_directory("new.importing"));
    ck_assert_int_eq(voter_key_write(in_directory("old.key"), &key, why, sizeof why), 0);
}

static void tear_down(void)
{
    static const char *const names[] = {
        "old", "linked",  "old-wal", "old-shm",       "old.key",          "said",
        "new", "new-wal", "new.key", "new.importing", "new.importing-wal"};
    for (int i = 0; i < UNIT_COUNT(names); i++)
        unlink(in_directory(names[i]));
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left behind */
}

static void assert_nothing_made(void)
{
    ck_assert_msg(!is_there("new"), "%s", said);
    ck_assert(!is_there("new.key") && !is_there("new.importing"));
}

/* ---- the command ---- */

/* What befalls it at the nth batch, from 1. */
static enum deed { NO_DEED, KILL_BEFORE, KILL_AFTER, INTERRUPT } deed;
static int until;

static int standard_error = -1; /* what it has for that, if not what it has for standard output */

enum store_outcome __real_store_append(struct store *store, const struct store_batch *batch,
                                       const char **reason);
enum store_outcome __wrap_store_append(struct store *store, const struct store_batch *batch,
                                       const char **reason);
enum store_outcome __wrap_store_append(struct store *store, const struct store_batch *batch,
                                       const char **reason)
{
    const bool is_now = --until == 0;
    if (is_now && deed == KILL_BEFORE)
        raise(SIGKILL);
    enum store_outcome outcome = __real_store_append(store, batch, reason);
    if (is_now && deed != NO_DEED)
        raise(deed == INTERRUPT ? SIGINT : SIGKILL);
    return outcome;
}

static _Noreturn void run(rlim_t file_bytes_max, bool json)
{
    char *arguments[] = {old, new};
    const struct invocation invocation = {
        .command = "import", .usage = "OLD NEW", .json = json, .argc = 2, .argv = arguments};
    int file = open(in_directory("said"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(standard_error >= 0 ? standard_error : file, STDERR_FILENO);
    const struct rlimit limit = {file_bytes_max, file_bytes_max};
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGINT, SIG_DFL); /* Check has a handler for it */
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        abort();
    enum status status = command_import(&invocation);
    fflush(stdout);
    _exit((int)status);
}

/* Runs it, and reads what it says on standard output and standard error. Returns as waitpid does.
 */
static int import_with(rlim_t file_bytes_max, bool json)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        run(file_bytes_max, json);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    FILE *file = fopen(in_directory("said"), "r");
    ck_assert_ptr_nonnull(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    fclose(file);
    return status;
}

static int import(void)
{
    return import_with(RLIM_INFINITY, false);
}

static void assert_said(const char *words)
{
    ck_assert_msg(strstr(said, words) != NULL, "\"%s\" is not in:\n%s", words, said);
}

static void assert_imported(void)
{
    int status = import();
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_DONE, "%d: %s", status, said);
}

static void assert_refused(const char *words)
{
    int status = import();
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_REFUSED, "%d: %s", status,
                  said);
    assert_said(words);
}

/* ---- the same ---- */

static void assert_same(const char *old_sql, const char *new_sql)
{
    char *was = database_text(old, old_sql), *is = database_text(new, new_sql);
    ck_assert_str_ne(was, "");
    ck_assert_str_eq(was, is);
    free(was);
    free(is);
}

#define LIST(columns, from) \
    "SELECT group_concat(line, char(10)) FROM (SELECT " columns " AS line FROM " from ")"
#define POLLS   "id || name || ballots || voters || reveal || record"
#define CHOICES "poll || ' ' || number || name"
#define EVENTS  "seq || ' ' || time_ns || ' ' || poll || kind || quote(choice) || quote(text)"
#define BALLOTS \
    "seq || ' ' || time_ns || ' ' || poll || ' ' || choice || quote(voter) || quote(key)"
#define SHOWN "poll || line"

/* Whether a start loads it, as it stands under its name with its key. */
static bool server_starts(const char *path)
{
    struct store *store;
    struct voter_key read;
    uint64_t last_seq;
    if (database_open(&store, &read, &sqlite_engine, path, false, why) != 0)
        return false;
    int result = ledger_check(store, &last_seq, why);
    store_close(store);
    return result == 0 && memcmp(&read, &key, sizeof key) == 0;
}

static void assert_whole(void)
{
    struct stat status;
    assert_same(LIST(POLLS, "poll ORDER BY id"), LIST(POLLS, "poll ORDER BY id"));
    assert_same(LIST(EVENTS, "poll_event ORDER BY seq"), LIST(EVENTS, "poll_event ORDER BY seq"));
    assert_same(LIST(SHOWN, "last_tally ORDER BY poll"), LIST(SHOWN, "last_tally ORDER BY poll"));
    assert_same(LIST(SHOWN, "tally ORDER BY poll"), LIST(SHOWN, "tally ORDER BY poll"));
    assert_same(LIST(CHOICES, "choice ORDER BY poll, number"),
                LIST(CHOICES, "choice ORDER BY poll, number"));
    ck_assert(!is_there("new.importing") && !is_there("new.importing-wal") && !is_there("new-wal"));
    ck_assert_int_eq(stat(in_directory("new.key"), &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(new, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    database_assert_recount(new);
    ck_assert_msg(server_starts(new), "%s", why);
}

/* The whole content of a file; freed by the caller. */
static char *content(const char *path, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    ck_assert(file >= 0 && fstat(file, &status) == 0);
    *size = (size_t)status.st_size;
    char *bytes = malloc(*size + 1);
    ck_assert_int_eq(read(file, bytes, *size), (ssize_t)*size);
    close(file);
    return bytes;
}

START_TEST(polls_and_entries_of_all_kinds)
{
    size_t size, size_after;
    make_all_kinds();
    char *before = content(old, &size);
    assert_imported();
    char *after = content(old, &size_after);
    ck_assert(size == size_after && memcmp(before, after, size) == 0);
    free(before);
    free(after);
    assert_said("27 entries, 6 polls: all tallies are the same");
    assert_whole();
    assert_same(LIST(BALLOTS, "ballot WHERE typeof(voter) = 'blob' ORDER BY seq"),
                LIST(BALLOTS, "ballot WHERE typeof(voter) = 'blob' ORDER BY seq"));
    char *named = database_text(new, LIST("voter || '/' || quote(spelling) || '/' || quote(key)",
                                          "named_ballot ORDER BY seq"));
    ck_assert_str_eq(named, "ann lee/'Ann Lee'/X'A00102030405060708090A0B0C0D0E0F'\n"
                            "bob/'Bob'/NULL\njürgen/'Jürgen'/NULL\ncarol/NULL/NULL\n"
                            "eve/'Eve'/X'D00102030405060708090A0B0C0D0E0F'\n"
                            "eve/NULL/NULL\neve/'EVE'/NULL");
    free(named);
}
END_TEST

START_TEST(json)
{
    make_all_kinds();
    ck_assert_int_eq(import_with(RLIM_INFINITY, true), 0);
    ck_assert_str_eq(said, "{\"entries\":27,\"polls\":6,\"resumed\":0}\n");
}
END_TEST

START_TEST(a_database_without_an_entry)
{
    make_old("SELECT 1", "SELECT 1");
    ck_assert_int_eq(unlink(in_directory("old.key")), 0);
    assert_imported();
    ck_assert(is_there("new") && !is_there("new.key"));
}
END_TEST

START_TEST(a_present_one)
{
    make_all_kinds();
    assert_imported();
    ck_assert_int_eq(rename(new, old), 0);
    ck_assert_int_eq(unlink(in_directory("new.key")), 0);
    assert_imported();
    assert_whole();
    assert_same(LIST(BALLOTS "|| quote(spelling)", "ballot ORDER BY seq"),
                LIST(BALLOTS "|| quote(spelling)", "ballot ORDER BY seq"));
}
END_TEST

static struct poll *make_poll(uint32_t id, const char *text, uint16_t record, uint16_t method)
{
    static const struct name choices[] = {{1, "a"}, {1, "b"}};
    static const uint8_t lot[] = {1, 0};
    struct settings settings = {{[SETTING_RECORD] = record, [SETTING_METHOD] = method}};
    struct name name;
    ck_assert(name_parse(text, strlen(text), &name));
    ck_assert_int_eq(
        settings_complete(&settings, 1 << SETTING_RECORD | 1 << SETTING_METHOD, 2, why), 0);
    struct poll *poll = poll_new(&name, &settings, choices, 2, lot);
    ck_assert_ptr_nonnull(poll);
    poll->id = id;
    return poll;
}

/* To a database that is one of the present format, and has the polls of all_kinds. */
static void append_values(const char *path)
{
    static const char order[] = "order open 31 3 a=2 b=0", tour[] = "tour open 33 1 a=1 b=1";
    static const struct store_tally tallies[] = {{7, order, sizeof order - 1},
                                                 {8, tour, sizeof tour - 1}};
    struct poll *stv = make_poll(7, "order", RECORD_PSEUDONYM, METHOD_STV);
    struct poll *approval = make_poll(8, "tour", RECORD_NAME, METHOD_APPROVAL);
    struct entry entries[] = {
        entry_create(28, stv),
        entry_ballot(29, 7, 1, (struct hash){1, 1}),
        entry_ballot(30, 7, 1, (struct hash){2, 2}),
        entry_ballot(31, 7, VALUE_ABSTAIN, (struct hash){3, 3}),
        entry_create(32, approval),
        entry_ballot(33, 8, 1, (struct hash){0, 0}),
    };
    entries[1].ballot.marks = (struct span){"\1\2", 2};
    entries[5].ballot.marks = (struct span){"\1\1", 2};
    entries[5].ballot.name = (struct span){"ann", 3};
    const struct store_batch batch = {entries, UNIT_COUNT(entries), tallies, 2};
    struct store *store;
    const char *reason;
    ck_assert_msg(store_open(&store, &sqlite_engine, path, false, why) == 0, "%s", why);
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    ck_assert_msg(store_finish(store, why) == 0, "%s", why);
    store_close(store);
    poll_free(stv);
    poll_free(approval);
}

START_TEST(a_present_one_with_ballots_of_every_kind)
{
    static const char values[] =
        LIST("seq || ' ' || poll || ' ' || number || hex(marks)", "value ORDER BY seq"),
                      said_sql[] = LIST("seq || ' ' || value", "ballot ORDER BY seq"),
                      lots[] = LIST("poll || name || lot", "choice ORDER BY poll, lot"),
                      rules[] = LIST("id || kind || method || quote(equal) || abstain ||"
                                     " quote(seats) || quote(min) || quote(max) || quote(scores)",
                                     "poll ORDER BY id");
    make_all_kinds();
    assert_imported();
    ck_assert_int_eq(rename(new, old), 0);
    ck_assert_int_eq(unlink(in_directory("new.key")), 0);
    ck_assert_uint_eq(database_number(old, "SELECT count(*) FROM poll WHERE abstain = 'yes'"), 0);
    append_values(old);
    assert_imported();
    assert_said("33 entries, 8 polls");
    assert_whole();
    assert_same(values, values);
    assert_same(said_sql, said_sql);
    assert_same(lots, lots);
    assert_same(rules, rules);
    ck_assert_uint_eq(database_number(new, "SELECT count(*) FROM value"), 2);
}
END_TEST

/* Of a server that was killed: the last entries are in its log alone. */
START_TEST(with_its_log_which_stays_as_it_is)
{
    sqlite3 *writer;
    size_t size, size_after;
    make_all_kinds();
    ck_assert_int_eq(sqlite3_open(old, &writer), SQLITE_OK);
    sqlite3_db_config(writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    ck_assert_int_eq(sqlite3_exec(writer,
                                  "PRAGMA locking_mode = EXCLUSIVE; BEGIN;"
                                  "UPDATE ledger SET log = log + 1;"
                                  "INSERT INTO poll_event VALUES (28, 70, 6, 'open', NULL, NULL);"
                                  "UPDATE last_tally SET line = 'empty open 28 0 a=0 b=0'"
                                  " WHERE poll = 6; COMMIT",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(writer);
    char *before = content(in_directory("old-wal"), &size);
    ck_assert_uint_gt(size, 0);
    assert_imported();
    assert_said("28 entries");
    char *after = content(in_directory("old-wal"), &size_after);
    ck_assert(size == size_after && memcmp(before, after, size) == 0);
    free(before);
    free(after);
    char *line = database_text(new, "SELECT line FROM last_tally WHERE poll = 6");
    ck_assert_str_eq(line, "empty open 28 0 a=0 b=0");
    free(line);
}
END_TEST

/* What it shows on a terminal is rewritten, and gone in the end. */
START_TEST(progress_on_a_terminal)
{
    struct terminal terminal = terminal_open();
    standard_error = terminal.writer;
    make_all_kinds();
    assert_imported();
    size_t len = terminal_close(terminal, said, sizeof said);
    assert_said("\rchecking the old database\rrecounting the old database\r");
    assert_said("\rimporting entries: 27 of 27");
    ck_assert_str_eq(said + len - 2, " \r");
    ck_assert_ptr_null(strchr(said, '\n'));
}
END_TEST

/* The count in the row tells it of some files; of others it may be odd as well. */
START_TEST(a_log_that_may_be_lacking_is_told)
{
    make_old(all_kinds, "UPDATE ledger SET log = log + 1; PRAGMA journal_mode = WAL");
    assert_imported();
    assert_said("old-wal: missing or empty; if the last server did not end in order");
    assert_whole();
}
END_TEST

/* ---- cut short ---- */

static void assert_goes_on(uint64_t entries)
{
    char words[64];
    deed = NO_DEED;
    assert_imported();
    snprintf(words, sizeof words, "going on behind entry %" PRIu64 " of %d", entries, MANY + 1);
    if (entries > 0)
        assert_said(words);
    else
        ck_assert_ptr_null(strstr(said, "going on"));
    assert_said("40001 entries, 1 poll:");
    assert_whole();
    assert_same(LIST(BALLOTS, "ballot ORDER BY seq"), LIST(BALLOTS, "ballot ORDER BY seq"));
}

static uint64_t entries_of(int batches)
{
    return batches * BATCH < MANY + 1 ? (uint64_t)batches * BATCH : MANY + 1;
}

static void assert_killed(enum deed when, int batch)
{
    make_many();
    deed = when;
    until = batch;
    int status = import();
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d: %s", status, said);
    ck_assert(!is_there("new") && !is_there("new.key"));
    bool is_whole = when == KILL_AFTER && batch == 4, is_empty = when == KILL_BEFORE && batch == 1;
    if (!is_empty && !is_whole) { /* what is half made is not served */
        ck_assert_int_eq(link(in_directory("old.key"), in_directory("new.importing.key")), 0);
        ck_assert(!server_starts(half));
        ck_assert_int_eq(unlink(in_directory("new.importing.key")), 0);
    }
    assert_goes_on(entries_of(when == KILL_AFTER ? batch : batch - 1));
}

START_TEST(killed_before_each_batch)
{
    assert_killed(KILL_BEFORE, _i);
}
END_TEST

START_TEST(killed_after_each_batch)
{
    assert_killed(KILL_AFTER, _i);
}
END_TEST

START_TEST(interrupted)
{
    make_many();
    deed = INTERRUPT;
    until = 2;
    int status = import();
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "%d: %s", status, said);
    assert_said("interrupted behind entry 32768; the same command goes on");
    assert_goes_on(32768);
}
END_TEST

/* A file may not grow any more: to SQLite that is as if the disk were full. */
START_TEST(without_room)
{
    make_many();
    int status = import_with(500000, false);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == STATUS_REFUSED, "%d: %s", status,
                  said);
    assert_said("the same command goes on");
    ck_assert(!is_there("new") && !is_there("new.key"));
    assert_goes_on(BATCH);
}
END_TEST

START_TEST(begun_from_another_database)
{
    make_many();
    deed = KILL_AFTER;
    until = _i;
    import();
    deed = NO_DEED;
    ck_assert_int_eq(unlink(old), 0);
    make_all_kinds();
    assert_refused("begun from another database");
    ck_assert(!is_there("new") && !is_there("new.key") && is_there("new.importing"));
}
END_TEST

/* ---- what stands in the way ---- */

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_directory(name), "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static const struct {
    const char *name, *text, *words;
} obstacles[] = {
    {"new", "mine", "new: there is a file of that name already, and it stays"},
    {"new-wal", "mine", "new-wal: there is a file of that name already, and it stays"},
    {"new.key", "00112233445566778899aabbccddeeff\n", "new.key: another key"},
    {"new.key", "mine", "new.key is damaged"},
    {"new.importing", "mine", "new.importing: not a tallycast database"},
    {"old.key", "00112233445566778899aabbccddeeff\n", "not the key that the voters"},
    {"old.key", "mine", "old.key is damaged"},
};

START_TEST(what_is_there_stays)
{
    size_t size;
    make_all_kinds();
    put(obstacles[_i].name, obstacles[_i].text);
    assert_refused(obstacles[_i].words);
    char *after = content(in_directory(obstacles[_i].name), &size);
    ck_assert(size == strlen(obstacles[_i].text) && memcmp(after, obstacles[_i].text, size) == 0);
    free(after);
    ck_assert(strncmp(obstacles[_i].name, "new", 4) == 0 || !is_there("new"));
}
END_TEST

START_TEST(without_its_key)
{
    make_all_kinds();
    ck_assert_int_eq(unlink(in_directory("old.key")), 0);
    assert_refused("old.key: missing");
    assert_nothing_made();
}
END_TEST

/* A server looks for the key beside the link. */
START_TEST(by_a_symbolic_link)
{
    make_all_kinds();
    ck_assert_int_eq(rename(old, in_directory("linked")), 0);
    ck_assert_int_eq(symlink("linked", old), 0);
    put("old.key", "00112233445566778899aabbccddeeff\n");
    assert_refused("old.key: not the key that the voters");
    assert_nothing_made();
    ck_assert_int_eq(unlink(in_directory("old.key")), 0);
    ck_assert_int_eq(voter_key_write(in_directory("old.key"), &key, why, sizeof why), 0);
    assert_imported();
    assert_whole();
}
END_TEST

START_TEST(into_itself)
{
    size_t size, size_after;
    make_all_kinds();
    ck_assert_int_eq(link(old, half), 0);
    char *before = content(old, &size);
    assert_refused("new.importing: it is the old database");
    char *after = content(old, &size_after);
    ck_assert(size == size_after && memcmp(before, after, size) == 0);
    free(before);
    free(after);
}
END_TEST

START_TEST(its_key_is_there_already)
{
    make_all_kinds();
    ck_assert_int_eq(voter_key_write(in_directory("new.key"), &key, why, sizeof why), 0);
    assert_imported();
    assert_whole();
}
END_TEST

/* What no server has recorded, each named with its entry. */
static const struct {
    const char *sql, *words;
} damages[] = {
    {"DELETE FROM ballot WHERE seq = 11", "an entry is missing: 11"},
    {"UPDATE poll_event SET seq = 11 WHERE seq = 25; UPDATE poll_event SET seq = seq - 1"
     " WHERE seq > 25",
     "a sequence is used twice: 11"},
    {"UPDATE poll_event SET kind = 'open' WHERE seq = 16", "OPEN 16: the poll is open already"},
    {"UPDATE ballot SET poll = 6 WHERE seq = 18", "ballot 18: there is no such poll"},
    {"UPDATE poll_event SET text = 'closed' WHERE seq = 1", "ballot 9: the poll is closed"},
    {"UPDATE ballot SET choice = 4 WHERE seq = 9", "ballot 9: the poll has no such choice"},
    {"UPDATE ballot SET voter = 'carol' WHERE seq = 14",
     "a voter's second ballot in a poll that takes one, ballot 15"},
    {"UPDATE ballot SET voter = 'ann' WHERE seq = 9", "ballot 9: its voter can't be"},
    {"UPDATE ballot SET voter = x'00' WHERE seq = 9", "ballot 9"},
    {"UPDATE ballot SET voter = 1.5 WHERE seq = 9", "ballot 9: its voter can't be"},
    {"UPDATE ballot SET voter = char(7) WHERE seq = 14", "ballot 14"},
    {"UPDATE ballot SET choice = 0 WHERE seq = 9", "ballot 9"},
    {"UPDATE ballot SET poll = 0 WHERE seq = 9", "ballot 9"},
    {"UPDATE ballot SET time_ns = -1 WHERE seq = 9", "ballot 9"},
    {"UPDATE poll_event SET kind = 'shut' WHERE seq = 16", "poll_event 16"},
    {"UPDATE poll_event SET text = NULL WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET choice = 0 WHERE seq = 3", "poll_event 3"},
    {"UPDATE poll_event SET choice = 4 WHERE seq = 3", "LABEL 3: the poll has no such choice"},
    {"UPDATE choice SET name = 'two words' WHERE poll = 1 AND number = 2", "choices of poll 1"},
    {"UPDATE last_tally SET line = x'' WHERE poll = 1", "was last shown"},
    {"DROP TABLE server", "no such table"},
    {"UPDATE ballot SET key = x'00' WHERE seq = 12", "ballot 12"},
    {"UPDATE last_tally SET line = 'lunch closed 25 3 pizza=1 sushi=1 soup=1' WHERE poll = 1",
     "\"lunch closed 25 3 pizza=1 sushi=1 soup=1\" was last shown"},
    {"DELETE FROM last_tally WHERE poll = 6", "rows of last_tally: 5"},
    {"DELETE FROM choice WHERE poll = 1 AND number = 2", "choices of poll 1"},
    {"UPDATE poll SET voters = 'nobody' WHERE id = 4", "settings of poll 4"},
    {"INSERT INTO poll VALUES (7, 'more', 'once', 'named', 'live', 'name')", "poll 7"},
    {"DROP TABLE choice", "choice"},
    {"PRAGMA user_version = 3", "version 3"},
    {"PRAGMA application_id = 1", "not a database of tallycast"},
};

START_TEST(a_damaged_one_is_named)
{
    make_old(all_kinds, damages[_i].sql);
    assert_refused(damages[_i].words);
    assert_nothing_made();
}
END_TEST

/* ---- names ---- */

/* Two voters of a poll become one: each had a ballot that counted. */
static const struct {
    const char *ballots, *words;
} one_voter[] = {
    {"once", "poll board: 'Carol' (ballot 14) and 'carol' (ballot 15) voted as two"},
    {"changeable", "poll board: 'Carol' (ballot 14) and 'carol' (ballot 15) voted as two"},
    {"unlimited", NULL}, /* each ballot counts, whoever cast it */
};

START_TEST(names_that_fold_to_one)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "UPDATE poll SET ballots = '%s' WHERE id = 2;"
             "UPDATE ballot SET voter = 'Carol' WHERE seq = 14; DROP TABLE spelling",
             one_voter[_i].ballots);
    make_old(all_kinds, sql);
    if (!one_voter[_i].words) {
        assert_imported();
        assert_whole();
        return;
    }
    assert_refused(one_voter[_i].words);
    assert_nothing_made();
}
END_TEST

/* Of hashes nobody can tell what they were of. */
START_TEST(names_that_were_hashed_before_they_were_folded)
{
    make_old(all_kinds, "DROP TABLE spelling");
    assert_imported();
    assert_said("poll walk is open, and has voters from before names were folded");
    ck_assert_ptr_null(strstr(said, "poll board is open"));
    assert_whole();
}
END_TEST

START_TEST(names_that_were_folded)
{
    make_all_kinds();
    assert_imported();
    ck_assert_ptr_null(strstr(said, "is open"));
}
END_TEST

/* The first files of version 1 did not say which ledger they are. */
START_TEST(a_file_without_a_ledger_row)
{
    make_old(all_kinds, "DROP TABLE ledger");
    assert_imported();
    assert_whole();
}
END_TEST

UNIT_MAIN("import",
          {"import", .set_up = set_up, .tear_down = tear_down,
           .tests = {{polls_and_entries_of_all_kinds},
                     {json},
                     {a_database_without_an_entry},
                     {a_present_one},
                     {a_present_one_with_ballots_of_every_kind},
                     {with_its_log_which_stays_as_it_is},
                     {a_log_that_may_be_lacking_is_told},
                     {progress_on_a_terminal},
                     {a_file_without_a_ledger_row}}},
          {"cut short", .set_up = set_up, .tear_down = tear_down, .timeout_s = 60,
           .tests = {{killed_before_each_batch, .first = 1, .loops = 4},
                     {killed_after_each_batch, .first = 1, .loops = 4},
                     {interrupted},
                     {without_room},
                     {begun_from_another_database, .first = 1, .loops = 2}}},
          {"in the way", .set_up = set_up, .tear_down = tear_down,
           .tests = {{what_is_there_stays, .loops = UNIT_COUNT(obstacles)},
                     {without_its_key},
                     {by_a_symbolic_link},
                     {into_itself},
                     {its_key_is_there_already},
                     {a_damaged_one_is_named, .loops = UNIT_COUNT(damages)}}},
          {"names", .set_up = set_up, .tear_down = tear_down,
           .tests = {{names_that_fold_to_one, .loops = UNIT_COUNT(one_voter)},
                     {names_that_were_hashed_before_they_were_folded},
                     {names_that_were_folded}}})
