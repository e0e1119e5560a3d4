/* Different ballots (see pile.h).
 *
 * Each is drawn, and then changed a little until it is none of those before it: so there are as
 * many as were asked for, however alike they shall be. */
#include "tools/tallybench/load/pile.h"

#include "tools/lib/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pile_name_choice(char out[PILE_NAME_SIZE], unsigned choice)
{
    char letter = (char)('a' + choice % 26);
    if (choice < 26)
        snprintf(out, PILE_NAME_SIZE, "%c", letter);
    else
        snprintf(out, PILE_NAME_SIZE, "%c%u", letter, choice / 26);
}

/* ---- drawing ---- */

/* A drawing under way. */
struct drawing {
    struct pile *pile;
    uint64_t random;
    unsigned camps;
    uint8_t *centers; /* the ranking of each camp */
    uint32_t *taken;  /* a hash table of the ballots drawn, from 1; 0 is free */
    uint32_t mask;
};

/* splitmix64. */
static uint64_t next_random(struct drawing *drawing)
{
    uint64_t number = drawing->random += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static unsigned random_below(struct drawing *drawing, unsigned bound)
{
    return (unsigned)(next_random(drawing) % bound);
}

static unsigned kind_of(const struct pile *pile)
{
    return pile->settings.value[SETTING_KIND];
}

static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t was = *a;
    *a = *b;
    *b = was;
}

/* A ranking of all choices, each as likely as any other. */
static void shuffle(struct drawing *drawing, uint8_t *marks)
{
    const unsigned count = drawing->pile->choice_count;
    for (unsigned i = 0; i < count; i++)
        marks[i] = (uint8_t)(i + 1);
    for (unsigned left = count; left > 1; left--)
        swap(&marks[left - 1], &marks[random_below(drawing, left)]);
}

/* Swaps two choices: neighbours if there are camps, so that it stays like its own. */
static void change_ranking(struct drawing *drawing, uint8_t *marks)
{
    const unsigned count = drawing->pile->choice_count;
    if (drawing->camps == 0) {
        swap(&marks[random_below(drawing, count)], &marks[random_below(drawing, count)]);
        return;
    }
    int rank = 1 + (int)random_below(drawing, count - 1);
    swap(memchr(marks, rank, count), memchr(marks, rank + 1, count));
}

static void change(struct drawing *drawing, uint8_t *marks)
{
    const struct pile *pile = drawing->pile;
    const unsigned choice = random_below(drawing, pile->choice_count);
    if (kind_of(pile) == KIND_RANKED)
        change_ranking(drawing, marks);
    else if (kind_of(pile) == KIND_APPROVAL)
        marks[choice] ^= 1;
    else
        marks[choice] = (uint8_t)random_below(drawing, pile->settings.value[SETTING_SCORES] + 1u);
}

static void draw(struct drawing *drawing, unsigned number, uint8_t *marks)
{
    const struct pile *pile = drawing->pile;
    const unsigned count = pile->choice_count;
    if (kind_of(pile) != KIND_RANKED) {
        memset(marks, 0, count);
        for (unsigned i = 0; i < 2 * count; i++)
            change(drawing, marks);
        return;
    }
    if (drawing->camps == 0) {
        shuffle(drawing, marks);
        return;
    }
    memcpy(marks, drawing->centers + (size_t)(number % drawing->camps) * count, count);
    for (unsigned i = random_below(drawing, count); i > 0; i--)
        change(drawing, marks);
}

/* FNV-1a. */
static uint32_t hash_of(const uint8_t *marks, unsigned count)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (unsigned i = 0; i < count; i++)
        hash = (hash ^ marks[i]) * 0x100000001b3u;
    return (uint32_t)(hash ^ hash >> 32);
}

/* Notes the ballot if none before it is the same. */
static bool take(struct drawing *drawing, unsigned number, const uint8_t *marks)
{
    const struct pile *pile = drawing->pile;
    const unsigned count = pile->choice_count;
    uint32_t at = hash_of(marks, count) & drawing->mask;
    for (; drawing->taken[at] != 0; at = (at + 1) & drawing->mask)
        if (memcmp(pile->marks + (size_t)(drawing->taken[at] - 1) * count, marks, count) == 0)
            return false;
    drawing->taken[at] = number + 1;
    return true;
}

