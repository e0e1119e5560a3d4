/* Dying at a chosen point. Any thread passes points; the choice does not change after the start,
 * and only the count is written then. */
#include "base/failpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define FAILPOINT(identifier, name, passages, where) [FAILPOINT_##identifier] = name,
#include "base/failpoint.def"
#undef FAILPOINT
};

static enum failpoint chosen = FAILPOINT_COUNT; /* FAILPOINT_COUNT for none */
static unsigned long chosen_passage;            /* from 1 */
static atomic_ulong passages;                   /* of the chosen point, so far */

/* Takes `POINT:PASSAGE` apart. Returns 0, or -1 if the text has another form. */
static int choose(const char *text)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end = NULL;
    chosen_passage = colon ? strtoul(colon + 1, &end, 10) : 0;
    for (chosen = 0; chosen < FAILPOINT_COUNT; chosen++)
        if (strlen(names[chosen]) == len && memcmp(names[chosen], text, len) == 0)
            break;
    return chosen < FAILPOINT_COUNT && chosen_passage > 0 && *end == '\0' ? 0 : -1;
}

void failpoint_begin(void)
{
    const char *text = getenv("TALLYCAST_FAILPOINT");
    if (!text || choose(text) == 0)
        return;
    fprintf(stderr, "TALLYCAST_FAILPOINT is POINT:PASSAGE, with one of these points:\n");
    for (enum failpoint point = 0; point < FAILPOINT_COUNT; point++)
        fprintf(stderr, "  %s\n", names[point]);
    exit(EXIT_FAILURE);
}

void failpoint(enum failpoint point)
{
    if (point != chosen || atomic_fetch_add(&passages, 1) + 1 != chosen_passage)
        return;
    kill(getpid(), SIGKILL);
    for (;;)
        pause(); /* in case the signal reaches another thread first */
}
