/* Ballot papers (see papers.h). Each choice has a list of its papers, linked by `next`. A paper is
 * moved once for each choice that it leaves; what it costs is to look at its marks. */
#include "count/papers.h"

#include "base/log.h"

#include <stdlib.h>

enum { NOBODY = PAPERS_CHOICES_MAX };

int papers_init(struct papers *papers, const struct profile_view *view, uint32_t unit)
{
    *papers = (struct papers){.view = view, .choice_count = view->poll->choice_count};
    INVARIANT(papers->choice_count <= PAPERS_CHOICES_MAX);
    size_t count = view->value_count + (size_t)1;
    papers->next = calloc(count, sizeof *papers->next);
    papers->worth = unit > 1 ? malloc(count * sizeof *papers->worth) : NULL;
    if (!papers->next || (unit > 1 && !papers->worth)) {
        papers_destroy(papers);
        return -1;
    }
    for (size_t i = 0; papers->worth && i < count; i++)
        papers->worth[i] = unit;
    return 0;
}

void papers_destroy(struct papers *papers)
{
    free(papers->next);
    free(papers->worth);
}

/* The open choice with the highest rank, which is the lowest mark but 0; or NOBODY. The mark and
 * the choice are compared as one number, so that there is no branch to be mispredicted. */
static unsigned preferred(const struct papers *papers, const uint8_t *marks)
{
    unsigned best = UINT8_MAX << 8 | NOBODY;
    for (unsigned i = 0; i < papers->choice_count; i++) {
        /* 255 for those that are not named or not open */
        unsigned mark = (uint8_t)(marks[i] - 1) | papers->closed[i];
        unsigned both = mark << 8 | i;
        best = both < best ? both : best;
    }
    unsigned choice = best & UINT8_MAX;
    return best >> 8 == UINT8_MAX ? NOBODY : choice;
}

static void give(struct papers *papers, uint32_t paper, uint64_t *votes)
{
    unsigned to = preferred(papers, profile_marks(papers->view, paper));
    uint64_t worth = papers->worth ? papers->worth[paper] : 1;
    uint64_t paper_votes = profile_weight(papers->view, paper) * worth;
    if (to == NOBODY) {
        votes[papers->choice_count] += paper_votes;
        return;
    }
    votes[to] += paper_votes;
    papers->next[paper] = papers->first[to];
    papers->first[to] = paper;
}

void papers_deal(struct papers *papers, uint64_t *votes)
{
    for (uint32_t paper = 0; profile_next(papers->view, &paper);) {
        const uint8_t *marks = profile_marks(papers->view, paper);
        for (unsigned i = 0; i < papers->choice_count; i++)
            papers->named[i] |= marks[i] != 0;
        give(papers, paper, votes);
    }
}

void papers_transfer(struct papers *papers, unsigned from, uint64_t surplus, uint64_t total,
                     uint64_t *votes)
{
    uint32_t paper = papers->first[from], next, worth = 0, part = 0;
    papers->first[from] = 0;
    for (; paper != 0; paper = next) {
        next = papers->next[paper];
        if (surplus > 0) {
            /* Most papers of a choice are worth the same. */
            if (papers->worth[paper] != worth) {
                worth = papers->worth[paper];
                part = (uint32_t)((unsigned __int128)surplus * worth / total);
            }
            papers->worth[paper] = part;
        }
        give(papers, paper, votes);
    }
}
