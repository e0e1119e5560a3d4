/* Turns: of which poll the result is counted next. A poll is listed once, however often its tally
 * changes. Those that wait have their turns in order, but first come those whose results somebody
 * waits for. A poll's next turn comes no sooner than TURNS_PACE_NS after its last one, unless
 * somebody waits. All in constant time. One thread; time is given. Nothing fails. */
#ifndef TALLYCAST_TURNS_H
#define TALLYCAST_TURNS_H

#include "poll/poll.h"

#include <stdint.h>
#include <sys/queue.h>

#define TURNS_PACE_NS UINT64_C(100000000)

enum turn_place {
    TURN_NOWHERE, /* has no queue */
    TURN_URGENT,  /* somebody waits for the result */
    TURN_READY,
    TURN_RESTING, /* had its turn a short while ago; in the order in which the rests end */
    TURN_PLACES,
};

struct turn {
    TAILQ_ENTRY(turn) link;  /* turns.queues[place] */
    uint64_t rests_until_ns; /* if it rests */
    uint64_t wanted_ns;      /* since when a result is wanted; 0 if none is */
    enum turn_place place;
};

TAILQ_HEAD(turn_queue, turn);

/* 400 KB, of which the kernel gives what is used. */
struct turns {
    struct turn_queue queues[TURN_PLACES];
    uint64_t rest_until_ns; /* until then only an urgent poll has its turn */
    uint32_t wanted;        /* polls of which a result is wanted */
    struct turn each[POLLS_MAX];
};

/* Makes an empty one of one that is all zero. */
void turns_init(struct turns *turns);

/* A result of the poll is wanted since `since_ns`, or since earlier if it is wanted already. */
void turns_want(struct turns *turns, uint32_t poll, uint64_t since_ns);

/* Somebody waits for the poll's result. No effect if it is not wanted: then it is being counted. */
void turns_hurry(struct turns *turns, uint32_t poll);

/* None but an urgent poll has its turn before `until_ns`. */
void turns_rest(struct turns *turns, uint64_t until_ns);

/* The poll whose turn it is; 0 if it is no one's. From then on nothing is wanted of it. *since_ns
 * gets the time since which its result was wanted. */
uint32_t turns_next(struct turns *turns, uint64_t now_ns, uint64_t *since_ns);

/* When turns_next may have one, which may be past; UINT64_MAX if nothing is wanted. */
uint64_t turns_due_ns(const struct turns *turns);

#endif
