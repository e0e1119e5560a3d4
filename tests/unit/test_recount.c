/* `tallyctl recount FILE` beside the server's start: whatever a start refuses, the recount refuses,
 * too. The files are a small backup with bytes damaged at random, always the same ones; both judge
 * in this process. */
#include "ledger/ledger.h"
#include "ledger/ports.h"
#include "store/database.h"
#include "store/sqlite/sqlite.h"
#include "tests/support/entries.h"
#include "tests/support/temporary.h"
#include "tests/support/terminal.h"
#include "tests/support/unit.h"
#include "tools/tallyctl/tallyctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    BALLOTS = 40,
    ROUNDS = 8,
    DAMAGES = 100,
    PATH_BYTES = TEMPORARY_MAX + 16
};

static char directory[TEMPORARY_MAX];
static char good[PATH_BYTES], damaged[PATH_BYTES], started[PATH_BYTES];
static char good_key[PATH_BYTES], started_key[PATH_BYTES];
static char why[STORE_WHY_MAX];
static char *bytes;
static size_t size;

/* ---- a backup ---- */

static void name_file(char path[PATH_BYTES], const char *name)
{
    snprintf(path, PATH_BYTES, "%s/%s", directory, name);
}

static void record(struct store *store)
{
    static const struct name choices[] = {{1, "a"}, {1, "b"}};
    struct settings settings = {0};
    struct poll *poll = poll_new(&(struct name){1, "p"}, &settings, choices, 2, NULL);
    ck_assert_ptr_nonnull(poll);
    poll->id = 1;
    struct entry entries[3 + BALLOTS] = {
        entry_create(1, poll),
        entry_text(2, 1, ENTRY_TITLE, 0, "Where?"),
        entry_text(3, 1, ENTRY_LABEL, 1, "B!"),
    };
    for (unsigned i = 0; i < BALLOTS; i++)
        entries[3 + i] = entry_ballot(4 + i, 1, 1 + i % 2, (struct hash){i + 1, i});
    static const char line[] = "p open 43 40 a=20 b=20";
    const struct store_tally tally = {1, line, strlen(line)};
    const struct store_batch batch = {.entries = entries,
                                      .entry_count = UNIT_COUNT(entries),
                                      .tallies = &tally,
                                      .tally_count = 1};
    const char *reason;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    poll_free(poll);
}

static void make_backup(struct store *store)
{
    atomic_bool cancelled = false;
    uint64_t copied;
    ck_assert_int_eq(store_backup_begin(store), 0);
    ck_assert_int_eq(store_backup_copy(store, damaged, &cancelled, &copied), 0);
    store_backup_end(store);
    size = (size_t)copied;
}

static void read_backup(void)
{
    int file = open(damaged, O_RDONLY);
    bytes = malloc(size);
    ck_assert(file >= 0 && bytes && read(file, bytes, size) == (ssize_t)size);
    close(file);
}

static void set_up(void)
{
    struct store *store;
    struct voter_key key;
    temporary_directory(directory, "tallycast-recount");
    name_file(good, "good");
    name_file(good_key, "good.key");
    name_file(damaged, "damaged");
    name_file(started, "started");
    name_file(started_key, "started.key");
    ck_assert_msg(database_open(&store, &key, &sqlite_engine, good, false, why) == 0, "%s", why);
    ck_assert_msg(store_adopt(store, why) == 0, "%s", why);
    record(store);
    make_backup(store);
    store_close(store);
    read_backup();
    ck_assert_int_eq(link(good_key, started_key), 0);
}

static void tear_down(void)
{
    static const char *const names[] = {"good",    "good-wal",    "good.key",   "damaged",
                                        "started", "started-wal", "started.key"};
    for (int i = 0; i < UNIT_COUNT(names); i++) {
        char path[PATH_BYTES];
        name_file(path, names[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left behind */
    free(bytes);
}

/* ---- the two judges ---- */

static void put_file(const char *path, const char *content)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, content, size), (ssize_t)size);
    close(file);
}

static int load(struct store *store, const struct voter_key *key)
{
    struct tally *tally = tally_new(0);
    struct ports *ports = ports_new(0, NULL);
    ck_assert(tally && ports);
    struct ledger *ledger = ledger_new(store, tally, key, ports, why);
    int result = ledger && store_adopt(store, why) == 0 ? 0 : -1;
    if (ledger)
        ledger_free(ledger);
    tally_free(tally);
    ports_free(ports);
    return result;
}

static bool server_starts(const char *content)
{
    char log[PATH_BYTES];
    struct store *store;
    struct voter_key key;
    name_file(log, "started-wal");
    unlink(log);
    put_file(started, content);
    if (database_open(&store, &key, &sqlite_engine, started, false, why) != 0)
        return false;
    int result = load(store, &key);
    store_close(store);
    return result == 0;
}

