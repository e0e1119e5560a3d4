/* `create`: a poll, named and labelled in the organiser's own words. A word that is a name stays as
 * it is; from any other word a name is made, and people read the word. Happy path: CREATE, then
 * TITLE and LABEL for texts that differ from the names. They are entries of their own: if one
 * fails, the poll exists without it, and a message says so. */
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/output.h"
#include "proto/settings.h"
#include "proto/span.h"
#include "tools/lib/slug.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The poll comes first, then its choices. */
enum { WORDS_MAX = 1 + PROTO_CHOICES_MAX };

struct creation {
    size_t count;
    size_t setting_count;
    const char *words[WORDS_MAX];
    struct name names[WORDS_MAX];
    const char *settings[WORDS_MAX];
};

/* `key=value` in lower case, or of a key that there is: any other word with a `=` is a choice. */
static bool is_setting(const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t key = strcspn(word, "=");
    if (word[key] == '\0')
        return false;
    return setting_find(word, key) >= 0 || span_is_nocase((struct span){word, key}, "lot") ||
           (key > 0 && strspn(word, letters) == key &&
            word[key + 1 + strspn(word + key + 1, letters)] == '\0');
}

static enum status take_word(struct creation *creation, const char *word)
{
    if (is_setting(word)) {
        if (creation->setting_count < WORDS_MAX)
            creation->settings[creation->setting_count++] = word;
        return STATUS_DONE;
    }
    if (creation->count == WORDS_MAX) {
        output_error("a poll has at most %d choices", PROTO_CHOICES_MAX);
        return STATUS_USAGE;
    }
    if (*word == '\0') {
        output_error("a name is empty");
        return STATUS_USAGE;
    }
    creation->words[creation->count++] = word;
    return STATUS_DONE;
}

/* The server refuses two choices that are the same word; two that only share their name get
 * different names. */
static void name_words(struct creation *creation)
{
    slug_make(creation->words[0], strlen(creation->words[0]), "poll", &creation->names[0]);
    for (size_t i = 1; i < creation->count; i++) {
        bool is_repeat = false;
        for (size_t j = 1; j < i; j++)
            is_repeat |= strcmp(creation->words[j], creation->words[i]) == 0;
        slug_make(creation->words[i], strlen(creation->words[i]), "choice", &creation->names[i]);
        if (!is_repeat)
            slug_make_unique(creation->names + 1, i);
    }
}

static enum status send_create(const struct creation *creation, struct client *client,
                               struct reply *reply)
{
    struct request request;
    enum status status = STATUS_DONE;
    request_start(&request, "CREATE");
    for (size_t i = 0; i < creation->count && status == STATUS_DONE; i++)
        status = request_word(&request, creation->names[i].text);
    for (size_t i = 0; i < creation->setting_count && status == STATUS_DONE; i++)
        status = request_word(&request, creation->settings[i]);
    return status == STATUS_DONE ? client_call(client, &request, NULL, NULL, reply) : status;
}

/* Sends the TITLE of the poll if `choice` is NULL, or the LABEL of that choice. */
static enum status send_text(struct client *client, const char *poll, const char *choice,
                             const char *text)
{
    struct request request;
    struct reply reply;
    request_start(&request, choice ? "LABEL" : "TITLE");
    enum status status = request_word(&request, poll);
    if (status == STATUS_DONE && choice)
        status = request_word(&request, choice);
    if (status == STATUS_DONE)
        status = request_text(&request, text);
    if (status == STATUS_DONE)
        status = client_call(client, &request, NULL, NULL, &reply);
    if (status != STATUS_DONE)
        output_error("%s: the poll is there, but not all of its texts; 'tallyctl %s' sets them",
                     poll, choice ? "label" : "title");
    return status;
}

static enum status send_texts(const struct creation *creation, const char *title,
                              struct client *client)
{
    enum status status = STATUS_DONE;
    for (size_t i = 0; i < creation->count && status == STATUS_DONE; i++) {
        const char *text = i == 0 && title ? title : creation->words[i];
        const char *name = creation->names[i].text;
        if (strcmp(text, name) != 0)
            status = send_text(client, creation->names[0].text, i > 0 ? name : NULL, text);
    }
    return status;
}

/* All texts are judged before anything is sent: half a poll helps nobody. */
static enum status judge_texts(const struct creation *creation, const char *title)
{
    enum status status = title ? request_judge_text(title) : STATUS_DONE;
    for (size_t i = 0; i < creation->count && status == STATUS_DONE; i++)
        status = request_judge_text(creation->words[i]);
    return status;
}

static void print_created(const struct invocation *invocation, const struct creation *creation,
                          const struct reply *reply)
{
    output_change(invocation, reply, NUMBER_IS_SEQ);
    for (size_t i = 0; i < creation->count && output_is_terminal() && !invocation->json; i++) {
        printf("%s%s: ", i > 0 ? "  " : "", creation->names[i].text);
        output_text(stdout, creation->words[i], strlen(creation->words[i]));
        putchar('\n');
    }
}

static enum status create(const struct invocation *invocation, const struct creation *creation)
{
    struct client *client;
    struct reply reply;
    enum status status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;
    status = send_create(creation, client, &reply);
    if (status == STATUS_DONE) {
        print_created(invocation, creation, &reply);
        status = send_texts(creation, invocation->title, client);
    }
    client_close(client);
    return status;
}

enum status command_create(const struct invocation *invocation)
{
    struct creation creation = {0};
    enum status status = STATUS_DONE;
    for (int i = 0; i < invocation->argc && status == STATUS_DONE; i++)
        status = take_word(&creation, invocation->argv[i]);
    if (status == STATUS_DONE && creation.count < 1 + PROTO_CHOICES_MIN) {
        output_error("a poll has at least %d choices", PROTO_CHOICES_MIN);
        status = STATUS_USAGE;
    }
    if (status != STATUS_DONE)
        return status;
    name_words(&creation);
    status = judge_texts(&creation, invocation->title);
    return status == STATUS_DONE ? create(invocation, &creation) : status;
}
