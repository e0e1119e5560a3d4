/* Finds, lists and reads the polls that a web request names. Worker's thread. */
#ifndef TALLYCAST_WEB_POLLS_H
#define TALLYCAST_WEB_POLLS_H

#include "web/web_call.h"

#include "proto/number.h"
#include "tally/tally.h"

/* The poll that a call names, or NULL. */
const struct poll *web_find_poll(struct web_session *session, const struct web_call *call);

/* Reads the number `wanted` of a query. Returns whether it is valid or absent; if it is absent,
 * *number is unchanged. */
bool web_read_number(struct span query, const char *wanted, uint64_t least, uint64_t most,
                     uint64_t *number) __attribute__((warn_unused_result));

/* Reads `wanted`=yes|no of a query in the same way. */
bool web_read_flag(struct span query, const char *wanted, bool *flag)
    __attribute__((warn_unused_result));

enum {
    WEB_LIST_MAX = 100, /* polls in one list */
    WEB_VERSION_PARTS = 2 + 3 * WEB_LIST_MAX,
};

/* The version of a document (web_document.h) that depends on the ledger and these parts, up to
 * WEB_VERSION_PARTS. */
uint64_t web_version(const struct tally *tally, const uint64_t *parts, size_t count);

/* The place in the ledger of a reader who is shown polls now: `LEDGER-SEQ`, for GET /events. */
enum { WEB_SINCE_SIZE = 16 + 1 + NUMBER_DIGITS_MAX + 1 };
void web_since(const struct tally *tally, char since[WEB_SINCE_SIZE]);

/* The entry up to which a reader has seen everything, by what a query says; 0 if it does not, or
 * not of this ledger. */
uint64_t web_read_since(const struct tally *tally, struct span query);

/* Some polls, in the order in which they are listed. To begin with, all is zero but `limit`. */
struct web_list {
    size_t limit; /* of polls */
    size_t count;
    size_t choices;             /* of all its polls */
    char since[WEB_SINCE_SIZE]; /* set by web_list_read */
    uint32_t polls[WEB_LIST_MAX];
    struct snapshot *snapshots[WEB_LIST_MAX]; /* owned references */
};

/* Adds a poll that exists. Returns whether there is room for more. A list of polls with many
 * choices ends sooner, since others wait while it is made. */
bool web_list_add(struct web_list *list, const struct tally *tally, uint32_t poll);

/* Takes the polls' snapshots, and releases them. */
void web_list_read(struct web_list *list, struct tally *tally);
void web_list_release(struct web_list *list);

/* Of the polls that were read: the sequence of the latest entry that changed a tally, and the
 * version of a document that shows them in some form, and where the list goes on. */
uint64_t web_list_newest(const struct web_list *list);
uint64_t web_list_version(const struct web_list *list, const struct tally *tally, uint64_t next,
                          uint64_t form);

#endif
