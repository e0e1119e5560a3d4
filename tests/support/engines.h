/* The engines that are built. The suites of store and ledger run on each of them:
 *
 *     ENGINES_MAIN("refusal",
 *                  {"refusals", .tests = {{...}}},
 *                  {"files", .only_if = engine_is_sqlite, .tests = {{...}}})
 *
 * And whatever the engine, a test can have its answers be others. */
#ifndef TALLYCAST_TESTS_ENGINES_H
#define TALLYCAST_TESTS_ENGINES_H

#include "store/store.h"
#include "tests/support/unit.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { ENGINE_COUNT = 2 };

/* The one that is tested, with its faults. */
extern const struct store_engine *engine;

/* Makes number `index` that one. Returns the name of the suite `name` on it. */
const char *engine_choose(int index, const char *name);
bool engine_is_sqlite(void);

/* All zero: it answers as it does. */
extern struct engine_faults {
    atomic_int refuse;          /* so many appends are refused */
    atomic_int fence;           /* after so many appends or confirmations, all are; 0 is never */
    atomic_int refuse_confirms; /* so many confirmations are refused */
    atomic_int appends;         /* counts them */
    atomic_int confirms;
    atomic_bool appends_wait; /* each for `goes_on`, having told `waits` */
    sem_t waits, goes_on;
    atomic_bool backups_hang; /* until `backup_goes_on` */
    sem_t backup_goes_on;
} engine_faults;

#define ENGINES_MAIN(name, ...)                                     \
    int main(void)                                                  \
    {                                                               \
        int status = EXIT_SUCCESS;                                  \
        for (int i = 0; i < ENGINE_COUNT; i++)                      \
            if (UNIT_RUN(engine_choose(i, name), __VA_ARGS__) != 0) \
                status = EXIT_FAILURE;                              \
        return status;                                              \
    }

#endif
