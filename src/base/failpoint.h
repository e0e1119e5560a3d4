/* Points in the code at which a test may kill the server. They are there in builds that were
 * configured with --enable-test-hooks, and nothing otherwise.
 *
 * The environment chooses one: TALLYCAST_KILL_AT=after-commit:17 has the process end itself with
 * SIGKILL at the 17th passage of that point, counted over all threads. */
#ifndef TALLYCAST_HOOK_H
#define TALLYCAST_HOOK_H

enum hook {
#define HOOK(identifier, name, passages, where) HOOK_##identifier,
#include "base/failpoint.def"
#undef HOOK
    HOOK_COUNT
};

#ifdef TALLYCAST_TEST_HOOKS

#define HOOK_VERSION " with test hooks, not for use"

/* Reads the environment; a wrong value ends the process with status 1. Before threads are started.
 */
void hook_begin(void);

/* Any thread. Does not return from the chosen passage. */
void hook_point(enum hook hook);

#else

#define HOOK_VERSION ""

static inline void hook_begin(void)
{
}

static inline void hook_point(enum hook hook)
{
    (void)hook;
}

#endif
#endif
