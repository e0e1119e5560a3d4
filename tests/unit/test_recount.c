/* `tallyctl recount FILE` beside the server's start: both give the tallies of ballots of every kind
 * that a third count gives, which is the test's own; and whatever a start refuses, the recount
 * refuses, too. For that, bytes of a small backup are damaged at random, always the same ones. Both
 * judge in this process. */
#include "ledger/ledger.h"
#include "ledger/ports.h"
#include "store/database.h"
#include "store/sqlite/sqlite.h"
#include "tests/support/entries.h"
#include "tests/support/temporary.h"
#include "tests/support/terminal.h"
#include "tests/support/unit.h"
#include "tests/support/says.h"
#include "tools/tallyctl/tallyctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    POLLS = 5,
    CHOICES = 3,
    VOTERS = 20, /* of each poll */
    CASTS = 200, /* ballots that are cast in all, of which some change nothing */
    ENTRIES_MAX = POLLS + 2 + CASTS,
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

/* The polls: each kind, and each rule of what counts. */
static struct counted {
    uint16_t method, ballots, record;
    struct poll *poll;
    struct says says;
    struct marks votes[VOTERS]; /* that count */
    bool voted[VOTERS];
    struct marks values[CASTS]; /* by number, from 1 */
    unsigned value_count;
    uint64_t seq;
    char line[128];
} polls[POLLS] = {
    {METHOD_PLURALITY, BALLOTS_CHANGEABLE, RECORD_PSEUDONYM},
    {METHOD_APPROVAL, BALLOTS_ONCE, RECORD_PSEUDONYM},
    {METHOD_STAR, BALLOTS_UNLIMITED, RECORD_PSEUDONYM},
    {METHOD_SCHULZE, BALLOTS_CHANGEABLE, RECORD_NAME},
    {METHOD_STV, BALLOTS_CHANGEABLE, RECORD_PSEUDONYM},
};
static char voter_names[VOTERS][4];

static void make_poll(struct counted *counted, uint32_t id)
{
    static const struct name choices[CHOICES] = {{1, "a"}, {1, "b"}, {1, "c"}};
    static const uint8_t lot[CHOICES] = {1, 2, 0};
    const struct name name = {2, {'p', (char)('0' + id)}};
    struct settings settings = {{[SETTING_METHOD] = counted->method,
                                 [SETTING_BALLOTS] = counted->ballots,
                                 [SETTING_VOTERS] = VOTERS_NAMED,
                                 [SETTING_RECORD] = counted->record}};
    const unsigned given =
        1 << SETTING_METHOD | 1 << SETTING_BALLOTS | 1 << SETTING_VOTERS | 1 << SETTING_RECORD;
    ck_assert_msg(settings_complete(&settings, given, CHOICES, why) == 0, "%s", why);
    counted->says = (struct says){settings, CHOICES};
    counted->poll = poll_new(&name, &settings, choices, CHOICES, lot);
    ck_assert_ptr_nonnull(counted->poll);
    counted->poll->id = id;
}

static bool is_same(const struct marks *marks, const struct marks *others)
{
    return marks->abstains == others->abstains && memcmp(marks->mark, others->mark, CHOICES) == 0;
}

/* A small generator of its own, so that every machine draws the same. */
static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

/* Schulze's method takes equal ranks. */
static void draw_marks(const struct counted *counted, struct marks *marks)
{
    says_marks(&counted->says, (unsigned)draw(says_count(&counted->says)), marks);
    for (unsigned i = 0; counted->method == METHOD_SCHULZE && i < CHOICES; i++)
        marks->mark[i] = (uint8_t)((marks->mark[i] + 1) / 2);
}

/* The number of what a ballot says, which it defines if none before it did. */
static void number(struct counted *counted, struct entry_ballot *ballot, const struct marks *marks)
{
    unsigned value = 0;
    if (marks->abstains)
        ballot->value = VALUE_ABSTAIN;
    for (unsigned i = 0; counted->method == METHOD_PLURALITY && i < CHOICES; i++)
        if (marks->mark[i])
            ballot->value = i + 1;
    if (ballot->value)
        return;
    while (value < counted->value_count && !is_same(&counted->values[value], marks))
        value++;
    ballot->value = value + 1;
    if (value < counted->value_count)
        return;
    counted->values[counted->value_count++] = *marks;
    ballot->marks = (struct span){(const char *)counted->values[value].mark, CHOICES};
}

