/* Sessions: a start as main.c makes it, batches of requests, an end.
 *
 * Two threads, as in the server: this one is the loop that asks, the ledger's does the rest. Each
 * batch is sent whole when the ledger sleeps, and the next one when it sleeps again, so that a seed
 * gives the same batches and checkpoints; only a backup's own thread runs as it likes. What the
 * ledger tells is noted in its own thread at the instant at which it wakes whom it tells: before it
 * does anything else to the disk. */
#include "tests/torture/power_run.h"

#include "store/database.h"
#include "store/sqlite/sqlite.h"
#include "ledger/ports.h"
#include "base/log.h"
#include "poll/values.h"
#include "proto/error.h"
#include "tally/tally.h"
#include "base/waker.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    VOTERS = 150,         /* that a poll has; few, so that many vote again */
    LONE_VOTERS = 100000, /* from here: voters of one ballot each */
    PERCENT = 100,
    REPEATS = 15, /* percent of requests that repeat an old one, as after a lost reply */
    EVENTS = 2,   /* percent */
    POLLS_AT_START = 2,
};

#define SAYS(kind, method)                                                                         \
    {                                                                                              \
        {{[SETTING_KIND] = (kind), [SETTING_METHOD] = (method), [SETTING_MIN] = 1}}, POWER_CHOICES \
    }
const struct power_poll power_polls[POWER_POLLS] = {
    {"changes", BALLOTS_CHANGEABLE, RECORD_PSEUDONYM, SAYS(KIND_SINGLE, METHOD_PLURALITY)},
    {"order", BALLOTS_CHANGEABLE, RECORD_PSEUDONYM, SAYS(KIND_RANKED, METHOD_SCHULZE)},
    {"once", BALLOTS_ONCE, RECORD_PSEUDONYM, SAYS(KIND_SINGLE, METHOD_PLURALITY)},
    {"applause", BALLOTS_UNLIMITED, RECORD_PSEUDONYM, SAYS(KIND_SINGLE, METHOD_PLURALITY)},
    {"names", BALLOTS_CHANGEABLE, RECORD_NAME, SAYS(KIND_SINGLE, METHOD_PLURALITY)},
    {"tour", BALLOTS_ONCE, RECORD_NAME, SAYS(KIND_APPROVAL, METHOD_APPROVAL)},
};

/* A server that runs, and who talks to it. */
struct session {
    struct run *run;
    struct session_plan *plan;
    struct store *store;
    struct voter_key key;
    struct tally *tally;
    struct ports *ports;
    struct ledger *ledger;
    struct waker port_waker, feed_waker;
    pthread_mutex_t mutex; /* guards the run's history and what follows, since the ledger starts */
    pthread_cond_t told;
    unsigned unanswered; /* requests */
    uint32_t polls;      /* that were asked for */
};

/* ---- who is who ---- */

size_t power_name(char name[PROTO_NAME_MAX], char kind, uint32_t number)
{
    return (size_t)snprintf(name, PROTO_NAME_MAX, "%c%u", kind, number);
}

static struct hash hash_name(const struct voter_key *key, enum voter_hash_kind kind, unsigned poll,
                             char letter, uint32_t number)
{
    char name[PROTO_NAME_MAX];
    size_t len = power_name(name, letter, number);
    return voter_hash(key, kind, poll, name, len);
}

struct hash power_voter(const struct voter_key *key, const struct cast *cast)
{
    return hash_name(key, VOTER_HASH_VOTER, cast->poll, 'v', cast->voter);
}

struct hash power_key(const struct voter_key *key, const struct cast *cast)
{
    return hash_name(key, VOTER_HASH_KEY, cast->poll, 'k', cast->key);
}

/* ---- the history ---- */