static void draw_all(struct pile *pile, unsigned camps)
{
    struct drawing drawing = {.pile = pile, .camps = camps};
    const unsigned count = pile->choice_count;
    uint32_t slots = 16;
    while (slots < 2 * pile->count)
        slots *= 2;
    drawing.mask = slots - 1;
    drawing.taken = must_calloc(slots, sizeof *drawing.taken);
    drawing.centers = must_calloc(camps, count);
    for (unsigned i = 0; i < camps; i++)
        shuffle(&drawing, drawing.centers + (size_t)i * count);
    for (unsigned i = 0; i < pile->count; i++) {
        uint8_t *marks = pile->marks + (size_t)i * count;
        draw(&drawing, i, marks);
        while (!marks_are_valid(marks, &pile->settings, count) || !take(&drawing, i, marks))
            change(&drawing, marks);
    }
    free(drawing.taken);
    free(drawing.centers);
}

/* ---- life ---- */

/* How many different ballots there can be, up to the most that are asked for. */
static uint64_t count_possible(const struct pile *pile)
{
    uint64_t count = 1;
    for (unsigned i = 1; i <= pile->choice_count && count <= PILE_MAX; i++)
        count *= kind_of(pile) == KIND_RANKED     ? i
                 : kind_of(pile) == KIND_APPROVAL ? 2
                                                  : pile->settings.value[SETTING_SCORES] + 1u;
    return kind_of(pile) == KIND_APPROVAL ? count - 1 : count;
}

static int settle(struct pile *pile, const struct pile_wish *wish, char why[SETTINGS_WHY_SIZE])
{
    unsigned given = 1u << SETTING_KIND;
    pile->settings.value[SETTING_KIND] = (uint16_t)wish->kind;
    if (wish->method >= 0) {
        given |= 1u << SETTING_METHOD;
        pile->settings.value[SETTING_METHOD] = (uint16_t)wish->method;
    }
    return settings_complete(&pile->settings, given, wish->choice_count, why);
}

int pile_init(struct pile *pile, const struct pile_wish *wish, char why[SETTINGS_WHY_SIZE])
{
    const unsigned choices = wish->choice_count;
    *pile = (struct pile){.choice_count = choices, .count = wish->count};
    if (settle(pile, wish, why) != 0)
        return -1;
    pile->names = must_calloc(choices, sizeof *pile->names);
    for (unsigned i = 0; i < choices; i++) {
        pile_name_choice(pile->names[i].text, i);
        pile->names[i].len = (uint8_t)strlen(pile->names[i].text);
    }
    if (wish->kind == KIND_SINGLE) {
        pile->count = choices;
        return 0;
    }
    if (choices > PILE_CHOICES_MAX) {
        snprintf(why, SETTINGS_WHY_SIZE, "a ballot of more than %d choices may not fit a line",
                 PILE_CHOICES_MAX);
        return -1;
    }
    if (count_possible(pile) < pile->count)
        pile->count = (unsigned)count_possible(pile);
    pile->marks = must_calloc(pile->count, choices);
    draw_all(pile, wish->camps);
    return 0;
}

void pile_free(struct pile *pile)
{
    free(pile->names);
    free(pile->marks);
    *pile = (struct pile){0};
}

/* ---- casting ---- */

size_t pile_write(const struct pile *pile, unsigned number, char *out)
{
    struct marks marks = {.count = pile->choice_count};
    if (pile->marks)
        memcpy(marks.mark, pile->marks + (size_t)number * marks.count, marks.count);
    else
        marks.mark[number] = 1;
    return marks_write(&marks, &pile->settings, pile->names, out);
}

bool pile_adds_up(const struct pile *pile)
{
    return kind_of(pile) == KIND_SINGLE || kind_of(pile) == KIND_RANKED;
}

void pile_count(const struct pile *pile, unsigned number, bool back, uint64_t *counts)
{
    if (!pile->marks) {
        counts[number] += back ? UINT64_MAX : 1;
        return;
    }
    const bool is_ranked = kind_of(pile) == KIND_RANKED;
    const uint8_t *marks = pile->marks + (size_t)number * pile->choice_count;
    for (unsigned i = 0; i < pile->choice_count; i++) {
        uint64_t votes = is_ranked ? marks[i] == 1 : marks[i];
        counts[i] += back ? -votes : votes;
    }
}
