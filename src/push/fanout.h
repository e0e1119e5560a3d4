/* A round over many members, a slice at a time: each publication owes every member one visit. A
 * round that is begun anew goes on where it stopped. After a whole round, the next begins further
 * on, by the golden section, which spreads the beginnings evenly. So no member is always first, or
 * always last. A member that can't be served is parked until it is taken back: rounds pass it
 * without a look, so thousands of them cost nothing. One thread. */
#ifndef TALLYCAST_FANOUT_H
#define TALLYCAST_FANOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Embedded in the object that is visited. Owned by whoever made it; in one fan-out at most. */
struct fanout_member {
    TAILQ_ENTRY(fanout_member) link; /* fanout.members; not while parked */
    bool parked;
};

/* A visit to a member. Any member may leave, or be parked, during it. */
typedef void fanout_visit(struct fanout_member *member);

TAILQ_HEAD(fanout_members, fanout_member);
TAILQ_HEAD(fanout_queue, fanout);

struct fanout {
    fanout_visit *visit;
    struct fanout_members members;
    uint32_t count; /* of members that are not parked */
    uint32_t parked;
    uint32_t remaining;           /* visits owed since the last publication */
    uint64_t visits;              /* ever */
    uint32_t turn;                /* when so many visits are owed, the next one is to `start` */
    struct fanout_member *cursor; /* the next to visit; NULL means the first */
    struct fanout_member *start;  /* the first of the next round; NULL as above */
    struct fanout_queue *busy;    /* the fan-outs that owe visits */
    TAILQ_ENTRY(fanout) busy_link;
    bool is_busy;
};

/* An empty one, which is put at the end of `busy` while it owes visits. */
void fanout_init(struct fanout *fanout, struct fanout_queue *busy, fanout_visit *visit);

/* Owes everyone who is not parked a visit from now on. */
void fanout_begin(struct fanout *fanout);

/* The next member that is owed a visit; NULL when the round is over. Any member may leave, or be
 * parked, before the next call. */
struct fanout_member *fanout_next(struct fanout *fanout);

void fanout_join(struct fanout *fanout, struct fanout_member *member);

/* Parked or not. */
void fanout_leave(struct fanout *fanout, struct fanout_member *member);

/* No effect on a member that is parked, or not, already. */
void fanout_park(struct fanout *fanout, struct fanout_member *member);
void fanout_unpark(struct fanout *fanout, struct fanout_member *member);

/* Everyone, parked or not. */
uint32_t fanout_size(const struct fanout *fanout);

#endif