struct run *run_new(void)
{
    struct run *run = mmap(NULL, sizeof *run, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    INVARIANT(run != MAP_FAILED);
    run->record = disk_record_new();
    return run;
}

size_t run_facts_at(const struct run *run, size_t instant)
{
    size_t facts = run->inherited;
    for (size_t i = 0; i < instant; i++)
        facts += run->record->ops[i].kind == DISK_NOTE;
    return facts;
}

void run_reset(struct run *run, bool os_durability)
{
    run->record->op_count = 0;
    run->history.cast_count = run->history.fact_count = run->inherited = 0;
    run->os_durability = os_durability;
}

void run_inherit(struct run *run, const struct run *from, size_t instant, bool undone)
{
    struct history *history = &run->history;
    size_t facts = run_facts_at(from, instant);
    run_reset(run, from->os_durability);
    for (size_t i = 0; i < facts; i++) {
        const struct fact *fact = &from->history.facts[i];
        if (fact->kind == FACT_SENT)
            history->cast_count = fact->number;
        if (fact->kind == FACT_SENT || !undone)
            history->facts[history->fact_count++] = *fact;
    }
    run->inherited = history->fact_count;
    memcpy(history->casts, from->history.casts, history->cast_count * sizeof *history->casts);
}

/* With the session's mutex held, or before the ledger's thread runs. */
static void note_locked(struct session *session, struct fact fact)
{
    struct history *history = &session->run->history;
    INVARIANT(history->fact_count < POWER_FACTS_MAX);
    history->facts[history->fact_count] = fact;
    disk_note(); /* a process that is killed here has not counted the fact: see run_session */
    history->fact_count++;
}

static void note(struct session *session, struct fact fact)
{
    pthread_mutex_lock(&session->mutex);
    note_locked(session, fact);
    pthread_mutex_unlock(&session->mutex);
}

/* ---- what the ledger tells ---- */

/* In the ledger's thread, which has just put answers into the port. */
static void on_answers(void *context)
{
    struct session *session = context;
    struct answer answer;
    pthread_mutex_lock(&session->mutex);
    while (ports_receive(session->ports, 0, &answer, 1) == 1) {
        note_locked(session, (struct fact){.kind = FACT_ANSWERED,
                                           .cast = answer.to.slot,
                                           .error = answer.error,
                                           .duplicate = answer.duplicate,
                                           .number = answer.number});
        session->unanswered--;
    }
    waker_prepare(&session->port_waker);
    pthread_cond_signal(&session->told);
    pthread_mutex_unlock(&session->mutex);
}

/* In the ledger's thread, which has just shown tallies; and once when those who see them begin. */
static void on_snapshots(void *context)
{
    struct session *session = context;
    struct snapshot *snapshot;
    pthread_mutex_lock(&session->mutex);
    while (tally_receive(session->tally, 0, &snapshot, 1) == 1) {
        struct fact fact = {.kind = FACT_SHOWN,
                            .poll = (uint8_t)snapshot->poll->id,
                            .open = snapshot->open,
                            .number = snapshot->seq,
                            .ballots = snapshot->ballots};
        INVARIANT(snapshot->poll->choice_count == POWER_CHOICES);
        memcpy(fact.counts, snapshot->counts, sizeof fact.counts);
        note_locked(session, fact);
        snapshot_unref(snapshot);
    }
    waker_prepare(&session->feed_waker);
    pthread_mutex_unlock(&session->mutex);
}

/* Waits until no more than `left` requests are unanswered, and the ledger sleeps. */
static void await_answers(struct session *session, unsigned left)
{
    pthread_mutex_lock(&session->mutex);
    while (session->unanswered > left)
        pthread_cond_wait(&session->told, &session->mutex);
    pthread_mutex_unlock(&session->mutex);
    while (!atomic_load(&ports_waker(session->ports)->asleep))
        sched_yield();
}

/* ---- requests ---- */

static uint32_t draw(struct session *session, uint32_t bound)
{
    return (uint32_t)torture_random(&session->plan->random, bound);
}

static struct poll *make_poll(uint32_t id)
{
    static const struct name choices[POWER_CHOICES] = {{1, "a"}, {1, "b"}, {1, "c"}};
    const struct power_poll *wanted = &power_polls[id - 1];
    struct name name = {.len = (uint8_t)strlen(wanted->name)};
    memcpy(name.text, wanted->name, name.len);
    const unsigned given =
        1 << SETTING_BALLOTS | 1 << SETTING_VOTERS | 1 << SETTING_RECORD | 1 << SETTING_METHOD;
    char why[SETTINGS_WHY_SIZE];
    struct settings settings = wanted->says.settings;
    settings.value[SETTING_BALLOTS] = (uint16_t)wanted->ballots;
    settings.value[SETTING_VOTERS] = VOTERS_NAMED;
    settings.value[SETTING_RECORD] = (uint16_t)wanted->record;
    INVARIANT(settings_complete(&settings, given, POWER_CHOICES, why) == 0);
    struct poll *poll = poll_new(&name, &settings, choices, POWER_CHOICES, NULL);
    INVARIANT(poll);
    return poll;
}

/* A ballot in one of the polls that everyone sees. */
static struct cast draw_ballot(struct session *session)
{
    uint32_t cast_number = (uint32_t)session->run->history.cast_count;
    struct cast cast = {
        .kind = REQUEST_BALLOT,
        .poll = (uint8_t)(1 + draw(session, tally_poll_count(session->tally))),
        .voter = draw(session, VOTERS),
    };
    cast.says = (uint8_t)draw(session, says_count(&power_polls[cast.poll - 1].says));
    if (power_polls[cast.poll - 1].ballots == BALLOTS_UNLIMITED) {
        if (draw(session, 2) == 0)
            cast.key = 1 + draw(session, VOTERS);
        else
            cast.voter = LONE_VOTERS + cast_number; /* so that it is known again */
    }
    return cast;
}

static struct cast draw_event(struct session *session)
{
    static const enum request_kind kinds[] = {REQUEST_OPEN, REQUEST_OPEN, REQUEST_CLOSE,
                                              REQUEST_TITLE};
    struct cast cast = {
        .kind = (uint8_t)kinds[draw(session, sizeof kinds / sizeof *kinds)],
        .poll = (uint8_t)(1 + draw(session, tally_poll_count(session->tally))),
    };
    if (session->polls < POWER_POLLS && draw(session, 2) == 0) {
        cast.kind = REQUEST_CREATE;
        cast.poll = (uint8_t)++session->polls;
    }
    return cast;
}

/* An old request once more. One that nothing would be known by stays a single one. */
static struct cast draw_repeat(struct session *session)
{
    const struct history *history = &session->run->history;
    struct cast cast = history->casts[draw(session, (uint32_t)history->cast_count)];
    bool known = cast.kind == REQUEST_BALLOT && cast.voter < LONE_VOTERS &&
                 cast.poll <= tally_poll_count(session->tally);
    return known ? cast : draw_ballot(session);
}

static struct cast draw_cast(struct session *session)
{
    uint32_t kind = draw(session, PERCENT);
    if (kind < EVENTS)
        return draw_event(session);
    if (kind < EVENTS + REPEATS && session->run->history.cast_count > 0)
        return draw_repeat(session);
    return draw_ballot(session);
}

/* What a ballot has beside numbers; NULL if that is nothing. Of a single choice, the value is a
 * number. */
static void *ballot_detail(const struct session *session, const struct cast *cast)
{
    const struct power_poll *poll = &power_polls[cast->poll - 1];
    struct request_ballot parts = {0};
    struct marks marks;
    char name[PROTO_NAME_MAX];
    if (poll->record == RECORD_NAME)
        parts.name = (struct span){name, power_name(name, 'v', cast->voter)};
    if (poll->says.settings.value[SETTING_KIND] != KIND_SINGLE && cast->says > 0) {
        says_marks(&poll->says, cast->says, &marks);
        parts.marks = (struct span){(const char *)marks.mark, marks.count};
        parts.marks_hash = values_hash(&session->key, marks.mark, marks.count);
    }
    if (!parts.name.at && !parts.marks.at)
        return NULL;
    struct request_ballot *made = request_ballot_new(&parts);
    INVARIANT(made);
    return made;
}

static uint32_t value_of(const struct cast *cast)
{
    const bool is_single =
        power_polls[cast->poll - 1].says.settings.value[SETTING_KIND] == KIND_SINGLE;
    return cast->says == 0 ? VALUE_ABSTAIN : is_single ? cast->says : 0;
}

static void *detail(const struct session *session, const struct cast *cast, uint32_t number)
{
    char text[PATH_MAX];
    if (cast->kind == REQUEST_BALLOT)
        return ballot_detail(session, cast);
    if (cast->kind == REQUEST_CREATE)
        return make_poll(cast->poll);
    if (cast->kind == REQUEST_BACKUP)
        snprintf(text, sizeof text, "%s/backup-%u", session->plan->directory, number);
    else if (cast->kind == REQUEST_TITLE)
        snprintf(text, sizeof text, "title %u", number);
    else
        return NULL;
    void *made = request_text_new(text, strlen(text));
    INVARIANT(made);
    return made;
}

/* Puts a request into the port, where the ledger doesn't see it yet. */
static void ask(struct session *session, struct cast cast)
{
    struct history *history = &session->run->history;
    INVARIANT(history->cast_count < POWER_CASTS_MAX);
    uint32_t number = (uint32_t)history->cast_count++;
    history->casts[number] = cast;
    struct request *request = ports_request(session->ports, 0);
    INVARIANT(request);
    *request = (struct request){.from = {.slot = number},
                                .kind = (enum request_kind)cast.kind,
                                .poll = cast.poll,
                                .key_kind = cast.key > 0 ? REQUEST_KEY_ID : REQUEST_KEY_NONE,
                                .detail = detail(session, &cast, number)};
    if (cast.kind != REQUEST_BALLOT)
        return;
    request->value = value_of(&cast) & ENTRY_VALUE_MAX;
    request->voter = power_voter(&session->key, &cast);
    if (cast.key > 0)
        request->key = power_key(&session->key, &cast);
}

/* Shows the ledger what was put into the port since there were `before` requests. */
static void send(struct session *session, size_t before)
{
    size_t count = session->run->history.cast_count;
    pthread_mutex_lock(&session->mutex);
    session->unanswered += (unsigned)(count - before);
    note_locked(session,
                (struct fact){.kind = FACT_SENT, .cast = (uint32_t)before, .number = count});
    pthread_mutex_unlock(&session->mutex);
    ports_send(session->ports, 0);
}

static void send_batch(struct session *session, bool with_backup)
{
    size_t before = session->run->history.cast_count;
    if (with_backup)
        ask(session, (struct cast){.kind = REQUEST_BACKUP});
    for (uint32_t left = 1 + draw(session, session->plan->batch_max); left > 0; left--)
        ask(session, draw_cast(session));
    send(session, before);
}

/* A backup begins with some batch; its copy is made after some more. */
static void send_batches(struct session *session)
{
    const struct session_plan *plan = session->plan;
    unsigned backup_from = plan->backup ? draw(session, plan->batches) : UINT_MAX;
    unsigned backup_to = plan->backup ? backup_from + draw(session, 4) : UINT_MAX;
    for (unsigned i = 0; i < plan->batches; i++) {
        if (i == backup_from)
            disk_gate("backup", true);
        send_batch(session, i == backup_from);
        unsigned waiting = i >= backup_from && i <= backup_to; /* for the backup */
        await_answers(session, waiting);
        if (i == backup_to) {
            disk_gate("backup", false);
            await_answers(session, 0);
        }
    }
    disk_gate("backup", false);
    await_answers(session, 0);
}

/* ---- the server ---- */

static int create_polls(struct session *session, char why[STORE_WHY_MAX])
{
    while (session->polls < POLLS_AT_START)
        if (ledger_create_poll(session->ledger, make_poll(++session->polls)) != 0) {
            snprintf(why, STORE_WHY_MAX, "a poll could not be created");
            return -1;
        }
    return 0;
}

static int start(struct session *session, char why[STORE_WHY_MAX])
{
    char path[PATH_MAX];
    struct waker *wakers[] = {&session->port_waker};
    note(session, (struct fact){.kind = FACT_BEGUN});
    snprintf(path, sizeof path, "%s/" POWER_DATABASE, session->plan->directory);
    session->tally = tally_new(1);
    INVARIANT(session->tally);
    tally_feed_attach(session->tally, 0, &session->feed_waker);
    if (database_open(&session->store, &session->key, &sqlite_engine, path,
                      !session->run->os_durability, why) != 0)
        return -1;
    session->ports = ports_new(1, wakers);
    INVARIANT(session->ports);
    session->ledger =
        ledger_new(session->store, session->tally, &session->key, session->ports, why);
    if (!session->ledger || store_adopt(session->store, why) != 0)
        return -1;
    session->polls = tally_poll_count(session->tally);
    if (create_polls(session, why) != 0)
        return -1;
    INVARIANT(ledger_start(session->ledger) == 0);
    note(session, (struct fact){.kind = FACT_READY});
    /* Not earlier: what was loaded may be nothing but the kernel's cache of a killed process's
     * writes, until it was checkpointed. */
    on_snapshots(session);
    return 0;
}

static int stop(struct session *session, char why[STORE_WHY_MAX])
{
    ledger_stop(session->ledger);
    if (store_finish(session->store, why) != 0)
        return -1;
    ledger_free(session->ledger);
    ports_free(session->ports);
    tally_free(session->tally);
    store_close(session->store);
    return 0;
}

int run_session(struct run *run, struct session_plan *plan, char why[STORE_WHY_MAX])
{
    struct session session = {.run = run,
                              .plan = plan,
                              .mutex = PTHREAD_MUTEX_INITIALIZER,
                              .told = PTHREAD_COND_INITIALIZER};
    run->history.fact_count = run_facts_at(run, run->record->op_count);
    if (waker_init(&session.port_waker) != 0 || waker_init(&session.feed_waker) != 0) {
        snprintf(why, STORE_WHY_MAX, "no eventfd");
        return -1;
    }
    disk_on_write(session.port_waker.fd, on_answers, &session);
    disk_on_write(session.feed_waker.fd, on_snapshots, &session);
    waker_prepare(&session.port_waker);
    if (start(&session, why) != 0)
        return -1;
    send_batches(&session);
    return plan->stops ? stop(&session, why) : 0;
}
