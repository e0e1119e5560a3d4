/* Reading an election from JSON, and writing it (see election_json.h). Jansson says whether it is
 * JSON, and where not; of what it is then, jansson keeps no lines, so messages name the member, and
 * number ballots.
 */
#include "tools/election/election_json.h"

#include "proto/choice.h"
#include "tools/lib/memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct election *election;
    const json_t *root;
    char *why;
};

static int fail(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->why, ELECTION_WHY_MAX, format, arguments);
    va_end(arguments);
    return -1;
}

/* at is NULL if it is no string. */
static struct span string_of(const json_t *value)
{
    return (struct span){json_string_value(value), json_string_length(value)};
}

/* ---- settings ---- */

/* Those that say how ballots look and are counted. Others are of the poll that it once was. */
static bool is_counted_by(enum setting setting)
{
    return setting >= SETTING_KIND;
}

static int take_setting(struct reading *reading, enum setting setting, const json_t *value)
{
    char digits[24];
    uint16_t number;
    struct span text = string_of(value);
    if (json_is_integer(value)) {
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = (struct span){digits, strlen(digits)};
    }
    if (!text.at || !setting_parse(setting, text, &number))
        return fail(reading, "%s", setting_usage(setting));
    election_say(reading->election, setting, number);
    return 0;
}

static int read_settings(struct reading *reading)
{
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        const json_t *value = json_object_get(reading->root, setting_name(i));
        if (value && is_counted_by(i) && take_setting(reading, i, value) != 0)
            return -1;
    }
    return election_has(reading->election, SETTING_KIND)
               ? 0
               : fail(reading, "\"kind\" is missing: single, approval, score or ranked");
}

/* ---- choices ---- */

static int take_choice(struct reading *reading, size_t i, const json_t *value)
{
    struct election *election = reading->election;
    struct span text = string_of(value);
    struct name *name = &election->choices[i];
    if (!text.at || !name_parse(text.at, text.len, name))
        return fail(reading, "\"choices\", number %zu: " NAME_FORM, i + 1);
    for (size_t j = 0; j < i; j++)
        if (name_equal(name, &election->choices[j]))
            return fail(reading, "\"choices\": %s is there twice", name->text);
    election->choice_count++;
    return 0;
}

static int read_choices(struct reading *reading)
{
    const json_t *choices = json_object_get(reading->root, "choices");
    size_t count = json_array_size(choices);
    if (count < PROTO_CHOICES_MIN || count > PROTO_CHOICES_MAX)
        return fail(reading, "\"choices\" are the names of 2 to %d choices", PROTO_CHOICES_MAX);
    for (size_t i = 0; i < count; i++)
        if (take_choice(reading, i, json_array_get(choices, i)) != 0)
            return -1;
    return 0;
}

static int read_labels(struct reading *reading)
{
    struct election *election = reading->election;
    const json_t *labels = json_object_get(reading->root, "labels");
    const char *why;
    if (!labels)
        return 0;
    if (json_array_size(labels) != election->choice_count)
        return fail(reading, "\"labels\" are texts, as many as there are choices");
    for (unsigned i = 0; i < election->choice_count; i++) {
        struct span text = string_of(json_array_get(labels, i));
        if (!text.at)
            return fail(reading, "\"labels\" are texts, as many as there are choices");
        if (election_set_label(election, i, text, &why) != 0)
            return fail(reading, "\"labels\": %s", why);
    }
    return 0;
}

static int read_title(struct reading *reading)
{
    const char *why;
    struct span text = string_of(json_object_get(reading->root, "title"));
    if (!text.at)
        text = string_of(json_object_get(reading->root, "name"));
    if (text.at && election_set_title(reading->election, text, &why) != 0)
        return fail(reading, "\"title\": %s", why);
    return 0;
}

static int read_lot(struct reading *reading)
{
    struct election *election = reading->election;
    const json_t *lot = json_object_get(reading->root, "lot");
    bool is_there[PROTO_CHOICES_MAX] = {false};
    if (!lot || election->has_lot)
        return 0;
    if (json_array_size(lot) != election->choice_count)
        return fail(reading, "\"lot\" has each choice once");
    for (unsigned i = 0; i < election->choice_count; i++) {
        struct name name;
        struct span text = string_of(json_array_get(lot, i));
        int choice = text.at && name_parse(text.at, text.len, &name)
                         ? choice_find(election->choices, election->choice_count, &name)
                         : -1;
        if (choice < 0 || is_there[choice])
            return fail(reading, "\"lot\" has each choice once");
        is_there[choice] = true;
        election->lot[i] = (uint8_t)choice;
    }
    election->has_lot = true;
    return 0;
}

/* ---- ballots ---- */

/* The widest settings: election_settle judges by the ones that hold. */
static struct settings widest(const struct election *election)
{
    return (struct settings){.value = {
                                 [SETTING_KIND] = election->settings.value[SETTING_KIND],
                                 [SETTING_EQUAL] = EQUAL_YES,
                                 [SETTING_SCORES] = SCORES_MAX,
                                 [SETTING_MIN] = 1,
                                 [SETTING_MAX] = (uint16_t)election->choice_count,
                             }};
}

