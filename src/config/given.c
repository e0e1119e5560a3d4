/* Takes options from any source. One of a higher precedence is taken later, and wins: it replaces
 * a value, or a whole list instead of adding to it. */
#include "config/given.h"

#include "proto/number.h"

#include <stdio.h>
#include <string.h>

static void note_repeated(struct config *config, const char *name)
{
    size_t len = strlen(config->repeated);
    snprintf(config->repeated + len, CONFIG_REPEATED_MAX - len, "%s--%s", len > 0 ? " " : "", name);
}

/* An option given twice that is no list is a mistake in a file. On a command line, which a script
 * may have put together, the last one counts, and a warning says so. */
static int note_again(struct given *given, const struct option *option, unsigned line)
{
    if (option->kind == OPTION_FLAG || option->forget != NULL)
        return 0;
    if (given->reader.source == FROM_FILE)
        return reader_fail(&given->reader, "it is in line %u already", line);
    note_repeated(given->reader.config, option->name);
    return 0;
}

static int note(struct given *given, const struct option *option)
{
    struct reader *reader = &given->reader;
    size_t i = (size_t)(option - options);
    if (given->last[i].source == reader->source)
        return note_again(given, option, given->last[i].line);
    if (option->forget != NULL)
        option->forget(reader->config);
    given->last[i].source = reader->source;
    given->last[i].line = reader->line;
    return 0;
}

static int set_number(struct reader *reader, const struct option *option, const char *value)
{
    uint64_t number;
    if (!number_parse(value, strlen(value), option->most, &number) || number < option->least)
        return reader_refuse(reader, value, "is not a whole number from %u to %u", option->least,
                             option->most);
    *option_number(option, reader->config) = (unsigned)number;
    return 0;
}

int given_take(struct given *given, const struct option *option, const char *value)
{
    given->reader.option_name = option->name;
    int result = note(given, option);
    if (result != 0)
        return result;
    switch (option->kind) {
    case OPTION_TEXT:
        result = option->set(&given->reader, value);
        break;
    case OPTION_NUMBER:
        result = set_number(&given->reader, option, value);
        break;
    case OPTION_FLAG:
        given->flags[option->flag] = true;
        break;
    }
    given->reader.option_name = NULL;
    return result;
}
