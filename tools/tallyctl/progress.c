/* The line of progress (see progress.h). It is a carriage return and blanks that redraw it, which
 * every terminal knows. */
#include "tools/tallyctl/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BETWEEN_NS = 500 * NS_PER_MS, LINE_MAX_BYTES = 80 };

static const char *shown; /* what was shown; NULL if there is no line */
static uint64_t shown_ns;
static int width; /* of the line */

/* The line is as long as the last one at least, so that nothing of that is left. */
static void draw(const char *text)
{
    int len = (int)strlen(text);
    fprintf(stderr, "\r%-*s", width, text);
    fflush(stderr);
    width = len;
}

void progress_show(const char *what, uint64_t done, uint64_t all)
{
    char line[LINE_MAX_BYTES] = "";
    uint64_t now_ns = clock_monotonic_ns();
    if (!isatty(STDERR_FILENO) || (shown == what && now_ns - shown_ns < BETWEEN_NS))
        return;
    if (all > 0)
        snprintf(line, sizeof line, "%s: %" PRIu64 " of %" PRIu64, what, done, all);
    else
        snprintf(line, sizeof line, "%s", what);
    draw(line);
    shown = what;
    shown_ns = now_ns;
}

void progress_end(void)
{
    if (!shown)
        return;
    draw("");
    fputc('\r', stderr);
    shown = NULL;
}
