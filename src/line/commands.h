/* The functions that execute the commands of commands.def. Those for everyone are in commands.c,
 * the administrator's in admin.c. Worker's thread. */
#ifndef TALLYCAST_COMMANDS_H
#define TALLYCAST_COMMANDS_H

#include "line/session.h"
#include "proto/command.h"

/* Executes a command. Nothing of the session is in flight, except for VOTE and TRACE. Returns 0 if
 * it has replied or the ledger will answer, or an enum error for the reply, with *why set, or NULL
 * for the error's own text. */
typedef int command_executor(struct session *session, const struct command *command,
                             const char **why);

extern command_executor *const command_executors[CMD_COUNT];

#define COMMAND(word, name, access, arguments, usage, meaning) command_executor execute_##name;
#include "proto/commands.def"
#undef COMMAND

/* Replies with the next rows of POLLS, and with its end. */
void commands_list_polls(struct session *session);

/* Replies with the result for which RESULT has waited. */
void commands_tell_result(struct session *session, const struct answer *answer);

/* The poll that a command names, or NULL. */
const struct poll *commands_find_poll(struct session *session, const struct command *command);

#endif
