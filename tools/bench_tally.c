/* The check of pushes (see bench_tally.h). */
#include "tools/bench_tally.h"

#include "proto/reply.h"
#include "tools/bench_memory.h"

#include <string.h>

static bool adds_up(const struct tally_row *row)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < row->choice_count; i++)
        sum += row->counts[i];
    return sum == row->ballots;
}

enum { PREFIX_BYTES = 2 /* "> " */ };

/* A sequence stands for one tally, and of the load's ballots none is ever taken back. */
static const char *compare(const struct tally_check *check, const struct tally_row *row)
{
    if (check->line.len == 0)
        return NULL;
    if (row->seq == check->seq)
        return "another tally with the same sequence";
    if (row->seq > check->seq ? row->ballots < check->ballots : row->ballots > check->ballots)
        return "a tally with fewer ballots than an earlier one";
    return NULL;
}

/* What is wrong with a line that is not the newest, or NULL. */
static const char *judge(const struct tally_check *check, const char *line, size_t len,
                         struct tally_row *row)
{
    if (len < PREFIX_BYTES || memcmp(line, "> ", PREFIX_BYTES) != 0 ||
        !tally_parse(line + PREFIX_BYTES, len - PREFIX_BYTES, row))
        return "not a well-formed tally";
    if (strcmp(row->poll.text, check->poll) != 0)
        return "a tally of a poll that was not subscribed";
    if (row->choice_count != check->choice_count)
        return "a tally with another number of choices";
    if (!adds_up(row))
        return "a tally whose counts don't add up";
    return compare(check, row);
}

const char *tally_check_push(struct tally_check *check, const char *line, size_t len, uint64_t *seq)
{
    if (len == check->line.len && memcmp(line, check->line.bytes, len) == 0) {
        *seq = check->seq;
        return NULL;
    }
    struct tally_row row;
    const char *wrong = judge(check, line, len, &row);
    if (wrong)
        return wrong;
    *seq = row.seq;
    if (check->line.len > 0 && row.seq < check->seq)
        return NULL; /* of a slow reader */
    check->line.len = 0;
    must_append(&check->line, line, len);
    check->seq = row.seq;
    check->ballots = row.ballots;
    return NULL;
}

bool tally_check_is(const struct tally_check *check, const char *tally, size_t len)
{
    return check->line.len == len + PREFIX_BYTES &&
           memcmp(check->line.bytes + PREFIX_BYTES, tally, len) == 0;
}

void tally_check_free(struct tally_check *check)
{
    buffer_free(&check->line);
}
