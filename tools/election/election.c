/* An election in memory. Equal ballots are kept once, with their number, so that a file's size does
 * not matter, but how many different ballots it has. */
#include "tools/election/election.h"

#include "proto/line.h"
#include "tools/lib/memory.h"
#include "tools/lib/slug.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text_form[] = "a name or title is text of at most 200 bytes";
_Static_assert(PROTO_TEXT_MAX == 200, "text_form says so");

void election_clear(struct election *election)
{
    free(election->title);
    for (unsigned i = 0; i < election->choice_count; i++)
        free(election->labels[i]);
    values_free(election->values);
    free(election->ballots);
    free(election->newest);
    *election = (struct election){0};
}

/* ---- settings ---- */

void election_give(struct election *election, enum setting setting, unsigned value)
{
    election->settings.value[setting] = (uint16_t)value;
    election->given |= 1u << setting;
}

void election_say(struct election *election, enum setting setting, unsigned value)
{
    if (election->given >> setting & 1)
        return;
    election->settings.value[setting] = (uint16_t)value;
    election->said |= 1u << setting;
}

int election_settle_kind(struct election *election, const char **why)
{
    if (!election_has(election, SETTING_KIND) && !election_has(election, SETTING_METHOD)) {
        *why = "nothing tells what the ballots are; --method=M does: plurality, approval, score, "
               "star, schulze, irv or stv";
        return -1;
    }
    if (!election_has(election, SETTING_KIND))
        election_say(election, SETTING_KIND, method_kind(election->settings.value[SETTING_METHOD]));
    return 0;
}

/* What the file says is left out where it means nothing: a file of ranked ballots may have a number
 * of seats, and be counted by a method that elects one. */
static int complete_settings(struct election *election, char why[ELECTION_WHY_MAX])
{
    const char *reason;
    if (election_settle_kind(election, &reason) != 0) {
        snprintf(why, ELECTION_WHY_MAX, "%s", reason);
        return -1;
    }
    if (!election_has(election, SETTING_METHOD)) {
        snprintf(why, ELECTION_WHY_MAX,
                 "nothing tells how the ballots are counted; --method=M does");
        return -1;
    }
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        if (!settings_has(&election->settings, i))
            election->said &= ~(1u << i);
    return settings_complete(&election->settings, election->given | election->said,
                             election->choice_count, why);
}

/* The reason why a ballot is none of this election's, in the words of the server. */
static void tell_bad(const struct election *election, const struct election_ballots *ballots,
                     char why[ELECTION_WHY_MAX])
{
    struct settings widest = election->settings;
    struct marks marks, read;
    char reason[MARKS_WHY_SIZE] = "a ballot that can't be";
    char *text = must_calloc(MARKS_TEXT_MAX, 1);
    election_marks(election, ballots->value, &marks);
    widest.value[SETTING_MIN] = 1;
    struct span span = {text, marks_write(&marks, &widest, election->choices, text)};
    int refused = marks_parse(span, &election->settings, election->choices, election->choice_count,
                              &read, reason);
    (void)refused;
    snprintf(why, ELECTION_WHY_MAX, "%s %u: %s", election->place_word, ballots->place, reason);
    free(text);
}

static bool ballots_are_valid(const struct election *election,
                              const struct election_ballots *ballots)
{
    if (ballots->value == VALUE_ABSTAIN)
        return election->settings.value[SETTING_ABSTAIN] == ABSTAIN_YES;
    return marks_are_valid(values_marks(election->values, ballots->value), &election->settings,
                           election->choice_count);
}

int election_settle(struct election *election, char why[ELECTION_WHY_MAX])
{
    if (complete_settings(election, why) != 0)
        return -1;
    for (size_t i = 0; i < election->ballots_count; i++)
        if (!ballots_are_valid(election, &election->ballots[i])) {
            tell_bad(election, &election->ballots[i], why);
            return -1;
        }
    return 0;
}

/* ---- texts and choices ---- */

static int replace_text(char **text, struct span with, const char **why)
{
    if (with.len > PROTO_TEXT_MAX || !line_is_text(with.at, with.len)) {
        *why = text_form;
        return -1;
    }
    free(*text);
    *text = must_calloc(with.len + 1, 1);
    memcpy(*text, with.at, with.len);
    return 0;
}

int election_set_title(struct election *election, struct span text, const char **why)
{
    return replace_text(&election->title, text, why);
}

int election_set_label(struct election *election, unsigned choice, struct span text,
                       const char **why)
{
    return replace_text(&election->labels[choice], text, why);
}

int election_name_choice(struct election *election, unsigned choice, struct span text,
                         const char **why)
{
    struct span trimmed = span_trim(text);
    if (trimmed.len == 0) {
        *why = "a choice without a name";
        return -1;
    }
    slug_make(trimmed.at, trimmed.len, "choice", &election->choices[choice]);
    slug_make_unique(election->choices, choice + 1);
    return election_set_label(election, choice, trimmed, why);
}

int election_add_choice(struct election *election, struct span text, const char **why)
{
    if (election->choice_count == PROTO_CHOICES_MAX) {
        *why = "more than 256 choices";
        return -1;
    }
    return election_name_choice(election, election->choice_count++, text, why);
}

