/* Which worker a connection goes to, and what an administrator is told where a request finds no
 * room. What else workers do is tested from end to end. */
#include "serve/worker.h"

#include "ledger/ledger.h"
#include "line/commands.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

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

/* A BACKUP of a session whose worker waits for so many answers. */
static int ask_for_backup(uint32_t in_flight, bool without_memory)
{
    static const char line[] = "BACKUP /tmp/copy";
    static struct command command;
    struct worker worker = {.server = &server, .in_flight = in_flight};
    struct session session = {.client.worker = &worker};
    const char *why = NULL;
    ck_assert_int_eq(command_parse(line, strlen(line), &command, &why), 0);
    allocations_fail_after(without_memory ? 0 : -1);
    int error = execute_backup(&session, &command, &why);
    allocations_succeed();
    ck_assert_uint_eq(worker.in_flight, in_flight);
    ck_assert_uint_eq(session.client.in_flight, 0); /* it waits for nothing */
    return error;
}

START_TEST(a_full_ring_refuses_a_request)
{
    ck_assert_int_eq(ask_for_backup(PORT_SLOTS, false), ERR_LIMIT);
}
END_TEST

START_TEST(a_request_without_memory_is_refused)
{
    ck_assert_int_eq(ask_for_backup(0, true), ERR_LIMIT);
}
END_TEST

UNIT_MAIN("worker", {"worker", .tests = {{connections_go_where_the_fewest_are},
                                         {each_kind_counts_its_own},
                                         {a_full_ring_refuses_a_request},
                                         {a_request_without_memory_is_refused}}})
