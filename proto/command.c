/* The codec's first half: a client's commands. Pure functions, for any thread.
 *
 * A line passes line_is_text(), then command_parse(): its first word is looked up in commands.def,
 * and the rest is taken word by word into the members of struct command that the command uses. VOTE
 * is the hot path; it stands first in the list, so finding it costs one comparison, and only the
 * bytes of its line and of its two names are touched. What a ballot says that is more than a name
 * depends on its poll, which is not known here: it stays text.
 *
 * Only the line can be at fault: a step that can't take its word returns false, and sets `why` if
 * it knows a better reason than the command's usage. */
#include "proto/command.h"

#include "proto/ascii.h"
#include "proto/lot.h"
#include "proto/marks.h"
#include "proto/number.h"
#include "proto/voter_name.h"

#include <string.h>

enum { EVERY_MAX_MS = 3600 * 1000 };

#define TWICE "an option is given twice"

const struct command_info command_info[CMD_COUNT] = {
#define COMMAND(word, name, access, arguments, usage, meaning) \
    [CMD_##word] = {#word, usage, meaning, COMMAND_##access},
#include "proto/commands.def"
#undef COMMAND
};

static const char *const usages[CMD_COUNT] = {
#define COMMAND(word, name, access, arguments, usage, meaning) [CMD_##word] = "usage: " usage,
#include "proto/commands.def"
#undef COMMAND
};

/* ---- Words ---- */

/* A parse under way. */
struct parse {
    const char *at; /* the unread rest */
    const char *end;
    struct command *command;
    const char *why; /* NULL: the command's usage says it */
};

static bool refuse(struct parse *parse, const char *why)
{
    parse->why = why;
    return false;
}

static void skip_blanks(struct parse *parse)
{
    while (parse->at < parse->end && ascii_is_blank(*parse->at))
        parse->at++;
}

/* Takes the next word. Returns false if there is none. */
static bool take_word(struct parse *parse, struct span *word)
{
    skip_blanks(parse);
    word->at = parse->at;
    while (parse->at < parse->end && !ascii_is_blank(*parse->at))
        parse->at++;
    word->len = (size_t)(parse->at - word->at);
    return word->len > 0;
}

static bool take_end(struct parse *parse)
{
    skip_blanks(parse);
    return parse->at == parse->end;
}

/* Takes the rest of the line from its next word; absent if there is no word. */
static struct span take_rest(struct parse *parse)
{
    skip_blanks(parse);
    struct span rest = {parse->at, (size_t)(parse->end - parse->at)};
    parse->at = parse->end;
    return rest.len > 0 ? rest : (struct span){NULL, 0};
}

static struct span take_rest_trimmed(struct parse *parse)
{
    struct span rest = take_rest(parse);
    while (rest.len > 0 && ascii_is_blank(rest.at[rest.len - 1]))
        rest.len--;
    return rest;
}

/* Splits `key=value` at its first `=`. Returns false if there is none. */
static bool split_option(struct span word, struct span *key, struct span *value)
{
    const char *equals = memchr(word.at, '=', word.len);
    if (!equals)
        return false;
    *key = (struct span){word.at, (size_t)(equals - word.at)};
    *value = (struct span){equals + 1, word.len - key->len - 1};
    return true;
}

/* ---- Arguments ---- */

static bool to_name(struct parse *parse, struct span word, struct name *name)
{
    return name_parse(word.at, word.len, name) || refuse(parse, NAME_FORM);
}

static bool take_name(struct parse *parse, struct name *name)
{
    struct span word;
    return take_word(parse, &word) && to_name(parse, word, name);
}

static bool take_poll(struct parse *parse)
{
    return take_name(parse, &parse->command->poll);
}

static bool take_poll_or_all(struct parse *parse)
{
    struct span word;
    if (!take_word(parse, &word))
        return false;
    parse->command->all = word.len == 1 && word.at[0] == '*';
    return parse->command->all || to_name(parse, word, &parse->command->poll);
}

/* Takes a title or label. */
static bool take_caption(struct parse *parse)
{
    struct span text = take_rest_trimmed(parse);
    if (!text.at)
        return false;
    if (text.len > PROTO_TEXT_MAX)
        return refuse(parse, "a title or label is at most 200 bytes");
    parse->command->text = text;
    return true;
}

static bool is_voter_name(struct span text)
{
    struct voter_name name;
    return voter_name_parse(text, &name);
}

/* A name with spaces stands in quotation marks, and holds none: if `value`, the end of the word
 * that was just taken, begins with one, the value goes on to the next one. */
static bool take_quoted(struct parse *parse, struct span *value)
{
    if (value->len == 0 || value->at[0] != '"')
        return true;
    const char *begin = value->at + 1;
    const char *end = memchr(begin, '"', (size_t)(parse->end - begin));
    if (!end || (end + 1 < parse->end && !ascii_is_blank(end[1])))
        return refuse(parse, "a name that begins with a quotation mark ends with one");
    *value = (struct span){begin, (size_t)(end - begin)};
    parse->at = end + 1;
    return true;
}

static bool take_ballot_option(struct parse *parse, struct span word)
{
    struct span key, value;
    if (!split_option(word, &key, &value))
        return false;
    bool is_voter = span_is_nocase(key, "as");
    struct span *slot = is_voter                    ? &parse->command->voter
                        : span_is_nocase(key, "id") ? &parse->command->key
                                                    : NULL;
    if (!slot)
        return refuse(parse, "unknown option: VOTE takes as= and id=");
    if (slot->at)
        return refuse(parse, TWICE);
    *slot = value;
    if (is_voter)
        return take_quoted(parse, slot) && (is_voter_name(*slot) || refuse(parse, VOTER_NAME_FORM));
    return id_is_valid(value.at, value.len) || refuse(parse, ID_FORM);
}

/* Takes what a ballot says: most often one choice's name. */
static bool take_ballot(struct parse *parse)
{
    struct command *command = parse->command;
    struct span *ballot = &command->ballot;
    if (!take_word(parse, ballot))
        return false;
    if (name_parse(ballot->at, ballot->len, &command->choice))
        return true;
    command->choice.len = 0;
    return marks_may_be(*ballot) || refuse(parse, NAME_FORM);
}

static bool parse_ballot(struct parse *parse)
{
    struct command *command = parse->command;
    command->voter.at = NULL;
    command->key.at = NULL;
    if (!take_poll(parse) || !take_ballot(parse))
        return false;
    struct span word;
    while (take_word(parse, &word))
        if (!take_ballot_option(parse, word))
            return false;
    return true;
}

static bool parse_traced_ballot(struct parse *parse)
{
    struct span word;
    return take_word(parse, &word) && span_is_nocase(word, command_info[CMD_VOTE].word) &&
           parse_ballot(parse);
}

static bool parse_as(struct parse *parse)
{
    struct span *voter = &parse->command->voter;
    *voter = take_rest_trimmed(parse);
    if (!voter->at)
        return false;
    if (voter->len > 1 && voter->at[0] == '"' && voter->at[voter->len - 1] == '"')
        *voter = (struct span){voter->at + 1, voter->len - 2};
    return is_voter_name(*voter) || refuse(parse, VOTER_NAME_FORM);
}

static bool parse_poll(struct parse *parse)
{
    return take_poll(parse) && take_end(parse);
}

static bool take_every(struct parse *parse, struct span value)
{
    if (parse->command->number != 0)
        return refuse(parse, TWICE);
    return (number_parse(value.at, value.len, EVERY_MAX_MS, &parse->command->number) &&
            parse->command->number > 0) ||
           refuse(parse, "every= is in milliseconds, from 1 to 3600000");
}

static bool take_results(struct parse *parse, struct span value, bool *given)
{
    if (*given)
        return refuse(parse, TWICE);
    *given = true;
    parse->command->results = span_is_nocase(value, "yes");
    return parse->command->results || span_is_nocase(value, "no") ||
           refuse(parse, "results= is yes or no");
}

static bool parse_subscription(struct parse *parse)
{
    bool results_given = false;
    parse->command->number = 0;
    parse->command->results = false;
    if (!take_poll_or_all(parse))
        return false;
    struct span word, key, value;
    while (take_word(parse, &word)) {
        bool taken;
        if (!split_option(word, &key, &value))
            return false;
        if (span_is_nocase(key, "every"))
            taken = take_every(parse, value);
        else if (span_is_nocase(key, "results"))
            taken = take_results(parse, value, &results_given);
        else
            taken = refuse(parse, "unknown option: SUBSCRIBE takes every= and results=");
        if (!taken)
            return false;
    }
    return true;
}

static bool parse_unsubscription(struct parse *parse)
{
    return take_poll_or_all(parse) && take_end(parse);
}

static bool parse_result(struct parse *parse)
{
    struct span word;
    parse->command->pairs = false;
    if (!take_poll(parse))
        return false;
    if (!take_word(parse, &word))
        return true;
    parse->command->pairs = true;
    return span_is_nocase(word, "pairs") && take_end(parse);
}

static bool parse_text(struct parse *parse)
{
    parse->command->text = take_rest(parse);
    return true;
}

/* The command that a word names (case ignored); -1 if none does. */
static int find_command(struct span word)
{
    for (int i = 0; i < CMD_COUNT; i++)
        if (span_is_nocase(word, command_info[i].word))
            return i;
    return -1;
}

static bool parse_command(struct parse *parse)
{
    struct span word;
    parse->command->help = -1;
    if (!take_word(parse, &word))
        return true;
    parse->command->help = find_command(word);
    if (parse->command->help < 0)
        return refuse(parse, "no such command; HELP lists them");
    return take_end(parse);
}

/* CREATE's words under way. */
struct definition {
    unsigned given;  /* a bit for each setting */
    struct span lot; /* at is NULL if absent */
    bool is_named;   /* the poll */
};

static bool take_setting(struct parse *parse, struct definition *definition, struct span key,
                         struct span value)
{
    if (span_is_nocase(key, "lot")) {
        if (definition->lot.at)
            return refuse(parse, TWICE);
        definition->lot = value;
        return true;
    }
    int setting = setting_find(key.at, key.len);
    if (setting < 0)
        return refuse(parse, "unknown setting: CREATE takes" SETTINGS_NAMES " lot=");
    if (definition->given & (1u << setting))
        return refuse(parse, TWICE);
    definition->given |= 1u << setting;
    return setting_parse((enum setting)setting, value, &parse->command->settings.value[setting]) ||
           refuse(parse, setting_usage((enum setting)setting));
}

static bool add_choice(struct parse *parse, struct span word)
{
    struct command *command = parse->command;
    if (command->choice_count == PROTO_CHOICES_MAX)
        return refuse(parse, "a poll has at most 256 choices");
    struct name *choice = &command->choices[command->choice_count];
    if (!to_name(parse, word, choice))
        return false;
    for (unsigned i = 0; i < command->choice_count; i++)
        if (name_equal(&command->choices[i], choice))
            return refuse(parse, "two choices have the same name");
    command->choice_count++;
    return true;
}

/* The choices are known, whatever stood before or behind them. */
static bool complete_definition(struct parse *parse, const struct definition *definition)
{
    struct command *command = parse->command;
    struct span lot = definition->lot;
    if (settings_complete(&command->settings, definition->given, command->choice_count,
                          command->why) != 0)
        return refuse(parse, command->why);
    command->draws_lot = !lot.at || span_is_nocase(lot, "drawn");
    lot_list(command->lot, command->choice_count);
    if (command->draws_lot || span_is_nocase(lot, "listed"))
        return true;
    return lot_parse(lot, command->choices, command->choice_count, command->lot, command->why) ==
               0 ||
           refuse(parse, command->why);
}

static bool parse_definition(struct parse *parse)
{
    struct command *command = parse->command;
    command->settings = (struct settings){{0}};
    command->choice_count = 0;
    struct definition definition = {0};
    struct span word, key, value;
    while (take_word(parse, &word)) {
        bool taken;
        if (split_option(word, &key, &value))
            taken = take_setting(parse, &definition, key, value);
        else if (definition.is_named)
            taken = add_choice(parse, word);
        else
            taken = definition.is_named = to_name(parse, word, &command->poll);
        if (!taken)
            return false;
    }
    return command->choice_count >= PROTO_CHOICES_MIN && complete_definition(parse, &definition);
}

static bool parse_title(struct parse *parse)
{
    return take_poll(parse) && take_caption(parse);
}

static bool parse_label(struct parse *parse)
{
    return take_poll(parse) && take_name(parse, &parse->command->choice) && take_caption(parse);
}

static bool parse_client(struct parse *parse)
{
    struct span word;
    if (!take_word(parse, &word) || !take_end(parse))
        return false;
    parse->command->number = 0;
    bool is_id = number_parse(word.at, word.len, UINT64_MAX, &parse->command->number);
    parse->command->text = is_id ? (struct span){NULL, 0} : word;
    return true;
}

static bool parse_sequence(struct parse *parse)
{
    struct span word;
    parse->command->number = 0;
    if (!take_word(parse, &word))
        return true;
    return take_end(parse) &&
           (number_parse(word.at, word.len, UINT64_MAX, &parse->command->number) ||
            refuse(parse, "a ballot is named by its sequence, a number"));
}

static bool parse_file(struct parse *parse)
{
    struct span file = take_rest_trimmed(parse);
    if (!file.at)
        return false;
    if (file.at[0] != '/' && (file.len != 1 || file.at[0] != '-'))
        return refuse(parse,
                      "the file is an absolute path, from / on, or - for one that is passed");
    parse->command->text = file;
    return true;
}

static bool parse_nothing(struct parse *parse)
{
    return take_end(parse);
}

static bool (*const parsers[CMD_COUNT])(struct parse *parse) = {
#define COMMAND(word, name, access, arguments, usage, meaning) [CMD_##word] = parse_##arguments,
#include "proto/commands.def"
#undef COMMAND
};

int command_parse(const char *line, size_t len, struct command *command, const char **why)
{
    struct parse parse = {.at = line, .end = line + len, .command = command, .why = NULL};
    struct span word;
    int id = take_word(&parse, &word) ? find_command(word) : -1;
    if (id < 0) {
        *why = error_text(ERR_UNKNOWN_COMMAND);
        return ERR_UNKNOWN_COMMAND;
    }
    command->id = (enum command_id)id;
    if (!parsers[id](&parse)) {
        *why = parse.why ? parse.why : usages[id];
        return ERR_BAD_ARGUMENT;
    }
    return 0;
}
