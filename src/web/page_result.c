/* Results for pages: a verdict in words, the stages of the count as columns of one table, remarks,
 * and for Schulze who beats whom. Any thread. Memory can be short: jansson then returns NULL, which
 * its functions pass on, so one check at the end will do. */
#include "web/page_result.h"

#include "web/page_stages.h"
#include "web/shares.h"
#include "web/words.h"

#include <stdbool.h>
#include <stdint.h>

static json_t *share_text(uint64_t part, uint64_t of)
{
    char text[SHARES_TEXT_MAX];
    return json_string(shares_text(part, of, text));
}

static json_t *cell_data(const struct page_stages *stages, unsigned stage, unsigned choice)
{
    struct page_cell cell = stages->cell(stages, stage, choice);
    return json_pack("{s:o, s:o, s:o, s:s}", "text", cell.text, "figure", cell.figure, "share",
                     share_text(cell.part, cell.of), "state", cell.state);
}

/* Appends what `make` makes for each of `count`, from 0. NULL if memory is short. */
static json_t *each(unsigned count, json_t *(*make)(const struct page_stages *stages, unsigned i),
                    const struct page_stages *stages)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < count; i++)
        if (json_array_append_new(all, make(stages, i)) != 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

static json_t *stage_data(const struct page_stages *stages, unsigned stage)
{
    return json_pack("{s:o, s:o}", "name", stages->name(stages, stage), "words",
                     stages->words(stages, stage));
}

static json_t *row_data(const struct page_stages *stages, unsigned choice)
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

static json_t *exhausted_data(const struct page_stages *stages, unsigned stage)
{
    return json_pack("{s:o}", "text", page_stages_exhausted(stages, stage));
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
static json_t *remarks(const struct page_stages *stages)
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
    return words_join(page_stages_undivided(stages), words_end(&words));
}

json_t *page_result_data(struct snapshot *snapshot)
{
    const struct result *result = page_result_of(snapshot);
    if (snapshot_is_hidden(snapshot) || poll_setting(snapshot->poll, SETTING_KIND) == KIND_SINGLE)
        return json_null();
    const struct page_stages stages = page_stages_of(snapshot, result);
    const unsigned rows = stages.count > 0 ? snapshot->poll->choice_count : 0;
    const bool exhausts = page_stages_exhaust(&stages);
    json_t *duels = page_stages_duels(&stages);
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
