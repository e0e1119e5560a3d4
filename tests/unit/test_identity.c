/* Who votes: what of a claim counts in which poll. */
#include "serve/identity.h"

#include "proto/error.h"
#include "tests/support/unit.h"

#include <string.h>

/* What the source was asked for: it is asked only where that counts. */
static char asked[16];

static size_t say(const char *what, const char *text, char words[IDENTITY_WORDS_MAX])
{
    strcat(asked, what);
    memcpy(words, text, strlen(text));
    return strlen(text);
}

static size_t address_words(void *asker, char words[IDENTITY_WORDS_MAX])
{
    return say("address", asker, words);
}

static size_t own_words(void *asker, char words[IDENTITY_WORDS_MAX])
{
    (void)asker;
    return say("own", "connection:1", words);
}

static const struct {
    unsigned voters;
    const char *name, *standing, *address;
    int error;
    const char *words, *asked;
    const char *shown; /* NULL: as the words */
} rows[] = {
    {VOTERS_CONNECTION, NULL, NULL, "192.0.2.1", 0, "connection:1", "own", NULL},
    {VOTERS_CONNECTION, NULL, "ann", "192.0.2.1", 0, "connection:1", "own", NULL},
    {VOTERS_CONNECTION, "ann", NULL, "192.0.2.1", ERR_BAD_ARGUMENT, NULL, "", NULL},
    {VOTERS_NAMED, "ann", NULL, "", 0, "ann", "", NULL},
    {VOTERS_NAMED, "ann", "bob", "", 0, "ann", "", NULL},
    {VOTERS_NAMED, NULL, "bob", "", 0, "bob", "", NULL},
    {VOTERS_NAMED, " Ann  Lee", NULL, "", 0, "ann lee", "", "Ann Lee"},
    {VOTERS_NAMED, NULL, "BOB", "", 0, "bob", "", "BOB"},
    {VOTERS_NAMED, "\"ann", "bob", "", ERR_BAD_ARGUMENT, NULL, "", NULL},
    {VOTERS_NAMED, "", "bob", "", ERR_BAD_ARGUMENT, NULL, "", NULL},
    {VOTERS_NAMED, NULL, NULL, "192.0.2.1", ERR_VOTER_REQUIRED, NULL, "", NULL},
    {VOTERS_ADDRESS, NULL, "bob", "192.0.2.1", 0, "192.0.2.1", "address", NULL},
    {VOTERS_ADDRESS, NULL, NULL, "", ERR_BAD_ARGUMENT, NULL, "address", NULL},
    {VOTERS_ADDRESS, "ann", NULL, "192.0.2.1", ERR_BAD_ARGUMENT, NULL, "", NULL},
};

static struct span span_of(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

START_TEST(the_poll_decides)
{
    static const struct claim_source source = {address_words, own_words, own_words};
    struct poll poll = {.settings.value[SETTING_VOTERS] = (uint16_t)rows[_i].voters};
    char address[16];
    const struct claim claim = {.name = span_of(rows[_i].name),
                                .standing = span_of(rows[_i].standing),
                                .source = &source,
                                .asker = strcpy(address, rows[_i].address)};
    struct identity identity;
    const char *why = NULL;
    ck_assert_int_eq(identity_find(&poll, &claim, &identity, &why), rows[_i].error);
    ck_assert_int_eq(why != NULL, rows[_i].error == ERR_BAD_ARGUMENT);
    ck_assert_str_eq(asked, rows[_i].asked);
    if (!rows[_i].words)
        return;
    ck_assert(span_is(identity.words, rows[_i].words));
    ck_assert(span_is(identity.shown, rows[_i].shown ? rows[_i].shown : rows[_i].words));
}
END_TEST

UNIT_MAIN("identity", {"identity", .tests = {{the_poll_decides, .loops = UNIT_COUNT(rows)}}})
