/* Rounds over members in a circle (see fanout.h). A broadcast loop's thread. Nothing fails. */
#include "push/fanout.h"

#include <stddef.h>

void fanout_init(struct fanout *fanout, struct fanout_queue *busy, fanout_visit *visit)
{
    *fanout = (struct fanout){.visit = visit, .busy = busy};
    TAILQ_INIT(&fanout->members);
}

static void end(struct fanout *fanout)
{
    if (fanout->is_busy)
        TAILQ_REMOVE(fanout->busy, fanout, busy_link);
    fanout->is_busy = false;
    fanout->remaining = 0;
}

void fanout_begin(struct fanout *fanout)
{
    fanout->remaining = fanout->count;
    if (fanout->is_busy || fanout->count == 0)
        return;
    fanout->is_busy = true;
    fanout->cursor = fanout->start;
    fanout->turn = (uint32_t)((uint64_t)fanout->count * 618 / 1000);
    TAILQ_INSERT_TAIL(fanout->busy, fanout, busy_link);
}

struct fanout_member *fanout_next(struct fanout *fanout)
{
    if (fanout->remaining == 0) {
        end(fanout);
        return NULL;
    }
    struct fanout_member *member = fanout->cursor ? fanout->cursor : TAILQ_FIRST(&fanout->members);
    if (fanout->remaining == fanout->turn)
        fanout->start = member;
    fanout->cursor = TAILQ_NEXT(member, link);
    fanout->remaining--;
    fanout->visits++;
    return member;
}

static void insert(struct fanout *fanout, struct fanout_member *member)
{
    TAILQ_INSERT_TAIL(&fanout->members, member, link);
    fanout->count++;
    /* The round also passes the new member; its last member must not fall out. */
    if (fanout->is_busy)
        fanout->remaining++;
}

static void take_out(struct fanout *fanout, struct fanout_member *member)
{
    if (fanout->cursor == member)
        fanout->cursor = TAILQ_NEXT(member, link);
    if (fanout->start == member)
        fanout->start = TAILQ_NEXT(member, link);
    TAILQ_REMOVE(&fanout->members, member, link);
    if (--fanout->count == 0)
        end(fanout);
}

void fanout_join(struct fanout *fanout, struct fanout_member *member)
{
    member->parked = false;
    insert(fanout, member);
}

void fanout_leave(struct fanout *fanout, struct fanout_member *member)
{
    if (member->parked)
        fanout->parked--;
    else
        take_out(fanout, member);
}

void fanout_park(struct fanout *fanout, struct fanout_member *member)
{
    if (member->parked)
        return;
    take_out(fanout, member);
    member->parked = true;
    fanout->parked++;
}

void fanout_unpark(struct fanout *fanout, struct fanout_member *member)
{
    if (!member->parked)
        return;
    fanout->parked--;
    fanout_join(fanout, member);
}

uint32_t fanout_size(const struct fanout *fanout)
{
    return fanout->count + fanout->parked;
}
