/* Records of journeys, and the copies and figures made of them. A worker's thread, except where
 * noted.
 *
 * Happy path: a ballot is sampled when its request is filled → the request takes the record to the
 * ledger → the answer brings its number back → the answer is written, the figures are counted, and
 * the record is free again.
 *
 * Every traced journey is kept. Of the sampled ones, one a second is, with the kernel's state of
 * its socket: reading that takes longer than all the stamps. */
#include "trace/journey.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"

#include <string.h>

_Static_assert(sizeof(struct journey_kept) <= SEQLOG_WORDS * sizeof(uint64_t),
               "a kept journey must fit into a record of a seqlog");

const struct journey_figure_info journey_figures[JOURNEY_FIGURES] = {
#define STAGE(name, since, meaning) \
    [FIGURE_##name] = {#name, JOURNEY_##since, JOURNEY_##name, meaning},
#define SPAN(name, from, to, meaning) \
    [FIGURE_##name] = {#name, JOURNEY_##from, JOURNEY_##to, meaning},
#include "trace/journey.def"
#undef STAGE
#undef SPAN
};

const char *journey_stage_name(unsigned stage)
{
    /* The first figures are the stages, without the first stage. */
    return stage == JOURNEY_readable ? "readable" : journey_figures[stage - 1].name;
}

void journey_count(struct journey_stats *stats, const uint64_t at_ns[JOURNEY_STAGES],
                   enum journey_stage first, enum journey_stage last)
{
    for (int i = 0; i < JOURNEY_FIGURES; i++) {
        const struct journey_figure_info *figure = &journey_figures[i];
        if (figure->to >= first && figure->to <= last)
            histogram_record_shared(&stats->figures_ns[i], at_ns[figure->to] - at_ns[figure->from]);
    }
}

/* ---- sampling ---- */

/* The gap to the next sample: 1 to 2 * JOURNEY_ONE_IN - 1, each as likely. A fixed one would fall
 * into step with clients that pipeline, and always sample the same place in their rounds. */
static uint32_t next_gap(struct journeys *journeys)
{
    uint32_t x = journeys->random; /* xorshift32 */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    journeys->random = x;
    return 1 + x % (2 * JOURNEY_ONE_IN - 1);
}

void journeys_init(struct journeys *journeys, struct journey_stats *stats, _Atomic uint64_t *open,
                   uint32_t seed)
{
    memset(journeys, 0, sizeof *journeys);
    journeys->stats = stats;
    journeys->open = open;
    journeys->random = seed ? seed : 1;
    journeys->countdown = next_gap(journeys);
    for (uint16_t number = JOURNEY_POOL; number > 0; number--) {
        journeys->records[number - 1].number = number;
        journeys->free[journeys->free_count++] = number;
    }
}

struct journey *journey_begin(struct journeys *journeys, uint64_t readable_ns, uint64_t read_ns,
                              uint32_t poll, bool traced)
{
    if (journeys->countdown == 0)
        journeys->countdown = next_gap(journeys);
    if (journeys->free_count == 0)
        return NULL;
    uint16_t number = journeys->free[--journeys->free_count];
    struct journey *journey = &journeys->records[number - 1];
    *journey = (struct journey){.poll = poll, .number = number, .traced = traced};
    journey->at_ns[JOURNEY_readable] = readable_ns;
    journey->at_ns[JOURNEY_read] = read_ns;
    journey->at_ns[JOURNEY_parsed] = clock_monotonic_ns();
    INVARIANT(journeys->unsent_count < JOURNEY_POOL); /* no record comes back before it was sent */
    journeys->unsent[journeys->unsent_count++] = number;
    counter_add(journeys->open, 1);
    return journey;
}

void journeys_send(struct journeys *journeys)
{
    if (journeys->unsent_count == 0)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    while (journeys->unsent_count > 0) {
        uint16_t number = journeys->unsent[--journeys->unsent_count];
        journeys->records[number - 1].at_ns[JOURNEY_queued] = now_ns;
    }
}

/* ---- answers ---- */

static void give_back(struct journeys *journeys, uint16_t number)
{
    INVARIANT(number >= 1 && journeys->free_count < JOURNEY_POOL);
    journeys->free[journeys->free_count++] = number;
    counter_subtract(journeys->open, 1);
}

void journey_drop(struct journeys *journeys, uint16_t number)
{
    give_back(journeys, number);
}

void journey_answer(struct journeys *journeys, uint16_t number, uint64_t seq)
{
    INVARIANT(number >= 1 && number <= JOURNEY_POOL);
    journeys->records[number - 1].seq = seq;
    journeys->answered[journeys->answered_count++] = number;
}

static void keep(struct journeys *journeys, const struct journey *journey, int fd)
{
    struct journey_kept kept = {.seq = journey->seq, .poll = journey->poll};
    memcpy(kept.at_ns, journey->at_ns, sizeof kept.at_ns);
    socket_state_read(fd, kept.socket);
    seqlog_add(journey->traced ? &journeys->traced : &journeys->sampled, &kept, sizeof kept);
}

static void end(struct journeys *journeys, struct journey *journey, uint64_t now_ns, int fd)
{
    journey->at_ns[JOURNEY_answered] = now_ns;
    journey_count(journeys->stats, journey->at_ns, JOURNEY_read, JOURNEY_answered);
    if (!journey->traced && now_ns - journeys->kept_ns < NS_PER_S)
        return;
    if (!journey->traced)
        journeys->kept_ns = now_ns;
    keep(journeys, journey, fd);
}

void journeys_written(struct journeys *journeys, int fd)
{
    uint64_t now_ns = fd >= 0 ? clock_monotonic_ns() : 0;
    for (uint16_t i = 0; i < journeys->answered_count; i++) {
        uint16_t number = journeys->answered[i];
        if (fd >= 0)
            end(journeys, &journeys->records[number - 1], now_ns, fd);
        give_back(journeys, number);
    }
    journeys->answered_count = 0;
}

/* ---- looking ---- */

bool journeys_find(const struct journeys *journeys, bool traced, uint64_t seq,
                   struct journey_kept *kept)
{
    const struct seqlog *log = traced ? &journeys->traced : &journeys->sampled;
    for (unsigned age = 0; age < SEQLOG_SLOTS; age++)
        if (seqlog_read(log, age, kept, sizeof *kept) && (seq == 0 || kept->seq == seq))
            return true;
    return false;
}
