/* Polls and their ballots, out of a database. Which ballots count, the schema's views say, in one
 * query for all polls: it goes along with the one that lists them. What a ballot says is looked up
 * by its value. Whoever made the file may have written anything into it, so all that comes out of
 * it is judged before it is counted. */
#include "tools/tallyctl/ballots.h"

#include "proto/lot.h"

#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"

#include <stdlib.h>
#include <string.h>

/* With 0 for all polls. */
static const char polls_sql[] =
    "SELECT id, name, kind, method, equal, abstain, seats, min, max, scores"
    "  FROM poll WHERE ?1 IN (0, id) ORDER BY id";
enum { COLUMN_ID, COLUMN_NAME, COLUMN_FIRST_SETTING };
static const enum setting columns[] = {SETTING_KIND,    SETTING_METHOD, SETTING_EQUAL,
                                       SETTING_ABSTAIN, SETTING_SEATS,  SETTING_MIN,
                                       SETTING_MAX,     SETTING_SCORES};

static const char choices_sql[] =
    "SELECT number, name, lot FROM choice WHERE poll = ? ORDER BY number";

static const char texts_sql[] = "SELECT choice, text FROM poll_event"
                                " WHERE poll = ? AND kind IN ('title', 'label') ORDER BY seq";

static const char counting_sql[] =
    "SELECT poll, value_code, weight, count(*) FROM counting_coded_ballot WHERE ?1 IN (0, poll)"
    " GROUP BY poll, value_code, weight ORDER BY poll, value_code, weight";

static const char value_sql[] = "SELECT marks FROM value WHERE poll = ? AND number = ?";

struct ballots {
    struct database *database;
    sqlite3_stmt *polls;    /* owned, as the others are */
    sqlite3_stmt *counting; /* stands on the ballots that come next, if has_counting */
    bool has_counting;
    sqlite3_stmt *value;
    int64_t id; /* of the present poll */
};

static enum status refuse(const struct ballots *ballots, const char *why)
{
    output_error("poll %lld is damaged: %s", (long long)ballots->id, why);
    return STATUS_REFUSED;
}

static struct span text_of(sqlite3_stmt *query, int column)
{
    const char *text = (const char *)sqlite3_column_text(query, column);
    return (struct span){text, (size_t)sqlite3_column_bytes(query, column)};
}

static enum status step_counting(struct ballots *ballots)
{
    return database_step(ballots->database, ballots->counting, &ballots->has_counting);
}

enum status ballots_open(struct database *database, int64_t poll, bool counted,
                         struct ballots **opened)
{
    struct ballots *ballots = must_calloc(1, sizeof *ballots);
    ballots->database = database;
    enum status status = database_query(database, polls_sql, &ballots->polls);
    if (status == STATUS_DONE)
        status = database_query(database, counting_sql, &ballots->counting);
    if (status == STATUS_DONE)
        status = database_query(database, value_sql, &ballots->value);
    if (status == STATUS_DONE) {
        sqlite3_bind_int64(ballots->polls, 1, poll);
        sqlite3_bind_int64(ballots->counting, 1, poll);
        if (counted)
            status = step_counting(ballots);
    }
    if (status == STATUS_DONE)
        *opened = ballots;
    else
        ballots_close(ballots);
    return status;
}

void ballots_close(struct ballots *ballots)
{
    if (!ballots)
        return;
    sqlite3_finalize(ballots->polls);
    sqlite3_finalize(ballots->counting);
    sqlite3_finalize(ballots->value);
    free(ballots);
}

/* ---- what the poll is about ---- */

/* The database has a method by its name with a version. */
static bool find_method(struct span name, unsigned *method)
{
    for (*method = 0; setting_has_value(SETTING_METHOD, *method); ++*method)
        if (span_is(name, method_name(*method)))
            return true;
    return false;
}

/* A setting that means nothing for the poll is NULL there, and 0 here. */
static bool take_setting(struct election *election, enum setting setting, sqlite3_stmt *poll,
                         int column)
{
    uint16_t value = 0;
    unsigned method;
    struct span text = text_of(poll, column);
    if (setting == SETTING_METHOD && text.at && find_method(text, &method))
        value = (uint16_t)method;
    else if (text.at && (setting == SETTING_METHOD || !setting_parse(setting, text, &value)))
        return false;
    election_give(election, setting, value);
    return true;
}

static bool take_settings(struct election *election, sqlite3_stmt *poll)
{
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        if (!take_setting(election, columns[i], poll, COLUMN_FIRST_SETTING + (int)i))
            return false;
    return true;
}

static bool take_choice(struct election *election, sqlite3_stmt *choice)
{
    const unsigned i = election->choice_count;
    struct span name = text_of(choice, 1);
    int64_t lot = sqlite3_column_int64(choice, 2);
    if (i == PROTO_CHOICES_MAX || sqlite3_column_int64(choice, 0) != i + 1 || !name.at ||
        !name_parse(name.at, name.len, &election->choices[i]) || lot < 1 || lot > PROTO_CHOICES_MAX)
        return false;
    election->lot[lot - 1] = (uint8_t)i;
    election->choice_count++;
    return true;
}

static bool take_text(struct election *election, sqlite3_stmt *event)
{
    const char *why;
    const int64_t choice = sqlite3_column_int64(event, 0);
    struct span text = text_of(event, 1);
    if (!text.at || choice < 0 || choice > election->choice_count)
        return false;
    return choice == 0 ? election_set_title(election, text, &why) == 0
                       : election_set_label(election, (unsigned)choice - 1, text, &why) == 0;
}

