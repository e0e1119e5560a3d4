/* The methods, by small elections whose results were worked out by hand: each rule, each tie, and
 * what is no election at all. Published ones are in test_elections.c, random ones in
 * test_random_elections.py. */
#include "count/pairs.h"
#include "tests/support/allocation.h"
#include "tests/support/mix.h"
#include "tests/support/profiles.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ballots are lines of a weight and a ballot. What is expected are the rows behind `=lot`. */
struct example {
    const char *settings, *choices, *lot;
    const char *ballots;
    const char *rows;
    bool pairs;
};

static void cast_all(struct electing *electing, const char *ballots)
{
    char *copy = strdup(ballots), *rest = copy, *line;
    while ((line = strsep(&rest, "\n"))) {
        char *ballot;
        unsigned weight = (unsigned)strtoul(line, &ballot, 10);
        if (*line)
            ck_assert_msg(electing_cast(electing, weight, ballot + 1) == 0, "%s", line);
    }
    free(copy);
}

static void check_example(const struct example *example)
{
    struct electing electing = electing_new(example->settings, example->choices, example->lot);
    cast_all(&electing, example->ballots);
    char *rows = electing_rows(&electing, example->pairs);
    const char *lot = strstr(rows, "=lot ");
    ck_assert_ptr_nonnull(lot);
    ck_assert_str_eq(strchr(lot, '\n') + 1, example->rows);
    free(rows);
    electing_free(&electing);
}

static const struct example highest_sums[] = {
    {"method=plurality", "a b c", NULL, "3 a\n2 b\n", "=round 1 a=3 b=2 c=0\n=winner 1 a\n"},
    {"method=plurality", "a b c", "c>b>a", "2 a\n2 b\n1 c\n",
     "=round 1 a=2 b=2 c=1\n=tie 1 elect a,b by=lot\n=winner 1 b\n"},
    {"method=approval seats=2", "a b c d", "d>c>b>a", "1 a,b\n1 a,c\n",
     "=round 1 a=2 b=1 c=1 d=0\n=tie 1 elect b,c by=lot\n=winner 1 a\n=winner 2 c\n"},
    /* equals who are both elected are no tie, but come in the order of the lot */
    {"method=approval seats=2", "a b c", "b>c>a", "2 a,b\n1 c\n",
     "=round 1 a=2 b=2 c=1\n=winner 1 b\n=winner 2 a\n"},
    {"method=approval seats=2", "a b c", "b>c>a", "1 a,b,c\n",
     "=round 1 a=1 b=1 c=1\n=tie 1 elect a,b,c by=lot\n=winner 1 b\n=winner 2 c\n"},
    {"method=approval seats=3", "a b c d", NULL, "1 b\n",
     "=round 1 a=0 b=1 c=0 d=0\n=winner 1 b\n=nobody seats stay empty: no ballot is for another "
     "choice\n"},
    {"method=score scores=10", "a b c", NULL, "2 a=10,b=4\n3 b=7,c=1\n",
     "=round 1 a=20 b=29 c=3\n=winner 1 b\n"},
    {"method=score", "a b c", NULL, "2 a=0\n",
     "=round 1 a=0 b=0 c=0\n=nobody no ballot is for any choice\n"},
};

START_TEST(the_highest_sums_are_elected)
{
    check_example(&highest_sums[_i]);
}
END_TEST

