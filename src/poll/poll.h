/* A poll as CREATE made it, and the texts that people read. */
#ifndef TALLYCAST_POLL_H
#define TALLYCAST_POLL_H

#include "proto/limits.h"
#include "proto/name.h"
#include "proto/settings.h"

#include <stdatomic.h>
#include <stdint.h>

struct values;

enum { POLLS_MAX = 10000 }; /* of one server; a CREATE beyond it is refused with LIMIT */

/* Immutable, but for its values, from its publication to the end of the process (polls are never
 * removed), so that threads share pointers to it freely. */
struct poll {
    uint32_t id; /* from 1, in the order of creation; set by the ledger */
    struct settings settings;
    struct values *values; /* owned: its distinct ballots (values.h), which the ledger's thread
                              adds; NULL where ballots have no marks */
    struct name name;
    const uint8_t *lot; /* the choices, from 0, by their places in the lot */
    unsigned choice_count;
    struct name choices[];
};

/* Copies its arguments. Without a lot (NULL), the lot is the choices in the order of their
 * creation. NULL if memory is short. */
struct poll *poll_new(const struct name *name, const struct settings *settings,
                      const struct name *choices, unsigned choice_count, const uint8_t *lot);
void poll_free(struct poll *poll);

/* Draws a lot for a new poll, by the system's random numbers: each order is as likely as any other.
 * Any thread. */
void poll_draw_lot(uint8_t *lot, unsigned choice_count);

/* The choice that a voter means: the one with that name, or else with that number, from 1. Returns
 * its place from 0, or -1. Any thread. */
int poll_choice_find(const struct poll *poll, const struct name *name);

static inline unsigned poll_setting(const struct poll *poll, enum setting setting)
{
    return poll->settings.value[setting];
}

/* How many choices the poll elects. */
static inline unsigned poll_seats(const struct poll *poll)
{
    return settings_seats(&poll->settings);
}

/* A poll's title and labels. Immutable and reference-counted; a change makes a new one. */
struct poll_texts {
    _Atomic unsigned refs;
    unsigned count; /* 1 + the number of choices */
    struct poll_text {
        uint8_t len;
        char bytes[PROTO_TEXT_MAX];
    } text[]; /* the title, then each choice's label */
};

/* A copy of `texts` with text `index` changed (`len` at most PROTO_TEXT_MAX); if `texts` is NULL, a
 * copy of the poll's defaults, which are the names. The caller owns one reference. NULL if memory
 * is short. */
struct poll_texts *poll_texts_change(const struct poll *poll, const struct poll_texts *texts,
                                     unsigned index, const char *bytes, size_t len);
struct poll_texts *poll_texts_ref(struct poll_texts *texts);
void poll_texts_unref(struct poll_texts *texts); /* NULL is fine */

#endif
