/* A terminal that is redrawn in place. It uses the terminal's other screen, so that the earlier
 * text comes back, with the last frame behind it. There is one standard output, so there is one
 * screen. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_SCREEN_H
#define TALLYCAST_TOOLS_TALLYCTL_SCREEN_H

/* Takes over the terminal, and catches the signals that would leave it in disorder
 * (interrupt.h). */
void screen_enter(void);

/* Draws a frame: lines, each ended by LF. Those that don't fit on the screen are left out. */
void screen_draw(const char *frame);

/* Gives the terminal back with the last frame on it. Nothing happens if it wasn't entered. Signals
 * stay caught until interrupt_release. */
void screen_leave(void);

/* Stops the process, as Ctrl-Z should, with the terminal in order meanwhile. */
void screen_suspend(void);

#endif
