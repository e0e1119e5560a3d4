/* The configuration file: lines NAME = VALUE. */
#include "config/config_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    while (is_blank(*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* What phones' keyboards, web pages and editors put beside a word, and nobody sees. */
static bool has_invisible(const char *value)
{
    static const char *const invisible[] = {"\u00a0", "\u200b", "\u202f", "\ufeff"};
    for (size_t i = 0; i < sizeof invisible / sizeof invisible[0]; i++)
        if (strstr(value, invisible[i]) != NULL)
            return true;
    return false;
}

/* Other formats let values stand in quotes, and comments follow values. Here both would become part
 * of the value: of a file's name, for instance. */
static int check_value(struct reader *reader, const char *value)
{
    size_t len = strlen(value);
    if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0])
        return reader_fail(reader, "values stand without quotes");
    if (strstr(value, " #") != NULL || strstr(value, "\t#") != NULL)
        return reader_fail(reader, "a comment stands in a line of its own");
    for (const char *at = value; *at != '\0'; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == '\x7f')
            return reader_fail(reader, "there is a control character (0x%02x) in the value",
                               (unsigned char)*at);
    if (has_invisible(value))
        return reader_fail(reader, "there is a character in the value that nobody sees, as a "
                                   "no-break space: type it anew");
    return 0;
}

static int take_value(struct given *given, const struct option *option, const char *value)
{
    given->reader.option_name = option->name;
    int result = check_value(&given->reader, value);
    return result == 0 ? given_take(given, option, value) : result;
}

/* Reads `key = value`, a comment, or nothing. */
static int read_line(struct given *given, char *line)
{
    struct reader *reader = &given->reader;
    char *key = trim(line);
    if (key[0] == '\0' || key[0] == '#')
        return 0;
    char *equals = strchr(key, '=');
    if (equals == NULL)
        return reader_refuse(reader, key, "is not NAME = VALUE");
    *equals = '\0';
    key = trim(key);
    const struct option *option = option_find(key, strlen(key));
    if (option == NULL)
        return option_fail_unknown(reader, "", key, strlen(key));
    if (option_is_early(option))
        return reader_fail(reader, "%s can be given on the command line only", option->name);
    return take_value(given, option, trim(equals + 1));
}

/* Some editors begin a file with a byte order mark. Returns the length of UTF-8's, or -1 if the
 * file is in UTF-16. */
static int byte_order_mark(struct reader *reader, const char *line, size_t len)
{
    if (len >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0))
        return reader_fail(reader, "the file is in UTF-16: save it as UTF-8");
    return len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int read_lines(struct given *given, FILE *file)
{
    struct reader *reader = &given->reader;
    char *line = NULL;
    size_t size = 0;
    ssize_t len = 0;
    int result = 0;
    for (reader->line = 1; result == 0 && (len = getline(&line, &size, file)) >= 0;
         reader->line++) {
        int skipped = reader->line == 1 ? byte_order_mark(reader, line, (size_t)len) : 0;
        if (skipped < 0)
            result = -1;
        else if (strlen(line) == (size_t)len)
            result = read_line(given, line + skipped);
        else
            result = reader_fail(reader, "there is a NUL byte in the line");
        reader->option_name = NULL;
    }
    if (result == 0 && !feof(file)) /* ferror does not tell of a lack of memory */
        result = reader_fail_errno(reader, "can't read on");
    free(line);
    return result;
}

int config_file_read(struct given *given)
{
    struct reader *reader = &given->reader;
    if (reader->file == NULL)
        return 0;
    FILE *file = fopen(reader->file, "re");
    if (file == NULL)
        return reader_fail_errno(reader, "can't open %s", reader->file);
    reader->source = FROM_FILE;
    int result = read_lines(given, file);
    fclose(file);
    return result;
}
