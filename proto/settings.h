/* A poll's settings: what CREATE takes, DESCRIBE shows and the database stores, in one table. */
#ifndef TALLYCAST_PROTO_SETTINGS_H
#define TALLYCAST_PROTO_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

enum setting {
    SETTING_BALLOTS,
    SETTING_VOTERS,
    SETTING_REVEAL,
    SETTING_RECORD,
    SETTING_STATE, /* of the new poll; OPEN and CLOSE change it later */
    SETTING_COUNT
};

/* The value of a setting is its place in the setting's list; the default is 0. */
enum { BALLOTS_CHANGEABLE, BALLOTS_ONCE, BALLOTS_UNLIMITED };
enum { VOTERS_CONNECTION, VOTERS_NAMED, VOTERS_ADDRESS };
enum { REVEAL_LIVE, REVEAL_CLOSED };
enum { RECORD_PSEUDONYM, RECORD_NAME };
enum { STATE_OPEN, STATE_CLOSED };

struct settings {
    uint8_t value[SETTING_COUNT];
};

/* The word for a setting ("ballots"), and for one of its values ("once"). Any thread. Aborts on a
 * value that the setting doesn't have, so a number from a database is checked by
 * setting_value_find() of its word. */
const char *setting_name(enum setting setting);
const char *setting_value_name(enum setting setting, unsigned value);

/* What a person is told who gave the setting another value. Any thread. */
const char *setting_usage(enum setting setting);

/* The setting, or the value of `setting`, that `word` names (ASCII case ignored); -1 if none does.
 * `word` need not be NUL-terminated. Any thread. */
int setting_find(const char *word, size_t len);
int setting_value_find(enum setting setting, const char *word, size_t len);

#endif
