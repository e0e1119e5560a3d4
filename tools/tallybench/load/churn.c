/* Short connections (see churn.h). Slots are used again; when all wait for their greeting, due
 * connections wait too, so a server that does not greet does not get connections without end. */
#include "tools/tallybench/load/churn.h"

#include "tools/tallybench/load/lane.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/load/pace.h"

#include <stdlib.h>

enum { SLOTS = 1024 };

struct churn {
    struct lane *lane;
    struct pace pace;
    uint64_t opened;
    uint64_t next_source;
    bool running;
    unsigned free_count;
    struct bench_conn *free[SLOTS];
    struct bench_conn slots[SLOTS];
};

struct churn *churn_new(struct lane *lane, uint64_t first_source)
{
    struct churn *churn = must_calloc(1, sizeof *churn);
    churn->lane = lane;
    churn->pace.rate = lane->load->options->churn;
    /* Closed connections keep their ports for a minute, so churn has addresses of its own. */
    churn->next_source = (first_source / TARGET_PORTS + 1) * TARGET_PORTS;
    for (unsigned i = 0; i < SLOTS; i++) {
        churn->slots[i].role = ROLE_CHURN;
        churn->slots[i].number = i;
        churn->free[churn->free_count++] = &churn->slots[i];
    }
    return churn;
}

void churn_free(struct churn *churn)
{
    if (!churn)
        return;
    for (unsigned i = 0; i < SLOTS; i++)
        bench_conn_close(&churn->slots[i]);
    free(churn);
}

void churn_begin(struct churn *churn)
{
    churn->running = true;
    churn->pace.begin_ns = churn->lane->load->vote_ns;
}

void churn_end(struct churn *churn)
{
    churn->running = false;
}

uint64_t churn_next_ns(const struct churn *churn)
{
    if (!churn->running || churn->free_count == 0)
        return UINT64_MAX;
    return pace_time_ns(&churn->pace, churn->opened);
}

void churn_tick(struct churn *churn, uint64_t now_ns)
{
    uint64_t due = churn->running ? pace_due(&churn->pace, now_ns) : 0;
    while (churn->opened < due && churn->free_count > 0) {
        struct bench_conn *conn = churn->free[--churn->free_count];
        churn->opened++;
        if (bench_conn_open(conn, churn->lane, churn->next_source++) == 0)
            continue;
        bench_conn_tell_failure(conn, churn->lane);
        churn_done(churn, conn);
    }
}

void churn_done(struct churn *churn, struct bench_conn *conn)
{
    if (conn->state == BENCH_CONN_READY)
        lane_count(&churn->lane->counters.churned, 1);
    bench_conn_close(conn);
    churn->free[churn->free_count++] = conn;
}
