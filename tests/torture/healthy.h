/* Healthy clients beside an attack: eight voters that cast 800 ballots a second between them,
 * open-loop (at fixed times, whatever the answers do), and a subscriber. A thread of their own
 * measures how long each ballot waits for its acknowledgement, from the moment at which it was to
 * be sent, and how old the newest ballot of each push is when it comes.
 *
 * Figures are gathered in windows of half a second; those of several windows are the medians of
 * what each window had, so that one hiccup of the machine is not taken for the attack. */
#ifndef TALLYCAST_TESTS_TORTURE_HEALTHY_H
#define TALLYCAST_TESTS_TORTURE_HEALTHY_H

#include "tests/support/server.h"

enum { HEALTHY_WINDOW_MS = 500, HEALTHY_VOTERS = 8, HEALTHY_BALLOTS_A_SECOND = 800 };

/* The line that creates their poll; ballots=unlimited, so each ballot counts. */
#define HEALTHY_POLL "CREATE healthy yes no ballots=unlimited"

struct healthy_figures {
    double ack_ms_p50, ack_ms_p99;
    double push_ms_p99; /* age of the newest ballot in a push */
};

struct healthy;

/* Connects them and starts the thread. Fails the test if the server does not greet them. */
struct healthy *healthy_start(const struct server *server);

/* Windows that are over. Any thread. */
unsigned healthy_windows(struct healthy *healthy);

/* Figures of the windows from number `from` to before `to`, which are over. Any thread. */
struct healthy_figures healthy_figures(struct healthy *healthy, unsigned from, unsigned to);

/* Waits for the answers of what was cast, disconnects, and frees. Returns how many ballots were
 * cast: each was acknowledged. */
uint64_t healthy_stop(struct healthy *healthy);

#endif
