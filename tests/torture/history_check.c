/* The promises, and how each is judged:
 *
 *   order       Entries have sequences of their own. One that was acknowledged before another was
 *               sent comes before it: the order could have happened.
 *   replies     A voter's ballots are one after the other on one connection, so what each must be
 *               answered is known, but for the poll's state: `duplicate` with the one that counts,
 *               ALREADY-VOTED with it, accepted, or POLL-CLOSED; the last only where the poll may
 *               have been closed between sending and reply.
 *   state       Going through the ledger in order, no ballot is accepted in a closed poll, and OPEN
 *               and CLOSE change the state.
 *   tallies     A tally that is shown with a sequence is, word by word, what the entries up to that
 *               one add up to. None that was acknowledged before the read began is missing, and the
 *               last one was sent before the read ended.
 *   bounds      The same without the sequences: each count is at least what was certainly counted
 *               when the read began, and at most what may have been when it ended.
 *   connections On one connection no tally is older than one before it, a reply shows all ballots
 *               that were answered before on it, and a push comes only while, and first right
 *               after, the poll is subscribed.
 *
 * A read begins when SHOW is sent. A push may have been on its way for long; all that is known is
 * that it was made after the SUBSCRIBE whose reply came before it was sent, so that is where it
 * begins. */
#include "tests/torture/history_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An accepted operation, and its poll's tally after it. */
struct entry {
    const struct history_operation *operation;
    struct history_tally after;
};

/* The entries of a poll by the time of their acknowledgement, with the greatest sequence so far. */
struct acknowledged {
    uint64_t end_ns;
    uint64_t seq;
};

/* A voter's ballot, as the voter's own replies tell. */
struct vote {
    uint64_t seq; /* 0 for none */
    uint8_t ballot;
};

struct checker {
    const struct history *history;
    char *why;
    struct entry *entries; /* by sequence */
    size_t entry_count;
    const struct history_operation **changes; /* of them, OPEN and CLOSE */
    size_t change_count;
    struct acknowledged *acknowledged[HISTORY_POLLS_MAX];
    size_t acknowledged_count[HISTORY_POLLS_MAX];
};

static void *allocate(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);
    if (!array)
        abort();
    return array;
}

/* Says what broke. Always false. */
static __attribute__((format(printf, 3, 4))) bool broken(const struct checker *checker,
                                                         const struct history_operation *operation,
                                                         const char *format, ...)
{
    static const char *const names[] = {"VOTE",      "OPEN",        "CLOSE", "SHOW",
                                        "SUBSCRIBE", "UNSUBSCRIBE", "push"};
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(checker->why, HISTORY_WHY_MAX, format, arguments);
    va_end(arguments);
    snprintf(checker->why + len, HISTORY_WHY_MAX - (size_t)len,
             " [%s of client %u, line %td, poll %u, ballot %u, voter %u, reply %u, seq %" PRIu64
             ", tally %" PRIu64 ", %" PRIu64 "-%" PRIu64 " ns]",
             names[operation->kind], operation->client, operation - checker->history->operations,
             operation->poll, operation->ballot, operation->voter, operation->reply, operation->seq,
             operation->tally.seq, operation->begin_ns, operation->end_ns);
    return false;
}

static bool is_entry(const struct history_operation *operation)
{
    return operation->kind <= HISTORY_CLOSE && operation->reply == HISTORY_ACCEPTED;
}

static bool is_tally(const struct history_operation *operation)
{
    return operation->kind == HISTORY_SHOW || operation->kind == HISTORY_PUSH;
}

/* ---- order ---- */

static int by_seq(const void *a, const void *b)
{
    uint64_t one = ((const struct entry *)a)->operation->seq;
    uint64_t other = ((const struct entry *)b)->operation->seq;
    return (one > other) - (one < other);
}

static void gather_entries(struct checker *checker)
{
    const struct history *history = checker->history;
    checker->entries = allocate(history->operation_count, sizeof *checker->entries);
    for (size_t i = 0; i < history->operation_count; i++)
        if (is_entry(&history->operations[i]))
            checker->entries[checker->entry_count++].operation = &history->operations[i];
    qsort(checker->entries, checker->entry_count, sizeof *checker->entries, by_seq);
    checker->changes = allocate(checker->entry_count, sizeof *checker->changes);
    for (size_t i = 0; i < checker->entry_count; i++)
        if (checker->entries[i].operation->kind != HISTORY_VOTE)
            checker->changes[checker->change_count++] = checker->entries[i].operation;
}

