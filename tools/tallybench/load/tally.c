/* The check of pushes (see tally.h). */
#include "tools/tallybench/load/tally.h"

#include "tools/lib/memory.h"

#include <string.h>

static bool adds_up(const struct tally_row *row)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < row->choice_count; i++)
        sum += row->counts[i];
    return sum == row->ballots;
}

/* A sequence stands for one tally, and no ballot of the load is ever taken back. */
static const char *compare(const struct tally_check *check, const struct tally_row *row)
{
    if (check->push.len == 0)
        return NULL;
    if (row->seq == check->seq)
        return "another tally with the same sequence";
    if (row->seq > check->seq ? row->ballots < check->ballots : row->ballots > check->ballots)
        return "a tally with fewer ballots than an earlier one";
    return NULL;
}

const char *tally_of_line(const char *bytes, size_t len, struct tally_row *row)
{
    enum { PREFIX_BYTES = 2 };
    if (len < PREFIX_BYTES || memcmp(bytes, "> ", PREFIX_BYTES) != 0 ||
        !tally_parse(bytes + PREFIX_BYTES, len - PREFIX_BYTES, row))
        return "not a well-formed tally";
    return NULL;
}

/* The fault of a push that is not the newest, or NULL. */
static const char *judge(const struct tally_check *check, const char *bytes, size_t len,
                         struct tally_row *row)
{
    const char *wrong = check->form(bytes, len, row);
    if (wrong)
        return wrong;
    if (strcmp(row->poll.text, check->poll) != 0)
        return "a tally of a poll that was not subscribed";
    if (row->choice_count != check->choice_count)
        return "a tally with another number of choices";
    if (check->adds_up && !adds_up(row))
        return "a tally whose counts don't add up";
    return compare(check, row);
}

const char *tally_check_push(struct tally_check *check, const char *bytes, size_t len,
                             uint64_t *seq)
{
    if (len == check->push.len && memcmp(bytes, check->push.bytes, len) == 0) {
        *seq = check->seq;
        return NULL;
    }
    struct tally_row row;
    const char *wrong = judge(check, bytes, len, &row);
    if (wrong)
        return wrong;
    *seq = row.seq;
    if (check->push.len > 0 && row.seq < check->seq)
        return NULL; /* for a slow reader */
    check->push.len = 0;
    must_append(&check->push, bytes, len);
    check->seq = row.seq;
    check->ballots = row.ballots;
    return NULL;
}

static bool rows_equal(const struct tally_row *a, const struct tally_row *b)
{
    if (strcmp(a->poll.text, b->poll.text) != 0 || a->open != b->open || a->hidden != b->hidden ||
        a->seq != b->seq || a->ballots != b->ballots || a->choice_count != b->choice_count)
        return false;
    for (unsigned i = 0; i < a->choice_count; i++)
        if (strcmp(a->choices[i].text, b->choices[i].text) != 0 || a->counts[i] != b->counts[i])
            return false;
    return true;
}

bool tally_check_is(const struct tally_check *check, const char *tally, size_t len)
{
    struct tally_row pushed, told;
    return check->push.len > 0 && !check->form(check->push.bytes, check->push.len, &pushed) &&
           tally_parse(tally, len, &told) && rows_equal(&pushed, &told);
}

void tally_check_free(struct tally_check *check)
{
    buffer_free(&check->push);
}