static const struct example stars[] = {
    /* The run-off decides, not the sum. */
    {"method=star", "a b c", NULL, "2 a=5,b=4\n3 a=3,b=4\n1 c=1\n",
     "=round 1 a=19 b=20 c=1\n=runoff b=3 a=2 equal=1\n=winner 1 b\n"},
    {"method=star", "a b c", NULL, "2 a=5\n3 a=3,b=4\n",
     "=round 1 a=19 b=12 c=0\n=runoff a=2 b=3 equal=0\n=winner 1 b\n"},
    /* Two are alike: head to head. */
    {"method=star", "a b c", NULL, "1 a=5,b=4,c=3\n1 a=5,b=2,c=1\n1 c=2\n",
     "=round 1 a=10 b=6 c=6\n=tie 1 finalist b,c by=head\n=runoff a=2 b=0 equal=1\n=winner 1 a\n"},
    /* There as well: the highest scores. */
    {"method=star", "a b c", NULL, "1 a=5,b=5,c=3\n1 a=5,b=1,c=3\n",
     "=round 1 a=10 b=6 c=6\n=tie 1 finalist b,c by=top\n=runoff a=1 b=0 equal=1\n=winner 1 a\n"},
    /* In these, too: the lot. */
    {"method=star", "a b c", "c>b>a", "1 a=5,b=3,c=1\n1 a=5,b=1,c=3\n",
     "=round 1 a=10 b=4 c=4\n=tie 1 finalist b,c by=lot\n=runoff a=2 c=0 equal=0\n=winner 1 a\n"},
    /* Three are alike: the highest scores. */
    {"method=star", "a b c d", NULL, "1 a=5,b=5,c=3,d=4\n1 a=5,c=2,d=1\n",
     "=round 1 a=10 b=5 c=5 d=5\n=tie 1 finalist b,c,d by=top\n=runoff a=1 b=0 equal=1\n"
     "=winner 1 a\n"},
    /* Of four, that leaves two. */
    {"method=star", "a b c d e", NULL,
     "1 a=5,b=5,c=1,d=2,e=2\n1 a=5,c=5,d=2,e=2\n1 a=5,b=1,d=2,e=2\n",
     "=round 1 a=15 b=6 c=6 d=6 e=6\n=tie 1 finalist b,c,d,e by=top\n=tie 1 finalist b,c by=head\n"
     "=runoff a=2 b=0 equal=1\n=winner 1 a\n"},
    /* Three have the highest sum: both finalists are among them. All is alike in the run-off. */
    {"method=star", "a b c", "c>b>a", "1 a=5,c=3\n1 b=5,c=2\n",
     "=round 1 a=5 b=5 c=5\n=tie 1 finalist a,b,c by=top\n=runoff b=1 a=1 equal=0\n"
     "=tie 1 runoff a,b by=lot\n=winner 1 b\n"},
    /* The first of three is clear, and two compete for the second place. */
    {"method=star", "a b c", NULL, "1 a=5,b=1,c=2\n1 a=0,b=3,c=2\n1 b=1,c=1\n",
     "=round 1 a=5 b=5 c=5\n=tie 1 finalist a,b,c by=top\n=tie 1 finalist b,c by=lot\n"
     "=runoff b=2 a=1 equal=0\n=winner 1 b\n"},
    /* Nothing tells three apart. */
    {"method=star", "a b c", "b>c>a", "1 a=3\n1 b=3\n1 c=3\n",
     "=round 1 a=3 b=3 c=3\n=tie 1 finalist a,b,c by=lot\n=runoff b=1 c=1 equal=1\n"
     "=tie 1 runoff b,c by=lot\n=winner 1 b\n"},
    /* The run-off's own ties. */
    {"method=star", "a b c", NULL, "1 a=5,b=4\n1 a=1,b=4\n",
     "=round 1 a=6 b=8 c=0\n=runoff b=1 a=1 equal=0\n=tie 1 runoff a,b by=sum\n=winner 1 b\n"},
    {"method=star", "a b c", "c>b>a", "1 a=5,b=4\n1 a=3,b=4\n",
     "=round 1 a=8 b=8 c=0\n=runoff a=1 b=1 equal=0\n=tie 1 runoff a,b by=top\n=winner 1 a\n"},
    {"method=star", "a b", NULL, "4 a=0\n",
     "=round 1 a=0 b=0\n=nobody no ballot is for any choice\n"},
};

START_TEST(the_better_of_two_finalists_is_elected)
{
    check_example(&stars[_i]);
}
END_TEST

#define TENNESSEE                                  \
    "42 memphis>nashville>chattanooga>knoxville\n" \
    "26 nashville>chattanooga>knoxville>memphis\n" \
    "15 chattanooga>knoxville>nashville>memphis\n" \
    "17 knoxville>chattanooga>nashville>memphis\n"
#define TENNESSEE_CITIES "memphis nashville chattanooga knoxville"