/* Casts a ballot. Returns whether it is recorded, as entry `seq`. */
static bool cast(struct counted *counted, uint64_t seq, struct entry *entry)
{
    const unsigned voter = (unsigned)draw(VOTERS);
    struct marks marks;
    draw_marks(counted, &marks);
    if (counted->voted[voter] &&
        (counted->ballots != BALLOTS_CHANGEABLE || is_same(&counted->votes[voter], &marks)))
        return false;
    counted->voted[voter] = true;
    counted->votes[voter] = marks;
    counted->seq = seq;
    *entry = entry_ballot(seq, counted->poll->id, 0, (struct hash){counted->poll->id, voter + 1});
    entry->ballot.has_key = counted->ballots == BALLOTS_UNLIMITED;
    entry->ballot.key = entry->ballot.voter;
    if (counted->record == RECORD_NAME)
        entry->ballot.name = (struct span){voter_names[voter], strlen(voter_names[voter])};
    number(counted, &entry->ballot, &marks);
    return true;
}

/* What a ballot counts for a choice. */
static unsigned count_of(const struct counted *counted, const struct marks *marks, unsigned choice)
{
    const bool is_ranked = counted->says.settings.value[SETTING_KIND] == KIND_RANKED;
    return is_ranked ? marks->mark[choice] == 1 : marks->mark[choice];
}

static struct store_tally count(struct counted *counted)
{
    unsigned ballots = 0, counts[CHOICES] = {0};
    for (unsigned voter = 0; voter < VOTERS; voter++) {
        ballots += counted->voted[voter];
        for (unsigned i = 0; i < CHOICES; i++)
            counts[i] += count_of(counted, &counted->votes[voter], i);
    }
    int len = snprintf(counted->line, sizeof counted->line, "%s open %llu %u a=%u b=%u c=%u",
                       counted->poll->name.text, (unsigned long long)counted->seq, ballots,
                       counts[0], counts[1], counts[2]);
    return (struct store_tally){counted->poll->id, counted->line, (size_t)len};
}

static void record(struct store *store)
{
    static struct entry entries[ENTRIES_MAX];
    struct store_tally tallies[POLLS];
    size_t recorded = 0;
    for (uint32_t i = 0; i < POLLS; i++) {
        make_poll(&polls[i], i + 1);
        polls[i].seq = i + 1;
        entries[recorded++] = entry_create(i + 1, polls[i].poll);
    }
    for (unsigned i = 0; i < VOTERS; i++)
        snprintf(voter_names[i], sizeof voter_names[i], "v%u", i);
    entries[recorded++] = entry_text(POLLS + 1, 1, ENTRY_TITLE, 0, "Where?");
    entries[recorded++] = entry_text(POLLS + 2, 1, ENTRY_LABEL, 1, "B!");
    state = 1;
    for (unsigned i = 0; i < CASTS; i++)
        recorded += cast(&polls[draw(POLLS)], recorded + 1, &entries[recorded]);
    for (unsigned i = 0; i < POLLS; i++)
        tallies[i] = count(&polls[i]);
    const struct store_batch batch = {entries, recorded, tallies, POLLS};
    const char *reason;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    for (unsigned i = 0; i < POLLS; i++)
        poll_free(polls[i].poll);
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

/* The start counts as it loads, the recount with the schema's views; each gives what is recorded
 * as last shown, which is this test's count. */
START_TEST(all_count_the_same)
{
    ck_assert_msg(server_starts(bytes), "%s", why);
    ck_assert(recount_is_content(bytes));
}
END_TEST

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
                      .tests = {{all_count_the_same},
                                {what_a_server_refuses_is_refused, .loops = ROUNDS},
                                {what_does_not_belong_to_the_file_is_refused},
                                {progress_on_a_terminal}}})
