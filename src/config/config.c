/* The configuration. Main thread, before the others start.
 *
 * The command line is read twice: first for the options that decide how to go on (--help,
 * --config), then, after the file, for everything else, so that it wins. A list replaces one from a
 * lesser source instead of adding to it. A mistake anywhere, an unreadable file or a lack of memory
 * ends the reading with one line, which names the option, and the file's line if it stood there.
 * What may go well at the next start is told apart from a mistake, so that whoever starts servers
 * knows whether to try again. */
#include "config/config.h"

#include "base/failpoint.h"
#include "base/spelling.h"
#include "proto/number.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    HOST_MAX = 261, /* bytes: a DNS name of 255 and a port */
    SHOWN_MAX = 80, /* bytes of a wrong value that an error shows */
    ADMIN_PATH_MAX = sizeof((struct sockaddr_un){0}).sun_path - 1,
};

/* In order of rising precedence. */
enum source { FROM_DEFAULTS, FROM_FILE, FROM_COMMAND_LINE };

/* The number of options. */
enum {
    OPTION_COUNT = 0
#define OPTION(id, name, value, help)                            +1
#define LIST(id, name, value, help)                              +1
#define NUMBER(member, name, value, least, most, standard, help) +1
#define FLAG(id, name, help)                                     +1
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
};

static const struct config_address default_listen = {"127.0.0.1", 9000};
static const struct config_address default_http = {"127.0.0.1", 3000};

struct reader {
    struct config *config;
    enum source source;
    enum source listen_source; /* source of the list as it is now */
    enum source http_host_source;
    enum source proxy_source;
    enum source poll_source;
    const char *config_path; /* --config, or NULL */
    unsigned line;           /* of the file; from 1 */
    const char *option_name; /* being read; NULL outside of an option */
    /* Of each option: the source that gave it last, and in which line of the file. */
    struct {
        enum source source;
        unsigned line;
    } given[OPTION_COUNT];
    bool help;
    bool version;
    bool check;
    char *text;      /* receives the error */
    bool is_for_now; /* the error is none of the configuration's */
};

/* Says where in the input the reader stands, as a prefix of an error. Returns its length. */
static size_t put_place(const struct reader *reader, char *out, size_t size)
{
    const char *name = reader->option_name != NULL ? reader->option_name : "";
    const char *colon = reader->option_name != NULL ? ": " : "";
    int len =
        reader->source == FROM_FILE
            ? snprintf(out, size, "%s:%u: %s%s", reader->config_path, reader->line, name, colon)
            : snprintf(out, size, "%s%s%s", name[0] != '\0' ? "--" : "", name, colon);
    return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

/* How much an error shows of so many bytes. */
static int shown_len(size_t len)
{
    return len < SHOWN_MAX ? (int)len : SHOWN_MAX;
}

/* Writes the error. Returns -1, for the caller to return. */
__attribute__((format(printf, 2, 3))) static int fail(struct reader *reader, const char *format,
                                                      ...)
{
    size_t len = put_place(reader, reader->text, CONFIG_ERROR_MAX);
    va_list args;
    va_start(args, format);
    vsnprintf(reader->text + len, CONFIG_ERROR_MAX - len, format, args);
    va_end(args);
    return -1;
}

static int fail_memory(struct reader *reader)
{
    reader->is_for_now = true;
    return fail(reader, "out of memory");
}

/* Whether a call that failed so may succeed at another time with the same arguments. */
static bool is_for_now(int error)
{
    return error == ENOMEM || error == EMFILE || error == ENFILE || error == EIO || error == EINTR;
}

static unsigned threads_for(long processors)
{
    return processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (unsigned)processors;
}

/* Requests over HTTP end in the loop that took them, so each processor gets one. */
static unsigned default_ingest_threads(void)
{
    return threads_for(sysconf(_SC_NPROCESSORS_ONLN));
}

/* Half the processors, so that a storm of pushes leaves some to voters. */
static unsigned default_broadcast_threads(void)
{
    return threads_for(sysconf(_SC_NPROCESSORS_ONLN) / 2);
}

static int replace_string(struct reader *reader, char **string, const char *value)
{
    if (value[0] == '\0')
        return fail(reader, "the name is empty");
    char *copy = strdup(value);
    if (copy == NULL)
        return fail_memory(reader);
    free(*string);
    *string = copy;
    return 0;
}

static int set_database(struct reader *reader, const char *value)
{
    return replace_string(reader, &reader->config->database, value);
}

static int set_admin(struct reader *reader, const char *value)
{
    return replace_string(reader, &reader->config->admin, value);
}

static int set_admin_group(struct reader *reader, const char *value)
{
    errno = 0;
    const struct group *group = getgrnam(value);
    if (group == NULL && (reader->is_for_now = is_for_now(errno)))
        return fail(reader, "can't look up the group '%.*s': %s", SHOWN_MAX, value,
                    strerror(errno));
    if (group == NULL)
        return fail(reader, "there is no group '%.*s'", SHOWN_MAX, value);
    reader->config->admin_group = group->gr_gid;
    reader->config->has_admin_group = true;
    return 0;
}

static int set_config(struct reader *reader, const char *value)
{
    reader->config_path = value;
    return 0;
}

static int set_durability(struct reader *reader, const char *value)
{
    if (strcmp(value, "disk") == 0)
        reader->config->durability = DURABILITY_DISK;
    else if (strcmp(value, "os") == 0)
        reader->config->durability = DURABILITY_OS;
    else
        return fail(reader, "'%.*s' is neither disk nor os", SHOWN_MAX, value);
    return 0;
}

static int set_log_level(struct reader *reader, const char *value)
{
    int level = log_level_find(value);
    if (level < 0)
        return fail(reader, "'%.*s' is not debug, info, warning or error", SHOWN_MAX, value);
    reader->config->log_level = (enum log_level)level;
    return 0;
}

static bool is_digits(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* Takes the brackets off a host; a host with colons of its own must have them. */
static bool parse_host(const char *host, size_t len, struct config_address *address)
{
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) != NULL) {
        return false;
    }
    if (len == 0 || len >= sizeof address->host)
        return false;
    memcpy(address->host, host, len);
    address->host[len] = '\0';
    return true;
}

