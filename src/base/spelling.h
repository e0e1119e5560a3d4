/* What a word that is unknown was meant to be. Pure. */
#ifndef TALLYCAST_SPELLING_H
#define TALLYCAST_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

/* How unlike `word` of `len` bytes is to `name`: the number of letters to be changed, added or left
 * out; 1 where the name only goes on after three letters or more; SPELLING_UNLIKE if nobody would
 * mean the one by the other. */
enum { SPELLING_UNLIKE = 4 };
unsigned spelling_distance(const char *word, size_t len, const char *name);

#endif
