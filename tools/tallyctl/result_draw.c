/* Results for people: each round with its bars, and in words what was decided after it. What is
 * drawn is what the rows tell, in their order; nothing is counted here. */
#include "proto/number.h"
#include "tools/lib/memory.h"
#include "tools/lib/text.h"
#include "tools/tallyctl/bars.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/result_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What became of a choice in the rounds up to now. */
enum fate { RUNS, ELECTED, IS_OUT, WENT_BEFORE };

struct drawing {
    const struct result_view *view;
    struct result_choices choices;
    unsigned columns;
    FILE *out;
    struct span method; /* its name: stv-scottish/1 */
    unsigned seats;
    uint64_t voting;  /* the weight of those who didn't abstain */
    enum fate *fates; /* owned; by choice, in order of creation */
};

/* How a method is called, and what its bars are. */
static const struct method_words {
    const char *name;
    const char *words;
    bool has_rounds;
    bool has_percent; /* votes are a share of the ballots */
} methods[] = {
    {"plurality", "most votes", false, true},
    {"approval", "most approvals", false, true},
    {"score", "sums of scores", false, false},
    {"star", "STAR: sums of scores, then a run-off", false, false},
    {"schulze", "Schulze", false, false},
    {"irv", "instant run-off", true, true},
    {"stv-scottish", "single transferable vote, Scottish rules", true, false},
};

static const struct method_words *words_of(struct span method)
{
    static const struct method_words other = {"", NULL, true, false};
    struct span name = span_cut(&method, '/');
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (span_is(name, methods[i].name))
            return &methods[i];
    return &other;
}

/* ---- choices ---- */

static const char *label_of(const struct view_choice *choice)
{
    return choice->label && *choice->label ? choice->label : choice->name;
}

/* The place of a choice; the number of choices if it isn't known. */
static unsigned find_choice(const struct drawing *drawing, struct span name)
{
    unsigned i = 0;
    while (i < drawing->choices.count && !span_is(name, drawing->choices.choice[i].name))
        i++;
    return i;
}

static struct span label_of_name(const struct drawing *drawing, struct span name)
{
    unsigned i = find_choice(drawing, name);
    if (i == drawing->choices.count)
        return name;
    const char *label = label_of(&drawing->choices.choice[i]);
    return (struct span){label, strlen(label)};
}

static void put_span(const struct drawing *drawing, struct span text)
{
    output_text(drawing->out, text.at, text.len);
}

static void put_label(const struct drawing *drawing, struct span name)
{
    put_span(drawing, label_of_name(drawing, name));
}

/* `Anna, Bert and Carl`, of `a,b,c`. */
static void put_labels(const struct drawing *drawing, struct span names)
{
    while (names.len > 0) {
        put_label(drawing, span_cut(&names, ','));
        if (names.len > 0)
            fputs(memchr(names.at, ',', names.len) ? ", " : " and ", drawing->out);
    }
}

static void set_fate(struct drawing *drawing, struct span name, enum fate fate)
{
    unsigned i = find_choice(drawing, name);
    if (i < drawing->choices.count)
        drawing->fates[i] = fate;
}

/* ---- the bars of a round ---- */

/* The digits of a number without its point: the length of its bar. */
static uint64_t length_of(struct span votes)
{
    uint64_t length = 0;
    for (size_t i = 0; i < votes.len; i++)
        if (ascii_is_digit(votes.at[i]))
            length = 10 * length + (uint64_t)(votes.at[i] - '0');
    return length;
}

/* The texts of a bar. */
struct bar_texts {
    char *label; /* owned */
    char *number;
    char percent[TEXT_PERCENT_SIZE];
};

static char *copy(struct span text)
{
    char *copied = must_calloc(text.len + 1, 1);
    memcpy(copied, text.at, text.len);
    return copied;
}

