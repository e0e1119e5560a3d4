/* A plan of which call of a server fails: written by whoever starts the server, read by the library
 * that is preloaded into it (fault_preload.c), which counts the calls there. Both map the same
 * file, whose path is in the environment variable FAULT_PLAN_VARIABLE.
 *
 * Calls are counted by what they are about (fault_class), and from the moment on when the server's
 * libraries are loaded. */
#ifndef TALLYCAST_TESTS_FAULT_H
#define TALLYCAST_TESTS_FAULT_H

#include <stdatomic.h>
#include <stdint.h>

#define FAULT_PLAN_VARIABLE "TALLYCAST_FAULT_PLAN"

enum { FAULT_SHORT = -1 }; /* in place of an errno: half of the bytes that were asked for */

enum fault_call {
#define FAULT_CALL(name, ...) FAULT_CALL_##name,
#include "tests/torture/fault_calls.def"
#undef FAULT_CALL
    FAULT_CALLS
};

/* What a descriptor, a path, or a block of memory is. */
enum fault_class {
    FAULT_DATABASE,
    FAULT_NEW,    /* the database as it is being made, and its journal */
    FAULT_WAL,    /* SQLite's log */
    FAULT_KEY,    /* the voters' key, under any of its names */
    FAULT_BACKUP, /* a copy that BACKUP makes */
    FAULT_FOLDER, /* the directory that they are in */
    FAULT_STDERR, /* the server's log */
    FAULT_LISTENER,
    FAULT_SOCKET,  /* a connection */
    FAULT_EVENTFD, /* what wakes a thread */
    FAULT_EPOLL,
    FAULT_PIPE,   /* a signal's way to libevent */
    FAULT_SERVER, /* memory, and threads: of the server itself */
    FAULT_LIBEVENT,
    FAULT_SQLITE,
    FAULT_OTHER,
    FAULT_CLASSES
};

struct fault_plan {
    /* Before the server starts: which call fails. first counts from 1; 0 for none. */
    int call;
    int class;
    int error; /* an errno, or FAULT_SHORT */
    uint64_t first;
    uint64_t count;
    /* Changed at any time: what the server's wall clock is off by. */
    _Atomic int64_t clock_offset_ns;
    /* Told by the library. */
    _Atomic uint64_t calls[FAULT_CALLS][FAULT_CLASSES];
    _Atomic uint64_t fired;
};

#endif
