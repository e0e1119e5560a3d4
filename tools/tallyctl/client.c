/* The connection of a command. Failures: there is no server, it stands still, it closes in between,
 * or another program answers; each is reported where it is seen. */
#include "tools/tallyctl/client.h"

#include "base/clock.h"
#include "tools/lib/admin.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct client {
    const struct invocation *invocation;
    struct admin *admin;
    bool is_quiet;
};

static struct admin_wait wait_until(uint64_t deadline_ns)
{
    return (struct admin_wait){deadline_ns, interrupt_fd()};
}

static uint64_t after_ns(uint64_t patience_ns)
{
    return patience_ns == UINT64_MAX ? CLIENT_NO_DEADLINE : clock_monotonic_ns() + patience_ns;
}

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* A command whose time is bounded waits no longer for a server, but for a second at least. */
static uint64_t connect_until_ns(const struct invocation *invocation)
{
    const uint64_t second_ns = after_ns(NS_PER_S);
    const uint64_t deadline_ns = invocation->deadline_ns;
    return sooner(after_ns(invocation->connect_ns),
                  deadline_ns > second_ns ? deadline_ns : second_ns);
}

/* A quiet client's answers are waited for as long as its command goes on, and no longer. */
static uint64_t answer_until_ns(const struct client *client)
{
    const uint64_t until_ns = after_ns(client->invocation->patience_ns);
    return client->is_quiet ? sooner(until_ns, client->invocation->deadline_ns) : until_ns;
}

/* ---- messages ---- */

static enum status tell_lost(const struct client *client)
{
    if (client->is_quiet)
        return STATUS_LOST;
    output_error("the connection to the server was lost: %s", admin_why(client->admin));
    return STATUS_NO_CONNECTION;
}

static enum status tell_late(const struct client *client)
{
    if (client->is_quiet)
        return STATUS_LOST;
    output_error("the server does not answer; is it stopped, or very busy? "
                 "(--timeout S waits for S seconds)");
    return STATUS_NO_CONNECTION;
}

/* Replacements for the server's own words, which are made for people who type commands to it. */
static const struct {
    const char *code;
    const char *words;
} refusals[] = {
    {"NO-SUCH-POLL", "there is no such poll; 'tallyctl polls' lists them"},
    {"NO-SUCH-CHOICE", "the poll has no such choice; 'tallyctl show POLL' lists them"},
    {"NO-SUCH-CLIENT", "there is no such connection; 'tallyctl clients' lists them"},
    {"POLL-EXISTS", "there is a poll of that name already"},
    {"POLL-CLOSED", "the poll takes no ballots now; 'tallyctl open POLL' opens it"},
    {"ALREADY-VOTED", "the voter chose otherwise before, and in this poll the first choice counts"},
    {"VOTER-REQUIRED", "in this poll voters have names; --voter NAME says who votes"},
    {"NOT-ALLOWED", "this is not the server's admin socket"},
    {"TOO-MANY-CONNECTIONS", "the server has no room for another connection; try again later"},
    {"SHUTTING-DOWN", "the server is stopping; nothing was recorded"},
    {"UNKNOWN-COMMAND", "the server does not know this; it is of another version"},
};

/* A text that is not the code's usual one says more than we know. */
static bool is_usual(struct span code, struct span text)
{
    for (int error = -1; error >= -ERROR_COUNT; error--)
        if (span_is(code, error_code((enum error)error)))
            return span_is(text, error_text((enum error)error));
    return false;
}

static const char *words_for(struct span code)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (span_is(code, refusals[i].code))
            return refusals[i].words;
    return NULL;
}

/* ALREADY-VOTED tells the earlier ballot's sequence first. */
static struct span without_number(const struct reply *reply)
{
    struct span text = reply->text;
    if (reply->has_number)
        (void)span_cut(&text, ' ');
    return text;
}

