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

/* What is wrong with a line that is not known yet, or NULL. */
static const char *judge(const struct tally_check *check, const char *line, size_t len,
                         uint64_t *seq)
{
    struct tally_row row;
    if (len < 2 || memcmp(line, "> ", 2) != 0 || !tally_parse(line + 2, len - 2, &row))
        return "not a well-formed tally";
    if (strcmp(row.poll.text, check->poll) != 0)
        return "a tally of a poll that was not subscribed";
    if (row.choice_count != check->choice_count)
        return "a tally with another number of choices";
    if (!adds_up(&row))
        return "a tally whose counts don't add up";
    *seq = row.seq;
    return NULL;
}

const char *tally_check_push(struct tally_check *check, const char *line, size_t len, uint64_t *seq)
{
    if (len == check->line.len && memcmp(line, check->line.bytes, len) == 0) {
        *seq = check->seq;
        return NULL;
    }
    const char *wrong = judge(check, line, len, seq);
    if (!wrong) {
        check->line.len = 0;
        must_append(&check->line, line, len);
        check->seq = *seq;
    }
    return wrong;
}

void tally_check_free(struct tally_check *check)
{
    buffer_free(&check->line);
}
