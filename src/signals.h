/* What signals do to the server. Main thread. */
#ifndef TALLYCAST_SIGNALS_H
#define TALLYCAST_SIGNALS_H

struct event_base;

/* Sets what each signal does until signals_watch, whatever the parent left. Call first of all. */
void signals_begin(void);

/* From here on SIGTERM and SIGINT break off the base's loop, and so does the end of the terminal
 * that the server was started in. Returns 0, or -1 if memory is short. */
int signals_watch(struct event_base *base) __attribute__((warn_unused_result));

/* Watches no longer; the base may be freed. */
void signals_end(void);

#endif
