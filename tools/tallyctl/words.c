/* Takes rows of a server's reply apart. */
#include "tools/tallyctl/words.h"

#include "proto/number.h"

struct span words_take(struct span *rest)
{
    return span_cut(rest, ' ');
}

bool words_equal(struct span span, const char *word)
{
    return span_is(span, word);
}

bool words_number(struct span span, uint64_t *number)
{
    return number_parse(span.at, span.len, UINT64_MAX, number);
}