static const char *mark_of(const struct drawing *drawing, unsigned choice)
{
    if (choice == drawing->choices.count)
        return "";
    return drawing->fates[choice] == ELECTED  ? "elected"
           : drawing->fates[choice] == IS_OUT ? "out"
                                              : "";
}

static struct bar make_bar(const struct drawing *drawing, struct bar_texts *texts,
                           struct span label, struct span votes, uint64_t whole, const char *mark)
{
    texts->label = output_escaped(label.at, label.len);
    texts->number = copy(votes);
    texts->percent[0] = '\0';
    if (words_of(drawing->method)->has_percent && whole > 0)
        text_percent(length_of(votes), whole, texts->percent);
    return (struct bar){texts->label, texts->number, texts->percent, mark, length_of(votes)};
}

/* The weight that percentages are of: of ballots that go on, where some are exhausted. */
static uint64_t whole_of(const struct drawing *drawing, struct span words, unsigned choices)
{
    struct span name, votes;
    uint64_t sum = 0;
    for (unsigned i = 0; i < choices && result_view_cut_votes(&words, &name, &votes); i++)
        sum += length_of(votes);
    return words_of(drawing->method)->has_rounds ? sum : drawing->voting;
}

/* One who went out in an earlier round has no votes any more, and no bar. */
static bool is_shown(const struct drawing *drawing, unsigned choice)
{
    return choice == drawing->choices.count || drawing->fates[choice] != WENT_BEFORE;
}

/* What stands behind the choices' votes: `exhausted`, or `equal` in a run-off. */
static struct span label_of_others(struct span name)
{
    static const char label[] = "no preference";
    return span_is(name, "equal") ? (struct span){label, sizeof label - 1} : name;
}

/* Draws `name=votes` of so many choices, and of what follows them. */
static void draw_votes(const struct drawing *drawing, struct span words, unsigned choices)
{
    struct bar_texts *texts = must_calloc(choices + 1, sizeof *texts);
    struct bar *bars = must_calloc(choices + 1, sizeof *bars);
    const uint64_t whole = whole_of(drawing, words, choices);
    struct span name, votes;
    unsigned count = 0;
    for (unsigned i = 0; i <= choices && result_view_cut_votes(&words, &name, &votes); i++) {
        unsigned choice = i < choices ? find_choice(drawing, name) : drawing->choices.count;
        struct span label = i < choices ? label_of_name(drawing, name) : label_of_others(name);
        if (!is_shown(drawing, choice) || (i == choices && length_of(votes) == 0))
            continue;
        bars[count] = make_bar(drawing, &texts[count], label, votes, i < choices ? whole : 0,
                               mark_of(drawing, choice));
        count++;
    }
    bars_draw(bars, count, drawing->columns, drawing->out);
    for (unsigned i = 0; i < count; i++) {
        free(texts[i].label);
        free(texts[i].number);
    }
    free(bars);
    free(texts);
}

static bool is_step(const struct result_view_row *row)
{
    return row->kind == RESULT_ELECT || row->kind == RESULT_TRANSFER ||
           row->kind == RESULT_ELIMINATE || row->kind == RESULT_TIE;
}

/* Notes what the steps after a round make of choices, so that their bars can tell. */
static void note_fates(struct drawing *drawing, size_t round)
{
    const struct result_view *view = drawing->view;
    for (unsigned i = 0; i < drawing->choices.count; i++)
        if (drawing->fates[i] == IS_OUT)
            drawing->fates[i] = WENT_BEFORE;
    for (size_t i = round + 1; i < view->count && is_step(&view->rows[i]); i++) {
        struct span rest = view->rows[i].rest;
        if (view->rows[i].kind == RESULT_ELECT)
            set_fate(drawing, span_cut(&rest, ' '), ELECTED);
        else if (view->rows[i].kind == RESULT_ELIMINATE)
            set_fate(drawing, span_cut(&rest, ' '), IS_OUT);
    }
}

