/* Lists of tests, given to Check. */
#include "tests/support/unit.h"

#include <stdlib.h>

Suite *unit_suite(const char *name, const struct unit_case *cases, double timeout_s)
{
    Suite *suite = suite_create(name);
    for (const struct unit_case *each = cases; each->name; each++) {
        if (each->only_if && !each->only_if())
            continue;
        TCase *tests = tcase_create(each->name);
        if (each->timeout_s > 0 || timeout_s > 0)
            tcase_set_timeout(tests, each->timeout_s > 0 ? each->timeout_s : timeout_s);
        tcase_add_checked_fixture(tests, each->set_up, each->tear_down);
        for (const struct unit_test *one = each->tests; one->test; one++)
            _tcase_add_test(tests, one->test, one->signal, one->exit_status, one->first,
                            one->first + (one->loops > 0 ? one->loops : 1));
        suite_add_tcase(suite, tests);
    }
    return suite;
}

int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
