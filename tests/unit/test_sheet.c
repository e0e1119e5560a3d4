/* Tests of the ledger's bytes: the example of LEDGER.md in both directions, what fits a sheet, and
 * what a reader refuses. Sheets are read in blocks of exactly their size, so that a sanitizer sees
 * a step beyond them. */
#include "proto/sheet.h"

#include "tests/support/unit.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN UINT64_C(0x0123456789abcdef)
#define FIRST  UINT64_C(1700000000000000000)
#define LATER  UINT64_C(1700000000001500000)
#define ANN                                                        \
    {                                                              \
        UINT64_C(0x1011121314151617), UINT64_C(0x18191a1b1c1d1e1f) \
    }
#define BEN                                                        \
    {                                                              \
        UINT64_C(0x2021222324252627), UINT64_C(0x28292a2b2c2d2e2f) \
    }
#define KEY                                                        \
    {                                                              \
        UINT64_C(0xa0a1a2a3a4a5a6a7), UINT64_C(0xa8a9aaabacadaeaf) \
    }
#define SPAN(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }
#define NAME(word)               \
    {                            \
        sizeof(word) - 1, (word) \
    }

#define CY                                                         \
    {                                                              \
        UINT64_C(0x3031323334353637), UINT64_C(0x38393a3b3c3d3e3f) \
    }

enum { SHEETS_MAX = 16, SHEETS = 14 /* of the page */ };

/* ---- the example of LEDGER.md ---- */

static const struct name lunch = NAME("lunch"), lunch_choices[] = {NAME("pizza"), NAME("sushi")};
static const struct settings lunch_settings = {{[SETTING_VOTERS] = VOTERS_NAMED}};
static const uint8_t lunch_lot[] = {1, 0}, board_lot[] = {2, 0, 1};
static const struct name roll = NAME("roll"), roll_choices[] = {NAME("yes"), NAME("no")};
static const struct settings roll_settings = {
    {BALLOTS_ONCE, VOTERS_NAMED, REVEAL_CLOSED, RECORD_NAME, STATE_CLOSED}};
static const struct name board = NAME("board"),
                         board_choices[] = {NAME("ann"), NAME("ben"), NAME("cy")};
static const struct settings board_settings = {{[SETTING_KIND] = KIND_RANKED,
                                                [SETTING_METHOD] = METHOD_STV,
                                                [SETTING_EQUAL] = EQUAL_NO,
                                                [SETTING_SEATS] = 2,
                                                [SETTING_MIN] = 1,
                                                [SETTING_MAX] = 3}};
static const struct name day = NAME("day"), day_choices[] = {NAME("mon"), NAME("tue")};
static const struct settings day_settings = {{[SETTING_VOTERS] = VOTERS_NAMED,
                                              [SETTING_RECORD] = RECORD_NAME,
                                              [SETTING_KIND] = KIND_SCORE,
                                              [SETTING_METHOD] = METHOD_SCORE,
                                              [SETTING_SEATS] = 1,
                                              [SETTING_MIN] = 1,
                                              [SETTING_MAX] = 2,
                                              [SETTING_SCORES] = 5}};

