/* A poll's rows, as its CREATE made them. Fails: rows that no CREATE makes, or that are another
 * poll's. Whatever could stand there and be read as the same is refused, too: SQL would read it
 * otherwise. */
#include "store/sqlite/sqlite_poll_rows.h"

/* The columns of the queries. */
enum { ID, POLL_CODE, POLL_NAME, SETTINGS_BEGIN };
enum { POLL, NUMBER, CHOICE_CODE, CHOICE_NAME, LOT };

static int damaged(const struct poll_rows *rows, const char *what, int64_t id)
{
    return sqlite_damaged(rows->polls.store, rows->polls.why, what, id);
}

/* ---- settings ---- */

bool poll_rows_find_word(enum setting setting, struct span word, uint16_t *value)
{
    for (*value = 0; setting_has_value(setting, *value); ++*value)
        if (word.at &&
            span_is(word, setting == SETTING_METHOD ? method_name(*value)
                                                    : setting_value_name(setting, *value)))
            return true;
    return false;
}

/* A setting that means nothing for the ones before it is NULL. */
static bool take_setting(const struct cursor *row, enum setting setting, struct settings *settings)
{
    const int column = SETTINGS_BEGIN + sqlite_setting_place(setting);
    const int type = setting_is_number(setting) ? SQLITE_INTEGER : SQLITE_TEXT;
    const struct span text = cursor_text(row, column);
    uint16_t *value = &settings->value[setting];
    *value = 0;
    if (!settings_has(settings, setting))
        return !text.at;
    if (sqlite3_column_type(row->row, column) != type)
        return false;
    return setting_is_number(setting) ? setting_parse(setting, text, value)
                                      : poll_rows_find_word(setting, text, value);
}

static bool take_settings(const struct cursor *row, struct settings *settings)
{
    *settings = (struct settings){0};
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
        if (setting != SETTING_STATE && !take_setting(row, setting, settings))
            return false;
    return true;
}

/* ---- choices ---- */

/* Takes a choice's row, the next one. */
static bool take_choice(const struct cursor *row, unsigned choice, struct sheet_poll *poll,
                        bool placed[PROTO_CHOICES_MAX])
{
    const int64_t place = cursor_int(row, LOT) - 1;
    if (choice >= PROTO_CHOICES_MAX || cursor_int(row, NUMBER) != choice + 1 ||
        !cursor_has_code(row, CHOICE_CODE, choice + 1) ||
        !cursor_name(row, CHOICE_NAME, &poll->choices[choice]) || place < 0 ||
        place >= PROTO_CHOICES_MAX || placed[place])
        return false;
    poll->lot[place] = (uint8_t)choice;
    placed[place] = true;
    return true;
}

/* The lot has no gap: so many choices are at its first places. */
static bool are_placed(const bool placed[PROTO_CHOICES_MAX], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (!placed[i])
            return false;
    return true;
}

/* Takes the choices of poll `id`. Returns how many, or -1 with `why` filled. */
static int take_choices(struct poll_rows *rows, int64_t id, struct sheet_poll *poll)
{
    struct cursor *row = &rows->choices;
    bool placed[PROTO_CHOICES_MAX] = {false};
    unsigned count = 0;
    for (; !row->at_end && cursor_int(row, POLL) == id; count++) {
        if (!take_choice(row, count, poll, placed))
            return damaged(rows, "choices of poll", id);
        if (cursor_next(row) != 0)
            return -1;
    }
    return are_placed(placed, count) ? (int)count : damaged(rows, "choices of poll", id);
}

/* ---- polls ---- */

int poll_rows_take(struct poll_rows *rows, int64_t id, struct sheet_poll *poll,
                   struct entry_create *create)
{
    struct cursor *row = &rows->polls;
    if (row->at_end || cursor_int(row, ID) != id ||
        !cursor_has_code(row, POLL_CODE, (uint32_t)id) || !cursor_name(row, POLL_NAME, &poll->name))
        return damaged(rows, "poll", id);
    if (!take_settings(row, &poll->settings))
        return damaged(rows, "settings of poll", id);
    const int count = take_choices(rows, id, poll);
    if (count < 0)
        return -1;
    *create = (struct entry_create){.name = &poll->name,
                                    .settings = &poll->settings,
                                    .choices = poll->choices,
                                    .choice_count = (unsigned)count,
                                    .lot = poll->lot};
    return settings_are_valid(&poll->settings, (unsigned)count)
               ? cursor_next(row)
               : damaged(rows, "settings of poll", id);
}

int poll_rows_end(const struct poll_rows *rows)
{
    if (!rows->polls.at_end)
        return damaged(rows, "poll", cursor_int(&rows->polls, ID));
    if (!rows->choices.at_end)
        return damaged(rows, "choices of poll", cursor_int(&rows->choices, POLL));
    return 0;
}
