/* What the service manager is told, with a socket of the test's own in its place. */
#include "notify.h"
#include "tests/support/capture.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char name[TEMPORARY_MAX];

/* Binds a datagram socket to `name`, where '@' begins an abstract one. */
static int bind_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(name), sizeof address.sun_path);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    return fd;
}

static void assert_received(int fd, const char *expected)
{
    char message[64];
    ssize_t len = recv(fd, message, sizeof message - 1, 0);
    ck_assert_int_ge(len, 0);
    message[len] = '\0';
    ck_assert_str_eq(message, expected);
}

static void assert_the_manager_is_told(void)
{
    int fd = bind_manager();
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_ready();
    assert_received(fd, "READY=1");
    notify_stopping();
    assert_received(fd, "STOPPING=1");
    close(fd);
}

START_TEST(a_named_socket_is_told)
{
    char file[32];
    snprintf(file, sizeof file, "tallycast-notify.%d", (int)getpid());
    temporary_path(name, file);
    assert_the_manager_is_told();
    unlink(name);
}
END_TEST

START_TEST(an_abstract_socket_is_told)
{
    snprintf(name, sizeof name, "@test_notify.%d", (int)getpid());
    assert_the_manager_is_told();
}
END_TEST

static size_t log_of_ready(char *log, size_t size)
{
    struct capture capture = capture_begin();
    notify_ready();
    return capture_end(&capture, log, size);
}

START_TEST(without_a_manager_nothing_happens)
{
    char log[256];
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    ck_assert_uint_eq(log_of_ready(log, sizeof log), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "", 1), 0);
    ck_assert_uint_eq(log_of_ready(log, sizeof log), 0);
}
END_TEST

/* 118 bytes; an address holds 107. */
#define NAME_PART "/neither-this-nor-the-other-part-ends"
#define LONG_NAME NAME_PART NAME_PART NAME_PART "/notify"

static const char *const bad_sockets[] = {
    "/nonexistent/notify",
    "relative",
    "@",
    LONG_NAME,
};

START_TEST(a_failure_is_only_logged)
{
    char log[512];
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", bad_sockets[_i], 1), 0);
    ck_assert_uint_gt(log_of_ready(log, sizeof log), 0);
    ck_assert_ptr_nonnull(strstr(log, " warning "));
    ck_assert_ptr_nonnull(strstr(log, bad_sockets[_i]));
    ck_assert_ptr_eq(strchr(log, '\n'), log + strlen(log) - 1);
}
END_TEST

UNIT_MAIN("notify",
          {"notify", .tests = {{a_named_socket_is_told},
                               {an_abstract_socket_is_told},
                               {without_a_manager_nothing_happens},
                               {a_failure_is_only_logged, .loops = UNIT_COUNT(bad_sockets)}}})
