/* The book of a torture: each ballot that was cast and what it was answered, and each tally that
 * was shown; and the judgement of it all by the database. One thread.
 *
 * There are two polls, of the kinds in which a ballot may safely be sent again: `lunch`, whose
 * voters are named, and `noise`, whose voters are not. Every ballot has an id= of its own, and
 * every named voter one ballot. */
#ifndef TALLYCAST_TESTS_BOOK_H
#define TALLYCAST_TESTS_BOOK_H

#include "tests/torture/victim.h"

enum { BOOK_POLLS = 2, BOOK_LINE_MAX = 128 };

enum fate {
    FATE_UNSENT,
    FATE_UNKNOWN, /* sent, and not answered */
    FATE_COUNTED,
    FATE_REFUSED, /* whatever the error: it is certainly not recorded */
};

struct book_ballot {
    unsigned poll;
    unsigned choice; /* from 1 */
    enum fate fate;
    uint64_t seq; /* where counted */
};

struct book_tally {
    unsigned poll;
    uint64_t seq, ballots, counts[2];
};

struct book {
    struct victim *victim;
    enum fate polls[BOOK_POLLS]; /* of their CREATE */
    struct book_ballot *ballots;
    size_t ballot_count, ballot_capacity;
    struct book_tally *tallies;
    size_t tally_count, tally_capacity;
    uint64_t refused_storage, refused_otherwise; /* replies */
};

/* Names and choices of the polls. */
extern const char *const book_poll_names[BOOK_POLLS];

void book_init(struct book *book, struct victim *victim);
void book_free(struct book *book);

/* Creates a poll; again if it was not created yet. Returns false once the connection has ended. */
bool book_create(struct book *book, struct peer *admin, unsigned poll);

/* Adds a ballot for a poll. Returns its number. */
size_t book_add(struct book *book, unsigned poll);

/* Sends ballots `from` to `to` that are not counted yet, or, with `again`, all of them, in one go.
 * Then each is in doubt until book_take_answers. */
void book_send(struct book *book, struct peer *peer, size_t from, size_t to, bool again);

/* Takes the answers, in order, and drops pushes. Returns false once the connection has ended. */
bool book_take_answers(struct book *book, struct peer *peer, size_t from, size_t to, bool again);

/* A line that shows a tally: a push, a row of POLLS, or the reply to SHOW without its first word.
 * Returns its poll, with *seq set; BOOK_POLLS if it is something else. */
unsigned book_show(struct book *book, const char *tally, uint64_t *seq);

/* How many ballots of a fate there are. */
size_t book_count(const struct book *book, enum fate fate);

/* Judges by a database that was closed in good order: counted ballots are there as they were cast,
 * nothing else is but what was in doubt, the recount is what was last shown, and each tally that
 * was shown is what the ballots gave then. `others` ballots were there before the book. */
void book_judge(const struct book *book, const char *database, uint64_t others);

/* The first column of the first row of a query on a database that no server has open. */
uint64_t book_query(const struct book *book, const char *database, const char *sql);

#endif
