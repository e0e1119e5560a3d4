/* Making the ledgers: one server after the other on the same database. The first ends in good order
 * with less in it than the second; the third is killed, and makes a backup before. */
#include "tests/torture/damage_ledger.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    VOTERS = 400,
    WINDOW = 256, /* ballots that are sent at once, so that sheets hold many */
    BALLOTS = 1280,
    LAST_BALLOTS = 24, /* each in a commit of its own, before the kill */
    WIDE_CHOICES = 250,
};

const char *const ledger_names[LEDGERS] = {
    [LEDGER_ENDED] = "ended", [LEDGER_KILLED] = "killed", [LEDGER_BACKUP] = "backup"};

static const struct says single = {{{0}}, 3},
                         approval = {{{[SETTING_KIND] = KIND_APPROVAL, [SETTING_MIN] = 1}}, 4},
                         ranked = {{{[SETTING_KIND] = KIND_RANKED, [SETTING_MIN] = 1}}, 6};

const struct says *const ballot_says[] = {NULL,    &single,   &single, &single,
                                          &single, &approval, &ranked};

/* The polls that take ballots, by id. */
static const struct ballot_poll {
    const char *name, *create; /* what follows the name */
} ballot_polls[] = {
    {NULL, NULL},
    {"changes", "a b c voters=named"},
    {"once", "a b c voters=named ballots=once"},
    {"applause", "a b c ballots=unlimited"},
    {"roll", "a b c voters=named record=name"},
    {"tour", "a b c d voters=named kind=approval"},
    {"order", "a b c d e f voters=named record=name method=stv seats=2"},
};

size_t ballot_name(char name[16], char letter, uint32_t number)
{
    return (size_t)snprintf(name, 16, "%c%" PRIu32, letter, number);
}

/* ---- ballots ---- */

static void say_ballot(struct peer *peer, const struct ballot *ballot)
{
    char text[SAYS_TEXT_SIZE], line[256], voter[32] = "";
    says_text(ballot_says[ballot->poll], ballot->says, text);
    if (ballot->poll != POLL_APPLAUSE)
        snprintf(voter, sizeof voter, " as=V%" PRIu32, ballot->voter);
    int len = snprintf(line, sizeof line, "VOTE %s %s%s id=k%" PRIu32 "\n",
                       ballot_polls[ballot->poll].name, text, voter, ballot->key);
    peer_send(peer, line, (size_t)len);
}

static struct ballot draw_ballot(struct torture *torture, size_t number)
{
    struct ballot ballot = {.poll = 1 + (uint32_t)torture_random(torture, BALLOT_POLLS),
                            .voter = (uint32_t)torture_random(torture, VOTERS),
                            .key = 1 + (uint32_t)number};
    ballot.says = (uint32_t)torture_random(torture, says_count(ballot_says[ballot.poll]));
    return ballot;
}

/* Casts ballots, `window` at a time, and keeps those that were counted. */
static void cast(struct ledgers *ledgers, struct peer *peer, struct torture *torture, size_t count,
                 size_t window)
{
    static size_t number;
    struct ballot sent[WINDOW];
    for (; count > 0; count -= window) {
        for (size_t i = 0; i < window; i++) {
            sent[i] = draw_ballot(torture, number++);
            say_ballot(peer, &sent[i]);
        }
        for (size_t i = 0; i < window; i++) {
            const char *reply = peer_line(peer);
            if (!reply)
                victim_fail(peer->victim, "a ballot is not answered");
            if (sscanf(reply, "+OK %" SCNu64, &sent[i].seq) == 1 && !strstr(reply, "duplicate"))
                ledgers->book.ballots[ledgers->book.count++] = sent[i];
        }
    }
}

bool ledger_repeats(struct peer *peer, const struct ballot *ballot)
{
    uint64_t seq = 0;
    say_ballot(peer, ballot);
    const char *reply = peer_line(peer);
    return reply && sscanf(reply, "+OK %" SCNu64 " duplicate", &seq) == 1 && seq == ballot->seq &&
           strstr(reply, " duplicate");
}

/* ---- polls ---- */

static void order(struct peer *admin, const char *line)
{
    char bytes[4096];
    int len = snprintf(bytes, sizeof bytes, "%s\n", line);
    peer_send(admin, bytes, (size_t)len);
    const char *reply = peer_line(admin);
    if (!reply || reply[0] != '+')
        victim_fail(admin->victim, "%.40s is answered %s", line, reply ? reply : "not at all");
}

/* A poll with so many choices that its tally takes more than a page. */
static void create_wide_poll(struct peer *admin)
{
    char line[4096];
    int len = snprintf(line, sizeof line, "CREATE wide ballots=once");
    for (unsigned i = 0; i < WIDE_CHOICES; i++)
        len += snprintf(line + len, sizeof line - (size_t)len, " choice.%u", i);
    order(admin, line);
}

