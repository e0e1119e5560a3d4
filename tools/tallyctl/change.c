/* The commands that change something and are answered with one line: they pass their words on to
 * the server. */
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/output.h"

#include <stdlib.h>
#include <string.h>

/* Sends a command whose arguments from `text_from` on are free text, and no others. */
static enum status call(const struct invocation *invocation, const char *word, int text_from,
                        struct client *client, struct reply *reply)
{
    struct request request;
    enum status status = STATUS_DONE;

    request_start(&request, word);
    for (int i = 0; i < invocation->argc && status == STATUS_DONE; i++)
        status = i < text_from ? request_word(&request, invocation->argv[i])
                               : request_text(&request, invocation->argv[i]);
    if (status == STATUS_DONE)
        status = request_voter(&request, invocation);
    if (status == STATUS_DONE)
        status = client_call(client, &request, NULL, NULL, reply);
    return status;
}

static enum status change(const struct invocation *invocation, const char *word, int text_from,
                          enum change_number number)
{
    struct client *client;
    struct reply reply;
    enum status status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;
    status = call(invocation, word, text_from, client, &reply);
    if (status == STATUS_DONE)
        output_change(invocation, &reply, number);
    client_close(client);
    return status;
}

/* No argument of these is free text. */
static enum status change_words(const struct invocation *invocation, const char *word)
{
    return change(invocation, word, invocation->argc, NUMBER_IS_SEQ);
}

enum status command_open(const struct invocation *invocation)
{
    return change_words(invocation, "OPEN");
}

enum status command_close(const struct invocation *invocation)
{
    return change_words(invocation, "CLOSE");
}

enum status command_title(const struct invocation *invocation)
{
    return change(invocation, "TITLE", 1, NUMBER_IS_SEQ);
}

enum status command_label(const struct invocation *invocation)
{
    return change(invocation, "LABEL", 2, NUMBER_IS_SEQ);
}

enum status command_vote(const struct invocation *invocation)
{
    return change_words(invocation, "VOTE");
}

enum status command_kick(const struct invocation *invocation)
{
    return change(invocation, "KICK", invocation->argc, NUMBER_IS_COUNT);
}

enum status command_shutdown(const struct invocation *invocation)
{
    return change_words(invocation, "SHUTDOWN");
}
