/* The options (options.def): one table gives the command line, the file's keys and --help. Main
 * thread, before the others start. */
#ifndef TALLYCAST_OPTION_H
#define TALLYCAST_OPTION_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct reader;

/* The number of options. */
enum {
    OPTION_COUNT = 0
#define OPTION(id, name, value, help)                            +1
#define NUMBER(member, name, value, least, most, standard, help) +1
#define FLAG(id, name, help)                                     +1
#include "config/options.def"
};

enum option_flag {
#define FLAG(id, name, help) OPTION_FLAG_##id,
#include "config/options.def"
    OPTION_FLAGS
};

/* One line of options.def. */
struct option {
    enum { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG } kind;
    const char *name;
    const char *value_name; /* NULL for a flag */
    const char *help;
    int (*set)(struct reader *reader, const char *value); /* of a text */
    void (*forget)(struct config *config);                /* empties a list; NULL if it is none */
    size_t offset;                                        /* of a number, in struct config */
    unsigned least;                                       /* a number's range */
    unsigned most;
    enum option_flag flag;
};

/* In the order of --help. */
extern const struct option options[OPTION_COUNT];

/* The option of that name, or NULL. */
const struct option *option_find(const char *name, size_t len);

/* Writes the reader's error for a name that is no option's. `dashes` is the prefix of an option in
 * its source. Returns -1. */
int option_fail_unknown(struct reader *reader, const char *dashes, const char *name, size_t len);

/* Whether the option is read before the file; it can't stand in the file. */
bool option_is_early(const struct option *option);

/* The value of a number. */
unsigned *option_number(const struct option *option, struct config *config);

/* Gives all numbers their defaults. */
void option_default_numbers(struct config *config);

#endif