static void create_polls(struct peer *admin)
{
    static const char *const lines[] = {
        "CREATE award film book reveal=closed voters=address",
        "CREATE later x y state=closed",
        "TITLE changes Where do we eat?",
        "LABEL changes a Pizza à la carte",
        "LABEL changes c 寿司",
        "TITLE roll Those in favour",
        "OPEN later",
        "CLOSE later",
        "TITLE award The award",
        "LABEL award film A film, whatever it is called",
    };
    for (uint32_t id = 1; id <= BALLOT_POLLS; id++) {
        char line[128];
        snprintf(line, sizeof line, "CREATE %s %s", ballot_polls[id].name, ballot_polls[id].create);
        order(admin, line);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        order(admin, lines[i]);
    create_wide_poll(admin);
}

static void describe(void *text, const char *line)
{
    fprintf(text, "%s\n", line);
}

static void keep_tally(void *polls, const char *line)
{
    fprintf(polls, "%s\n", line + 1);
}

char *ledger_describe(struct victim *victim)
{
    char *text = NULL, *polls = NULL, *rest, name[128];
    size_t size = 0, polls_size = 0;
    FILE *out = open_memstream(&text, &size), *list = open_memstream(&polls, &polls_size);
    struct peer *admin = peer_connect(victim, true, false);
    if (!out || !list || !admin || !peer_ask(admin, "POLLS", keep_tally, list))
        victim_fail(victim, "its polls are not listed");
    fclose(list);
    fputs(polls, out);
    for (char *line = strtok_r(polls, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        snprintf(name, sizeof name, "DESCRIBE %.*s", (int)strcspn(line, " "), line);
        if (!peer_ask(admin, name, describe, out))
            victim_fail(victim, "%s is not answered", name);
    }
    free(polls);
    peer_close(admin);
    fclose(out);
    return text;
}

/* ---- lives ---- */

struct clients {
    struct peer *admin, *voter;
};

static struct clients start(struct victim *victim)
{
    if (!victim_start(victim, false))
        victim_fail(victim, "it does not start");
    return (struct clients){peer_connect(victim, true, false), peer_connect(victim, false, false)};
}

static void end(struct victim *victim, struct clients *clients, int signal_number)
{
    peer_close(clients->admin);
    peer_close(clients->voter);
    victim_signal(victim, signal_number);
    int status = victim_wait(victim, VICTIM_STOP_MS);
    if (status != 0 && signal_number == SIGTERM)
        victim_fail(victim, "it ends with status %d", status);
}

static void make_backup(struct ledgers *ledgers, struct victim *victim, struct peer *admin)
{
    char line[PATH_MAX], path[PATH_MAX];
    snprintf(path, sizeof path, "%s/backup", victim->directory);
    snprintf(line, sizeof line, "BACKUP %.4000s", path);
    order(admin, line);
    files_read(&ledgers->files[LEDGER_BACKUP], path);
    unlink(path);
}

/* The files of a server that runs: both of one time, not of before and after a checkpoint. */
static void read_still(struct files *files, const char *path)
{
    struct files again = {0};
    files_read(files, path);
    files_read(&again, path);
    while (!files_are_same(files, &again)) {
        files_copy(files, &again);
        files_read(&again, path);
    }
    files_free(&again);
}

static void live_to_be_killed(struct ledgers *ledgers, struct victim *victim,
                              struct torture *torture)
{
    struct clients clients = start(victim);
    cast(ledgers, clients.voter, torture, WINDOW, WINDOW);
    make_backup(ledgers, victim, clients.admin);
    read_still(&ledgers->older[LEDGER_KILLED], victim->database);
    cast(ledgers, clients.voter, torture, WINDOW, WINDOW);
    order(clients.admin, "TITLE once Once and for all");
    order(clients.admin, "CREATE last yes no record=name voters=named");
    cast(ledgers, clients.voter, torture, LAST_BALLOTS, 1);
    end(victim, &clients, SIGKILL);
    files_read(&ledgers->files[LEDGER_KILLED], victim->database);
}

void ledgers_make(struct ledgers *ledgers, struct victim *victim, struct torture *torture)
{
    struct clients clients = start(victim);
    create_polls(clients.admin);
    cast(ledgers, clients.voter, torture, BALLOTS, WINDOW);
    end(victim, &clients, SIGTERM);
    files_read(&ledgers->older[LEDGER_ENDED], victim->database);
    files_copy(&ledgers->older[LEDGER_BACKUP], &ledgers->older[LEDGER_ENDED]);
    clients = start(victim);
    cast(ledgers, clients.voter, torture, BALLOTS, WINDOW);
    order(clients.admin, "CLOSE award");
    end(victim, &clients, SIGTERM);
    files_read(&ledgers->files[LEDGER_ENDED], victim->database);
    live_to_be_killed(ledgers, victim, torture);
    files_copy_one(&ledgers->files[LEDGER_BACKUP], &ledgers->files[LEDGER_ENDED], DAMAGE_KEY);
}

void ledgers_free(struct ledgers *ledgers)
{
    for (enum ledger_kind i = 0; i < LEDGERS; i++) {
        files_free(&ledgers->files[i]);
        files_free(&ledgers->older[i]);
    }
}
