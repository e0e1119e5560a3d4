/* The codec's first half: a client's line → a command. Pure: no I/O, no allocation, no state. */
#ifndef TALLYCAST_PROTO_COMMAND_H
#define TALLYCAST_PROTO_COMMAND_H

#include "proto/error.h"
#include "proto/limits.h"
#include "proto/name.h"
#include "proto/settings.h"
#include "proto/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_id {
#define COMMAND(word, name, access, arguments, usage, meaning) CMD_##word,
#include "proto/commands.def"
#undef COMMAND
    CMD_COUNT
};

/* Who may: everyone, or an administrator; what he does by COMMAND_ACT changes something and is
 * logged. */
enum command_access { COMMAND_EVERYONE, COMMAND_ADMIN, COMMAND_ACT };

/* What a person is told about a command. */
struct command_info {
    const char *word;
    const char *usage;
    const char *meaning;
    enum command_access access;
};
extern const struct command_info command_info[CMD_COUNT];

/* One parsed command. Only the members that the comment beside each names are set for a command;
 * the rest is left as it was, since the struct is too big to clear for each ballot. */
struct command {
    enum command_id id;
    bool all;           /* SUBSCRIBE and UNSUBSCRIBE: the poll was `*` */
    struct name poll;   /* every command that takes a poll */
    struct name choice; /* VOTE, TRACE, LABEL: a name, or a number in digits */
    struct span voter;  /* VOTE, TRACE: as= (may be absent); AS */
    struct span key;    /* VOTE, TRACE: id= (may be absent) */
    struct span text;   /* TITLE, LABEL, PING (may be absent), BACKUP: the path, or `-` */
    uint64_t number; /* KICK: the connection's id; SUBSCRIBE: every= in ms, 0 if absent; JOURNEY: a
                        sequence, 0 if absent */
    int help;        /* HELP: a command_id, or -1 for all */
    /* CREATE: */
    struct settings settings;
    unsigned choice_count;
    struct name choices[PROTO_CHOICES_MAX];
};

/* Parses a line (without its LF and CR, not empty, and text by line_is_text) into `command`, whose
 * spans point into `line`. Returns 0, ERR_UNKNOWN_COMMAND or ERR_BAD_ARGUMENT, with *why set to a
 * static text for a person, which is the caller's to show and nobody's to free. `command->id` is
 * set with ERR_BAD_ARGUMENT too, so that a command which isn't allowed here needs no lesson in its
 * arguments. Names are checked for form only. On a line that isn't text it still stays within the
 * line, but the text that it yields isn't either. */
int command_parse(const char *line, size_t len, struct command *command, const char **why)
    __attribute__((warn_unused_result));

#endif
