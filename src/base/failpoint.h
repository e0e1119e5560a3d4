/* Points in the code at which a test may kill the server. They exist only in builds that were
 * configured with --enable-test-hooks.
 *
 * The environment chooses one: TALLYCAST_FAILPOINT=after-commit:17 makes the process end itself
 * with SIGKILL at the 17th passage of that point, counted over all threads. */
#ifndef TALLYCAST_FAILPOINT_H
#define TALLYCAST_FAILPOINT_H

enum failpoint {
#define FAILPOINT(identifier, name, passages, where) FAILPOINT_##identifier,
#include "base/failpoint.def"
#undef FAILPOINT
    FAILPOINT_COUNT
};

#ifdef TALLYCAST_TEST_HOOKS

#define FAILPOINT_VERSION " with test hooks, not for use"

/* Reads the environment; a wrong value ends the process with status 1. Before threads are started.
 */
void failpoint_begin(void);

/* Any thread. Does not return from the chosen passage. */
void failpoint(enum failpoint point);

#else

#define FAILPOINT_VERSION ""

static inline void failpoint_begin(void)
{
}

static inline void failpoint(enum failpoint point)
{
    (void)point;
}

#endif
#endif
