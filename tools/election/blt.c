/* Reading and writing BLT (see blt.h). A file is read line by line, in three parts: what it is
 * about, ballots, names. A line is wrong or right as a whole, so that the message can name it. */
#include "tools/election/blt.h"

#include "proto/number.h"
#include "tools/election/lines.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    NUMBERS_MAX = 1 << 30, /* beyond it nothing is a choice */
    BLT_TEXT_MAX = 1024,   /* bytes of a line with a name */
};

struct reading {
    struct election *election;
    struct lines lines;
    unsigned listed;                   /* choices, with those that withdrew */
    unsigned place[PROTO_CHOICES_MAX]; /* by number - 1: its place among those that stand */
    bool has_withdrawn[PROTO_CHOICES_MAX];
};

/* ---- lines and words ---- */

/* The line up to its comment. A quotation mark within a name is written twice, so counting them
 * tells what is within. */
static struct span without_comment(struct span line)
{
    bool is_quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        is_quoted ^= line.at[i] == '"';
        if (line.at[i] == '#' && !is_quoted)
            line.len = i;
    }
    return span_trim(line);
}

/* The next line that says something. As lines_next. */
static int next_line(struct lines *lines, struct span *line)
{
    int result;
    do
        if ((result = lines_next(lines, line)) == 1)
            *line = without_comment(*line);
    while (result == 1 && line->len == 0);
    return result;
}

/* Cuts the next word off; it is empty at the end. */
static struct span next_word(struct span *line)
{
    *line = span_trim(*line);
    size_t len = 0;
    while (len < line->len && !ascii_is_blank(line->at[len]))
        len++;
    struct span word = {line->at, len};
    line->at += len;
    line->len -= len;
    return word;
}

static bool take_number(struct span *line, uint64_t *number)
{
    struct span word = next_word(line);
    return number_parse(word.at, word.len, UINT64_MAX, number);
}

static int fail_word(struct reading *reading, const char *what, struct span word)
{
    int len = word.len < 40 ? (int)word.len : 40;
    return lines_fail(&reading->lines, "%s: '%.*s'", what, len, word.at);
}

static int fail_end(struct reading *reading, const char *what)
{
    return lines_fail(&reading->lines, "the file ends here, %s", what);
}

/* ---- choices and seats, and who withdrew ---- */

static int read_head(struct reading *reading)
{
    struct span line;
    uint64_t choices, seats;
    int result = next_line(&reading->lines, &line);
    if (result <= 0)
        return result < 0 ? -1 : fail_end(reading, "without anything");
    if (!take_number(&line, &choices) || !take_number(&line, &seats) || next_word(&line).len > 0)
        return lines_fail(&reading->lines,
                          "a BLT file begins with the numbers of choices and of seats");
    if (choices < PROTO_CHOICES_MIN || choices > PROTO_CHOICES_MAX)
        return lines_fail(&reading->lines, "an election has 2 to %d choices", PROTO_CHOICES_MAX);
    if (seats == 0 || seats > choices)
        return lines_fail(&reading->lines, "there are more seats than choices, or none");
    reading->listed = (unsigned)choices;
    election_say(reading->election, SETTING_KIND, KIND_RANKED);
    election_say(reading->election, SETTING_SEATS, (unsigned)seats);
    return 0;
}

static int withdraw(struct reading *reading, struct span line)
{
    while (line.len > 0) {
        uint64_t number;
        struct span word = next_word(&line);
        if (word.at[0] != '-' ||
            !number_parse(word.at + 1, word.len - 1, reading->listed, &number) || number == 0)
            return fail_word(reading, "a choice that withdrew is its number with a minus", word);
        reading->has_withdrawn[number - 1] = true;
    }
    return 0;
}

/* Takes the lines of those who withdrew, up to the first ballot, which it returns in *line. */
static int read_withdrawn(struct reading *reading, struct span *line)
{
    struct election *election = reading->election;
    int result;
    while ((result = next_line(&reading->lines, line)) == 1 && line->at[0] == '-')
        if (withdraw(reading, *line) != 0)
            return -1;
    if (result <= 0)
        return result < 0 ? -1 : fail_end(reading, "before its ballots");
    for (unsigned i = 0; i < reading->listed; i++) {
        reading->place[i] = election->choice_count;
        election->choice_count += !reading->has_withdrawn[i];
    }
    if (election->choice_count < PROTO_CHOICES_MIN)
        return lines_fail(&reading->lines, "fewer than 2 choices are left, the others withdrew");
    election_begin_ballots(election, "line");
    return 0;
}

