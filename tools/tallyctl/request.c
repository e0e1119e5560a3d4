/* Builds the line of a command. The arguments come from a command line, so from anyone whose words
 * a script quotes. */
#include "tools/tallyctl/request.h"

#include "proto/line.h"
#include "tools/tallyctl/output.h"

#include <stdio.h>
#include <string.h>

void request_start(struct request *request, const char *command)
{
    size_t len = strlen(command);
    memcpy(request->line, command, len);
    request->line[len] = '\n';
    request->len = len + 1;
    request->file = -1;
    request->about = NULL;
}

static enum status judge_bytes(const char *text, size_t len)
{
    if (line_is_text(text, len))
        return STATUS_DONE;
    output_error("'%s': control characters and what is not UTF-8 can't be sent", text);
    return STATUS_USAGE;
}

enum status request_judge_text(const char *text)
{
    size_t len = strlen(text);
    if (len > PROTO_TEXT_MAX) {
        output_error("'%s': a title or label has at most %d bytes", text, PROTO_TEXT_MAX);
        return STATUS_USAGE;
    }
    return judge_bytes(text, len);
}

enum status request_text(struct request *request, const char *text)
{
    size_t len = strlen(text);
    if (judge_bytes(text, len) != STATUS_DONE)
        return STATUS_USAGE;
    if (len >= PROTO_ADMIN_LINE_MAX - request->len) {
        output_error("the command is too long: a line of the protocol has at most %d bytes",
                     PROTO_ADMIN_LINE_MAX);
        return STATUS_USAGE;
    }
    request->line[request->len - 1] = ' ';
    memcpy(request->line + request->len, text, len);
    request->len += len + 1;
    request->line[request->len - 1] = '\n';
    return STATUS_DONE;
}

enum status request_word(struct request *request, const char *word)
{
    if (*word == '\0' || strpbrk(word, " \t")) {
        output_error("'%s': one word is expected here", word);
        return STATUS_USAGE;
    }
    return request_text(request, word);
}

static enum status add_option(struct request *request, const char *key, const char *value)
{
    char word[8 + PROTO_ADMIN_LINE_MAX];
    if (!value)
        return STATUS_DONE;
    snprintf(word, sizeof word, "%s=%s", key, value);
    return request_word(request, word);
}

/* A name with spaces stands in quotation marks, and holds none. */
static enum status add_name(struct request *request, const char *name)
{
    char option[8 + PROTO_LINE_MAX];
    if (!name || !strpbrk(name, " \t"))
        return add_option(request, "as", name);
    snprintf(option, sizeof option, "as=\"%s\"", name);
    return request_text(request, option);
}

enum status request_voter(struct request *request, const struct invocation *invocation)
{
    enum status status = add_name(request, invocation->voter);
    return status == STATUS_DONE ? add_option(request, "id", invocation->key) : status;
}