static const struct entry example[] = {
    {1, FIRST, 1, ENTRY_CREATE, .create = {&lunch, &lunch_settings, lunch_choices, 2, lunch_lot}},
    {2, LATER, 1, ENTRY_BALLOT, .ballot = {.value = 2, .weight = 1, .voter = ANN}},
    {3, LATER, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 1, .voter = BEN}},
    {4, LATER, 1, ENTRY_BALLOT, .ballot = {1, 1, true, ANN, .key = KEY}},
    {5, LATER, 1, ENTRY_BALLOT, .ballot = {.value = 2, .weight = 1, .voter = BEN}},
    {6, LATER, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 3, .voter = BEN}},
    {7, LATER, 1, ENTRY_LABEL, .text = {0, SPAN("Pizza \xc3\xa0 la carte")}},
    {8, LATER, 1, ENTRY_TITLE, .text = {0, SPAN("Lunch?")}},
    {9, LATER, 1, ENTRY_CLOSE},
    {10, LATER, 1, ENTRY_OPEN},
    {11, LATER, 2, ENTRY_CREATE, .create = {&roll, &roll_settings, roll_choices, 2}},
    {12, LATER, 2, ENTRY_BALLOT,
     .ballot = {.value = 2, .weight = 1, .name = SPAN("ann lee"), .spelling = SPAN("Ann Lee")}},
    {13, LATER, 3, ENTRY_CREATE, .create = {&board, &board_settings, board_choices, 3, board_lot}},
    {14, LATER, 3, ENTRY_BALLOT,
     .ballot = {.value = 1, .weight = 1, .voter = ANN, .marks = SPAN("\2\1\0")}},
    {15, LATER, 3, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 1, .voter = BEN}},
    {16, LATER, 3, ENTRY_BALLOT, .ballot = {.value = VALUE_ABSTAIN, .weight = 1, .voter = CY}},
    {17, LATER, 4, ENTRY_CREATE, .create = {&day, &day_settings, day_choices, 2}},
    {18, LATER, 4, ENTRY_BALLOT,
     .ballot = {.value = 1,
                .weight = 1,
                .name = SPAN("bob"),
                .spelling = SPAN("Bob"),
                .marks = SPAN("\0\5")}},
};

/* A sheet as bytes, and its chain. */
struct bytes {
    size_t len;
    unsigned char at[SHEET_BYTES_MAX];
    unsigned char chain[SHEET_CHAIN_BYTES];
};

static struct bytes written[SHEETS_MAX];
static size_t written_count;

static void append_hex(struct bytes *sheet, const char *digits)
{
    size_t len;
    int error = sodium_hex2bin(sheet->at + sheet->len, sizeof sheet->at - sheet->len, digits,
                               strlen(digits), " \n", &len, NULL);
    ck_assert_int_eq(error, 0);
    sheet->len += len;
}

/* A line of the page's block: a comment, or `head`, `body`, `marks` or `chain` and their bytes. */
static void take_line(const char *line)
{
    struct bytes *sheet = &written[written_count];
    size_t len;
    if (strncmp(line, "chain ", 6) == 0) {
        ck_assert_int_eq(sodium_hex2bin(sheet->chain, sizeof sheet->chain, line + 6,
                                        strlen(line + 6), " \n", &len, NULL),
                         0);
        written_count++;
        ck_assert_uint_lt(written_count, SHEETS_MAX);
    } else if (line[0] != '#' && line[0] != '\n') {
        append_hex(sheet, line + 6);
    }
}

static void read_page(void)
{
    char path[4096], line[4096];
    const char *top = getenv("TALLYCAST_SRCDIR");
    bool in_block = false;
    snprintf(path, sizeof path, "%s/proto/LEDGER.md", top ? top : ".");
    FILE *page = fopen(path, "r");
    ck_assert_msg(page != NULL, "%s", path);
    while (fgets(line, sizeof line, page)) {
        if (strncmp(line, "```", 3) == 0)
            in_block = strcmp(line, "```sheets\n") == 0;
        else if (in_block)
            take_line(line);
    }
    fclose(page);
    ck_assert_uint_eq(written_count, SHEETS);
}

/* ---- bytes and entries ---- */

static struct sheet_builder builder;

static struct bytes bytes_of(const struct sheet *sheet)
{
    struct bytes bytes = {.len = SHEET_HEAD_BYTES + sheet->body_len + sheet->marks_len};
    sheet_put_head(sheet, bytes.at);
    memcpy(bytes.at + SHEET_HEAD_BYTES, sheet->body, sheet->body_len);
    memcpy(bytes.at + SHEET_HEAD_BYTES + sheet->body_len, sheet->marks, sheet->marks_len);
    return bytes;
}

static void assert_same(const struct bytes *a, const struct bytes *b)
{
    ck_assert_uint_eq(a->len, b->len);
    ck_assert_mem_eq(a->at, b->at, a->len);
}

static void assert_hash(struct hash a, struct hash b)
{
    ck_assert_uint_eq(a.high, b.high);
    ck_assert_uint_eq(a.low, b.low);
}

