/* The journey of ballots as JSON: what there is and what there is not, and memory that runs short.
 */
#include "view/journey_view.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <string.h>

static struct journey_view shown;
static bool asked_rightly;

void __wrap_journey_look(const struct server *server, uint64_t seq, struct journey_view *view);
void __wrap_journey_look(const struct server *server, uint64_t seq, struct journey_view *view)
{
    *view = shown;
    asked_rightly = !server && seq == 0;
}

/* A ballot that was traced, answered, and not pushed yet; its socket tells of all but one thing. */
static void show_everything(void)
{
    shown = (struct journey_view){.has_ballot = true,
                                  .traced = true,
                                  .seq = 4711,
                                  .poll = "lunch",
                                  .accept_queue = 3,
                                  .has_socket = true};
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++) {
        shown.figures[i].count = i + 1;
        shown.figures[i].p50_ns = 10 * i;
        shown.figures[i].p99_ns = 20 * i;
        shown.figures[i].max_ns = 30 * i;
    }
    for (unsigned i = 0; i < JOURNEY_STAGES; i++)
        shown.at_ns[i] = i <= JOURNEY_answered ? 100 * i : JOURNEY_NOT_REACHED;
    for (unsigned i = 0; i < SOCKET_STATE_COUNT; i++)
        shown.socket[i] = i == SOCKET_STATE_rtt ? SOCKET_STATE_UNKNOWN : 7 + i;
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s", key);
    return json_integer_value(value);
}

static const char *string(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_string(value), "%s", key);
    return json_string_value(value);
}

/* The member of an array that is called `name` by `key`; NULL if there is none. */
static const json_t *named(const json_t *array, const char *key, const char *name)
{
    size_t i;
    const json_t *member;
    json_array_foreach(array, i, member)
    {
        if (strcmp(string(member, key), name) == 0)
            return member;
    }
    return NULL;
}

START_TEST(figures_in_their_order)
{
    show_everything();
    json_t *journey = journey_json(NULL);
    ck_assert(asked_rightly);
    const json_t *arrays[] = {json_object_get(journey, "stages"),
                              json_object_get(journey, "spans")};
    size_t at[2] = {0, 0};
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++) {
        bool is_span = !journey_figure_is_stage(i);
        const json_t *figure = json_array_get(arrays[is_span], at[is_span]++);
        ck_assert_str_eq(string(figure, is_span ? "span" : "stage"), journey_figures[i].name);
        ck_assert_int_eq(number(figure, "count"), i + 1);
        ck_assert_int_eq(number(figure, "p50_ns"), 10 * i);
        ck_assert_int_eq(number(figure, "p99_ns"), 20 * i);
        ck_assert_int_eq(number(figure, "max_ns"), 30 * i);
    }
    ck_assert_uint_eq(json_array_size(arrays[0]), at[0]);
    ck_assert_uint_eq(json_array_size(arrays[1]), at[1]);
    json_decref(journey);
}
END_TEST

START_TEST(a_ballot_has_the_stamps_that_it_reached)
{
    show_everything();
    json_t *journey = journey_json(NULL);
    const json_t *trace = json_object_get(journey, "trace");
    ck_assert_int_eq(number(trace, "seq"), 4711);
    ck_assert_str_eq(string(trace, "poll"), "lunch");
    ck_assert(json_is_true(json_object_get(trace, "traced")));
    ck_assert(json_is_false(json_object_get(trace, "complete")));
    const json_t *stamps = json_object_get(trace, "stamps");
    ck_assert_uint_eq(json_array_size(stamps), JOURNEY_answered + 1);
    ck_assert_int_eq(number(named(stamps, "stage", "readable"), "at_ns"), 0);
    ck_assert_int_eq(number(named(stamps, "stage", "answered"), "at_ns"), 100 * JOURNEY_answered);
    ck_assert_ptr_null(named(stamps, "stage", "first_push"));
    json_decref(journey);
}
END_TEST

START_TEST(a_kernel_tells_what_it_knows)
{
    show_everything();
    json_t *journey = journey_json(NULL);
    const json_t *kernel = json_object_get(journey, "kernel");
    ck_assert_uint_eq(json_array_size(kernel), 1 + SOCKET_STATE_COUNT - 1);
    ck_assert_int_eq(number(named(kernel, "name", "accept_queue"), "value"), 3);
    const json_t *busy = named(kernel, "name", "busy");
    ck_assert_int_eq(number(busy, "value"), 7 + SOCKET_STATE_busy);
    ck_assert_str_eq(string(busy, "unit"), "us");
    ck_assert_ptr_null(named(kernel, "name", "rtt"));
    json_decref(journey);
}
END_TEST

START_TEST(without_a_ballot_and_a_socket)
{
    show_everything();
    shown.has_ballot = shown.has_socket = false;
    json_t *journey = journey_json(NULL);
    ck_assert(json_is_null(json_object_get(journey, "trace")));
    ck_assert_uint_eq(json_array_size(json_object_get(journey, "kernel")), 1);
    json_decref(journey);
}
END_TEST

/* At every allocation: nothing is made, and nothing is lost. */
START_TEST(a_shortage_of_memory_leaves_nothing)
{
    bool made = false;
    show_everything();
    allocations_of_jansson();
    for (long n = 0; !made; n++) {
        long before = allocations.blocks;
        allocations_fail_after(n);
        json_t *journey = journey_json(NULL);
        allocations_succeed();
        made = journey != NULL;
        json_decref(journey);
        ck_assert_int_eq(allocations.blocks, before);
        ck_assert_int_lt(n, 2000);
    }
}
END_TEST

UNIT_MAIN("journey_json", {"journey_json", .tests = {{figures_in_their_order},
                                                     {a_ballot_has_the_stamps_that_it_reached},
                                                     {a_kernel_tells_what_it_knows},
                                                     {without_a_ballot_and_a_socket},
                                                     {a_shortage_of_memory_leaves_nothing}}})