static const struct example runoffs[] = {
    {"method=irv", TENNESSEE_CITIES, NULL, TENNESSEE,
     "=round 1 memphis=42 nashville=26 chattanooga=15 knoxville=17 exhausted=0\n"
     "=eliminate 1 chattanooga\n"
     "=round 2 memphis=42 nashville=26 chattanooga=0 knoxville=32 exhausted=0\n"
     "=eliminate 2 nashville\n"
     "=round 3 memphis=42 nashville=0 chattanooga=0 knoxville=58 exhausted=0\n"
     "=elect 3 knoxville\n=winner 1 knoxville\n"},
    {"method=irv", "a b c", NULL, "3 a\n1 b\n1 c\n",
     "=round 1 a=3 b=1 c=1 exhausted=0\n=elect 1 a\n=winner 1 a\n"},
    /* Half is not more than half. */
    {"method=irv", "a b", NULL, "2 a\n2 b\n",
     "=round 1 a=2 b=2 exhausted=0\n=tie 1 eliminate a,b by=lot\n=eliminate 1 b\n"
     "=round 2 a=2 b=0 exhausted=2\n=elect 2 a\n=winner 1 a\n"},
    /* More than half of those that go on: 5 of 9, of 13 in all. */
    {"method=irv", "a b c d", NULL, "5 a\n4 b\n3 c\n1 d>c\n",
     "=round 1 a=5 b=4 c=3 d=1 exhausted=0\n=eliminate 1 d\n"
     "=round 2 a=5 b=4 c=4 d=0 exhausted=0\n=tie 2 eliminate b,c by=earlier\n=eliminate 2 c\n"
     "=round 3 a=5 b=4 c=0 d=0 exhausted=4\n=elect 3 a\n=winner 1 a\n"},
    {"method=irv", "a b c", "c>b>a", "2 a\n1 b\n1 c\n",
     "=round 1 a=2 b=1 c=1 exhausted=0\n=tie 1 eliminate b,c by=lot\n=eliminate 1 b\n"
     "=round 2 a=2 b=0 c=1 exhausted=1\n=elect 2 a\n=winner 1 a\n"},
    /* An earlier round leaves two of three, and the lot decides; the latest that tells is asked. */
    {"method=irv", "a b c d e", NULL, "7 a\n4 b\n3 c\n3 d\n1 e>c\n1 e>d\n",
     "=round 1 a=7 b=4 c=3 d=3 e=2 exhausted=0\n=eliminate 1 e\n"
     "=round 2 a=7 b=4 c=4 d=4 e=0 exhausted=0\n=tie 2 eliminate b,c,d by=earlier\n"
     "=tie 2 eliminate c,d by=lot\n=eliminate 2 d\n"
     "=round 3 a=7 b=4 c=4 d=0 e=0 exhausted=4\n=tie 3 eliminate b,c by=earlier\n=eliminate 3 c\n"
     "=round 4 a=7 b=4 c=0 d=0 e=0 exhausted=8\n=elect 4 a\n=winner 1 a\n"},
};

START_TEST(the_last_one_is_eliminated_until_someone_has_more_than_half)
{
    check_example(&runoffs[_i]);
}
END_TEST