static bool take_number(const json_t *value, uint64_t *number)
{
    if (!json_is_integer(value) || json_integer_value(value) <= 0)
        return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

static int take_ballot(struct reading *reading, size_t i, const json_t *ballot,
                       const struct settings *settings)
{
    struct election *election = reading->election;
    struct marks marks;
    char bad[MARKS_WHY_SIZE];
    const char *why;
    uint64_t count = 0, weight = 1;
    struct span text = string_of(json_array_get(ballot, 1));
    size_t members = json_array_size(ballot);
    if ((members != 2 && members != 3) || !text.at ||
        !take_number(json_array_get(ballot, 0), &count) ||
        (members == 3 && !take_number(json_array_get(ballot, 2), &weight)))
        return fail(reading,
                    "ballot %zu: each is [HOW-MANY, \"TEXT\"] or [HOW-MANY, \"TEXT\", "
                    "WEIGHT]",
                    i + 1);
    if (marks_parse(text, settings, election->choices, election->choice_count, &marks, bad) != 0)
        return fail(reading, "ballot %zu: %s", i + 1, bad);
    if (election_add_ballots(election, &marks, count, weight, (unsigned)(i + 1), &why) != 0)
        return fail(reading, "ballot %zu: %s", i + 1, why);
    return 0;
}

static int read_ballots(struct reading *reading)
{
    const json_t *ballots = json_object_get(reading->root, "ballots");
    const struct settings settings = widest(reading->election);
    if (!json_is_array(ballots))
        return fail(reading, "\"ballots\" is missing, a list");
    election_begin_ballots(reading->election, "ballot");
    for (size_t i = 0; i < json_array_size(ballots); i++)
        if (take_ballot(reading, i, json_array_get(ballots, i), &settings) != 0)
            return -1;
    return 0;
}

int election_json_read(struct election *election, const char *text, size_t len,
                       char why[ELECTION_WHY_MAX])
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    struct reading reading = {election, root, why};
    int result = -1;
    if (!root)
        fail(&reading, "line %d: %s", error.line, error.text);
    else if (!json_is_object(root))
        fail(&reading, "an election in JSON is an object");
    else if (read_settings(&reading) == 0 && read_choices(&reading) == 0 &&
             read_labels(&reading) == 0 && read_title(&reading) == 0 && read_lot(&reading) == 0)
        result = read_ballots(&reading);
    json_decref(root);
    return result;
}

/* ---- writing ---- */

struct writer {
    const struct election *election;
    election_put_fn *put;
    void *owner;
    char *text; /* owned: of a ballot */
};

static void put_text(const struct writer *writer, const char *text)
{
    writer->put(writer->owner, text, strlen(text));
}

/* Takes over a reference. */
static void put_json(const struct writer *writer, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (!text)
        memory_exhausted();
    put_text(writer, text);
    free(text);
    json_decref(value);
}

static void put_settings(const struct writer *writer)
{
    const struct settings *settings = &writer->election->settings;
    for (enum setting i = SETTING_KIND; i < SETTING_COUNT; i++) {
        unsigned value = settings->value[i];
        if (!settings_has(settings, i))
            continue;
        put_text(writer, ",");
        put_json(writer, json_string(setting_name(i)));
        put_text(writer, ":");
        put_json(writer, setting_is_number(i) ? json_integer((json_int_t)value)
                                              : json_string(setting_value_name(i, value)));
    }
}

/* A member that has a text for each choice. */
static void put_list(const struct writer *writer, const char *name,
                     const char *(*text_of)(const struct election *election, unsigned i))
{
    json_t *list = json_array();
    for (unsigned i = 0; list && i < writer->election->choice_count; i++)
        json_array_append_new(list, json_string(text_of(writer->election, i)));
    put_text(writer, name);
    put_json(writer, list);
}

static const char *name_of(const struct election *election, unsigned i)
{
    return election->choices[i].text;
}

static const char *name_in_lot(const struct election *election, unsigned i)
{
    return election->choices[election->lot[i]].text;
}

static void put_ballots(const struct writer *writer, const struct election_ballots *ballots)
{
    const struct election *election = writer->election;
    struct marks marks;
    char head[48], tail[48] = "\"]";
    election_marks(election, ballots->value, &marks);
    size_t len = marks_write(&marks, &election->settings, election->choices, writer->text);
    snprintf(head, sizeof head, "[%" PRIu64 ",\"", ballots->count);
    if (ballots->weight != 1)
        snprintf(tail, sizeof tail, "\",%" PRIu32 "]", ballots->weight);
    put_text(writer, head);
    writer->put(writer->owner, writer->text, len);
    put_text(writer, tail);
}

void election_json_write(const struct election *election, election_put_fn *put, void *owner)
{
    struct writer writer = {election, put, owner, must_calloc(MARKS_TEXT_MAX, 1)};
    put_text(&writer, "{\"title\":");
    put_json(&writer, json_string(election->title ? election->title : ""));
    put_settings(&writer);
    put_list(&writer, ",\"choices\":", name_of);
    put_list(&writer, ",\"labels\":", election_label);
    if (election->has_lot)
        put_list(&writer, ",\"lot\":", name_in_lot);
    put_text(&writer, ",\"ballots\":[");
    for (size_t i = 0; i < election->ballots_count; i++) {
        put_text(&writer, i > 0 ? "," : "");
        put_ballots(&writer, &election->ballots[i]);
    }
    put_text(&writer, "]}\n");
    free(writer.text);
}
