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

enum { ELECTIONS_MAX = 64, CHOICES_MAX = 32, CONNECTIONS = 8, LINE_MAX_BYTES = 256 };

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

START_TEST(golden_elections_come_out_as_they_were_published)
{
    server_start(&server, NULL);
    create_polls();
    cast_first_thoughts();
    cast_all();
    struct client *client = server_client(&server);
    for (unsigned i = 0; i < election_count; i++)
        expect_tally(client, &elections[i]);
    server_end(&server);
    database_assert_recount(server.database);
}
END_TEST

SERVER_MAIN("golden elections", {"over the line port", set_up, tear_down,
                                 .tests = {{golden_elections_come_out_as_they_were_published}}})
