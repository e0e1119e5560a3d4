/* Signals, on the main thread; the other threads block all.
 *
 * SIGTERM and SIGINT stop the server, SIGINT only if the parent did not have it ignored, as a shell
 * does for what a script starts in the background. SIGHUP has two meanings: the terminal is gone,
 * which stops a server that was started there, unless nohup lets it outlive the terminal; or
 * somebody asks a daemon to read its configuration again: it can't, and says so.
 *
 * A container's first process becomes the parent of orphans. SIGCHLD is ignored, so the kernel
 * clears them away when they end. */
#include "signals.h"

#include "base/log.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static const struct {
    int number;
    bool may_stay_ignored; /* if the parent ignores it */
} watched[] = {{SIGTERM, false}, {SIGINT, true}, {SIGHUP, true}};
enum { WATCHED = sizeof watched / sizeof watched[0] };

static bool stays_ignored[WATCHED];
static struct event *events[WATCHED]; /* NULL for one that stays ignored */
static bool began_in_terminal;

/* Whether there is a terminal that could go. */
static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* For the time in which nothing is to be put in order. The default would do, but the kernel keeps
 * it from a container's first process. */
static void end_at_once(int number)
{
    enum { SIGNALLED = 128 }; /* as a shell tells it */
    raise(number);            /* the default: see below */
    _exit(SIGNALLED + number);
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void signals_begin(void)
{
    /* SIGXFSZ: a limit on the size of files refuses writes, as a full disk does. */
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGCHLD};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    began_in_terminal = has_terminal();
    for (size_t i = 0; i < WATCHED; i++) {
        stays_ignored[i] = watched[i].may_stay_ignored && is_ignored(watched[i].number);
        bool ignore = stays_ignored[i] || (watched[i].number == SIGHUP && !began_in_terminal);
        const struct sigaction action = {.sa_handler = ignore ? SIG_IGN : end_at_once,
                                         .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
        sigaction(watched[i].number, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_signal(evutil_socket_t number, short what, void *base)
{
    (void)what;
    if (number != SIGHUP || (began_in_terminal && !has_terminal()))
        event_base_loopbreak(base);
    else
        log_info("SIGHUP is ignored: the configuration is read at the start only");
}

int signals_watch(struct event_base *base)
{
    for (size_t i = 0; i < WATCHED; i++) {
        if (stays_ignored[i])
            continue;
        events[i] = evsignal_new(base, watched[i].number, on_signal, base);
        if (events[i] == NULL || event_add(events[i], NULL) != 0)
            return -1;
    }
    return 0;
}

void signals_end(void)
{
    for (size_t i = 0; i < WATCHED; i++) {
        if (events[i] != NULL)
            event_free(events[i]);
        events[i] = NULL;
    }
}
