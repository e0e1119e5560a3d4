/* `watch`: subscribes, and shows each change: redrawn in place on a terminal, a line each to a
 * pipe. Titles and labels, which are not pushed, come over a second connection, so that no reply
 * has to be told from a push. A slow terminal or reader costs nobody anything: the server then
 * sends only the newest. */
#include "base/clock.h"
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/view.h"
#include "tools/tallyctl/screen.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The greatest age of a title when its poll changes. */
#define DESCRIPTION_MAX_AGE_NS (2ull * NS_PER_S)

/* The number of polls that the screen keeps for drawing: more than any terminal has room for. */
enum { DRAWN_MAX = 256 };

/* The time between two tries to reach a server that is gone. */
#define TRY_AGAIN_NS (500ull * NS_PER_MS)

struct watched {
    struct name name;
    uint64_t seq;      /* of the last push */
    struct view *view; /* owned; NULL if nothing is drawn */
};

struct watch {
    const struct invocation *invocation;
    bool on_screen;
    struct client *client;    /* subscribed */
    struct client *describer; /* NULL unless on_screen */
    struct watched *polls;    /* owned; in the order in which they first appeared */
    size_t count;
    size_t room;
    int asked;       /* SUBSCRIBEs that were sent, */
    int answered;    /* and those of them that were answered */
    size_t expected; /* polls whose first push tells the present state, which is no change */
    uint64_t changes;
    bool is_stale;           /* the screen */
    bool is_lost;            /* the server is gone, and awaited */
    struct tally_row pushed; /* the present push */
};

/* ---- Subscribing ---- */

/* Whether an argument names a poll that an earlier one names. */
static bool is_repeat(const struct invocation *invocation, int i)
{
    struct name name;
    struct name earlier;
    if (!name_parse(invocation->argv[i], strlen(invocation->argv[i]), &name))
        return false;
    for (int j = 0; j < i; j++)
        if (name_parse(invocation->argv[j], strlen(invocation->argv[j]), &earlier) &&
            name_equal(&name, &earlier))
            return true;
    return false;
}

static enum status subscribe_one(struct watch *watch, const char *poll)
{
    struct request request;
    request_start(&request, "SUBSCRIBE");
    enum status status = request_word(&request, poll);
    if (status == STATUS_DONE)
        status = client_send(watch->client, &request);
    watch->asked++;
    return status;
}

/* The poll whose SUBSCRIBE is answered next: replies come in the order of the commands. */
static const char *next_answered(const struct watch *watch)
{
    const struct invocation *invocation = watch->invocation;
    int left = watch->answered;
    for (int i = 0; i < invocation->argc; i++)
        if (!is_repeat(invocation, i) && left-- == 0)
            return invocation->argv[i];
    return NULL;
}

/* The loop takes the replies, since pushes may come between them. */
static enum status subscribe(struct watch *watch)
{
    const struct invocation *invocation = watch->invocation;
    enum status status = STATUS_DONE;
    if (invocation->argc == 0)
        return subscribe_one(watch, "*");
    for (int i = 0; i < invocation->argc && status == STATUS_DONE; i++)
        if (!is_repeat(invocation, i))
            status = subscribe_one(watch, invocation->argv[i]);
    return status;
}

/* ---- Pushes ---- */

static struct watched *find_poll(struct watch *watch, const struct name *name)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct watched *poll = &watch->polls[i];
        if (name_equal(&poll->name, name))
            return poll;
    }
    return NULL;
}

static struct watched *add_poll(struct watch *watch, const struct name *name)
{
    if (watch->count == watch->room) {
        watch->room = watch->room ? 2 * watch->room : 64;
        watch->polls = realloc(watch->polls, watch->room * sizeof(*watch->polls));
        if (!watch->polls)
            memory_exhausted();
    }
    bool is_drawn = watch->on_screen && watch->count < DRAWN_MAX;
    struct view *view = is_drawn ? calloc(1, sizeof(*view)) : NULL;
    if (is_drawn && !view)
        memory_exhausted();
    struct watched *poll = &watch->polls[watch->count++];
    *poll = (struct watched){.name = *name, .view = view};
    return poll;
}

static void print_change(const struct watch *watch, struct span text)
{
    if (watch->invocation->json) {
        output_json(view_tally_json(&watch->pushed));
    } else {
        fwrite(text.at, 1, text.len, stdout); /* a tally is all ASCII: tally_parse took it */
        putchar('\n');
    }
}

