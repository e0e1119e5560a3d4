/* Golden elections (tests/elections) over the line port: all of them in one server, their ballots
 * cast in random order by a crowd that pipelines, with a kill in the middle, after which the crowd
 * sends everything again. What must come out was published.
 *
 * The order is drawn from a seed, which is printed; TALLYCAST_TEST_SEED sets it. */
#include "tests/support/crowd.h"
#include "tests/support/mix.h"
#include "tests/support/server.h"

#include <glob.h>
#include <signal.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELECTIONS_MAX = 64, CHOICES_MAX = 32, CONNECTIONS = 8, ROWS_MAX = 256, ROW_SIZE = 1024 };

/* An election, and how its poll is made. */
static struct election {
    json_t *file;
    char poll[64];
    const char *kind, *method;
    unsigned choice_count;
    uint64_t counts[CHOICES_MAX]; /* that the tally must show in the end */
} elections[ELECTIONS_MAX];
static unsigned election_count;

/* A ballot, by its place in the order in which they are cast. */
static struct cast {
    const struct election *election;
    const char *text;
} * casts;
static uint64_t cast_count;

static struct server server;
static uint64_t seed;

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ---- what must come out ---- */

/* Counts the choices that stand before the first `>`, or the scores. Choice n is `cN`. */
static void count_ballot(struct election *election, const char *text, uint64_t ballots)
{
    const bool ranked = strcmp(election->kind, "ranked") == 0;
    while (*text == 'c') {
        char *end;
        unsigned long choice = strtoul(text + 1, &end, 10);
        ck_assert(choice >= 1 && choice <= election->choice_count);
        uint64_t score = 1;
        if (!ranked)
            score = strtoul(end + 1, &end, 10);
        election->counts[choice - 1] += score * ballots;
        text = end + (*end == (ranked ? '=' : ','));
    }
}

static void add_election(json_t *file, const char *method)
{
    ck_assert_uint_lt(election_count, ELECTIONS_MAX);
    struct election *election = &elections[election_count++];
    *election = (struct election){
        .file = json_incref(file),
        .kind = text_of(file, "kind"),
        .method = method,
        .choice_count = (unsigned)json_array_size(json_object_get(file, "choices")),
    };
    ck_assert_uint_le(election->choice_count, CHOICES_MAX);
    snprintf(election->poll, sizeof election->poll, "%s-%s", text_of(file, "name"), method);
    for (char *c = election->poll; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
}

/* Some say what two methods make of them. */
static void read_elections(const char *path)
{
    json_error_t error;
    json_t *file = json_load_file(path, 0, &error);
    ck_assert_msg(file != NULL, "%s: %s", path, error.text);
    const json_t *expect = json_object_get(file, "expect");
    if (json_object_get(file, "method"))
        add_election(file, text_of(file, "method"));
    if (json_object_get(expect, "schulze"))
        add_election(file, "schulze");
    if (json_object_get(expect, "irv"))
        add_election(file, "irv");
    json_decref(file);
}

/* Calls `each` for every line of an election's ballots: how many, and their text. */
static void for_ballots(struct election *election,
                        void (*each)(struct election *election, const char *text, uint64_t ballots))
{
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(election->file, "ballots"), i, line)
        each(election, json_string_value(json_array_get(line, 1)),
             (uint64_t)json_integer_value(json_array_get(line, 0)));
}

static void add_casts(struct election *election, const char *text, uint64_t ballots)
{
    casts = realloc(casts, (cast_count + ballots) * sizeof *casts);
    ck_assert_ptr_nonnull(casts);
    while (ballots-- > 0)
        casts[cast_count++] = (struct cast){election, text};
}

/* Fisher and Yates. */
static void shuffle_casts(void)
{
    for (uint64_t left = cast_count; left > 1; left--) {
        uint64_t drawn = mix(seed + left) % left;
        struct cast last = casts[left - 1];
        casts[left - 1] = casts[drawn];
        casts[drawn] = last;
    }
}

static void set_up(void)
{
    const char *tree = getenv("TALLYCAST_SRCDIR"), *given = getenv("TALLYCAST_TEST_SEED");
    char pattern[SERVER_PATH_MAX * 2];
    glob_t files;
    snprintf(pattern, sizeof pattern, "%s/tests/elections/*.json", tree ? tree : ".");
    ck_assert_int_eq(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++)
        read_elections(files.gl_pathv[i]);
    globfree(&files);
    for (unsigned i = 0; i < election_count; i++) {
        for_ballots(&elections[i], count_ballot);
        for_ballots(&elections[i], add_casts);
    }
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)server_now_ms();
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    shuffle_casts();
    server_init(&server);
}

static void tear_down(void)
{
    server_end(&server);
    for (unsigned i = 0; i < election_count; i++)
        json_decref(elections[i].file);
    free(casts);
}

