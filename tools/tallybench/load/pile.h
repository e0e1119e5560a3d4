/* The different ballots that a poll's voters cast, decided beforehand: for each its marks, from
 * which its text and what it counts follow. They look random and are the same in each run. Read by
 * any thread once they are made. */
#ifndef TALLYCAST_TOOLS_BENCH_PILE_H
#define TALLYCAST_TOOLS_BENCH_PILE_H

#include "proto/marks.h"

#include <stdint.h>

/* Choices of a poll whose ballots have marks: the longest ballot still fits a line, whatever else
 * is in it. */
enum { PILE_CHOICES_MAX = 128, PILE_MAX = 10000000 };

enum { PILE_NAME_SIZE = 16 };

struct pile {
    struct settings settings;
    unsigned choice_count;
    unsigned count;     /* of different ballots; in a poll of single choice, of choices */
    struct name *names; /* of the choices; owned */
    uint8_t *marks;     /* one after the other; NULL for single choice; owned */
};

/* How they are to be. */
struct pile_wish {
    unsigned kind; /* KIND_… */
    int method;    /* METHOD_…, of that kind; -1 for its default */
    unsigned choice_count;
    unsigned count; /* or as many as there can be; not for single choice */
    unsigned camps; /* ranked: each is like one of so many rankings; 0: any, all as likely */
};

/* Makes them. Returns 0; or -1, with a text for a person in `why`, if there are none such. To be
 * freed in any case. */
int pile_init(struct pile *pile, const struct pile_wish *wish, char why[SETTINGS_WHY_SIZE])
    __attribute__((warn_unused_result));
void pile_free(struct pile *pile);

/* Writes a choice's name, NUL-terminated: a to z, a1 to z1, a2... The names of a poll with the most
 * choices fit the line that creates it. */
void pile_name_choice(char out[PILE_NAME_SIZE], unsigned choice);

/* Writes the ballot as VOTE takes it, without a NUL. Returns the length. */
size_t pile_write(const struct pile *pile, unsigned number, char *out);

/* Whether each ballot counts for one choice. */
bool pile_adds_up(const struct pile *pile);

/* Adds to the counts what the ballot counts for each choice; or takes it back. */
void pile_count(const struct pile *pile, unsigned number, bool back, uint64_t *counts);

#endif
