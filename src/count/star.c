/* STAR: score, then automatic run-off.
 *
 * The rule: the two choices with the highest sums of scores are the finalists; elected is the one
 * that more ballots score higher than the other. Ballots that score both alike have no preference.
 *
 * Ties. Who are finalists, where more have the same sum than there are places: of two, head to
 * head, the one that more ballots score higher, as in the run-off; of more, those with more ballots
 * that give them the highest score, and among those who are alike in that too, the same again. Two
 * who are alike head to head are told apart by the highest scores as well. In the run-off: the
 * higher sum, then more of the highest scores. At last, the lot.
 *
 * A choice with a sum of 0 is not elected.
 *
 * Source: the Equal Vote Coalition, https://www.starvoting.org/star and /ties. */
#include "count/methods.h"
#include "count/pairs.h"
#include "count/tie.h"

#include <string.h>

struct star {
    struct result *result;
    const struct profile_view *view;
    uint64_t tops[PROTO_CHOICES_MAX]; /* ballots with the highest score, by choice */
    struct choice_set finalists;
};

static void count_tops(struct star *star)
{
    const struct poll *poll = star->view->poll;
    unsigned highest = poll_setting(poll, SETTING_SCORES);
    for (uint32_t value = 0; profile_next(star->view, &value);) {
        uint64_t weight = profile_weight(star->view, value);
        const uint8_t *marks = profile_marks(star->view, value);
        for (unsigned i = 0; i < poll->choice_count; i++)
            star->tops[i] += marks[i] == highest ? weight : 0;
    }
}

/* Takes from `tied` those who are above the last place by `votes`: they are finalists. What is left
 * are those who compete for it, if there are too many of them. */
static void take_places(struct star *star, struct choice_set *tied, const uint64_t *votes)
{
    while (tied->count > 0) {
        struct choice_set best = *tied, rest = {0};
        tie_narrow(&best, votes, TIE_MOST);
        if (star->finalists.count + best.count > 2) {
            *tied = best;
            return;
        }
        for (unsigned i = 0; i < tied->count; i++)
            if (votes[tied->choice[i]] < votes[best.choice[0]])
                choice_set_add(&rest, tied->choice[i]);
        for (unsigned i = 0; i < best.count; i++)
            choice_set_add(&star->finalists, best.choice[i]);
        *tied = rest;
        if (star->finalists.count == 2)
            tied->count = 0;
    }
}

/* The same, as a rule for ties: it is noted if it changes anything. */
static void apply_rule(struct star *star, struct choice_set *tied, enum result_rule rule,
                       const uint64_t *votes)
{
    struct choice_set before = *tied;
    take_places(star, tied, votes);
    if (tied->count < before.count)
        result_add_tie(star->result, STAKE_FINALIST, rule, &before);
}

static void apply_head_to_head(struct star *star, struct choice_set *tied)
{
    uint64_t votes[PROTO_CHOICES_MAX] = {0};
    unsigned a = tied->choice[0], b = tied->choice[1];
    pairs_between(star->view, a, b, &votes[a], &votes[b]);
    apply_rule(star, tied, RULE_HEAD, votes);
}

static void choose_finalists(struct star *star)
{
    struct choice_set tied = {0};
    for (unsigned i = 0; i < star->result->poll->choice_count; i++)
        choice_set_add(&tied, i);
    take_places(star, &tied, result_votes(star->result, 1));
    if (tied.count > 2)
        apply_rule(star, &tied, RULE_TOP, star->tops);
    if (tied.count == 2)
        apply_head_to_head(star, &tied);
    if (tied.count == 2)
        apply_rule(star, &tied, RULE_TOP, star->tops);
    if (tied.count > 0)
        result_add_tie(star->result, STAKE_FINALIST, RULE_LOT, &tied);
    while (star->finalists.count < 2) {
        unsigned chosen = lot_choose(star->result->poll, &tied, TIE_MOST);
        choice_set_add(&star->finalists, chosen);
        choice_set_remove(&tied, chosen);
    }
}

/* The winner, of two that as many ballots score one above the other as the other way round. */
static unsigned break_runoff(struct star *star)
{
    struct choice_set tied = star->finalists;
    tie_rule(star->result, STAKE_RUNOFF, RULE_SUM, &tied, result_votes(star->result, 1), TIE_MOST);
    if (tied.count > 1)
        tie_rule(star->result, STAKE_RUNOFF, RULE_TOP, &tied, star->tops, TIE_MOST);
    return tie_by_lot(star->result, STAKE_RUNOFF, &tied, TIE_MOST);
}

/* The finalists in the order in which they are shown: the higher sum first, and then the winner. */
static void hold_runoff(struct star *star)
{
    struct result_runoff *runoff = &star->result->runoff;
    const uint64_t *sums = result_votes(star->result, 1);
    unsigned a = star->finalists.choice[0], b = star->finalists.choice[1];
    uint64_t above, below;
    pairs_between(star->view, a, b, &above, &below);
    unsigned winner = above == below ? break_runoff(star) : above > below ? a : b;
    result_add_winner(star->result, winner);
    bool swap = sums[a] != sums[b] ? sums[a] < sums[b] : winner == b;
    *runoff = (struct result_runoff){
        .held = true,
        .finalist = {swap ? b : a, swap ? a : b},
        .votes = {swap ? below : above, swap ? above : below},
        .equal = star->view->weight - star->view->abstained - above - below,
    };
}

void star_count(struct result *result, const struct profile_view *view)
{
    struct star star = {.result = result, .view = view};
    uint64_t *sums = result_add_round(result);
    plurality_sums(view, sums);
    count_tops(&star);
    uint64_t sum = 0;
    for (unsigned i = 0; i < view->poll->choice_count; i++)
        sum += sums[i];
    if (sum == 0)
        return;
    choose_finalists(&star);
    hold_runoff(&star);
}
