/* Takes rows of a server's reply apart. */
#include "tools/tallyctl/words.h"

#include <string.h>

struct span words_take(struct span *rest)
{
    const char *space = rest->len ? memchr(rest->at, ' ', rest->len) : NULL;
    struct span word = {rest->at, space ? (size_t)(space - rest->at) : rest->len};
    size_t taken = word.len + (space ? 1 : 0);
    rest->at += taken;
    rest->len -= taken;
    return word;
}

bool words_equal(struct span span, const char *word)
{
    return span.len == strlen(word) && memcmp(span.at, word, span.len) == 0;
}

bool words_number(struct span span, uint64_t *number)
{
    return number_parse(span.at, span.len, UINT64_MAX, number);
}
