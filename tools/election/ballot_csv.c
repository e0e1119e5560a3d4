/* Reading and writing ballots in CSV (see ballot_csv.h). The heading decides what the columns are;
 * after that, each row is one ballot, wrong or right as a whole. */
#include "tools/election/ballot_csv.h"

#include "proto/number.h"
#include "tools/lib/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    COLUMNS_MAX = PROTO_CHOICES_MAX + 2,
    IS_WEIGHT = -1, /* what a column means that is no choice */
    IS_BALLOTS = -2,
    CELL_SHOWN_MAX = 40,
};

struct reading {
    struct election *election;
    struct lines lines;
    char separator;
    /* The cells of the row. They point into its line, or into `unquoted`. */
    unsigned cell_count;
    struct span cells[COLUMNS_MAX];
    char *unquoted; /* owned; as long as the longest line yet */
    size_t unquoted_room;
    unsigned column_count;
    int meaning[COLUMNS_MAX]; /* a choice, from 0; or IS_… */
};

/* ---- rows and cells ---- */

static char take_byte(struct span *rest)
{
    rest->len--;
    return *rest->at++;
}

/* Takes a cell up to its second quotation mark; the first is taken. A mark within it is written
 * twice. Returns false if there is no second one. */
static bool take_quoted(struct span *rest, char **out)
{
    while (rest->len > 0) {
        char c = take_byte(rest);
        if (c == '"') {
            if (rest->len == 0 || *rest->at != '"')
                return true;
            take_byte(rest);
        }
        *(*out)++ = c;
    }
    return false;
}

/* Takes a cell, and leaves its separator. */
static int take_cell(struct reading *reading, struct span *rest, char **out)
{
    struct span *cell = &reading->cells[reading->cell_count++];
    while (rest->len > 0 && *rest->at == ' ')
        take_byte(rest);
    const bool is_quoted = rest->len > 0 && *rest->at == '"';
    *cell = (struct span){is_quoted ? *out : rest->at, 0};
    if (is_quoted) {
        take_byte(rest);
        if (!take_quoted(rest, out))
            return lines_fail(&reading->lines, "a quotation mark is not closed on its line");
        cell->len = (size_t)(*out - cell->at);
    }
    const char *behind = rest->at;
    while (rest->len > 0 && *rest->at != reading->separator)
        take_byte(rest);
    struct span more = {behind, (size_t)(rest->at - behind)};
    if (!is_quoted)
        *cell = span_trim(more);
    else if (span_trim(more).len > 0)
        return lines_fail(&reading->lines, "text stands behind a quotation mark");
    return 0;
}

static void make_room(struct reading *reading, size_t room)
{
    if (room <= reading->unquoted_room)
        return;
    free(reading->unquoted);
    reading->unquoted = must_calloc(room, 1);
    reading->unquoted_room = room;
}

/* Takes a row apart. */
static int split(struct reading *reading, struct span line)
{
    make_room(reading, line.len);
    char *out = reading->unquoted;
    for (reading->cell_count = 0;; take_byte(&line)) {
        if (reading->cell_count == COLUMNS_MAX)
            return lines_fail(&reading->lines, "more than %d choices", PROTO_CHOICES_MAX);
        if (take_cell(reading, &line, &out) != 0)
            return -1;
        if (line.len == 0)
            return 0;
    }
}

/* The next row that isn't empty. As lines_next. */
static int next_line(struct lines *lines, struct span *line)
{
    int result;
    do
        result = lines_next(lines, line);
    while (result == 1 && span_trim(*line).len == 0 && !memchr(line->at, '\t', line->len));
    return result;
}

/* ---- the heading ---- */

/* The one that stands most often outside of quotation marks; the first of equals. */
static char find_separator(struct span heading)
{
    static const char separators[] = {',', ';', '\t'};
    size_t counts[sizeof separators] = {0}, best = 0;
    bool is_quoted = false;
    for (size_t i = 0; i < heading.len; i++) {
        is_quoted ^= heading.at[i] == '"';
        const char *separator = memchr(separators, heading.at[i], sizeof separators);
        if (separator && !is_quoted)
            counts[separator - separators]++;
    }
    for (size_t i = 1; i < sizeof separators; i++)
        if (counts[i] > counts[best])
            best = i;
    return separators[best];
}

