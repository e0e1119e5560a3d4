/* Results and their winners as JSON. Any thread: results don't change. Memory can be short. */
#include "json/result_json.h"

#include "proto/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A result to write; `result` is NULL while results are hidden. */
struct subject {
    const struct snapshot *snapshot;
    const struct poll *poll;
    const struct result *result;
    const char *ledger;
};

/* Returns 0, or -1 if memory is short for the result. */
static int take_subject(struct subject *subject, struct snapshot *snapshot, const char *ledger)
{
    bool hidden = snapshot_is_hidden(snapshot);
    *subject = (struct subject){
        .snapshot = snapshot,
        .poll = snapshot->poll,
        .result = hidden ? NULL : snapshot_result(snapshot),
        .ledger = ledger,
    };
    return subject->result || hidden ? 0 : -1;
}

/* ---- values ---- */

static void write_choice(struct json_writer *json, const struct poll *poll, unsigned choice)
{
    json_write_text(json, poll->choices[choice].text, poll->choices[choice].len);
}

static void write_choices(struct json_writer *json, const char *member, const struct poll *poll,
                          const uint8_t *choices, unsigned count)
{
    json_write_name(json, member);
    json_write_open(json, '[');
    for (unsigned i = 0; i < count; i++)
        write_choice(json, poll, choices[i]);
    json_write_close(json, ']');
}

static void write_count(struct json_writer *json, const char *member, uint64_t count)
{
    json_write_name(json, member);
    json_write_number(json, count);
}

static void write_word(struct json_writer *json, const char *member, const char *word)
{
    json_write_name(json, member);
    json_write_string(json, word);
}

static void write_votes(struct json_writer *json, const struct result *result, uint64_t votes)
{
    char digits[RESULT_VOTES_MAX];
    json_write_raw(json, digits, (size_t)(result_votes_put(digits, result, votes) - digits));
}

/* ---- parts ---- */

static void write_head(struct json_writer *json, const struct subject *subject)
{
    const struct poll *poll = subject->poll;
    const struct result *result = subject->result;
    json_write_name(json, "poll");
    json_write_text(json, poll->name.text, poll->name.len);
    write_word(json, "ledger", subject->ledger);
    write_count(json, "seq", snapshot_result_seq(subject->snapshot));
    json_write_name(json, "hidden");
    json_write_bool(json, !result);
    write_word(json, "method", method_name(poll_setting(poll, SETTING_METHOD)));
    write_count(json, "seats", settings_seats(&poll->settings));
    write_count(json, "ballots", result ? result->ballots : subject->snapshot->ballots);
    if (!result)
        return;
    write_count(json, "weight", result->weight);
    write_count(json, "abstain", result->abstained);
    if (result->quota > 0)
        write_count(json, "quota", result->quota);
}

static void write_names(struct json_writer *json, const struct poll *poll)
{
    write_choices(json, "lot", poll, poll->lot, poll->choice_count);
    json_write_name(json, "choices");
    json_write_open(json, '[');
    for (unsigned i = 0; i < poll->choice_count; i++)
        write_choice(json, poll, i);
    json_write_close(json, ']');
}

static void write_ranks(struct json_writer *json, const struct result *result)
{
    unsigned told = 0, count = result->poll->choice_count;
    json_write_name(json, "ranks");
    json_write_open(json, '[');
    for (unsigned rank = 1; told < count; rank++) {
        json_write_open(json, '[');
        for (unsigned i = 0; i < count; i++)
            if (result->rank[i] == rank) {
                write_choice(json, result->poll, i);
                told++;
            }
        json_write_close(json, ']');
    }
    json_write_close(json, ']');
}

static void write_rounds(struct json_writer *json, const struct result *result)
{
    json_write_name(json, "rounds");
    json_write_open(json, '[');
    for (unsigned round = 1; round <= result->round_count; round++) {
        json_write_open(json, '{');
        json_write_name(json, "votes");
        json_write_open(json, '[');
        for (unsigned i = 0; i < result->poll->choice_count; i++)
            write_votes(json, result, result_votes(result, round)[i]);
        json_write_close(json, ']');
        if (result_has_exhausted(result)) {
            json_write_name(json, "exhausted");
            write_votes(json, result, result_exhausted(result, round));
        }
        json_write_close(json, '}');
    }
    json_write_close(json, ']');
}

static void write_step(struct json_writer *json, const struct result *result,
                       const struct result_step *step)
{
    static const char *const words[] = {
        [STEP_ELECT] = "elect",
        [STEP_TRANSFER] = "transfer",
        [STEP_ELIMINATE] = "eliminate",
        [STEP_TIE] = "tie",
    };
    json_write_open(json, '{');
    write_word(json, "step", words[step->kind]);
    write_count(json, "round", step->round);
    if (step->kind == STEP_TIE) {
        write_word(json, "of", result_stake_name(step->stake));
        write_choices(json, "choices", result->poll, &result->tied[step->tied], step->tied_count);
        write_word(json, "by", result_rule_name(step->rule));
    } else {
        json_write_name(json, "choice");
        write_choice(json, result->poll, step->choice);
    }
    if (step->kind != STEP_TIE && step->surplus > 0) {
        json_write_name(json, "surplus");
        write_votes(json, result, step->surplus);
    }
    json_write_close(json, '}');
}

