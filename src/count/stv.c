/* STV: the single transferable vote, by the rules of Scotland's local elections.
 *
 * Source: The Scottish Local Government Elections Order 2007 (S.S.I. 2007 No. 42), schedule 1, part
 * III, rules 45 to 52. In words:
 *
 * 45. The first stage gives each ballot paper to its first preference.
 * 46. The quota is the number of valid papers, divided by one more than the seats, any remainder
 *     ignored, plus 1. Abstentions are not valid papers.
 * 47. Who has the quota at the end of a stage is elected.
 * 48. While seats are left: if somebody elected has more than the quota, his surplus goes on, by a
 *     stage of its own. *All* his papers go to the next preference that is neither elected nor
 *     excluded. Each is worth surplus × what it was worth when he got it / all his votes, cut to
 *     five decimal places. He keeps the quota. Papers without a next preference are not
 *     transferable.
 * 49. The largest surplus goes first; of equal ones, that of who had more votes at the latest
 *     earlier stage at which they differ; at last, the earlier in the lot.
 * 50. If there is no surplus, who has the fewest votes is excluded, one a stage. All his papers go
 *     on as in 48, each worth what it was worth when he got it.
 * 51. Of those with the fewest, out is who had the fewest at the latest earlier stage at which they
 *     differ; at last, the later in the lot.
 * 52. If no more are left than there are seats to fill, they are elected, and nothing is
 *     transferred any more.
 *
 * Papers that are not transferable are exhausted, each with what it was worth in that transfer.
 * What was cut off is nobody's, so the votes of a stage add up to a little less than the valid
 * papers. The lot takes the place of the returning officer's, who draws it when it is needed. In
 * one thing the rule is stricter than the statute: a choice that no ballot names is not elected by
 * 52; its seat stays empty.
 *
 * A vote is counted in units of 10^-5, in 64 bits; products have 128. */
#include "count/method.h"
#include "count/methods.h"
#include "count/papers.h"
#include "count/tie.h"

enum { DECIMALS = 5, UNIT = 100000 };
_Static_assert(METHOD_WEIGHT_MAX <= UINT64_MAX / UNIT, "votes must not overflow");

struct stv {
    struct result *result;
    struct papers papers;
    uint64_t quota;  /* units, as are: */
    uint64_t *votes; /* of the newest stage, by choice */
    unsigned open_count;
    struct choice_set owing; /* elected, and their surplus has not gone on yet */
};

static unsigned seats_left(const struct stv *stv)
{
    return stv->result->seats - stv->result->winner_count;
}

static struct choice_set open_choices(const struct stv *stv)
{
    struct choice_set set = {0};
    for (unsigned i = 0; i < stv->papers.choice_count; i++)
        if (papers_is_open(&stv->papers, i))
            choice_set_add(&set, i);
    return set;
}

static void close_choice(struct stv *stv, unsigned choice)
{
    papers_close(&stv->papers, choice);
    stv->open_count--;
}

static void elect(struct stv *stv, unsigned choice)
{
    uint64_t votes = stv->votes[choice];
    uint64_t surplus = votes > stv->quota ? votes - stv->quota : 0;
    result_add_step(stv->result, STEP_ELECT, choice, surplus);
    result_add_winner(stv->result, choice);
    close_choice(stv, choice);
    if (surplus > 0)
        choice_set_add(&stv->owing, choice);
}

/* Rules 47 and 52: those who have the quota; then all, if there are seats enough. */
static void elect_all(struct stv *stv)
{
    struct choice_set open = open_choices(stv);
    tie_sort(stv->result, &open);
    for (unsigned i = 0; i < open.count && stv->votes[open.choice[i]] >= stv->quota; i++)
        elect(stv, open.choice[i]);
    if (stv->open_count > seats_left(stv))
        return;
    for (unsigned i = 0; i < open.count; i++) {
        unsigned choice = open.choice[i];
        if (papers_is_open(&stv->papers, choice) && stv->papers.named[choice])
            elect(stv, choice);
    }
    stv->open_count = 0;
}

/* Rules 48 and 49. */
static void transfer_surplus(struct stv *stv)
{
    struct choice_set largest = stv->owing;
    tie_narrow(&largest, stv->votes, TIE_MOST);
    unsigned from = tie_by_earlier_rounds(stv->result, STAKE_SURPLUS, &largest, TIE_MOST);
    choice_set_remove(&stv->owing, from);
    uint64_t total = stv->votes[from], surplus = total - stv->quota;
    result_add_step(stv->result, STEP_TRANSFER, from, surplus);
    stv->votes = result_add_round(stv->result);
    stv->votes[from] = stv->quota;
    papers_transfer(&stv->papers, from, surplus, total, stv->votes);
}

/* Rules 50 and 51. */
static void exclude(struct stv *stv)
{
    struct choice_set fewest = open_choices(stv);
    tie_narrow(&fewest, stv->votes, TIE_FEWEST);
    unsigned from = tie_by_earlier_rounds(stv->result, STAKE_ELIMINATE, &fewest, TIE_FEWEST);
    result_add_step(stv->result, STEP_ELIMINATE, from, 0);
    close_choice(stv, from);
    stv->votes = result_add_round(stv->result);
    stv->votes[from] = 0;
    papers_transfer(&stv->papers, from, 0, 1, stv->votes);
}

/* Whether there is something left to decide. */
static bool goes_on(const struct stv *stv)
{
    return seats_left(stv) > 0 && stv->open_count > 0;
}

int stv_count(struct result *result, const struct profile_view *view)
{
    uint64_t valid = view->weight - view->abstained;
    result->decimals = DECIMALS;
    struct stv stv = {.result = result, .votes = result_add_round(result)};
    if (valid == 0)
        return 0;
    if (papers_init(&stv.papers, view, UNIT) != 0)
        return -1;
    result->quota = valid / (result->seats + 1) + 1;
    stv.quota = result->quota * UNIT;
    stv.open_count = stv.papers.choice_count;
    papers_deal(&stv.papers, stv.votes);
    for (elect_all(&stv); goes_on(&stv); elect_all(&stv)) {
        if (stv.owing.count > 0)
            transfer_surplus(&stv);
        else
            exclude(&stv);
    }
    papers_destroy(&stv.papers);
    return 0;
}
