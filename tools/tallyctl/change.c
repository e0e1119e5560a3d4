/* The commands that change something and are answered with one line: they pass their words on to
 * the server. */
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sends a command of which only the arguments from `text_from` on are free text. */
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
        status = client_call(client, &request, NULL, NULL, reply);
    return status;
}

static void print_json(const struct reply *reply, const char *number_name)
{
    bool is_seq = number_name && strcmp(number_name, "seq") == 0;
    if (is_seq)
        output_json(json_pack("{s:I, s:b}", "seq", (json_int_t)reply->number, "duplicate",
                              reply->duplicate));
    else if (number_name)
        output_json(json_pack("{s:I}", number_name, (json_int_t)reply->number));
    else
        output_json(json_pack("{s:b}", "ok", 1));
}

/* What there is to say of a `+OK`: `number_name` is what its number is, NULL if it has none. */
static void print_result(const struct invocation *invocation, const struct reply *reply,
                         const char *number_name)
{
    if (invocation->json) {
        print_json(reply, reply->has_number ? number_name : NULL);
    } else if (reply->text.len > 0) {
        output_text(stdout, reply->text.at, reply->text.len);
        putchar('\n');
    }
}

static enum status change(const struct invocation *invocation, const char *word, int text_from,
                          const char *number_name)
{
    struct client *client;
    struct reply reply;
    enum status status = client_open(invocation->admin, &client);
    if (status != STATUS_DONE)
        return status;
    status = call(invocation, word, text_from, client, &reply);
    if (status == STATUS_DONE)
        print_result(invocation, &reply, number_name);
    client_close(client);
    return status;
}

/* No argument of these is free text. */
static enum status change_words(const struct invocation *invocation, const char *word,
                                const char *number_name)
{
    return change(invocation, word, invocation->argc, number_name);
}

enum status command_create(const struct invocation *invocation)
{
    return change_words(invocation, "CREATE", "seq");
}

enum status command_open(const struct invocation *invocation)
{
    return change_words(invocation, "OPEN", "seq");
}

enum status command_close(const struct invocation *invocation)
{
    return change_words(invocation, "CLOSE", "seq");
}

enum status command_title(const struct invocation *invocation)
{
    return change(invocation, "TITLE", 1, "seq");
}

enum status command_label(const struct invocation *invocation)
{
    return change(invocation, "LABEL", 2, "seq");
}

enum status command_vote(const struct invocation *invocation)
{
    return change_words(invocation, "VOTE", "seq");
}

enum status command_kick(const struct invocation *invocation)
{
    return change_words(invocation, "KICK", NULL);
}

enum status command_shutdown(const struct invocation *invocation)
{
    return change_words(invocation, "SHUTDOWN", NULL);
}

/* The file as the server must be told it, which works in another directory. The caller frees it. */
static char *absolute_path(const char *file)
{
    char *path = NULL;
    if (file[0] == '/')
        return strdup(file);
    char *directory = getcwd(NULL, 0);
    if (directory && asprintf(&path, "%s/%s", directory, file) < 0)
        path = NULL;
    free(directory);
    return path;
}

enum status command_backup(const struct invocation *invocation)
{
    const char *file = invocation->argv[0];
    size_t len = strlen(file);
    if (len == 0 || strchr(" \t", file[len - 1])) {
        output_error("'%s': a file name that is empty or ends in white space can't be sent", file);
        return STATUS_USAGE;
    }
    char *path = absolute_path(file);
    if (!path) {
        output_error("%s: %s", file, strerror(errno));
        return STATUS_REFUSED;
    }
    struct invocation absolute = *invocation;
    absolute.argv = &path;
    enum status status = change(&absolute, "BACKUP", 0, "bytes");
    free(path);
    return status;
}
