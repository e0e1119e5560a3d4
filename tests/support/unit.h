/* A test program as a list: its cases, and each one's tests. UNIT_MAIN makes the main() that runs
 * them with Check, each test in a process of its own.
 *
 *     UNIT_MAIN("ring",
 *               {"alone", .tests = {{a_new_ring_is_empty}, {sizes, .loops = UNIT_COUNT(sizes)}}},
 *               {"threads", .timeout_s = 60, .tests = {{two_threads_keep_order}}})
 */
#ifndef TALLYCAST_TESTS_UNIT_H
#define TALLYCAST_TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

/* What a list leaves out is zero, as it says. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum { UNIT_TESTS_MAX = 64 }; /* of a case, the end of the list included */

struct unit_test {
    const TTest *test;
    int loops; /* how often it runs, with _i from `first`; 0 is once */
    int first;
    int signal;      /* that must end it; 0 for none */
    int exit_status; /* that it must end with */
};

struct unit_case {
    const char *name;
    void (*set_up)(void); /* before and after each test; NULL for nothing */
    void (*tear_down)(void);
    double timeout_s;      /* of each test; 0 for the suite's */
    bool (*only_if)(void); /* asked before it is run; NULL is true */
    struct unit_test tests[UNIT_TESTS_MAX];
};

/* The suite of these cases, up to one without a name; their tests have `timeout_s` unless the case
 * says otherwise; 0 is Check's own. It belongs to the runner that it is given to. */
Suite *unit_suite(const char *name, const struct unit_case *cases, double timeout_s);

/* Runs a suite and returns what main() should. */
int unit_run(Suite *suite);

/* An assertion for loops, and for when memory is short: one of Check's costs a system call and
 * memory each time. */
#define MUST(condition) ((condition) ? (void)0 : ck_abort_msg("not so: %s", #condition))

#define UNIT_COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define UNIT_CASES(...) ((const struct unit_case[]){__VA_ARGS__, {.name = NULL}})

/* For a main() that has more to do. */
#define UNIT_RUN(name, ...) unit_run(unit_suite(name, UNIT_CASES(__VA_ARGS__), 0))

#define UNIT_MAIN(name, ...)                \
    int main(void)                          \
    {                                       \
        return UNIT_RUN(name, __VA_ARGS__); \
    }

#endif