/* What it prints on standard output is nobody's. */
static enum status recount_telling(int standard_error, char *path)
{
    const struct invocation invocation = {
        .command = "recount", .usage = "[FILE]", .argc = 1, .argv = &path};
    fflush(stdout);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(standard_error >= 0 ? standard_error : nowhere, STDERR_FILENO);
    enum status status = command_recount(&invocation);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    close(nowhere);
    return status;
}

static enum status recount(char *path)
{
    return recount_telling(-1, path);
}

static bool recount_is_content(const char *content)
{
    put_file(damaged, content);
    return recount(damaged) == STATUS_DONE;
}

START_TEST(both_take_a_backup)
{
    ck_assert_msg(server_starts(bytes), "%s", why);
    ck_assert(recount_is_content(bytes));
}
END_TEST

/* A small generator of its own, so that every machine damages the same bytes. */
static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

/* Mostly where SQLite keeps what it needs: a page's head and its cells, which are at its end. */
static size_t draw_place(void)
{
    size_t page = draw(size / PAGE_BYTES) * PAGE_BYTES;
    switch (draw(3)) {
    case 0:
        return page + draw(64);
    case 1:
        return page + PAGE_BYTES - 1 - draw(512);
    default:
        return draw(size);
    }
}

START_TEST(what_a_server_refuses_is_refused)
{
    unsigned refused = 0;
    char *copy = malloc(size), key[PATH_BYTES];
    ck_assert_ptr_nonnull(copy);
    name_file(key,
              "damaged.key"); /* without, nobody knows another check value from the right one */
    ck_assert_int_eq(link(good_key, key), 0);
    state = (uint64_t)_i;
    for (int i = 0; i < DAMAGES; i++) {
        memcpy(copy, bytes, size);
        for (uint64_t n = 1 + draw(3); n > 0; n--)
            copy[draw_place()] ^= (char)(1 + draw(255));
        bool starts = server_starts(copy);
        refused += !starts;
        ck_assert_msg(starts || !recount_is_content(copy), "round %d, damage %d: %s", _i, i, why);
    }
    ck_assert_uint_gt(refused, DAMAGES / 10); /* else the damages are none */
    ck_assert_int_eq(unlink(key), 0);
    free(copy);
}
END_TEST

/* Of a log that lies beside a backup, and of another ledger's key. */
START_TEST(what_does_not_belong_to_the_file_is_refused)
{
    char beside[PATH_BYTES];
    put_file(damaged, bytes);
    name_file(beside, "damaged-wal");
    put_file(beside, bytes);
    ck_assert_int_eq(recount(damaged), STATUS_REFUSED);
    ck_assert_int_eq(unlink(beside), 0);
    name_file(beside, "damaged.key");
    FILE *key = fopen(beside, "w");
    ck_assert(key && fputs("00112233445566778899aabbccddeeff\n", key) >= 0 && fclose(key) == 0);
    ck_assert_int_eq(recount(damaged), STATUS_REFUSED);
    ck_assert_int_eq(unlink(beside), 0);
    ck_assert_int_eq(link(good_key, beside), 0);
    ck_assert_int_eq(recount(damaged), STATUS_DONE);
    ck_assert_int_eq(unlink(beside), 0);
}
END_TEST

/* What it shows on a terminal is rewritten, and gone in the end. */
START_TEST(progress_on_a_terminal)
{
    char said[1024], first[64];
    struct terminal terminal = terminal_open();
    put_file(damaged, bytes);
    ck_assert_int_eq(recount_telling(terminal.writer, damaged), STATUS_DONE);
    size_t len = terminal_close(terminal, said, sizeof said);
    snprintf(first, sizeof first, "\rcounting ballots, pages: 0 of %zu\r", size / PAGE_BYTES);
    ck_assert_msg(strncmp(said, first, strlen(first)) == 0, "%s", said);
    ck_assert_ptr_nonnull(strstr(said, "\rchecking pages: "));
    ck_assert_ptr_nonnull(strstr(said, "\rloading as a server does"));
    ck_assert_str_eq(said + len - 2, " \r");
    ck_assert_ptr_null(strchr(said, '\n'));
}
END_TEST

UNIT_MAIN("recount", {"backup", .set_up = set_up, .tear_down = tear_down, .timeout_s = 60,
                      .tests = {{both_take_a_backup},
                                {what_a_server_refuses_is_refused, .loops = ROUNDS},
                                {what_does_not_belong_to_the_file_is_refused},
                                {progress_on_a_terminal}}})
