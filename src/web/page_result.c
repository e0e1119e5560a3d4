/* Results for pages: a verdict in words, the stages of the count as columns of one table, what was
 * tied and what decided, and for Schulze the order and who beats whom. Any thread. Memory can be
 * short: jansson then returns NULL, which its functions pass on, so one check at the end will do.
 *
 * A stage is what one sees at one time: a round of irv and stv; of star the sums, and then the
 * run-off; of schulze how many others each choice beats. */
#include "web/page_result.h"

#include "proto/limits.h"
#include "web/shares.h"
#include "web/words.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DUELS_MAX = 16,   /* choices up to which who beats whom can be read as a table */
    CELLS_MAX = 2048, /* of the table of stages: of longer counts it has the last ones */
};

/* What is told of a choice at a stage. */
struct cell {
    json_t *text;      /* for the table: votes, points, or nothing */
    json_t *figure;    /* large, on the big screen */
    uint64_t part, of; /* of the bar's length; `of` may be 0 */
    const char *state; /* "elected", "out", or "" */
};

/* What a stage is called, what comes of it in words, and its cells. */
struct stages {
    const struct snapshot *snapshot;
    const struct result *result;
    unsigned first; /* the stage of the count that is told first */
    unsigned count; /* of those that are told */
    json_t *(*name)(const struct stages *stages, unsigned stage);
    json_t *(*words)(const struct stages *stages, unsigned stage);
    struct cell (*cell)(const struct stages *stages, unsigned stage, unsigned choice);
};

static uint64_t valid_weight(const struct result *result)
{
    return result->weight - result->abstained;
}

static json_t *share_text(uint64_t part, uint64_t of)
{
    char text[SHARES_TEXT_MAX];
    return json_string(shares_text(part, of, text));
}

static json_t *percent_text(uint64_t part, uint64_t of)
{
    return json_sprintf("%u%%", shares_percent(part, of));
}

/* ---- what was decided, in words ---- */

static const char *stake_words(enum result_stake stake)
{
    switch (stake) {
    case STAKE_ELECT:
        return "for a seat";
    case STAKE_ELIMINATE:
        return "for the last place";
    case STAKE_SURPLUS:
        return "for whose surplus goes on first";
    case STAKE_FINALIST:
        return "for a place in the run-off";
    case STAKE_RUNOFF:
        return "in the run-off";
    }
    return "";
}

static const char *rule_words(const struct poll *poll, enum result_rule rule)
{
    switch (rule) {
    case RULE_EARLIER:
        return "an earlier round decides";
    case RULE_HEAD:
        return "who is scored higher on more ballots decides";
    case RULE_SUM:
        return "the higher sum decides";
    case RULE_TOP:
        return "who has the highest score on more ballots decides";
    case RULE_LOT:
        break;
    }
    for (unsigned i = 0; i < poll->choice_count; i++)
        if (poll->lot[i] != i)
            return "the drawn order decides";
    return "the order of the list decides";
}

static void add_tie(struct words *words, const struct stages *stages,
                    const struct result_step *step)
{
    words_add_labels(words, stages->snapshot, &stages->result->tied[step->tied], step->tied_count);
    words_add(words, " are tied ");
    words_add(words, stake_words(step->stake));
    words_add(words, "; ");
    words_add(words, rule_words(stages->snapshot->poll, step->rule));
}

/* Votes for people: whole, or with two decimals, the rest cut off. */
static void add_votes(struct words *words, const struct result *result, uint64_t votes)
{
    uint64_t unit = 1, hundredth;
    for (unsigned i = 0; i < result->decimals; i++)
        unit *= 10;
    words_add_number(words, votes / unit);
    hundredth = unit >= 100 ? votes % unit / (unit / 100) : 0;
    if (votes % unit == 0)
        return;
    words_add(words, hundredth < 10 ? ".0" : ".");
    words_add_number(words, hundredth);
}