static const struct example transfers[] = {
    {"method=stv seats=2", "a b c", "c>a>b", "10 a>b\n10 a>c\n7 b\n7 c\n1 -\n",
     "=round 1 a=20.00000 b=7.00000 c=7.00000 exhausted=0.00000\n"
     "=elect 1 a surplus=8.00000\n=transfer 1 a surplus=8.00000\n"
     "=round 2 a=12.00000 b=11.00000 c=11.00000 exhausted=0.00000\n"
     "=tie 2 eliminate b,c by=lot\n=eliminate 2 b\n"
     "=round 3 a=12.00000 b=0.00000 c=11.00000 exhausted=11.00000\n"
     "=elect 3 c\n=winner 1 a\n=winner 2 c\n"},
    /* 3 / 7 is cut to 0.42857; what is cut off is nobody's. */
    {"method=stv seats=2", "a b c", NULL, "5 a>b\n2 a>c\n1 b>c\n2 c\n",
     "=round 1 a=7.00000 b=1.00000 c=2.00000 exhausted=0.00000\n"
     "=elect 1 a surplus=3.00000\n=transfer 1 a surplus=3.00000\n"
     "=round 2 a=4.00000 b=3.14285 c=2.85714 exhausted=0.00000\n=eliminate 2 c\n"
     "=round 3 a=4.00000 b=3.14285 c=0.00000 exhausted=2.85714\n"
     "=elect 3 b\n=winner 1 a\n=winner 2 b\n"},
    /* Two surpluses: the larger one first, and none of it to the other elected. */
    {"method=stv seats=3", "a b c d", NULL, "15 a>b>c\n14 b>d\n6 c\n5 d\n",
     "=round 1 a=15.00000 b=14.00000 c=6.00000 d=5.00000 exhausted=0.00000\n"
     "=elect 1 a surplus=4.00000\n=elect 1 b surplus=3.00000\n=transfer 1 a surplus=4.00000\n"
     "=round 2 a=11.00000 b=14.00000 c=9.99990 d=5.00000 exhausted=0.00000\n"
     "=transfer 2 b surplus=3.00000\n"
     "=round 3 a=11.00000 b=11.00000 c=9.99990 d=7.99992 exhausted=0.00000\n=eliminate 3 d\n"
     "=round 4 a=11.00000 b=11.00000 c=9.99990 d=0.00000 exhausted=7.99992\n"
     "=elect 4 c\n=winner 1 a\n=winner 2 b\n=winner 3 c\n"},
    /* Equal surpluses: who had more at an earlier stage. A paper is worth what it was worth when
     * its last owner got it: those of c are from c itself, and at 0.3 from a. */
    {"method=stv seats=4", "a b c d e", NULL, "20 a>c>e\n16 b>d\n10 c>e\n11 d\n9 e\n",
     "=round 1 a=20.00000 b=16.00000 c=10.00000 d=11.00000 e=9.00000 exhausted=0.00000\n"
     "=elect 1 a surplus=6.00000\n=elect 1 b surplus=2.00000\n=transfer 1 a surplus=6.00000\n"
     "=round 2 a=14.00000 b=16.00000 c=16.00000 d=11.00000 e=9.00000 exhausted=0.00000\n"
     "=elect 2 c surplus=2.00000\n=tie 2 surplus b,c by=earlier\n=transfer 2 b surplus=2.00000\n"
     "=round 3 a=14.00000 b=14.00000 c=16.00000 d=13.00000 e=9.00000 exhausted=0.00000\n"
     "=transfer 3 c surplus=2.00000\n"
     "=round 4 a=14.00000 b=14.00000 c=14.00000 d=13.00000 e=11.00000 exhausted=0.00000\n"
     "=eliminate 4 e\n"
     "=round 5 a=14.00000 b=14.00000 c=14.00000 d=13.00000 e=0.00000 exhausted=11.00000\n"
     "=elect 5 d\n=winner 1 a\n=winner 2 b\n=winner 3 c\n=winner 4 d\n"},
    /* At all stages: the earlier in the lot, which is named first among the winners, too. */
    {"method=stv seats=3", "a b c d", "d>b>a>c", "14 a>c\n14 b>d\n7 c\n5 d\n",
     "=round 1 a=14.00000 b=14.00000 c=7.00000 d=5.00000 exhausted=0.00000\n"
     "=elect 1 b surplus=3.00000\n=elect 1 a surplus=3.00000\n=tie 1 surplus a,b by=lot\n"
     "=transfer 1 b surplus=3.00000\n"
     "=round 2 a=14.00000 b=11.00000 c=7.00000 d=7.99992 exhausted=0.00000\n"
     "=transfer 2 a surplus=3.00000\n"
     "=round 3 a=11.00000 b=11.00000 c=9.99992 d=7.99992 exhausted=0.00000\n=eliminate 3 d\n"
     "=round 4 a=11.00000 b=11.00000 c=9.99992 d=0.00000 exhausted=7.99992\n"
     "=elect 4 c\n=winner 1 b\n=winner 2 a\n=winner 3 c\n"},
    /* Just the quota is no surplus; the fewest at an earlier stage are excluded. */
    {"method=stv seats=1", "a b c d", NULL, "5 a\n4 b\n3 c\n1 d>c\n",
     "=round 1 a=5.00000 b=4.00000 c=3.00000 d=1.00000 exhausted=0.00000\n=eliminate 1 d\n"
     "=round 2 a=5.00000 b=4.00000 c=4.00000 d=0.00000 exhausted=0.00000\n"
     "=tie 2 eliminate b,c by=earlier\n=eliminate 2 c\n"
     "=round 3 a=5.00000 b=4.00000 c=0.00000 d=0.00000 exhausted=4.00000\n=eliminate 3 b\n"
     "=round 4 a=5.00000 b=0.00000 c=0.00000 d=0.00000 exhausted=8.00000\n"
     "=elect 4 a\n=winner 1 a\n"},
    /* The last surplus does not go on: the seats are filled. */
    {"method=stv seats=2", "a b c", NULL, "5 a>b\n4 b>c\n",
     "=round 1 a=5.00000 b=4.00000 c=0.00000 exhausted=0.00000\n"
     "=elect 1 a surplus=1.00000\n=elect 1 b\n=winner 1 a\n=winner 2 b\n"},
    /* Nobody is elected whom nobody names. */
    {"method=stv seats=3", "a b c d e", NULL, "1 a\n",
     "=round 1 a=1.00000 b=0.00000 c=0.00000 d=0.00000 e=0.00000 exhausted=0.00000\n"
     "=elect 1 a\n=tie 1 eliminate b,c,d,e by=lot\n=eliminate 1 e\n"
     "=round 2 a=1.00000 b=0.00000 c=0.00000 d=0.00000 e=0.00000 exhausted=0.00000\n"
     "=tie 2 eliminate b,c,d by=lot\n=eliminate 2 d\n"
     "=round 3 a=1.00000 b=0.00000 c=0.00000 d=0.00000 e=0.00000 exhausted=0.00000\n"
     "=winner 1 a\n=nobody seats stay empty: no ballot is for another choice\n"},
};