static void draw_round(struct drawing *drawing, size_t i)
{
    const struct result_view_row *row = &drawing->view->rows[i];
    note_fates(drawing, i);
    putc('\n', drawing->out);
    if (words_of(drawing->method)->has_rounds)
        fprintf(drawing->out, "Round %" PRIu64 "\n", row->number);
    draw_votes(drawing, row->rest, result_view_choices(drawing->view));
}

/* ---- what was decided ---- */

static const char *find_words(const char *const words[][2], size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_is(name, words[i][0]))
            return words[i][1];
    return NULL;
}

#define FIND_WORDS(words, name) find_words(words, sizeof words / sizeof words[0], name)

static const char *const stakes[][2] = {
    {"elect", "a seat"},
    {"eliminate", "going out"},
    {"surplus", "the next surplus"},
    {"finalist", "a place in the run-off"},
    {"runoff", "winning the run-off"},
};

static const char *const rules[][2] = {
    {"earlier", "the latest earlier round in which they differ"},
    {"head", "which of them more ballots score higher"},
    {"sum", "the higher sum of scores"},
    {"top", "more of the highest scores"},
    {"lot", "the lot"},
};

static void put_words(const struct drawing *drawing, const char *words, struct span name)
{
    if (words)
        fputs(words, drawing->out);
    else
        put_span(drawing, name);
}

static void draw_tie(const struct drawing *drawing, struct span rest)
{
    struct span stake = span_cut(&rest, ' '), choices = span_cut(&rest, ' ');
    struct span rule = result_view_value(rest, "by");
    fputs("  Tie for ", drawing->out);
    put_words(drawing, FIND_WORDS(stakes, stake), stake);
    fputs(" between ", drawing->out);
    put_labels(drawing, choices);
    fputs(", decided by ", drawing->out);
    put_words(drawing, FIND_WORDS(rules, rule), rule);
    fputs(".\n", drawing->out);
}

static void draw_step(const struct drawing *drawing, const struct result_view_row *row)
{
    struct span rest = row->rest, choice = span_cut(&rest, ' ');
    struct span surplus = result_view_value(rest, "surplus");
    if (row->kind == RESULT_TIE) {
        draw_tie(drawing, row->rest);
        return;
    }
    fputs("  ", drawing->out);
    if (row->kind == RESULT_TRANSFER)
        fputs("The surplus of ", drawing->out);
    put_label(drawing, choice);
    if (row->kind == RESULT_ELIMINATE) {
        fputs(" is out.\n", drawing->out);
        return;
    }
    if (row->kind == RESULT_ELECT)
        fputs(" is elected", drawing->out);
    if (surplus.at)
        fprintf(drawing->out, ", %.*s%s", (int)surplus.len, surplus.at,
                row->kind == RESULT_ELECT ? " above the quota" : ", goes on");
    fputs(".\n", drawing->out);
}

static void draw_runoff(const struct drawing *drawing, const struct result_view_row *row)
{
    fputs("\nRun-off\n", drawing->out);
    draw_votes(drawing, row->rest, 2);
}

static void draw_rank(const struct drawing *drawing, const struct result_view_row *row)
{
    fprintf(drawing->out, row->number == 1 ? "\n  %" PRIu64 ". " : "  %" PRIu64 ". ", row->number);
    put_labels(drawing, row->rest);
    putc('\n', drawing->out);
}

static void draw_winner(const struct drawing *drawing, const struct result_view_row *row)
{
    if (drawing->seats > 1)
        fprintf(drawing->out, "%s  %" PRIu64 ". ", row->number == 1 ? "\nElected\n" : "",
                row->number);
    else
        fputs("\nWinner: ", drawing->out);
    put_label(drawing, row->rest);
    putc('\n', drawing->out);
}

/* ---- pairs ---- */

