/* Fuzzes the configuration (libFuzzer): a command line, and the file that it names. The input is
 * the arguments, a line each, then an empty line, then the file; --config opens the file whatever
 * its name. What comes out is a configuration in which everything is in range, or one line that
 * says what is wrong; and the same configuration, written as a file, is read as the same again. */
#include "config/config_load.h"
#include "config/reader.h"
#include "tests/support/early.h"
#include "proto/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
long __real_sysconf(int name);
long __wrap_sysconf(int name);

enum { ARGUMENTS_MAX = 64, WRITTEN_MAX = 64 * 1024, PROCESSORS = 4 };

static char program[] = "tallycast";

/* What --config reads. */
static const char *file_bytes;
static size_t file_len;

CALLED_EARLY FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (strcmp(mode, "re") != 0) /* libFuzzer's own */
        return __real_fopen(path, mode);
    return fmemopen((void *)(uintptr_t)file_bytes, file_len, "r"); /* NULL for an empty one */
}

/* The kernel would be asked for a file's worth of text, which takes longer than all the rest. */
CALLED_EARLY long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_ONLN ? PROCESSORS : __real_sysconf(name);
}

/* ---- what must be so ---- */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_number(unsigned number, unsigned least, unsigned most)
{
    require(number >= least && number <= most);
}

static void require_numbers(const struct config *config)
{
#define OPTION(id, name, value, help)
#define LIST(id, name, value, help)
#define NUMBER(member, name, value, least, most, standard, help) \
    require_number(config->member, least, most);
#define FLAG(id, name, help)
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
}

static void require_name(const struct name *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char later[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    require(name->len >= 1 && name->len <= PROTO_NAME_MAX && name->text[name->len] == '\0');
    require(strspn(name->text, first) >= 1 && strspn(name->text, later) == name->len);
}

static void require_poll(const struct config *config, size_t index)
{
    const struct config_poll *poll = &config->polls[index];
    require_name(&poll->name);
    for (size_t i = 0; i < index; i++)
        require(strcmp(poll->name.text, config->polls[i].name.text) != 0);
    require(poll->choice_count >= PROTO_CHOICES_MIN && poll->choice_count <= PROTO_CHOICES_MAX);
    for (unsigned i = 0; i < poll->choice_count; i++) {
        require_name(&poll->choices[i]);
        for (unsigned j = 0; j < i; j++)
            require(strcmp(poll->choices[i].text, poll->choices[j].text) != 0);
    }
}

static void require_whole(const struct config *config)
{
    require_numbers(config);
    require(config->listen_count >= 1 && config->listen_count <= CONFIG_LISTEN_MAX);
    for (size_t i = 0; i < config->listen_count; i++) {
        const char *host = config->listen[i].host;
        require(host[0] != '\0' && memchr(host, '\0', sizeof config->listen[i].host));
    }
    require(config->database[0] != '\0');
    require(config->admin[0] != '\0' && strlen(config->admin) < 108); /* of a sockaddr_un */
    require(config->durability == DURABILITY_DISK || config->durability == DURABILITY_OS);
    require(config->log_level <= LOG_LEVEL_ERROR);
    for (size_t i = 0; i < config->poll_count; i++)
        require_poll(config, i);
}

/* ---- written and read again ---- */

static size_t put_lists(const struct config *config, char *out)
{
    char *at = out;
    for (size_t i = 0; i < config->listen_count; i++) {
        bool colons = strchr(config->listen[i].host, ':');
        at += sprintf(at, colons ? "listen = [%s]:%u\n" : "listen = %s:%u\n",
                      config->listen[i].host, config->listen[i].port);
    }
    for (size_t i = 0; i < config->poll_count; i++) {
        at += sprintf(at, "poll = %s=", config->polls[i].name.text);
        for (unsigned j = 0; j < config->polls[i].choice_count; j++)
            at += sprintf(at, "%s%s", j > 0 ? "," : "", config->polls[i].choices[j].text);
        *at++ = '\n';
    }
    return (size_t)(at - out);
}

static size_t put_config(const struct config *config, char *out)
{
    char *at = out;
#define OPTION(id, name, value, help)
#define LIST(id, name, value, help)
#define NUMBER(member, name, value, least, most, standard, help) \
    at += sprintf(at, "%s=%u\n", name, config->member);
#define FLAG(id, name, help)
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
    at += sprintf(at, "durability=%s\nlog-level=%s\n",
                  config->durability == DURABILITY_DISK ? "disk" : "os",
                  log_level_name(config->log_level));
    at += sprintf(at, "database = %s\nadmin = %s\n", config->database, config->admin);
    return (size_t)(at - out) + put_lists(config, at);
}

/* Whether the text has a character that nobody sees, which is a mistake in a file alone. */
static bool has_invisible(const char *text)
{
    return strstr(text, "\u00a0") || strstr(text, "\u200b") || strstr(text, "\u202f") ||
           strstr(text, "\ufeff");
}

/* Whether a name can stand in a file too: not if blanks or quotes are at its ends, nor with what
 * looks like a comment, is no text, or can't be seen. */
static bool fits_a_line(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == '\x7f')
            return false;
    return !strchr(" \"'", text[0]) && text[len - 1] != ' ' && !strstr(text, " #") &&
           !has_invisible(text);
}

