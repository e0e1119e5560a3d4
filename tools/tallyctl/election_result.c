/* Counting an election: a profile, the method, and the rows of its result. */
#include "tools/tallyctl/election_result.h"

#include "count/method.h"
#include "tools/election/profile.h"
#include "tools/lib/memory.h"

/* Without the `=` that begins it. */
static void take_row(void *view, const char *row, size_t len)
{
    result_view_take((struct span){row + 1, len - 1}, view);
}

void election_result(const struct election *election, bool pairs, struct result_view *view)
{
    struct election_profile profile;
    election_profile_make(&profile, election);
    struct result *result = method_count(profile.view);
    if (!result)
        memory_exhausted();
    result_write(result, pairs, take_row, view);
    result_unref(result);
    election_profile_clear(&profile);
}