static void draw_pair(const struct drawing *drawing, const struct result_view_row *row,
                      bool is_first)
{
    struct span rest = row->rest, a = span_cut(&rest, ' '), b = span_cut(&rest, ' ');
    struct span votes = span_cut(&rest, ' ');
    if (is_first)
        fputs(row->kind == RESULT_PAIR ? "\nPairs\n" : "\nStrongest paths\n", drawing->out);
    fputs("  ", drawing->out);
    put_label(drawing, a);
    fputs(row->kind == RESULT_PAIR ? " against " : " to ", drawing->out);
    put_label(drawing, b);
    fprintf(drawing->out, ": %.*s", (int)votes.len, votes.at);
    if (row->kind == RESULT_PAIR)
        fprintf(drawing->out, " to %.*s", (int)rest.len, rest.at);
    putc('\n', drawing->out);
}

/* ---- the whole ---- */

static uint64_t number_of(struct span words, const char *name)
{
    uint64_t number = 0;
    struct span value = result_view_value(words, name);
    if (value.at && !number_parse(value.at, value.len, UINT64_MAX, &number))
        number = 0;
    return number;
}

static void draw_method(struct drawing *drawing, const struct result_view_row *row)
{
    struct span rest = row->rest;
    drawing->method = span_cut(&rest, ' ');
    drawing->seats = (unsigned)number_of(rest, "seats");
    const uint64_t ballots = number_of(rest, "ballots"), weight = number_of(rest, "weight");
    const uint64_t abstained = number_of(rest, "abstain"), quota = number_of(rest, "quota");
    const char *words = words_of(drawing->method)->words;
    drawing->voting = weight - abstained;
    if (words)
        fprintf(drawing->out, "%s (", words);
    put_span(drawing, drawing->method);
    fprintf(drawing->out, "%s: %" PRIu64 " ballot%s", words ? ")" : "", ballots,
            ballots == 1 ? "" : "s");
    if (weight > ballots)
        fprintf(drawing->out, " that weigh %" PRIu64, weight);
    if (abstained > 0)
        fprintf(drawing->out, ", %" PRIu64 " abstained", abstained);
    if (drawing->seats > 1)
        fprintf(drawing->out, ", %u seats", drawing->seats);
    if (quota > 0)
        fprintf(drawing->out, ", quota %" PRIu64, quota);
    putc('\n', drawing->out);
}

static void draw_row(struct drawing *drawing, size_t i)
{
    const struct result_view_row *row = &drawing->view->rows[i];
    switch (row->kind) {
    case RESULT_METHOD:
        draw_method(drawing, row);
        break;
    case RESULT_ROUND:
        draw_round(drawing, i);
        break;
    case RESULT_ELECT:
    case RESULT_TRANSFER:
    case RESULT_ELIMINATE:
    case RESULT_TIE:
        draw_step(drawing, row);
        break;
    case RESULT_RUNOFF:
        draw_runoff(drawing, row);
        break;
    case RESULT_RANK:
        draw_rank(drawing, row);
        break;
    case RESULT_WINNER:
        draw_winner(drawing, row);
        break;
    case RESULT_NOBODY:
        fputs("\nNobody is elected: ", drawing->out);
        put_span(drawing, row->rest);
        putc('\n', drawing->out);
        break;
    case RESULT_PAIR:
    case RESULT_PATH:
        draw_pair(drawing, row, i == 0 || row[-1].kind != row->kind);
        break;
    case RESULT_LOT:
    case RESULT_OTHER:
        break;
    }
}

void result_view_draw(const struct result_view *view, struct result_choices choices,
                      unsigned columns, FILE *out)
{
    struct drawing drawing = {.view = view, .choices = choices, .columns = columns, .out = out};
    drawing.fates = must_calloc(choices.count, sizeof *drawing.fates);
    for (size_t i = 0; i < view->count; i++)
        draw_row(&drawing, i);
    if (result_view_is_hidden(view))
        fputs("The result is hidden until the poll is closed.\n", out);
    free(drawing.fates);
}
