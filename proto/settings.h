/* A poll's settings, which CREATE takes, DESCRIBE shows and the ledger stores, in one table. */
#ifndef TALLYCAST_PROTO_SETTINGS_H
#define TALLYCAST_PROTO_SETTINGS_H

#include "proto/limits.h"
#include "proto/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each setting. Of words: WORDS(identifier, name, meaning, values), the default value first, where
 * the values are FIRST(identifier, word) and then MORE(identifier, word); a value's number is its
 * place. Of numbers: NUMBER(identifier, name, meaning, what it can be). All uses of a setting's
 * words come from here. */
#define SETTINGS(WORDS, FIRST, MORE, NUMBER)                                                       \
    WORDS(BALLOTS, "ballots", "which of a voter's ballots count",                                  \
          FIRST(BALLOTS_CHANGEABLE, "changeable") MORE(BALLOTS_ONCE, "once")                       \
              MORE(BALLOTS_UNLIMITED, "unlimited"))                                                \
    WORDS(VOTERS, "voters", "who is a voter",                                                      \
          FIRST(VOTERS_CONNECTION, "connection") MORE(VOTERS_NAMED, "named")                       \
              MORE(VOTERS_ADDRESS, "address"))                                                     \
    WORDS(REVEAL, "reveal", "when results are shown",                                              \
          FIRST(REVEAL_LIVE, "live") MORE(REVEAL_CLOSED, "closed"))                                \
    WORDS(RECORD, "record", "what is kept of a voter",                                             \
          FIRST(RECORD_PSEUDONYM, "pseudonym") MORE(RECORD_NAME, "name"))                          \
    /* of the new poll; OPEN and CLOSE change it later */                                          \
    WORDS(STATE, "state", "whether it takes ballots at once",                                      \
          FIRST(STATE_OPEN, "open") MORE(STATE_CLOSED, "closed"))                                  \
    WORDS(KIND, "kind", "the form of a ballot",                                                    \
          FIRST(KIND_SINGLE, "single") MORE(KIND_APPROVAL, "approval") MORE(KIND_SCORE, "score")   \
              MORE(KIND_RANKED, "ranked"))                                                         \
    WORDS(METHOD, "method", "how ballots are counted; the default is the kind's first",            \
          FIRST(METHOD_PLURALITY, "plurality") MORE(METHOD_APPROVAL, "approval")                   \
              MORE(METHOD_SCORE, "score") MORE(METHOD_STAR, "star")                                \
                  MORE(METHOD_SCHULZE, "schulze") MORE(METHOD_IRV, "irv") MORE(METHOD_STV, "stv")) \
    WORDS(EQUAL, "equal", "ranked: whether choices can be ranked equal (schulze)",                 \
          FIRST(EQUAL_YES, "yes") MORE(EQUAL_NO, "no"))                                            \
    WORDS(ABSTAIN, "abstain", "whether the ballot - is taken, which abstains",                     \
          FIRST(ABSTAIN_YES, "yes") MORE(ABSTAIN_NO, "no"))                                        \
    NUMBER(SEATS, "seats", "how many are elected (approval, score, stv)",                          \
           "a number from 1, less than the number of choices")                                     \
    NUMBER(MIN, "min", "the fewest choices that a ballot can name",                                \
           "a number from 1 to the number of choices")                                             \
    NUMBER(MAX, "max", "the most choices that a ballot can name",                                  \
           "a number from 1 to the number of choices")                                             \
    NUMBER(SCORES, "scores", "score: the highest score; the default is 5", "a number from 1 to 10")

#define SETTING_ID(id, name, meaning, rest)         SETTING_##id,
#define SETTING_VALUE_IDS(id, name, meaning, words) enum { words };
#define SETTING_VALUE_ID(id, word)                  id,
#define SETTING_NO_VALUE(id, word)
#define SETTING_NO_NUMBER(id, name, meaning, range)

/* ` ballots= voters=...`: a literal. */
#define SETTING_NAME(id, name, meaning, rest) " " name "="
#define SETTINGS_NAMES                        SETTINGS(SETTING_NAME, SETTING_NO_VALUE, SETTING_NO_VALUE, SETTING_NAME)

enum setting { SETTINGS(SETTING_ID, SETTING_NO_VALUE, SETTING_NO_VALUE, SETTING_ID) SETTING_COUNT };
SETTINGS(SETTING_VALUE_IDS, SETTING_VALUE_ID, SETTING_VALUE_ID, SETTING_NO_NUMBER)

enum {
    SCORES_MAX = 10,         /* the highest that `scores` can be */
    SETTINGS_WHY_SIZE = 160, /* bytes of a text for a person, its NUL included */
    SETTING_TEXT_SIZE = 8,   /* bytes of a number's digits, the NUL included */
};

/* By setting: the number of a word, or the number itself. What a setting is that means nothing for
 * the poll's method (see settings_has) is 0; so all zero are the settings of a poll of which CREATE
 * was told none. */
struct settings {
    uint16_t value[SETTING_COUNT];
};

/* Whether a setting's values are numbers, not words. Any thread, as all here. */
bool setting_is_number(enum setting setting);

/* Whether a number from elsewhere is one of the setting's words; numbers are judged by
 * settings_are_valid(). */
bool setting_has_value(enum setting setting, unsigned value);

/* The word for a setting ("ballots"), and for one of its values ("once"). Aborts on a value that
 * the setting doesn't have, so a number from a database is checked by setting_value_find() of its
 * word. */
const char *setting_name(enum setting setting);
const char *setting_value_name(enum setting setting, unsigned value);

/* A value as CREATE takes it: its word, or its digits, written to `digits`. */
const char *setting_value_text(enum setting setting, unsigned value,
                               char digits[SETTING_TEXT_SIZE]);

/* For a person: what the setting can be; and a row of HELP, with what it means. */
const char *setting_usage(enum setting setting);
const char *setting_help(enum setting setting);

/* The setting, or the value of the setting of words, that `word` names (ASCII case ignored); -1 if
 * none does. `word` need not be NUL-terminated. */
int setting_find(const char *word, size_t len);
int setting_value_find(enum setting setting, const char *word, size_t len);

/* Reads a value. A number that is too high for `value` is read as UINT16_MAX, which no setting can
 * be. Returns false, and `value` is unchanged, if the text is none: setting_usage() tells. */
bool setting_parse(enum setting setting, struct span text, uint16_t *value);

/* Completes a new poll's settings: what was not given (`given` has a bit 1 << SETTING_… for each
 * that was) gets its default, which depends on the kind, the method and the number of choices.
 * Returns 0; or -1, with a text for a person in `why`, if what was given can't be together. */
int settings_complete(struct settings *settings, unsigned given, unsigned choice_count,
                      char why[SETTINGS_WHY_SIZE]) __attribute__((warn_unused_result));

/* Whether settings from elsewhere are such as settings_complete() makes. */
bool settings_are_valid(const struct settings *settings, unsigned choice_count);

/* Whether the setting means something for the poll's kind and method. */
bool settings_has(const struct settings *settings, enum setting setting);

/* How many choices the poll elects. */
unsigned settings_seats(const struct settings *settings);

/* A method's name with the version of its rule ("stv-scottish/1"), and the kind of the ballots that
 * it counts. Both abort on a method that there isn't. */
const char *method_name(unsigned method);
unsigned method_kind(unsigned method);

#endif
