/* Caught signals are blocked and read from a signalfd, so there are no handlers and nothing is
 * async. An epoll instance gathers the signalfd, the keyboard and standard output's end into one
 * descriptor for the waits. A fatal signal is delivered again once all is cleaned up, so the parent
 * of tallyctl sees what ended it. */
#include "tools/tallyctl/interrupt.h"

#include "base/clock.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
enum { FATAL_COUNT = sizeof(fatal_signals) / sizeof(fatal_signals[0]) };

static int all = -1; /* epoll */
static int signals = -1;
static int taken; /* the fatal signal that was taken, or 0 */
static sigset_t caught;
static bool quits;
static bool has_keys;
static struct termios modes; /* of the keyboard, as found; valid if has_keys */

static bool is_ignored(int signal_number)
{
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* A regular file, which is always ready, can't be watched, and need not be. */
static void watch(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(all, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EPERM) {
        output_error("can't wait for signals: %s", strerror(errno));
        exit(STATUS_REFUSED);
    }
}

/* While we are in the background, keys belong to another program. */
static bool owns_keyboard(void)
{
    return tcgetattr(STDIN_FILENO, &modes) == 0 && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void interrupt_catch(bool screen)
{
    sigemptyset(&caught);
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (!is_ignored(fatal_signals[i]))
            sigaddset(&caught, fatal_signals[i]);
    if (screen) {
        sigaddset(&caught, SIGWINCH);
        if (!is_ignored(SIGTSTP))
            sigaddset(&caught, SIGTSTP);
    }
    all = epoll_create1(EPOLL_CLOEXEC);
    signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
    if (all < 0 || signals < 0) {
        output_error("can't catch signals: %s", strerror(errno));
        exit(STATUS_REFUSED);
    }
    sigprocmask(SIG_BLOCK, &caught, NULL);
    watch(signals, EPOLLIN);
    watch(STDOUT_FILENO, 0); /* EPOLLERR is always reported */
    has_keys = screen && owns_keyboard();
    if (has_keys)
        watch(STDIN_FILENO, EPOLLIN);
    interrupt_keys(true);
}

int interrupt_fd(void)
{
    return all;
}

static int take_signal(void)
{
    struct signalfd_siginfo info;
    return read(signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

/* Keys other than those that quit are ignored. At the end of input there are no more keys. */
static void take_key(void)
{
    char key = 0;
    if (read(STDIN_FILENO, &key, 1) <= 0)
        epoll_ctl(all, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    quits |= key == 'q' || key == 'Q';
}

int interrupt_take(void)
{
    struct epoll_event event;
    int signal_number = 0;
    if (all < 0 || epoll_wait(all, &event, 1, 0) != 1)
        return 0;
    if (event.data.fd == signals)
        signal_number = take_signal();
    else if (event.data.fd == STDIN_FILENO)
        take_key();
    else
        signal_number = SIGPIPE;
    if (interrupt_is_fatal(signal_number))
        taken = signal_number;
    return signal_number;
}

bool interrupt_quits(void)
{
    return quits;
}

void interrupt_wait(uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (deadline_ns > now_ns)
        poll(&(struct pollfd){.fd = all, .events = POLLIN}, 1,
             (int)((deadline_ns - now_ns) / NS_PER_MS + 1));
}

bool interrupt_is_fatal(int signal_number)
{
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal_signals[i] == signal_number)
            return true;
    return false;
}

void interrupt_keys(bool single)
{
    struct termios wanted = modes;
    if (!has_keys)
        return;
    if (single)
        wanted.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &wanted);
}

void interrupt_release(void)
{
    if (all < 0)
        return;
    interrupt_keys(false);
    has_keys = false;
    close(signals);
    close(all);
    all = signals = -1;
    sigprocmask(SIG_UNBLOCK, &caught, NULL);
    if (taken)
        raise(taken);
}