static enum status take_push(struct watch *watch, struct span text)
{
    struct tally_row *pushed = &watch->pushed;
    if (!tally_parse(text.at, text.len, pushed)) {
        output_error("the server's tally makes no sense");
        return STATUS_NO_CONNECTION;
    }
    struct watched *poll = find_poll(watch, &pushed->poll);
    bool is_first = !poll && watch->count < watch->expected;
    if (!poll)
        poll = add_poll(watch, &pushed->poll);
    if (poll->seq == pushed->seq) /* a new connection begins with known tallies */
        return STATUS_DONE;
    poll->seq = pushed->seq;
    if (poll->view)
        poll->view->tally = *pushed;
    watch->changes += !is_first;
    watch->is_stale = true;
    if (watch->on_screen)
        return STATUS_DONE;
    print_change(watch, text);
    return output_flush();
}

static enum status take_reply(struct watch *watch, const struct reply *reply)
{
    const struct invocation *invocation = watch->invocation;
    switch (reply->kind) {
    case REPLY_PUSH:
        return take_push(watch, reply->text);
    case REPLY_ERROR:
        if (span_is(reply->code, "SHUTTING-DOWN"))
            return STATUS_LOST;
        return client_refused(watch->client, reply, next_answered(watch));
    case REPLY_OK:
        watch->answered++;
        watch->expected = invocation->argc == 0 ? (size_t)reply->number : (size_t)watch->asked;
        return STATUS_DONE;
    case REPLY_ROW:
    case REPLY_UNKNOWN:
        break;
    }
    return STATUS_DONE;
}

/* ---- The screen ---- */

static enum status refresh_description(struct watch *watch, struct view *view)
{
    bool is_fresh =
        watch->is_lost || (view->described_ns != 0 &&
                           clock_monotonic_ns() - view->described_ns < DESCRIPTION_MAX_AGE_NS);
    const char *name = view->tally.poll.text;
    enum status status = is_fresh ? STATUS_DONE : view_describe(view, watch->describer, name);
    if (status == STATUS_DONE && !is_fresh)
        status = view_ask_leaders(view, watch->describer, name);
    return status;
}

/* Draws the polls that the screen has room for; others are not even asked about. */
static enum status draw_polls(struct watch *watch, FILE *out)
{
    unsigned rows = output_rows();
    unsigned used = 0;
    for (size_t i = 0; i < watch->count && watch->polls[i].view && used < rows; i++) {
        struct view *view = watch->polls[i].view;
        enum status status = refresh_description(watch, view);
        if (status != STATUS_DONE)
            return status;
        if (i > 0)
            putc('\n', out);
        view_draw(view, output_columns(), out);
        used += 3 + (view->tally.hidden ? view->choice_count : view->tally.choice_count);
    }
    return STATUS_DONE;
}

static enum status draw(struct watch *watch)
{
    char *frame = NULL;
    size_t size;
    FILE *stream = open_memstream(&frame, &size);
    if (!stream)
        memory_exhausted();
    if (watch->is_lost)
        fputs("The server is gone. This is how it was; trying to reach it again.\n\n", stream);
    enum status status = draw_polls(watch, stream);
    if (watch->count == 0)
        fputs("no polls yet\n", stream);
    if (fclose(stream) != 0)
        memory_exhausted();
    if (status == STATUS_DONE)
        screen_draw(frame);
    free(frame);
    watch->is_stale = false;
    return status;
}

/* A new size or a return from Ctrl-Z calls for a redraw; a fatal signal ends the watch. */
static enum status take_interrupt(struct watch *watch)
{
    int signal_number = interrupt_take();
    if (interrupt_is_fatal(signal_number))
        return STATUS_INTERRUPTED;
    if (signal_number == SIGTSTP)
        screen_suspend();
    watch->is_stale = true;
    return STATUS_DONE;
}

/* ---- The loop ---- */

static bool is_finished(const struct watch *watch)
{
    return interrupt_quits() ||
           (watch->invocation->count > 0 && watch->changes >= watch->invocation->count);
}

static enum status take_next(struct watch *watch)
{
    struct reply reply;
    enum status status = client_read(watch->client, watch->invocation->deadline_ns, &reply);
    if (status == STATUS_DONE)
        return take_reply(watch, &reply);
    if (status == STATUS_INTERRUPTED)
        return take_interrupt(watch);
    return status;
}