static void add_step(struct words *words, const struct stages *stages,
                     const struct result_step *step)
{
    if (step->kind == STEP_TIE) {
        add_tie(words, stages, step);
        return;
    }
    words_add_label(words, stages->snapshot, step->choice);
    switch (step->kind) {
    case STEP_ELECT:
        words_add(words, !stages->snapshot->open     ? " is elected"
                         : stages->result->seats > 1 ? " has a seat"
                                                     : " wins");
        if (step->surplus == 0)
            return;
        words_add(words, ", ");
        add_votes(words, stages->result, step->surplus);
        words_add(words, " above the quota");
        return;
    case STEP_TRANSFER:
        words_add(words, "’s surplus goes on");
        return;
    default:
        words_add(words, " is out");
    }
}

/* All steps after a round that `wanted` takes, as sentences. */
static json_t *steps_words(const struct stages *stages, unsigned round,
                           bool (*wanted)(const struct result_step *step))
{
    struct words words = {0};
    for (unsigned i = 0; i < stages->result->step_count; i++) {
        const struct result_step *step = &stages->result->steps[i];
        if (step->round != round || (wanted && !wanted(step)))
            continue;
        if (words.text.len > 0)
            words_add(&words, " ");
        add_step(&words, stages, step);
        words_add(&words, ".");
    }
    return words_end(&words);
}

/* ---- rounds: irv and stv ---- */

static unsigned round_of(const struct stages *stages, unsigned stage)
{
    return stages->first + stage + 1;
}

static json_t *round_name(const struct stages *stages, unsigned stage)
{
    return json_sprintf("Round %u", round_of(stages, stage));
}

static json_t *round_words(const struct stages *stages, unsigned stage)
{
    return steps_words(stages, round_of(stages, stage), NULL);
}

/* Whether a choice was elected, or out, by what was decided up to a round; and before it. */
static const char *state_after(const struct result *result, unsigned choice, unsigned round,
                               bool *before)
{
    for (unsigned i = 0; i < result->step_count; i++) {
        const struct result_step *step = &result->steps[i];
        if (step->kind != STEP_ELECT && step->kind != STEP_ELIMINATE)
            continue;
        if (step->choice != choice || step->round > round)
            continue;
        *before = step->round < round;
        return step->kind == STEP_ELECT ? "elected" : "out";
    }
    *before = false;
    return "";
}

static json_t *votes_text(const struct result *result, uint64_t votes)
{
    struct words words = {0};
    add_votes(&words, result, votes);
    return words_end(&words);
}

static uint64_t unit_of(const struct result *result)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < result->decimals; i++)
        unit *= 10;
    return unit;
}

static struct cell round_cell(const struct stages *stages, unsigned stage, unsigned choice)
{
    const struct result *result = stages->result;
    const unsigned round = round_of(stages, stage);
    const uint64_t votes = result_votes(result, round)[choice];
    bool before;
    struct cell cell = {.part = votes, .of = result->weight * unit_of(result)};
    cell.state = state_after(result, choice, round, &before);
    bool is_gone = before && votes == 0;
    cell.text = is_gone ? json_string("–") : votes_text(result, votes);
    cell.figure = is_gone ? json_string("–") : percent_text(cell.part, cell.of);
    return cell;
}

/* ---- sums and the run-off: star ---- */

enum { STAGE_SUMS, STAGE_RUNOFF };

static json_t *star_name(const struct stages *stages, unsigned stage)
{
    (void)stages;
    return json_string(stage == STAGE_SUMS ? "Points" : "Run-off");
}

static bool is_about_finalists(const struct result_step *step)
{
    return step->kind == STEP_TIE && step->stake == STAKE_FINALIST;
}

static bool is_about_runoff(const struct result_step *step)
{
    return step->kind == STEP_TIE && step->stake == STAKE_RUNOFF;
}

/* Two texts as one; takes over both. */
static json_t *join(json_t *first, json_t *second)
{
    json_t *joined = NULL;
    if (first && second)
        joined = json_sprintf("%s%s%s", json_string_value(first),
                              json_string_length(first) && json_string_length(second) ? " " : "",
                              json_string_value(second));
    json_decref(first);
    json_decref(second);
    return joined;
}

static json_t *finalists_words(const struct stages *stages)
{
    const struct result_runoff *runoff = &stages->result->runoff;
    const uint8_t finalists[2] = {(uint8_t)runoff->finalist[0], (uint8_t)runoff->finalist[1]};
    struct words words = {0};
    if (runoff->held) {
        words_add_labels(&words, stages->snapshot, finalists, 2);
        words_add(&words, " have the highest sums and go to the run-off.");
    }
    return words_end(&words);
}

