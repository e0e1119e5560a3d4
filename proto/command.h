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

/* A command's access: for everyone, or for administrators; a COMMAND_ACT of theirs changes
 * something and is logged. */
enum command_access { COMMAND_EVERYONE, COMMAND_ADMIN, COMMAND_ACT };

/* A command's description for a person. */
struct command_info {
    const char *word;
    const char *usage;
    const char *meaning;
    enum command_access access;
};
extern const struct command_info command_info[CMD_COUNT];

/* Bytes of a text for a person, its NUL included. */
enum { COMMAND_WHY_SIZE = 160 };

/* One parsed command. Each member's comment names the commands that set it; for others it is left
 * as it was, since the struct is too big to clear for each ballot. */
struct command {
    enum command_id id;
    bool all;           /* SUBSCRIBE and UNSUBSCRIBE: the poll was `*` */
    bool results;       /* SUBSCRIBE: results=yes */
    bool pairs;         /* RESULT: pairs are wanted */
    struct name poll;   /* every command that takes a poll */
    struct name choice; /* LABEL: a name, or a number in digits; VOTE, TRACE: the same if the ballot
                           is that alone, else of length 0 */
    struct span ballot; /* VOTE, TRACE: bytes that a ballot can have; marks_parse() reads it */
    struct span voter;  /* VOTE, TRACE: as= (may be absent); AS */
    struct span key;    /* VOTE, TRACE: id= (may be absent) */
    struct span text;   /* TITLE, LABEL, PING (may be absent), BACKUP: the path, or `-` */
    uint64_t number; /* KICK: the connection's id; SUBSCRIBE: every= in ms, 0 if absent; JOURNEY: a
                        sequence, 0 if absent */
    int help;        /* HELP: a command_id, or -1 for all */
    /* CREATE: */
    struct settings settings; /* complete */
    bool draws_lot;           /* the lot is to be drawn; else it is `lot` */
    unsigned choice_count;
    struct name choices[PROTO_CHOICES_MAX];
    uint8_t lot[PROTO_CHOICES_MAX];
    char why[COMMAND_WHY_SIZE]; /* an error's text that was made for this line */
};

/* Parses a line (without its LF and CR, not empty, and text by line_is_text) into `command`, whose
 * spans point into `line`. Returns 0, ERR_UNKNOWN_COMMAND or ERR_BAD_ARGUMENT, with *why set to a
 * text for a person, which is static or in `command`. `command->id` is set with ERR_BAD_ARGUMENT
 * too, so that the caller can refuse a command that isn't allowed here without a word on its
 * arguments. Names are checked for form only. If the line isn't text, the parser still stays within
 * it, but the spans aren't text either. */
int command_parse(const char *line, size_t len, struct command *command, const char **why)
    __attribute__((warn_unused_result));

#endif
