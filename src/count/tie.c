/* Breaking ties (see tie.h).
 *
 * The rule of the latest earlier round is the statute's (Scottish Local Government Elections Order
 * 2007, schedule 1, rules 49 and 51): what counts is the latest round at whose end those who are
 * tied had not all the same. If some of them had the same there as well, and were best or worst
 * together, the rule is asked again about these, from that round back. */
#include "count/tie.h"

/* The places of all choices in the lot, from 0, by choice. */
static void lot_places(const struct poll *poll, uint8_t places[PROTO_CHOICES_MAX])
{
    for (unsigned place = 0; place < poll->choice_count; place++)
        places[poll->lot[place]] = (uint8_t)place;
}

unsigned lot_choose(const struct poll *poll, const struct choice_set *set, enum tie_side side)
{
    uint8_t places[PROTO_CHOICES_MAX];
    lot_places(poll, places);
    unsigned chosen = set->choice[0];
    for (unsigned i = 1; i < set->count; i++) {
        unsigned choice = set->choice[i];
        if ((side == TIE_MOST) == (places[choice] < places[chosen]))
            chosen = choice;
    }
    return chosen;
}

void tie_narrow(struct choice_set *set, const uint64_t *votes, enum tie_side side)
{
    uint64_t best = votes[set->choice[0]];
    for (unsigned i = 1; i < set->count; i++) {
        uint64_t other = votes[set->choice[i]];
        if (side == TIE_MOST ? other > best : other < best)
            best = other;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < set->count; i++)
        if (votes[set->choice[i]] == best)
            set->choice[kept++] = set->choice[i];
    set->count = kept;
}

void tie_rule(struct result *result, enum result_stake stake, enum result_rule rule,
              struct choice_set *set, const uint64_t *votes, enum tie_side side)
{
    struct choice_set tied = *set;
    tie_narrow(set, votes, side);
    if (set->count < tied.count)
        result_add_tie(result, stake, rule, &tied);
}

unsigned tie_by_lot(struct result *result, enum result_stake stake, const struct choice_set *set,
                    enum tie_side side)
{
    if (set->count > 1)
        result_add_tie(result, stake, RULE_LOT, set);
    return lot_choose(result->poll, set, side);
}

unsigned tie_by_earlier_rounds(struct result *result, enum result_stake stake,
                               struct choice_set *set, enum tie_side side)
{
    struct choice_set tied = *set;
    for (unsigned round = result->round_count - 1; round > 0 && set->count > 1; round--)
        tie_narrow(set, result_votes(result, round), side);
    if (set->count < tied.count)
        result_add_tie(result, stake, RULE_EARLIER, &tied);
    return tie_by_lot(result, stake, set, side);
}

/* Whether choice `a` comes before `b`. */
static bool comes_before(const struct result *result, const uint8_t places[PROTO_CHOICES_MAX],
                         unsigned a, unsigned b)
{
    for (unsigned round = result->round_count; round > 0; round--) {
        const uint64_t *votes = result_votes(result, round);
        if (votes[a] != votes[b])
            return votes[a] > votes[b];
    }
    return places[a] < places[b];
}

void tie_sort(const struct result *result, struct choice_set *set)
{
    uint8_t places[PROTO_CHOICES_MAX];
    lot_places(result->poll, places);
    for (unsigned i = 1; i < set->count; i++) {
        uint8_t choice = set->choice[i];
        unsigned at = i;
        for (; at > 0 && comes_before(result, places, choice, set->choice[at - 1]); at--)
            set->choice[at] = set->choice[at - 1];
        set->choice[at] = choice;
    }
}
