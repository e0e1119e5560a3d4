/* The queues of polls whose results are to be counted (see turns.h). The ledger's thread. */
#include "ledger/turns.h"

void turns_init(struct turns *turns)
{
    for (enum turn_place place = 0; place < TURN_PLACES; place++)
        TAILQ_INIT(&turns->queues[place]);
}

/* Moves a poll to the end of a queue. */
static void move(struct turns *turns, struct turn *turn, enum turn_place to)
{
    if (turn->place != TURN_NOWHERE)
        TAILQ_REMOVE(&turns->queues[turn->place], turn, link);
    turn->place = to;
    if (to != TURN_NOWHERE)
        TAILQ_INSERT_TAIL(&turns->queues[to], turn, link);
}

void turns_want(struct turns *turns, uint32_t poll, uint64_t since_ns)
{
    struct turn *turn = &turns->each[poll - 1];
    turns->wanted += turn->wanted_ns == 0;
    if (turn->wanted_ns == 0 || since_ns < turn->wanted_ns)
        turn->wanted_ns = since_ns;
    if (turn->place == TURN_NOWHERE)
        move(turns, turn, TURN_READY);
}

void turns_hurry(struct turns *turns, uint32_t poll)
{
    struct turn *turn = &turns->each[poll - 1];
    if (turn->wanted_ns != 0 && turn->place != TURN_URGENT)
        move(turns, turn, TURN_URGENT);
}

void turns_rest(struct turns *turns, uint64_t until_ns)
{
    turns->rest_until_ns = until_ns;
}

static void end_rests(struct turns *turns, uint64_t now_ns)
{
    struct turn *turn;
    while ((turn = TAILQ_FIRST(&turns->queues[TURN_RESTING])) && turn->rests_until_ns <= now_ns)
        move(turns, turn, turn->wanted_ns != 0 ? TURN_READY : TURN_NOWHERE);
}

uint32_t turns_next(struct turns *turns, uint64_t now_ns, uint64_t *since_ns)
{
    end_rests(turns, now_ns);
    struct turn *turn = TAILQ_FIRST(&turns->queues[TURN_URGENT]);
    if (!turn && now_ns >= turns->rest_until_ns)
        turn = TAILQ_FIRST(&turns->queues[TURN_READY]);
    if (!turn)
        return 0;
    *since_ns = turn->wanted_ns;
    turn->wanted_ns = 0;
    turns->wanted--;
    turn->rests_until_ns = now_ns + TURNS_PACE_NS;
    move(turns, turn, TURN_RESTING);
    return (uint32_t)(turn - turns->each) + 1;
}

uint64_t turns_due_ns(const struct turns *turns)
{
    if (turns->wanted == 0)
        return UINT64_MAX;
    if (!TAILQ_EMPTY(&turns->queues[TURN_URGENT]))
        return 0;
    if (!TAILQ_EMPTY(&turns->queues[TURN_READY]))
        return turns->rest_until_ns;
    /* The first one's rest need not be what is waited for, but a look then is all that it costs. */
    uint64_t rested_ns = TAILQ_FIRST(&turns->queues[TURN_RESTING])->rests_until_ns;
    return rested_ns > turns->rest_until_ns ? rested_ns : turns->rest_until_ns;
}