static void assert_span(struct span a, struct span b)
{
    ck_assert_int_eq(a.at == NULL, b.at == NULL);
    ck_assert_uint_eq(a.len, b.len);
    ck_assert(a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void assert_ballot(const struct entry_ballot *a, const struct entry_ballot *b)
{
    ck_assert_uint_eq(a->value, b->value);
    ck_assert_uint_eq(a->weight, b->weight);
    ck_assert_int_eq(a->has_key, b->has_key);
    assert_hash(a->key, b->key);
    assert_hash(a->voter, b->voter);
    assert_span(a->name, b->name);
    assert_span(a->spelling, b->spelling);
    assert_span(a->marks, b->marks);
}

/* Without a lot, it is the choices as they are listed. */
static unsigned lot_at(const struct entry_create *create, unsigned place)
{
    return create->lot ? create->lot[place] : place;
}

static void assert_create(const struct entry_create *a, const struct entry_create *b)
{
    ck_assert(name_equal(a->name, b->name));
    ck_assert_mem_eq(a->settings, b->settings, sizeof *a->settings);
    ck_assert_uint_eq(a->choice_count, b->choice_count);
    for (unsigned i = 0; i < a->choice_count; i++)
        ck_assert(name_equal(&a->choices[i], &b->choices[i]) && lot_at(a, i) == lot_at(b, i));
}

static void assert_entry(const struct entry *a, const struct entry *b)
{
    ck_assert_uint_eq(a->seq, b->seq);
    ck_assert_uint_eq(a->time_ns, b->time_ns);
    ck_assert_uint_eq(a->poll, b->poll);
    ck_assert_int_eq(a->kind, b->kind);
    switch (a->kind) {
    case ENTRY_BALLOT:
        assert_ballot(&a->ballot, &b->ballot);
        break;
    case ENTRY_CREATE:
        assert_create(&a->create, &b->create);
        break;
    case ENTRY_TITLE:
    case ENTRY_LABEL:
        ck_assert_uint_eq(a->text.choice, b->text.choice);
        assert_span(a->text.text, b->text.text);
        break;
    default:
        break;
    }
}

/* Whether a reader takes the bytes, entries and all. If so they are what a writer makes of the
 * entries. */
static bool is_taken(const unsigned char *bytes, size_t len)
{
    static struct sheet_reader reader;
    struct sheet sheet;
    struct entry entry;
    unsigned char *block = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, bytes, len);
    bool taken = sheet_parse(block, len, &sheet);
    builder.sheet.entries = 0;
    sheet_read_begin(&reader, &sheet);
    for (unsigned i = 0; taken && i < sheet.entries; i++) {
        taken = sheet_read(&reader, &entry);
        if (taken && !sheet_append(&builder, &entry)) {
            ck_assert_uint_eq(i, 0);
            sheet_begin(&builder, &entry);
        }
    }
    if (taken) {
        struct bytes again = bytes_of(&builder.sheet);
        ck_assert_uint_eq(again.len, len);
        ck_assert_mem_eq(again.at, bytes, len);
    }
    free(block);
    return taken;
}

/* ---- tests ---- */

START_TEST(the_page_says_what_is_written)
{
    size_t sheets = 0;
    read_page();
    builder.sheet.entries = 0;
    for (size_t i = 0; i < sizeof example / sizeof example[0]; i++) {
        if (sheet_append(&builder, &example[i]))
            continue;
        if (builder.sheet.entries > 0) {
            struct bytes bytes = bytes_of(&builder.sheet);
            assert_same(&bytes, &written[sheets++]);
        }
        sheet_begin(&builder, &example[i]);
    }
    struct bytes last = bytes_of(&builder.sheet);
    assert_same(&last, &written[sheets++]);
    ck_assert_uint_eq(sheets, written_count);
}
END_TEST

START_TEST(the_page_is_read)
{
    static struct sheet_reader reader;
    size_t entries = 0;
    read_page();
    for (size_t i = 0; i < written_count; i++) {
        struct sheet sheet;
        struct entry entry;
        ck_assert(sheet_parse(written[i].at, written[i].len, &sheet));
        sheet_read_begin(&reader, &sheet);
        for (unsigned place = 0; place < sheet.entries; place++) {
            ck_assert(sheet_read(&reader, &entry));
            assert_entry(&entry, &example[entries++]);
        }
    }
    ck_assert_uint_eq(entries, sizeof example / sizeof example[0]);
}
END_TEST

START_TEST(the_chain_is_the_pages)
{
    unsigned char chain[SHEET_CHAIN_BYTES];
    read_page();
    sheet_chain_begin(chain, ORIGIN);
    for (size_t i = 0; i < written_count; i++) {
        struct sheet sheet;
        ck_assert(sheet_parse(written[i].at, written[i].len, &sheet));
        sheet_chain(chain, &sheet);
        ck_assert_mem_eq(chain, written[i].chain, sizeof chain);
    }
}
END_TEST

/* What is left of a sheet is none, but for a text that may end so. */
START_TEST(every_truncation)
{
    read_page();
    const struct bytes *sheet = &written[_i];
    const unsigned kind = sheet->at[0];
    const bool is_open_ended = kind == SHEET_TITLE || kind == SHEET_LABEL;
    ck_assert(is_taken(sheet->at, sheet->len));
    for (size_t len = 0; len < sheet->len; len++)
        ck_assert_msg(!is_taken(sheet->at, len) || is_open_ended, "%zu bytes", len);
}
END_TEST

/* A wrong byte is found by the reader, or by the chain. */
START_TEST(every_wrong_byte)
{
    unsigned char chain[SHEET_CHAIN_BYTES];
    struct sheet sheet;
    read_page();
    struct bytes *bytes = &written[_i];
    for (size_t at = 0; at < bytes->len; at++) {
        for (int i = 1; i < 256; i++) {
            bytes->at[at]++;
            if (!is_taken(bytes->at, bytes->len))
                continue;
            ck_assert(sheet_parse(bytes->at, bytes->len, &sheet));
            if (_i > 0)
                memcpy(chain, written[_i - 1].chain, sizeof chain);
            else
                sheet_chain_begin(chain, ORIGIN);
            sheet_chain(chain, &sheet);
            ck_assert_mem_ne(chain, bytes->chain, sizeof chain);
        }
        bytes->at[at]++;
    }
}
END_TEST

static const char most_marks[PROTO_CHOICES_MAX];

static struct entry ballot_of(uint64_t seq, unsigned kind)
{
    return (struct entry){seq, FIRST, 1, ENTRY_BALLOT,
                          .ballot = {.value = 1,
                                     .weight = kind & SHEET_WEIGHTS ? 2 : 1,
                                     .has_key = (kind & SHEET_KEYS) != 0,
                                     .voter = ANN,
                                     .marks = {kind & SHEET_MARKS ? most_marks : NULL,
                                               kind & SHEET_MARKS ? sizeof most_marks : 0},
                                     .key = {(kind & SHEET_KEYS) != 0, 0}}};
}

static const unsigned most_ballots[] = {183, 105, 154, 95, 183, 105, 154, 95};

START_TEST(a_full_sheet)
{
    const unsigned kind = SHEET_BALLOTS | (unsigned)_i;
    struct entry entry = ballot_of(1, kind);
    sheet_begin(&builder, &entry);
    do
        entry.seq++;
    while (sheet_append(&builder, &entry));
    ck_assert_uint_eq(builder.sheet.entries, most_ballots[_i]);
    ck_assert_uint_eq(builder.sheet.kind, kind);
    struct bytes full = bytes_of(&builder.sheet);
    ck_assert(is_taken(full.at, full.len));

    full.at[SHEET_HEAD_BYTES - 1]++; /* one more than a page holds */
    const size_t body = builder.sheet.body_len, one = body / most_ballots[_i];
    if (kind & SHEET_MARKS)
        full.len = SHEET_HEAD_BYTES + body + SHEET_MARKS_LENGTH_BYTES * (most_ballots[_i] + 1);
    memset(full.at + SHEET_HEAD_BYTES + body, 0, full.len - SHEET_HEAD_BYTES - body);
    ck_assert(!is_taken(full.at, full.len + one));
}
END_TEST

/* Entries that can't go on with a sheet of plain ballots whose next sequence is 2. */
static const struct entry others[] = {
    {3, FIRST, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 1, .voter = ANN}},
    {1, FIRST, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 1, .voter = ANN}},
    {2, LATER, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 1, .voter = ANN}},
    {2, FIRST, 1, ENTRY_BALLOT, .ballot = {1, 1, true, ANN, .key = KEY}},
    {2, FIRST, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 2, .voter = ANN}},
    {2, FIRST, 1, ENTRY_BALLOT,
     .ballot = {.value = 1, .weight = 1, .voter = ANN, .marks = SPAN("\1\2")}},
    {2, FIRST, 1, ENTRY_BALLOT, .ballot = {.value = 1, .weight = 1, .name = SPAN("ann")}},
    {2, FIRST, 1, ENTRY_CLOSE},
};

