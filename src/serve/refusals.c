/* What the log tells of connections that are turned away. */
#include "serve/refusals.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>

enum {
    TOLD_S = 60, /* between two lines in the log */
    OVER_S = 5,  /* so long without a refusal, and they are over */
};

void refusals_note(struct refusals *refusals, const char *limit, unsigned max,
                   const union peer *peer)
{
    uint64_t now_ns = clock_monotonic_ns();
    char text[PEER_TEXT_MAX];
    refusals->count++;
    refusals->last_ns = now_ns;
    if (refusals->told && now_ns - refusals->told_ns < (uint64_t)TOLD_S * NS_PER_S)
        return;
    log_warning("too many connections: turning away limit=%s max=%u count=%" PRIu64 " last=%s",
                limit, max, refusals->count, peer_text(peer, text));
    refusals->told = true;
    refusals->told_ns = now_ns;
    refusals->count = 0;
}

void refusals_note_admission(struct refusals *refusals)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!refusals->told || now_ns - refusals->last_ns < (uint64_t)OVER_S * NS_PER_S)
        return;
    log_info("connections are taken again turned_away=%" PRIu64, refusals->count);
    refusals->told = false;
    refusals->count = 0;
}
