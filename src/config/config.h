/* The configuration: defaults, then a file, then the command line. One table (options.def) gives
 * the names, the parsing, --help and the file's keys. Main thread, before the others start;
 * read-only afterwards. */
#ifndef TALLYCAST_CONFIG_H
#define TALLYCAST_CONFIG_H

#include "base/network.h"
#include "proto/name.h"
#include "proto/settings.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CONFIG_LISTEN_MAX = 16,
    CONFIG_HTTP_HOSTS_MAX = 16,
    CONFIG_ERROR_MAX = 512,
    CONFIG_REPEATED_MAX = 128,
};

enum durability { DURABILITY_DISK, DURABILITY_OS };

/* An address to listen on, as given; resolved by the listener. */
struct config_address {
    char host[256]; /* without the brackets of an IPv6 address */
    uint16_t port;  /* 0 takes a free one */
};

/* A poll to make at start unless it exists. */
struct config_poll {
    struct name name;
    unsigned choice_count;
    struct name *choices; /* owned by the config */
};

struct config {
    struct config_address listen[CONFIG_LISTEN_MAX];
    size_t listen_count;
    bool http_on;
    struct config_address http;
    char *http_hosts[CONFIG_HTTP_HOSTS_MAX]; /* owned; without a port */
    size_t http_host_count;
    char *cors;              /* owned; an origin, `*`, or NULL for none */
    struct networks proxies; /* --trusted-proxy */
    char *database;          /* owned */
    char *admin;             /* owned; the database's path with .sock appended unless given */
    bool has_admin_group;
    gid_t admin_group; /* its members may use the admin socket too */
    enum durability durability;
    unsigned ingest_threads;
    unsigned broadcast_threads;
    unsigned push_interval_ms;
    unsigned stall_timeout_s;
    unsigned line_timeout_s; /* 0 = no limit */
    unsigned request_timeout_s;
    unsigned max_connections;
    unsigned max_per_address;  /* 0 = no limit */
    unsigned max_errors;       /* in a row, of a connection; fits into 16 bits */
    unsigned max_in_flight;    /* ballots of a connection */
    struct config_poll *polls; /* owned */
    size_t poll_count;
    enum log_level log_level;
    /* Options that the command line has twice though they are no lists, as in "--admin --http"; the
     * last of each counts. Empty for none. */
    char repeated[CONFIG_REPEATED_MAX];
};

enum config_outcome {
    CONFIG_RUN,     /* start the server */
    CONFIG_CHECKED, /* --check-config, and the configuration is good */
    CONFIG_HELP,    /* --help or --version: text holds what to print on standard output, as it is */
    CONFIG_ERROR,   /* a mistake in it; text holds one line, without program name and LF */
    CONFIG_FAILED,  /* it could not be read now, for lack of memory say; text as for an error */
};

enum { CONFIG_HELP_MAX = 8192 };

/* Reads the command line and the file that it names. On every outcome, config_free must free
 * `config`. `text` receives the text to print: an error has at most CONFIG_ERROR_MAX bytes, NUL
 * included. */
enum config_outcome config_load(struct config *config, int argc, char **argv,
                                char text[CONFIG_HELP_MAX]);

void config_free(struct config *config);

#endif