static bool parse_port(const char *digits, struct config_address *address)
{
    uint64_t port;
    if (!number_parse(digits, strlen(digits), UINT16_MAX, &port))
        return false;
    address->port = (uint16_t)port;
    return true;
}

/* HOST:PORT. A part that is left out is unchanged in `address`; 9000 and :9000 are ports. */
static bool parse_address(const char *value, struct config_address *address)
{
    const char *bracket = strrchr(value, ']');
    const char *colon = strrchr(bracket != NULL ? bracket : value, ':');
    const char *port = is_digits(value) ? value : colon != NULL ? colon + 1 : NULL;
    size_t host_len = port == value ? 0 : colon != NULL ? (size_t)(colon - value) : strlen(value);
    return (port != NULL || host_len > 0) && (port == NULL || parse_port(port, address)) &&
           (host_len == 0 || parse_host(value, host_len, address));
}

static int set_listen(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    struct config_address address = default_listen;
    if (!parse_address(value, &address))
        return fail(reader, "'%.*s' is not HOST:PORT (for IPv6: [::1]:9000)", SHOWN_MAX, value);
    if (reader->listen_source != reader->source) {
        config->listen_count = 0;
        reader->listen_source = reader->source;
    }
    if (config->listen_count == CONFIG_LISTEN_MAX)
        return fail(reader, "at most %d addresses", CONFIG_LISTEN_MAX);
    config->listen[config->listen_count++] = address;
    return 0;
}

static int set_http(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    config->http_on = strcmp(value, "off") != 0;
    config->http = default_http;
    if (config->http_on && !parse_address(value, &config->http))
        return fail(reader, "'%.*s' is neither HOST:PORT nor off", SHOWN_MAX, value);
    return 0;
}

static void forget_http_hosts(struct config *config)
{
    for (size_t i = 0; i < config->http_host_count; i++)
        free(config->http_hosts[i]);
    config->http_host_count = 0;
}

