/* A poll's result as RESULT tells it (proto/PROTOCOL.md): its rows, and the ways to show them. The
 * server's and an offline count's are the same rows, and so are shown by the same code. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_RESULT_VIEW_H
#define TALLYCAST_TOOLS_TALLYCTL_RESULT_VIEW_H

#include "proto/span.h"
#include "tools/tallyctl/view.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What a row tells. */
enum result_row_kind {
    RESULT_METHOD,
    RESULT_LOT,
    RESULT_ROUND,
    RESULT_ELECT,
    RESULT_TRANSFER,
    RESULT_ELIMINATE,
    RESULT_TIE,
    RESULT_RUNOFF,
    RESULT_RANK,
    RESULT_WINNER,
    RESULT_NOBODY,
    RESULT_PAIR,
    RESULT_PATH,
    RESULT_OTHER, /* of a later version; it is passed over */
};

struct result_view_row {
    char *text; /* owned */
    enum result_row_kind kind;
    uint64_t number;  /* its first word behind the kind, if that is one: of a round, a place */
    struct span rest; /* what is behind that; points into the text */
};

/* Zeroed, it is one of which nothing is known. */
struct result_view {
    uint64_t seq;                 /* of the tally that it belongs to; 0 if there is none */
    struct result_view_row *rows; /* owned */
    size_t count;
    size_t room;
};

/* Frees what it owns, not itself. */
void result_view_clear(struct result_view *view);

/* Asks the server for a poll's result, with pairs and paths if they are wanted. Of a poll that is
 * closed it waits until that is computed. Errors as those of client_call. */
enum status result_view_ask(struct result_view *view, struct client *client, const char *poll,
                            bool pairs) CHECKED;

/* A client_row_fn: takes a row, without its `=`, for `view`, a struct result_view. */
void result_view_take(struct span row, void *view);

/* Whether the numbers are hidden until the poll is closed. */
bool result_view_is_hidden(const struct result_view *view);

/* Whether both have the same rows, in the same order. */
bool result_view_equal(const struct result_view *a, const struct result_view *b);

/* The value of `name=value` among the words of a row; at is NULL if there is none. */
struct span result_view_value(struct span words, const char *name);

/* The first row of a kind; NULL if there is none. */
const struct result_view_row *result_view_find(const struct result_view *view,
                                               enum result_row_kind kind);

/* How many choices the poll has, by the lot. */
unsigned result_view_choices(const struct result_view *view);

/* Takes the next `name=value` of a round off its words; both are spans of the row. Those of the
 * choices come first. Returns false at the end. */
bool result_view_cut_votes(struct span *words, struct span *name, struct span *votes);

/* The winner of a place, from 1; at is NULL if there is none. */
struct span result_view_winner(const struct result_view *view, unsigned place);

/* Prints the rows as they came, a line each. */
void result_view_print(const struct result_view *view, FILE *out);

/* The choices of a poll as people read them. */
struct result_choices {
    unsigned count;
    const struct view_choice *choice;
};

/* Draws it for people: rounds with bars, what was decided after each, ties and winners in words.
 * Bars are not wider than `columns`. */
void result_view_draw(const struct result_view *view, struct result_choices choices,
                      unsigned columns, FILE *out);

/* The same facts as one object. NULL if memory is short. */
json_t *result_view_json(const struct result_view *view);

#endif
