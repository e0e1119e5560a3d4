/* Polls and ballots for tests of counting (see profiles.h). Their memory is never short. */
#include "tests/support/profiles.h"

#include "base/log.h"
#include "proto/lot.h"
#include "proto/marks.h"
#include "base/buffer.h"
#include "tests/support/mix.h"

#include <stdlib.h>
#include <string.h>

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* The next word behind spaces; it is empty at the end. */
static struct span cut_word(struct span *rest)
{
    *rest = span_trim(*rest);
    return span_cut(rest, ' ');
}

static struct settings read_settings(const char *text, unsigned choice_count)
{
    struct settings settings = {{0}};
    char why[SETTINGS_WHY_SIZE];
    unsigned given = 0;
    struct span rest = span_of(text), word;
    while ((word = cut_word(&rest)).len > 0) {
        struct span name = span_cut(&word, '=');
        int setting = setting_find(name.at, name.len);
        INVARIANT(setting >= 0 &&
                  setting_parse((enum setting)setting, word, &settings.value[setting]));
        given |= 1u << setting;
    }
    INVARIANT(settings_complete(&settings, given, choice_count, why) == 0);
    return settings;
}

struct electing electing_new(const char *settings_text, const char *choices_text,
                             const char *lot_text)
{
    static struct name choices[PROTO_CHOICES_MAX];
    uint8_t lot[PROTO_CHOICES_MAX];
    char why[LOT_WHY_SIZE];
    unsigned count = 0;
    struct span rest = span_of(choices_text), word;
    while ((word = cut_word(&rest)).len > 0)
        INVARIANT(name_parse(word.at, word.len, &choices[count++]));
    struct settings settings = read_settings(settings_text, count);
    INVARIANT(!lot_text || lot_parse(span_of(lot_text), choices, count, lot, why) == 0);
    struct poll *poll =
        poll_new(&(struct name){1, "p"}, &settings, choices, count, lot_text ? lot : NULL);
    INVARIANT(poll);
    if (!poll->values && poll_setting(poll, SETTING_KIND) != KIND_SINGLE)
        INVARIANT((poll->values = values_new(count)));
    struct electing electing = {.poll = poll, .profile = profile_new(poll)};
    INVARIANT(electing.profile);
    return electing;
}

void electing_free(struct electing *electing)
{
    profile_free(electing->profile);
    poll_free(electing->poll);
}

static uint64_t hash_of(const struct marks *marks)
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < marks->count; i++)
        hash = mix(hash ^ marks->mark[i]);
    return hash;
}

/* The value of a ballot, a new one if nobody has said the same before. */
static uint32_t value_of(const struct poll *poll, const struct marks *marks)
{
    if (marks->abstains)
        return VALUE_ABSTAIN;
    if (poll_setting(poll, SETTING_KIND) == KIND_SINGLE)
        return 1 + (uint32_t)((const uint8_t *)memchr(marks->mark, 1, marks->count) - marks->mark);
    uint64_t hash = hash_of(marks);
    uint32_t value = values_find(poll->values, marks->mark, hash);
    return value ? value : values_add(poll->values, marks->mark, hash);
}

/* The value of a ballot as VOTE takes it; 0 if it is none. */
static uint32_t read_ballot(const struct poll *poll, const char *ballot)
{
    char why[MARKS_WHY_SIZE];
    struct marks marks;
    if (marks_parse(span_of(ballot), &poll->settings, poll->choices, poll->choice_count, &marks,
                    why) != 0)
        return 0;
    uint32_t value = value_of(poll, &marks);
    INVARIANT(value != 0);
    return value;
}

int electing_cast(struct electing *electing, unsigned weight, const char *ballot)
{
    uint32_t value = read_ballot(electing->poll, ballot);
    return value == 0 ? -1 : profile_count(electing->profile, 0, value, weight);
}

int electing_take_back(struct electing *electing, unsigned weight, const char *ballot)
{
    uint32_t value = read_ballot(electing->poll, ballot);
    return value == 0 ? -1 : profile_count(electing->profile, value, 0, weight);
}

struct result *electing_count(const struct electing *electing)
{
    struct profile_view *view = profile_view(electing->profile);
    struct result *result = view ? method_count(view) : NULL;
    profile_view_free(view);
    return result;
}

static void append_row(void *owner, const char *row, size_t len)
{
    struct buffer *rows = owner;
    INVARIANT(buffer_append(rows, row, len) == 0 && buffer_append(rows, "\n", 1) == 0);
}

char *electing_rows_of(const struct result *result, bool pairs)
{
    struct buffer rows = {0};
    result_write(result, pairs, append_row, &rows);
    append_row(&rows, "", 0);
    rows.bytes[rows.len - 1] = '\0';
    return rows.bytes;
}

char *electing_rows(const struct electing *electing, bool pairs)
{
    struct result *result = electing_count(electing);
    INVARIANT(result);
    char *rows = electing_rows_of(result, pairs);
    result_unref(result);
    return rows;
}
