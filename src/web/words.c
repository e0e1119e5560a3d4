/* Sentences. Pure, but for the memory that they take. */
#include "web/words.h"

#include "proto/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NO_TEXT "\xef\xbf\xbd"

const char *words_number(uint64_t number, char text[WORDS_NUMBER_SIZE])
{
    char digits[WORDS_NUMBER_SIZE];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *at = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

struct span words_text(struct span text)
{
    return line_is_text(text.at, text.len) ? text : (struct span){NO_TEXT, sizeof NO_TEXT - 1};
}

static void add_span(struct words *words, struct span span)
{
    words->failed |= buffer_append(&words->text, span.at, span.len) != 0;
}

void words_add(struct words *words, const char *text)
{
    add_span(words, (struct span){text, strlen(text)});
}

void words_add_number(struct words *words, uint64_t number)
{
    char text[WORDS_NUMBER_SIZE];
    words_add(words, words_number(number, text));
}

/* Whether a text has letters that are written from the right: Hebrew, Arabic and their like, by the
 * bytes that begin them (U+0580 to U+08FF, U+FB00 to U+FDFF, U+FE40 to U+FEFF). */
static bool runs_from_right(struct span text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        const unsigned char first = (unsigned char)text.at[i], next = (unsigned char)text.at[i + 1];
        if ((first >= 0xd6 && first <= 0xdf) || (first == 0xe0 && next >= 0xa0 && next <= 0xa3) ||
            (first == 0xef && next >= 0xac && next <= 0xbb && next != 0xb8))
            return true;
    }
    return false;
}

/* A label that is written from the right is isolated, or it would turn the sentence around it. */
void words_add_label(struct words *words, const struct snapshot *snapshot, unsigned choice)
{
    static const char begin[] = "\xe2\x81\xa8", end[] = "\xe2\x81\xa9"; /* FSI, PDI */
    const struct span label = words_text(snapshot_label(snapshot, choice));
    const bool isolates = runs_from_right(label);
    if (isolates)
        words_add(words, begin);
    add_span(words, label);
    if (isolates)
        words_add(words, end);
}

void words_add_labels(struct words *words, const struct snapshot *snapshot, const uint8_t *choices,
                      unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            words_add(words, i + 1 < count ? ", " : " and ");
        words_add_label(words, snapshot, choices[i]);
    }
}

/* The choices with a mark, in the order of creation. Returns how many. */
static unsigned find_marked(const struct marks *marks, unsigned mark,
                            uint8_t choices[PROTO_CHOICES_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < marks->count; i++)
        if (marks->mark[i] == mark)
            choices[count++] = (uint8_t)i;
    return count;
}

static void add_separator(struct words *words)
{
    if (words->text.len > 0)
        words_add(words, ", ");
}

static void add_ranks(struct words *words, const struct snapshot *snapshot,
                      const struct marks *marks)
{
    uint8_t choices[PROTO_CHOICES_MAX];
    unsigned count;
    for (unsigned rank = 1; (count = find_marked(marks, rank, choices)) > 0; rank++) {
        add_separator(words);
        words_add_number(words, rank);
        words_add(words, ". ");
        words_add_labels(words, snapshot, choices, count);
    }
}

static void add_scores(struct words *words, const struct snapshot *snapshot,
                       const struct marks *marks)
{
    uint8_t choices[PROTO_CHOICES_MAX];
    for (unsigned score = SCORES_MAX; score > 0; score--) {
        unsigned count = find_marked(marks, score, choices);
        for (unsigned i = 0; i < count; i++) {
            add_separator(words);
            words_add_label(words, snapshot, choices[i]);
            words_add(words, ": ");
            words_add_number(words, score);
        }
    }
    if (words->text.len == 0)
        words_add(words, "0 for each");
}

void words_add_ballot(struct words *words, const struct snapshot *snapshot,
                      const struct marks *marks)
{
    uint8_t choices[PROTO_CHOICES_MAX];
    switch (poll_setting(snapshot->poll, SETTING_KIND)) {
    case KIND_SCORE:
        add_scores(words, snapshot, marks);
        return;
    case KIND_RANKED:
        add_ranks(words, snapshot, marks);
        return;
    default:
        words_add_labels(words, snapshot, choices, find_marked(marks, 1, choices));
    }
}

json_t *words_join(json_t *first, json_t *second)
{
    json_t *joined = NULL;
    if (first && second)
        joined = json_sprintf("%s%s%s", json_string_value(first),
                              json_string_length(first) && json_string_length(second) ? " " : "",
                              json_string_value(second));
    json_decref(first);
    json_decref(second);
    return joined;
}

json_t *words_end(struct words *words)
{
    json_t *string =
        words->failed ? NULL
                      : json_stringn(words->text.bytes ? words->text.bytes : "", words->text.len);
    buffer_free(&words->text);
    *words = (struct words){0};
    return string;
}