START_TEST(surpluses_and_the_excluded_are_transferred)
{
    check_example(&transfers[_i]);
}
END_TEST

/* The examples of sections 3.1 to 3.3 of M. Schulze's paper, then what it leaves to the lot. */
static const struct example paths[] = {
    {"method=schulze", "a b c d", NULL, "8 a>c>d>b\n2 b>a>d>c\n4 c>d>b>a\n4 d>b>a>c\n3 d>c>b>a\n",
     "=rank 1 d\n=rank 2 a\n=rank 3 c\n=rank 4 b\n=winner 1 d\n"
     "=pair a b 8 13\n=pair a c 14 7\n=pair a d 10 11\n"
     "=pair b c 6 15\n=pair b d 2 19\n=pair c d 12 9\n"
     "=path a b 14\n=path a c 14\n=path a d 12\n=path b a 13\n=path b c 13\n=path b d 12\n"
     "=path c a 13\n=path c b 15\n=path c d 12\n=path d a 13\n=path d b 19\n=path d c 13\n",
     .pairs = true},
    {"method=schulze", "a b c d", NULL, "3 a>c>d>b\n9 b>a>c>d\n8 c>d>a>b\n5 d>a>b>c\n5 d>b>c>a\n",
     "=rank 1 c\n=rank 2 d\n=rank 3 b\n=rank 4 a\n=winner 1 c\n"
     "=pair a b 16 14\n=pair a c 17 13\n=pair a d 12 18\n"
     "=pair b c 19 11\n=pair b d 9 21\n=pair c d 20 10\n"
     "=path a b 17\n=path a c 17\n=path a d 17\n=path b a 18\n=path b c 19\n=path b d 19\n"
     "=path c a 18\n=path c b 20\n=path c d 20\n=path d a 18\n=path d b 21\n=path d c 19\n",
     .pairs = true},
    {"method=schulze", "a b c d e", NULL,
     "5 a>c>b>e>d\n5 a>d>e>c>b\n8 b>e>d>a>c\n3 c>a>b>e>d\n7 c>a>e>b>d\n2 c>b>a>d>e\n"
     "7 d>c>e>b>a\n8 e>b>a>d>c\n",
     "=rank 1 e\n=rank 2 a\n=rank 3 c\n=rank 4 b\n=rank 5 d\n=winner 1 e\n"
     "=pair a b 20 25\n=pair a c 26 19\n=pair a d 30 15\n=pair a e 22 23\n=pair b c 16 29\n"
     "=pair b d 33 12\n=pair b e 18 27\n=pair c d 17 28\n=pair c e 24 21\n=pair d e 14 31\n"
     "=path a b 28\n=path a c 28\n=path a d 30\n=path a e 24\n=path b a 25\n=path b c 28\n"
     "=path b d 33\n=path b e 24\n=path c a 25\n=path c b 29\n=path c d 29\n=path c e 24\n"
     "=path d a 25\n=path d b 28\n=path d c 28\n=path d e 24\n=path e a 25\n=path e b 28\n"
     "=path e c 28\n=path e d 31\n",
     .pairs = true},
    {"method=schulze", TENNESSEE_CITIES, NULL, TENNESSEE,
     "=rank 1 nashville\n=rank 2 chattanooga\n=rank 3 knoxville\n=rank 4 memphis\n"
     "=winner 1 nashville\n"},
    {"method=schulze", "a b c", "c>b>a", "1 a>b>c\n1 b>a>c\n",
     "=rank 1 a,b\n=rank 2 c\n=tie 1 elect a,b by=lot\n=winner 1 b\n"},
    /* Equal ranks are no preference; who is not named is below. */
    {"method=schulze", "a b c d", NULL, "2 b=c>a\n1 c\n",
     "=rank 1 c\n=rank 2 b\n=rank 3 a\n=rank 4 d\n=winner 1 c\n"
     "=pair a b 0 2\n=pair a c 0 3\n=pair a d 2 0\n=pair b c 0 1\n=pair b d 2 0\n=pair c d 3 0\n"
     "=path a b 0\n=path a c 0\n=path a d 2\n=path b a 2\n=path b c 0\n=path b d 2\n"
     "=path c a 3\n=path c b 1\n=path c d 3\n=path d a 0\n=path d b 0\n=path d c 0\n",
     .pairs = true},
    {"method=schulze", "a b c", "b>a>c", "3 a=b=c\n",
     "=rank 1 a,b,c\n=tie 1 elect a,b,c by=lot\n=winner 1 b\n"},
};