/* A host as in a browser's address line, without its port. */
static int set_http_host(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    if (value[0] == '\0' || strpbrk(value, "/ \t") || (value[0] != '[' && strchr(value, ':')))
        return fail(reader, "'%.*s' is no host's name (without a port)", SHOWN_MAX, value);
    if (strchr(value, '*') && strcmp(value, "*") != 0)
        return fail(reader, "'%.*s' is neither a whole name nor *", SHOWN_MAX, value);
    if (reader->http_host_source != reader->source) {
        forget_http_hosts(config);
        reader->http_host_source = reader->source;
    }
    if (config->http_host_count == CONFIG_HTTP_HOSTS_MAX)
        return fail(reader, "at most %d names", CONFIG_HTTP_HOSTS_MAX);
    char *name = strdup(value);
    if (name == NULL)
        return fail_memory(reader);
    config->http_hosts[config->http_host_count++] = name;
    return 0;
}

/* A name or address, perhaps with a port, as it may stand in a header. */
static bool is_host(const char *host)
{
    size_t len = strlen(host);
    for (size_t i = 0; i < len; i++)
        if (host[i] <= ' ' || host[i] > '~' || host[i] == '/')
            return false;
    return len > 0 && len <= HOST_MAX;
}

static int set_cors(struct reader *reader, const char *value)
{
    const char *host = strncmp(value, "http://", 7) == 0    ? value + 7
                       : strncmp(value, "https://", 8) == 0 ? value + 8
                                                            : "";
    if (strcmp(value, "*") != 0 && !is_host(host))
        return fail(reader, "'%.*s' is neither an origin (https://example.org) nor *", SHOWN_MAX,
                    value);
    return replace_string(reader, &reader->config->cors, value);
}