/* ---- a server that is gone ---- */

static void close_clients(struct watch *watch)
{
    client_close(watch->client);
    client_close(watch->describer);
    watch->client = watch->describer = NULL;
    watch->asked = watch->answered = 0;
}

/* Makes both connections and the subscriptions anew. */
static enum status connect_again(struct watch *watch)
{
    enum status status = client_open_quietly(watch->invocation, &watch->client);
    if (status == STATUS_DONE && watch->on_screen)
        status = client_open_quietly(watch->invocation, &watch->describer);
    if (status == STATUS_DONE)
        status = subscribe(watch);
    if (status != STATUS_DONE)
        close_clients(watch);
    if (status == STATUS_INTERRUPTED && take_interrupt(watch) == STATUS_DONE)
        return STATUS_LOST; /* a key, or a new size: try again */
    return status;
}

static void tell(struct watch *watch, bool is_lost)
{
    watch->is_lost = is_lost;
    watch->is_stale = true;
    if (!watch->on_screen)
        output_error(is_lost ? "the server is gone; trying to reach it again"
                             : "the server is there again");
}

/* Waits until the next try, or the end. */
static enum status rest(struct watch *watch)
{
    uint64_t deadline_ns = watch->invocation->deadline_ns;
    uint64_t next_ns = clock_monotonic_ns() + TRY_AGAIN_NS;
    interrupt_wait(next_ns < deadline_ns ? next_ns : deadline_ns);
    enum status status = take_interrupt(watch);
    if (status == STATUS_DONE && clock_monotonic_ns() >= deadline_ns)
        return STATUS_TIMEOUT;
    return status;
}

static enum status reconnect(struct watch *watch)
{
    enum status status = STATUS_LOST;
    close_clients(watch);
    tell(watch, true);
    while (status == STATUS_LOST && !interrupt_quits()) {
        enum status drawn = watch->on_screen && watch->is_stale ? draw(watch) : STATUS_DONE;
        status = drawn == STATUS_DONE ? rest(watch) : drawn;
        if (status == STATUS_DONE)
            status = connect_again(watch);
    }
    if (status == STATUS_DONE)
        tell(watch, false);
    return status == STATUS_LOST ? STATUS_DONE : status;
}

/* ---- from beginning to end ---- */

/* All lines that have arrived go into one frame. Drawing asks for titles, and takes the keys that
 * are pressed meanwhile. */
static enum status follow_connection(struct watch *watch)
{
    enum status status = STATUS_DONE;
    while (status == STATUS_DONE && !is_finished(watch)) {
        bool is_drawable =
            watch->on_screen && watch->answered == watch->asked && !client_has_line(watch->client);
        status = is_drawable && watch->is_stale ? draw(watch) : take_next(watch);
    }
    return status;
}

static enum status follow(struct watch *watch)
{
    enum status status = subscribe(watch);
    for (;;) {
        if (status == STATUS_DONE)
            status = follow_connection(watch);
        if (status != STATUS_LOST)
            break;
        status = reconnect(watch);
    }
    if (status == STATUS_TIMEOUT)
        status = STATUS_DONE;
    if (status == STATUS_DONE && watch->on_screen && watch->is_stale && !watch->is_lost)
        status = draw(watch);
    return status == STATUS_LOST ? STATUS_DONE : status;
}

static enum status open_clients(struct watch *watch)
{
    enum status status = client_open(watch->invocation, &watch->client);
    if (status == STATUS_DONE && watch->on_screen)
        status = client_open(watch->invocation, &watch->describer);
    if (status != STATUS_DONE)
        return status;
    client_be_quiet(watch->client);
    if (watch->describer)
        client_be_quiet(watch->describer);
    return STATUS_DONE;
}

enum status command_watch(const struct invocation *invocation)
{
    struct watch watch = {.invocation = invocation,
                          .on_screen = output_is_screen() && !invocation->json,
                          .is_stale = true};
    enum status status = open_clients(&watch);
    if (status == STATUS_DONE) {
        if (watch.on_screen)
            screen_enter();
        else
            interrupt_catch(false);
        status = follow(&watch);
        screen_leave();
    }
    close_clients(&watch);
    for (size_t i = 0; i < watch.count; i++) {
        if (watch.polls[i].view)
            view_clear(watch.polls[i].view);
        free(watch.polls[i].view);
    }
    free(watch.polls);
    return status;
}
