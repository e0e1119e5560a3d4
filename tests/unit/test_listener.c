/* The listener in this process, which is its main thread: whom it lets in, and what it says where
 * the kernel, libevent or memory refuse. The sessions that it hands over are taken here. Calls can
 * be made to fail through the linker's --wrap. */
#include "serve/listener.h"

#include "net/admission.h"
#include "serve/client.h"
#include "tests/support/temporary.h"
#include "serve/reserve.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- calls that can be made to fail ---- */

enum call {
    NONE,
    SOCKET,
    BIND,
    LISTEN,
    GETSOCKNAME,
    PEER_CREDENTIALS,
    QUEUE_LENGTH,
    ACCEPT,
    FOPEN,
    UNLINK,
    CHOWN,
    CALLOC,
    EVENT_ADD,
    SESSION,
};

static enum call failing;
static int calls_left; /* of that one, until one fails */
static int failure_errno;
static int failures; /* so many then */

static void fail_call(enum call call, int nth, int error)
{
    failing = call;
    calls_left = nth;
    failure_errno = error;
    failures = 1;
}

static bool fails(enum call call)
{
    if (call != failing || calls_left-- > 0 || failures == 0)
        return false;
    calls_left = 0;
    failures--;
    errno = failure_errno;
    return true;
}

WRAP(fails(SOCKET), -1, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(fails(BIND), -1, int, bind, (int fd, const struct sockaddr *address, socklen_t len),
     (fd, address, len))
WRAP(fails(LISTEN), -1, int, listen, (int fd, int backlog), (fd, backlog))
WRAP(fails(GETSOCKNAME), -1, int, getsockname, (int fd, struct sockaddr *name, socklen_t *len),
     (fd, name, len))
WRAP(fails(ACCEPT), -1, int, accept4, (int fd, struct sockaddr *peer, socklen_t *len, int flags),
     (fd, peer, len, flags))
WRAP(fails(FOPEN), NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
WRAP(fails(UNLINK), -1, int, unlink, (const char *path), (path))
WRAP(fails(CHOWN), -1, int, chown, (const char *path, uid_t owner, gid_t group),
     (path, owner, group))
WRAP(fails(CALLOC), NULL, void *, calloc, (size_t count, size_t size), (count, size))
WRAP(fails(EVENT_ADD), -1, int, event_add, (struct event * event, const struct timeval *timeout),
     (event, timeout))

static uid_t peer_uid; /* of whoever connects to the admin socket */

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    if (fails(option == SO_PEERCRED && level == SOL_SOCKET ? PEER_CREDENTIALS : QUEUE_LENGTH))
        return -1;
    int result = __real_getsockopt(fd, level, option, value, len);
    if (level == SOL_SOCKET && option == SO_PEERCRED)
        ((struct ucred *)value)->uid = peer_uid;
    return result;
}

static const struct client_protocol line, http = {.peer_begins = true};
static const struct listener_protocols protocols = {&line, &http};

static struct {
    unsigned count;
    int fd;
    const struct client_protocol *protocol;
    union peer peer;
    uint64_t id;
    enum client_origin origin;
} opened; /* the last of the sessions */

int __wrap_client_open(struct server *server, const struct client_protocol *protocol, int fd,
                       const union peer *peer, uint64_t id, enum client_origin origin);
int __wrap_client_open(struct server *server, const struct client_protocol *protocol, int fd,
                       const union peer *peer, uint64_t id, enum client_origin origin)
{
    (void)server;
    if (fails(SESSION)) {
        close(fd);
        return -1;
    }
    opened.count++;
    opened.fd = fd;
    opened.protocol = protocol;
    opened.peer = *peer;
    opened.id = id;
    opened.origin = origin;
    return 0;
}

/* ---- the listener under test ---- */

static char directory[TEMPORARY_MAX];
static char admin[TEMPORARY_MAX + 8];
static char why[LISTENER_WHY_MAX];
static struct config config;
static struct server server;
static struct event_base *base;
static struct listener *listener;

static void listen_on(const char *host)
{
    struct config_address *address = &config.listen[config.listen_count++];
    snprintf(address->host, sizeof address->host, "%s", host);
    address->port = 0;
}

static void setup(void)
{
    temporary_directory(directory, "tallycast-listener");
    snprintf(admin, sizeof admin, "%s/admin", directory);
    config = (struct config){.admin = admin};
    listen_on("127.0.0.1");
    server = (struct server){.config = &config, .admission = admission_new(2, 0, &config.proxies)};
    base = event_base_new();
    peer_uid = geteuid();
    opened.count = 0;
}

static void teardown(void)
{
    failing = NONE;
    if (listener)
        listener_free(listener);
    listener = NULL;
    event_base_free(base);
    admission_free(server.admission);
    unlink(admin);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

static bool start(void)
{
    why[0] = '\0';
    listener = listener_new(&server, base, &protocols, why);
    return listener && listener_start(listener, why) == 0;
}

static void start_well(void)
{
    ck_assert_msg(start(), "%s", why);
}

static void refuses_to_start(const char *expected)
{
    ck_assert(!start());
    ck_assert_msg(strstr(why, expected), "said: %s", why);
    if (listener)
        listener_free(listener);
    listener = NULL;
    failing = NONE;
}

static int connect_to(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static int connect_public(void)
{
    return connect_to(listener_address(listener, 0));
}

static int connect_admin(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%.90s", admin);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void run_once(void)
{
    event_base_loop(base, EVLOOP_ONCE);
}

/* Waits for the next session, and closes both ends of it. */
static void await_session(int client, enum client_origin origin)
{
    unsigned before = opened.count;
    while (opened.count == before)
        run_once();
    ck_assert_int_eq(opened.origin, origin);
    close(opened.fd);
    close(client);
}

/* The server closed it without a word. */
static void assert_closed(int client)
{
    char byte;
    ck_assert_int_le((int)recv(client, &byte, 1, 0), 0);
    close(client);
}

/* ---- letting in ---- */

START_TEST(who_comes_is_handed_over)
{
    start_well();
    await_session(connect_public(), CLIENT_PUBLIC);
    ck_assert_int_eq(opened.peer.family, AF_INET);
    ck_assert_uint_eq(opened.id, 1);
    await_session(connect_admin(), CLIENT_ADMIN);
    ck_assert_int_eq(opened.peer.family, AF_UNIX);
    ck_assert_uint_eq(opened.id, 2);
    struct listener_stats stats;
    listener_stats(listener, &stats);
    ck_assert_uint_eq(stats.accepted, 2);
    ck_assert_uint_eq(stats.refused, 0);
    ck_assert_uint_eq(stats.queue, 0);
    ck_assert_uint_ge(stats.queue_max, 1);
}
END_TEST

START_TEST(each_socket_speaks_its_own_protocol)
{
    config.http = config.listen[0];
    config.http_on = true;
    start_well();
    await_session(connect_public(), CLIENT_PUBLIC);
    ck_assert_ptr_eq(opened.protocol, &line);
    await_session(connect_to(listener_http_address(listener)), CLIENT_PUBLIC);
    ck_assert_ptr_eq(opened.protocol, &http);
    await_session(connect_admin(), CLIENT_ADMIN);
    ck_assert_ptr_eq(opened.protocol, &line);
}
END_TEST

START_TEST(too_many_are_told_and_then_closed)
{
    start_well();
    for (int i = 0; i < 2; i++)
        await_session(connect_public(), CLIENT_PUBLIC);
    for (int i = 0; i < 16; i++)
        await_session(connect_public(), CLIENT_ONE_TOO_MANY);
    int client = connect_public();
    run_once();
    assert_closed(client);
    struct listener_stats stats;
    listener_stats(listener, &stats);
    ck_assert_uint_eq(stats.refused, 17);
    await_session(connect_admin(), CLIENT_ADMIN); /* of which there may always be one */
}
END_TEST

static void fill_up(void)
{
    config.http = config.listen[0];
    config.http_on = true;
    start_well();
    for (int i = 0; i < 2; i++)
        await_session(connect_public(), CLIENT_PUBLIC);
}

static int connect_http(void)
{
    int client = connect_to(listener_http_address(listener));
    run_once();
    return client;
}

/* Where the peer speaks first, one too many is handed over when it has. The longest silent gives
 * its place to who comes. */
START_TEST(too_many_who_are_silent_wait_in_the_reserve)
{
    int silent[RESERVE_PLACES];
    fill_up();
    unsigned before = opened.count;
    for (int i = 0; i < RESERVE_PLACES; i++)
        silent[i] = connect_http();
    int last = connect_http();
    assert_closed(silent[0]);
    ck_assert_uint_eq(opened.count, before);
    ck_assert_int_eq((int)send(last, "G", 1, 0), 1);
    await_session(last, CLIENT_ONE_TOO_MANY);
    ck_assert_ptr_eq(opened.protocol, &http);
    char byte;
    for (int i = 1; i < RESERVE_PLACES; i++) {
        while (recv(silent[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            run_once(); /* until their time is over */
        assert_closed(silent[i]);
    }
}
END_TEST

START_TEST(without_memory_for_its_event_one_too_many_is_closed)
{
    fill_up();
    fail_call(EVENT_ADD, 0, ENOMEM);
    assert_closed(connect_http());
    int silent = connect_http(); /* its place is free again */
    ck_assert_int_eq((int)send(silent, "G", 1, 0), 1);
    await_session(silent, CLIENT_ONE_TOO_MANY);
}
END_TEST

/* Without memory nobody is let in, and nobody is counted: afterwards as many come in as may. */
START_TEST(a_connection_without_memory_is_not_counted)
{
    start_well();
    fail_call(SESSION, 0, ENOMEM);
    int client = connect_public();
    run_once();
    assert_closed(client);
    for (int i = 0; i < 2; i++)
        await_session(connect_public(), CLIENT_PUBLIC);
    fail_call(SESSION, 0, ENOMEM);
    client = connect_public();
    run_once();
    assert_closed(client);
    for (int i = 0; i < 16; i++) /* nor is who was one too many */
        await_session(connect_public(), CLIENT_ONE_TOO_MANY);
}
END_TEST

START_TEST(the_admin_socket_is_for_the_owner_and_root)
{
    start_well();
    peer_uid = geteuid() + 1;
    int client = connect_admin();
    run_once();
    assert_closed(client);
    peer_uid = geteuid();
    fail_call(PEER_CREDENTIALS, 0, ENOBUFS);
    client = connect_admin();
    run_once();
    assert_closed(client);
    ck_assert_uint_eq(opened.count, 0);
    peer_uid = 0;
    await_session(connect_admin(), CLIENT_ADMIN);
}
END_TEST

/* Those whom the worker has not welcomed yet are not made more. */
START_TEST(a_flood_waits_in_the_kernels_queue)
{
    start_well();
    for (int i = 0; i < 32; i++)
        admission_hand_over(server.admission);
    int client = connect_public();
    run_once();
    ck_assert_uint_eq(opened.count, 0);
    admission_arrived(server.admission);
    await_session(client, CLIENT_PUBLIC);
}
END_TEST

static const int harmless[] = {EAGAIN, EWOULDBLOCK, ECONNABORTED, EINTR};

START_TEST(an_error_of_one_connection_is_passed_over)
{
    start_well();
    fail_call(ACCEPT, 0, harmless[_i]);
    int client = connect_public();
    run_once();
    ck_assert_int_eq(failures, 0);
    await_session(client, CLIENT_PUBLIC); /* by the next round, without a pause */
}
END_TEST

/* It pauses, and goes on by itself: also where at first it can't listen for events again. */
START_TEST(without_descriptors_it_pauses)
{
    start_well();
    int client = connect_public();
    fail_call(ACCEPT, 0, EMFILE);
    failures = 2;
    run_once();
    run_once(); /* the end of the pause */
    while (failures > 0)
        run_once();
    fail_call(EVENT_ADD, 0, ENOMEM);
    await_session(client, CLIENT_PUBLIC);
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(a_kernel_that_tells_no_figures_is_believed_to_have_none)
{
    struct listener_stats stats;
    start_well();
    fail_call(FOPEN, 0, EMFILE);
    listener_stats(listener, &stats);
    ck_assert_uint_eq(stats.overflows, 0);
    fail_call(QUEUE_LENGTH, 0, ENOBUFS);
    listener_stats(listener, &stats);
    ck_assert_uint_eq(stats.queue, 0);
}
END_TEST

/* ---- starting ---- */

START_TEST(an_address_of_each_family_is_shown_as_it_was_asked_for)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    if (has_v6)
        listen_on("::1");
    else
        puts("IPv6 is not tested: this machine has no ::1");
    start_well();
    ck_assert_int_eq(strncmp(listener_address(listener, 0), "127.0.0.1:", 10), 0);
    if (has_v6)
        ck_assert_int_eq(strncmp(listener_address(listener, 1), "[::1]:", 6), 0);
    ck_assert_ptr_null(listener_address(listener, config.listen_count)); /* the admin socket */
    ck_assert_ptr_null(listener_address(listener, 7));
}
END_TEST

static const struct {
    enum call call;
    int nth, error;
    const char *said;
} refusals[] = {
    {CALLOC, 0, ENOMEM, "out of memory"},
    {SOCKET, 0, EMFILE, "can't listen on 127.0.0.1:0: Too many open files"},
    {BIND, 0, EADDRINUSE, "can't listen on 127.0.0.1:0: Address already in use"},
    {GETSOCKNAME, 0, ENOBUFS, "can't listen on 127.0.0.1:0: No buffer space"},
    {SOCKET, 1, EMFILE, "can't make the admin socket"},
    {BIND, 1, EACCES, "can't make the admin socket"},
    {LISTEN, 0, EADDRINUSE, "can't listen on 127.0.0.1:"},
    {LISTEN, 1, EADDRINUSE, "/admin: Address already in use"},
    {EVENT_ADD, 1, ENOMEM, "can't wait for connections: Cannot allocate memory"},
};

START_TEST(a_start_that_is_refused_says_why)
{
    fail_call(refusals[_i].call, refusals[_i].nth, refusals[_i].error);
    refuses_to_start(refusals[_i].said);
    start_well(); /* nothing of the first try is in the way */
}
END_TEST

START_TEST(an_address_that_is_none_is_refused)
{
    strcpy(config.listen[0].host, "no.such.host.invalid");
    refuses_to_start("can't listen on no.such.host.invalid:0: ");
    strcpy(config.listen[0].host, "fe80::1%nowhere");
    refuses_to_start("can't listen on [fe80::1%nowhere]:0: ");
}
END_TEST

START_TEST(a_path_that_is_too_long_is_refused)
{
    char name[200];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    config.admin = name;
    refuses_to_start("longer than 107 bytes");
    config.admin = admin;
}
END_TEST

/* ---- the admin socket's path ---- */

static void leave_stale_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%.90s", admin);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
}

START_TEST(a_group_that_the_socket_has_needs_no_call)
{
    config.has_admin_group = true;
    config.admin_group = getegid();
    fail_call(CHOWN, 0, EPERM);
    start_well();
    struct stat status;
    ck_assert_int_eq(stat(admin, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0660);
}
END_TEST

START_TEST(a_group_that_the_socket_can_not_have_is_refused)
{
    config.has_admin_group = true;
    config.admin_group = getegid() + 1;
    fail_call(CHOWN, 0, EPERM);
    refuses_to_start("of which the server's user has to be a member: Operation not permitted");
}
END_TEST

START_TEST(a_dead_servers_socket_is_replaced)
{
    leave_stale_socket();
    start_well();
    await_session(connect_admin(), CLIENT_ADMIN);
}
END_TEST

/* What can't be told to be dead, or can't be removed, is kept. */
START_TEST(a_socket_that_may_be_in_use_is_kept)
{
    leave_stale_socket();
    fail_call(SOCKET, 1, EMFILE);
    refuses_to_start("/admin: Too many open files");
    fail_call(UNLINK, 0, EROFS);
    refuses_to_start("/admin: Read-only file system");
    ck_assert_int_eq(access(admin, F_OK), 0);
}
END_TEST

START_TEST(a_live_servers_socket_is_kept)
{
    start_well();
    struct listener *first = listener;
    refuses_to_start("another server uses it");
    listener = first;
    await_session(connect_admin(), CLIENT_ADMIN);
}
END_TEST

START_TEST(a_file_of_that_name_is_kept)
{
    ck_assert_int_eq(mkdir(admin, 0700), 0);
    refuses_to_start("there is a file of that name");
    ck_assert_int_eq(rmdir(admin), 0); /* it is still there */
}
END_TEST

UNIT_MAIN("listener",
          {"letting in", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
           .tests = {{who_comes_is_handed_over},
                     {each_socket_speaks_its_own_protocol},
                     {too_many_are_told_and_then_closed},
                     {too_many_who_are_silent_wait_in_the_reserve},
                     {without_memory_for_its_event_one_too_many_is_closed},
                     {a_connection_without_memory_is_not_counted},
                     {the_admin_socket_is_for_the_owner_and_root},
                     {a_flood_waits_in_the_kernels_queue},
                     {an_error_of_one_connection_is_passed_over, .loops = UNIT_COUNT(harmless)},
                     {without_descriptors_it_pauses},
                     {a_kernel_that_tells_no_figures_is_believed_to_have_none}}},
          {"starting", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
           .tests = {{an_address_of_each_family_is_shown_as_it_was_asked_for},
                     {a_start_that_is_refused_says_why, .loops = UNIT_COUNT(refusals)},
                     {an_address_that_is_none_is_refused},
                     {a_path_that_is_too_long_is_refused},
                     {a_group_that_the_socket_has_needs_no_call},
                     {a_group_that_the_socket_can_not_have_is_refused},
                     {a_dead_servers_socket_is_replaced},
                     {a_socket_that_may_be_in_use_is_kept},
                     {a_live_servers_socket_is_kept},
                     {a_file_of_that_name_is_kept}}})