/* ---- casting ---- */

static void create_polls(void)
{
    struct client *admin = server_admin(&server);
    for (unsigned i = 0; i < election_count; i++) {
        const struct election *election = &elections[i];
        char line[1024];
        size_t len = (size_t)snprintf(line, sizeof line, "CREATE %s", election->poll);
        for (unsigned choice = 1; choice <= election->choice_count; choice++)
            len += (size_t)snprintf(line + len, sizeof line - len, " c%u", choice);
        len += (size_t)snprintf(line + len, sizeof line - len, " voters=named lot=listed method=%s",
                                election->method);
        json_t *seats = json_object_get(election->file, "seats");
        if (seats)
            snprintf(line + len, sizeof line - len, " seats=%d", (int)json_integer_value(seats));
        client_ask_number(admin, line);
    }
    client_close(admin);
}

/* A voter's ballot before he changed his mind: what another one says, of the same poll. */
static void say_other(char line[CROWD_LINE_MAX], uint64_t number)
{
    const struct cast *cast = &casts[number], *other = cast;
    for (uint64_t i = 0; i < 1000 && other->election == cast->election && other->text == cast->text;
         i++)
        other = &casts[mix(number + i) % cast_count];
    if (other->election != cast->election)
        other = cast;
    snprintf(line, CROWD_LINE_MAX, "VOTE %s %s as=v%" PRIu64 " id=a%" PRIu64 "\n",
             other->election->poll, other->text, number, number);
}

static void say(char line[CROWD_LINE_MAX], uint64_t number)
{
    const struct cast *cast = &casts[number];
    snprintf(line, CROWD_LINE_MAX, "VOTE %s %s as=v%" PRIu64 " id=b%" PRIu64 "\n",
             cast->election->poll, cast->text, number, number);
}

/* Some change their minds. */
static void cast_first_thoughts(void)
{
    struct crowd crowd;
    crowd_init(&crowd, &server, CONNECTIONS, cast_count / 4);
    crowd.say = say_other;
    crowd_connect(&crowd);
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd_count(&crowd, FATE_COUNTED), crowd.count);
    crowd_disconnect(&crowd);
    crowd_free(&crowd);
}

static void cast_all(void)
{
    struct crowd crowd;
    crowd_init(&crowd, &server, CONNECTIONS, cast_count);
    crowd.say = say;
    crowd_connect(&crowd);
    crowd_vote(&crowd, cast_count / 4 + mix(seed) % (cast_count / 2));
    server_signal(&server, SIGKILL);
    crowd_finish(&crowd); /* replies that were on their way count as well */
    ck_assert_int_eq(server_wait(&server), -SIGKILL);
    crowd_disconnect(&crowd);
    server_start(&server, NULL);
    crowd_connect(&crowd);
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd_count(&crowd, FATE_COUNTED), cast_count);
    crowd_disconnect(&crowd);
    crowd_free(&crowd);
}

/* ---- what came out ---- */

static void expect_tally(struct client *client, const struct election *election)
{
    uint64_t ballots = 0;
    for (uint64_t i = 0; i < cast_count; i++)
        ballots += casts[i].election == election;
    char pattern[1024];
    size_t len = (size_t)snprintf(pattern, sizeof pattern, "^\\+OK %s open [0-9]+ %" PRIu64,
                                  election->poll, ballots);
    for (unsigned i = 0; i < election->choice_count; i++)
        len += (size_t)snprintf(pattern + len, sizeof pattern - len, " c%u=%" PRIu64, i + 1,
                                election->counts[i]);
    snprintf(pattern + len, sizeof pattern - len, "$");
    client_send(client, "SHOW %s", election->poll);
    client_expect_match(client, pattern);
}

/* The rows of a RESULT. */
static struct {
    unsigned count;
    char *row[ROWS_MAX];
} rows;

static void forget_rows(void)
{
    while (rows.count > 0)
        free(rows.row[--rows.count]);
}

/* Of a closed poll, RESULT waits for what belongs to its last entry. */
static void ask_result(struct client *client, const char *poll, uint64_t seq)
{
    char end[64];
    snprintf(end, sizeof end, "+OK %" PRIu64, seq);
    forget_rows();
    client_send(client, "RESULT %s", poll);
    for (;;) {
        const char *line = client_line(client);
        if (line[0] != '=') {
            ck_assert_str_eq(line, end);
            return;
        }
        ck_assert_uint_lt(rows.count, ROWS_MAX);
        rows.row[rows.count++] = strdup(line);
    }
}

/* The row that is number `nth`, from 0, of those that begin so; NULL if there are fewer. */
static const char *find_row(const char *begins, unsigned nth)
{
    for (unsigned i = 0; i < rows.count; i++)
        if (strncmp(rows.row[i], begins, strlen(begins)) == 0 && nth-- == 0)
            return rows.row[i];
    return NULL;
}

