/* Schulze's method, with winning votes.
 *
 * The rule: d(a,b) are the votes that rank a above b. There is a link from a to b if d(a,b) is
 * more than d(b,a); its strength is d(a,b), the winning votes. A path is as strong as its weakest
 * link; p(a,b) is the strength of the strongest path from a to b, 0 if there is none. Choice a is
 * above b if p(a,b) is more than p(b,a). That is a partial order; its ranks are given from the top:
 * those that none of the others is above share rank 1, and are left out; then the same with the
 * rest.
 *
 * Elected is a choice of rank 1: if there are several, the lot decides which. A choice that a
 * ballot does not name stands below all that it names, and equal with the others unnamed.
 *
 * Source: M. Schulze, "A new monotonic, clone-independent, reversal symmetric, and Condorcet-
 * consistent single-winner election method", Social Choice and Welfare 36 (2011), sections 2.2 and
 * 2.3: the strongest paths after Floyd and Warshall. */
#include "count/methods.h"
#include "count/tie.h"

#include <stdlib.h>

static void find_links(struct result *result)
{
    unsigned count = result->poll->choice_count;
    for (unsigned a = 0; a < count; a++) {
        for (unsigned b = 0; b < count; b++) {
            uint64_t wins = result_pair(result, a, b);
            result->paths[a * count + b] = wins > result_pair(result, b, a) ? wins : 0;
        }
    }
}

static void find_strongest_paths(uint64_t *paths, unsigned count)
{
    for (unsigned via = 0; via < count; via++) {
        const uint64_t *onward = &paths[via * count];
        for (unsigned from = 0; from < count; from++) {
            uint64_t *row = &paths[from * count], there = row[via];
            for (unsigned to = 0; from != via && to < count; to++) {
                uint64_t strength = there < onward[to] ? there : onward[to];
                if (to != from && row[to] < strength)
                    row[to] = strength;
            }
        }
    }
}

/* Whether one of those without a rank, or with this one, is above the choice. */
static bool is_beaten(const struct result *result, unsigned choice, unsigned rank)
{
    for (unsigned i = 0; i < result->poll->choice_count; i++)
        if ((result->rank[i] == 0 || result->rank[i] == rank) &&
            result_path(result, i, choice) > result_path(result, choice, i))
            return true;
    return false;
}

static void give_ranks(struct result *result)
{
    unsigned count = result->poll->choice_count;
    for (unsigned rank = 1, left = count; left > 0; rank++) {
        for (unsigned i = 0; i < count; i++) {
            if (result->rank[i] == 0 && !is_beaten(result, i, rank)) {
                result->rank[i] = (uint8_t)rank;
                left--;
            }
        }
    }
}

int schulze_count(struct result *result)
{
    if (result->weight == result->abstained)
        return 0;
    unsigned count = result->poll->choice_count;
    result->paths = calloc((size_t)count * count, sizeof *result->paths);
    result->rank = calloc(count, sizeof *result->rank);
    if (!result->paths || !result->rank)
        return -1;
    find_links(result);
    find_strongest_paths(result->paths, count);
    give_ranks(result);
    struct choice_set first = {0};
    for (unsigned i = 0; i < count; i++)
        if (result->rank[i] == 1)
            choice_set_add(&first, i);
    result_add_winner(result, tie_by_lot(result, STAKE_ELECT, &first, TIE_MOST));
    return 0;
}
