/* The server under test. One thread; the server is a child of the test's process, which Check forks
 * for each test.
 *
 * Nothing sleeps: every wait is a poll() for a descriptor, with what is left of a deadline. The
 * end of a server is the end of its standard output, since nobody else holds that. */
#define _GNU_SOURCE /* nftw, pipe2 */
#include "tests/support/server.h"

#include "tools/lib/admin.h"

#include "tests/support/temporary.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32, TREE_DEPTH = 16, RECEIVE_BYTES = 64 * 1024 };

/* Holds the directories of all tests of this program; made before the first is forked. */
static char root[TEMPORARY_MAX];

/* ---- the program ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)walk;
    /* A test may have mounted a file system there; what is in a read-only one goes with it. */
    if (kind == FTW_DP)
        umount2(path, MNT_DETACH);
    remove(path);
    return 0;
}

static bool remove_root(void)
{
    if (getenv("TALLYCAST_TEST_KEEP") == NULL) {
        nftw(root, remove_entry, TREE_DEPTH, FTW_DEPTH | FTW_PHYS);
        return access(root, F_OK) != 0;
    }
    fprintf(stderr, "the tests' files stay in %s\n", root);
    return true;
}

/* Also before there is a test that could fail. */
static void require(bool condition, const char *path)
{
    if (condition)
        return;
    perror(path);
    exit(EXIT_FAILURE);
}

static void make_root(void)
{
    temporary_directory(root, "tallycast");
}

int server_tests_run(const char *name, const struct unit_case *cases)
{
    signal(SIGPIPE, SIG_IGN);
    make_root();
    int status = unit_run(unit_suite(name, cases, SERVER_TEST_TIMEOUT_S));
    if (remove_root())
        return status;
    fprintf(stderr, "%s can't be removed\n", root);
    return EXIT_FAILURE;
}

char *server_read_file(const char *path, size_t *len)
{
    struct stat status;
    FILE *file = fopen(path, "re");
    require(file != NULL && fstat(fileno(file), &status) == 0, path);
    char *text = malloc((size_t)status.st_size + 1);
    require(text != NULL, path);
    *len = fread(text, 1, (size_t)status.st_size, file);
    text[*len] = '\0';
    fclose(file);
    return text;
}

char *server_read_source(const char *name, size_t *len)
{
    const char *tree = getenv("TALLYCAST_SRCDIR");
    char path[SERVER_PATH_MAX * 2];
    snprintf(path, sizeof path, "%s/%s", tree != NULL ? tree : ".", name);
    return server_read_file(path, len);
}

/* ---- deadlines ---- */

int64_t server_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t deadline_ms(void)
{
    return server_now_ms() + SERVER_DEADLINE_S * 1000;
}

/* Waits for events of a descriptor. Returns those that came; fails the test at the deadline. */
static short wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    int64_t left = deadline - server_now_ms();
    int count = poll(&wanted, 1, left > 0 ? (int)left : 0);
    ck_assert_msg(count > 0, "nothing came in %d s", SERVER_DEADLINE_S);
    return wanted.revents;
}

/* ---- the process ---- */

void server_init(struct server *server)
{
    static unsigned count;
    *server = (struct server){.out = -1};
    LIST_INIT(&server->clients);
    snprintf(server->directory, sizeof server->directory, "%s/%d-%u", root, (int)getpid(), count++);
    ck_assert_int_eq(mkdir(server->directory, 0700), 0);
    snprintf(server->database, sizeof server->database, "%.200s/votes.db", server->directory);
    snprintf(server->log, sizeof server->log, "%.200s/log", server->directory);
}

static void limit_open_files(unsigned open_files)
{
    struct rlimit limit = {open_files, open_files};
    if (open_files > 0)
        setrlimit(RLIMIT_NOFILE, &limit);
}

static void enter_terminal(int terminal)
{
    if (terminal > 0 && (setsid() < 0 || ioctl(terminal, TIOCSCTTY, 0) != 0))
        perror("no terminal");
}

