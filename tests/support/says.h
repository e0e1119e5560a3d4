/* What a voter of a test says: a number, from 0, that stands for one of the ballots that a
 * poll takes. Different numbers are different ballots; 0 is an abstention. Choices are named a, b,
 * c and so on. Pure functions. */
#ifndef TALLYCAST_TESTS_SAYS_H
#define TALLYCAST_TESTS_SAYS_H

#include "proto/marks.h"

enum { SAYS_CHOICES_MAX = 6, SAYS_TEXT_SIZE = 64, SAYS_RECORDED_SIZE = 2 * SAYS_CHOICES_MAX + 1 };

/* What makes the ballots of a poll: the settings of all its ballots, and how many choices it has.
 * Choices are not ranked equal. */
struct says {
    struct settings settings;
    unsigned choice_count;
};

/* How many ballots there are. */
unsigned says_count(const struct says *says);

void says_marks(const struct says *says, unsigned number, struct marks *marks);

/* As VOTE takes it. */
void says_text(const struct says *says, unsigned number, char text[SAYS_TEXT_SIZE]);

/* As the database has it, which SQL tells of `ballot b LEFT JOIN value v` by poll and value: the
 * number of the choice, marks in hexadecimal digits, or `-`. */
#define SAYS_RECORDED_SQL "coalesce(b.choice, CASE WHEN v.seq THEN hex(v.marks) END, '-')"
void says_recorded(const struct says *says, unsigned number, char recorded[SAYS_RECORDED_SIZE]);

#endif