static void forget_entries(struct checker *checker)
{
    free(checker->entries);
    free(checker->changes);
}

static bool check_order(const struct checker *checker)
{
    uint64_t begin_ns = 0, seq = 0;
    for (size_t i = 0; i < checker->entry_count; i++) {
        const struct history_operation *operation = checker->entries[i].operation;
        if (operation->seq <= seq)
            return broken(checker, operation, "order: a sequence twice, or none");
        if (operation->end_ns < begin_ns)
            return broken(checker, operation,
                          "order: acknowledged before an entry with a lower sequence was sent");
        seq = operation->seq;
        if (operation->begin_ns > begin_ns)
            begin_ns = operation->begin_ns;
    }
    return true;
}

/* ---- replies ---- */

/* Whether the poll may have been in that state at some time between sending and reply: unless one
 * that put it in the other had been acknowledged before, and none that undid it was sent in time.
 */
static bool may_have_been(const struct checker *checker, const struct history_operation *operation,
                          bool open)
{
    bool possible = open; /* as it was created */
    for (size_t i = 0; i < checker->change_count; i++) {
        const struct history_operation *change = checker->changes[i];
        if (change->poll != operation->poll)
            continue;
        if ((change->kind == HISTORY_OPEN) != open)
            possible = possible && change->end_ns >= operation->begin_ns;
        else
            possible = possible || change->begin_ns <= operation->end_ns;
    }
    return possible;
}

static bool check_vote(const struct checker *checker, const struct history_operation *operation,
                       struct vote *counts)
{
    bool repeats = counts->seq && counts->ballot == operation->ballot;
    bool once = !checker->history->polls[operation->poll].changeable;
    switch ((enum history_reply)operation->reply) {
    case HISTORY_DUPLICATE:
        return (repeats && operation->seq == counts->seq) ||
               broken(checker, operation, "replies: a duplicate of what does not count");
    case HISTORY_ALREADY_VOTED:
        return (once && counts->seq && !repeats && operation->seq == counts->seq &&
                may_have_been(checker, operation, true)) ||
               broken(checker, operation, "replies: ALREADY-VOTED, and that is not so");
    case HISTORY_POLL_CLOSED:
        if (repeats)
            return broken(checker, operation, "replies: a repeat is refused");
        return may_have_been(checker, operation, false) ||
               broken(checker, operation, "replies: POLL-CLOSED in an open poll");
    case HISTORY_ACCEPTED:
        break;
    }
    if (repeats || (once && counts->seq))
        return broken(checker, operation, "replies: a voter's ballot counts twice");
    *counts = (struct vote){operation->seq, operation->ballot};
    return may_have_been(checker, operation, true) ||
           broken(checker, operation, "replies: accepted after a CLOSE");
}