static bool begins(struct span text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

enum status client_refused(const struct client *client, const struct reply *reply,
                           const char *about)
{
    const struct invocation *invocation = client->invocation;
    struct span text = without_number(reply);
    const char *words = is_usual(reply->code, text) ? words_for(reply->code) : NULL;
    if (!about && invocation->argc > 0)
        about = invocation->argv[0];
    if (begins(text, "usage: "))
        output_error("usage: tallyctl %s %s", invocation->command, invocation->usage);
    else if (words)
        output_error("%s%s%s", about ? about : "", about ? ": " : "", words);
    else
        output_error("%s%s%.*s", about ? about : "", about ? ": " : "", (int)text.len, text.at);
    return STATUS_REFUSED;
}

/* ---- connecting ---- */

static enum status tell_unopened(const struct client *client, const char *path)
{
    const char *why = admin_why(client->admin);
    int error = admin_errno(client->admin);
    if (client->is_quiet)
        return STATUS_LOST;
    if (error == EACCES)
        output_error("no connection to %s: only the server's user, its "
                     "--admin-group and root may use it",
                     path);
    else if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
        output_error("no connection to %s: %s (is the server running? --admin names its socket)",
                     path, why);
    else
        output_error("%s: %s", path, why);
    return STATUS_NO_CONNECTION;
}

static enum status open_client(const struct invocation *invocation, bool is_quiet,
                               struct client **opened)
{
    struct reply reply;
    struct client *client = must_calloc(1, sizeof *client);
    *client = (struct client){.invocation = invocation, .is_quiet = is_quiet};
    enum status status = STATUS_INTERRUPTED;
    switch (admin_open(&client->admin, invocation->admin, wait_until(connect_until_ns(invocation)),
                       &reply)) {
    case ADMIN_DONE:
        *opened = client;
        return STATUS_DONE;
    case ADMIN_REFUSED:
        status = is_quiet ? STATUS_LOST : client_refused(client, &reply, invocation->admin);
        break;
    case ADMIN_LATE:
        status = tell_late(client);
        break;
    case ADMIN_LOST:
        status = tell_unopened(client, invocation->admin);
        break;
    case ADMIN_INTERRUPTED:
        break;
    }
    client_close(client);
    return status;
}

enum status client_open(const struct invocation *invocation, struct client **client)
{
    return open_client(invocation, false, client);
}

enum status client_open_quietly(const struct invocation *invocation, struct client **client)
{
    return open_client(invocation, true, client);
}

void client_be_quiet(struct client *client)
{
    client->is_quiet = true;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    admin_close(client->admin);
    free(client);
}

/* ---- talking ---- */

enum status client_send(struct client *client, const struct request *request)
{
    switch (admin_send(client->admin, request->line, request->len, request->file)) {
    case ADMIN_DONE:
        return STATUS_DONE;
    case ADMIN_LATE:
        return tell_late(client);
    default:
        return tell_lost(client);
    }
}

enum status client_read(struct client *client, uint64_t deadline_ns, struct reply *reply)
{
    switch (admin_read(client->admin, wait_until(deadline_ns), reply)) {
    case ADMIN_DONE:
    case ADMIN_REFUSED:
        return STATUS_DONE;
    case ADMIN_LATE:
        return STATUS_TIMEOUT;
    case ADMIN_INTERRUPTED:
        return STATUS_INTERRUPTED;
    case ADMIN_LOST:
        break;
    }
    return tell_lost(client);
}

bool client_has_line(const struct client *client)
{
    return admin_has_line(client->admin);
}

enum status client_call(struct client *client, const struct request *request,
                        client_row_fn *take_row, void *context, struct reply *reply)
{
    enum status status = client_send(client, request);
    if (status != STATUS_DONE)
        return status;
    const uint64_t deadline_ns = answer_until_ns(client);
    for (;;) {
        switch (admin_reply(client->admin, wait_until(deadline_ns), take_row, context, reply)) {
        case ADMIN_DONE:
            return STATUS_DONE;
        case ADMIN_REFUSED:
            return client_refused(client, reply, request->about);
        case ADMIN_LOST:
            return tell_lost(client);
        case ADMIN_LATE:
            return tell_late(client);
        case ADMIN_INTERRUPTED: /* the next frame will have the new size anyway */
            if (interrupt_is_fatal(interrupt_take()))
                return STATUS_INTERRUPTED;
        }
    }
}