/* ---- ballots ---- */

/* Takes the choices of one rank, `3` or `1=3`. Returns how many of them stand, or -1. */
static int take_rank(struct reading *reading, struct span word, bool *is_named, struct marks *marks,
                     unsigned rank)
{
    int standing = 0;
    const struct span whole = word;
    if (word.at[word.len - 1] == '=') /* which span_cut would pass over */
        return fail_word(reading, "this is no choice's number", whole);
    do {
        uint64_t number = 0;
        struct span digits = span_cut(&word, '=');
        if (!number_parse(digits.at, digits.len, NUMBERS_MAX, &number) || number == 0)
            return fail_word(reading, "this is no choice's number", whole);
        if (number > reading->listed)
            return lines_fail(&reading->lines, "choice %u: there are %u", (unsigned)number,
                              reading->listed);
        if (is_named[number - 1])
            return lines_fail(&reading->lines, "the ballot names choice %u twice",
                              (unsigned)number);
        is_named[number - 1] = true;
        if (reading->has_withdrawn[number - 1])
            continue;
        marks->mark[reading->place[number - 1]] = (uint8_t)rank;
        standing++;
    } while (word.len > 0);
    return standing;
}

/* Takes the ranks up to the 0. A rank of which nobody stands is passed over. */
static int take_ranks(struct reading *reading, struct span *line, struct marks *marks)
{
    bool is_named[PROTO_CHOICES_MAX] = {false};
    unsigned rank = 0;
    for (;;) {
        struct span word = next_word(line);
        if (word.len == 0)
            return lines_fail(&reading->lines, "a ballot ends with 0, and this one doesn't");
        if (span_is(word, "0"))
            break;
        if (span_is(word, "-"))
            continue;
        int standing = take_rank(reading, word, is_named, marks, rank + 1);
        if (standing < 0)
            return -1;
        rank += standing > 0;
    }
    marks->abstains = rank == 0;
    return 0;
}

/* An identity stands in parentheses before the ballot. */
static int skip_identity(struct reading *reading, struct span *line)
{
    if (line->at[0] != '(')
        return 0;
    struct span rest = *line;
    span_cut(&rest, ')');
    if (rest.len == 0)
        return lines_fail(&reading->lines, "a ballot's identity, and no ballot");
    *line = span_trim(rest);
    return 0;
}

static int take_ballot(struct reading *reading, struct span *line)
{
    struct marks marks = {.count = reading->election->choice_count};
    const char *why;
    uint64_t count;
    if (skip_identity(reading, line) != 0)
        return -1;
    struct span rest = *line;
    if (!take_number(line, &count) || count == 0)
        return fail_word(reading, "a ballot begins with how many there are of it",
                         next_word(&rest));
    if (take_ranks(reading, line, &marks) != 0)
        return -1;
    if (election_add_ballots(reading->election, &marks, count, 1, reading->lines.number, &why) != 0)
        return lines_fail(&reading->lines, "%s", why);
    *line = span_trim(*line);
    return 0;
}

/* Takes a line of ballots, of which there may be several. */
static int take_ballots(struct reading *reading, struct span line)
{
    while (line.len > 0)
        if (take_ballot(reading, &line) != 0)
            return -1;
    return 0;
}

static int read_ballots(struct reading *reading, struct span line)
{
    int result = 1;
    while (!span_is(line, "0")) {
        if (take_ballots(reading, line) != 0)
            return -1;
        result = next_line(&reading->lines, &line);
        if (result <= 0)
            return result < 0 ? -1 : fail_end(reading, "before the 0 that ends the ballots");
    }
    return 0;
}

/* ---- names ---- */

/* Copies a line's text without its quotation marks, with one blank where there were several.
 * Returns false if a mark is left open. */
static bool plain_text(struct span line, char *buffer, struct span *text)
{
    size_t len = 0;
    bool is_quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        char c = ascii_is_blank(line.at[i]) ? ' ' : line.at[i];
        if (c == '"')
            is_quoted = !is_quoted;
        else if (c != ' ' || (len > 0 && buffer[len - 1] != ' '))
            buffer[len++] = c;
    }
    *text = span_trim((struct span){buffer, len});
    return !is_quoted;
}