static void expect_row(const char *begins, unsigned nth, const char *expected)
{
    const char *row = find_row(begins, nth);
    ck_assert_msg(row && strncmp(row, expected, strlen(expected)) == 0, "\"%s\" is not \"%s\"",
                  row ? row : "nothing", expected);
}

static void expect_stages(const struct election *election, const json_t *stages)
{
    size_t i;
    json_t *stage;
    json_array_foreach(stages, i, stage)
    {
        char row[ROW_SIZE];
        size_t len = (size_t)snprintf(row, sizeof row, "=round %zu", i + 1);
        for (unsigned choice = 1; choice <= election->choice_count; choice++)
            len += (size_t)snprintf(row + len, sizeof row - len, " c%u=%s", choice,
                                    json_string_value(json_array_get(stage, choice)));
        snprintf(row + len, sizeof row - len, " exhausted=%s",
                 json_string_value(json_array_get(stage, 0)));
        expect_row("=round ", (unsigned)i, row);
    }
    ck_assert_ptr_null(find_row("=round ", (unsigned)i));
}

static void expect_elected(const json_t *elected)
{
    size_t i;
    json_t *choice;
    for (unsigned nth = 0; nth < json_array_size(elected); nth++) {
        const char *row = find_row("=winner ", nth);
        bool found = false;
        ck_assert_ptr_nonnull(row);
        json_array_foreach(elected, i, choice) found |=
            strcmp(strrchr(row, ' ') + 1, json_string_value(choice)) == 0;
        ck_assert_msg(found, "%s", row);
    }
    ck_assert_ptr_null(find_row("=winner ", (unsigned)json_array_size(elected)));
}

static void expect_winner(const char *choice)
{
    char row[64];
    snprintf(row, sizeof row, "=winner 1 %s", choice);
    ck_assert_str_eq(find_row("=winner ", 0), row);
    ck_assert_ptr_null(find_row("=winner ", 1));
}

static void expect_ranks(const json_t *ranks)
{
    size_t i, j;
    json_t *rank, *choice;
    json_array_foreach(ranks, i, rank)
    {
        char row[ROW_SIZE];
        size_t len = (size_t)snprintf(row, sizeof row, "=rank %zu", i + 1);
        json_array_foreach(rank, j, choice) len += (size_t)snprintf(
            row + len, sizeof row - len, "%c%s", j == 0 ? ' ' : ',', json_string_value(choice));
        ck_assert_str_eq(find_row("=rank ", (unsigned)i), row);
    }
    ck_assert_ptr_null(find_row("=rank ", (unsigned)i));
}

static void expect_runoff(const json_t *expect)
{
    char row[ROW_SIZE];
    const json_t *finalists = json_object_get(expect, "finalists");
    const json_t *votes = json_object_get(expect, "runoff");
    size_t len = (size_t)snprintf(row, sizeof row, "=runoff");
    for (size_t i = 0; i < 2; i++)
        len += (size_t)snprintf(row + len, sizeof row - len, " %s=%" JSON_INTEGER_FORMAT,
                                json_string_value(json_array_get(finalists, i)),
                                json_integer_value(json_array_get(votes, i)));
    snprintf(row + len, sizeof row - len, " equal=");
    expect_row("=runoff ", 0, row);
}

static void expect_result(const struct election *election)
{
    const json_t *expect = json_object_get(election->file, "expect");
    if (strcmp(election->method, "stv") == 0) {
        expect_stages(election, json_object_get(expect, "stages"));
        expect_elected(json_object_get(expect, "elected_in_any_order"));
    } else if (strcmp(election->method, "schulze") == 0) {
        expect_ranks(json_object_get(expect, "schulze"));
    } else if (strcmp(election->method, "irv") == 0) {
        expect_winner(text_of(expect, "irv"));
    } else {
        expect_runoff(expect);
        expect_winner(text_of(expect, "winner"));
    }
}

START_TEST(golden_elections_come_out_as_they_were_published)
{
    server_start(&server, NULL);
    create_polls();
    cast_first_thoughts();
    cast_all();
    struct client *client = server_client(&server), *admin = server_admin(&server);
    for (unsigned i = 0; i < election_count; i++) {
        char line[128];
        expect_tally(client, &elections[i]);
        snprintf(line, sizeof line, "CLOSE %s", elections[i].poll);
        ask_result(client, elections[i].poll, client_ask_number(admin, line));
        expect_result(&elections[i]);
    }
    forget_rows();
    server_end(&server);
    database_assert_recount(server.database);
}
END_TEST

SERVER_MAIN("golden elections", {"over the line port", set_up, tear_down,
                                 .tests = {{golden_elections_come_out_as_they_were_published}}})