/* ---- ballots ---- */

void election_begin_ballots(struct election *election, const char *place_word)
{
    election->place_word = place_word;
    election->values = values_new(election->choice_count);
    if (!election->values)
        memory_exhausted();
}

/* Who made the file can't know the key, so nor which ballots would share a chain of the table. */
static uint64_t hash_marks(const struct election *election, const uint8_t *marks)
{
    static unsigned char key[crypto_shorthash_KEYBYTES];
    static bool has_key;
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t number;
    if (!has_key)
        randombytes_buf(key, sizeof key);
    has_key = true;
    crypto_shorthash(hash, marks, election->choice_count, key);
    memcpy(&number, hash, sizeof number);
    return number;
}

/* The value of these marks; 0 if there are too many. */
static uint32_t find_value(struct election *election, const struct marks *marks)
{
    if (marks->abstains)
        return VALUE_ABSTAIN;
    uint64_t hash = hash_marks(election, marks->mark);
    uint32_t value = values_find(election->values, marks->mark, hash);
    if (value == 0 && values_count(election->values) < VALUES_MAX) {
        value = values_add(election->values, marks->mark, hash);
        if (value == 0)
            memory_exhausted();
    }
    return value;
}

/* Room for `count` items of `size` bytes; what is new is zeroed. */
static void *grow(void *items, size_t *room, size_t count, size_t size)
{
    size_t new_room = *room ? *room : 64;
    while (new_room < count)
        new_room *= 2;
    if (new_room == *room)
        return items;
    void *grown = must_calloc(new_room, size);
    if (*room > 0)
        memcpy(grown, items, *room * size);
    free(items);
    *room = new_room;
    return grown;
}

/* Abstentions have the place that no value has. */
static size_t *newest_of(struct election *election, uint32_t value)
{
    size_t i = value == VALUE_ABSTAIN ? 0 : value;
    election->newest =
        grow(election->newest, &election->newest_room, i + 1, sizeof *election->newest);
    return &election->newest[i];
}

/* Those that say the same, but are of another weight, are kept apart. Only the newest are looked
 * at: where weights differ from ballot to ballot, there is nothing to be gained. */
static void keep_ballots(struct election *election, struct election_ballots added)
{
    size_t *newest = newest_of(election, added.value);
    struct election_ballots *same = *newest > 0 ? &election->ballots[*newest - 1] : NULL;
    if (same && same->weight == added.weight) {
        same->count += added.count;
        return;
    }
    election->ballots = grow(election->ballots, &election->ballots_room,
                             election->ballots_count + 1, sizeof *election->ballots);
    election->ballots[election->ballots_count++] = added;
    *newest = election->ballots_count;
}

int election_add_ballots(struct election *election, const struct marks *marks, uint64_t count,
                         uint64_t weight, unsigned place, const char **why)
{
    *why = NULL;
    if (count == 0 || weight == 0)
        *why = "a ballot that counts for nothing";
    else if (weight > ELECTION_WEIGHT_MAX)
        *why = "a ballot weighs more than 1000000000";
    else if (count > (ELECTION_TOTAL_MAX - election->weight) / weight)
        *why = "the ballots weigh more than 1000000000000 together";
    if (*why)
        return -1;
    uint32_t value = find_value(election, marks);
    if (value == 0) {
        *why = "more than 16777214 different ballots";
        return -1;
    }
    keep_ballots(election, (struct election_ballots){value, (uint32_t)weight, count, place});
    election->heads += count;
    election->weight += count * weight;
    return 0;
}

void election_marks(const struct election *election, uint32_t value, struct marks *marks)
{
    *marks = (struct marks){.count = election->choice_count, .abstains = value == VALUE_ABSTAIN};
    if (!marks->abstains)
        memcpy(marks->mark, values_marks(election->values, value), election->choice_count);
}

/* Below 0 if marks `a` come first: those that say most for an early choice. Of ranks, the first
 * says most, and none at all, 0, least. */
static int compare_marks(const struct election *election, const uint8_t *a, const uint8_t *b)
{
    const bool is_ranked = election->settings.value[SETTING_KIND] == KIND_RANKED;
    for (unsigned i = 0; i < election->choice_count; i++)
        if (a[i] != b[i])
            return is_ranked ? (uint8_t)(a[i] - 1) - (uint8_t)(b[i] - 1) : b[i] - a[i];
    return 0;
}

/* Below 0 if ballots `a` come first. */
static int compare_ballots(const void *a, const void *b, void *context)
{
    const struct election *election = context;
    const struct election_ballots *one = a, *other = b;
    if (one->value == other->value)
        return (one->weight > other->weight) - (one->weight < other->weight);
    if (one->value == VALUE_ABSTAIN || other->value == VALUE_ABSTAIN)
        return one->value == VALUE_ABSTAIN ? 1 : -1;
    return compare_marks(election, values_marks(election->values, one->value),
                         values_marks(election->values, other->value));
}

void election_sort(struct election *election)
{
    if (election->ballots_count > 0)
        qsort_r(election->ballots, election->ballots_count, sizeof *election->ballots,
                compare_ballots, election);
}