START_TEST(what_begins_another_sheet)
{
    struct entry first = ballot_of(1, SHEET_BALLOTS);
    sheet_begin(&builder, &first);
    ck_assert(!sheet_append(&builder, &others[_i]));
    ck_assert_uint_eq(builder.sheet.entries, 1);

    sheet_begin(&builder, &others[_i]);
    struct entry next = others[_i];
    next.seq++;
    ck_assert_int_eq(sheet_append(&builder, &next), _i < 6); /* the last ones stay alone */
}
END_TEST

/* A key of zeros is none, wherever it comes from. */
START_TEST(a_key_of_zeros)
{
    struct entry entry = ballot_of(1, SHEET_KEYS);
    entry.ballot.key = (struct hash){0, 0};
    sheet_begin(&builder, &entry);
    ck_assert_uint_eq(builder.sheet.kind, SHEET_BALLOTS);
}
END_TEST

/* Changes of one example's sheet, that a reader must see. */
static const struct wrong {
    const char *what;
    size_t sheet;      /* of the page, from 0 */
    size_t at, len;    /* bytes that are replaced, from the sheet's beginning */
    const char *bytes; /* by these */
    size_t bytes_len;
} wrongs[] = {
#define WRONG(what, sheet, at, len, bytes)             \
    {                                                  \
        what, sheet, at, len, bytes, sizeof(bytes) - 1 \
    }
    WRONG("an unknown kind", 1, 0, 1, "\x18"),
    WRONG("an unknown kind of one entry", 7, 0, 1, "\x35"),
    WRONG("marks of which there are none", 1, 0, 1, "\x14"),
    WRONG("marks where there are none", 11, 0, 1, "\x10"),
    WRONG("no sequence", 8, 1, 8, "\0\0\0\0\0\0\0\0"),
    WRONG("a sequence above the last", 7, 1, 8, "\0\0\1\0\0\0\0\0"),
    WRONG("a last sequence above the last", 1, 1, 8, "\0\0\0\xff\xff\xff\xff\xff"),
    WRONG("a time with a sign", 1, 9, 1, "\x80"),
    WRONG("no entry", 7, 17, 2, "\0\0"),
    WRONG("two entries where there is one", 7, 17, 2, "\0\2"),
    WRONG("a ballot too many", 1, 17, 2, "\0\3"),
    WRONG("keys without a key in the first", 2, 41, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    WRONG("weights that are 1", 3, 44, 1, "\1"),
    WRONG("no weight", 3, 44, 1, "\0"),
    WRONG("no poll", 1, 19, 3, "\0\0\0"),
    WRONG("no poll in an event", 7, 19, 3, "\0\0\0"),
    WRONG("no value", 1, 22, 3, "\0\0\0"),
    WRONG("a setting that there isn't", 0, 26, 1, "\2"),
    WRONG("a method of another kind", 0, 28, 1, "\1"),
    WRONG("seats where one is elected", 0, 31, 1, "\1"),
    WRONG("a seat for each choice", 10, 31, 1, "\3"),
    WRONG("more than all choices", 10, 34, 2, "\0\4"),
    WRONG("a score above the highest", 12, 36, 1, "\13"),
    WRONG("a lot that has a choice twice", 0, 57, 2, "\1\1"),
    WRONG("a lot of another choice", 0, 57, 1, "\2"),
    WRONG("a lot that is too short", 0, 57, 2, "\1"),
    WRONG("no lot", 0, 57, 2, ""),
    WRONG("a poll's name with a capital", 0, 38, 1, "L"),
    WRONG("a poll without a name", 0, 37, 6, "\0"),
    WRONG("a poll of one choice", 0, 43, 16, "\0\1\5pizza\0"),
    WRONG("a choice too few", 0, 43, 2, "\0\3"),
    WRONG("a choice too many", 0, 43, 8, "\0\2\5pizza\5pasta"),
    WRONG("a choice of nothing", 0, 45, 6, "\0"),
    WRONG("a choice beyond the end", 0, 51, 1, "\11"),
    WRONG("a label for choice 0", 4, 22, 2, "\0\0"),
    WRONG("a label for choice 257", 4, 22, 2, "\1\1"),
    WRONG("a title for a choice", 5, 22, 2, "\0\1"),
    WRONG("a text with a line's end", 5, 24, 1, "\n"),
    WRONG("a text that is no UTF-8", 4, 30, 1, "\xe0"),
    WRONG("no voter", 9, 45, 7, ""),
    WRONG("a voter without an end", 9, 52, 1, "-"),
    WRONG("a spelling without an end", 9, 60, 1, "-"),
    WRONG("something behind a spelling", 9, 61, 0, "-"),
    WRONG("a voter who is no text", 9, 45, 1, "\x7f"),
    WRONG("a spelling that is no text", 9, 53, 1, "\x7f"),
    WRONG("a spelling that is the name", 9, 53, 7, "ann lee"),
    WRONG("a named ballot without weight", 9, 28, 1, "\0"),
    WRONG("a named ballot without value", 9, 24, 1, "\0"),
    WRONG("no marks of the first ballot", 11, 85, 5, "\0\0"),
    WRONG("marks of one choice", 11, 85, 5, "\0\1\1"),
    WRONG("marks beyond the end", 11, 86, 1, "\10"),
    WRONG("marks of too few ballots", 11, 92, 2, ""),
    WRONG("half a length of marks", 11, 92, 2, "\0"),
    WRONG("marks of too many ballots", 11, 94, 0, "\0\0"),
    WRONG("marks of an abstention", 11, 92, 2, "\0\2\1\2"),
    WRONG("a named ballot without its marks", 13, 53, 4, "\0\0"),
    WRONG("a named abstention with marks", 13, 22, 3, "\xff\xff\xff"),
    WRONG("more marks than one ballot's", 13, 57, 0, "\0\0"),
};

START_TEST(what_is_refused)
{
    const struct wrong *wrong = &wrongs[_i];
    read_page();
    struct bytes *sheet = &written[wrong->sheet];
    size_t rest = sheet->len - wrong->at - wrong->len;
    memmove(sheet->at + wrong->at + wrong->bytes_len, sheet->at + wrong->at + wrong->len, rest);
    memcpy(sheet->at + wrong->at, wrong->bytes, wrong->bytes_len);
    ck_assert_msg(!is_taken(sheet->at, sheet->len + wrong->bytes_len - wrong->len), "%s",
                  wrong->what);
}
END_TEST

static char long_text[PROTO_CHOICES_MAX + 1];

/* The longest of each kind, and the last sequence. */
START_TEST(the_largest_entries)
{
    static struct name choices[PROTO_CHOICES_MAX];
    const struct settings settings = {{BALLOTS_UNLIMITED, VOTERS_ADDRESS, REVEAL_CLOSED,
                                       RECORD_NAME, STATE_CLOSED, KIND_SCORE, METHOD_SCORE, 0,
                                       ABSTAIN_NO, PROTO_CHOICES_MAX - 1, PROTO_CHOICES_MAX,
                                       PROTO_CHOICES_MAX, SCORES_MAX}};
    for (unsigned i = 0; i < PROTO_CHOICES_MAX; i++) {
        choices[i].len = PROTO_NAME_MAX;
        snprintf(choices[i].text, sizeof choices[i].text, "%064u", i);
    }
    memset(long_text, 'x', sizeof long_text);
    const struct span text = {long_text, PROTO_TEXT_MAX}, name = {long_text, PROTO_VOTER_MAX};
    const struct span capitals = {"X", 1}, marks = {most_marks, sizeof most_marks};
    const struct entry entries[] = {
        {ENTRY_SEQ_MAX, INT64_MAX, 0xffffff, ENTRY_CREATE,
         .create = {&choices[0], &settings, choices, PROTO_CHOICES_MAX}},
        {ENTRY_SEQ_MAX, INT64_MAX, 0xffffff, ENTRY_LABEL, .text = {PROTO_CHOICES_MAX - 1, text}},
        {ENTRY_SEQ_MAX, INT64_MAX, 0xffffff, ENTRY_TITLE, .text = {0, text}},
        {ENTRY_SEQ_MAX, INT64_MAX, 0xffffff, ENTRY_BALLOT,
         .ballot = {ENTRY_VALUE_MAX - 1, UINT32_MAX, true, .key = KEY, .name = name,
                    .spelling = capitals, .marks = marks}},
        {ENTRY_SEQ_MAX, INT64_MAX, 0xffffff, ENTRY_BALLOT,
         .ballot = {ENTRY_VALUE_MAX, UINT32_MAX, true, ANN, KEY}},
        {ENTRY_SEQ_MAX, INT64_MAX, 0xffffff, ENTRY_BALLOT,
         .ballot = {ENTRY_VALUE_MAX - 1, UINT32_MAX, true, ANN, KEY, .marks = marks}},
    };
    static struct sheet_reader reader;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct entry entry;
        sheet_begin(&builder, &entries[i]);
        ck_assert(sheet_is_valid(&builder.sheet));
        sheet_read_begin(&reader, &builder.sheet);
        ck_assert(sheet_read(&reader, &entry));
        assert_entry(&entry, &entries[i]);
    }
}
END_TEST

