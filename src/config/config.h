/* The configuration, as the server uses it. config_load fills it; read-only afterwards. */
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
    unsigned request_rate;     /* a second, over HTTP; 0 = no limit */
    unsigned max_errors;       /* in a row, of a connection; fits into 16 bits */
    unsigned max_in_flight;    /* ballots of a connection */
    struct config_poll *polls; /* owned */
    size_t poll_count;
    enum log_level log_level;
    /* Options that the command line has twice though they are no lists, as in "--admin --http"; the
     * last of each counts. Empty for none. */
    char repeated[CONFIG_REPEATED_MAX];
};

/* Where lines and HTTP are spoken if nothing says otherwise. */
extern const struct config_address config_default_listen;
extern const struct config_address config_default_http;

/* Empty a list. */
void config_forget_listen(struct config *config);
void config_forget_http_host(struct config *config);
void config_forget_trusted_proxy(struct config *config);
void config_forget_poll(struct config *config);

/* Frees what the configuration owns, and leaves it so that this may be called again. */
void config_free(struct config *config);

#endif
