/* The rows of RESULT, as proto/PROTOCOL.md has them (see result.h). Rows are told in the order in
 * which things happened: each round, and then what was decided after it. */
#include "count/result.h"

#include "proto/lot.h"
#include "proto/number.h"

#include <string.h>

/* The row that is being written. RESULT_ROW_MAX is enough for a poll with the most choices and the
 * longest names: each has its name, votes, and two characters between. */
struct row {
    char *end;
    char bytes[RESULT_ROW_MAX];
};
_Static_assert(PROTO_CHOICES_MAX *(PROTO_NAME_MAX + RESULT_VOTES_MAX + 2) < RESULT_ROW_MAX - 512,
               "the longest row");

struct writer {
    const struct poll *poll;
    result_row *tell;
    void *owner;
    struct row row;
};

static void put_text(struct writer *writer, const char *text)
{
    size_t len = strlen(text);
    memcpy(writer->row.end, text, len);
    writer->row.end += len;
}

static void put_number(struct writer *writer, const char *name, uint64_t number)
{
    put_text(writer, name);
    writer->row.end = number_put(writer->row.end, number);
}

static void put_choice(struct writer *writer, const char *before, unsigned choice)
{
    put_text(writer, before);
    put_text(writer, writer->poll->choices[choice].text);
}

static void put_votes(struct writer *writer, const char *name, const struct result *result,
                      uint64_t votes)
{
    put_text(writer, name);
    writer->row.end = result_votes_put(writer->row.end, result, votes);
}

static void begin(struct writer *writer, const char *text)
{
    writer->row.end = writer->row.bytes;
    put_text(writer, text);
}

static void tell(struct writer *writer)
{
    writer->tell(writer->owner, writer->row.bytes, (size_t)(writer->row.end - writer->row.bytes));
}

char *result_votes_put(char *at, const struct result *result, uint64_t votes)
{
    const uint64_t unit = result_unit(result);
    at = number_put(at, votes / unit);
    if (unit == 1)
        return at;
    *at++ = '.';
    for (uint64_t rest = votes % unit, place = unit / 10; place > 0; place /= 10)
        *at++ = (char)('0' + rest / place % 10);
    return at;
}

const char *result_step_name(enum result_step_kind kind)
{
    static const char *const names[] = {
        [STEP_ELECT] = "elect",
        [STEP_TRANSFER] = "transfer",
        [STEP_ELIMINATE] = "eliminate",
        [STEP_TIE] = "tie",
    };
    return names[kind];
}

const char *result_stake_name(enum result_stake stake)
{
    static const char *const names[] = {
        [STAKE_ELECT] = "elect",       [STAKE_ELIMINATE] = "eliminate", [STAKE_SURPLUS] = "surplus",
        [STAKE_FINALIST] = "finalist", [STAKE_RUNOFF] = "runoff",
    };
    return names[stake];
}

const char *result_rule_name(enum result_rule rule)
{
    static const char *const names[] = {
        [RULE_EARLIER] = "earlier", [RULE_HEAD] = "head", [RULE_SUM] = "sum",
        [RULE_TOP] = "top",         [RULE_LOT] = "lot",
    };
    return names[rule];
}

static void begin_method(struct writer *writer, unsigned seats, uint64_t ballots)
{
    begin(writer, "=method ");
    put_text(writer, method_name(poll_setting(writer->poll, SETTING_METHOD)));
    put_number(writer, " seats=", seats);
    put_number(writer, " ballots=", ballots);
}

static void tell_lot(struct writer *writer)
{
    begin(writer, "=lot ");
    const struct poll *poll = writer->poll;
    writer->row.end += lot_write(poll->lot, poll->choices, poll->choice_count, writer->row.end);
    tell(writer);
}

static void tell_method(struct writer *writer, const struct result *result)
{
    begin_method(writer, result->seats, result->ballots);
    put_number(writer, " weight=", result->weight);
    put_number(writer, " abstain=", result->abstained);
    if (result->quota > 0)
        put_number(writer, " quota=", result->quota);
    tell(writer);
}

static void tell_round(struct writer *writer, const struct result *result, unsigned round)
{
    begin(writer, "=round ");
    put_number(writer, "", round);
    for (unsigned i = 0; i < writer->poll->choice_count; i++) {
        put_choice(writer, " ", i);
        put_votes(writer, "=", result, result_votes(result, round)[i]);
    }
    if (result_has_exhausted(result))
        put_votes(writer, " exhausted=", result, result_exhausted(result, round));
    tell(writer);
}

