/* The options' values, one function each: the value's form is judged, then it is put into the
 * configuration. */
#include "config/setters.h"

#include "proto/number.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 261 }; /* bytes: a DNS name of 255 and a port */

static int replace_string(struct reader *reader, char **string, const char *value)
{
    if (value[0] == '\0')
        return reader_fail(reader, "the name is empty");
    char *copy = strdup(value);
    if (copy == NULL)
        return reader_fail_memory(reader);
    free(*string);
    *string = copy;
    return 0;
}

int set_database(struct reader *reader, const char *value)
{
    return replace_string(reader, &reader->config->database, value);
}

int set_admin(struct reader *reader, const char *value)
{
    return replace_string(reader, &reader->config->admin, value);
}

int set_admin_group(struct reader *reader, const char *value)
{
    errno = 0;
    const struct group *group = getgrnam(value);
    if (group == NULL && reader_is_for_now(errno))
        return reader_fail_errno(reader, "can't look up the group '%.*s'", READER_SHOWN_MAX, value);
    if (group == NULL)
        return reader_fail(reader, "there is no group '%.*s'", READER_SHOWN_MAX, value);
    reader->config->admin_group = group->gr_gid;
    reader->config->has_admin_group = true;
    return 0;
}

int set_config(struct reader *reader, const char *value)
{
    reader->file = value;
    return 0;
}

int set_durability(struct reader *reader, const char *value)
{
    if (strcmp(value, "disk") == 0)
        reader->config->durability = DURABILITY_DISK;
    else if (strcmp(value, "os") == 0)
        reader->config->durability = DURABILITY_OS;
    else
        return reader_refuse(reader, value, "is neither disk nor os");
    return 0;
}

int set_log_level(struct reader *reader, const char *value)
{
    int level = log_level_find(value);
    if (level < 0)
        return reader_refuse(reader, value, "is not debug, info, warning or error");
    reader->config->log_level = (enum log_level)level;
    return 0;
}

static bool is_digits(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
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
    return is_host(address->host);
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

int set_listen(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    struct config_address address = config_default_listen;
    if (!parse_address(value, &address))
        return reader_refuse(reader, value, "is not HOST:PORT (for IPv6: [::1]:9000)");
    if (config->listen_count == CONFIG_LISTEN_MAX)
        return reader_fail(reader, "at most %d addresses", CONFIG_LISTEN_MAX);
    config->listen[config->listen_count++] = address;
    return 0;
}

int set_http(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    config->http_on = strcmp(value, "off") != 0;
    config->http = config_default_http;
    if (config->http_on && !parse_address(value, &config->http))
        return reader_refuse(reader, value, "is neither HOST:PORT nor off");
    return 0;
}

/* A host as in a browser's address line, without its port. */
int set_http_host(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    if (!is_host(value) || (value[0] != '[' && strchr(value, ':')))
        return reader_refuse(reader, value, "is no host's name (without a port)");
    if (strchr(value, '*') && strcmp(value, "*") != 0)
        return reader_refuse(reader, value, "is neither a whole name nor *");
    if (config->http_host_count == CONFIG_HTTP_HOSTS_MAX)
        return reader_fail(reader, "at most %d names", CONFIG_HTTP_HOSTS_MAX);
    char *name = strdup(value);
    if (name == NULL)
        return reader_fail_memory(reader);
    config->http_hosts[config->http_host_count++] = name;
    return 0;
}

int set_cors(struct reader *reader, const char *value)
{
    const char *host = strncmp(value, "http://", 7) == 0    ? value + 7
                       : strncmp(value, "https://", 8) == 0 ? value + 8
                                                            : "";
    if (strcmp(value, "*") != 0 && !is_host(host))
        return reader_refuse(reader, value, "is neither an origin (https://example.org) nor *");
    return replace_string(reader, &reader->config->cors, value);
}

int set_trusted_proxy(struct reader *reader, const char *value)
{
    struct config *config = reader->config;
    struct network network;
    if (network_parse(&network, value, strlen(value)) != 0)
        return reader_refuse(reader, value, "is neither an IP address nor a network (10.0.0.0/8)");
    if (config->proxies.count == NETWORKS_MAX)
        return reader_fail(reader, "at most %d addresses", NETWORKS_MAX);
    config->proxies.list[config->proxies.count++] = network;
    return 0;
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
            return reader_fail(reader, "'%.*s' can't be a choice's name", reader_shown_len(len),
                               list);
        for (unsigned j = 0; j < i; j++)
            if (name_equal(&poll->choices[i], &poll->choices[j]))
                return reader_fail(reader, "the choice %s is there twice", poll->choices[i].text);
        list += len + 1;
    }
    return 0;
}

static int append_poll(struct reader *reader, const struct config_poll *poll)
{
    struct config *config = reader->config;
    for (size_t i = 0; i < config->poll_count; i++)
        if (name_equal(&config->polls[i].name, &poll->name))
            return reader_fail(reader, "the poll %s is there twice", poll->name.text);
    struct config_poll *polls =
        realloc(config->polls, (config->poll_count + 1) * sizeof *config->polls);
    if (polls == NULL)
        return reader_fail_memory(reader);
    polls[config->poll_count++] = *poll;
    config->polls = polls;
    return 0;
}

int set_poll(struct reader *reader, const char *value)
{
    const char *equals = strchr(value, '=');
    struct config_poll poll;
    if (equals == NULL || !name_parse(value, (size_t)(equals - value), &poll.name))
        return reader_refuse(reader, value, "is not NAME=CHOICE,CHOICE,...");
    poll.choice_count = count_choices(equals + 1);
    if (poll.choice_count < PROTO_CHOICES_MIN || poll.choice_count > PROTO_CHOICES_MAX)
        return reader_fail(reader, "a poll has %d to %d choices", PROTO_CHOICES_MIN,
                           PROTO_CHOICES_MAX);
    poll.choices = calloc(poll.choice_count, sizeof *poll.choices);
    if (poll.choices == NULL)
        return reader_fail_memory(reader);
    if (read_choices(reader, equals + 1, &poll) != 0 || append_poll(reader, &poll) != 0) {
        free(poll.choices);
        return -1;
    }
    return 0;
}
