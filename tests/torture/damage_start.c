/* A start in this process, and its ledger's answers. Two threads: this one asks, the ledger's does
 * the rest. */
#include "tests/torture/damage_start.h"

#include "base/log.h"
#include "base/waker.h"
#include "json/poll_json.h"
#include "ledger/ledger.h"
#include "ledger/ports.h"
#include "ledger/request.h"
#include "poll/values.h"
#include "store/database.h"
#include "store/sqlite/sqlite.h"

#include <inttypes.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPEATS = 6,            /* ballots that are asked for again */
    NEW_BALLOTS = 12,       /* then cast: what they say is defined long since, or never was */
    NEW_VOTER = 1000000,    /* from here: voters who are not in the book */
    HASHED_LINE_MAX = 8192, /* of a tally */
};

/* ---- what a ledger says ---- */

struct digest {
    struct state *state;
    trail_hash *trail; /* NULL if nobody asks */
};

static int digest_entry(void *context, const struct entry *entry, char why[STORE_WHY_MAX])
{
    static struct sheet_builder builder;
    const struct digest *digest = context;
    (void)why;
    sheet_begin(&builder, entry);
    sheet_chain(digest->state->entries, &builder.sheet);
    digest->state->seq = entry->seq;
    if (digest->trail && entry->seq < TRAIL_MAX)
        memcpy(digest->trail[entry->seq], digest->state->entries, SHEET_CHAIN_BYTES);
    return 0;
}

static int digest_tally(void *context, const struct store_tally *tally, char why[STORE_WHY_MAX])
{
    (void)context;
    (void)tally;
    (void)why;
    return 0;
}

static int digest_entries(struct store *store, struct state *state, trail_hash *trail, char *why)
{
    struct digest digest = {state, trail};
    const struct store_visitor visitor = {&digest, digest_entry, digest_tally};
    *state = (struct state){0};
    return store_load(store, &visitor, why);
}

static void digest_poll(crypto_generichash_state *hash, struct snapshot *snapshot)
{
    static char line[1 << 16];
    struct buffer text = {0};
    INVARIANT(tally_line_max(snapshot->poll->choice_count) <= sizeof line);
    size_t len = snapshot_encode_line(snapshot, line);
    crypto_generichash_update(hash, (const unsigned char *)line, len);
    struct json_writer json = json_write_begin(&text);
    poll_json_write(&json, snapshot, "ledger");
    INVARIANT(json_write_finish(&json) == 0);
    crypto_generichash_update(hash, (const unsigned char *)text.bytes, text.len);
    buffer_free(&text);
}

static void digest_polls(struct tally *tally, unsigned char polls[SHEET_CHAIN_BYTES])
{
    crypto_generichash_state hash;
    crypto_generichash_init(&hash, NULL, 0, SHEET_CHAIN_BYTES);
    for (uint32_t id = 1; id <= tally_poll_count(tally); id++) {
        struct snapshot *snapshot = tally_snapshot(tally, id);
        digest_poll(&hash, snapshot);
        snapshot_unref(snapshot);
    }
    crypto_generichash_final(&hash, polls, SHEET_CHAIN_BYTES);
}

int start_judge(const char *path, struct state *state, trail_hash *trail, char why[STORE_WHY_MAX])
{
    struct store *store;
    struct voter_key key;
    if (database_open_to_read(&store, &key, &sqlite_engine, path, why) != 0)
        return -1;
    uint64_t last_seq;
    int result = ledger_check(store, &last_seq, why);
    if (result == 0)
        result = digest_entries(store, state, trail, why);
    store_close(store);
    return result;
}

/* ---- a server ---- */

struct server {
    struct start *start;
    struct store *store;
    struct voter_key key;
    struct tally *tally;
    struct ports *ports;
    struct ledger *ledger;
    struct waker waker;
};