static void put_tie(struct writer *writer, const struct result *result,
                    const struct result_step *step)
{
    put_text(writer, " ");
    put_text(writer, result_stake_name(step->stake));
    for (unsigned i = 0; i < step->tied_count; i++)
        put_choice(writer, i == 0 ? " " : ",", result->tied[step->tied + i]);
    put_text(writer, " by=");
    put_text(writer, result_rule_name(step->rule));
}

static void tell_step(struct writer *writer, const struct result *result,
                      const struct result_step *step)
{
    begin(writer, "=");
    put_text(writer, result_step_name(step->kind));
    put_number(writer, " ", step->round);
    if (step->kind == STEP_TIE) {
        put_tie(writer, result, step);
    } else {
        put_choice(writer, " ", step->choice);
        if (step->surplus > 0)
            put_votes(writer, " surplus=", result, step->surplus);
    }
    tell(writer);
}

/* The run-off stands before what was decided about it. */
static void tell_runoff(struct writer *writer, const struct result *result)
{
    const struct result_runoff *runoff = &result->runoff;
    begin(writer, "=runoff");
    for (unsigned i = 0; i < 2; i++) {
        put_choice(writer, " ", runoff->finalist[i]);
        put_votes(writer, "=", result, runoff->votes[i]);
    }
    put_votes(writer, " equal=", result, runoff->equal);
    tell(writer);
}

static void tell_ranks(struct writer *writer, const struct result *result)
{
    unsigned count = writer->poll->choice_count, told = 0;
    for (unsigned rank = 1; result->rank && told < count; rank++) {
        begin(writer, "=rank ");
        put_number(writer, "", rank);
        const char *before = " ";
        for (unsigned i = 0; i < count; i++) {
            if (result->rank[i] != rank)
                continue;
            put_choice(writer, before, i);
            before = ",";
            told++;
        }
        tell(writer);
    }
}

/* Rounds and steps, each round before its steps. What has no rounds has only steps. */
static void tell_course(struct writer *writer, const struct result *result)
{
    unsigned step = 0;
    bool runoff_told = !result->runoff.held;
    for (unsigned round = 1; round <= result->round_count || step < result->step_count; round++) {
        if (round <= result->round_count)
            tell_round(writer, result, round);
        for (; step < result->step_count && result->steps[step].round == round; step++) {
            if (!runoff_told && result->steps[step].stake == STAKE_RUNOFF) {
                tell_runoff(writer, result);
                runoff_told = true;
            }
            tell_step(writer, result, &result->steps[step]);
        }
    }
    if (!runoff_told)
        tell_runoff(writer, result);
}

static void tell_winners(struct writer *writer, const struct result *result)
{
    for (unsigned i = 0; i < result->winner_count; i++) {
        begin(writer, "=winner ");
        put_number(writer, "", i + 1);
        put_choice(writer, " ", result->winners[i]);
        tell(writer);
    }
    const char *nobody = result_nobody(result);
    if (!nobody)
        return;
    begin(writer, "=nobody ");
    put_text(writer, nobody);
    tell(writer);
}

static void tell_pairs(struct writer *writer, const struct result *result)
{
    unsigned count = writer->poll->choice_count;
    for (unsigned a = 0; result->pairs && a < count; a++) {
        for (unsigned b = a + 1; b < count; b++) {
            begin(writer, "=pair");
            put_choice(writer, " ", a);
            put_choice(writer, " ", b);
            put_number(writer, " ", result_pair(result, a, b));
            put_number(writer, " ", result_pair(result, b, a));
            tell(writer);
        }
    }
}

static void tell_paths(struct writer *writer, const struct result *result)
{
    unsigned count = writer->poll->choice_count;
    for (unsigned a = 0; result->paths && a < count; a++) {
        for (unsigned b = 0; b < count; b++) {
            if (a == b)
                continue;
            begin(writer, "=path");
            put_choice(writer, " ", a);
            put_choice(writer, " ", b);
            put_number(writer, " ", result_path(result, a, b));
            tell(writer);
        }
    }
}

void result_write(const struct result *result, bool pairs, result_row *row, void *owner)
{
    struct writer writer = {.poll = result->poll, .tell = row, .owner = owner};
    tell_method(&writer, result);
    tell_lot(&writer);
    tell_ranks(&writer, result);
    tell_course(&writer, result);
    tell_winners(&writer, result);
    if (pairs) {
        tell_pairs(&writer, result);
        tell_paths(&writer, result);
    }
}

void result_write_hidden(const struct poll *poll, uint64_t ballots, result_row *row, void *owner)
{
    struct writer writer = {.poll = poll, .tell = row, .owner = owner};
    begin_method(&writer, settings_seats(&poll->settings), ballots);
    tell(&writer);
    tell_lot(&writer);
}