static json_t *runoff_words(const struct stages *stages)
{
    const struct result_runoff *runoff = &stages->result->runoff;
    struct words words = {0};
    for (unsigned i = 0; i < 2; i++) {
        words_add_label(&words, stages->snapshot, runoff->finalist[i]);
        words_add(&words, i == 0 ? " is scored higher on " : " on ");
        words_add_number(&words, runoff->votes[i]);
        words_add(&words, i > 0 ? "" : runoff->votes[0] == 1 ? " ballot, " : " ballots, ");
    }
    words_add(&words, "; ");
    words_add_number(&words, runoff->equal);
    words_add(&words, " without preference.");
    return words_end(&words);
}

static json_t *star_words(const struct stages *stages, unsigned stage)
{
    return stage == STAGE_SUMS
               ? join(steps_words(stages, 1, is_about_finalists), finalists_words(stages))
               : join(runoff_words(stages), steps_words(stages, 1, is_about_runoff));
}

static struct cell sum_cell(const struct stages *stages, unsigned choice)
{
    const struct result *result = stages->result;
    const uint64_t sum = result_votes(result, 1)[choice], ballots = valid_weight(result);
    const uint64_t tenths = ballots > 0 ? (20 * sum + ballots) / (2 * ballots) : 0;
    return (struct cell){
        .text = votes_text(result, sum),
        .figure = json_sprintf("%u.%u", (unsigned)(tenths / 10), (unsigned)(tenths % 10)),
        .part = sum,
        .of = ballots * poll_setting(stages->snapshot->poll, SETTING_SCORES),
        .state = "",
    };
}

/* Whether it is the one that is elected, where only one is. */
static bool wins(const struct result *result, unsigned choice)
{
    return result->winner_count > 0 && result->winners[0] == choice;
}

static struct cell star_cell(const struct stages *stages, unsigned stage, unsigned choice)
{
    const struct result *result = stages->result;
    const struct result_runoff *runoff = &result->runoff;
    if (stage == STAGE_SUMS)
        return sum_cell(stages, choice);
    if (choice != runoff->finalist[0] && choice != runoff->finalist[1])
        return (struct cell){json_string("–"), json_string("–"), 0, 0, "out"};
    const uint64_t votes = runoff->votes[choice == runoff->finalist[1]];
    const uint64_t all = result->weight;
    return (struct cell){votes_text(result, votes), percent_text(votes, all), votes, all,
                         wins(result, choice) ? "elected" : ""};
}

/* ---- who beats whom: schulze ---- */

static json_t *duels_name(const struct stages *stages, unsigned stage)
{
    (void)stages, (void)stage;
    return json_string("Duels");
}

static bool beats(const struct result *result, unsigned a, unsigned b)
{
    return result_pair(result, a, b) > result_pair(result, b, a);
}

static json_t *order_words(const struct stages *stages, unsigned stage)
{
    const struct result *result = stages->result;
    const unsigned count = stages->snapshot->poll->choice_count;
    uint8_t choices[PROTO_CHOICES_MAX];
    struct words words = {0};
    (void)stage;
    for (unsigned rank = 1; rank <= count; rank++) {
        unsigned found = 0;
        for (unsigned i = 0; i < count; i++)
            if (result->rank[i] == rank)
                choices[found++] = (uint8_t)i;
        if (found == 0)
            continue;
        words_add(&words, rank == 1 ? "In order: " : ", ");
        words_add_number(&words, rank);
        words_add(&words, ". ");
        words_add_labels(&words, stages->snapshot, choices, found);
    }
    words_add(&words, ".");
    return join(words_end(&words), steps_words(stages, 1, NULL));
}

static struct cell duels_cell(const struct stages *stages, unsigned stage, unsigned choice)
{
    const unsigned count = stages->snapshot->poll->choice_count;
    unsigned beaten = 0;
    (void)stage;
    for (unsigned i = 0; i < count; i++)
        beaten += i != choice && beats(stages->result, choice, i);
    return (struct cell){
        .text = json_sprintf("beats %u of %u", beaten, count - 1),
        .figure = json_sprintf("%u.", stages->result->rank[choice]),
        .part = beaten,
        .of = count - 1,
        .state = wins(stages->result, choice) ? "elected" : "",
    };
}