static int set_trusted_proxy(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    struct network network;
    if (network_parse(&network, value, strlen(value)) != 0)
        return fail(reader, "'%.*s' is neither an IP address nor a network (10.0.0.0/8)", SHOWN_MAX,
                    value);
    if (reader->proxy_source != reader->source) {
        config->proxies.count = 0;
        reader->proxy_source = reader->source;
    }
    if (config->proxies.count == NETWORKS_MAX)
        return fail(reader, "at most %d addresses", NETWORKS_MAX);
    config->proxies.list[config->proxies.count++] = network;
    return 0;
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void forget_polls(struct config *config)
{
    for (size_t i = 0; i < config->poll_count; i++)
        free(config->polls[i].choices);
    free(config->polls);
    config->polls = NULL;
    config->poll_count = 0;
}

static unsigned count_choices(const char *list)
{
    unsigned count = 1;
    for (; *list != '\0' && count <= PROTO_CHOICES_MAX; list++)
        if (*list == ',')
            count++;
    return count;
}

/* Reads as many choices as there is room for into poll->choices. */
static int read_choices(struct reader *reader, const char *list, struct config_poll *poll)
{
    for (unsigned i = 0; i < poll->choice_count; i++) {
        size_t len = strcspn(list, ",");
        if (!name_parse(list, len, &poll->choices[i]))
            return fail(reader, "'%.*s' can't be a choice's name", shown_len(len), list);
        for (unsigned j = 0; j < i; j++)
            if (same_name(&poll->choices[i], &poll->choices[j]))
                return fail(reader, "the choice %s is there twice", poll->choices[i].text);
        list += len + 1;
    }
    return 0;
}

static int append_poll(struct reader *reader, const struct config_poll *poll)
{
    struct config *config = reader->config;
    for (size_t i = 0; i < config->poll_count; i++)
        if (same_name(&config->polls[i].name, &poll->name))
            return fail(reader, "the poll %s is there twice", poll->name.text);
    struct config_poll *polls =
        realloc(config->polls, (config->poll_count + 1) * sizeof *config->polls);
    if (polls == NULL)
        return fail_memory(reader);
    polls[config->poll_count++] = *poll;
    config->polls = polls;
    return 0;
}

static int set_poll(struct reader *reader, const char *value)
{
    const char *equals = strchr(value, '=');
    struct config_poll poll;
    if (equals == NULL || !name_parse(value, (size_t)(equals - value), &poll.name))
        return fail(reader, "'%.*s' is not NAME=CHOICE,CHOICE,...", SHOWN_MAX, value);
    poll.choice_count = count_choices(equals + 1);
    if (poll.choice_count < PROTO_CHOICES_MIN || poll.choice_count > PROTO_CHOICES_MAX)
        return fail(reader, "a poll has %d to %d choices", PROTO_CHOICES_MIN, PROTO_CHOICES_MAX);
    if (reader->poll_source != reader->source) {
        forget_polls(reader->config);
        reader->poll_source = reader->source;
    }
    poll.choices = calloc(poll.choice_count, sizeof *poll.choices);
    if (poll.choices == NULL)
        return fail_memory(reader);
    if (read_choices(reader, equals + 1, &poll) != 0 || append_poll(reader, &poll) != 0) {
        free(poll.choices);
        return -1;
    }
    return 0;
}

/* One line of options.def. */
struct option {
    enum { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG } kind;
    const char *name;
    const char *value_name; /* NULL for a flag */
    const char *help;
    int (*set)(struct reader *reader, const char *value); /* of a text */
    bool is_list;                                         /* a text that may be repeated */
    size_t offset;  /* a number's in struct config, a flag's in struct reader */
    unsigned least; /* a number's range */
    unsigned most;
};

static const struct option options[OPTION_COUNT] = {
#define OPTION(id, option_name, value, text) \
    {.kind = OPTION_TEXT, .name = option_name, .value_name = value, .help = text, .set = set_##id},
#define LIST(id, option_name, value, text) \
    {.kind = OPTION_TEXT,                  \
     .name = option_name,                  \
     .value_name = value,                  \
     .help = text,                         \
     .set = set_##id,                      \
     .is_list = true},
#define NUMBER(member, option_name, value, from, to, standard, text) \
    {.kind = OPTION_NUMBER,                                          \
     .name = option_name,                                            \
     .value_name = value,                                            \
     .help = text,                                                   \
     .offset = offsetof(struct config, member),                      \
     .least = from,                                                  \
     .most = to},
#define FLAG(id, option_name, text) \
    {.kind = OPTION_FLAG, .name = option_name, .help = text, .offset = offsetof(struct reader, id)},
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
};

static void set_default_numbers(struct config *config)
{
#define OPTION(id, name, value, help)
#define LIST(id, name, value, help)
#define NUMBER(member, name, value, least, most, standard, help) config->member = standard;
#define FLAG(id, name, help)
#include "config/options.def"
#undef OPTION
#undef LIST
#undef NUMBER
#undef FLAG
}

static unsigned *number_of(struct config *config, const struct option *option)
{
    return (unsigned *)(void *)((char *)config + option->offset);
}

static const struct option *find_option(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

/* The option that was probably meant, if one is near enough. */
static const struct option *guess_option(const char *name, size_t len)
{
    const struct option *nearest = NULL;
    unsigned least = SPELLING_UNLIKE;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        unsigned distance = spelling_distance(name, len, options[i].name);
        if (distance < least) {
            least = distance;
            nearest = &options[i];
        }
    }
    return nearest;
}

/* `dashes` is the prefix of an option in its source. */
static int fail_unknown(struct reader *reader, const char *dashes, const char *name, size_t len)
{
    const struct option *guess = guess_option(name, len);
    int shown = shown_len(len);
    if (guess == NULL)
        return fail(reader, "there is no option '%s%.*s' (tallycast --help lists them)", dashes,
                    shown, name);
    return fail(reader, "there is no option '%s%.*s': is %s%s meant?", dashes, shown, name, dashes,
                guess->name);
}

/* Whether the option is read before the file; it can't stand in the file. */
static bool is_early(const struct option *option)
{
    return option->kind == OPTION_FLAG || option->set == set_config;
}

static int set_number(struct reader *reader, const struct option *option, const char *value)
{
    uint64_t number;
    if (!number_parse(value, strlen(value), option->most, &number) || number < option->least)
        return fail(reader, "'%.*s' is not a whole number from %u to %u", SHOWN_MAX, value,
                    option->least, option->most);
    *number_of(reader->config, option) = (unsigned)number;
    return 0;
}

static void note_repeated(struct reader *reader, const char *name)
{
    char *noted = reader->config->repeated;
    size_t len = strlen(noted);
    snprintf(noted + len, CONFIG_REPEATED_MAX - len, "%s--%s", len > 0 ? " " : "", name);
}

/* An option given twice that is no list is a mistake in a file. On a command line, which a script
 * may have put together, the last one counts, and a warning says so. */
static int note_given(struct reader *reader, const struct option *option)
{
    size_t i = (size_t)(option - options);
    bool again = reader->given[i].source == reader->source && option->kind != OPTION_FLAG &&
                 !option->is_list;
    if (again && reader->source == FROM_FILE)
        return fail(reader, "it is in line %u already", reader->given[i].line);
    if (again)
        note_repeated(reader, option->name);
    reader->given[i].source = reader->source;
    reader->given[i].line = reader->line;
    return 0;
}

static int set_option(struct reader *reader, const struct option *option, const char *value)
{
    reader->option_name = option->name;
    int result = note_given(reader, option);
    if (result != 0)
        return result;
    switch (option->kind) {
    case OPTION_TEXT:
        result = option->set(reader, value);
        break;
    case OPTION_NUMBER:
        result = set_number(reader, option, value);
        break;
    case OPTION_FLAG:
        *(bool *)((char *)reader + option->offset) = true;
        break;
    }
    reader->option_name = NULL;
    return result;
}

/* Takes apart `--name=value`, or `--name` and the argument after it, and moves *i past them. */
static const struct option *next_option(struct reader *reader, char **argv, int *i,
                                        const char **value)
{
    const char *word = argv[(*i)++];
    if (strcmp(word, "-h") == 0 || strcmp(word, "-V") == 0)
        word = word[1] == 'h' ? "--help" : "--version";
    if (strncmp(word, "--", 2) != 0) {
        fail(reader, "unexpected argument '%.*s' (tallycast --help lists the options)", SHOWN_MAX,
             word);
        return NULL;
    }
    size_t len = strcspn(word + 2, "=");
    const struct option *option = find_option(word + 2, len);
    *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
    if (option == NULL) {
        fail_unknown(reader, "--", word + 2, len);
    } else if (option->kind == OPTION_FLAG && *value != NULL) {
        fail(reader, "--%s takes no value", option->name);
        option = NULL;
    } else if (option->kind != OPTION_FLAG && *value == NULL && (*value = argv[*i]) == NULL) {
        fail(reader, "--%s needs a value: %s", option->name, option->value_name);
        option = NULL;
    } else if (option->kind != OPTION_FLAG && word[2 + len] != '=') {
        (*i)++;
    }
    return option;
}

/* Applies the early arguments, or all others. */
static int read_arguments(struct reader *reader, int argc, char **argv, bool early)
{
    reader->source = FROM_COMMAND_LINE;
    for (int i = 1; i < argc;) {
        const char *value;
        const struct option *option = next_option(reader, argv, &i, &value);
        if (option == NULL)
            return -1;
        if (is_early(option) == early && set_option(reader, option, value) != 0)
            return -1;
    }
    return 0;
}

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

/* Other formats let values stand in quotes, and comments follow values. Here both would become part
 * of the value: of a file's name, for instance. */
static int check_value(struct reader *reader, const struct option *option, const char *value)
{
    size_t len = strlen(value);
    reader->option_name = option->name;
    if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0])
        return fail(reader, "values stand without quotes");
    if (strstr(value, " #") != NULL || strstr(value, "\t#") != NULL)
        return fail(reader, "a comment stands in a line of its own");
    for (const char *at = value; *at != '\0'; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == '\x7f')
            return fail(reader, "there is a control character (0x%02x) in the value",
                        (unsigned char)*at);
    return 0;
}

