/* A view of a poll: its data from SHOW or a push and from DESCRIBE, and the ways to show it. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_VIEW_H
#define TALLYCAST_TOOLS_TALLYCTL_VIEW_H

#include "proto/reply.h"
#include "tools/tallyctl/client.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* A choice as DESCRIBE tells it. */
struct view_choice {
    char *name;  /* owned */
    char *label; /* owned */
    bool leads;  /* by the poll's result; once view_ask_leaders has asked */
};

/* The known data of one poll. All zero is a poll of which nothing is known. The tally is valid once
 * a caller has set it. */
struct view {
    struct tally_row tally;
    char *title;      /* owned; NULL until described */
    json_t *settings; /* owned; name → value; NULL until described */
    unsigned choice_count;
    struct view_choice choices[PROTO_CHOICES_MAX];
    uint64_t described_ns; /* when DESCRIBE was last asked; monotonic clock, 0 = never */
};

/* Frees what it owns, not itself. */
void view_clear(struct view *view);

/* Asks the server for the title, labels and settings, with the choices as they were created. */
enum status view_describe(struct view *view, struct client *client, const char *name) CHECKED;

/* What DESCRIBE says of a setting; NULL if it is not known, or means nothing for the poll. */
const char *view_setting(const struct view *view, const char *name);

/* Whether who leads follows from the result alone: the counts don't tell it. Such a poll's leaders
 * are known once view_ask_leaders has asked for them; of other polls, it does nothing. */
bool view_leads_by_result(const struct view *view);
enum status view_ask_leaders(struct view *view, struct client *client, const char *name) CHECKED;

/* Draws title, state, and a line with a bar for each choice, none wider than `columns` if that
 * leaves room for the numbers. */
void view_draw(const struct view *view, unsigned columns, FILE *out);

/* Draws the title, and the poll's name, state and number of ballots, whose line is not ended. */
void view_draw_heading(const struct view *view, unsigned columns, FILE *out);

/* The choice that leads by the counts: its place, or -1 if there is none (no ballots, hidden, or a
 * tie). */
int view_leader(const struct tally_row *tally);

/* Title and label as JSON; null where they are not known. */
json_t *view_title_json(const struct view *view);
json_t *view_label_json(const struct view *view, unsigned choice);

/* The tally as an object; with title, labels and settings if they are known. NULL if memory is
 * short. */
json_t *view_json(const struct view *view);
json_t *view_tally_json(const struct tally_row *tally);

#endif
