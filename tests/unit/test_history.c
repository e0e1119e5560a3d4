/* The checker of histories must find what is wrong in one: a history in which every promise holds,
 * and then the same with one line changed. */
#include "tests/torture/history_check.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

enum { LINES = 14 };

#define TALLY(is_open, number, total, red, green, blue) \
    .tally = {.open = (is_open), .seq = (number), .ballots = (total), .counts = {red, green, blue}}

/* Poll 0 is changeable, poll 1 is not. Client 0 votes for voters 0 and 1; client 1 subscribes, and
 * closes and opens; client 2 votes for voter 2. */
static const struct history_operation lines[LINES] = {
    {.client = 0, .kind = HISTORY_VOTE, .begin_ns = 10, .end_ns = 20, .seq = 3, .ballot = 0},
    {.client = 0, .kind = HISTORY_VOTE, .begin_ns = 30, .end_ns = 40, .seq = 4, .ballot = 1},
    {.client = 0, .kind = HISTORY_SHOW, .begin_ns = 50, .end_ns = 60, TALLY(true, 4, 1, 0, 1, 0)},
    {.client = 0,
     .kind = HISTORY_VOTE,
     .poll = 1,
     .voter = 1,
     .begin_ns = 70,
     .end_ns = 80,
     .seq = 6},
    {.client = 0,
     .kind = HISTORY_VOTE,
     .reply = HISTORY_ALREADY_VOTED,
     .poll = 1,
     .ballot = 2,
     .voter = 1,
     .begin_ns = 90,
     .end_ns = 95,
     .seq = 6},
    {.client = 0,
     .kind = HISTORY_VOTE,
     .reply = HISTORY_DUPLICATE,
     .begin_ns = 130,
     .end_ns = 135,
     .seq = 4,
     .ballot = 1},
    {.client = 1, .kind = HISTORY_SUBSCRIBE, .begin_ns = 5, .end_ns = 8},
    {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 9, TALLY(true, 1, 0, 0, 0, 0)},
    {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 25, TALLY(true, 3, 1, 1, 0, 0)},
    {.client = 1, .kind = HISTORY_CLOSE, .begin_ns = 100, .end_ns = 110, .seq = 8},
    {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 115, TALLY(false, 8, 1, 0, 1, 0)},
    {.client = 1, .kind = HISTORY_OPEN, .begin_ns = 150, .end_ns = 160, .seq = 10},
    {.client = 2,
     .kind = HISTORY_VOTE,
     .reply = HISTORY_POLL_CLOSED,
     .voter = 2,
     .begin_ns = 120,
     .end_ns = 125},
    {.client = 2, .kind = HISTORY_VOTE, .voter = 2, .begin_ns = 140, .end_ns = 170, .seq = 11},
};

/* Of a single choice; and of one that scores. */
static const struct history_ballot singles[] = {{"1", {1, 0, 0}},
                                                {"2", {0, 1, 0}},
                                                {"3", {0, 0, 1}}},
                                   scores[] = {{"-", {0, 0, 0}}, {"050100", {5, 1, 0}}};

static bool check(const struct history_operation *operations, char why[HISTORY_WHY_MAX])
{
    const struct history history = {
        .polls = {{.changeable = true, .created_seq = 1, .ballots = singles},
                  {.created_seq = 2, .ballots = singles}},
        .poll_count = 2,
        .client_count = 3,
        .voter_count = 3,
        .operations = operations,
        .operation_count = LINES,
    };
    return history_check(&history, why);
}

START_TEST(a_history_that_keeps_every_promise)
{
    char why[HISTORY_WHY_MAX] = "";
    ck_assert_msg(check(lines, why), "%s", why);
}
END_TEST

