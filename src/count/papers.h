/* The ballot papers of a count by stages (irv, stv): who has which, and what each is worth. A paper
 * is a distinct ballot of the profile, with all its weight: those who voted alike stay together.
 *
 * A choice is *open* as long as it may get papers, that is, until it is elected or eliminated. */
#ifndef TALLYCAST_PAPERS_H
#define TALLYCAST_PAPERS_H

#include "count/profile.h"

#include <stdbool.h>
#include <stdint.h>

enum { PAPERS_CHOICES_MAX = 128 };

struct papers {
    const struct profile_view *view;
    unsigned choice_count;
    bool named[PAPERS_CHOICES_MAX];     /* by some paper */
    uint8_t closed[PAPERS_CHOICES_MAX]; /* 0 while open, or else all bits */
    uint32_t first[PAPERS_CHOICES_MAX]; /* the first paper that a choice has; 0 for none */
    uint32_t *next;                     /* by paper, the next one that the same choice has */
    uint32_t *worth;                    /* by paper, of a vote; NULL: each is worth 1 */
};

/* All papers are with nobody yet, and worth `unit`; all choices open. The view must outlive them.
 * Returns 0, or -1 if memory is short, with nothing to be destroyed. */
int papers_init(struct papers *papers, const struct profile_view *view, uint32_t unit)
    __attribute__((warn_unused_result));
void papers_destroy(struct papers *papers);

static inline bool papers_is_open(const struct papers *papers, unsigned choice)
{
    return !papers->closed[choice];
}

/* The choice gets no more papers. */
static inline void papers_close(struct papers *papers, unsigned choice)
{
    papers->closed[choice] = UINT8_MAX;
}

/* Gives each paper to its first preference. What a paper is worth is added to the votes of who gets
 * it, here and below; or to the exhausted ones, which are behind the choices'. */
void papers_deal(struct papers *papers, uint64_t *votes);

/* Gives each paper that the choice `from` has to the open one that it prefers most. If `surplus` is
 * not 0, it is worth the part surplus / total of what it was, the remainder of each ignored. */
void papers_transfer(struct papers *papers, unsigned from, uint64_t surplus, uint64_t total,
                     uint64_t *votes);

#endif