START_TEST(the_strongest_paths_decide)
{
    check_example(&paths[_i]);
}
END_TEST

/* Votes and surplus need all of 64 bits with five decimals, their product more. */
START_TEST(votes_do_not_overflow)
{
    struct electing electing = electing_new("method=stv seats=2", "a b c", NULL);
    for (unsigned i = 0; i < 23000; i++)
        MUST(electing_cast(&electing, UINT32_MAX, i < 15000 ? "a>b" : i < 20000 ? "b" : "c") == 0);
    char *rows = electing_rows(&electing, false);
    ck_assert_str_eq(
        strstr(rows, "=round 1"),
        "=round 1 a=64424509425000.00000 b=21474836475000.00000 c=12884901885000.00000 "
        "exhausted=0.00000\n"
        "=elect 1 a surplus=31496426829999.00000\n=transfer 1 a surplus=31496426829999.00000\n"
        "=round 2 a=32928082595001.00000 b=52970690642694.00000 c=12884901885000.00000 "
        "exhausted=0.00000\n"
        "=elect 2 b surplus=20042608047693.00000\n=winner 1 a\n=winner 2 b\n");
    free(rows);
    electing_free(&electing);
}
END_TEST

/* Numbers of choices about the width of a vector, and the first that has no pairs. */
static const unsigned widths[] = {15, 16, 17, 32, 33, 48, 49, 64, 65};

/* A random ranking of some of the choices. */
static void rank_at_random(uint64_t *seed, unsigned choice_count, char *ballot)
{
    unsigned order[PROTO_CHOICES_MAX];
    for (unsigned i = 0; i < choice_count; i++)
        order[i] = i;
    unsigned named = 1 + (unsigned)(mix((*seed)++) % choice_count);
    for (unsigned i = 0; i < named; i++) {
        unsigned other = i + (unsigned)(mix((*seed)++) % (choice_count - i));
        unsigned choice = order[other];
        order[other] = order[i];
        order[i] = choice;
        ballot += sprintf(ballot, "%sc%u", i > 0 ? ">" : "", choice);
    }
}

/* As many ballots as fill several batches; the weights have many bits. */
START_TEST(pairs_are_those_of_each_ballot)
{
    unsigned count = widths[_i];
    char names[PROTO_CHOICES_MAX * 5] = "", ballot[PROTO_CHOICES_MAX * 5];
    for (unsigned i = 0; i < count; i++)
        sprintf(names + strlen(names), "c%u ", i);
    struct electing electing = electing_new("method=irv", names, NULL);
    uint64_t seed = 1;
    for (unsigned i = 0; i < 1000; i++) {
        rank_at_random(&seed, count, ballot);
        MUST(electing_cast(&electing, 1 + (unsigned)(mix(seed++) % 9), ballot) == 0);
    }
    struct profile_view *view = profile_view(electing.profile);
    struct result *result = method_count(view);
    ck_assert_int_eq(result->pairs != NULL, count <= RESULT_PAIRS_MAX);
    for (unsigned a = 0; result->pairs && a < count; a++) {
        for (unsigned b = 0; b < count; b++) {
            uint64_t above, below;
            pairs_between(view, a, b, &above, &below);
            MUST(result_pair(result, a, b) == above && result_pair(result, b, a) == below);
        }
    }
    result_unref(result);
    profile_view_free(view);
    electing_free(&electing);
}
END_TEST

static const char *const methods[] = {"plurality", "approval", "score", "star",
                                      "schulze",   "irv",      "stv"};

