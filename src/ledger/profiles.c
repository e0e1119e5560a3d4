/* The polls' profiles (see profiles.h). Only memory can fail. */
#include "ledger/profiles.h"

#include "count/method.h"

void profiles_destroy(struct profiles *profiles)
{
    for (uint32_t i = 0; i < POLLS_MAX; i++)
        profile_free(profiles->each[i]);
}

int profiles_add(struct profiles *profiles, const struct poll *poll)
{
    if (method_is_additive(poll))
        return 0;
    struct profile *profile = profile_new(poll);
    profiles->each[poll->id - 1] = profile;
    return profile ? 0 : -1;
}

void profiles_remove(struct profiles *profiles, const struct poll *poll)
{
    profile_free(profiles->each[poll->id - 1]);
    profiles->each[poll->id - 1] = NULL;
}
