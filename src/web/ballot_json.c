/* Bodies of ballots. Any thread. A body is checked member by member by the line protocol's own
 * rules, so that a ballot means the same whichever way it came. The body can be faulty, and memory
 * for parsing JSON can be short; that memory is bounded by the body's length, which HTTP limits. */
#include "web/ballot_json.h"

#include "proto/http_value.h"
#include "proto/number.h"

#include <jansson.h>
#include <string.h>

#define SURPLUS    "a ballot has choice, voter, id, token and after, and nothing else"
#define TWICE      "a member is given twice"
#define AFTER_FORM "after is the sequence of a ballot, or 0"

/* A form that is being read. */
struct reading {
    struct ballot_form *form;
    bool has_choice, has_voter, has_id, has_token;
    const char *why;
};

static int refuse(struct reading *reading, const char *why)
{
    reading->why = why;
    return ERR_BAD_ARGUMENT;
}

static int take_word(struct reading *reading, struct span value, char text[PROTO_NAME_MAX + 1])
{
    if (!id_is_valid(value.at, value.len))
        return refuse(reading, ID_FORM);
    memcpy(text, value.at, value.len);
    text[value.len] = '\0';
    return 0;
}

static int take_after(struct reading *reading, uint64_t seq)
{
    if (reading->form->has_after)
        return refuse(reading, TWICE);
    reading->form->has_after = true;
    reading->form->after = seq;
    return 0;
}

/* Takes one member or field, decoded, but for after. */
static int take(struct reading *reading, const char *name, struct span value)
{
    struct ballot_form *form = reading->form;
    bool *has = strcmp(name, "choice") == 0  ? &reading->has_choice
                : strcmp(name, "voter") == 0 ? &reading->has_voter
                : strcmp(name, "id") == 0    ? &reading->has_id
                : strcmp(name, "token") == 0 ? &reading->has_token
                                             : NULL;
    if (!has)
        return refuse(reading, SURPLUS);
    if (*has)
        return refuse(reading, TWICE);
    *has = true;
    if (has == &reading->has_choice)
        return name_parse(value.at, value.len, &form->choice) ? 0 : refuse(reading, NAME_FORM);
    if (has == &reading->has_voter)
        return voter_name_parse(value, &form->voter) ? 0 : refuse(reading, VOTER_NAME_FORM);
    return take_word(reading, value, has == &reading->has_id ? form->id : form->token);
}

static struct reading begin(struct ballot_form *form)
{
    form->voter.len = 0;
    form->id[0] = form->token[0] = '\0';
    form->has_after = false;
    return (struct reading){.form = form};
}

static int finish(struct reading *reading, int error, const char **why)
{
    if (error == 0 && !reading->has_choice)
        error = refuse(reading, "choice is missing");
    *why = reading->why;
    return error;
}

/* ---- JSON ---- */

static int take_member(struct reading *reading, const char *name, const json_t *value)
{
    if (strcmp(name, "after") == 0) {
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return refuse(reading, AFTER_FORM);
        return take_after(reading, (uint64_t)json_integer_value(value));
    }
    if (!json_is_string(value))
        return refuse(reading, "choice, voter, id and token are strings");
    struct span text = {json_string_value(value), json_string_length(value)};
    return take(reading, name, text);
}

static int take_members(struct reading *reading, json_t *object)
{
    const char *name;
    json_t *value;
    int error = 0;
    json_object_foreach(object, name, value)
    {
        error = take_member(reading, name, value);
        if (error != 0)
            break;
    }
    return error;
}

/* As far as jansson tells: it reports no shortage in a value, and calls one in a string bad
 * syntax. */
static bool is_short_of_memory(const json_error_t *problem)
{
    enum json_error_code code = json_error_code(problem);
    return code == json_error_out_of_memory || code == json_error_unknown;
}

static int refuse_text(struct reading *reading, const json_error_t *problem)
{
    if (is_short_of_memory(problem))
        return ERR_LIMIT;
    return refuse(reading, json_error_code(problem) == json_error_duplicate_key
                               ? TWICE
                               : "the body is not one JSON object");
}

int ballot_json_read(struct span body, struct ballot_form *form, const char **why)
{
    struct reading reading = begin(form);
    json_error_t problem = {0};
    json_t *json = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &problem);
    int error;
    if (!json)
        error = refuse_text(&reading, &problem);
    else if (!json_is_object(json))
        error = refuse(&reading, "the body is not one JSON object");
    else
        error = take_members(&reading, json);
    json_decref(json);
    return finish(&reading, error, why);
}

/* ---- a browser's form ---- */

/* Longer than any valid value, for white space around it. */
enum { FIELD_NAME_SIZE = 16, VALUE_SIZE = 512 };

static const char *form_of(const char *name)
{
    if (strcmp(name, "choice") == 0)
        return NAME_FORM;
    return strcmp(name, "voter") == 0 ? VOTER_NAME_FORM : ID_FORM;
}

/* Browsers send all fields of a form, so an empty one is an absent one. */
static bool may_be_empty(const char *name)
{
    static const char *const names[] = {"voter", "id", "token", "after"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static int take_field(struct reading *reading, struct span raw_name, struct span raw_value)
{
    char name[FIELD_NAME_SIZE];
    char value[VALUE_SIZE];
    if (http_decode(raw_name, true, name, sizeof name) < 0)
        return refuse(reading, SURPLUS);
    int len = http_decode(raw_value, true, value, sizeof value);
    if (len < 0)
        return refuse(reading, form_of(name));
    struct span text = {value, (size_t)len};
    if (span_trim(text).len == 0 && may_be_empty(name))
        return 0;
    if (strcmp(name, "after") == 0) {
        uint64_t seq;
        return number_parse(value, (size_t)len, UINT64_MAX, &seq) ? take_after(reading, seq)
                                                                  : refuse(reading, AFTER_FORM);
    }
    return take(reading, name, text);
}

int ballot_json_read_form(struct span body, struct ballot_form *form, const char **why)
{
    struct reading reading = begin(form);
    struct span name, value;
    int error = 0;
    while (error == 0 && http_next_pair(&body, &name, &value))
        error = take_field(&reading, name, value);
    return finish(&reading, error, why);
}
