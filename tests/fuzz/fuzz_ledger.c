/* The ledger in memory. A port is two rings without atomics; its slots are kept between runs. */
#include "tests/fuzz/fuzz_ledger.h"

#include "tests/fuzz/fuzz_kernel.h"
#include "count/count.h"
#include "count/result.h"
#include "proto/command.h"
#include "proto/entry.h"
#include "proto/marks.h"
#include "trace/journey.h"

#include <stdlib.h>
#include <string.h>

enum {
    PORTS = 2,
    POLLS = 6,           /* that are there from the start */
    SEQ_FIRST = 1000000, /* so that sequences have seven digits, however long a tally is used */
};

struct request *__wrap_ports_request(struct ports *unused, unsigned port);
void __wrap_ports_send(struct ports *unused, unsigned port);
size_t __wrap_ports_receive(struct ports *unused, unsigned port, struct answer *answers,
                            size_t max);
bool __wrap_ports_has_answer(const struct ports *unused, unsigned port);

void (*fuzz_ledger_on_answer)(unsigned port, const struct answer *answer);

static struct port {
    struct request requests[PORT_SLOTS];
    struct answer answers[PORT_SLOTS];
    size_t filled, sent, answered, received; /* ever; each at most the one before it */
} ports[PORTS];

/* What it remembers of a poll's last ballot, to know a repeat and a second choice. */
struct last_ballot {
    struct hash voter;
    uint32_t value;
    uint64_t seq;
};

static struct tally *tally;
static struct last_ballot last_ballots[FUZZ_POLLS_MAX];
static uint64_t last_seq;
static unsigned to_refuse;
static unsigned next_port;
static bool renamed;

static const struct poll *poll_of(uint32_t id)
{
    return tally_peek(tally, id)->poll;
}

static void show(struct snapshot *snapshot)
{
    REQUIRE(snapshot);
    tally_publish(tally, &snapshot, 1);
}

static struct snapshot *copied(uint32_t poll)
{
    struct snapshot *snapshot = snapshot_copy(tally_peek(tally, poll));
    REQUIRE(snapshot);
    return snapshot;
}

static struct snapshot *changed(uint32_t poll)
{
    struct snapshot *snapshot = copied(poll);
    snapshot->seq = ++last_seq;
    return snapshot;
}

/* ---- judging ---- */

static struct answer create(struct poll *poll)
{
    uint32_t count = tally_poll_count(tally);
    for (uint32_t id = 1; id <= count; id++) {
        if (strcmp(poll_of(id)->name.text, poll->name.text) == 0) {
            poll_free(poll);
            return (struct answer){.error = ERR_POLL_EXISTS};
        }
    }
    if (count == FUZZ_POLLS_MAX) {
        poll_free(poll);
        return (struct answer){.error = ERR_LIMIT};
    }
    poll->id = count + 1;
    struct snapshot *snapshot = snapshot_new(poll);
    REQUIRE(snapshot);
    snapshot->seq = snapshot->state_seq = ++last_seq;
    show(snapshot);
    return (struct answer){.number = last_seq};
}

static struct answer rename_poll(const struct request *request)
{
    const struct request_text *text = request->detail;
    struct snapshot *snapshot = copied(request->poll);
    unsigned index = request->kind == REQUEST_TITLE ? 0 : 1u + request->choice;
    REQUIRE(index <= snapshot->poll->choice_count && text->len <= PROTO_TEXT_MAX);
    REQUIRE(snapshot_set_text(snapshot, index, text->bytes, text->len, ++last_seq) == 0);
    show(snapshot);
    renamed = true;
    return (struct answer){.number = last_seq};
}

static struct answer set_state(const struct request *request)
{
    bool open = request->kind == REQUEST_OPEN;
    const struct snapshot *now = tally_peek(tally, request->poll);
    if (now->open == open)
        return (struct answer){.number = now->state_seq, .duplicate = true};
    struct snapshot *snapshot = changed(request->poll);
    snapshot->open = open;
    snapshot->opened |= open;
    snapshot->state_seq = last_seq;
    show(snapshot);
    return (struct answer){.number = last_seq};
}

