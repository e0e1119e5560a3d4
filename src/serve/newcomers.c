/* New voters by their address (see newcomers.h). Worker's thread; nothing can fail.
 *
 * Addresses share slots. A new address takes its slot only when the others there have come less
 * often. So an address from which most voters come keeps its slot, and nothing is allocated for the
 * rest. */
#include "serve/newcomers.h"

#include "base/clock.h"

#include <string.h>

enum { MINUTE_S = 60 };

static struct newcomers_slot *slot_of(struct newcomers *newcomers, const struct in6_addr *address)
{
    uint64_t halves[2];
    memcpy(halves, address, sizeof halves);
    _Static_assert(NEWCOMERS_SLOTS == 1 << 6, "six bits choose one");
    uint64_t mixed = (halves[0] ^ halves[1]) * UINT64_C(0x9e3779b97f4a7c15);
    return &newcomers->slots[mixed >> 58];
}

bool newcomers_note(struct newcomers *newcomers, const struct in6_addr *address, uint64_t now_ns)
{
    if (now_ns >= newcomers->began_ns + MINUTE_S * (uint64_t)NS_PER_S)
        *newcomers = (struct newcomers){.began_ns = now_ns};
    struct newcomers_slot *slot = slot_of(newcomers, address);
    if (slot->count > 0 && memcmp(&slot->address, address, sizeof *address) != 0) {
        slot->count--;
        return false;
    }
    slot->address = *address;
    if (++slot->count < NEWCOMERS_MANY || newcomers->told)
        return false;
    newcomers->told = true;
    return true;
}