/* Which line is changed into what, and what is to be found. */
static const struct {
    const char *finds;
    size_t line;
    struct history_operation changed;
} faults[] = {
    {"order: a sequence twice",
     3,
     {.client = 0,
      .kind = HISTORY_VOTE,
      .poll = 1,
      .voter = 1,
      .begin_ns = 70,
      .end_ns = 80,
      .seq = 4}},
    {"order: acknowledged before",
     13, /* later, with a lower sequence than what was acknowledged */
     {.client = 2, .kind = HISTORY_VOTE, .voter = 2, .begin_ns = 21, .end_ns = 22, .seq = 11}},
    {"replies: a duplicate of what does not count",
     5,
     {.client = 0,
      .kind = HISTORY_VOTE,
      .reply = HISTORY_DUPLICATE,
      .begin_ns = 130,
      .end_ns = 135,
      .seq = 3,
      .ballot = 0}},
    {"replies: ALREADY-VOTED",
     4,
     {.client = 0,
      .kind = HISTORY_VOTE,
      .reply = HISTORY_ALREADY_VOTED,
      .poll = 1,
      .ballot = 2,
      .voter = 1,
      .begin_ns = 90,
      .end_ns = 95,
      .seq = 4}},
    {"replies: a repeat is refused",
     5,
     {.client = 0,
      .kind = HISTORY_VOTE,
      .reply = HISTORY_POLL_CLOSED,
      .begin_ns = 130,
      .end_ns = 135,
      .ballot = 1}},
    {"replies: POLL-CLOSED in an open poll",
     4,
     {.client = 0,
      .kind = HISTORY_VOTE,
      .reply = HISTORY_POLL_CLOSED,
      .poll = 1,
      .ballot = 2,
      .voter = 1,
      .begin_ns = 90,
      .end_ns = 95}},
    {"replies: a voter's ballot counts twice",
     4,
     {.client = 0,
      .kind = HISTORY_VOTE,
      .poll = 1,
      .ballot = 2,
      .voter = 1,
      .begin_ns = 90,
      .end_ns = 165,
      .seq = 12}},
    {"replies: accepted after a CLOSE",
     12,
     {.client = 2, .kind = HISTORY_VOTE, .voter = 2, .begin_ns = 120, .end_ns = 125, .seq = 9}},
    {"replies: a duplicate of no such entry",
     11,
     {.client = 1,
      .kind = HISTORY_OPEN,
      .reply = HISTORY_DUPLICATE,
      .begin_ns = 150,
      .end_ns = 160,
      .seq = 8}},
    {"replies: a duplicate of a later entry",
     2,
     {.client = 0,
      .kind = HISTORY_OPEN,
      .reply = HISTORY_DUPLICATE,
      .begin_ns = 50,
      .end_ns = 60,
      .seq = 10}},
    {"replies: a duplicate, and the state was another",
     11,
     {.client = 1,
      .kind = HISTORY_OPEN,
      .reply = HISTORY_DUPLICATE,
      .begin_ns = 150,
      .end_ns = 160,
      .seq = 1}},
    {"state: a ballot counts that was ordered after a CLOSE",
     11, /* opened only after the ballot */
     {.client = 1, .kind = HISTORY_OPEN, .begin_ns = 150, .end_ns = 160, .seq = 12}},
    {"state: OPEN or CLOSE changed nothing",
     2,
     {.client = 0, .kind = HISTORY_OPEN, .poll = 1, .begin_ns = 50, .end_ns = 60, .seq = 5}},
    {"bounds: 1 for choice 0",
     2,
     {.client = 0, .kind = HISTORY_SHOW, .begin_ns = 50, .end_ns = 60, TALLY(true, 4, 1, 1, 0, 0)}},
    {"bounds: 2 for choice 1",
     10,
     {.client = 1,
      .kind = HISTORY_PUSH,
      .begin_ns = 5,
      .end_ns = 115,
      TALLY(false, 8, 2, 0, 2, 0)}},
    {"bounds: 0 for choice 1",
     2, /* what a SHOW before both ballots would say */
     {.client = 0, .kind = HISTORY_SHOW, .begin_ns = 50, .end_ns = 60, TALLY(true, 1, 0, 0, 0, 0)}},
    {"tallies: of an entry that nobody was told of",
     8,
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 25, TALLY(true, 2, 0, 0, 0, 0)}},
    {"tallies: of another poll's entry",
     8,
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 25, TALLY(true, 6, 1, 1, 0, 0)}},
    {"tallies: not what the ledger adds up to",
     10,
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 115, TALLY(true, 8, 1, 0, 1, 0)}},
    {"tallies: not what the ledger adds up to",
     8,
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 25, TALLY(true, 3, 2, 1, 0, 0)}},
    {"tallies: shows what was not sent yet",
     10,
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 99, TALLY(false, 8, 1, 0, 1, 0)}},
    {"tallies: lacks what had been acknowledged",
     13, /* and the counts don't tell */
     {.client = 2,
      .kind = HISTORY_SHOW,
      .begin_ns = 120,
      .end_ns = 125,
      TALLY(true, 4, 1, 0, 1, 0)}},
    {"connections: an older tally after a newer one",
     10,
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 115, TALLY(true, 1, 0, 0, 0, 0)}},
    {"connections: lacks what was answered on this connection",
     10, /* its CLOSE */
     {.client = 1, .kind = HISTORY_PUSH, .begin_ns = 5, .end_ns = 115, TALLY(true, 4, 1, 0, 1, 0)}},
    {"connections: a push without a subscription",
     6,
     {.client = 1, .kind = HISTORY_UNSUBSCRIBE, .begin_ns = 5, .end_ns = 8}},
    {"connections: a reply before the first push of poll 0",
     7,
     {.client = 1, .kind = HISTORY_SHOW, .begin_ns = 5, .end_ns = 9, TALLY(true, 1, 0, 0, 0, 0)}},
};

