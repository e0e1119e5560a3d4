/* The codec's first half: a client's line → a command. Pure: no I/O, no allocation, no state. */
#ifndef TALLYCAST_PROTO_COMMAND_H
#define TALLYCAST_PROTO_COMMAND_H

#include "proto/error.h"
#include "proto/limits.h"
#include "proto/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_id {
#define COMMAND(id, word, access, usage, meaning) CMD_##id,
#include "proto/commands.def"
#undef COMMAND
    CMD_COUNT
};

enum command_access { COMMAND_EVERYONE, COMMAND_ADMIN };

/* What a person is told about a command. */
struct command_info {
    const char *word;
    const char *usage;
    const char *meaning;
    enum command_access access;
};
extern const struct command_info command_info[CMD_COUNT];

/* The name of a poll or choice, folded to lower case and NUL-terminated. */
struct name {
    uint8_t len;
    char text[PROTO_NAME_MAX + 1];
};

/* Bytes inside the parsed line: not NUL-terminated, valid as long as the line is. at is NULL if
 * absent. */
struct span {
    const char *at;
    size_t len;
};

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

/* Whether a line (without its LF and CR) is valid UTF-8 without control characters but TAB. */
bool line_is_text(const char *line, size_t len);

/* Whether a line that may be the first of a connection is an HTTP request's (PROTOCOL.md, "HTTP"):
 * its first word is a method in capitals (GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT TRACE PRI)
 * followed by a space, or it ends in `HTTP/` digit `.` digit. White space around the line and a CR
 * at its end don't matter. The line need not be text, and may be only the beginning of one that is
 * too long. */
bool line_is_http(const char *line, size_t len);

/* Whether the line holds nothing but spaces and TABs. */
bool line_is_empty(const char *line, size_t len);

/* Parses a line (without its LF and CR, not empty, and text by line_is_text) into `command`, whose
 * spans point into `line`. Returns 0, ERR_UNKNOWN_COMMAND or ERR_BAD_ARGUMENT, with *why set to a
 * static text for a person, which is the caller's to show and nobody's to free. `command->id` is
 * set with ERR_BAD_ARGUMENT too, so that a command which isn't allowed here needs no lesson in its
 * arguments. Names are checked for form only. On a line that isn't text it still stays within the
 * line, but the text that it yields isn't either. */
int command_parse(const char *line, size_t len, struct command *command, const char **why)
    __attribute__((warn_unused_result));

/* Checks and folds the name of a poll or choice: 1 to 64 of a-z 0-9 . _ -, beginning with a letter
 * or digit. Returns false, with `name` undefined, if its form is wrong. */
bool name_parse(const char *word, size_t len, struct name *name);
#define NAME_FORM "a name is 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit"

/* Whether a word is a voter's name or an id=: 1 to 64 printable ASCII characters without space. */
bool voter_is_valid(const char *word, size_t len);
#define VOTER_FORM "a voter or id is 1 to 64 printable ASCII characters, no spaces"

/* Reads digits only (leading zeros too) of a number that is at most `max`. Returns false, with
 * `number` as it was, on anything else. */
bool number_parse(const char *word, size_t len, uint64_t max, uint64_t *number);

#endif
