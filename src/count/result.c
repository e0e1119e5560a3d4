/* Results as the methods make them (see result.h); how they are written is in result_write.c.
 *
 * All memory is taken when a result is made: how much a method can add is known from the poll, so
 * that nothing can fail while it counts. What was not needed is given back at the end. */
#include "count/result.h"

#include "base/log.h"
#include "count/choice_set.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEPS_A_ROUND = 3, /* two ties, and what they are about; elections come on top */
    TIES_A_ROUND = 2,
    TIES_OF_STAR = 9, /* three at most about each finalist, and three about the run-off */
};

static size_t steps_max(unsigned rounds_max, unsigned seats)
{
    return (size_t)rounds_max * STEPS_A_ROUND + seats + TIES_OF_STAR;
}

static size_t tied_max(unsigned rounds_max, unsigned choice_count)
{
    return ((size_t)rounds_max * TIES_A_ROUND + TIES_OF_STAR) * choice_count;
}

struct result *result_new(const struct poll *poll, uint64_t ballots, uint64_t weight,
                          uint64_t abstained, unsigned rounds_max)
{
    struct result *result = calloc(1, sizeof *result);
    if (!result)
        return NULL;
    result->refs = 1;
    result->poll = poll;
    result->ballots = ballots;
    result->weight = weight;
    result->abstained = abstained;
    result->seats = settings_seats(&poll->settings);
    result->steps = calloc(steps_max(rounds_max, result->seats), sizeof *result->steps);
    result->votes = calloc(rounds_max * (poll->choice_count + (size_t)1) + 1, sizeof(uint64_t));
    result->tied = calloc(tied_max(rounds_max, poll->choice_count), 1);
    if (!result->steps || !result->votes || !result->tied) {
        result_unref(result);
        return NULL;
    }
    return result;
}

struct result *result_ref(struct result *result)
{
    atomic_fetch_add_explicit(&result->refs, 1, memory_order_relaxed);
    return result;
}

void result_unref(struct result *result)
{
    if (!result || atomic_fetch_sub_explicit(&result->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(result->steps);
    free(result->votes);
    free(result->tied);
    free(result->rank);
    free(result->pairs);
    free(result->paths);
    free(result);
}

bool result_has_exhausted(const struct result *result)
{
    unsigned method = poll_setting(result->poll, SETTING_METHOD);
    return method == METHOD_IRV || method == METHOD_STV;
}

uint64_t *result_add_round(struct result *result)
{
    size_t width = result->poll->choice_count + (size_t)1;
    uint64_t *votes = &result->votes[result->round_count * width];
    if (result->round_count > 0)
        memcpy(votes, votes - width, width * sizeof *votes);
    result->round_count++;
    return votes;
}

static struct result_step *add_step(struct result *result, enum result_step_kind kind)
{
    struct result_step *step = &result->steps[result->step_count++];
    step->kind = kind;
    step->round = result->round_count > 0 ? result->round_count : 1;
    return step;
}

void result_add_step(struct result *result, enum result_step_kind kind, unsigned choice,
                     uint64_t surplus)
{
    struct result_step *step = add_step(result, kind);
    step->choice = choice;
    step->surplus = surplus;
}

void result_add_tie(struct result *result, enum result_stake stake, enum result_rule rule,
                    const struct choice_set *tied)
{
    struct result_step *step = add_step(result, STEP_TIE);
    step->stake = stake;
    step->rule = rule;
    step->tied = result->tied_count;
    step->tied_count = tied->count;
    memcpy(&result->tied[step->tied], tied->choice, tied->count);
    result->tied_count += tied->count;
}

void result_add_winner(struct result *result, unsigned choice)
{
    INVARIANT(result->winner_count < result->seats);
    result->winners[result->winner_count++] = (uint8_t)choice;
}

/* Gives back what is behind the first `bytes` of a block. */
static void *shrink(void *block, size_t bytes)
{
    void *smaller = realloc(block, bytes > 0 ? bytes : 1);
    if (!smaller)
        return block;
    return smaller;
}

void result_finish(struct result *result)
{
    size_t votes = result->round_count * (result->poll->choice_count + (size_t)1);
    result->steps = shrink(result->steps, result->step_count * sizeof *result->steps);
    result->votes = shrink(result->votes, votes * sizeof *result->votes);
    result->tied = shrink(result->tied, result->tied_count);
}

const char *result_nobody(const struct result *result)
{
    if (result->winner_count == result->seats)
        return NULL;
    if (result->ballots == 0)
        return "nobody has voted";
    if (result->weight == result->abstained)
        return "every ballot abstains";
    if (result->winner_count == 0)
        return "no ballot is for any choice";
    return "seats stay empty: no ballot is for another choice";
}
