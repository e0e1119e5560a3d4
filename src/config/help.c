/* What --help prints, from the table of options. */
#include "config/help.h"

#include "config/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 80, INDENT = 27 };

/* A text being written, with its bound. It is cut, never overrun; the tests check that nothing is
 * cut. */
struct output {
    char *at;
    char *end;
};

__attribute__((format(printf, 2, 3))) static size_t put(struct output *output, const char *format,
                                                        ...)
{
    va_list args;
    va_start(args, format);
    size_t room = (size_t)(output->end - output->at);
    int len = vsnprintf(output->at, room, format, args);
    va_end(args);
    size_t written = len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
    output->at += written;
    return written;
}

/* Writes words from the indent on, on as many lines as they need. */
static void put_words(struct output *output, const char *words)
{
    size_t column = INDENT;
    for (const char *separator = ""; *words != '\0'; separator = " ") {
        size_t len = strcspn(words, " ");
        if (column + strlen(separator) + len > COLUMNS) {
            column = INDENT;
            separator = "";
            put(output, "\n%*s", INDENT, "");
        }
        column += put(output, "%s%.*s", separator, (int)len, words);
        words += len + strspn(words + len, " ");
    }
    put(output, "\n");
}

static void put_option(struct output *output, const struct option *option, struct config *defaults)
{
    char words[512];
    size_t column = put(output, "  --%s%s%s", option->name, option->value_name != NULL ? " " : "",
                        option->value_name != NULL ? option->value_name : "");
    put(output, "%*s", (int)(INDENT - column), "");
    if (option->kind == OPTION_NUMBER)
        snprintf(words, sizeof words, "%s (%u to %u; default: %u)", option->help, option->least,
                 option->most, *option_number(option, defaults));
    else
        snprintf(words, sizeof words, "%s", option->help);
    put_words(output, words);
}

void help_write(char text[HELP_MAX])
{
    struct output output = {.at = text, .end = text + HELP_MAX};
    struct config defaults = {0};
    option_default_numbers(&defaults);
    put(&output,
        "Usage: tallycast [OPTION]...\n\n"
        "A live voting server. Ballots come in as lines of text; everyone who subscribes\n"
        "sees each tally change at once; every acknowledged ballot is on stable storage.\n\n");
    for (size_t i = 0; i < OPTION_COUNT; i++)
        put_option(&output, &options[i], &defaults);
    put(&output, "\nTry it:\n"
                 "  tallycast --poll lunch=pizza,sushi,tacos\n"
                 "  nc 127.0.0.1 9000        and type: VOTE lunch pizza\n");
}
