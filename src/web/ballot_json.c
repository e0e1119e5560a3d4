/* Bodies of ballots. Any thread. A body is checked member by member by the line protocol's own
 * rules, so that a ballot means the same whichever way it came. The body can be faulty, and memory
 * for parsing JSON can be short; that memory is bounded by the body's length, which HTTP limits. */
#include "web/ballot_json.h"

#include "proto/http_value.h"
#include "proto/number.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SURPLUS    "a ballot has choice or ballot, voter, id, token and after, and nothing else"
#define TWICE      "a member is given twice"
#define AFTER_FORM "after is the sequence of a ballot, or 0"
#define FIELD_FORM "the field of a choice is a number of two digits"
#define TEXT_FORM  "a ballot is names of choices, with , > or = between them, or a lone -"

/* A form that is being read. */
struct reading {
    struct ballot_form *form;
    bool is_form; /* of a browser */
    bool has_choice, has_ballot, has_voter, has_id, has_token;
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

/* Takes what a ballot says: of `choice` only a name. Which ballots there are the poll decides. */
static int take_text(struct reading *reading, struct span value)
{
    struct name name;
    char *text = reading->form->text;
    if (reading->has_choice && reading->has_ballot)
        return refuse(reading, SURPLUS);
    const bool is_name = name_parse(value.at, value.len, &name);
    if (reading->has_choice && !is_name)
        return refuse(reading, NAME_FORM);
    if (value.len >= BALLOT_TEXT_SIZE || !(is_name || marks_may_be(value)))
        return refuse(reading, TEXT_FORM);
    memcpy(text, is_name ? name.text : value.at, value.len);
    text[value.len] = '\0';
    return 0;
}

/* Takes one member or field, decoded, but for after. */
static int take(struct reading *reading, const char *name, struct span value)
{
    struct ballot_form *form = reading->form;
    bool *has = strcmp(name, "choice") == 0   ? &reading->has_choice
                : strcmp(name, "ballot") == 0 ? &reading->has_ballot
                : strcmp(name, "voter") == 0  ? &reading->has_voter
                : strcmp(name, "id") == 0     ? &reading->has_id
                : strcmp(name, "token") == 0  ? &reading->has_token
                                              : NULL;
    if (!has)
        return refuse(reading, SURPLUS);
    if (*has)
        return refuse(reading, TWICE);
    *has = true;
    if (has == &reading->has_choice || has == &reading->has_ballot)
        return take_text(reading, value);
    if (has == &reading->has_voter)
        return voter_name_parse(value, &form->voter) ? 0 : refuse(reading, VOTER_NAME_FORM);
    return take_word(reading, value, has == &reading->has_id ? form->id : form->token);
}

static struct reading begin(struct ballot_form *form, bool is_form)
{
    form->text[0] = '\0';
    form->fields = FIELDS_NONE;
    memset(form->field, 0, sizeof form->field);
    form->is_empty = false;
    form->voter.len = 0;
    form->id[0] = form->token[0] = '\0';
    form->has_after = false;
    return (struct reading){.form = form, .is_form = is_form};
}

static int finish(struct reading *reading, int error, const char **why)
{
    struct ballot_form *form = reading->form;
    form->is_empty = !form->text[0] && form->fields == FIELDS_NONE;
    if (error == 0 && form->is_empty && !reading->is_form)
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
        return refuse(reading, "choice, ballot, voter, id and token are strings");
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
    struct reading reading = begin(form, false);
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
enum { FIELD_NAME_SIZE = 16, VALUE_SIZE = BALLOT_TEXT_SIZE, FIELD_MAX = 99 };

static const char *form_of(const char *name)
{
    if (strcmp(name, "choice") == 0)
        return NAME_FORM;
    if (strcmp(name, "ballot") == 0)
        return TEXT_FORM;
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

/* The kind of a choice's field, and the choice's number, from its name. Returns FIELDS_NONE if it
 * is none. */
static enum ballot_fields field_of(const char *name, uint64_t *number)
{
    static const char *const kinds[] = {
        [FIELDS_APPROVE] = "approve-", [FIELDS_SCORE] = "score-", [FIELDS_RANK] = "rank-"};
    for (int kind = FIELDS_APPROVE; kind <= FIELDS_RANK; kind++) {
        size_t len = strlen(kinds[kind]);
        if (strncmp(name, kinds[kind], len) == 0 &&
            number_parse(name + len, strlen(name + len), PROTO_CHOICES_MAX, number) && *number > 0)
            return (enum ballot_fields)kind;
    }
    return FIELDS_NONE;
}

/* Takes the field of a choice; of a form with several kinds of them, none. */
static int take_mark(struct reading *reading, enum ballot_fields kind, uint64_t number,
                     struct span value)
{
    struct ballot_form *form = reading->form;
    uint64_t mark = 0;
    if (form->fields != FIELDS_NONE && form->fields != kind)
        return refuse(reading, SURPLUS);
    if (value.len > 0 && !number_parse(value.at, value.len, FIELD_MAX, &mark))
        return refuse(reading, FIELD_FORM);
    if (form->field[number - 1] != 0)
        return refuse(reading, TWICE);
    form->fields = kind;
    form->field[number - 1] = (uint8_t)mark;
    return 0;
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
    uint64_t number;
    const enum ballot_fields kind = field_of(name, &number);
    if (kind != FIELDS_NONE)
        return take_mark(reading, kind, number, span_trim(text));
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
    struct reading reading = begin(form, true);
    struct span name, value;
    int error = 0;
    while (error == 0 && http_next_pair(&body, &name, &value))
        error = take_field(&reading, name, value);
    return finish(&reading, error, why);
}

/* ---- marks ---- */

static bool fits(enum ballot_fields fields, const struct poll *poll)
{
    switch (poll_setting(poll, SETTING_KIND)) {
    case KIND_APPROVAL:
        return fields == FIELDS_APPROVE || fields == FIELDS_NONE;
    case KIND_SCORE:
        return fields == FIELDS_SCORE || fields == FIELDS_NONE;
    case KIND_RANKED:
        return fields == FIELDS_RANK || fields == FIELDS_NONE;
    default:
        return false;
    }
}

/* Makes of any numbers, in whose order they rank the choices, ranks from 1 without gaps. */
static void close_gaps(struct marks *marks)
{
    unsigned rank = 0;
    bool given[FIELD_MAX + 1] = {false};
    uint8_t ranks[FIELD_MAX + 1] = {0};
    for (unsigned i = 0; i < marks->count; i++)
        given[marks->mark[i]] = true;
    for (unsigned number = 1; number <= FIELD_MAX; number++)
        if (given[number])
            ranks[number] = (uint8_t)++rank;
    for (unsigned i = 0; i < marks->count; i++)
        marks->mark[i] = ranks[marks->mark[i]];
}

/* The fields as marks, which may be none that the poll takes. Returns whether there is one for no
 * other choice than the poll's. */
static bool mark_fields(const struct ballot_form *form, const struct poll *poll,
                        struct marks *marks)
{
    *marks = (struct marks){.count = poll->choice_count};
    memcpy(marks->mark, form->field, poll->choice_count);
    if (form->fields == FIELDS_RANK)
        close_gaps(marks);
    for (unsigned i = 0; form->fields == FIELDS_APPROVE && i < marks->count; i++)
        marks->mark[i] = marks->mark[i] > 0;
    for (unsigned i = poll->choice_count; i < PROTO_CHOICES_MAX; i++)
        if (form->field[i] != 0)
            return false;
    return true;
}

static bool is_blank(const struct marks *marks)
{
    for (unsigned i = 0; i < marks->count; i++)
        if (marks->mark[i] > 0)
            return false;
    return true;
}

/* Writes the fields as a text, so that one judge decides on all ballots. */
static int judge_fields(const struct poll *poll, const struct marks *marks,
                        char room[MARKS_WHY_SIZE])
{
    struct marks judged;
    if (is_blank(marks) && poll_setting(poll, SETTING_KIND) != KIND_SCORE) {
        snprintf(room, MARKS_WHY_SIZE, "nothing is filled in");
        return ERR_BAD_BALLOT;
    }
    char *text = malloc(MARKS_TEXT_MAX);
    if (!text)
        return ERR_LIMIT;
    size_t len = marks_write(marks, &poll->settings, poll->choices, text);
    int error = marks_parse((struct span){text, len}, &poll->settings, poll->choices,
                            poll->choice_count, &judged, room);
    free(text);
    return error;
}

int ballot_form_marks(const struct ballot_form *form, const struct poll *poll, struct marks *marks,
                      char room[MARKS_WHY_SIZE], const char **why)
{
    int error;
    room[0] = '\0';
    if (form->text[0]) {
        error = marks_parse((struct span){form->text, strlen(form->text)}, &poll->settings,
                            poll->choices, poll->choice_count, marks, room);
    } else if (!fits(form->fields, poll)) {
        *why = "choice is missing";
        return ERR_BAD_ARGUMENT;
    } else if (!mark_fields(form, poll, marks)) {
        error = ERR_NO_SUCH_CHOICE;
    } else {
        error = judge_fields(poll, marks, room);
    }
    *why = room[0] ? room : NULL;
    return error;
}
