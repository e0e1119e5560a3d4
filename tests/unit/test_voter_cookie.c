/* Browsers' cookies: what the server gives is taken, and nothing else is. */
#include "web/voter_cookie.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

static const struct voter_key key = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

enum { COOKIE_CHARS = VOTER_COOKIE_ID_CHARS + 1 + VOTER_COOKIE_MAC_CHARS };

static struct voter_cookie voter;
static char cookie[COOKIE_CHARS + 1];

static void make_cookie(void)
{
    voter_cookie_make(&key, &voter);
    memcpy(cookie, voter.id, VOTER_COOKIE_ID_CHARS);
    cookie[VOTER_COOKIE_ID_CHARS] = '.';
    memcpy(cookie + VOTER_COOKIE_ID_CHARS + 1, voter.mac, VOTER_COOKIE_MAC_CHARS + 1);
}

static bool reads(const char *bytes, size_t len)
{
    struct voter_cookie read;
    return voter_cookie_read(&key, (struct span){bytes, len}, &read);
}

/* Durable: what browsers hold must be known for as long as the key is. */
START_TEST(a_known_cookie)
{
    static const char known[] = "AAECAwQFBgcICQoLDA0ODw.n_A-WXCng0I8rxl8dEhd4w";
    struct voter_cookie read;
    ck_assert(voter_cookie_read(&key, (struct span){known, sizeof known - 1}, &read));
    char text[VOTER_COOKIE_WORDS_SIZE];
    ck_assert_uint_eq(voter_cookie_words(&read, text), 30);
    ck_assert_str_eq(text, "browser:AAECAwQFBgcICQoLDA0ODw");
}
END_TEST

START_TEST(what_was_given_is_taken)
{
    struct voter_cookie read;
    ck_assert(voter_cookie_read(&key, (struct span){cookie, COOKIE_CHARS}, &read));
    ck_assert_str_eq(read.id, voter.id);
    ck_assert_str_eq(read.mac, voter.mac);
}
END_TEST

START_TEST(voters_differ)
{
    struct voter_cookie other;
    voter_cookie_make(&key, &other);
    ck_assert_str_ne(other.id, voter.id);
    ck_assert_str_ne(other.mac, voter.mac);
}
END_TEST

START_TEST(the_header)
{
    static const char *const names[] = {"tallycast_voter", "__Host-tallycast_voter"};
    char text[VOTER_COOKIE_SIZE];
    char expected[VOTER_COOKIE_SIZE];
    snprintf(expected, sizeof expected, "%s=%s; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax%s",
             names[_i], cookie, _i ? "; Secure" : "");
    ck_assert_uint_eq(voter_cookie_put(&voter, _i, text), strlen(expected));
    ck_assert_str_eq(text, expected);
}
END_TEST

/* A token is what the cookie's value will be. */
START_TEST(a_token)
{
    char token[VOTER_COOKIE_TOKEN_CHARS + 1];
    voter_cookie_token(&voter, token);
    ck_assert_str_eq(token, cookie);
}
END_TEST

/* Each character changed to each other one: no other spelling of the same bits is taken either. */
START_TEST(no_change_is_taken)
{
    for (size_t at = 0; at < COOKIE_CHARS; at++) {
        char kept = cookie[at];
        for (int c = 0; c < 256; c++) {
            cookie[at] = (char)c;
            ck_assert_int_eq(reads(cookie, COOKIE_CHARS), (char)c == kept);
        }
        cookie[at] = kept;
    }
}
END_TEST

START_TEST(no_other_length_is_taken)
{
    char longer[COOKIE_CHARS + 3];
    for (size_t len = 0; len < COOKIE_CHARS; len++)
        ck_assert(!reads(cookie, len));
    ck_assert(!reads(NULL, 0));
    memcpy(longer, cookie, COOKIE_CHARS);
    memcpy(longer + COOKIE_CHARS, "==", 3);
    ck_assert(!reads(longer, COOKIE_CHARS + 1)); /* padding, as a proxy may add it */
    ck_assert(!reads(longer, COOKIE_CHARS + 2));
    memset(longer, 'A', sizeof longer);
    ck_assert(!reads(longer, COOKIE_CHARS));
}
END_TEST

START_TEST(another_servers_is_not_taken)
{
    struct voter_key other = key;
    struct voter_cookie read;
    other.bytes[15] ^= 1;
    ck_assert(!voter_cookie_read(&other, (struct span){cookie, COOKIE_CHARS}, &read));
}
END_TEST

/* One voter's signature under another's name. */
START_TEST(parts_of_two_are_not_taken)
{
    struct voter_cookie other;
    voter_cookie_make(&key, &other);
    memcpy(cookie, other.id, VOTER_COOKIE_ID_CHARS);
    ck_assert(!reads(cookie, COOKIE_CHARS));
}
END_TEST

UNIT_MAIN("voter_cookie", {"voter_cookie", .set_up = make_cookie,
                           .tests = {{a_known_cookie},
                                     {what_was_given_is_taken},
                                     {voters_differ},
                                     {the_header, .loops = 2},
                                     {a_token},
                                     {no_change_is_taken},
                                     {no_other_length_is_taken},
                                     {another_servers_is_not_taken},
                                     {parts_of_two_are_not_taken}}})