static bool fits_a_file(const struct config *config)
{
    bool fits = fits_a_line(config->database) && fits_a_line(config->admin);
    for (size_t i = 0; i < config->listen_count; i++)
        fits &= fits_a_line(config->listen[i].host);
    return fits;
}

static void require_read_again(const struct config *config)
{
    static char written[2][WRITTEN_MAX];
    static char text[HELP_MAX];
    static char option[] = "--config=file";
    char *argv[] = {program, option, NULL};
    struct config again;
    size_t len = put_config(config, written[0]);
    file_bytes = written[0];
    file_len = len;
    require(config_load(&again, 2, argv, text) == CONFIG_RUN);
    require(put_config(&again, written[1]) == len && memcmp(written[0], written[1], len) == 0);
    config_free(&again);
}

/* ---- the input ---- */

static void require_outcome(const struct config *config, enum config_outcome outcome,
                            const char *text)
{
    switch (outcome) {
    case CONFIG_RUN:
    case CONFIG_CHECKED:
        require_whole(config);
        if (fits_a_file(config))
            require_read_again(config);
        break;
    case CONFIG_HELP:
        require(strlen(text) < HELP_MAX && strlen(text) > 0);
        break;
    case CONFIG_ERROR:
    case CONFIG_FAILED:
        require(strlen(text) < READER_ERROR_MAX && strlen(text) > 0);
        break;
    }
}

/* Cuts lines off `at` into arguments, up to an empty one. Returns what follows. */
static char *cut_arguments(char *at, char *end, int *argc, char **argv)
{
    argv[(*argc)++] = program;
    while (at < end && *argc < ARGUMENTS_MAX) {
        char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf)
            lf = end;
        *lf = '\0';
        if (lf == at)
            return lf < end ? lf + 1 : end;
        argv[(*argc)++] = at;
        at = lf < end ? lf + 1 : end;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[HELP_MAX];
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    int argc = 0;
    if (size > WRITTEN_MAX / 8)
        return 0;
    char *input = malloc(size + 1);
    if (!input)
        return 0;
    memcpy(input, data, size);
    input[size] = '\0';
    file_bytes = cut_arguments(input, input + size, &argc, argv);
    file_len = (size_t)(input + size - file_bytes);
    memset(text, 'x', sizeof text);
    struct config config;
    enum config_outcome outcome = config_load(&config, argc, argv, text);
    require_outcome(&config, outcome, text);
    config_free(&config);
    free(input);
    return 0;
}
