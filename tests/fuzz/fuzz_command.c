/* Fuzzes the codec's first half with one line (libFuzzer). Whatever the line, nothing outside it is
 * read; and what is parsed holds to what command.h promises, so that nobody behind the codec need
 * check it again. */
#include "proto/line.h"
#include "proto/telnet.h"
#include "proto/command.h"
#include "proto/lot.h"
#include "proto/marks.h"
#include "proto/voter_name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* One byte at a time and by ranges (Unicode, table 3-7): slow, and nothing like the codec's way. */
static bool is_text(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint8_t lead = *at++;
        if (lead == '\t' || (lead >= 0x20 && lead <= 0x7e))
            continue;
        if (lead < 0xc2 || lead > 0xf4)
            return false;
        uint8_t low = lead == 0xc2   ? 0xa0 /* after the C1 controls */
                      : lead == 0xe0 ? 0xa0
                      : lead == 0xf0 ? 0x90
                                     : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        for (int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1; more > 0; more--) {
            if (at == end || *at < low || *at > high)
                return false;
            at++;
            low = 0x80;
            high = 0xbf;
        }
    }
    return true;
}

static void require_name(const struct name *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char later[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    require(name->len >= 1 && name->len <= PROTO_NAME_MAX);
    require(strspn(name->text, first) >= 1);
    require(strspn(name->text, later) == name->len && name->text[name->len] == '\0');
}

static void require_inside(struct span span, const char *line, size_t len)
{
    require(span.at >= line && span.len > 0 && span.at + span.len <= line + len);
}

static void require_id(struct span id, const char *line, size_t len)
{
    require_inside(id, line, len);
    require(id.len <= PROTO_NAME_MAX);
    for (size_t i = 0; i < id.len; i++)
        require(id.at[i] > ' ' && id.at[i] <= '~');
}

/* What is folded is a name itself, and folds to the same. */
static void require_voter(struct span voter, const char *line, size_t len)
{
    struct voter_name name, same;
    char folded[PROTO_VOTER_MAX], again[PROTO_VOTER_MAX];
    require_inside(voter, line, len);
    require(voter_name_parse(voter, &name) && name.len > 0 && name.text[name.len] == '\0');
    require(name.text[0] != ' ' && name.text[name.len - 1] != ' ' && name.text[0] != '"');
    require(!strchr(name.text, '"') || !strchr(name.text, ' '));
    size_t once = voter_name_fold((struct span){name.text, name.len}, folded);
    require(voter_name_parse((struct span){folded, once}, &same));
    size_t twice = voter_name_fold((struct span){same.text, same.len}, again);
    require(once == twice && memcmp(folded, again, once) == 0);
}

static void require_caption(struct span text, const char *line, size_t len)
{
    require_inside(text, line, len);
    require(text.len <= PROTO_TEXT_MAX && !line_is_empty(text.at, 1));
    require(!line_is_empty(text.at + text.len - 1, 1));
}

/* It was set: another byte is none of a flag's. */
static void require_flag(const bool *flag)
{
    unsigned char byte;
    memcpy(&byte, flag, sizeof byte);
    require(byte <= 1);
}

static void require_poll_or_all(const struct command *command)
{
    if (!command->all)
        require_name(&command->poll);
}

/* ---- by what a command takes: require_ARGUMENTS, as in commands.def ---- */

static void require_nothing(const struct command *command, struct span line)
{
    (void)command;
    (void)line;
}

static void require_ballot(const struct command *command, struct span line)
{
    require_name(&command->poll);
    require_inside(command->ballot, line.at, line.len);
    if (command->choice.len > 0)
        require_name(&command->choice);
    else
        require(marks_may_be(command->ballot));
    if (command->voter.at)
        require_voter(command->voter, line.at, line.len);
    if (command->key.at)
        require_id(command->key, line.at, line.len);
}

static void require_traced_ballot(const struct command *command, struct span line)
{
    require_ballot(command, line);
}

static void require_as(const struct command *command, struct span line)
{
    require_voter(command->voter, line.at, line.len);
}

static void require_poll(const struct command *command, struct span line)
{
    (void)line;
    require_name(&command->poll);
}

static void require_unsubscription(const struct command *command, struct span line)
{
    (void)line;
    require_poll_or_all(command);
}

static void require_subscription(const struct command *command, struct span line)
{
    require_unsubscription(command, line);
    require(command->number <= 3600000);
    require_flag(&command->results);
}

static void require_result(const struct command *command, struct span line)
{
    require_poll(command, line);
    require_flag(&command->pairs);
}

static void require_text(const struct command *command, struct span line)
{
    if (command->text.at)
        require_inside(command->text, line.at, line.len);
}

static void require_command(const struct command *command, struct span line)
{
    (void)line;
    require(command->help >= -1 && command->help < CMD_COUNT);
}

static void require_definition(const struct command *command, struct span line)
{
    (void)line;
    require_name(&command->poll);
    require(command->choice_count >= PROTO_CHOICES_MIN);
    require(command->choice_count <= PROTO_CHOICES_MAX);
    for (unsigned i = 0; i < command->choice_count; i++) {
        require_name(&command->choices[i]);
        for (unsigned j = 0; j < i; j++)
            require(strcmp(command->choices[i].text, command->choices[j].text) != 0);
    }
    require(settings_are_valid(&command->settings, command->choice_count));
    require(lot_is_valid(command->lot, command->choice_count));
}

static void require_title(const struct command *command, struct span line)
{
    require_name(&command->poll);
    require_caption(command->text, line.at, line.len);
}

static void require_label(const struct command *command, struct span line)
{
    require_name(&command->choice);
    require_title(command, line);
}

static void require_client(const struct command *command, struct span line)
{
    require_text(command, line);
}

static void require_sequence(const struct command *command, struct span line)
{
    require_nothing(command, line);
}

static void require_file(const struct command *command, struct span line)
{
    require_inside(command->text, line.at, line.len);
    require(command->text.at[0] == '/' || span_is(command->text, "-"));
}

static void (*const requirements[CMD_COUNT])(const struct command *command, struct span line) = {
#define COMMAND(word, name, access, arguments, usage, meaning) [CMD_##word] = require_##arguments,
#include "proto/commands.def"
#undef COMMAND
};

static void parse(const char *line, size_t len)
{
    static struct command command;
    const char *why = NULL;
    memset(&command, 0xa5, sizeof command); /* so that a member left unset is none that passes */
    int error = command_parse(line, len, &command, &why);
    require(error == 0 || error == ERR_UNKNOWN_COMMAND || error == ERR_BAD_ARGUMENT);
    if (error == 0)
        requirements[command.id](&command, (struct span){line, len});
    else
        require(why != NULL && strlen(why) < PROTO_LINE_MAX);
    if (error == ERR_BAD_ARGUMENT)
        require(command.id < CMD_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size ? size : 1); /* exact: the sanitizer sees a step beyond it */
    if (!line)
        return 0;
    memcpy(line, data, size);
    require(line_is_text(line, size) == is_text(data, data + size));
    (void)line_is_foreign(line, size);
    require(!line_has_control(line, size) || !line_is_text(line, size));
    ptrdiff_t telnet = telnet_command_len(line, size);
    require(telnet >= -1 && telnet <= (ptrdiff_t)size);
    if (!line_is_empty(line, size))
        parse(line, size);
    free(line);
    return 0;
}
