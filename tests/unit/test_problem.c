/* Problem details, read back by jansson. */
#include "web/problem.h"

#include "tests/support/allocation.h"
#include "proto/error.h"
#include "tests/support/unit.h"

#include <jansson.h>
#include <string.h>

static struct buffer out;

static const char *text(void)
{
    char *end = buffer_reserve(&out, 1);
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    return out.bytes;
}

START_TEST(a_whole_problem)
{
    ck_assert_int_eq(problem_append(&out, 409, "ALREADY-VOTED", "another choice", 7), 0);
    ck_assert_str_eq(text(), "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                             "\"code\":\"ALREADY-VOTED\",\"detail\":\"another choice\",\"seq\":7}");
    buffer_free(&out);
}
END_TEST

START_TEST(what_is_not_there_is_left_out)
{
    ck_assert_int_eq(problem_append(&out, 404, NULL, NULL, 0), 0);
    ck_assert_str_eq(text(), "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}");
    buffer_free(&out);
}
END_TEST

START_TEST(a_detail_is_escaped)
{
    ck_assert_int_eq(problem_append(&out, 400, NULL, "say \"x\"\\\n</script>", 0), 0);
    json_t *json = json_loadb(out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "detail")), "say \"x\"\\\n</script>");
    json_decref(json);
    buffer_free(&out);
}
END_TEST

/* Every error of the line protocol makes a problem. */
START_TEST(errors_as_problems)
{
    for (int i = 0; i < ERROR_COUNT; i++) {
        enum error error = (enum error)(-1 - i);
        ck_assert_int_eq(
            problem_append(&out, error_status(error), error_code(error), error_detail(error), 0),
            0);
        json_t *json = json_loadb(out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_ptr_nonnull(json);
        ck_assert_int_eq(json_integer_value(json_object_get(json, "status")), error_status(error));
        ck_assert_str_eq(json_string_value(json_object_get(json, "code")), error_code(error));
        ck_assert_str_eq(json_string_value(json_object_get(json, "detail")), error_detail(error));
        ck_assert_uint_gt(json_string_length(json_object_get(json, "title")), 0);
        json_decref(json);
        buffer_free(&out);
    }
}
END_TEST

static int append_refusal(void)
{
    return problem_append(&out, 409, "ALREADY-VOTED", "another choice", 7);
}

START_TEST(a_shortage_of_memory_leaves_the_buffer)
{
    ck_assert_uint_gt(allocations_fail_each(&out, append_refusal), 1);
    ck_assert_mem_eq(out.bytes, "kept{\"type\"", 11);
    buffer_free(&out);
}
END_TEST

int main(void)
{
    allocations_of_jansson();
    return UNIT_RUN("problem", {"problem", .tests = {{a_whole_problem},
                                                     {what_is_not_there_is_left_out},
                                                     {a_detail_is_escaped},
                                                     {errors_as_problems},
                                                     {a_shortage_of_memory_leaves_the_buffer}}});
}