/* A row of the table of pairs: how many ballots put one choice above each other one. */
static json_t *duel_cells(const struct stages *stages, unsigned a)
{
    const struct result *result = stages->result;
    json_t *cells = json_array();
    for (unsigned b = 0; b < stages->snapshot->poll->choice_count; b++) {
        json_t *text = a == b ? json_string("") : votes_text(result, result_pair(result, a, b));
        const char *state = a == b                ? "self"
                            : beats(result, a, b) ? "beats"
                            : beats(result, b, a) ? "beaten"
                                                  : "even";
        if (json_array_append_new(cells, json_pack("{s:o, s:s}", "text", text, "state", state)) !=
            0) {
            json_decref(cells);
            return NULL;
        }
    }
    return cells;
}

static json_t *duels_data(const struct stages *stages)
{
    json_t *rows = json_array();
    const unsigned count = stages->snapshot->poll->choice_count;
    const bool has = stages->result->pairs && stages->result->rank && count <= DUELS_MAX;
    for (unsigned a = 0; has && a < count; a++) {
        struct words label = {0};
        words_add_label(&label, stages->snapshot, a);
        if (json_array_append_new(rows, json_pack("{s:o, s:o}", "label", words_end(&label), "cells",
                                                  duel_cells(stages, a))) != 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

/* ---- all of them ---- */

/* How many of the last rounds are told. */
static unsigned rounds_told(const struct result *result)
{
    const unsigned most = CELLS_MAX / result->poll->choice_count;
    return result->round_count < most ? result->round_count : most;
}

static struct stages stages_of(const struct snapshot *snapshot, const struct result *result)
{
    struct stages stages = {.snapshot = snapshot, .result = result};
    if (!result || valid_weight(result) == 0)
        return stages;
    switch (poll_setting(snapshot->poll, SETTING_METHOD)) {
    case METHOD_STAR:
        stages.name = star_name, stages.words = star_words, stages.cell = star_cell;
        stages.count = result->runoff.held ? 2 : 1;
        break;
    case METHOD_SCHULZE:
        stages.name = duels_name, stages.words = order_words, stages.cell = duels_cell;
        stages.count = result->rank && result->pairs ? 1 : 0;
        break;
    case METHOD_IRV:
    case METHOD_STV:
        stages.name = round_name, stages.words = round_words, stages.cell = round_cell;
        stages.count = rounds_told(result);
        stages.first = result->round_count - stages.count;
        break;
    default:
        break;
    }
    return stages;
}

static json_t *cell_data(const struct stages *stages, unsigned stage, unsigned choice)
{
    struct cell cell = stages->cell(stages, stage, choice);
    return json_pack("{s:o, s:o, s:o, s:s}", "text", cell.text, "figure", cell.figure, "share",
                     share_text(cell.part, cell.of), "state", cell.state);
}

/* Appends what `make` makes for each of `count`, from 0. NULL if memory is short. */
static json_t *each(unsigned count, json_t *(*make)(const struct stages *stages, unsigned i),
                    const struct stages *stages)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < count; i++)
        if (json_array_append_new(all, make(stages, i)) != 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

static json_t *stage_data(const struct stages *stages, unsigned stage)
{
    return json_pack("{s:o, s:o}", "name", stages->name(stages, stage), "words",
                     stages->words(stages, stage));
}

static json_t *row_data(const struct stages *stages, unsigned choice)
{
    json_t *cells = json_array();
    struct words label = {0};
    for (unsigned stage = 0; stage < stages->count; stage++)
        if (json_array_append_new(cells, cell_data(stages, stage, choice)) != 0) {
            json_decref(cells);
            return NULL;
        }
    words_add_label(&label, stages->snapshot, choice);
    return json_pack("{s:o, s:s, s:o}", "label", words_end(&label), "of",
                     stages->snapshot->poll->choices[choice].text, "cells", cells);
}

/* What went to nobody any more, by round. */
static json_t *exhausted_data(const struct stages *stages, unsigned stage)
{
    return json_pack(
        "{s:o}", "text",
        votes_text(stages->result, result_exhausted(stages->result, round_of(stages, stage))));
}

static bool has_exhausted(const struct stages *stages)
{
    for (unsigned i = 0; stages->name == round_name && i < stages->count; i++)
        if (result_exhausted(stages->result, round_of(stages, i)) > 0)
            return true;
    return false;
}

const struct result *page_result_of(struct snapshot *snapshot)
{
    return poll_setting(snapshot->poll, SETTING_KIND) == KIND_SINGLE ? NULL
                                                                     : snapshot_result(snapshot);
}

json_t *page_result_verdict(const struct snapshot *snapshot, const struct result *result)
{
    struct words words = {0};
    if (snapshot_is_hidden(snapshot))
        return words_end(&words);
    const char *nobody = result ? result_nobody(result) : "the result is being counted";
    if (result && result->winner_count > 0) {
        const bool many = result->winner_count > 1;
        words_add_labels(&words, snapshot, result->winners, result->winner_count);
        words_add(&words, snapshot->open ? (many ? " lead." : " leads.")
                                         : (many ? " are elected." : " is elected."));
        if (nobody)
            words_add(&words, " ");
    }
    if (nobody) {
        char begin[2] = {(char)(nobody[0] - 'a' + 'A'), '\0'};
        words_add(&words, begin);
        words_add(&words, nobody + 1);
        words_add(&words, ".");
    }
    return words_end(&words);
}

/* That the result belongs to an earlier tally; empty if it does not. */
static json_t *age(const struct snapshot *snapshot, const struct result *result)
{
    struct words words = {0};
    if (result && result->seq != snapshot->seq) {
        words_add(&words, "As of ");
        words_add_number(&words, result->ballots);
        words_add(&words, result->ballots == 1 ? " ballot." : " ballots.");
    }
    return words_end(&words);
}

/* What else there is to say: abstentions, the quota, and ties where there are no stages. */
static json_t *remarks(const struct stages *stages)
{
    const struct result *result = stages->result;
    struct words words = {0};
    if (result && result->quota > 0) {
        words_add(&words, "The quota is ");
        words_add_number(&words, result->quota);
        words_add(&words, result->quota == 1 ? " vote." : " votes.");
    }
    if (result && result->abstained > 0) {
        words_add(&words, words.text.len > 0 ? " " : "");
        words_add_number(&words, result->abstained);
        words_add(&words, result->abstained == 1 ? " abstention." : " abstentions.");
    }
    if (stages->first > 0) {
        words_add(&words, words.text.len > 0 ? " " : "");
        words_add(&words, "Rounds 1 to ");
        words_add_number(&words, stages->first);
        words_add(&words, " are left out here; RESULT has them.");
    }
    return result && stages->count == 0 && valid_weight(result) > 0
               ? join(steps_words(stages, 1, NULL), words_end(&words))
               : words_end(&words);
}

json_t *page_result_data(struct snapshot *snapshot)
{
    const struct result *result = page_result_of(snapshot);
    if (snapshot_is_hidden(snapshot) || poll_setting(snapshot->poll, SETTING_KIND) == KIND_SINGLE)
        return json_null();
    const struct stages stages = stages_of(snapshot, result);
    const unsigned rows = stages.count > 0 ? snapshot->poll->choice_count : 0;
    const bool exhausts = has_exhausted(&stages);
    json_t *duels = stages.count > 0 ? duels_data(&stages) : json_array();
    /* clang-format off */
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:b, s:o, s:b, s:o}",
                     "verdict", page_result_verdict(snapshot, result),
                     "age", age(snapshot, result),
                     "remarks", remarks(&stages),
                     "has_stages", stages.count > 0,
                     "stages", each(stages.count, stage_data, &stages),
                     "rows", each(rows, row_data, &stages),
                     "has_exhausted", exhausts,
                     "exhausted", each(exhausts ? stages.count : 0, exhausted_data, &stages),
                     "has_duels", json_array_size(duels) > 0,
                     "duels", duels);
    /* clang-format on */
}

json_t *page_result_winners(const struct snapshot *snapshot, const struct result *result)
{
    struct words words = {0};
    if (result && !snapshot_is_hidden(snapshot))
        for (unsigned i = 0; i < result->winner_count; i++) {
            words_add(&words, i > 0 ? " " : "");
            words_add(&words, snapshot->poll->choices[result->winners[i]].text);
        }
    return words_end(&words);
}