static __attribute__((format(printf, 2, 3))) void broken(struct start *start, const char *format,
                                                         ...)
{
    va_list arguments;
    if (start->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(start->broken, sizeof start->broken, format, arguments);
    va_end(arguments);
}

/* Returns 0, or -1 if the server would not start. */
static int open_server(struct server *server, const char *path)
{
    struct waker *wakers[] = {&server->waker};
    char *why = server->start->why;
    server->tally = tally_new(0);
    INVARIANT(server->tally && waker_init(&server->waker) == 0);
    if (database_open(&server->store, &server->key, &sqlite_engine, path, true, why) != 0)
        return -1;
    server->ports = ports_new(1, wakers);
    INVARIANT(server->ports);
    server->ledger = ledger_new(server->store, server->tally, &server->key, server->ports, why);
    if (!server->ledger || store_adopt(server->store, why) != 0)
        return -1;
    digest_polls(server->tally, server->start->state.polls);
    INVARIANT(ledger_start(server->ledger) == 0);
    return 0;
}

/* An end in good order; without it, the next start finds what a killed process leaves. */
static void close_server(struct server *server)
{
    char why[STORE_WHY_MAX];
    ledger_stop(server->ledger);
    int ended = store_finish(server->store, why);
    ledger_free(server->ledger);
    ports_free(server->ports);
    tally_free(server->tally);
    store_close(server->store);
    waker_destroy(&server->waker);
    if (ended != 0)
        server->start->refused_writes = true;
}

static struct answer ask(struct server *server, struct request request)
{
    struct answer answer;
    struct request *slot = ports_request(server->ports, 0);
    INVARIANT(slot);
    *slot = request;
    ports_send(server->ports, 0);
    while (ports_receive(server->ports, 0, &answer, 1) == 0)
        sched_yield();
    return answer;
}

/* ---- ballots ---- */

static struct hash hash_of(const struct server *server, enum voter_hash_kind kind,
                           const struct ballot *ballot)
{
    char name[16];
    size_t len = kind == VOTER_HASH_KEY ? ballot_name(name, 'k', ballot->key)
                                        : ballot_name(name, 'v', ballot->voter);
    return voter_hash(&server->key, kind, ballot->poll, name, len);
}

static struct answer cast(struct server *server, const struct ballot *ballot)
{
    const struct says *says = ballot_says[ballot->poll];
    char name[16], spelling[16];
    struct marks marks;
    struct request_ballot parts = {0};
    struct request request = {.kind = REQUEST_BALLOT,
                              .poll = ballot->poll,
                              .key_kind = REQUEST_KEY_ID,
                              .voter = hash_of(server, VOTER_HASH_VOTER, ballot),
                              .key = hash_of(server, VOTER_HASH_KEY, ballot)};
    if (ballot->says == 0)
        request.value = VALUE_ABSTAIN;
    else if (says->settings.value[SETTING_KIND] == KIND_SINGLE)
        request.value = ballot->says & ENTRY_VALUE_MAX;
    else {
        says_marks(says, ballot->says, &marks);
        parts.marks = (struct span){(const char *)marks.mark, marks.count};
        parts.marks_hash = values_hash(&server->key, marks.mark, marks.count);
    }
    if (ballot->poll == POLL_ROLL || ballot->poll == POLL_ORDER) {
        parts.name = (struct span){name, ballot_name(name, 'v', ballot->voter)};
        parts.spelling = (struct span){spelling, ballot_name(spelling, 'V', ballot->voter)};
    }
    if (parts.name.at || parts.marks.at) {
        request.detail = request_ballot_new(&parts);
        INVARIANT(request.detail);
    }
    return ask(server, request);
}

/* Whether no later ballot of the served state stands in its place. */
static bool counts(const struct book *book, size_t index, uint64_t seq)
{
    const struct ballot *ballot = &book->ballots[index];
    if (ballot->seq > seq)
        return false;
    if (ballot->poll == POLL_APPLAUSE)
        return true;
    for (size_t i = index + 1; i < book->count && book->ballots[i].seq <= seq; i++)
        if (book->ballots[i].poll == ballot->poll && book->ballots[i].voter == ballot->voter)
            return false;
    return true;
}

static void ask_again(struct server *server, const struct book *book, struct torture *random)
{
    for (unsigned left = REPEATS; left > 0; left--) {
        size_t index = (size_t)torture_random(random, book->count);
        const struct ballot *ballot = &book->ballots[index];
        if (!counts(book, index, server->start->state.seq))
            continue;
        struct answer answer = cast(server, ballot);
        if (answer.error != 0 || !answer.duplicate || answer.number != ballot->seq)
            broken(server->start,
                   "ballot %" PRIu64 " of poll %u, cast again, is answered %d %" PRIu64 "%s",
                   ballot->seq, ballot->poll, answer.error, answer.number,
                   answer.duplicate ? " duplicate" : "");
    }
}

/* What must be recorded with the next sequence, or refused for want of storage. Returns whether it
 * was recorded. */
static bool record(struct server *server, struct answer answer, uint64_t *seq)
{
    if (answer.error == ERR_STORAGE) {
        server->start->refused_writes = true;
        return false;
    }
    if (answer.error != 0 || answer.duplicate || answer.number != *seq + 1)
        broken(server->start, "what follows %" PRIu64 " is answered %d %" PRIu64, *seq,
               answer.error, answer.number);
    *seq = answer.number;
    return true;
}

/* Enough polls that tables grow. */
static void create_polls(struct server *server, uint64_t *seq)
{
    static const struct name choices[] = {{3, "yes"}, {2, "no"}};
    static const struct settings settings;
    for (unsigned i = 0; i < 3; i++) {
        struct name name = {.len = 4};
        snprintf(name.text, sizeof name.text, "new%u", i);
        struct poll *poll = poll_new(&name, &settings, choices, 2, NULL);
        struct request_text *title = request_text_new("A title", 7);
        INVARIANT(poll && title);
        record(server, ask(server, (struct request){.kind = REQUEST_CREATE, .detail = poll}), seq);
        record(server,
               ask(server, (struct request){.kind = REQUEST_TITLE, .poll = 1, .detail = title}),
               seq);
    }
}

/* Returns the last sequence. */
static uint64_t go_on(struct server *server)
{
    uint64_t seq = server->start->state.seq;
    for (uint32_t i = 0; i < NEW_BALLOTS; i++) {
        const struct ballot ballot = {.poll = 1 + i % BALLOT_POLLS,
                                      .says = i * says_count(ballot_says[1 + i % BALLOT_POLLS]) /
                                              NEW_BALLOTS,
                                      .voter = NEW_VOTER + i,
                                      .key = NEW_VOTER + i};
        record(server, cast(server, &ballot), &seq);
    }
    create_polls(server, &seq);
    return seq;
}

/* ---- all of it ---- */

static void judge_before(struct start *start, const char *path)
{
    struct state state;
    start->judged_refused = start_judge(path, &state, NULL, start->judged_why) != 0;
    start->state = state;
}

/* What was served, and what was recorded since, must be there, and be nothing else. */
static void judge_after(struct start *start, const char *path, uint64_t seq)
{
    static trail_hash trail[TRAIL_MAX];
    char why[STORE_WHY_MAX];
    struct state state;
    if (start_judge(path, &state, trail, why) != 0)
        broken(start, "after it was served: %s", why);
    else if (state.seq != seq)
        broken(start, "%" PRIu64 " entries were recorded, and %" PRIu64 " are there", seq,
               state.seq);
    else if (memcmp(trail[start->state.seq], start->state.entries, SHEET_CHAIN_BYTES) != 0)
        broken(start, "after it was served, other entries are there");
}

void start_try(struct start *start, const char *path, const struct book *book,
               struct torture *random)
{
    struct server server = {.start = start};
    *start = (struct start){0};
    judge_before(start, path);
    start->refused = open_server(&server, path) != 0;
    if (start->refused != start->judged_refused)
        broken(start, "a recount says: %s; a start: %s",
               start->judged_refused ? start->judged_why : "good",
               start->refused ? start->why : "good");
    if (start->refused || start->broken[0])
        return;
    ask_again(&server, book, random);
    uint64_t seq = go_on(&server);
    close_server(&server);
    if (!start->broken[0])
        judge_after(start, path, seq);
}
