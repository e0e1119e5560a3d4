/* Names a connection of a loop for other threads: by slot and generation, never by pointer. */
#ifndef TALLYCAST_CONN_REF_H
#define TALLYCAST_CONN_REF_H

#include <stdint.h>

struct conn_ref {
    uint32_t slot;
    uint32_t generation;
};

#endif
