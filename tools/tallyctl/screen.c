/* The terminal's other screen: enter, draw frames, leave. While it is on, every way out of tallyctl
 * goes through screen_leave: signals are caught (interrupt.h), and each error message leaves the
 * screen first. */
#include "tools/tallyctl/screen.h"

#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The other screen, no cursor, and no wrapping: a line that is too long must not become two. */
#define SCREEN_ON  "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_OFF "\033[?7h\033[?25h\033[?1049l"
#define HOME       "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"
#define MORE       "... more than fits here"

static bool on;
static char *last; /* the frame that is on the screen */

void screen_enter(void)
{
    interrupt_catch(true);
    fputs(SCREEN_ON, stdout);
    fflush(stdout);
    on = true;
}

/* Every line of a frame ends in LF. A line is cleared before it is written: after a line that fills
 * the row, the cursor still stands on the last column, which clearing would erase. The terminal's
 * last row tells if some lines did not fit; it has no LF of its own, which would scroll. */
void screen_draw(const char *frame)
{
    const char *line = frame;
    fputs(HOME, stdout);
    for (unsigned left = output_rows() - 1; *line && left > 0; left--) {
        size_t len = strcspn(line, "\n");
        fputs(CLEAR_LINE, stdout);
        fwrite(line, 1, len, stdout);
        putchar('\n');
        line += len + (line[len] == '\n');
    }
    fputs(CLEAR_REST, stdout);
    if (*line)
        fputs(MORE, stdout);
    fflush(stdout);
    char *copy = strdup(frame);
    if (copy) {
        free(last);
        last = copy;
    }
}

void screen_leave(void)
{
    if (!on)
        return;
    on = false;
    interrupt_keys(false);
    fputs(SCREEN_OFF, stdout);
    if (last)
        fputs(last, stdout);
    fflush(stdout);
    free(last);
    last = NULL;
}

void screen_suspend(void)
{
    interrupt_keys(false);
    fputs(SCREEN_OFF, stdout);
    fflush(stdout);
    raise(SIGSTOP);
    interrupt_keys(true);
    fputs(SCREEN_ON, stdout);
    fflush(stdout);
}
