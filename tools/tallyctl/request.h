/* A command on its way to the server, built so that no argument can end the line or become two
 * words. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_REQUEST_H
#define TALLYCAST_TOOLS_TALLYCTL_REQUEST_H

#include "proto/limits.h"
#include "tools/tallyctl/tallyctl.h"

#include <stddef.h>

/* len counts the LF that ends the line; there is no NUL. */
struct request {
    const char *about; /* what an error is told of; NULL for the invocation's first argument */
    int file;          /* an open file to pass along; -1 for none */
    size_t len;
    char line[PROTO_ADMIN_LINE_MAX];
};

/* Begins with the command's word, and passes no file. */
void request_start(struct request *request, const char *command);

/* Adds a word. STATUS_USAGE, with a message, if it is empty, has white space or control characters,
 * is not UTF-8 or makes the line too long. */
enum status request_word(struct request *request, const char *word) CHECKED;

/* Adds text, which may have spaces and TABs. */
enum status request_text(struct request *request, const char *text) CHECKED;

/* Adds the voter and the ballot's key, if the invocation names them. */
enum status request_voter(struct request *request, const struct invocation *invocation) CHECKED;

/* Whether text can be a title or label: STATUS_USAGE, with a message, if not. */
enum status request_judge_text(const char *text) CHECKED;

#endif
