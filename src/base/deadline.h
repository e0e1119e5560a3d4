/* A bound on how long the process goes on, whatever its threads wait for. */
#ifndef TALLYCAST_DEADLINE_H
#define TALLYCAST_DEADLINE_H

/* Has the process end, with exit status 1 and `message` as the last line of its log, when so much
 * time has passed and it has not ended by itself. The text must stay. Main thread, once. */
void deadline_begin(unsigned after_ms, const char *message);

#endif
