/* What the commands of tallyctl are given, and how each one ends. One thread. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_H
#define TALLYCAST_TOOLS_TALLYCTL_H

#include <stdbool.h>
#include <stdint.h>

/* How a command, or a step of it, ended. Up to STATUS_NO_CONNECTION these are the exit statuses,
 * and whoever returns one other than STATUS_DONE has said why on standard error. */
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

enum export_format { EXPORT_CSV, EXPORT_JSON };

/* A command line, taken apart. Nothing is owned. */
struct invocation {
    const char *command; /* its name, */
    const char *usage;   /* and its arguments, for a person */
    const char *admin;   /* the path of the admin socket */
    bool json;
    bool watch;
    bool all;
    bool yes;
    bool raw;          /* CSV as it is: formulas stay formulas */
    bool bom;          /* CSV begins with a byte order mark */
    const char *voter; /* NULL if none is named */
    const char *key;   /* of the ballot; likewise */
    const char *title; /* likewise */
    enum export_format format;
    uint64_t count;       /* changes after which to end; 0 = no limit */
    uint64_t connect_ns;  /* for which a connection is waited for, */
    uint64_t patience_ns; /* and a reply; UINT64_MAX = for ever */
    uint64_t deadline_ns; /* of the monotonic clock, when to end; UINT64_MAX = never */
    int argc;             /* the arguments of the command, its name and options left out */
    char **argv;
};

#define COMMAND(name, usage, least, most, options, meaning) \
    enum status command_##name(const struct invocation *invocation) CHECKED;
#include "tools/tallyctl/commands.def"
#undef COMMAND

#endif
