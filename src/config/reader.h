/* A reader of the configuration: what it fills, where in its sources it stands, and the mistake
 * that ended it. Main thread, before the others start. */
#ifndef TALLYCAST_READER_H
#define TALLYCAST_READER_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    READER_ERROR_MAX = 512, /* bytes of an error, NUL included */
    READER_SHOWN_MAX = 80,  /* bytes of a wrong value that an error shows */
};

/* In order of rising precedence. */
enum reader_source { FROM_DEFAULTS, FROM_FILE, FROM_COMMAND_LINE };

struct reader {
    struct config *config;
    enum reader_source source;
    const char *file;        /* --config, or NULL */
    unsigned line;           /* of the file; from 1 */
    const char *option_name; /* being read; NULL outside of an option */
    char *text;              /* receives the error: READER_ERROR_MAX bytes */
    bool is_for_now;         /* the error is none of the configuration's */
};

/* Writes the error, after the place at which the reader stands. Returns -1, for the caller to
 * return. */
int reader_fail(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for a wrong value; the words go on after the value. */
int reader_refuse(struct reader *reader, const char *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a call that failed: the error ends in what errno says, and is for now if that is. */
int reader_fail_errno(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int reader_fail_memory(struct reader *reader);

/* Whether a call that failed with this errno may succeed at another time with the same
 * arguments. */
bool reader_is_for_now(int error);

/* How much an error shows of so many bytes. */
int reader_shown_len(size_t len);

#endif