/* Reads `key = value`, a comment, or nothing. */
static int read_line(struct reader *reader, char *line)
{
    char *key = trim(line);
    if (key[0] == '\0' || key[0] == '#')
        return 0;
    char *equals = strchr(key, '=');
    if (equals == NULL)
        return fail(reader, "'%.*s' is not NAME = VALUE", SHOWN_MAX, key);
    *equals = '\0';
    key = trim(key);
    const struct option *option = find_option(key, strlen(key));
    if (option == NULL)
        return fail_unknown(reader, "", key, strlen(key));
    if (is_early(option))
        return fail(reader, "%s can be given on the command line only", option->name);
    char *value = trim(equals + 1);
    return check_value(reader, option, value) == 0 ? set_option(reader, option, value) : -1;
}

/* Some editors begin a file with a byte order mark. Returns the length of UTF-8's, or -1 if the
 * file is in UTF-16. */
static int byte_order_mark(struct reader *reader, const char *line, size_t len)
{
    if (len >= 2 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0))
        return fail(reader, "the file is in UTF-16: save it as UTF-8");
    return len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int read_lines(struct reader *reader, FILE *file)
{
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
            result = read_line(reader, line + skipped);
        else
            result = fail(reader, "there is a NUL byte in the line");
        reader->option_name = NULL;
    }
    if (result == 0 && !feof(file)) { /* ferror does not tell of a lack of memory */
        reader->is_for_now = is_for_now(errno);
        result = fail(reader, "can't read on: %s", strerror(errno));
    }
    free(line);
    return result;
}