static int take_column(struct reading *reading, struct span cell, unsigned seen[2])
{
    struct election *election = reading->election;
    const char *why;
    int *meaning = &reading->meaning[reading->column_count++];
    *meaning = (int)election->choice_count;
    if (span_is_nocase(cell, "weight") && seen[0]++ == 0)
        *meaning = IS_WEIGHT;
    else if (span_is_nocase(cell, "ballots") && seen[1]++ == 0)
        *meaning = IS_BALLOTS;
    else if (election_add_choice(election, cell, &why) != 0)
        return lines_fail(&reading->lines, "column %u: %s", reading->column_count, why);
    return 0;
}

/* An export in the ledger's order has all ballots, not those that count. */
static bool is_ledger(const struct reading *reading)
{
    return reading->cell_count >= 2 && span_is(reading->cells[0], "seq") &&
           span_is(reading->cells[1], "time");
}

static int read_heading(struct reading *reading)
{
    struct span line;
    unsigned seen[2] = {0};
    int result = next_line(&reading->lines, &line);
    if (result <= 0)
        return result < 0 ? -1 : lines_fail(&reading->lines, "the file is empty");
    reading->separator = find_separator(line);
    if (split(reading, line) != 0)
        return -1;
    if (is_ledger(reading))
        return lines_fail(&reading->lines, "this is an export in the order of the ledger, with "
                                           "ballots that don't count; export --counted has those "
                                           "that do");
    for (unsigned i = 0; i < reading->cell_count; i++)
        if (take_column(reading, reading->cells[i], seen) != 0)
            return -1;
    if (reading->election->choice_count < PROTO_CHOICES_MIN)
        return lines_fail(&reading->lines, "the heading of a table of ballots names 2 choices or "
                                           "more, and this one doesn't");
    election_begin_ballots(reading->election, "line");
    return 0;
}

/* ---- ballots ---- */

static int fail_cell(struct reading *reading, unsigned column, const char *what)
{
    const struct span cell = reading->cells[column];
    int len = cell.len < CELL_SHOWN_MAX ? (int)cell.len : CELL_SHOWN_MAX;
    return lines_fail(&reading->lines, "column %u: '%.*s' is no %s", column + 1, len, cell.at,
                      what);
}

/* What a cell says of its choice: at most. */
static unsigned highest_mark(const struct reading *reading)
{
    switch (reading->election->settings.value[SETTING_KIND]) {
    case KIND_SCORE:
        return SCORES_MAX;
    case KIND_RANKED:
        return PROTO_CHOICES_MAX;
    default:
        return 1;
    }
}

static const char *word_for_mark(const struct reading *reading)
{
    static const char *const words[] = {[KIND_SINGLE] = "0 or 1",
                                        [KIND_APPROVAL] = "0 or 1",
                                        [KIND_SCORE] = "score from 0 to 10",
                                        [KIND_RANKED] = "rank from 1"};
    return words[reading->election->settings.value[SETTING_KIND]];
}

/* What a row says, as it is written. */
struct row {
    uint64_t weight, ballots;
    bool is_filled; /* a choice's cell isn't empty */
    unsigned named; /* choices of which a cell says more than 0 */
    unsigned marks[PROTO_CHOICES_MAX];
};

static int take_value(struct reading *reading, unsigned column, struct row *row)
{
    const struct span cell = reading->cells[column];
    const int meaning = reading->meaning[column];
    uint64_t *number = meaning == IS_WEIGHT ? &row->weight : &row->ballots, mark;
    if (cell.len == 0)
        return 0;
    if (meaning < 0)
        return number_parse(cell.at, cell.len, UINT64_MAX, number)
                   ? 0
                   : fail_cell(reading, column, "number from 1");
    if (!number_parse(cell.at, cell.len, highest_mark(reading), &mark) ||
        (mark == 0 && reading->election->settings.value[SETTING_KIND] == KIND_RANKED))
        return fail_cell(reading, column, word_for_mark(reading));
    row->is_filled = true;
    row->named += mark > 0;
    row->marks[meaning] = (unsigned)mark;
    return 0;
}

/* Ranks without gaps: the choices of the lowest number first. */
static void close_gaps(const struct row *row, struct marks *marks)
{
    unsigned rank_of[PROTO_CHOICES_MAX + 1] = {0}, rank = 0;
    for (unsigned i = 0; i < marks->count; i++)
        rank_of[row->marks[i]] = 1;
    for (unsigned i = 1; i <= PROTO_CHOICES_MAX; i++)
        if (rank_of[i])
            rank_of[i] = ++rank;
    for (unsigned i = 0; i < marks->count; i++)
        marks->mark[i] = row->marks[i] > 0 ? (uint8_t)rank_of[row->marks[i]] : 0;
}

