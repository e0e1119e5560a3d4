/* What ballots add to the counts that a tally shows, whatever the method makes of them later. */
#include "count/count.h"

bool count_has_value(const struct poll *poll, uint32_t value)
{
    if (value == VALUE_ABSTAIN)
        return poll_setting(poll, SETTING_ABSTAIN) == ABSTAIN_YES;
    return value >= 1 && value <= (poll->values ? values_count(poll->values) : poll->choice_count);
}

/* Adds what so many ballots of a value count: of rankings, the first preferences. -1 ballots take
 * one away, since counts wrap around. */
static void add_marks(const struct poll *poll, uint64_t *counts, uint32_t value, uint64_t ballots)
{
    if (value == 0 || value == VALUE_ABSTAIN)
        return;
    const uint8_t *marks = values_marks(poll->values, value);
    const bool ranked = poll_setting(poll, SETTING_KIND) == KIND_RANKED;
    for (unsigned i = 0; i < poll->choice_count; i++)
        counts[i] += ballots * (ranked ? marks[i] == 1 : marks[i]);
}

void count_ballot(const struct poll *poll, uint64_t *counts, uint32_t before, uint32_t value)
{
    if (poll->values) {
        add_marks(poll, counts, before, UINT64_MAX);
        add_marks(poll, counts, value, 1);
        return;
    }
    /* Neither 0 nor an abstention is a choice. */
    if (count_choice(poll, before) < poll->choice_count)
        counts[count_choice(poll, before)]--;
    if (count_choice(poll, value) < poll->choice_count)
        counts[count_choice(poll, value)]++;
}
