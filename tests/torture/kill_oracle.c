/* What the server's answers mean, and which answers it may give. */
#include "tests/torture/kill_oracle.h"

#include "proto/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQ_MAX = 100 * 1000 * 1000 }; /* more than a database here can have */

static void *grow(void *array, size_t *capacity, size_t needed, size_t size)
{
    size_t wanted = needed * 2;
    char *grown = realloc(array, wanted * size);
    if (!grown)
        abort();
    memset(grown + *capacity * size, 0, (wanted - *capacity) * size);
    *capacity = wanted;
    return grown;
}

static struct entry *entry_of(struct oracle *oracle, uint64_t seq)
{
    if (seq < 1 || seq > SEQ_MAX)
        torture_fail(oracle->torture, "sequence %" PRIu64, seq);
    if (seq >= oracle->entry_capacity)
        oracle->entries =
            grow(oracle->entries, &oracle->entry_capacity, seq + 1, sizeof *oracle->entries);
    return &oracle->entries[seq];
}

/* By poll: each rule of what counts is there with a single choice, and with another kind. */
#define SAYS(kind)                                                              \
    {                                                                           \
        {{[SETTING_KIND] = (kind), [SETTING_MIN] = 1, [SETTING_SCORES] = 5}}, 3 \
    }
static const struct says says[] = {SAYS(KIND_SINGLE), SAYS(KIND_SINGLE), SAYS(KIND_SINGLE),
                                   SAYS(KIND_SINGLE), SAYS(KIND_SCORE),  SAYS(KIND_APPROVAL),
                                   SAYS(KIND_RANKED), SAYS(KIND_SCORE)};

void oracle_reset(struct oracle *oracle)
{
    for (size_t i = 0; i < oracle->entry_capacity; i++)
        free(oracle->entries[i].shown);
    if (oracle->entry_capacity > 0)
        memset(oracle->entries, 0, oracle->entry_capacity * sizeof *oracle->entries);
    for (unsigned i = 0; i < ORACLE_POLLS; i++) {
        struct poll *poll = &oracle->polls[i];
        free(poll->line);
        const bool is_of_start = i == ORACLE_POLLS - 1;
        *poll = (struct poll){.kind = is_of_start ? POLL_OF_START : i % POLL_OF_START,
                              .says = &says[is_of_start ? 0 : i]};
        snprintf(poll->name, sizeof poll->name, "p%u", i);
    }
    oracle->voter_count = 0;
    oracle->last_seq = oracle->floor_seq = oracle->known = 0;
    oracle->order = (struct order){0};
    oracle->backup = (struct backup){0};
}

void oracle_voter_name(const struct voter *voter, char name[ORACLE_NAME_MAX])
{
    snprintf(name, ORACLE_NAME_MAX, "v%u", voter->number);
}

bool oracle_has_id(const struct oracle *oracle, const struct voter *voter)
{
    return oracle->polls[voter->poll].kind == POLL_UNLIMITED || voter->number % 4 != 0;
}

struct voter *oracle_new_voter(struct oracle *oracle, unsigned poll)
{
    if (oracle->voter_count == oracle->voter_capacity)
        oracle->voters = grow(oracle->voters, &oracle->voter_capacity, oracle->voter_count + 1,
                              sizeof *oracle->voters);
    struct voter *voter = &oracle->voters[oracle->voter_count++];
    *voter = (struct voter){
        .poll = poll, .number = (unsigned)oracle->voter_count, .says = NOTHING, .asked = NOTHING};
    return voter;
}

void oracle_note(struct oracle *oracle, uint64_t seq, struct entry entry)
{
    struct entry *there = entry_of(oracle, seq);
    if (there->kind != ENTRY_UNKNOWN)
        torture_fail(oracle->torture, "sequence %" PRIu64 " was used twice", seq);
    if (seq <= oracle->floor_seq)
        torture_fail(oracle->torture,
                     "sequence %" PRIu64 " is new, but before the last start there was %" PRIu64,
                     seq, oracle->floor_seq);
    entry.shown = there->shown;
    *there = entry;
    oracle->known++;
    if (seq > oracle->last_seq)
        oracle->last_seq = seq;
}

