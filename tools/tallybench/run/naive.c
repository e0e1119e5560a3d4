/* The naive server (see naive.h). Each connection's thread reads a line, executes it, and writes
 * the reply. `mutex` guards everything below. Not to be imitated. */
#include "tools/tallybench/run/naive.h"

#include "proto/command.h"
#include "proto/line.h"
#include "proto/reply.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/load/target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STACK_BYTES = 128 * 1024, BACKLOG = 4096 };

struct naive_poll {
    struct name name;
    bool each_counts; /* ballots=unlimited */
    unsigned choice_count;
    struct name *choices;
    uint64_t *counts;
    uint64_t ballots, seq;
    void *voters; /* a tree of struct naive_voter, by name */
    SLIST_ENTRY(naive_poll) link;
};

struct naive_voter {
    char name[PROTO_NAME_MAX + 1];
    unsigned choice;
};

struct naive_conn {
    int fd;
    struct naive_poll *watched;
    LIST_ENTRY(naive_conn) link;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static SLIST_HEAD(, naive_poll) polls = SLIST_HEAD_INITIALIZER(polls);
static LIST_HEAD(, naive_conn) subscribers = LIST_HEAD_INITIALIZER(subscribers);
static uint64_t last_seq, accepted;

/* ---- output ---- */

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0)
            return; /* the connection's own thread will notice */
        bytes += n;
        len -= (size_t)n;
    }
}

static void send_tally(int fd, const char *prefix, const struct naive_poll *poll)
{
    char *line = must_calloc(1, tally_line_max(poll->choice_count));
    struct tally_view view = {.poll = poll->name.text,
                              .open = true,
                              .seq = poll->seq,
                              .ballots = poll->ballots,
                              .choice_count = poll->choice_count,
                              .choices = poll->choices,
                              .counts = poll->counts};
    send_all(fd, line, tally_encode(line, prefix, &view));
    free(line);
}

static void send_number(int fd, uint64_t number)
{
    char line[REPLY_MAX];
    send_all(fd, line, reply_ok_number(line, number, false));
}

static void send_error(int fd, enum error error)
{
    char line[REPLY_MAX];
    send_all(fd, line, reply_error(line, error, 0, NULL));
}

/* ---- commands ---- */

static struct naive_poll *find_poll(const struct name *name)
{
    struct naive_poll *poll;
    SLIST_FOREACH(poll, &polls, link)
    if (strcmp(poll->name.text, name->text) == 0)
        return poll;
    return NULL;
}

static void create(struct naive_conn *conn, const struct command *command)
{
    struct naive_poll *poll = must_calloc(1, sizeof *poll);
    poll->name = command->poll;
    poll->each_counts = command->settings.value[SETTING_BALLOTS] == BALLOTS_UNLIMITED;
    poll->choice_count = command->choice_count;
    poll->choices = must_calloc(poll->choice_count, sizeof *poll->choices);
    memcpy(poll->choices, command->choices, poll->choice_count * sizeof *poll->choices);
    poll->counts = must_calloc(poll->choice_count, sizeof *poll->counts);
    poll->seq = ++last_seq;
    SLIST_INSERT_HEAD(&polls, poll, link);
    send_number(conn->fd, poll->seq);
}

static int compare_voters(const void *a, const void *b)
{
    return strcmp(((const struct naive_voter *)a)->name, ((const struct naive_voter *)b)->name);
}

/* Takes back the voter's earlier ballot, if there is one, and notes the new choice. */
static void replace_ballot(struct naive_poll *poll, const struct span *name, unsigned choice)
{
    struct naive_voter *voter = must_calloc(1, sizeof *voter);
    memcpy(voter->name, name->at, name->len);
    struct naive_voter *known =
        *(struct naive_voter **)tsearch(voter, &poll->voters, compare_voters);
    if (known != voter) {
        poll->counts[known->choice]--;
        poll->ballots--;
        free(voter);
    }
    known->choice = choice;
}

static void vote(struct naive_conn *conn, const struct command *command)
{
    struct naive_poll *poll = find_poll(&command->poll);
    unsigned choice = 0;
    if (!poll) {
        send_error(conn->fd, ERR_NO_SUCH_POLL);
        return;
    }
    while (choice < poll->choice_count &&
           strcmp(poll->choices[choice].text, command->choice.text) != 0)
        choice++;
    if (choice == poll->choice_count) {
        send_error(conn->fd, ERR_NO_SUCH_CHOICE);
        return;
    }
    if (!poll->each_counts && command->voter.at)
        replace_ballot(poll, &command->voter, choice);
    poll->counts[choice]++;
    poll->ballots++;
    accepted++;
    poll->seq = ++last_seq;
    struct naive_conn *subscriber;
    LIST_FOREACH (subscriber, &subscribers, link)
        if (subscriber->watched == poll)
            send_tally(subscriber->fd, "> ", poll);
    send_number(conn->fd, poll->seq);
}

