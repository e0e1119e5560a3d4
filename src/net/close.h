/* Why connections end (close.def). */
#ifndef TALLYCAST_CLOSE_H
#define TALLYCAST_CLOSE_H

#include <stdbool.h>

enum close_reason {
    CLOSE_NONE, /* open */
#define CLOSE(identifier, word, is_error, text) CLOSE_##identifier,
#include "net/close.def"
#undef CLOSE
    CLOSE_REASONS
};

const char *close_word(enum close_reason reason);
const char *close_text(enum close_reason reason); /* for a person */
bool close_is_error(enum close_reason reason);

/* The reason for ending a connection when a read or write failed with this errno. */
enum close_reason close_of_errno(int error);

#endif
