/* Polls and their tallies as JSON. Any thread: snapshots and texts don't change.
 *
 * Memory can run short at each step, and jansson takes that in its stride: to set a member to NULL
 * fails, and a value that could not be set is freed. So a function here builds on, and remembers
 * that something failed. */
#include "json/poll_json.h"

#include "proto/number.h"
#include "proto/line.h"

#include <stdio.h>
#include <string.h>

/* A value being built. */
struct builder {
    json_t *json; /* an object */
    bool failed;
};

static struct builder begin(void)
{
    struct builder builder = {.json = json_object()};
    builder.failed = !builder.json;
    return builder;
}

/* Adds a member, and takes over its value. */
static void member(struct builder *to, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(to->json, name, value) != 0)
        to->failed = true;
}

/* The value, which is the caller's now; NULL if anything failed. */
static json_t *finish(struct builder *builder)
{
    if (!builder->failed)
        return builder->json;
    json_decref(builder->json);
    return NULL;
}

/* A number that counts entries or ballots: far below what JSON's readers take for exact. */
static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Names are ASCII. */
static json_t *name_json(const struct name *name)
{
    return json_stringn_nocheck(name->text, name->len);
}

/* A title or label; the name where none was given. Only a hand in the database can have made one
 * that is no text. */
static json_t *text_json(const struct poll_texts *texts, unsigned index, const struct name *name)
{
    if (!texts)
        return name_json(name);
    const struct poll_text *text = &texts->text[index];
    if (!line_is_text(text->bytes, text->len))
        return json_string_nocheck("\xef\xbf\xbd");
    return json_stringn_nocheck(text->bytes, text->len);
}

static json_t *settings_json(const struct snapshot *snapshot)
{
    struct builder settings = begin();
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
        unsigned value = setting == SETTING_STATE ? (snapshot->open ? STATE_OPEN : STATE_CLOSED)
                                                  : poll_setting(snapshot->poll, setting);
        member(&settings, setting_name(setting),
               json_string_nocheck(setting_value_name(setting, value)));
    }
    return finish(&settings);
}

/* What is told of a poll: its tally alone, or its texts and settings too. */
struct subject {
    const struct snapshot *snapshot;
    struct tally_view view;
    bool whole;
    const struct poll_texts *texts;
};

static json_t *choice_json(const struct subject *subject, unsigned i)
{
    const struct name *name = &subject->view.choices[i];
    struct builder choice = begin();
    member(&choice, "choice", name_json(name));
    if (subject->whole)
        member(&choice, "label", text_json(subject->texts, 1 + i, name));
    member(&choice, "count", subject->view.hidden ? json_null() : number(subject->view.counts[i]));
    return finish(&choice);
}

static json_t *choices_json(const struct subject *subject)
{
    json_t *choices = json_array();
    for (unsigned i = 0; i < subject->view.choice_count; i++) {
        if (json_array_append_new(choices, choice_json(subject, i)) != 0) {
            json_decref(choices);
            return NULL;
        }
    }
    return choices;
}

static json_t *subject_json(struct subject *subject)
{
    const struct poll *poll = subject->snapshot->poll;
    struct tally_view *view = &subject->view;
    snapshot_view(subject->snapshot, view);
    struct builder json = begin();
    member(&json, "poll", name_json(&poll->name));
    if (subject->whole) {
        member(&json, "title", text_json(subject->texts, 0, &poll->name));
        member(&json, "settings", settings_json(subject->snapshot));
    }
    member(&json, "seq", number(view->seq));
    member(&json, "open", json_boolean(view->open));
    member(&json, "hidden", json_boolean(view->hidden));
    member(&json, "ballots", number(view->ballots));
    member(&json, "choices", choices_json(subject));
    return finish(&json);
}

json_t *poll_json_tally(const struct snapshot *snapshot)
{
    struct subject subject = {.snapshot = snapshot};
    return subject_json(&subject);
}

json_t *poll_json(const struct snapshot *snapshot, const struct poll_texts *texts)
{
    struct subject subject = {.snapshot = snapshot, .whole = true, .texts = texts};
    return subject_json(&subject);
}

int poll_json_event(struct buffer *out, const struct snapshot *snapshot)
{
    size_t before = out->len;
    char head[64];
    char *at = head;
    memcpy(at, "event: tally\nid: ", 17);
    at = number_put(at + 17, snapshot->seq);
    memcpy(at, "\ndata: ", 7);
    at += 7;
    if (buffer_append(out, head, (size_t)(at - head)) == 0 &&
        json_append_new(out, poll_json_tally(snapshot)) == 0 && buffer_append(out, "\n\n", 2) == 0)
        return 0;
    out->len = before;
    return -1;
}