static void subscribe(struct naive_conn *conn, const struct command *command)
{
    struct naive_poll *poll = find_poll(&command->poll);
    if (!poll) {
        send_error(conn->fd, ERR_NO_SUCH_POLL);
        return;
    }
    if (!conn->watched)
        LIST_INSERT_HEAD(&subscribers, conn, link);
    conn->watched = poll;
    send_number(conn->fd, 1);
    send_tally(conn->fd, "> ", poll);
}

static void show(struct naive_conn *conn, const struct command *command)
{
    const struct naive_poll *poll = find_poll(&command->poll);
    if (poll)
        send_tally(conn->fd, "+OK ", poll);
    else
        send_error(conn->fd, ERR_NO_SUCH_POLL);
}

static void stats(struct naive_conn *conn)
{
    char lines[128];
    int len = snprintf(lines, sizeof lines, "=ballots_accepted %llu\n+OK\n",
                       (unsigned long long)accepted);
    send_all(conn->fd, lines, (size_t)len);
}

static void execute(struct naive_conn *conn, const struct command *command)
{
    char line[REPLY_MAX];
    switch (command->id) {
    case CMD_CREATE:
        create(conn, command);
        break;
    case CMD_VOTE:
        vote(conn, command);
        break;
    case CMD_SHOW:
        show(conn, command);
        break;
    case CMD_SUBSCRIBE:
        subscribe(conn, command);
        break;
    case CMD_STATS:
        stats(conn);
        break;
    case CMD_PING:
        send_all(conn->fd, line, reply_ok_text(line, command->text.at, command->text.len));
        break;
    default:
        send_error(conn->fd, ERR_UNKNOWN_COMMAND);
    }
}

/* ---- connections ---- */

static void take_line(struct naive_conn *conn, const char *line, size_t len)
{
    struct command command;
    const char *why;
    int error = command_parse(line, len, &command, &why);
    pthread_mutex_lock(&mutex);
    if (error == 0)
        execute(conn, &command);
    else
        send_error(conn->fd, (enum error)error);
    pthread_mutex_unlock(&mutex);
}

static void leave(struct naive_conn *conn)
{
    pthread_mutex_lock(&mutex);
    if (conn->watched)
        LIST_REMOVE(conn, link);
    pthread_mutex_unlock(&mutex);
    close(conn->fd);
    free(conn);
}

static void *serve(void *context)
{
    struct naive_conn *conn = context;
    char bytes[PROTO_LINE_MAX * 4], greeting[REPLY_MAX], *end;
    size_t len = 0;
    ssize_t n;
    send_all(conn->fd, greeting, reply_greeting(greeting, PROTO_LINE_MAX));
    while ((n = recv(conn->fd, bytes + len, sizeof bytes - len, 0)) > 0) {
        char *at = bytes;
        len += (size_t)n;
        while ((end = memchr(at, '\n', len - (size_t)(at - bytes)))) {
            take_line(conn, at, (size_t)(end - at));
            at = end + 1;
        }
        len -= (size_t)(at - bytes);
        memmove(bytes, at, len);
    }
    leave(conn);
    return NULL;
}

static void *accept_all(void *context)
{
    const int listener = *(const int *)context, on = 1;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno != EBADF) {
        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct naive_conn *conn = must_calloc(1, sizeof *conn);
        pthread_t thread;
        conn->fd = fd;
        if (pthread_create(&thread, &attributes, serve, conn) != 0) {
            close(fd);
            free(conn);
        }
    }
    return NULL;
}

/* ---- the program ---- */

static int listen_at(const struct sockaddr *address, socklen_t len)
{
    const int on = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static int listen_locally(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    return listen_at((const struct sockaddr *)&address, sizeof address);
}

static void say_ready(int fd, const char *admin)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    getsockname(fd, (struct sockaddr *)&address, &len);
    getnameinfo((const struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool ipv6 = address.ss_family == AF_INET6;
    printf("ready listen=%s%s%s:%s admin=%s\n", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port,
           admin);
    fflush(stdout);
}

static int start(int *listener)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, accept_all, listener);
    return errno == 0 ? 0 : -1;
}

int naive_run(const struct options *options)
{
    static int line_listener, admin_listener;
    const char *admin = options->admin ? options->admin : "naive.sock";
    char error[TARGET_ERROR_MAX];
    struct target target;
    sigset_t ends;
    int signal_number;
    if (target_resolve(&target, options->listen, error) != 0) {
        fprintf(stderr, "tallybench naive: --listen: %s\n", error);
        return OPTIONS_USAGE_STATUS;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    line_listener = listen_at((const struct sockaddr *)&target.address, target.address_len);
    admin_listener = listen_locally(admin);
    if (line_listener < 0 || admin_listener < 0 || start(&line_listener) != 0 ||
        start(&admin_listener) != 0) {
        fprintf(stderr, "tallybench naive: %s: %s\n", line_listener < 0 ? options->listen : admin,
                strerror(errno));
        return EXIT_FAILURE;
    }
    say_ready(line_listener, admin);
    sigwait(&ends, &signal_number);
    unlink(admin);
    /* Its threads may hang in a write for ever: they can't be stopped in order. */
    _exit(EXIT_SUCCESS);
}
