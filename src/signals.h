/* Signals, and how the server responds to them. Main thread. */
#ifndef TALLYCAST_SIGNALS_H
#define TALLYCAST_SIGNALS_H

struct event_base;

/* Sets what each signal does until signals_watch, whatever the parent left. Call first of all. */
void signals_begin(void);

/* From here on, SIGTERM, SIGINT and the end of the server's terminal break off the base's loop.
 * Returns 0, or -1 if memory is short. */
int signals_watch(struct event_base *base) __attribute__((warn_unused_result));

/* Ends the watch; the base may then be freed. */
void signals_end(void);

#endif
