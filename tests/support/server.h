/* A real server under test: forked, on a free port, with a database in a directory of its own; and
 * its clients.
 *
 * Whatever goes wrong fails the test. Waiting is always for something that must happen, and for
 * SERVER_DEADLINE_S at most. A server dies with its test. Directories are removed by
 * server_tests_run, also those of tests that failed, unless TALLYCAST_TEST_KEEP is set. */
#ifndef TALLYCAST_TESTS_SERVER_H
#define TALLYCAST_TESTS_SERVER_H

#include "tests/support/database.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

enum { SERVER_DEADLINE_S = 20, SERVER_TEST_TIMEOUT_S = 100, SERVER_PATH_MAX = 256 };

/* Sanitizers change how much memory a process takes. Tests that measure it say so, and skip. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SERVER_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SERVER_SANITIZED true
#endif
#endif
#ifndef SERVER_SANITIZED
#define SERVER_SANITIZED false
#endif

struct client;

struct server {
    pid_t pid;           /* 0 while none runs */
    int out;             /* its standard output */
    unsigned port;       /* the line port's, on 127.0.0.1 */
    unsigned http_port;  /* the web's there; 0 unless it was started with --http */
    unsigned open_files; /* the limit for the next start; 0 for the test's own */
    int error_to;        /* its standard error at the next start; 0 for the log, -1 for none */
    int terminal;        /* that it starts in; 0 for the test's own, if it has one */
    char directory[SERVER_PATH_MAX];
    char database[SERVER_PATH_MAX];
    char admin[SERVER_PATH_MAX]; /* the admin socket */
    char log[SERVER_PATH_MAX];   /* the standard error of all its starts */
    LIST_HEAD(, client) clients;
};

/* ---- the program ---- */

/* Runs the cases, whose tests have the time that a server needs; main returns what this does. */
int server_tests_run(const char *name, const struct unit_case *cases);

#define SERVER_MAIN(name, ...)                                  \
    int main(void)                                              \
    {                                                           \
        return server_tests_run(name, UNIT_CASES(__VA_ARGS__)); \
    }

/* The whole of a file, NUL-terminated; freed by the caller. */
char *server_read_file(const char *path, size_t *len);

/* A file of the source tree. */
char *server_read_source(const char *name, size_t *len);

/* Milliseconds of a clock that only goes on. */
int64_t server_now_ms(void);

/* ---- the process ---- */

/* Makes a directory; nothing runs yet. */
void server_init(struct server *server);

/* Starts it with more arguments (NULL ends them), and waits until it is ready. Its database may be
 * one of an earlier start. */
void server_start(struct server *server, ...) __attribute__((sentinel));

/* Starts it, and waits for nothing. */
void server_launch(struct server *server, ...) __attribute__((sentinel));

/* Starts one that is expected to end by itself, and returns its exit status. */
int server_run(struct server *server, ...) __attribute__((sentinel));

void server_signal(const struct server *server, int signal_number);

/* Waits for its end. Returns its exit status, or the negated number of the signal that ended it. */
int server_wait(struct server *server);

/* SIGTERM, after which it must end with status 0. */
void server_stop(struct server *server);

/* Frees the clients, and stops it if it runs. (In this order: a server that stops gives those who
 * are connected a second to take its last words.) */
void server_end(struct server *server);

/* Whether its log, of all its starts, contains the words. */
bool server_logged(const struct server *server, const char *words);

/* Waits until it does. */
void server_await_log(const struct server *server, const char *words);

/* How many files of its directory have these words in their names. */
unsigned server_count_files(const struct server *server, const char *words);

/* Resident memory in bytes. */
uint64_t server_rss_bytes(const struct server *server);

/* Processor time of all threads, and of the main one, which accepts; in clock ticks. */
uint64_t server_cpu_ticks(const struct server *server);
uint64_t server_main_thread_ticks(const struct server *server);

/* How often its threads went to sleep; the same once all of them sleep, which is waited for. */
uint64_t server_sleeps(const struct server *server);
uint64_t server_await_idle(const struct server *server);

/* ---- clients ---- */

/* Bytes that came, and where the next line begins. */
struct client {
    int fd;
    bool ended; /* the server closed */
    int error;  /* with which the connection ended; 0 for in good order */
    size_t begin, end, capacity;
    char *bytes;
    LIST_ENTRY(client) link;
};

/* Connects to the line port, or the admin socket, and takes the greeting. Freed by client_close, or
 * by server_end. */
struct client *server_client(struct server *server);
struct client *server_admin(struct server *server);

/* The same without taking the greeting; to the line port from an address of this machine. */
struct client *server_connect_admin(struct server *server);
struct client *server_connect(struct server *server, const char *from);

/* To the web's port. */
struct client *server_connect_http(struct server *server, const char *from);

/* The same, just a socket; -1 with errno set where that fails. */
int server_socket(const struct server *server);
int server_socket_from(const struct server *server, const char *from);
int server_socket_admin(const struct server *server);

/* The client of a socket, which it owns from then on. */
struct client *client_adopt(struct server *server, int fd);

void client_close(struct client *client);

/* Sends one line; its LF is added. */
void client_send(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends bytes as they are, and takes what comes meanwhile, so that neither side waits for the other
 * for ever. */
void client_write(struct client *client, const char *bytes, size_t len);

/* Half-closes: the server reads the end of the input. */
void client_finish(struct client *client);

/* The next line without its LF, valid until the next call. */
const char *client_line(struct client *client);

/* The same, or NULL where the server has closed the connection, orderly or not. */
const char *client_line_or_end(struct client *client);

/* The next line if one has come already, or NULL; for those that wait for several sockets. */
const char *client_next(struct client *client);

/* Takes what has come, without waiting. */
void client_receive(struct client *client);

/* The next line is exactly this. */
void client_expect(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The next line matches a POSIX extended regular expression. */
void client_expect_match(struct client *client, const char *pattern);

/* The next line is this error. */
void client_expect_error(struct client *client, const char *code);

/* The next lines are DESCRIBE's settings, up to the last one. */
void client_expect_settings(struct client *client);

/* The server has closed in good order, and sent nothing before it. */
void client_expect_end(struct client *client);

/* Sends a line and takes one that must be exactly `reply`; of one that does not matter; of one that
 * must be `+OK NUMBER`, whose number is returned. */
void client_ask(struct client *client, const char *line, const char *reply);
void client_ask_error(struct client *client, const char *line, const char *code);
uint64_t client_ask_number(struct client *client, const char *line);

/* One value of STATS. */
uint64_t client_stat(struct client *admin, const char *name);

/* Fails the test unless `text` matches the POSIX extended regular expression. */
void assert_match(const char *text, const char *pattern);

#endif