static void check_nobody(const char *method, const char *ballots, const char *why)
{
    char settings[64], row[64];
    snprintf(settings, sizeof settings, "method=%s", method);
    snprintf(row, sizeof row, "=nobody %s\n", why);
    struct electing electing = electing_new(settings, "a b c", NULL);
    cast_all(&electing, ballots);
    char *rows = electing_rows(&electing, true);
    ck_assert_ptr_nonnull(strstr(rows, row));
    ck_assert_ptr_null(strstr(rows, "=winner"));
    ck_assert_ptr_null(strstr(rows, "=tie"));
    free(rows);
    electing_free(&electing);
}

START_TEST(nobody_is_elected_by_nobody)
{
    check_nobody(methods[_i], "", "nobody has voted");
    check_nobody(methods[_i], "3 -\n", "every ballot abstains");
}
END_TEST

START_TEST(one_ballot_elects)
{
    char settings[64];
    snprintf(settings, sizeof settings, "method=%s", methods[_i]);
    struct electing electing = electing_new(settings, "a b c", NULL);
    cast_all(&electing, strcmp(methods[_i], "score") == 0 || strcmp(methods[_i], "star") == 0
                            ? "1 b=3\n"
                            : "1 b\n");
    char *rows = electing_rows(&electing, false);
    ck_assert_ptr_nonnull(strstr(rows, "=winner 1 b\n"));
    ck_assert_ptr_null(strstr(rows, "=nobody"));
    free(rows);
    electing_free(&electing);
}
END_TEST

static void take_row(void *owner, const char *row, size_t len)
{
    strncat(owner, row, len);
    strcat(owner, "\n");
}

START_TEST(hidden_results_tell_no_numbers)
{
    char rows[256] = "";
    struct electing electing = electing_new("method=stv seats=2", "a b c", "c>a>b");
    cast_all(&electing, "2 a>b\n1 -\n");
    result_write_hidden(electing.poll, 3, take_row, rows);
    ck_assert_str_eq(rows, "=method stv-scottish/1 seats=2 ballots=3\n=lot c>a>b\n");
    electing_free(&electing);
}
END_TEST

static const struct {
    const char *settings, *row;
} first_rows[] = {
    {"method=stv seats=2", "=method stv-scottish/1 seats=2 ballots=3 weight=35 abstain=1 quota=12"},
    {"method=irv", "=method irv/1 seats=1 ballots=3 weight=35 abstain=1"},
};

START_TEST(the_first_rows_tell_what_was_counted)
{
    struct electing electing = electing_new(first_rows[_i].settings, "a b c", "c>a>b");
    cast_all(&electing, "10 a>b\n24 c\n1 -\n");
    char *rows = electing_rows(&electing, false), *rest = rows;
    ck_assert_str_eq(strsep(&rest, "\n"), first_rows[_i].row);
    ck_assert_str_eq(strsep(&rest, "\n"), "=lot c>a>b");
    free(rows);
    electing_free(&electing);
}
END_TEST

/* What follows from the tally's counts is what follows from the profile. */
START_TEST(additive_results_follow_from_counts)
{
    static const struct {
        const char *settings, *ballots;
        uint64_t counts[3];
    } polls[] = {
        {"method=plurality", "2 c\n1 a\n1 -\n", {1, 0, 2}},
        {"method=approval seats=2", "2 a,c\n2 b\n", {2, 2, 2}},
        {"method=score", "2 a=4,b=1\n2 c=5\n", {8, 2, 10}},
    };
    struct electing electing = electing_new(polls[_i].settings, "a b c", "b>c>a");
    cast_all(&electing, polls[_i].ballots);
    ck_assert(method_is_additive(electing.poll));
    struct profile_view *view = profile_view(electing.profile);
    struct result *of_profile = method_count(view);
    struct result *of_counts = result_of_counts(electing.poll, polls[_i].counts, view->ballots,
                                                view->weight, view->abstained);
    char *rows = electing_rows_of(of_profile, false), *others = electing_rows_of(of_counts, false);
    ck_assert_str_eq(rows, others);
    free(rows);
    free(others);
    allocations_fail_after(0);
    struct result *none = result_of_counts(electing.poll, polls[_i].counts, view->ballots,
                                           view->weight, view->abstained);
    allocations_succeed();
    ck_assert_ptr_null(none);
    result_unref(of_profile);
    result_unref(of_counts);
    profile_view_free(view);
    electing_free(&electing);
}
END_TEST

