/* An election that was held anywhere, in memory: its choices, its ballots, and what its file says
 * of how they are to be counted. Readers of files, and of a poll's database, make one; then it is
 * counted, or written to a file again.
 *
 * One thread. Memory that runs short ends the program (tools/lib/memory.h). */
#ifndef TALLYCAST_TOOLS_ELECTION_H
#define TALLYCAST_TOOLS_ELECTION_H

#include "count/profile.h"
#include "proto/marks.h"
#include "proto/span.h"
#include "tools/election/lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bounds of what one ballot may weigh, and all together. With the second, any count has room in
 * 64 bits, with five decimals too. */
#define ELECTION_WEIGHT_MAX UINT32_C(1000000000)
#define ELECTION_TOTAL_MAX  UINT64_C(1000000000000)

/* The room for what is wrong with one, for a person; NUL included. */
enum { ELECTION_WHY_MAX = LINES_WHY_MAX };

/* Ballots that say the same and weigh the same. */
struct election_ballots {
    uint32_t value;  /* of election->values; or VALUE_ABSTAIN */
    uint32_t weight; /* of each; from 1 */
    uint64_t count;  /* how many there are; from 1 */
    unsigned place;  /* where the first one stands: its line or number */
};

/* Zeroed, it is one of which nothing is known. */
struct election {
    char *title; /* owned; NULL if it has none */
    struct settings settings;
    unsigned given; /* a bit 1 << SETTING_… for each setting that the caller gave, */
    unsigned said;  /* and for each that only the file says */

    unsigned choice_count;
    struct name choices[PROTO_CHOICES_MAX];
    char *labels[PROTO_CHOICES_MAX]; /* owned; what people read; NULL for the name */
    bool has_lot;
    uint8_t lot[PROTO_CHOICES_MAX]; /* place → choice, from 0 */

    const char *place_word; /* what a ballot's `place` is the number of: "line" or "ballot" */
    struct values *values;  /* owned; the distinct ballots; NULL before election_begin_ballots */
    struct election_ballots *ballots; /* owned */
    size_t ballots_count, ballots_room;
    size_t *newest; /* owned; by value: its last place in `ballots`, + 1; or 0 */
    size_t newest_room;
    uint64_t heads;  /* how many ballots there are */
    uint64_t weight; /* of all of them */
};

/* Frees what it owns, not itself. */
void election_clear(struct election *election);

/* A setting by the caller, who must mean it; and one by the file, which is passed over if the
 * caller gave another value, or if it means nothing for the method. */
void election_give(struct election *election, enum setting setting, unsigned value);
void election_say(struct election *election, enum setting setting, unsigned value);

static inline bool election_has(const struct election *election, enum setting setting)
{
    return (election->given | election->said) >> setting & 1;
}

/* Settles the kind of the ballots, if it follows from the method. Returns 0; or -1 with *why if
 * nobody knows it. */
int election_settle_kind(struct election *election, const char **why)
    __attribute__((warn_unused_result));

/* What people read as the title, or for a choice that has its name. Returns 0; or -1 with *why if
 * it is no text or too long. */
int election_set_title(struct election *election, struct span text, const char **why)
    __attribute__((warn_unused_result));
int election_set_label(struct election *election, unsigned choice, struct span text,
                       const char **why) __attribute__((warn_unused_result));

/* What people read for a choice. */
static inline const char *election_label(const struct election *election, unsigned choice)
{
    const char *label = election->labels[choice];
    return label ? label : election->choices[choice].text;
}

/* The next choice, by what people read, of which a name is made that no other choice has. Returns
 * 0; or -1 with *why if it is empty, too long, or one choice too many. */
int election_add_choice(struct election *election, struct span text, const char **why)
    __attribute__((warn_unused_result));

/* The same for a choice, from 0, that is counted already; those before it have their names. */
int election_name_choice(struct election *election, unsigned choice, struct span text,
                         const char **why) __attribute__((warn_unused_result));

/* To be called once, when it is known how many choices there are. */
void election_begin_ballots(struct election *election, const char *place_word);

/* Adds `count` ballots with these marks, of `weight` each, which stand at `place`. Returns 0; or -1
 * with *why if there are none, they weigh too much, or too many say something different. */
int election_add_ballots(struct election *election, const struct marks *marks, uint64_t count,
                         uint64_t weight, unsigned place, const char **why)
    __attribute__((warn_unused_result));

/* What ballots of a value say. */
void election_marks(const struct election *election, uint32_t value, struct marks *marks);

/* When all is read: completes the settings, and judges each ballot by them. Returns 0; or -1 with
 * the reason in `why`. */
int election_settle(struct election *election, char why[ELECTION_WHY_MAX])
    __attribute__((warn_unused_result));

/* Orders the ballots by what they say, abstentions last; nothing can be added after that. */
void election_sort(struct election *election);

/* Takes the bytes of a file that is written. */
typedef void election_put_fn(void *owner, const char *bytes, size_t len);

#endif
