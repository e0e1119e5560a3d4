/* The command line. */
#include "config/arguments.h"

#include <string.h>

/* The value of an option that is not behind a `=`: the next argument, except for a flag. */
static int take_next(struct reader *reader, const struct option *option, char **argv, int *i,
                     const char **value)
{
    if (option->kind == OPTION_FLAG)
        return 0;
    *value = argv[*i];
    if (*value == NULL)
        return reader_fail(reader, "--%s needs a value: %s", option->name, option->value_name);
    (*i)++;
    return 0;
}

/* Takes apart `--name=value`, or `--name` and the argument after it, and moves *i past them. */
static int next_option(struct reader *reader, char **argv, int *i, const struct option **option,
                       const char **value)
{
    const char *word = argv[(*i)++];
    if (strcmp(word, "-h") == 0 || strcmp(word, "-V") == 0)
        word = word[1] == 'h' ? "--help" : "--version";
    if (strncmp(word, "--", 2) != 0)
        return reader_fail(reader,
                           "unexpected argument '%.*s' (tallycast --help lists the options)",
                           READER_SHOWN_MAX, word);
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    *option = option_find(name, len);
    *value = name[len] == '=' ? name + len + 1 : NULL;
    if (*option == NULL)
        return option_fail_unknown(reader, "--", name, len);
    if (*value == NULL)
        return take_next(reader, *option, argv, i, value);
    if ((*option)->kind == OPTION_FLAG)
        return reader_fail(reader, "--%s takes no value", (*option)->name);
    return 0;
}

int arguments_read(struct given *given, int argc, char **argv, bool early)
{
    given->reader.source = FROM_COMMAND_LINE;
    for (int i = 1; i < argc;) {
        const struct option *option = NULL;
        const char *value = NULL;
        if (next_option(&given->reader, argv, &i, &option, &value) != 0)
            return -1;
        if (option_is_early(option) == early && given_take(given, option, value) != 0)
            return -1;
    }
    return 0;
}
