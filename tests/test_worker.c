/* Which worker a connection goes to. What workers do is tested from end to end. */
#include "worker.h"

#include <check.h>
#include <stdlib.h>

enum { INGEST = 3, BROADCAST = 2 };

static struct worker workers[INGEST + BROADCAST];
static struct server server = {
    .workers = workers, .worker_count = INGEST + BROADCAST, .ingest_count = INGEST};

static uint32_t load(unsigned number)
{
    return atomic_load(&workers[number].load);
}

START_TEST(connections_go_where_the_fewest_are)
{
    for (unsigned i = 0; i < 10 * INGEST; i++)
        worker_for_ingest(&server);
    for (unsigned i = 0; i < INGEST; i++)
        ck_assert_uint_eq(load(i), 10);
    worker_unload(&workers[2]);
    worker_unload(&workers[2]);
    worker_unload(&workers[1]);
    ck_assert_ptr_eq(worker_for_ingest(&server), &workers[2]);
    ck_assert_ptr_eq(worker_for_ingest(&server), &workers[1]);
    ck_assert_ptr_eq(worker_for_ingest(&server), &workers[2]);
    ck_assert_ptr_eq(worker_for_ingest(&server), &workers[0]);
}
END_TEST

START_TEST(each_kind_counts_its_own)
{
    for (unsigned i = 0; i < 6; i++)
        worker_for_ingest(&server);
    ck_assert_ptr_eq(worker_for_broadcast(&server), &workers[INGEST]);
    ck_assert_ptr_eq(worker_for_broadcast(&server), &workers[INGEST + 1]);
    for (unsigned i = 0; i < INGEST + BROADCAST; i++)
        ck_assert_uint_eq(load(i), i < INGEST ? 2 : 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("worker");
    TCase *tests = tcase_create("worker");
    tcase_add_test(tests, connections_go_where_the_fewest_are);
    tcase_add_test(tests, each_kind_counts_its_own);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
