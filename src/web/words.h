/* Sentences for pages, put together from words, numbers and choices' labels. Any thread. Memory can
 * be short: then what is appended is lost, and the end tells. */
#ifndef TALLYCAST_WORDS_H
#define TALLYCAST_WORDS_H

#include "base/buffer.h"
#include "proto/marks.h"
#include "tally/tally.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A text under way; all zero is an empty one. */
struct words {
    struct buffer text;
    bool failed;
};

void words_add(struct words *words, const char *text);
void words_add_number(struct words *words, uint64_t number); /* as 1,234,567 */
void words_add_label(struct words *words, const struct snapshot *snapshot, unsigned choice);

/* Adds labels: `A`, `A and B`, `A, B and C`. */
void words_add_labels(struct words *words, const struct snapshot *snapshot, const uint8_t *choices,
                      unsigned count);

/* Adds what a ballot says that is no abstention: `A and B`, `A: 5, B: 2`, `1. A, 2. B and C`.
 * web/marks.js does the same. */
void words_add_ballot(struct words *words, const struct snapshot *snapshot,
                      const struct marks *marks);

/* The text as a string, and the end of the words. NULL if memory was short. */
json_t *words_end(struct words *words);

/* Two texts as one, with a space between if neither is empty; takes over both. NULL if memory was
 * short for any of them. */
json_t *words_join(json_t *first, json_t *second);

enum { WORDS_NUMBER_SIZE = 32 }; /* bytes of a number with its separators, NUL included */

/* 1234567 as 1,234,567. */
const char *words_number(uint64_t number, char text[WORDS_NUMBER_SIZE]);

/* A title or label; only a hand-edited database can hold one that is no text. */
struct span words_text(struct span text);

#endif
