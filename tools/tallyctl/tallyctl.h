/* The invocation that a command of tallyctl gets, and the status with which it ends. One thread. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_H
#define TALLYCAST_TOOLS_TALLYCTL_H

#include <stdbool.h>
#include <stdint.h>

/* How a command, or a step of it, ended. Up to STATUS_NO_CONNECTION these are the exit statuses,
 * and a function that returns one other than STATUS_DONE has said why on standard error. */
enum status {
    STATUS_DONE,
    STATUS_REFUSED, /* by the server, the system or a file; or a recount found a difference */
    STATUS_USAGE,
    STATUS_NO_CONNECTION, /* there was none, or it was lost */
    STATUS_INTERRUPTED,   /* by a signal; interrupt_release ends the process with it */
    STATUS_TIMEOUT,       /* the deadline of client_read came first */
    STATUS_LOST,          /* the connection of a quiet client */
};

#define CHECKED __attribute__((warn_unused_result))

enum export_format { EXPORT_CSV, EXPORT_JSON, EXPORT_BLT };

/* A command line, taken apart. Nothing is owned. */
struct invocation {
    const char *command; /* its name, */
    const char *usage;   /* and its arguments, for a person */
    const char *admin;   /* the path of the admin socket */
    bool json;
    bool watch;
    bool all;
    bool yes;
    bool ledger;        /* export: all ballots, with voters and times; */
    bool counted;       /* or those that count, without */
    bool raw;           /* raw CSV: formulas stay formulas */
    bool bom;           /* CSV begins with a byte order mark */
    const char *voter;  /* NULL if none is named */
    const char *key;    /* of the ballot; likewise */
    const char *title;  /* likewise */
    const char *method; /* how to count an election; likewise, */
    const char *seats;  /* and these */
    const char *scores;
    const char *lot;
    bool pairs; /* with pairs and paths */
    enum export_format format;
    uint64_t count;       /* ends after so many changes; 0 = no limit */
    uint64_t connect_ns;  /* how long to wait for a connection, */
    uint64_t patience_ns; /* and a reply; UINT64_MAX = for ever */
    uint64_t deadline_ns; /* when to end, on the monotonic clock; UINT64_MAX = never */
    int argc;             /* the arguments of the command, its name and options left out */
    char **argv;
};

#define COMMAND(name, usage, least, most, options, meaning) \
    enum status command_##name(const struct invocation *invocation) CHECKED;
#include "tools/tallyctl/commands.def"
#undef COMMAND

#endif
