/* The different ballots that a poll's voters cast, decided beforehand: for each its marks, from
 * which its text and what it counts follow. They look random and are the same in each run. Read by
 * any thread once they are made. */
#ifndef TALLYCAST_TOOLS_BENCH_PAPERS_H
#define TALLYCAST_TOOLS_BENCH_PAPERS_H

#include "proto/marks.h"

#include <stdint.h>

/* Choices of a poll whose ballots have marks: the longest ballot still fits a line, whatever else
 * is in it. */
enum { PAPERS_CHOICES_MAX = 128, PAPERS_MAX = 10000000 };

enum { PAPERS_NAME_SIZE = 16 };

struct papers {
    struct settings settings;
    unsigned choice_count;
    unsigned count;     /* of different ballots; in a poll of single choice, of choices */
    struct name *names; /* of the choices; owned */
    uint8_t *marks;     /* one after the other; NULL for single choice; owned */
};

/* How they are to be. */
struct papers_wish {
    unsigned kind; /* KIND_… */
    int method;    /* METHOD_…, of that kind; -1 for its default */
    unsigned choice_count;
    unsigned count; /* or as many as there can be; not for single choice */
    unsigned camps; /* ranked: each is like one of so many rankings; 0: any, all as likely */
};

/* Makes them. Returns 0; or -1, with a text for a person in `why`, if there are none such. To be
 * freed in any case. */
int papers_init(struct papers *papers, const struct papers_wish *wish, char why[SETTINGS_WHY_SIZE])
    __attribute__((warn_unused_result));
void papers_free(struct papers *papers);

/* Writes a choice's name, NUL-terminated: a to z, a1 to z1, a2... The names of a poll with the most
 * choices fit the line that creates it. */
void papers_name_choice(char out[PAPERS_NAME_SIZE], unsigned choice);

/* Writes the ballot as VOTE takes it, without a NUL. Returns the length. */
size_t papers_write(const struct papers *papers, unsigned number, char *out);

/* Whether each ballot counts for one choice. */
bool papers_add_up(const struct papers *papers);

/* Adds to the counts what the ballot counts for each choice; or takes it back. */
void papers_count(const struct papers *papers, unsigned number, bool back, uint64_t *counts);

#endif