START_TEST(each_broken_promise_is_found)
{
    struct history_operation changed[LINES];
    char why[HISTORY_WHY_MAX] = "";
    memcpy(changed, lines, sizeof lines);
    changed[faults[_i].line] = faults[_i].changed;
    ck_assert_msg(!check(changed, why), "not found: %s", faults[_i].finds);
    ck_assert_msg(strncmp(why, faults[_i].finds, strlen(faults[_i].finds)) == 0,
                  "found \"%s\" and not \"%s\"", why, faults[_i].finds);
}
END_TEST

START_TEST(the_ledger_as_the_replies_tell_it)
{
    const struct history history = {.polls = {{.ballots = singles}, {.ballots = singles}},
                                    .operations = lines,
                                    .operation_count = LINES};
    char *ledger = history_ledger(&history);
    ck_assert_str_eq(ledger, "3 1 ballot 1\n4 1 ballot 2\n6 2 ballot 1\n8 1 close \n10 1 open \n"
                             "11 1 ballot 1\n");
    free(ledger);
}
END_TEST

/* A poll in which a ballot counts for several choices, as much as it says. */
static const struct history_operation scored[] = {
    {.kind = HISTORY_VOTE, .begin_ns = 10, .end_ns = 20, .seq = 3, .ballot = 1},
    {.kind = HISTORY_VOTE, .voter = 1, .begin_ns = 30, .end_ns = 40, .seq = 4},
    {.kind = HISTORY_SHOW, .begin_ns = 50, .end_ns = 60, TALLY(true, 4, 2, 5, 1, 0)},
};

static bool check_scored(uint64_t first_count, char why[HISTORY_WHY_MAX])
{
    struct history_operation operations[UNIT_COUNT(scored)];
    memcpy(operations, scored, sizeof scored);
    operations[2].tally.counts[0] = first_count;
    const struct history history = {
        .polls = {{.changeable = true, .created_seq = 1, .ballots = scores}},
        .poll_count = 1,
        .client_count = 1,
        .voter_count = 2,
        .operations = operations,
        .operation_count = UNIT_COUNT(scored),
    };
    return history_check(&history, why);
}

START_TEST(a_ballot_counts_for_what_it_says)
{
    char why[HISTORY_WHY_MAX] = "";
    ck_assert_msg(check_scored(5, why), "%s", why);
    ck_assert(!check_scored(4, why));
    ck_assert_msg(strncmp(why, "bounds: 4 for choice 0, not 5 to 5", 34) == 0, "%s", why);
}
END_TEST

UNIT_MAIN("history",
          {"checker", .tests = {{a_history_that_keeps_every_promise},
                                {each_broken_promise_is_found, .loops = UNIT_COUNT(faults)},
                                {a_ballot_counts_for_what_it_says},
                                {the_ledger_as_the_replies_tell_it}}})
