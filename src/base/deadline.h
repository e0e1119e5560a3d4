/* A bound on how long the process goes on, whatever its threads wait for. */
#ifndef TALLYCAST_DEADLINE_H
#define TALLYCAST_DEADLINE_H

/* Ends the process, with exit status 1 and `message` as the last line of its log, if it has not
 * ended by itself after so much time. The text must stay valid. Main thread, once. */
void deadline_begin(unsigned after_ms, const char *message);

#endif
