/* Going through polls, one view at a time. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_POLLS_H
#define TALLYCAST_TOOLS_TALLYCTL_POLLS_H

#include "tools/tallyctl/client.h"
#include "tools/tallyctl/view.h"

/* Asks for the tally of one poll. Errors as those of client_call. */
enum status polls_ask_tally(struct client *client, const char *name,
                            struct tally_row *tally) CHECKED;

/* Takes one poll, with its tally, title and labels; the view is valid during the call. */
typedef void polls_visit_fn(const struct view *view, void *context);

/* Visits the polls that the invocation's arguments name, in their order; without any, all, in the
 * order of creation; with their leaders, if they are asked for. Errors as those of client_call. */
enum status polls_each(const struct invocation *invocation, bool with_leaders,
                       polls_visit_fn *visit, void *context) CHECKED;

#endif