START_TEST(a_result_lives_as_long_as_a_reference)
{
    struct electing electing = electing_new("method=plurality", "a b", NULL);
    struct result *result = electing_count(&electing);
    ck_assert_ptr_eq(result_ref(result), result);
    result_unref(result);
    ck_assert_uint_eq(result->seats, 1);
    result_unref(result);
    result_unref(NULL);
    electing_free(&electing);
}
END_TEST

static void measure_row(void *owner, const char *row, size_t len)
{
    size_t *longest = owner;
    ck_assert_int_eq(row[0], '=');
    *longest = len > *longest ? len : *longest;
}

/* The most choices, with the longest names, and all of them tied. */
START_TEST(the_longest_rows_have_room)
{
    enum { NAME_ROOM = PROTO_NAME_MAX + 1 };
    char *names = calloc(PROTO_CHOICES_MAX, NAME_ROOM), *at = names;
    for (unsigned i = 0; i < PROTO_CHOICES_MAX; i++)
        at += sprintf(at, "%0*u%s", PROTO_NAME_MAX, i, i < PROTO_CHOICES_MAX - 1 ? " " : "");
    struct electing electing = electing_new("method=approval seats=255", names, NULL);
    for (at = names; (at = strchr(at, ' '));)
        *at = ',';
    MUST(electing_cast(&electing, UINT32_MAX, names) == 0);
    struct result *result = electing_count(&electing);
    size_t longest = 0;
    result_write(result, true, measure_row, &longest);
    ck_assert_uint_eq(longest, strlen("=round 1") + PROTO_CHOICES_MAX * strlen(" =4294967295") +
                                   PROTO_CHOICES_MAX * PROTO_NAME_MAX);
    ck_assert_uint_lt(longest + PROTO_CHOICES_MAX * RESULT_VOTES_MAX, RESULT_ROW_MAX);
    ck_assert_uint_eq(result->winner_count, PROTO_CHOICES_MAX - 1);
    result_unref(result);
    electing_free(&electing);
    free(names);
}
END_TEST

/* Each allocation in turn fails; nothing is left behind. */
START_TEST(memory_may_be_short)
{
    char settings[64];
    snprintf(settings, sizeof settings, "method=%s", methods[_i]);
    struct electing electing = electing_new(settings, "a b c", NULL);
    cast_all(&electing, "1 -\n");
    if (strcmp(methods[_i], "irv") == 0 || strcmp(methods[_i], "stv") == 0)
        cast_all(&electing, "3 a>b\n2 b\n1 c\n");
    if (strcmp(methods[_i], "schulze") == 0)
        cast_all(&electing, "3 a>b=c\n");
    struct profile_view *view = profile_view(electing.profile);
    long before = allocations.blocks;
    struct result *result = NULL;
    unsigned failures = 0;
    for (; !result; failures++) {
        MUST(allocations.blocks == before);
        allocations_fail_once_after(failures);
        result = method_count(view);
        allocations_succeed();
        MUST(failures < 32);
    }
    ck_assert_uint_ge(failures, 4);
    result_unref(result);
    ck_assert_int_eq(allocations.blocks, before);
    profile_view_free(view);
    electing_free(&electing);
}
END_TEST

UNIT_MAIN("methods",
          {"rules",
           .tests = {{the_highest_sums_are_elected, .loops = UNIT_COUNT(highest_sums)},
                     {the_better_of_two_finalists_is_elected, .loops = UNIT_COUNT(stars)},
                     {the_last_one_is_eliminated_until_someone_has_more_than_half,
                      .loops = UNIT_COUNT(runoffs)},
                     {surpluses_and_the_excluded_are_transferred, .loops = UNIT_COUNT(transfers)},
                     {votes_do_not_overflow},
                     {pairs_are_those_of_each_ballot, .loops = UNIT_COUNT(widths)},
                     {the_strongest_paths_decide, .loops = UNIT_COUNT(paths)}}},
          {"few ballots", .tests = {{nobody_is_elected_by_nobody, .loops = UNIT_COUNT(methods)},
                                    {one_ballot_elects, .loops = UNIT_COUNT(methods)}}},
          {"results",
           .tests = {{hidden_results_tell_no_numbers},
                     {the_first_rows_tell_what_was_counted, .loops = UNIT_COUNT(first_rows)},
                     {additive_results_follow_from_counts, .loops = 3},
                     {a_result_lives_as_long_as_a_reference},
                     {the_longest_rows_have_room},
                     {memory_may_be_short, .loops = UNIT_COUNT(methods)}}})