static void write_steps(struct json_writer *json, const struct result *result)
{
    json_write_name(json, "steps");
    json_write_open(json, '[');
    for (unsigned i = 0; i < result->step_count; i++)
        write_step(json, result, &result->steps[i]);
    json_write_close(json, ']');
}

static void write_runoff(struct json_writer *json, const struct result *result)
{
    const struct result_runoff *runoff = &result->runoff;
    json_write_name(json, "runoff");
    json_write_open(json, '{');
    json_write_name(json, "choices");
    json_write_open(json, '[');
    for (unsigned i = 0; i < 2; i++)
        write_choice(json, result->poll, runoff->finalist[i]);
    json_write_close(json, ']');
    json_write_name(json, "votes");
    json_write_open(json, '[');
    for (unsigned i = 0; i < 2; i++)
        write_votes(json, result, runoff->votes[i]);
    json_write_close(json, ']');
    json_write_name(json, "equal");
    write_votes(json, result, runoff->equal);
    json_write_close(json, '}');
}

/* A square by two choices. */
static void write_square(struct json_writer *json, const char *member, const uint64_t *square,
                         unsigned count)
{
    json_write_name(json, member);
    json_write_open(json, '[');
    for (unsigned a = 0; a < count; a++) {
        json_write_open(json, '[');
        for (unsigned b = 0; b < count; b++)
            json_write_number(json, square[a * count + b]);
        json_write_close(json, ']');
    }
    json_write_close(json, ']');
}

static void write_winners(struct json_writer *json, const struct subject *subject)
{
    const struct result *result = subject->result;
    const char *nobody = result ? result_nobody(result) : NULL;
    write_choices(json, "winners", subject->poll, result ? result->winners : NULL,
                  result ? result->winner_count : 0);
    if (nobody)
        write_word(json, "nobody", nobody);
}

static void write_course(struct json_writer *json, const struct result *result, bool pairs)
{
    if (result->rank)
        write_ranks(json, result);
    write_rounds(json, result);
    if (result->runoff.held)
        write_runoff(json, result);
    write_steps(json, result);
    if (pairs && result->pairs)
        write_square(json, "pairs", result->pairs, result->poll->choice_count);
    if (pairs && result->paths)
        write_square(json, "paths", result->paths, result->poll->choice_count);
}

/* ---- the whole ---- */

static void write_subject(struct json_writer *json, const struct subject *subject, bool pairs)
{
    json_write_open(json, '{');
    write_head(json, subject);
    write_names(json, subject->poll);
    if (subject->result)
        write_course(json, subject->result, pairs);
    write_winners(json, subject);
    json_write_close(json, '}');
}

static const struct rendering *render(struct snapshot *snapshot, const struct subject *subject)
{
    const struct rendering *rendering = NULL;
    struct buffer text = {0};
    struct json_writer json = json_write_begin(&text);
    write_subject(&json, subject, false);
    if (json_write_finish(&json) == 0)
        rendering = snapshot_keep_rendering(snapshot, RENDERING_RESULT, text.bytes, text.len);
    buffer_free(&text);
    return rendering;
}

void result_json_write(struct json_writer *json, struct snapshot *snapshot, const char *ledger,
                       bool pairs)
{
    struct subject subject;
    if (take_subject(&subject, snapshot, ledger) != 0) {
        json->failed = true;
        return;
    }
    if (pairs) {
        write_subject(json, &subject, true);
        return;
    }
    const struct rendering *rendering = snapshot_rendering(snapshot, RENDERING_RESULT);
    if (!rendering)
        rendering = render(snapshot, &subject);
    if (rendering)
        json_write_raw(json, rendering->bytes, rendering->len);
    else
        json->failed = true;
}

int result_json_event(struct buffer *out, struct snapshot *snapshot, const char *ledger)
{
    struct subject subject;
    size_t before = out->len;
    char head[sizeof "event: result\nid: \ndata: " + NUMBER_DIGITS_MAX];
    if (take_subject(&subject, snapshot, ledger) != 0)
        return -1;
    snprintf(head, sizeof head,
             "event: result\nid: %" PRIu64 "\ndata: ", snapshot_result_seq(snapshot));
    if (buffer_append(out, head, strlen(head)) == 0) {
        struct json_writer json = json_write_begin(out);
        json_write_open(&json, '{');
        write_head(&json, &subject);
        write_winners(&json, &subject);
        json_write_close(&json, '}');
        if (json_write_finish(&json) == 0 && buffer_append(out, "\n\n", 2) == 0)
            return 0;
    }
    out->len = before;
    return -1;
}
