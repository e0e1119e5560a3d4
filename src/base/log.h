/* The log: standard error, one line an event, `time level message key=value…`. Any thread. Lines
 * never mix. Control characters in values are escaped, so that a peer's bytes can't forge a line.
 */
#ifndef TALLYCAST_LOG_H
#define TALLYCAST_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Events below this level are left out. Default: info. Call before threads are started. */
void log_set_level(enum log_level level);

/* Whether an event of this level is written; for events whose values are costly to make. */
bool log_shows(enum log_level level);

/* The level that a word names ("warning"), or -1. */
int log_level_find(const char *word);
const char *log_level_name(enum log_level level);

/* Looks whether standard error is the journal's, whose lines begin with their priority. Call before
 * threads are started. */
void log_find_journal(void);

/* The prefix of a line of that level: empty unless the log is the journal's. */
const char *log_prefix(enum log_level level);

/* From here on a thread writes the lines, and no caller waits for the log's reader: a line that
 * finds no room is lost, and counted in the log. Returns 0, or -1 with errno set; then each line is
 * written at once, as before. Call once. */
int log_start(void) __attribute__((warn_unused_result));

/* Waits until all logged lines are written, but no longer than timeout_ms. Returns whether they
 * are. */
bool log_flush(unsigned timeout_ms);

/* Writes one event. The format makes everything after the level: a message, then key=value pairs.
 */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes one event as an error, waits a second at most for it to be written, then aborts: for a
 * shortage of memory or of the kernel's resources that strikes the server itself, not a single
 * client, and that would make it answer wrongly or not at all. */
_Noreturn void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Logs which invariant of our own is broken, and where, then aborts. Release builds too. */
_Noreturn void log_broken(const char *file, int line, const char *what);

/* A check of our own invariants that stays in release builds. Never for what a peer or a file can
 * cause. */
#define INVARIANT(condition) ((condition) ? (void)0 : log_broken(__FILE__, __LINE__, #condition))

#endif
