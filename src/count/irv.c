/* IRV: instant run-off, also known as the alternative vote.
 *
 * The rule: each ballot is for the choice that it ranks highest among those that are left; ballots
 * that name none of them any more are exhausted. Elected is who has more than half of the votes of
 * the ballots that go on, or is the last one left. As long as nobody has, the choice with the
 * fewest votes is eliminated, one each round.
 *
 * Ties for the fewest: out is who had the fewest in the latest earlier round in which they differ;
 * if there is none, the latest in the lot.
 *
 * Source: W. R. Ware's rule of 1871, as in Robert's Rules of Order, "preferential voting", and in
 * the elections of Maine (21-A M.R.S. § 723-A), which eliminate one after the other likewise. */
#include "count/methods.h"
#include "count/papers.h"
#include "count/tie.h"

static uint64_t sum_of(const uint64_t *votes, unsigned choice_count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < choice_count; i++)
        sum += votes[i];
    return sum;
}

/* The choice with the most votes, if that is enough. Returns false if it isn't. */
static bool elect(struct result *result, const struct papers *papers, const uint64_t *votes,
                  unsigned open_count)
{
    uint64_t going_on = sum_of(votes, papers->choice_count);
    for (unsigned i = 0; i < papers->choice_count; i++) {
        if (!papers_is_open(papers, i) || (open_count > 1 && votes[i] <= going_on / 2))
            continue;
        result_add_step(result, STEP_ELECT, i, 0);
        result_add_winner(result, i);
        return true;
    }
    return false;
}

static unsigned eliminate(struct result *result, struct papers *papers, const uint64_t *votes)
{
    struct choice_set last = {0};
    for (unsigned i = 0; i < papers->choice_count; i++)
        if (papers_is_open(papers, i))
            choice_set_add(&last, i);
    tie_narrow(&last, votes, TIE_FEWEST);
    unsigned choice = tie_by_earlier_rounds(result, STAKE_ELIMINATE, &last, TIE_FEWEST);
    result_add_step(result, STEP_ELIMINATE, choice, 0);
    papers_close(papers, choice);
    return choice;
}

int irv_count(struct result *result, const struct profile_view *view)
{
    uint64_t *votes = result_add_round(result);
    if (view->weight == view->abstained)
        return 0;
    struct papers papers;
    if (papers_init(&papers, view, 1) != 0)
        return -1;
    papers_deal(&papers, votes);
    for (unsigned open_count = papers.choice_count; !elect(result, &papers, votes, open_count);
         open_count--) {
        unsigned out = eliminate(result, &papers, votes);
        votes = result_add_round(result);
        votes[out] = 0;
        papers_transfer(&papers, out, 0, 1, votes);
    }
    papers_destroy(&papers);
    return 0;
}