static bool same_hash(struct hash a, struct hash b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* The value of what a ballot says, which is valid: no other is sent. */
static uint32_t value_of(const struct poll *poll, const struct request *request)
{
    if (request->value != 0) {
        REQUIRE(!poll->values || request->value == VALUE_ABSTAIN);
        REQUIRE(count_has_value(poll, request->value));
        return request->value;
    }
    const struct request_ballot *detail = request->detail;
    REQUIRE(poll->values && detail && detail->marks.len == poll->choice_count);
    const uint8_t *marks = (const uint8_t *)detail->marks.at;
    REQUIRE(marks_are_valid(marks, &poll->settings, poll->choice_count));
    uint32_t value = values_find(poll->values, marks, detail->marks_hash);
    if (value == 0)
        value = values_add(poll->values, marks, detail->marks_hash);
    REQUIRE(value != 0);
    return value;
}

static struct answer cast(const struct request *request)
{
    const struct poll *poll = poll_of(request->poll);
    const uint32_t value = value_of(poll, request) & ENTRY_VALUE_MAX;
    struct last_ballot *last = &last_ballots[poll->id - 1];
    if (last->seq > 0 && same_hash(last->voter, request->voter)) {
        struct answer answer = {.number = last->seq, .value = last->value & ENTRY_VALUE_MAX};
        answer.duplicate = last->value == value;
        if (answer.duplicate)
            return answer;
        answer.error = ERR_ALREADY_VOTED;
        if (poll_setting(poll, SETTING_BALLOTS) == BALLOTS_ONCE ||
            (request->key_kind == REQUEST_KEY_AFTER && last->seq > request->after))
            return answer;
    }
    if (!tally_peek(tally, poll->id)->open)
        return (struct answer){.error = ERR_POLL_CLOSED};
    struct snapshot *snapshot = changed(poll->id);
    count_ballot(poll, snapshot->counts, 0, value);
    snapshot->ballots++;
    snapshot->abstained += value == VALUE_ABSTAIN;
    show(snapshot);
    *last = (struct last_ballot){request->voter, value, last_seq};
    return (struct answer){.number = last_seq, .value = value & ENTRY_VALUE_MAX};
}

static struct answer look_up(const struct request *request)
{
    const struct last_ballot *last = &last_ballots[request->poll - 1];
    if (last->seq == 0 || !same_hash(last->voter, request->voter))
        return (struct answer){0};
    return (struct answer){.number = last->seq, .value = last->value & ENTRY_VALUE_MAX};
}

/* The poll has a result of its newest tally from now on. Who is elected is drawn out of the air:
 * what a session makes of it counts. */
static struct answer tell_result(const struct request *request)
{
    const struct request_wait *wait = request->detail;
    if (snapshot_lacks_result(tally_peek(tally, request->poll))) {
        struct snapshot *snapshot = copied(request->poll);
        struct result *result = result_new(snapshot->poll, snapshot->ballots, snapshot->ballots,
                                           snapshot->abstained, 0);
        REQUIRE(result);
        result->seq = snapshot->seq;
        result_add_winner(result, (unsigned)(snapshot->seq % snapshot->poll->choice_count));
        snapshot_set_result(snapshot, result);
        show(snapshot);
    }
    return (struct answer){.number = request->poll, .value = wait->pairs};
}

static struct answer judge(struct request *request)
{
    if (to_refuse > 0) {
        to_refuse--;
        return (struct answer){.error = ERR_STORAGE};
    }
    switch (request->kind) {
    case REQUEST_BALLOT:
        return cast(request);
    case REQUEST_LOOKUP:
        return look_up(request);
    case REQUEST_CREATE: {
        struct answer answer = create(request->detail);
        request->detail = NULL;
        return answer;
    }
    case REQUEST_TITLE:
    case REQUEST_LABEL:
        return rename_poll(request);
    case REQUEST_OPEN:
    case REQUEST_CLOSE:
        return set_state(request);
    case REQUEST_RESULT:
        return tell_result(request);
    default:
        REQUIRE(request->kind == REQUEST_BACKUP);
        return (struct answer){.number = 4096};
    }
}

/* A record is the ledger's until the answer: it must be one of the pool that is sent back. */
static uint16_t stamp_journey(const struct request *request)
{
    struct journey *journey = request->journey;
    if (!journey)
        return 0;
    uint64_t queued_ns = journey->at_ns[JOURNEY_queued];
    REQUIRE(request->kind == REQUEST_BALLOT && journey->poll == request->poll);
    REQUIRE(journey->at_ns[JOURNEY_parsed] <= queued_ns);
    for (int i = JOURNEY_judged; i <= JOURNEY_counted; i++)
        journey->at_ns[i] = queued_ns;
    return journey->number;
}

static void answer_next(unsigned number)
{
    struct port *port = &ports[number];
    size_t slot = port->answered % PORT_SLOTS;
    struct request *request = &port->requests[slot];
    long held = kernel_memory_hold();
    struct answer answer = judge(request);
    kernel_memory_release(held);
    answer.to = request->from;
    answer.journey = stamp_journey(request);
    request_free_detail(request);
    request->detail = NULL;
    port->answers[slot] = answer;
    port->answered++;
    if (request->kind != REQUEST_LOOKUP &&
        request->kind != REQUEST_RESULT) /* they record nothing */
        fuzz_ledger_on_answer(number, &answer);
}

size_t fuzz_ledger_answer(size_t count)
{
    size_t done = 0;
    for (unsigned idle = 0; idle < PORTS && done < count;) {
        struct port *port = &ports[next_port];
        if (port->answered < port->sent) {
            answer_next(next_port);
            done++;
            idle = 0;
        } else {
            next_port = (next_port + 1) % PORTS;
            idle++;
        }
    }
    return done;
}

void fuzz_ledger_refuse(unsigned count)
{
    to_refuse = count;
}

void fuzz_ledger_count(unsigned index)
{
    long held = kernel_memory_hold();
    uint32_t poll = index % tally_poll_count(tally) + 1;
    struct snapshot *snapshot = changed(poll);
    snapshot->counts[snapshot->seq % snapshot->poll->choice_count]++;
    snapshot->ballots++;
    show(snapshot);
    kernel_memory_release(held);
}

/* ---- the workers' side ---- */

struct request *__wrap_ports_request(struct ports *unused, unsigned port)
{
    (void)unused;
    struct port *p = &ports[port];
    REQUIRE(p->filled - p->received < PORT_SLOTS);
    return &p->requests[p->filled++ % PORT_SLOTS];
}

void __wrap_ports_send(struct ports *unused, unsigned port)
{
    (void)unused;
    ports[port].sent = ports[port].filled;
}

size_t __wrap_ports_receive(struct ports *unused, unsigned port, struct answer *answers, size_t max)
{
    (void)unused;
    struct port *p = &ports[port];
    size_t count = 0;
    while (count < max && p->received < p->answered)
        answers[count++] = p->answers[p->received++ % PORT_SLOTS];
    return count;
}

bool __wrap_ports_has_answer(const struct ports *unused, unsigned port)
{
    (void)unused;
    return ports[port].received != ports[port].answered;
}

uint32_t fuzz_ledger_in_flight(unsigned port)
{
    return (uint32_t)(ports[port].filled - ports[port].received);
}

/* ---- beginning and end ---- */

static void make_poll(const char *line)
{
    static struct command command;
    const char *why;
    REQUIRE(command_parse(line, strlen(line), &command, &why) == 0);
    struct poll *poll = poll_new(&command.poll, &command.settings, command.choices,
                                 command.choice_count, command.lot);
    REQUIRE(poll);
    create(poll);
}

static void make_polls(void)
{
    make_poll("CREATE a x y");
    make_poll("CREATE b yes no voters=named ballots=once record=name");
    make_poll("CREATE c x y z ballots=unlimited reveal=closed voters=address");
    make_poll("CREATE d x y z kind=approval voters=address");
    make_poll("CREATE e x y z kind=score scores=10 voters=named record=name abstain=no");
    make_poll("CREATE f x y z kind=ranked ballots=once");
}

static void empty_poll(uint32_t id)
{
    struct snapshot *snapshot = snapshot_new(poll_of(id));
    REQUIRE(snapshot);
    snapshot->seq = snapshot->state_seq = ++last_seq;
    show(snapshot);
}

void fuzz_ledger_reset(struct tally *used)
{
    tally = used;
    for (unsigned i = 0; i < PORTS; i++)
        ports[i].filled = ports[i].sent = ports[i].answered = ports[i].received = 0;
    memset(last_ballots, 0, sizeof last_ballots);
    to_refuse = 0;
    next_port = 0;
    renamed = false;
    if (tally_poll_count(tally) == 0) {
        last_seq = SEQ_FIRST;
        make_polls();
    } else {
        for (uint32_t id = 1; id <= POLLS; id++)
            empty_poll(id);
    }
}

bool fuzz_ledger_is_reusable(void)
{
    return !renamed && tally_poll_count(tally) == POLLS;
}

void fuzz_ledger_finish(void)
{
    for (unsigned i = 0; i < PORTS; i++)
        for (size_t at = ports[i].answered; at < ports[i].filled; at++)
            request_free_detail(&ports[i].requests[at % PORT_SLOTS]);
}