/* Becomes the server. Returns only if that fails. */
static void become_server(const struct server *server, int out, char *const *arguments)
{
    int log = open(server->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(server->error_to > 0 ? server->error_to : log, STDERR_FILENO);
    if (server->error_to < 0)
        close(STDERR_FILENO);
    enter_terminal(server->terminal);
    limit_open_files(server->open_files);
    execv(arguments[0], arguments);
    perror(arguments[0]);
}

static void launch(struct server *server, va_list more)
{
    const char *binary = getenv("TALLYCAST_BINARY");
    const char *arguments[ARGUMENTS_MAX + 1] = {
        binary != NULL ? binary : "./tallycast",
        "--listen",
        "127.0.0.1:0",
        "--database",
        server->database,
    };
    size_t count = 5;
    const char *argument;
    bool http = false;
    while ((argument = va_arg(more, const char *)) != NULL) {
        ck_assert_uint_lt(count, ARGUMENTS_MAX - 1);
        arguments[count++] = argument;
        http |= strcmp(argument, "--http") == 0 || strncmp(argument, "--http=", 7) == 0;
    }
    if (!http)
        arguments[count++] = "--http=off";
    int ends[2];
    ck_assert_int_eq(server->pid, 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0) {
        become_server(server, ends[1], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(ends[1]);
    server->out = ends[0];
}

/* Reads one line of the server's standard output; empty if it ended instead. */
static void read_ready(const struct server *server, char *line, size_t size)
{
    int64_t deadline = deadline_ms();
    size_t len = 0;
    while (len + 1 < size) {
        wait_for(server->out, POLLIN, deadline);
        if (read(server->out, line + len, 1) != 1 || line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
}

static void fail_with_log(const struct server *server, const char *what)
{
    size_t len;
    char *log = server_read_file(server->log, &len);
    ck_abort_msg("%s; the server's log:\n%s", what, log);
}

static void parse_ready(struct server *server, const char *line)
{
    const char *port = strstr(line, " listen=127.0.0.1:");
    const char *admin = strstr(line, " admin=");
    if (strncmp(line, "ready ", 6) != 0 || port == NULL || admin == NULL)
        fail_with_log(server, "the server did not become ready");
    server->port = (unsigned)strtoul(port + strlen(" listen=127.0.0.1:"), NULL, 10);
    const char *http = strstr(line, " http=127.0.0.1:");
    server->http_port = http ? (unsigned)strtoul(http + strlen(" http=127.0.0.1:"), NULL, 10) : 0;
    snprintf(server->admin, sizeof server->admin, "%s", admin + strlen(" admin="));
}

void server_start(struct server *server, ...)
{
    char line[1024];
    va_list more;
    va_start(more, server);
    launch(server, more);
    va_end(more);
    read_ready(server, line, sizeof line);
    parse_ready(server, line);
}

void server_launch(struct server *server, ...)
{
    va_list more;
    va_start(more, server);
    launch(server, more);
    va_end(more);
}

int server_run(struct server *server, ...)
{
    va_list more;
    va_start(more, server);
    launch(server, more);
    va_end(more);
    return server_wait(server);
}

void server_signal(const struct server *server, int signal_number)
{
    ck_assert_int_gt(server->pid, 0);
    ck_assert_int_eq(kill(server->pid, signal_number), 0);
}

/* What a sanitizer found does not always change the exit status. */
static void assert_no_report(const struct server *server)
{
    if (server_logged(server, "Sanitizer") || server_logged(server, "runtime error:"))
        fail_with_log(server, "a sanitizer found something");
}

int server_wait(struct server *server)
{
    char rest[256];
    int64_t deadline = deadline_ms();
    do
        wait_for(server->out, POLLIN, deadline);
    while (read(server->out, rest, sizeof rest) > 0);
    close(server->out);
    server->out = -1;
    int status;
    ck_assert_int_eq(waitpid(server->pid, &status, 0), server->pid);
    server->pid = 0;
    assert_no_report(server);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void server_stop(struct server *server)
{
    server_signal(server, SIGTERM);
    if (server_wait(server) != 0)
        fail_with_log(server, "the server did not end well");
}

void server_end(struct server *server)
{
    while (!LIST_EMPTY(&server->clients))
        client_close(LIST_FIRST(&server->clients));
    if (server->pid != 0)
        server_stop(server);
}

bool server_logged(const struct server *server, const char *words)
{
    size_t len;
    char *log = server_read_file(server->log, &len);
    bool found = strstr(log, words) != NULL;
    free(log);
    return found;
}

void server_await_log(const struct server *server, const char *words)
{
    for (int64_t deadline = deadline_ms(); !server_logged(server, words); poll(NULL, 0, 5))
        if (server_now_ms() >= deadline)
            fail_with_log(server, words);
}

/* ---- what the kernel tells of it ---- */

static FILE *open_proc(const struct server *server, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%.40s", (int)server->pid, name);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    return file;
}

/* The number after `name` in a file of /proc that has one such line. */
static uint64_t proc_value(const struct server *server, const char *file_name, const char *name)
{
    FILE *file = open_proc(server, file_name);
    char line[256];
    uint64_t value = UINT64_MAX;
    while (value == UINT64_MAX && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, 10);
    fclose(file);
    ck_assert_uint_ne(value, UINT64_MAX);
    return value;
}

unsigned server_count_files(const struct server *server, const char *words)
{
    unsigned count = 0;
    DIR *directory = opendir(server->directory);
    ck_assert_ptr_nonnull(directory);
    const struct dirent *file;
    while ((file = readdir(directory)) != NULL)
        count += strstr(file->d_name, words) != NULL;
    closedir(directory);
    return count;
}

uint64_t server_rss_bytes(const struct server *server)
{
    return proc_value(server, "status", "VmRSS:") * 1024;
}

static uint64_t read_ticks(const struct server *server, const char *file_name)
{
    FILE *file = open_proc(server, file_name);
    unsigned long user, kernel;
    int count = fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                       &user, &kernel);
    ck_assert_int_eq(count, 2);
    fclose(file);
    return user + kernel;
}

uint64_t server_cpu_ticks(const struct server *server)
{
    return read_ticks(server, "stat");
}

uint64_t server_main_thread_ticks(const struct server *server)
{
    char name[64];
    snprintf(name, sizeof name, "task/%d/stat", (int)server->pid);
    return read_ticks(server, name);
}

struct threads {
    uint64_t sleeps;
    unsigned awake;
};

static struct threads look_at_threads(const struct server *server)
{
    char path[64];
    struct threads threads = {0};
    snprintf(path, sizeof path, "/proc/%d/task", (int)server->pid);
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    const struct dirent *thread;
    while ((thread = readdir(directory)) != NULL) {
        if (thread->d_name[0] == '.')
            continue;
        char state = '?';
        snprintf(path, sizeof path, "task/%.20s/stat", thread->d_name);
        FILE *file = open_proc(server, path);
        ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
        threads.awake += state != 'S';
        snprintf(path, sizeof path, "task/%.20s/status", thread->d_name);
        threads.sleeps += proc_value(server, path, "voluntary_ctxt_switches:");
    }
    closedir(directory);
    return threads;
}

uint64_t server_sleeps(const struct server *server)
{
    return look_at_threads(server).sleeps;
}

uint64_t server_await_idle(const struct server *server)
{
    int64_t deadline = deadline_ms();
    struct threads threads;
    do {
        ck_assert_msg(server_now_ms() < deadline, "the server does not come to rest");
        threads = look_at_threads(server);
    } while (threads.awake > 0);
    return threads.sleeps;
}

/* ---- connecting ---- */

static int connect_port(unsigned port, const char *from)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(from)};
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* The port is chosen on connecting: on binding, it would have to be free for all peers. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&own, sizeof own) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int server_socket_from(const struct server *server, const char *from)
{
    return connect_port(server->port, from);
}

int server_socket(const struct server *server)
{
    return server_socket_from(server, "0.0.0.0");
}

struct client *client_adopt(struct server *server, int fd)
{
    struct client *client = calloc(1, sizeof *client);
    ck_assert_msg(fd >= 0, "can't connect: %s", strerror(errno));
    ck_assert_ptr_nonnull(client);
    client->fd = fd;
    LIST_INSERT_HEAD(&server->clients, client, link);
    return client;
}

struct client *server_connect(struct server *server, const char *from)
{
    return client_adopt(server, server_socket_from(server, from));
}

struct client *server_connect_http(struct server *server, const char *from)
{
    return client_adopt(server, connect_port(server->http_port, from));
}

struct client *server_client(struct server *server)
{
    struct client *client = server_connect(server, "0.0.0.0");
    client_expect(client, "+TALLYCAST 1 max-line=1024");
    return client;
}

int server_socket_admin(const struct server *server)
{
    return admin_connect(server->admin, ADMIN_FOREVER);
}

struct client *server_connect_admin(struct server *server)
{
    return client_adopt(server, server_socket_admin(server));
}

struct client *server_admin(struct server *server)
{
    struct client *client = server_connect_admin(server);
    client_expect(client, "+TALLYCAST 1 max-line=65536");
    return client;
}

void client_close(struct client *client)
{
    LIST_REMOVE(client, link);
    close(client->fd);
    free(client->bytes);
    free(client);
}

/* ---- receiving ---- */

static void make_room(struct client *client)
{
    if (client->begin > 0) {
        memmove(client->bytes, client->bytes + client->begin, client->end - client->begin);
        client->end -= client->begin;
        client->begin = 0;
    }
    if (client->capacity - client->end >= RECEIVE_BYTES)
        return;
    client->capacity = client->capacity * 2 + RECEIVE_BYTES;
    client->bytes = realloc(client->bytes, client->capacity);
    ck_assert_ptr_nonnull(client->bytes);
}

void client_receive(struct client *client)
{
    make_room(client);
    ssize_t len =
        recv(client->fd, client->bytes + client->end, client->capacity - client->end, MSG_DONTWAIT);
    if (len > 0) {
        client->end += (size_t)len;
    } else if (len == 0 || errno != EAGAIN) {
        client->ended = true;
        client->error = len == 0 ? 0 : errno;
    }
}

const char *client_next(struct client *client)
{
    if (client->begin == client->end)
        return NULL;
    char *line = client->bytes + client->begin;
    char *end = memchr(line, '\n', client->end - client->begin);
    if (end == NULL)
        return NULL;
    *end = '\0';
    client->begin += (size_t)(end - line) + 1;
    return line;
}

const char *client_line_or_end(struct client *client)
{
    int64_t deadline = deadline_ms();
    const char *line;
    while ((line = client_next(client)) == NULL && !client->ended) {
        wait_for(client->fd, POLLIN, deadline);
        client_receive(client);
    }
    return line;
}

const char *client_line(struct client *client)
{
    const char *line = client_line_or_end(client);
    ck_assert_msg(line != NULL, "the server closed the connection");
    return line;
}

void client_expect(struct client *client, const char *format, ...)
{
    char expected[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    ck_assert_str_eq(client_line(client), expected);
}

void assert_match(const char *text, const char *pattern)
{
    regex_t compiled;
    ck_assert_msg(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0, "bad pattern %s",
                  pattern);
    int result = regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    ck_assert_msg(result == 0, "\"%s\" does not match \"%s\"", text, pattern);
}

void client_expect_match(struct client *client, const char *pattern)
{
    assert_match(client_line(client), pattern);
}

void client_expect_error(struct client *client, const char *code)
{
    char pattern[128];
    snprintf(pattern, sizeof pattern, "^-%s .+$", code);
    client_expect_match(client, pattern);
}

void client_expect_settings(struct client *client)
{
    const char *line;
    do {
        line = client_line(client);
        assert_match(line, "^=setting [a-z]+ [a-z0-9>._-]+$");
    } while (strncmp(line, "=setting lot ", strlen("=setting lot ")) != 0);
}

void client_expect_end(struct client *client)
{
    const char *line = client_line_or_end(client);
    ck_assert_msg(line == NULL, "\"%s\" came before the end", line);
    ck_assert_msg(client->begin == client->end, "the last line is not whole");
    ck_assert_msg(client->error == 0, "not an orderly end: %s", strerror(client->error));
}

/* ---- sending ---- */

void client_write(struct client *client, const char *bytes, size_t len)
{
    int64_t deadline = deadline_ms();
    while (len > 0) {
        short events = wait_for(client->fd, client->ended ? POLLOUT : POLLIN | POLLOUT, deadline);
        if (events & (POLLIN | POLLHUP))
            client_receive(client);
        ssize_t sent = send(client->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* the server has closed: what comes from it tells why */
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
}

void client_send(struct client *client, const char *format, ...)
{
    char line[32 * 1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    ck_assert(len >= 0 && (size_t)len < sizeof line - 1);
    line[len] = '\n';
    client_write(client, line, (size_t)len + 1);
}

void client_finish(struct client *client)
{
    int result = shutdown(client->fd, SHUT_WR);
    ck_assert(result == 0 || errno == ENOTCONN); /* the server was the first to close */
}

void client_ask(struct client *client, const char *line, const char *reply)
{
    client_send(client, "%s", line);
    const char *came = client_line(client);
    ck_assert_msg(strcmp(came, reply) == 0, "%s is answered \"%s\" and not \"%s\"", line, came,
                  reply);
}

void client_ask_error(struct client *client, const char *line, const char *code)
{
    client_send(client, "%s", line);
    const char *came = client_line(client);
    size_t len = strlen(code);
    ck_assert_msg(came[0] == '-' && strncmp(came + 1, code, len) == 0 && came[1 + len] == ' ',
                  "%s is answered \"%s\" and not -%s", line, came, code);
}

uint64_t client_ask_number(struct client *client, const char *line)
{
    client_send(client, "%s", line);
    const char *came = client_line(client);
    char *end;
    ck_assert_msg(strncmp(came, "+OK ", 4) == 0, "%s is answered \"%s\"", line, came);
    uint64_t number = strtoull(came + 4, &end, 10);
    ck_assert_msg(*end == '\0', "%s is answered \"%s\"", line, came);
    return number;
}

uint64_t client_stat(struct client *admin, const char *name)
{
    uint64_t value = UINT64_MAX;
    size_t len = strlen(name);
    client_send(admin, "STATS");
    const char *row;
    while ((row = client_line(admin))[0] == '=')
        if (strncmp(row + 1, name, len) == 0 && row[1 + len] == ' ')
            value = strtoull(row + 1 + len, NULL, 10);
    ck_assert_str_eq(row, "+OK");
    ck_assert_msg(value != UINT64_MAX, "STATS has no %s", name);
    return value;
}