/* A writer's own fault is not written. */
START_TEST(an_entry_that_is_none_aborts)
{
    const struct entry text = {1, FIRST, 1, ENTRY_TITLE, .text = {0, {long_text, 201}}};
    const struct entry voter = {1, FIRST, 1, ENTRY_BALLOT,
                                .ballot = {1, 1, .name = {long_text, PROTO_VOTER_MAX + 1}}};
    const struct entry choices = {1, FIRST, 1, ENTRY_CREATE,
                                  .create = {&lunch, &lunch_settings, lunch_choices, 257}};
    const struct entry kind = {1, FIRST, 1, (enum entry_kind)77, .text = {0, SPAN("")}};
    const struct entry marks = {1, FIRST, 1, ENTRY_BALLOT,
                                .ballot = {1, 1, .marks = {long_text, PROTO_CHOICES_MAX + 1}}};
    const struct entry abstention = {1, FIRST, 1, ENTRY_BALLOT,
                                     .ballot = {VALUE_ABSTAIN, 1, .marks = {long_text, 2}}};
    const struct entry *const entries[] = {&text, &voter, &choices, &kind, &marks, &abstention};
    sheet_begin(&builder, entries[_i]);
}
END_TEST

UNIT_MAIN("sheet",
          {"page", .tests = {{the_page_says_what_is_written},
                             {the_page_is_read},
                             {the_chain_is_the_pages}}},
          {"damage", .tests = {{every_truncation, .loops = SHEETS},
                               {every_wrong_byte, .loops = SHEETS},
                               {what_is_refused, .loops = UNIT_COUNT(wrongs)}}},
          {"limits", .tests = {{a_full_sheet, .loops = UNIT_COUNT(most_ballots)},
                               {what_begins_another_sheet, .loops = UNIT_COUNT(others)},
                               {a_key_of_zeros},
                               {the_largest_entries},
                               {an_entry_that_is_none_aborts, .loops = 6, .signal = SIGABRT}}})
