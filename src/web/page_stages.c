/* The stages of a count (see page_stages.h), and what was tied and what decided, in words. Each
 * method has its own; page_stages_of chooses. Memory can be short: jansson then returns NULL, which
 * its functions pass on, so one check at the end will do. */
#include "web/page_stages.h"

#include "proto/limits.h"
#include "web/shares.h"
#include "web/words.h"

enum {
    DUELS_MAX = 16,   /* choices up to which who beats whom can be read as a table */
    CELLS_MAX = 2048, /* of the table of stages: of longer counts it has the last ones */
};

static uint64_t valid_weight(const struct result *result)
{
    return result->weight - result->abstained;
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

static void add_tie(struct words *words, const struct page_stages *stages,
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
    const uint64_t unit = result_unit(result);
    const uint64_t hundredth = unit >= 100 ? votes % unit / (unit / 100) : 0;
    words_add_number(words, votes / unit);
    if (votes % unit == 0)
        return;
    words_add(words, hundredth < 10 ? ".0" : ".");
    words_add_number(words, hundredth);
}

static void add_step(struct words *words, const struct page_stages *stages,
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
static json_t *steps_words(const struct page_stages *stages, unsigned round,
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

static unsigned round_of(const struct page_stages *stages, unsigned stage)
{
    return stages->first + stage + 1;
}

static json_t *round_name(const struct page_stages *stages, unsigned stage)
{
    return json_sprintf("Round %u", round_of(stages, stage));
}

static json_t *round_words(const struct page_stages *stages, unsigned stage)
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

static struct page_cell round_cell(const struct page_stages *stages, unsigned stage,
                                   unsigned choice)
{
    const struct result *result = stages->result;
    const unsigned round = round_of(stages, stage);
    const uint64_t votes = result_votes(result, round)[choice];
    bool before;
    struct page_cell cell = {.part = votes, .of = result->weight * result_unit(result)};
    cell.state = state_after(result, choice, round, &before);
    bool is_gone = before && votes == 0;
    cell.text = is_gone ? json_string("–") : votes_text(result, votes);
    cell.figure = is_gone ? json_string("–") : percent_text(cell.part, cell.of);
    return cell;
}

/* ---- sums and the run-off: star ---- */

enum { STAGE_SUMS, STAGE_RUNOFF };

static json_t *star_name(const struct page_stages *stages, unsigned stage)
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

static json_t *finalists_words(const struct page_stages *stages)
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

static json_t *runoff_words(const struct page_stages *stages)
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

static json_t *star_words(const struct page_stages *stages, unsigned stage)
{
    return stage == STAGE_SUMS
               ? words_join(steps_words(stages, 1, is_about_finalists), finalists_words(stages))
               : words_join(runoff_words(stages), steps_words(stages, 1, is_about_runoff));
}

static struct page_cell sum_cell(const struct page_stages *stages, unsigned choice)
{
    const struct result *result = stages->result;
    const uint64_t sum = result_votes(result, 1)[choice], ballots = valid_weight(result);
    const uint64_t tenths = ballots > 0 ? (20 * sum + ballots) / (2 * ballots) : 0;
    return (struct page_cell){
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

static struct page_cell star_cell(const struct page_stages *stages, unsigned stage, unsigned choice)
{
    const struct result *result = stages->result;
    const struct result_runoff *runoff = &result->runoff;
    if (stage == STAGE_SUMS)
        return sum_cell(stages, choice);
    if (choice != runoff->finalist[0] && choice != runoff->finalist[1])
        return (struct page_cell){json_string("–"), json_string("–"), 0, 0, "out"};
    const uint64_t votes = runoff->votes[choice == runoff->finalist[1]];
    const uint64_t all = result->weight;
    return (struct page_cell){votes_text(result, votes), percent_text(votes, all), votes, all,
                              wins(result, choice) ? "elected" : ""};
}

/* ---- who beats whom: schulze ---- */

static json_t *duels_name(const struct page_stages *stages, unsigned stage)
{
    (void)stages, (void)stage;
    return json_string("Duels");
}

static bool beats(const struct result *result, unsigned a, unsigned b)
{
    return result_pair(result, a, b) > result_pair(result, b, a);
}

static json_t *order_words(const struct page_stages *stages, unsigned stage)
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
    return words_join(words_end(&words), steps_words(stages, 1, NULL));
}

static struct page_cell duels_cell(const struct page_stages *stages, unsigned stage,
                                   unsigned choice)
{
    const unsigned count = stages->snapshot->poll->choice_count;
    unsigned beaten = 0;
    (void)stage;
    for (unsigned i = 0; i < count; i++)
        beaten += i != choice && beats(stages->result, choice, i);
    return (struct page_cell){
        .text = json_sprintf("beats %u of %u", beaten, count - 1),
        .figure = json_sprintf("%u.", stages->result->rank[choice]),
        .part = beaten,
        .of = count - 1,
        .state = wins(stages->result, choice) ? "elected" : "",
    };
}

/* A row of the table of pairs: how many ballots put one choice above each other one. */
static json_t *duel_cells(const struct page_stages *stages, unsigned a)
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

json_t *page_stages_duels(const struct page_stages *stages)
{
    json_t *rows = json_array();
    const unsigned count = stages->snapshot->poll->choice_count;
    const bool has =
        stages->count > 0 && stages->result->pairs && stages->result->rank && count <= DUELS_MAX;
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

/* ---- any method ---- */

/* How many of the last rounds are told. */
static unsigned rounds_told(const struct result *result)
{
    const unsigned most = CELLS_MAX / result->poll->choice_count;
    return result->round_count < most ? result->round_count : most;
}

struct page_stages page_stages_of(const struct snapshot *snapshot, const struct result *result)
{
    struct page_stages stages = {.snapshot = snapshot, .result = result};
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

json_t *page_stages_undivided(const struct page_stages *stages)
{
    const bool has_words = stages->result && stages->count == 0 && valid_weight(stages->result) > 0;
    return has_words ? steps_words(stages, 1, NULL) : json_string("");
}

bool page_stages_exhaust(const struct page_stages *stages)
{
    for (unsigned i = 0; stages->name == round_name && i < stages->count; i++)
        if (result_exhausted(stages->result, round_of(stages, i)) > 0)
            return true;
    return false;
}

json_t *page_stages_exhausted(const struct page_stages *stages, unsigned stage)
{
    return votes_text(stages->result, result_exhausted(stages->result, round_of(stages, stage)));
}
