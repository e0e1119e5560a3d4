/* A poll's settings, which CREATE takes, DESCRIBE shows and the database stores, in one table. */
#ifndef TALLYCAST_PROTO_SETTINGS_H
#define TALLYCAST_PROTO_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each setting with its values, the default first: SETTING(identifier, name, values), where the
 * values are FIRST(identifier, word) and then MORE(identifier, word). A value's number is its
 * place. All uses of a setting's words come from here. */
#define SETTINGS(SETTING, FIRST, MORE)                                                        \
    SETTING(BALLOTS, "ballots",                                                               \
            FIRST(BALLOTS_CHANGEABLE, "changeable") MORE(BALLOTS_ONCE, "once")                \
                MORE(BALLOTS_UNLIMITED, "unlimited"))                                         \
    SETTING(VOTERS, "voters",                                                                 \
            FIRST(VOTERS_CONNECTION, "connection") MORE(VOTERS_NAMED, "named")                \
                MORE(VOTERS_ADDRESS, "address"))                                              \
    SETTING(REVEAL, "reveal", FIRST(REVEAL_LIVE, "live") MORE(REVEAL_CLOSED, "closed"))       \
    SETTING(RECORD, "record", FIRST(RECORD_PSEUDONYM, "pseudonym") MORE(RECORD_NAME, "name")) \
    /* of the new poll; OPEN and CLOSE change it later */                                     \
    SETTING(STATE, "state", FIRST(STATE_OPEN, "open") MORE(STATE_CLOSED, "closed"))

#define SETTING_ID(id, name, values)        SETTING_##id,
#define SETTING_VALUE_IDS(id, name, values) enum { values };
#define SETTING_VALUE_ID(id, word)          id,
#define SETTING_NO_VALUE(id, word)

enum setting { SETTINGS(SETTING_ID, SETTING_NO_VALUE, SETTING_NO_VALUE) SETTING_COUNT };
SETTINGS(SETTING_VALUE_IDS, SETTING_VALUE_ID, SETTING_VALUE_ID)

/* ` [ballots=changeable|once|unlimited] [voters=...` and ` ballots= voters=...`: literals. */
#define SETTING_CHOICE(id, name, values) " [" name "=" values "]"
#define SETTING_NAME(id, name, values)   " " name "="
#define SETTING_WORD(id, word)           word
#define SETTING_OR_WORD(id, word)        "|" word
#define SETTINGS_USAGE                   SETTINGS(SETTING_CHOICE, SETTING_WORD, SETTING_OR_WORD)
#define SETTINGS_NAMES                   SETTINGS(SETTING_NAME, SETTING_NO_VALUE, SETTING_NO_VALUE)

struct settings {
    uint8_t value[SETTING_COUNT];
};

/* Whether a number from elsewhere is one of the setting's values. Any thread. */
bool setting_has_value(enum setting setting, unsigned value);

/* The word for a setting ("ballots"), and for one of its values ("once"). Any thread. Aborts on a
 * value that the setting doesn't have, so a number from a database is checked by
 * setting_value_find() of its word. */
const char *setting_name(enum setting setting);
const char *setting_value_name(enum setting setting, unsigned value);

/* The text for a person who gave the setting another value. Any thread. */
const char *setting_usage(enum setting setting);

/* The setting, or the value of `setting`, that `word` names (ASCII case ignored); -1 if none does.
 * `word` need not be NUL-terminated. Any thread. */
int setting_find(const char *word, size_t len);
int setting_value_find(enum setting setting, const char *word, size_t len);

#endif