/* Gives each row of a query about the present poll to `take`. */
static enum status take_rows(struct ballots *ballots, const char *sql, struct election *election,
                             bool (*take)(struct election *election, sqlite3_stmt *row),
                             const char *why)
{
    sqlite3_stmt *query;
    bool has_row;
    enum status status = database_query(ballots->database, sql, &query);
    if (status != STATUS_DONE)
        return status;
    sqlite3_bind_int64(query, 1, ballots->id);
    while ((status = database_step(ballots->database, query, &has_row)) == STATUS_DONE && has_row)
        if (!take(election, query)) {
            status = refuse(ballots, why);
            break;
        }
    sqlite3_finalize(query);
    return status;
}

static enum status take_poll(struct ballots *ballots, struct election *election)
{
    const char *why;
    if (election_set_title(election, text_of(ballots->polls, COLUMN_NAME), &why) != 0)
        return refuse(ballots, "its name");
    if (!take_settings(election, ballots->polls))
        return refuse(ballots, "its settings");
    enum status status = take_rows(ballots, choices_sql, election, take_choice, "its choices");
    if (status != STATUS_DONE)
        return status;
    if (election->choice_count < PROTO_CHOICES_MIN ||
        !lot_is_valid(election->lot, election->choice_count))
        return refuse(ballots, "its choices");
    if (!settings_are_valid(&election->settings, election->choice_count))
        return refuse(ballots, "its settings");
    election->has_lot = true;
    return take_rows(ballots, texts_sql, election, take_text, "its texts");
}

/* ---- what its ballots say ---- */

static bool single_marks(uint32_t value, struct marks *marks)
{
    if (value == 0 || value > marks->count)
        return false;
    marks->mark[value - 1] = 1;
    return true;
}

static enum status look_up(struct ballots *ballots, const struct election *election, uint32_t value,
                           struct marks *marks)
{
    bool has_row = false;
    sqlite3_reset(ballots->value);
    sqlite3_bind_int64(ballots->value, 1, ballots->id);
    sqlite3_bind_int64(ballots->value, 2, value);
    enum status status = database_step(ballots->database, ballots->value, &has_row);
    if (status != STATUS_DONE)
        return status;
    const void *bytes = sqlite3_column_blob(ballots->value, 0);
    if (!has_row || !bytes || (unsigned)sqlite3_column_bytes(ballots->value, 0) != marks->count ||
        !marks_are_valid(bytes, &election->settings, marks->count))
        return refuse(ballots, "what a ballot says");
    memcpy(marks->mark, bytes, marks->count);
    return STATUS_DONE;
}

static enum status find_marks(struct ballots *ballots, const struct election *election,
                              uint32_t value, struct marks *marks)
{
    *marks = (struct marks){.count = election->choice_count, .abstains = value == VALUE_ABSTAIN};
    if (marks->abstains)
        return STATUS_DONE;
    if (election->settings.value[SETTING_KIND] == KIND_SINGLE)
        return single_marks(value, marks) ? STATUS_DONE : refuse(ballots, "what a ballot says");
    return look_up(ballots, election, value, marks);
}

enum status ballots_text(struct ballots *ballots, const struct election *election, uint32_t value,
                         char *text)
{
    struct marks marks;
    enum status status = find_marks(ballots, election, value, &marks);
    if (status == STATUS_DONE)
        text[marks_write(&marks, &election->settings, election->choices, text)] = '\0';
    return status;
}

/* ---- its ballots that count ---- */

/* Three bytes, big-endian; 0 for other ones. */
static uint32_t value_of_code(sqlite3_stmt *query, int column)
{
    const unsigned char *code = sqlite3_column_blob(query, column);
    if (!code || sqlite3_column_bytes(query, column) != 3)
        return 0;
    return (uint32_t)code[0] << 16 | (uint32_t)code[1] << 8 | code[2];
}

static enum status take_ballots(struct ballots *ballots, struct election *election)
{
    struct marks marks;
    const char *why;
    const int64_t weight = sqlite3_column_int64(ballots->counting, 2);
    const int64_t count = sqlite3_column_int64(ballots->counting, 3);
    enum status status = find_marks(ballots, election, value_of_code(ballots->counting, 1), &marks);
    if (status != STATUS_DONE)
        return status;
    if (election_add_ballots(election, &marks, (uint64_t)count, (uint64_t)weight, 0, &why) != 0)
        return refuse(ballots, why);
    return step_counting(ballots);
}

/* The poll of the ballots that come next. */
static int64_t counting_poll(const struct ballots *ballots)
{
    return ballots->has_counting ? sqlite3_column_int64(ballots->counting, 0) : INT64_MAX;
}

enum status ballots_next(struct ballots *ballots, struct election *election, int64_t *id,
                         bool *has_poll)
{
    enum status status = database_step(ballots->database, ballots->polls, has_poll);
    if (status != STATUS_DONE || !*has_poll)
        return status;
    *id = ballots->id = sqlite3_column_int64(ballots->polls, COLUMN_ID);
    /* what an earlier poll, which was refused, left */
    while (status == STATUS_DONE && counting_poll(ballots) < ballots->id)
        status = step_counting(ballots);
    if (status == STATUS_DONE)
        status = take_poll(ballots, election);
    if (status == STATUS_DONE)
        election_begin_ballots(election, "ballot");
    while (status == STATUS_DONE && counting_poll(ballots) == ballots->id)
        status = take_ballots(ballots, election);
    return status;
}
