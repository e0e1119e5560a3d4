/* The tables of names, asked for what is not in them: no number that was parsed leads there, so it
 * is our own fault, and the process aborts rather than send what lies behind a table. */
#include "tests/support/coverage.h"
#include "proto/error.h"
#include "proto/settings.h"
#include "tests/support/unit.h"

#include <signal.h>
#include <stdlib.h>

static const int no_errors[] = {0, 1, -1000};

START_TEST(an_error_that_is_none_aborts)
{
    coverage_of_aborts();
    error_code((enum error)no_errors[_i]);
}
END_TEST

static const unsigned no_values[] = {3, 1000};

START_TEST(a_value_that_is_none_aborts)
{
    coverage_of_aborts();
    setting_value_name(SETTING_STATE, no_values[_i]);
}
END_TEST

/* A setting may have fewer values than the table has columns. */
START_TEST(a_value_that_only_others_have_aborts)
{
    coverage_of_aborts();
    setting_value_name(SETTING_STATE, STATE_CLOSED + 1);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

UNIT_MAIN("names",
          {"names",
           .tests = {{an_error_that_is_none_aborts, .loops = COUNT(no_errors), .signal = SIGABRT},
                     {a_value_that_is_none_aborts, .loops = COUNT(no_values), .signal = SIGABRT},
                     {a_value_that_only_others_have_aborts, .signal = SIGABRT}}})
