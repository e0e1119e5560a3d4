/* Ballots by number: of a single choice, the choices; of approvals, each set of them; of scores,
 * each row of them; of ranks, each order of one choice, of two, and so on. */
#include "tests/support/says.h"

#include <stdio.h>
#include <string.h>

static unsigned kind_of(const struct says *says)
{
    return says->settings.value[SETTING_KIND];
}

static unsigned power(unsigned base, unsigned exponent)
{
    unsigned product = 1;
    while (exponent-- > 0)
        product *= base;
    return product;
}

/* In how many orders `ranked` of so many choices can be. */
static unsigned orders(unsigned choices, unsigned ranked)
{
    unsigned product = 1;
    while (ranked-- > 0)
        product *= choices--;
    return product;
}

static unsigned ranked_count(unsigned choices)
{
    unsigned count = 1;
    for (unsigned ranked = 1; ranked <= choices; ranked++)
        count += orders(choices, ranked);
    return count;
}

unsigned says_count(const struct says *says)
{
    switch (kind_of(says)) {
    case KIND_SINGLE:
        return 1 + says->choice_count;
    case KIND_APPROVAL:
        return power(2, says->choice_count); /* none approved is none of them */
    case KIND_SCORE:
        return 1 + power(says->settings.value[SETTING_SCORES] + 1u, says->choice_count);
    default:
        return ranked_count(says->choice_count);
    }
}

/* The number has a digit for each choice. */
static void mark_digits(struct marks *marks, unsigned number, unsigned base)
{
    for (unsigned i = 0; i < marks->count; i++, number /= base)
        marks->mark[i] = (uint8_t)(number % base);
}

static void mark_ranks(struct marks *marks, unsigned number)
{
    unsigned left[SAYS_CHOICES_MAX], ranked = 1;
    for (; number >= orders(marks->count, ranked); ranked++)
        number -= orders(marks->count, ranked);
    for (unsigned i = 0; i < marks->count; i++)
        left[i] = i;
    for (unsigned rank = 1; rank <= ranked; rank++) {
        const unsigned kept = marks->count - rank, drawn = number % (kept + 1);
        number /= kept + 1;
        marks->mark[left[drawn]] = (uint8_t)rank;
        left[drawn] = left[kept];
    }
}

void says_marks(const struct says *says, unsigned number, struct marks *marks)
{
    *marks = (struct marks){.abstains = number == 0, .count = says->choice_count};
    if (marks->abstains)
        return;
    switch (kind_of(says)) {
    case KIND_SINGLE:
        marks->mark[number - 1] = 1;
        break;
    case KIND_APPROVAL:
        mark_digits(marks, number, 2);
        break;
    case KIND_SCORE:
        mark_digits(marks, number - 1, says->settings.value[SETTING_SCORES] + 1u);
        break;
    default:
        mark_ranks(marks, number - 1);
    }
}

void says_text(const struct says *says, unsigned number, char text[SAYS_TEXT_SIZE])
{
    static const struct name choices[SAYS_CHOICES_MAX] = {{1, "a"}, {1, "b"}, {1, "c"},
                                                          {1, "d"}, {1, "e"}, {1, "f"}};
    static char longest[MARKS_TEXT_MAX];
    struct marks marks;
    says_marks(says, number, &marks);
    size_t len = marks_write(&marks, &says->settings, choices, longest);
    snprintf(text, SAYS_TEXT_SIZE, "%.*s", (int)len, longest);
}

void says_recorded(const struct says *says, unsigned number, char recorded[SAYS_RECORDED_SIZE])
{
    struct marks marks;
    size_t len = 0;
    says_marks(says, number, &marks);
    if (marks.abstains)
        strcpy(recorded, "-");
    else if (kind_of(says) == KIND_SINGLE)
        snprintf(recorded, SAYS_RECORDED_SIZE, "%u", number);
    else
        for (unsigned i = 0; i < marks.count; i++)
            len +=
                (size_t)snprintf(recorded + len, SAYS_RECORDED_SIZE - len, "%02X", marks.mark[i]);
}