static int read_file(struct reader *reader)
{
    if (reader->config_path == NULL)
        return 0;
    FILE *file = fopen(reader->config_path, "re");
    if (file == NULL) {
        reader->is_for_now = is_for_now(errno);
        return fail(reader, "can't open %s: %s", reader->config_path, strerror(errno));
    }
    reader->source = FROM_FILE;
    int result = read_lines(reader, file);
    fclose(file);
    return result;
}

static int set_defaults(struct reader *reader)
{
    set_default_numbers(reader->config);
    reader->config->durability = DURABILITY_DISK;
    reader->config->log_level = LOG_LEVEL_INFO;
    reader->config->listen[0] = default_listen;
    reader->config->listen_count = 1;
    reader->config->http_on = true;
    reader->config->http = default_http;
    return set_database(reader, "tallycast.db");
}

/* Derives settings that were not given, and checks settings against each other. */
static int complete(struct reader *reader)
{
    struct config *config = reader->config;
    if (config->admin == NULL) {
        size_t size = strlen(config->database) + sizeof ".sock";
        config->admin = malloc(size);
        if (config->admin == NULL)
            return fail_memory(reader);
        snprintf(config->admin, size, "%s.sock", config->database);
    }
    if (strlen(config->admin) > ADMIN_PATH_MAX)
        return fail(
            reader,
            "the admin socket's path has %zu bytes, and the kernel takes %d: give a shorter "
            "one with --admin",
            strlen(config->admin), ADMIN_PATH_MAX);
    return 0;
}

/* --help and --version */

enum { HELP_COLUMNS = 80, HELP_INDENT = 27 };

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
    size_t column = HELP_INDENT;
    for (const char *separator = ""; *words != '\0'; separator = " ") {
        size_t len = strcspn(words, " ");
        if (column + strlen(separator) + len > HELP_COLUMNS) {
            column = HELP_INDENT;
            separator = "";
            put(output, "\n%*s", HELP_INDENT, "");
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
    put(output, "%*s", (int)(HELP_INDENT - column), "");
    if (option->kind == OPTION_NUMBER)
        snprintf(words, sizeof words, "%s (%u to %u; default: %u)", option->help, option->least,
                 option->most, *number_of(defaults, option));
    else
        snprintf(words, sizeof words, "%s", option->help);
    put_words(output, words);
}

static void put_help(char text[CONFIG_HELP_MAX])
{
    struct output output = {.at = text, .end = text + CONFIG_HELP_MAX};
    struct config defaults = {0};
    set_default_numbers(&defaults);
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

static enum config_outcome failed(const struct reader *reader)
{
    return reader->is_for_now ? CONFIG_FAILED : CONFIG_ERROR;
}

enum config_outcome config_load(struct config *config, int argc, char **argv,
                                char text[CONFIG_HELP_MAX])
{
    struct reader reader = {.config = config, .text = text};
    *config = (struct config){0};
    text[0] = '\0';
    if (set_defaults(&reader) != 0 || read_arguments(&reader, argc, argv, true) != 0)
        return failed(&reader);
    if (reader.help) {
        put_help(text);
        return CONFIG_HELP;
    }
    if (reader.version) {
        snprintf(text, CONFIG_HELP_MAX, "tallycast %s%s\n", PACKAGE_VERSION, FAILPOINT_VERSION);
        return CONFIG_HELP;
    }
    if (read_file(&reader) != 0 || read_arguments(&reader, argc, argv, false) != 0 ||
        complete(&reader) != 0)
        return failed(&reader);
    return reader.check ? CONFIG_CHECKED : CONFIG_RUN;
}

void config_free(struct config *config)
{
    forget_polls(config);
    forget_http_hosts(config);
    free(config->cors);
    free(config->database);
    free(config->admin);
    config->cors = NULL;
    config->database = NULL;
    config->admin = NULL;
}
