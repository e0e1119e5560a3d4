/* Counts elections that another test sends, and tells their results' rows: for
 * test_random_elections.py. Standard input, a line each:
 *
 *     poll SETTINGS|CHOICES|LOT     as in CREATE: `method=stv seats=2|a b c|c>a>b`
 *     ballot WEIGHT BALLOT          any number
 *     back WEIGHT BALLOT            takes one back
 *     count                         the rows are written, pairs too, and then a line `.`
 */
#include "tests/support/profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct electing electing;

static bool take_poll(char *text)
{
    const char *settings = strsep(&text, "|"), *choices = strsep(&text, "|");
    if (!text)
        return false;
    electing = electing_new(settings, choices, text);
    return true;
}

static bool take_ballot(char *text, int (*count)(struct electing *, unsigned, const char *))
{
    char *ballot;
    unsigned weight = (unsigned)strtoul(text, &ballot, 10);
    return electing.poll && *ballot == ' ' && count(&electing, weight, ballot + 1) == 0;
}

static bool write_rows(void)
{
    if (!electing.poll)
        return false;
    char *rows = electing_rows(&electing, true);
    printf("%s.\n", rows);
    fflush(stdout);
    free(rows);
    electing_free(&electing);
    electing = (struct electing){0};
    return true;
}

static bool take_line(char *line)
{
    char *rest = line;
    const char *word = strsep(&rest, " ");
    if (strcmp(word, "poll") == 0)
        return rest && take_poll(rest);
    if (strcmp(word, "ballot") == 0)
        return rest && take_ballot(rest, electing_cast);
    if (strcmp(word, "back") == 0)
        return rest && take_ballot(rest, electing_take_back);
    return strcmp(word, "count") == 0 && write_rows();
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&line, &size, stdin)) > 0;) {
        line[len - 1] = '\0';
        if (!take_line(line)) {
            fprintf(stderr, "count_rows: can't read: %s\n", line);
            return EXIT_FAILURE;
        }
    }
    free(line);
    return EXIT_SUCCESS;
}
