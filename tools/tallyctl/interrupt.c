/* Caught signals are blocked and read from a signalfd, so there are no handlers and nothing is
 * async. A fatal one is delivered again once all is cleaned up: whoever started tallyctl sees what
 * ended it. */
#include "tools/tallyctl/interrupt.h"

#include "tools/tallyctl/output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { FATAL_COUNT = sizeof(fatal_signals) / sizeof(fatal_signals[0]) };

static int fd = -1;
static int taken; /* the fatal signal that was taken, or 0 */
static sigset_t caught;

static bool is_ignored(int signal_number)
{
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
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
    fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        output_error("can't catch signals: %s", strerror(errno));
        exit(STATUS_REFUSED);
    }
    sigprocmask(SIG_BLOCK, &caught, NULL);
}

int interrupt_fd(void)
{
    return fd;
}

int interrupt_take(void)
{
    struct signalfd_siginfo info;
    if (fd < 0 || read(fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    int signal_number = (int)info.ssi_signo;
    if (interrupt_is_fatal(signal_number))
        taken = signal_number;
    return signal_number;
}

bool interrupt_is_fatal(int signal_number)
{
    for (size_t i = 0; i < FATAL_COUNT; i++)
        if (fatal_signals[i] == signal_number)
            return true;
    return false;
}

void interrupt_release(void)
{
    if (fd < 0)
        return;
    close(fd);
    fd = -1;
    sigprocmask(SIG_UNBLOCK, &caught, NULL);
    if (taken)
        raise(taken);
}
