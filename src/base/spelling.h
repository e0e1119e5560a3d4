/* Guesses the word that an unknown one was meant to be. Pure. */
#ifndef TALLYCAST_SPELLING_H
#define TALLYCAST_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

/* How unlike `word` of `len` bytes is to `name`: the number of letters to be changed, added or left
 * out; 1 if the word is a beginning of the name with three letters or more; SPELLING_UNLIKE if
 * nobody would confuse the two. */
enum { SPELLING_UNLIKE = 4 };
unsigned spelling_distance(const char *word, size_t len, const char *name);

#endif