/* Scores of nothing but 0 are a ballot; elsewhere one that names nobody abstains. */
static void make_marks(const struct reading *reading, const struct row *row, struct marks *marks)
{
    const unsigned kind = reading->election->settings.value[SETTING_KIND];
    *marks = (struct marks){.count = reading->election->choice_count};
    marks->abstains = kind == KIND_SCORE ? !row->is_filled : row->named == 0;
    if (kind == KIND_RANKED)
        close_gaps(row, marks);
    else
        for (unsigned i = 0; i < marks->count; i++)
            marks->mark[i] = (uint8_t)row->marks[i];
}

static int take_row(struct reading *reading)
{
    struct row row = {.weight = 1, .ballots = 1};
    struct marks marks;
    const char *why;
    if (reading->cell_count != reading->column_count)
        return lines_fail(&reading->lines, "%u fields, and the heading has %u", reading->cell_count,
                          reading->column_count);
    for (unsigned i = 0; i < reading->cell_count; i++)
        if (take_value(reading, i, &row) != 0)
            return -1;
    make_marks(reading, &row, &marks);
    if (election_add_ballots(reading->election, &marks, row.ballots, row.weight,
                             reading->lines.number, &why) != 0)
        return lines_fail(&reading->lines, "%s", why);
    return 0;
}

static int read_rows(struct reading *reading)
{
    struct span line;
    int result;
    while ((result = next_line(&reading->lines, &line)) == 1)
        if (split(reading, line) != 0 || take_row(reading) != 0)
            return -1;
    return result;
}

int ballot_csv_read(struct election *election, const char *text, size_t len,
                    char why[ELECTION_WHY_MAX])
{
    struct reading *reading = must_calloc(1, sizeof *reading);
    reading->election = election;
    lines_begin(&reading->lines, text, len, why);
    int result = read_heading(reading);
    if (result == 0)
        result = read_rows(reading);
    free(reading->unquoted);
    free(reading);
    return result;
}

/* ---- writing ---- */

/* Nothing that is written needs quotation marks, or could be a formula: names and numbers. */
struct writer {
    const struct election *election;
    bool has_ballots; /* a choice is named so: then there must be a column that is none */
    size_t len;
    char row[(PROTO_CHOICES_MAX + 2) * (PROTO_NAME_MAX + 1) + 2];
};

static void add_cell(struct writer *writer, const char *text)
{
    size_t len = strlen(text);
    if (writer->len > 0)
        writer->row[writer->len++] = ',';
    memcpy(writer->row + writer->len, text, len);
    writer->len += len;
}

static void end_row(struct writer *writer)
{
    memcpy(writer->row + writer->len, "\r\n", 2);
    writer->len += 2;
}

static void make_heading(struct writer *writer)
{
    const struct election *election = writer->election;
    for (unsigned i = 0; i < election->choice_count; i++)
        writer->has_ballots |= strcmp(election->choices[i].text, "ballots") == 0;
    add_cell(writer, "weight");
    if (writer->has_ballots)
        add_cell(writer, "ballots");
    for (unsigned i = 0; i < election->choice_count; i++)
        add_cell(writer, election->choices[i].text);
    end_row(writer);
}

static void make_row(struct writer *writer, const struct election_ballots *ballots)
{
    const bool is_ranked = writer->election->settings.value[SETTING_KIND] == KIND_RANKED;
    char number[NUMBER_DIGITS_MAX + 1];
    struct marks marks;
    election_marks(writer->election, ballots->value, &marks);
    writer->len = 0;
    snprintf(number, sizeof number, "%" PRIu32, ballots->weight);
    add_cell(writer, number);
    if (writer->has_ballots)
        add_cell(writer, "1");
    for (unsigned i = 0; i < marks.count; i++) {
        snprintf(number, sizeof number, "%u", marks.mark[i]);
        add_cell(writer, marks.abstains || (is_ranked && marks.mark[i] == 0) ? "" : number);
    }
    end_row(writer);
}

void ballot_csv_write(const struct election *election, election_put_fn *put, void *owner)
{
    struct writer writer = {.election = election};
    make_heading(&writer);
    put(owner, writer.row, writer.len);
    for (size_t i = 0; i < election->ballots_count; i++) {
        make_row(&writer, &election->ballots[i]);
        for (uint64_t copy = 0; copy < election->ballots[i].count; copy++)
            put(owner, writer.row, writer.len);
    }
}
