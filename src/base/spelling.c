/* The distance of Levenshtein between two short words, row by row. */
#include "base/spelling.h"

#include <string.h>

enum { WORD_MAX = 32, PREFIX_MIN = 3 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned spelling_distance(const char *word, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    unsigned row[WORD_MAX + 1]; /* of the word's beginning to each beginning of the name */
    if (len == 0 || len > WORD_MAX || name_len > WORD_MAX)
        return SPELLING_UNLIKE;
    if (len >= PREFIX_MIN && strncmp(word, name, len) == 0)
        return len < name_len;
    for (size_t j = 0; j <= name_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; i < len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < name_len; j++) {
            unsigned changed = diagonal + (word[i] != name[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(changed, least(row[j], diagonal) + 1);
        }
    }
    /* At most one letter in three may be wrong. */
    return row[name_len] * 3 <= len ? least(row[name_len], SPELLING_UNLIKE) : SPELLING_UNLIKE;
}
