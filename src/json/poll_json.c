/* Polls and their tallies as JSON. Any thread: snapshots don't change. Memory can be short. */
#include "json/poll_json.h"

#include "proto/line.h"
#include "proto/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The parts of a poll to write: its tally alone, or its texts and settings too. */
struct subject {
    const struct snapshot *snapshot;
    const char *ledger;
    struct tally_view view;
    bool whole;
};

static struct subject subject_of(const struct snapshot *snapshot, const char *ledger, bool whole)
{
    struct subject subject = {.snapshot = snapshot, .ledger = ledger, .whole = whole};
    snapshot_view(snapshot, &subject.view);
    return subject;
}

/* Names are ASCII. */
static void write_name(struct json_writer *json, const char *member, const struct name *name)
{
    json_write_name(json, member);
    json_write_text(json, name->text, name->len);
}

/* A title or label. Only a hand-edited database can hold one that is no text. */
static void write_text(struct json_writer *json, const char *member, struct span text)
{
    json_write_name(json, member);
    if (line_is_text(text.at, text.len))
        json_write_text(json, text.at, text.len);
    else
        json_write_string(json, "\xef\xbf\xbd");
}

static void write_settings(struct json_writer *json, const struct snapshot *snapshot)
{
    const struct poll *poll = snapshot->poll;
    json_write_name(json, "settings");
    json_write_open(json, '{');
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
        if (!settings_has(&poll->settings, setting))
            continue;
        const unsigned value = snapshot_setting(snapshot, setting);
        json_write_name(json, setting_name(setting));
        if (setting_is_number(setting))
            json_write_number(json, value);
        else
            json_write_string(json, setting_value_name(setting, value));
    }
    json_write_name(json, "lot");
    json_write_open(json, '[');
    for (unsigned i = 0; i < poll->choice_count; i++)
        json_write_text(json, poll->choices[poll->lot[i]].text, poll->choices[poll->lot[i]].len);
    json_write_close(json, ']');
    json_write_close(json, '}');
}

static void write_choices(struct json_writer *json, const struct subject *subject)
{
    json_write_name(json, "choices");
    json_write_open(json, '[');
    for (unsigned i = 0; i < subject->view.choice_count; i++) {
        json_write_open(json, '{');
        write_name(json, "choice", &subject->view.choices[i]);
        if (subject->whole)
            write_text(json, "label", snapshot_label(subject->snapshot, i));
        json_write_name(json, "count");
        if (subject->view.hidden)
            json_write_null(json);
        else
            json_write_number(json, subject->view.counts[i]);
        json_write_close(json, '}');
    }
    json_write_close(json, ']');
}

static void write_subject(struct json_writer *json, const struct subject *subject)
{
    const struct snapshot *snapshot = subject->snapshot;
    json_write_open(json, '{');
    write_name(json, "poll", &snapshot->poll->name);
    json_write_name(json, "ledger");
    json_write_string(json, subject->ledger);
    if (subject->whole) {
        write_text(json, "title", snapshot_title(snapshot));
        write_settings(json, snapshot);
    }
    json_write_name(json, "seq");
    json_write_number(json, subject->view.seq);
    json_write_name(json, "texts");
    json_write_number(json, snapshot->texts_seq);
    json_write_name(json, "state");
    json_write_string(json, snapshot_state(snapshot));
    json_write_name(json, "open");
    json_write_bool(json, subject->view.open);
    json_write_name(json, "hidden");
    json_write_bool(json, subject->view.hidden);
    json_write_name(json, "ballots");
    json_write_number(json, subject->view.ballots);
    write_choices(json, subject);
    json_write_close(json, '}');
}

static const struct rendering *render(struct snapshot *snapshot, const char *ledger)
{
    const struct subject subject = subject_of(snapshot, ledger, true);
    const struct rendering *rendering = NULL;
    struct buffer text = {0};
    struct json_writer json = json_write_begin(&text);
    write_subject(&json, &subject);
    if (json_write_finish(&json) == 0)
        rendering = snapshot_keep_rendering(snapshot, RENDERING_JSON, text.bytes, text.len);
    buffer_free(&text);
    return rendering;
}

void poll_json_write(struct json_writer *json, struct snapshot *snapshot, const char *ledger)
{
    const struct rendering *rendering = snapshot_rendering(snapshot, RENDERING_JSON);
    if (!rendering)
        rendering = render(snapshot, ledger);
    if (rendering)
        json_write_raw(json, rendering->bytes, rendering->len);
    else
        json->failed = true;
}

static void write_beat(struct json_writer *json, const struct subject *subject)
{
    json_write_open(json, '{');
    json_write_name(json, "ledger");
    json_write_string(json, subject->ledger);
    json_write_close(json, '}');
}

/* Appends an event: its head, the object that `write` writes, and an empty line. */
static int append_event(struct buffer *out, const char *head, const struct subject *subject,
                        void (*write)(struct json_writer *json, const struct subject *subject))
{
    size_t before = out->len;
    if (buffer_append(out, head, strlen(head)) == 0) {
        struct json_writer json = json_write_begin(out);
        write(&json, subject);
        if (json_write_finish(&json) == 0 && buffer_append(out, "\n\n", 2) == 0)
            return 0;
    }
    out->len = before;
    return -1;
}

int poll_json_event(struct buffer *out, const struct snapshot *snapshot, const char *ledger)
{
    const struct subject subject = subject_of(snapshot, ledger, false);
    char head[sizeof "event: tally\nid: \ndata: " + NUMBER_DIGITS_MAX];
    snprintf(head, sizeof head, "event: tally\nid: %" PRIu64 "\ndata: ", snapshot->seq);
    return append_event(out, head, &subject, write_subject);
}

int poll_json_beat(struct buffer *out, const char *ledger)
{
    const struct subject subject = {.ledger = ledger};
    return append_event(out, "event: beat\ndata: ", &subject, write_beat);
}
