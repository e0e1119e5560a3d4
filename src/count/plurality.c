/* Highest sums: plurality, approval, score.
 *
 * The rule: each ballot adds to the sums of the choices that it is for: one vote to its choice
 * (plurality), one to each that it approves of (approval), or to each the score that it gives it
 * (score). The `seats` choices with the highest sums are elected. If the last seats could go to
 * more choices than there are seats left, all with the same sum, the lot decides: the earlier in it
 * go first. A choice with a sum of 0 is not elected; its seat stays empty.
 *
 * These are the oldest rules there are; approval after S. J. Brams and P. C. Fishburn, "Approval
 * Voting", American Political Science Review 72 (1978); score is also known as range voting. */
#include "count/methods.h"
#include "count/tie.h"

#include <string.h>

/* Who had the sum at which the seats ran out, if there were too many of them. */
static void note_last_seat(struct result *result, const struct choice_set *order, unsigned elected)
{
    const uint64_t *sums = result_votes(result, 1);
    if (elected == 0 || sums[order->choice[elected]] != sums[order->choice[elected - 1]])
        return;
    struct choice_set tied = {0};
    for (unsigned i = 0; i < result->poll->choice_count; i++)
        if (sums[i] == sums[order->choice[elected]])
            choice_set_add(&tied, i);
    result_add_tie(result, STAKE_ELECT, RULE_LOT, &tied);
}

void plurality_count(struct result *result, const uint64_t *sums)
{
    uint64_t *votes = result_add_round(result);
    memcpy(votes, sums, result->poll->choice_count * sizeof *votes);
    struct choice_set order = {0};
    for (unsigned i = 0; i < result->poll->choice_count; i++)
        choice_set_add(&order, i);
    tie_sort(result, &order);
    unsigned elected = 0;
    while (elected < result->seats && votes[order.choice[elected]] > 0)
        elected++;
    note_last_seat(result, &order, elected);
    for (unsigned i = 0; i < elected; i++)
        result_add_winner(result, order.choice[i]);
}

void plurality_sums(const struct profile_view *view, uint64_t *sums)
{
    const struct poll *poll = view->poll;
    memset(sums, 0, poll->choice_count * sizeof *sums);
    for (uint32_t value = 0; profile_next(view, &value);) {
        uint64_t weight = profile_weight(view, value);
        if (poll_setting(poll, SETTING_KIND) == KIND_SINGLE) {
            sums[value - 1] += weight;
            continue;
        }
        const uint8_t *marks = profile_marks(view, value);
        for (unsigned i = 0; i < poll->choice_count; i++)
            sums[i] += weight * marks[i];
    }
}