/* Whether the line is the error, and its number, where one is wanted, this. */
static bool is_error(const char *line, const char *code, uint64_t number)
{
    struct reply reply;
    reply_parse(line, strlen(line), &reply);
    return reply.kind == REPLY_ERROR && reply.code.len == strlen(code) &&
           memcmp(reply.code.at, code, reply.code.len) == 0 &&
           (number == 0 || (reply.has_number && reply.number == number));
}

static bool is_duplicate(const char *line, uint64_t seq)
{
    struct reply reply;
    reply_parse(line, strlen(line), &reply);
    return reply.kind == REPLY_OK && reply.has_number && reply.number == seq && reply.duplicate;
}

/* The sequence of a `+OK SEQ` that is no duplicate, or 0. */
static uint64_t new_seq(const char *line)
{
    struct reply reply;
    reply_parse(line, strlen(line), &reply);
    return reply.kind == REPLY_OK && reply.has_number && !reply.duplicate ? reply.number : 0;
}

/* ---- voters ---- */

void oracle_ask(struct oracle *oracle, struct voter *voter, int asked)
{
    voter->asked = asked;
    voter->orders_before = oracle->polls[voter->poll].orders;
    voter->found = false;
}

/* Whether the poll's state has been what it is since the ballot was sent. */
static bool is_settled(const struct poll *poll, const struct voter *voter)
{
    return poll->orders == voter->orders_before && poll->orders % 2 == 0;
}

/* A repeat of what counts is a duplicate of it, whatever the state of the poll. */
static void answer_repeat(struct oracle *oracle, const struct voter *voter, const char *line)
{
    if (!is_duplicate(line, voter->seq))
        torture_fail(oracle->torture, "a repeat of ballot %" PRIu64 " was answered: %s", voter->seq,
                     line);
    oracle->duplicates++;
}

/* Whether it is an answer that says, with reason, that nothing was recorded. */
static bool answer_refusal(struct oracle *oracle, const struct voter *voter, const char *line)
{
    const struct poll *poll = &oracle->polls[voter->poll];
    bool closed = is_error(line, "POLL-CLOSED", 0);
    uint64_t told = oracle_has_id(oracle, voter) ? voter->seq : 0;
    bool voted = voter->seq > 0 && is_error(line, "ALREADY-VOTED", told) &&
                 (poll->kind == POLL_ONCE || poll->kind == POLL_UNLIMITED);
    bool stopping = is_error(line, "SHUTTING-DOWN", 0);
    if (!stopping && is_settled(poll, voter) && closed == poll->open)
        torture_fail(oracle->torture, "%s, open for long: %s", poll->name, line);
    return closed || voted || stopping;
}

static void answer_new(struct oracle *oracle, struct voter *voter, const char *line)
{
    const struct poll *poll = &oracle->polls[voter->poll];
    uint64_t seq = new_seq(line);
    bool may_change = poll->kind == POLL_CHANGEABLE || poll->kind == POLL_ROLL_CALL;
    if (seq <= voter->seq || (voter->seq > 0 && !may_change))
        torture_fail(oracle->torture, "a ballot in %s after ballot %" PRIu64 " was answered: %s",
                     poll->name, voter->seq, line);
    if (is_settled(poll, voter) && !poll->open)
        torture_fail(oracle->torture, "%s, closed for long: %s", poll->name, line);
    voter->seq = seq;
    voter->says = voter->asked;
    oracle_note(oracle, seq,
                (struct entry){.kind = ENTRY_BALLOT,
                               .poll = voter->poll,
                               .voter = (size_t)(voter - oracle->voters),
                               .says = voter->says});
    oracle->acknowledged++;
}

void oracle_answer(struct oracle *oracle, struct voter *voter, const char *line)
{
    bool repeats =
        voter->seq > 0 && voter->says == voter->asked && !is_error(line, "SHUTTING-DOWN", 0);
    if (repeats && (oracle_has_id(oracle, voter) || is_duplicate(line, voter->seq)))
        answer_repeat(oracle, voter, line);
    else if (*line == '-' && answer_refusal(oracle, voter, line))
        oracle->refused++;
    else
        answer_new(oracle, voter, line);
    voter->asked = NOTHING;
}

/* ---- the administrator ---- */

void oracle_order(struct oracle *oracle, enum order_kind kind, unsigned poll)
{
    if (oracle->order.kind == ORDER_NONE)
        oracle->polls[poll].orders++;
    oracle->order = (struct order){.kind = kind, .poll = poll};
    if (kind == ORDER_BACKUP)
        oracle->backup.seq = oracle->last_seq;
}

