/* The server under load: started here on a fresh database, or one that runs already; and its
 * figures, from the kernel and from the server itself. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_SERVER_H
#define TALLYCAST_TOOLS_BENCH_SERVER_H

#include "tools/lib/server_stats.h"

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

enum { SERVER_ERROR_MAX = PATH_MAX + 512 };

/* All zero until it is started or joined. */
struct server_process {
    pid_t pid;                /* 0: unknown */
    bool started;             /* by us, so we must stop it */
    int out;                  /* its standard output, if started */
    char directory[PATH_MAX]; /* of its database, if started; removed by bench_server_stop */
    char target[300];         /* HOST:PORT */
    char http[300];           /* the same of HTTP; "" without */
    char admin_path[PATH_MAX];
    struct admin *admin; /* owned; NULL before bench_server_join */
};

/* The kernel's figures of the process; zeros if it can't be seen. */
struct server_usage {
    uint64_t cpu_ns; /* of all threads since its start */
    uint64_t rss_bytes;
};

/* The options for starting a server. */
struct server_wish {
    const char *program;    /* NULL: this program's naive server */
    char *const *arguments; /* after our own; NULL ends them */
    const char *parent;     /* parent of the new directory in which its database is made */
    uint64_t connections;   /* it must take so many */
    bool http;              /* it must speak HTTP */
};

/* Starts a server and waits until it is ready. Returns 0; else -1 with `error` filled and nothing
 * left behind. */
int bench_server_start(struct server_process *server, const struct server_wish *wish,
                       char error[SERVER_ERROR_MAX]) __attribute__((warn_unused_result));

/* Connects to the admin socket of a server that runs. Returns 0, or -1 with `error` filled. */
int bench_server_join(struct server_process *server, const char *admin_path,
                      char error[SERVER_ERROR_MAX]) __attribute__((warn_unused_result));

/* Disconnects; stops the server and removes its files if we started it. Returns 0, or -1 if it
 * ended with a status other than 0, or was killed since it did not end in SERVER_STOP_S seconds. */
enum { SERVER_STOP_S = 15 };
int bench_server_stop(struct server_process *server, char error[SERVER_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Reads STATS. Returns 0, or -1 with `error` filled and no rows. */
int bench_server_read_stats(const struct server_process *server, struct server_stats *stats,
                            char error[ADMIN_ERROR_MAX]) __attribute__((warn_unused_result));

struct server_usage bench_server_read_usage(const struct server_process *server);

#endif