/* The text of the next line. As lines_next. */
static int next_text(struct reading *reading, struct span *text, char buffer[])
{
    struct span line;
    int result = next_line(&reading->lines, &line);
    if (result != 1)
        return result;
    if (line.len > BLT_TEXT_MAX)
        return lines_fail(&reading->lines, "a name's line is longer than %d bytes", BLT_TEXT_MAX);
    return plain_text(line, buffer, text)
               ? 1
               : lines_fail(&reading->lines, "a quotation mark is not closed");
}

static int read_names(struct reading *reading)
{
    char buffer[BLT_TEXT_MAX];
    struct span text;
    const char *why;
    for (unsigned i = 0; i < reading->listed; i++) {
        int result = next_text(reading, &text, buffer);
        if (result <= 0)
            return result < 0 ? -1 : fail_end(reading, "before every choice has its name");
        if (!reading->has_withdrawn[i] &&
            election_name_choice(reading->election, reading->place[i], text, &why) != 0)
            return lines_fail(&reading->lines, "%s", why);
    }
    int result = next_text(reading, &text, buffer);
    if (result == 1 && election_set_title(reading->election, text, &why) != 0)
        return lines_fail(&reading->lines, "%s", why);
    return result < 0 ? -1 : 0;
}

int blt_read(struct election *election, const char *text, size_t len, char why[ELECTION_WHY_MAX])
{
    struct reading reading = {.election = election};
    struct span line;
    lines_begin(&reading.lines, text, len, why);
    if (read_head(&reading) != 0 || read_withdrawn(&reading, &line) != 0 ||
        read_ballots(&reading, line) != 0)
        return -1;
    return read_names(&reading);
}

bool blt_is(const char *text, size_t len)
{
    char why[ELECTION_WHY_MAX];
    struct lines lines;
    struct span line;
    uint64_t number;
    lines_begin(&lines, text, len, why);
    return next_line(&lines, &line) == 1 && take_number(&line, &number) &&
           take_number(&line, &number) && next_word(&line).len == 0;
}

/* ---- writing ---- */

struct writer {
    const struct election *election;
    election_put_fn *put;
    void *owner;
};

static void put_text(const struct writer *writer, const char *text)
{
    writer->put(writer->owner, text, strlen(text));
}

static void put_number(const struct writer *writer, uint64_t number, const char *behind)
{
    char text[NUMBER_DIGITS_MAX + 4];
    snprintf(text, sizeof text, "%" PRIu64 "%s", number, behind);
    put_text(writer, text);
}

/* Returns false if the ballot has no such rank. */
static bool put_rank(const struct writer *writer, const struct marks *marks, unsigned rank)
{
    const char *before = " ";
    for (unsigned i = 0; i < marks->count; i++) {
        if (marks->mark[i] != rank)
            continue;
        put_text(writer, before);
        put_number(writer, i + 1, "");
        before = "=";
    }
    return *before == '=';
}

static void put_ballots(const struct writer *writer, const struct election_ballots *ballots)
{
    struct marks marks;
    election_marks(writer->election, ballots->value, &marks);
    put_number(writer, ballots->count * ballots->weight, "");
    for (unsigned rank = 1; put_rank(writer, &marks, rank); rank++)
        ;
    put_text(writer, " 0\n");
}

static void put_name(const struct writer *writer, const char *text)
{
    put_text(writer, "\"");
    for (; *text; text++)
        writer->put(writer->owner, *text == '"' ? "'" : text, 1);
    put_text(writer, "\"\n");
}

void blt_write(const struct election *election, election_put_fn *put, void *owner)
{
    struct writer writer = {election, put, owner};
    put_number(&writer, election->choice_count, " ");
    put_number(&writer, settings_seats(&election->settings), "\n");
    for (size_t i = 0; i < election->ballots_count; i++)
        put_ballots(&writer, &election->ballots[i]);
    put_text(&writer, "0\n");
    for (unsigned i = 0; i < election->choice_count; i++)
        put_name(&writer, election_label(election, i));
    put_name(&writer, election->title ? election->title : "");
}
