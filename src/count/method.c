/* Which method counts a poll (see method.h). The methods know nothing of each other. */
#include "count/method.h"

#include "base/log.h"
#include "count/methods.h"
#include "count/pairs.h"

bool method_is_additive(const struct poll *poll)
{
    unsigned method = poll_setting(poll, SETTING_METHOD);
    return method == METHOD_PLURALITY || method == METHOD_APPROVAL || method == METHOD_SCORE;
}

/* Each round but the first is brought by an elimination or the transfer of a surplus. */
static unsigned rounds_max(const struct poll *poll)
{
    switch (poll_setting(poll, SETTING_METHOD)) {
    case METHOD_SCHULZE:
        return 0;
    case METHOD_IRV:
        return poll->choice_count;
    case METHOD_STV:
        return poll->choice_count + settings_seats(&poll->settings);
    default:
        return 1;
    }
}

static struct result *new_result(const struct poll *poll, uint64_t ballots, uint64_t weight,
                                 uint64_t abstained)
{
    INVARIANT(weight <= METHOD_WEIGHT_MAX);
    return result_new(poll, ballots, weight, abstained, rounds_max(poll));
}

struct result *result_of_counts(const struct poll *poll, const uint64_t *counts, uint64_t ballots,
                                uint64_t weight, uint64_t abstained)
{
    INVARIANT(method_is_additive(poll));
    struct result *result = new_result(poll, ballots, weight, abstained);
    if (!result)
        return NULL;
    plurality_count(result, counts);
    result_finish(result);
    return result;
}

static int fill(struct result *result, const struct profile_view *view)
{
    uint64_t sums[PROTO_CHOICES_MAX];
    if (!method_is_additive(view->poll) && pairs_count(result, view) != 0)
        return -1;
    switch (poll_setting(view->poll, SETTING_METHOD)) {
    case METHOD_STAR:
        star_count(result, view);
        return 0;
    case METHOD_SCHULZE:
        return schulze_count(result);
    case METHOD_IRV:
        return irv_count(result, view);
    case METHOD_STV:
        return stv_count(result, view);
    default:
        plurality_sums(view, sums);
        plurality_count(result, sums);
        return 0;
    }
}

struct result *method_count(const struct profile_view *view)
{
    struct result *result = new_result(view->poll, view->ballots, view->weight, view->abstained);
    if (!result)
        return NULL;
    if (fill(result, view) != 0) {
        result_unref(result);
        return NULL;
    }
    result_finish(result);
    return result;
}
