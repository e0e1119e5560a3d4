/* Shares of the ballots. Pure. */
#include "web/shares.h"

#include "base/log.h"

#include <stdio.h>

/* The index of the greatest rest; of equals, the earliest. */
static size_t greatest(const uint64_t *rests, size_t count)
{
    size_t found = 0;
    for (size_t i = 1; i < count; i++)
        if (rests[i] > rests[found])
            found = i;
    return found;
}

void shares_percents(const uint64_t *counts, size_t count, unsigned *percents)
{
    uint64_t rests[PROTO_CHOICES_MAX], sum = 0;
    unsigned left = 100;
    for (size_t i = 0; i < count; i++)
        sum += counts[i];
    for (size_t i = 0; i < count; i++) {
        percents[i] = sum ? (unsigned)(counts[i] * 100 / sum) : 0;
        rests[i] = sum ? counts[i] * 100 % sum : 0;
        left -= percents[i];
    }
    for (; sum && left > 0; left--) {
        size_t next = greatest(rests, count);
        percents[next]++;
        rests[next] = 0;
    }
}

void shares_take(struct shares *shares, const struct tally_view *view)
{
    *shares = (struct shares){.count = view->choice_count};
    INVARIANT(shares->count <= PROTO_CHOICES_MAX);
    for (size_t i = 0; i < shares->count; i++) {
        shares->each[i] = view->hidden ? 0 : view->counts[i];
        shares->sum += shares->each[i];
        if (shares->each[i] > shares->most)
            shares->most = shares->each[i];
    }
    shares_percents(shares->each, shares->count, shares->percents);
}

const char *shares_text(uint64_t part, uint64_t whole, char text[SHARES_TEXT_MAX])
{
    snprintf(text, SHARES_TEXT_MAX, "%.4f", whole ? (double)part / (double)whole : 0.0);
    return text;
}

unsigned shares_percent(uint64_t part, uint64_t whole)
{
    return whole ? (unsigned)((200 * part + whole) / (2 * whole)) : 0;
}