/* The entry of a sequence, or NULL. */
static const struct entry *find_entry(const struct checker *checker, uint64_t seq)
{
    size_t low = 0, high = checker->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (checker->entries[middle].operation->seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < checker->entry_count && checker->entries[low].operation->seq == seq;
    return found ? &checker->entries[low] : NULL;
}

/* OPEN of an open poll, CLOSE of a closed one: with the entry that made it so. */
static bool check_repeated_change(const struct checker *checker,
                                  const struct history_operation *operation)
{
    const struct entry *entry = find_entry(checker, operation->seq);
    bool as_created = operation->kind == HISTORY_OPEN &&
                      operation->seq == checker->history->polls[operation->poll].created_seq;
    bool named = entry && entry->operation->kind == operation->kind &&
                 entry->operation->poll == operation->poll;
    if (!as_created && !named)
        return broken(checker, operation, "replies: a duplicate of no such entry");
    if (named && entry->operation->begin_ns > operation->end_ns)
        return broken(checker, operation, "replies: a duplicate of a later entry");
    return may_have_been(checker, operation, operation->kind == HISTORY_OPEN) ||
           broken(checker, operation, "replies: a duplicate, and the state was another");
}

static bool check_replies(const struct checker *checker)
{
    const struct history *history = checker->history;
    struct vote *counting =
        allocate((size_t)history->poll_count * history->voter_count, sizeof *counting);
    bool good = true;
    for (size_t i = 0; good && i < history->operation_count; i++) {
        const struct history_operation *operation = &history->operations[i];
        if (operation->kind == HISTORY_VOTE)
            good = check_vote(
                checker, operation,
                &counting[(size_t)operation->poll * history->voter_count + operation->voter]);
        else if (operation->kind <= HISTORY_CLOSE && operation->reply == HISTORY_DUPLICATE)
            good = check_repeated_change(checker, operation);
    }
    free(counting);
    return good;
}

/* ---- state, and what the ledger adds up to ---- */

static bool replay_vote(const struct checker *checker, const struct history_operation *operation,
                        struct history_tally *tally, struct vote *counts)
{
    if (!tally->open)
        return broken(checker, operation, "state: a ballot counts that was ordered after a CLOSE");
    const struct history_ballot *ballots = checker->history->polls[operation->poll].ballots;
    tally->ballots += counts->seq == 0;
    for (unsigned choice = 0; choice < HISTORY_CHOICES; choice++) {
        tally->counts[choice] += ballots[operation->ballot].counts[choice];
        if (counts->seq)
            tally->counts[choice] -= ballots[counts->ballot].counts[choice];
    }
    *counts = (struct vote){operation->seq, operation->ballot};
    return true;
}

static bool check_state(struct checker *checker)
{
    const struct history *history = checker->history;
    struct vote *counting =
        allocate((size_t)history->poll_count * history->voter_count, sizeof *counting);
    struct history_tally tallies[HISTORY_POLLS_MAX] = {0};
    bool good = true;
    for (unsigned poll = 0; poll < history->poll_count; poll++)
        tallies[poll].open = true;
    for (size_t i = 0; good && i < checker->entry_count; i++) {
        const struct history_operation *operation = checker->entries[i].operation;
        struct history_tally *tally = &tallies[operation->poll];
        if (operation->kind == HISTORY_VOTE)
            good = replay_vote(
                checker, operation, tally,
                &counting[(size_t)operation->poll * history->voter_count + operation->voter]);
        else if (tally->open == (operation->kind == HISTORY_OPEN))
            good = broken(checker, operation, "state: OPEN or CLOSE changed nothing");
        else
            tally->open = !tally->open;
        tally->seq = operation->seq;
        checker->entries[i].after = *tally;
    }
    free(counting);
    return good;
}

/* ---- tallies ---- */

static int by_end(const void *a, const void *b)
{
    uint64_t one = ((const struct acknowledged *)a)->end_ns;
    uint64_t other = ((const struct acknowledged *)b)->end_ns;
    return (one > other) - (one < other);
}

static void gather_acknowledged(struct checker *checker, unsigned poll)
{
    struct acknowledged *acknowledged = allocate(checker->entry_count, sizeof *acknowledged);
    size_t count = 0;
    for (size_t i = 0; i < checker->entry_count; i++) {
        const struct history_operation *operation = checker->entries[i].operation;
        if (operation->poll == poll)
            acknowledged[count++] = (struct acknowledged){operation->end_ns, operation->seq};
    }
    qsort(acknowledged, count, sizeof *acknowledged, by_end);
    for (size_t i = 1; i < count; i++)
        if (acknowledged[i].seq < acknowledged[i - 1].seq)
            acknowledged[i].seq = acknowledged[i - 1].seq;
    checker->acknowledged[poll] = acknowledged;
    checker->acknowledged_count[poll] = count;
}

/* The greatest sequence of the poll that was acknowledged before that time; 0 for none. */
static uint64_t acknowledged_before(const struct checker *checker, unsigned poll, uint64_t time_ns)
{
    const struct acknowledged *acknowledged = checker->acknowledged[poll];
    size_t low = 0, high = checker->acknowledged_count[poll];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (acknowledged[middle].end_ns < time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? acknowledged[low - 1].seq : 0;
}

static bool same_tally(const struct history_tally *a, const struct history_tally *b)
{
    return a->open == b->open && a->ballots == b->ballots &&
           memcmp(a->counts, b->counts, sizeof a->counts) == 0;
}

static bool check_tally(const struct checker *checker, const struct history_operation *read)
{
    const struct entry *entry = find_entry(checker, read->tally.seq);
    const struct history_tally empty = {.open = true};
    if (!entry && read->tally.seq != checker->history->polls[read->poll].created_seq)
        return broken(checker, read, "tallies: of an entry that nobody was told of");
    if (entry && entry->operation->poll != read->poll)
        return broken(checker, read, "tallies: of another poll's entry");
    if (!same_tally(&read->tally, entry ? &entry->after : &empty))
        return broken(checker, read, "tallies: not what the ledger adds up to");
    if (entry && entry->operation->begin_ns > read->end_ns)
        return broken(checker, read, "tallies: shows what was not sent yet");
    if (read->tally.seq < acknowledged_before(checker, read->poll, read->begin_ns))
        return broken(checker, read, "tallies: lacks what had been acknowledged");
    return true;
}

/* ---- bounds ---- */

/* What one choice's count may be. */
struct bounds {
    uint64_t least[HISTORY_CHOICES];
    uint64_t most[HISTORY_CHOICES];
};

/* The accepted ballots of each voter of a poll, in the order of sending, one voter after another.
 */
struct voter_ballots {
    const struct history_operation **ballots;
    size_t *first; /* by voter, and one more */
};

static struct voter_ballots gather_ballots(const struct history *history, unsigned poll)
{
    struct voter_ballots gathered = {
        allocate(history->operation_count, sizeof *gathered.ballots),
        allocate((size_t)history->voter_count + 2, sizeof *gathered.first),
    };
    size_t *first = gathered.first + 1; /* of the next voter, while they are put in */
    for (size_t i = 0; i < history->operation_count; i++)
        if (history->operations[i].kind == HISTORY_VOTE && is_entry(&history->operations[i]) &&
            history->operations[i].poll == poll)
            first[history->operations[i].voter + 1]++;
    for (uint32_t voter = 0; voter < history->voter_count; voter++)
        first[voter + 1] += first[voter];
    for (size_t i = 0; i < history->operation_count; i++)
        if (history->operations[i].kind == HISTORY_VOTE && is_entry(&history->operations[i]) &&
            history->operations[i].poll == poll)
            gathered.ballots[first[history->operations[i].voter]++] = &history->operations[i];
    return gathered;
}

/* Adds the least and the most that one of these ballots counts for each choice; the least is
 * nothing if there may be none. */
static void add_possible(struct bounds *bounds, const struct history_ballot *ballots,
                         const bool possible[HISTORY_BALLOTS_MAX], bool certain)
{
    for (unsigned choice = 0; choice < HISTORY_CHOICES; choice++) {
        uint64_t least = certain ? UINT64_MAX : 0, most = 0;
        for (unsigned i = 0; i < HISTORY_BALLOTS_MAX; i++) {
            if (!possible[i])
                continue;
            uint64_t count = ballots[i].counts[choice];
            least = count < least ? count : least;
            most = count > most ? count : most;
        }
        bounds->least[choice] += least;
        bounds->most[choice] += most;
    }
}

/* Adds one voter: whichever ballot was the last to be acknowledged when the read began, or any that
 * was sent until it ended, may be the one that counts. */
static void add_voter(struct bounds *bounds, const struct history_poll *poll,
                      const struct history_operation *const *ballots, size_t count,
                      const struct history_operation *read)
{
    bool possible[HISTORY_BALLOTS_MAX] = {false};
    bool certain = false;
    for (size_t i = 0; i < count && ballots[i]->begin_ns <= read->end_ns; i++) {
        if (ballots[i]->end_ns < read->begin_ns) {
            memset(possible, 0, sizeof possible);
            certain = true;
        }
        possible[ballots[i]->ballot] = true;
    }
    add_possible(bounds, poll->ballots, possible, certain);
}

static bool check_bounds_of(const struct checker *checker, const struct voter_ballots *voters,
                            const struct history_operation *read)
{
    struct bounds bounds = {0};
    for (uint32_t voter = 0; voter < checker->history->voter_count; voter++) {
        size_t first = voters->first[voter], count = voters->first[voter + 1] - first;
        if (count > 0)
            add_voter(&bounds, &checker->history->polls[read->poll], voters->ballots + first, count,
                      read);
    }
    for (unsigned choice = 0; choice < HISTORY_CHOICES; choice++)
        if (read->tally.counts[choice] < bounds.least[choice] ||
            read->tally.counts[choice] > bounds.most[choice])
            return broken(
                checker, read, "bounds: %" PRIu64 " for choice %u, not %" PRIu64 " to %" PRIu64,
                read->tally.counts[choice], choice, bounds.least[choice], bounds.most[choice]);
    return true;
}

static bool check_bounds(const struct checker *checker)
{
    const struct history *history = checker->history;
    bool good = true;
    for (unsigned poll = 0; good && poll < history->poll_count; poll++) {
        struct voter_ballots voters = gather_ballots(history, poll);
        for (size_t i = 0; good && i < history->operation_count; i++)
            if (is_tally(&history->operations[i]) && history->operations[i].poll == poll)
                good = check_bounds_of(checker, &voters, &history->operations[i]);
        free(voters.ballots);
        free(voters.first);
    }
    return good;
}

/* ---- connections ---- */

/* What one connection knows of one poll. */
struct outlook {
    uint64_t shown;    /* the sequence of the last tally */
    uint64_t answered; /* the greatest of its own entries */
    bool subscribed;
    bool awaited; /* the first push is still to come */
};

static bool see_tally(const struct checker *checker, const struct history_operation *line,
                      struct outlook *outlook)
{
    if (line->tally.seq < outlook->shown)
        return broken(checker, line, "connections: an older tally after a newer one");
    if (line->tally.seq < outlook->answered)
        return broken(checker, line, "connections: lacks what was answered on this connection");
    outlook->shown = line->tally.seq;
    if (line->kind == HISTORY_PUSH && !outlook->subscribed)
        return broken(checker, line, "connections: a push without a subscription");
    if (line->kind == HISTORY_PUSH)
        outlook->awaited = false;
    return check_tally(checker, line);
}

static bool see_line(const struct checker *checker, const struct history_operation *line,
                     struct outlook outlooks[HISTORY_POLLS_MAX])
{
    struct outlook *outlook = &outlooks[line->poll];
    for (unsigned poll = 0; line->kind != HISTORY_PUSH && poll < HISTORY_POLLS_MAX; poll++)
        if (outlooks[poll].awaited)
            return broken(checker, line, "connections: a reply before the first push of poll %u",
                          poll);
    if (is_tally(line))
        return see_tally(checker, line, outlook);
    if (is_entry(line) && line->seq > outlook->answered)
        outlook->answered = line->seq;
    if (line->kind == HISTORY_SUBSCRIBE || line->kind == HISTORY_UNSUBSCRIBE)
        outlook->awaited = outlook->subscribed = line->kind == HISTORY_SUBSCRIBE;
    return true;
}

static bool check_connections(const struct checker *checker)
{
    const struct history *history = checker->history;
    struct outlook outlooks[HISTORY_POLLS_MAX];
    uint32_t client = UINT32_MAX;
    for (size_t i = 0; i < history->operation_count; i++) {
        if (history->operations[i].client != client)
            memset(outlooks, 0, sizeof outlooks);
        client = history->operations[i].client;
        if (!see_line(checker, &history->operations[i], outlooks))
            return false;
    }
    return true;
}

/* ---- all ---- */

bool history_check(const struct history *history, char why[HISTORY_WHY_MAX])
{
    struct checker checker = {.history = history, .why = why};
    gather_entries(&checker);
    for (unsigned poll = 0; poll < history->poll_count; poll++)
        gather_acknowledged(&checker, poll);
    bool good = check_order(&checker) && check_replies(&checker) && check_state(&checker) &&
                check_bounds(&checker) && check_connections(&checker);
    for (unsigned poll = 0; poll < history->poll_count; poll++)
        free(checker.acknowledged[poll]);
    forget_entries(&checker);
    return good;
}

char *history_ledger(const struct history *history)
{
    static const char *const names[] = {"ballot", "open", "close"};
    struct checker checker = {.history = history};
    gather_entries(&checker);
    enum { ENTRY_MAX = 64 };
    char *text = allocate(checker.entry_count + 1, ENTRY_MAX);
    size_t len = 0;
    for (size_t i = 0; i < checker.entry_count; i++) {
        const struct history_operation *operation = checker.entries[i].operation;
        len += (size_t)snprintf(text + len, ENTRY_MAX, "%" PRIu64 " %u %s ", operation->seq,
                                operation->poll + 1U, names[operation->kind]);
        const struct history_ballot *ballots = history->polls[operation->poll].ballots;
        if (operation->kind == HISTORY_VOTE)
            len +=
                (size_t)snprintf(text + len, ENTRY_MAX, "%s", ballots[operation->ballot].recorded);
        text[len++] = '\n';
    }
    text[len] = '\0';
    forget_entries(&checker);
    return text;
}
