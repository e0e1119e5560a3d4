/* Profiles of elections. The poll has the election's own values, so nothing is copied. */
#include "tools/election/profile.h"

#include "tools/lib/memory.h"

static struct poll *make_poll(const struct election *election)
{
    static const struct name name = {.text = "election", .len = sizeof "election" - 1};
    struct poll *poll = poll_new(&name, &election->settings, election->choices,
                                 election->choice_count, election->has_lot ? election->lot : NULL);
    if (!poll)
        memory_exhausted();
    return poll;
}

/* In a poll of single choice, value n is choice n. */
static uint32_t value_in_poll(const struct election *election, uint32_t value)
{
    struct marks marks;
    if (election->settings.value[SETTING_KIND] != KIND_SINGLE || value == VALUE_ABSTAIN)
        return value;
    election_marks(election, value, &marks);
    unsigned choice = 0;
    while (choice < marks.count && marks.mark[choice] == 0)
        choice++;
    return choice + 1;
}

/* A profile counts ballot by ballot. How many there are it is told in the end, so that a file that
 * tells of a thousand million equal ones takes no longer than its lines. */
static void count_ballots(struct profile *profile, uint32_t value, uint64_t weight)
{
    while (weight > 0) {
        uint32_t part = weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
        if (profile_count(profile, 0, value, part) != 0)
            memory_exhausted();
        weight -= part;
    }
}

void election_profile_make(struct election_profile *made, const struct election *election)
{
    const bool is_single = election->settings.value[SETTING_KIND] == KIND_SINGLE;
    made->poll = make_poll(election);
    values_free(made->poll->values);
    made->poll->values = is_single ? NULL : election->values;
    struct profile *profile = profile_new(made->poll);
    if (!profile)
        memory_exhausted();
    for (size_t i = 0; i < election->ballots_count; i++) {
        const struct election_ballots *ballots = &election->ballots[i];
        count_ballots(profile, value_in_poll(election, ballots->value),
                      ballots->count * ballots->weight);
    }
    made->view = profile_view(profile);
    if (!made->view)
        memory_exhausted();
    made->view->ballots = election->heads;
    profile_free(profile);
}

void election_profile_clear(struct election_profile *made)
{
    profile_view_free(made->view);
    made->poll->values = NULL; /* they are the election's */
    poll_free(made->poll);
}
