/* The connections that the kernel has made and nobody has accepted yet. Any thread. */
#ifndef TALLYCAST_ACCEPT_QUEUE_H
#define TALLYCAST_ACCEPT_QUEUE_H

#include <stdint.h>

/* How many wait on a listening TCP socket; 0 if the kernel does not tell. */
uint64_t accept_queue_length(int fd);

/* How often a queue of any listening socket of this network namespace was full, since boot
 * (TcpExtListenOverflows); 0 if the kernel does not tell. */
uint64_t accept_queue_overflows(void);

#endif
