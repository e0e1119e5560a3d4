/* The rows of `poll` and `choice`, side by side in the order of the polls' creation. No other file
 * than the sqlite*.c includes it. Main thread. */
#ifndef TALLYCAST_SQLITE_POLL_ROWS_H
#define TALLYCAST_SQLITE_POLL_ROWS_H

#include "store/sqlite/sqlite_cursor.h"

struct poll_rows {
    struct cursor polls, choices; /* the next ones */
};

/* Takes the rows of poll `id`, the next one: all of `poll` but its state. Returns 0 with `create`
 * filled, which points into `poll`; or -1 with `why` filled. */
int poll_rows_take(struct poll_rows *rows, int64_t id, struct sheet_poll *poll,
                   struct entry_create *create) __attribute__((warn_unused_result));

/* Returns 0; or -1 with `why` filled if there are rows that no poll took. */
int poll_rows_end(const struct poll_rows *rows) __attribute__((warn_unused_result));

/* The value of a setting that has words, as a column has it: a method with its version, and no
 * other case of letters, which SQL would take for another word. Returns false if there is none. */
bool poll_rows_find_word(enum setting setting, struct span word, uint16_t *value);

#endif
