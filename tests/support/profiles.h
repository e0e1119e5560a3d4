/* Polls and ballots for tests of counting, as a person writes them. */
#ifndef TALLYCAST_TESTS_PROFILES_H
#define TALLYCAST_TESTS_PROFILES_H

#include "count/method.h"
#include "count/profile.h"

#include <stdbool.h>
#include <stddef.h>

/* A poll, and the ballots that it has got. */
struct electing {
    struct poll *poll;
    struct profile *profile;
};

/* A poll of CREATE's settings ("method=stv seats=2"), of choices with a space between ("a b c"),
 * and a lot ("c>a>b"; NULL for the order of the choices). Aborts if CREATE would refuse them. */
struct electing electing_new(const char *settings, const char *choices, const char *lot);
void electing_free(struct electing *electing);

/* Casts a ballot of that weight. Returns 0, or -1 if it is none. */
int electing_cast(struct electing *electing, unsigned weight, const char *ballot)
    __attribute__((warn_unused_result));

/* Takes back what was cast so, as a voter who changes a ballot does. */
int electing_take_back(struct electing *electing, unsigned weight, const char *ballot)
    __attribute__((warn_unused_result));

/* The rows of RESULT, each with its LF; to be freed. */
char *electing_rows(const struct electing *electing, bool pairs);
char *electing_rows_of(const struct result *result, bool pairs);

/* The result; it belongs to the caller. */
struct result *electing_count(const struct electing *electing);

#endif