static void answer_create(struct oracle *oracle, struct poll *poll, const char *line)
{
    if (poll->created && is_error(line, "POLL-EXISTS", 0))
        return;
    uint64_t seq = new_seq(line);
    if (poll->created || seq == 0)
        torture_fail(oracle->torture, "CREATE %s was answered: %s", poll->name, line);
    oracle_note(oracle, seq, (struct entry){.kind = ENTRY_CREATE, .poll = oracle->order.poll});
    poll->created = poll->open = true;
    poll->state_seq = seq;
}

static void answer_state(struct oracle *oracle, struct poll *poll, bool open, const char *line)
{
    uint64_t seq = new_seq(line);
    if (poll->open == open && is_duplicate(line, poll->state_seq))
        return;
    if (poll->open == open || seq == 0)
        torture_fail(oracle->torture, "%s %s, which %" PRIu64 " has %s, was answered: %s",
                     open ? "OPEN" : "CLOSE", poll->name, poll->state_seq,
                     poll->open ? "opened" : "closed", line);
    oracle_note(
        oracle, seq,
        (struct entry){.kind = open ? ENTRY_OPEN : ENTRY_CLOSE, .poll = oracle->order.poll});
    poll->open = open;
    poll->state_seq = seq;
}

static void answer_backup(struct oracle *oracle, const char *line)
{
    oracle->backup.bytes = new_seq(line);
    if (oracle->backup.bytes == 0)
        torture_fail(oracle->torture, "BACKUP was answered: %s", line);
    oracle->backups++;
}

void oracle_order_answer(struct oracle *oracle, const char *line)
{
    struct poll *poll = &oracle->polls[oracle->order.poll];
    enum order_kind kind = oracle->order.kind;
    if (is_error(line, "SHUTTING-DOWN", 0) && kind != ORDER_NONE)
        kind = oracle->order.kind = ORDER_NONE;
    else if (kind == ORDER_NONE)
        torture_fail(oracle->torture, "the administrator asked nothing and was answered: %s", line);
    switch (kind) {
    case ORDER_NONE:
        break;
    case ORDER_CREATE:
        answer_create(oracle, poll, line);
        break;
    case ORDER_OPEN:
    case ORDER_CLOSE:
        answer_state(oracle, poll, kind == ORDER_OPEN, line);
        break;
    case ORDER_BACKUP:
        answer_backup(oracle, line);
        break;
    }
    poll->orders++;
    oracle->order.kind = ORDER_NONE;
}

/* ---- readers ---- */

static unsigned poll_named(const struct oracle *oracle, const char *line)
{
    size_t len = strcspn(line, " ");
    for (unsigned i = 0; i < ORACLE_POLLS; i++)
        if (strlen(oracle->polls[i].name) == len && memcmp(oracle->polls[i].name, line, len) == 0)
            return i;
    torture_fail(oracle->torture, "a tally of no poll was shown: %s", line);
}

unsigned oracle_shown(struct oracle *oracle, const char *line, uint64_t *seq)
{
    struct tally_row row;
    unsigned poll = poll_named(oracle, line);
    if (!tally_parse(line, strlen(line), &row))
        torture_fail(oracle->torture, "no tally: %s", line);
    struct entry *entry = entry_of(oracle, row.seq);
    if (!entry->shown)
        entry->shown = strdup(line);
    if (strcmp(entry->shown, line) != 0)
        torture_fail(oracle->torture, "shown once: %s; and once: %s", entry->shown, line);
    if (row.seq > oracle->polls[poll].shown_seq)
        oracle->polls[poll].shown_seq = row.seq;
    oracle->shown++;
    *seq = row.seq;
    return poll;
}

void oracle_shown_at_start(struct oracle *oracle, const char *line)
{
    uint64_t seq;
    const struct poll *poll = &oracle->polls[oracle_shown(oracle, line, &seq)];
    bool made_by_start = poll->kind == POLL_OF_START && !poll->line;
    if (!made_by_start && (!poll->line || strcmp(poll->line, line) != 0))
        torture_fail(oracle->torture, "at the start: %s; the database had: %s", line,
                     poll->line ? poll->line : "nothing");
}

unsigned oracle_poll_count(const struct oracle *oracle)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ORACLE_POLLS; i++)
        count += oracle->polls[i].created || oracle->polls[i].kind == POLL_OF_START;
    return count;
}
