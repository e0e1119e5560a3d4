/* Browsers' voters. Pure but for random bits; any thread. Nothing fails, except that a cookie may
 * be invalid.
 *
 * A cookie's value is `ID.MAC`, both base64url without padding: ID is 128 random bits, MAC the
 * first 128 bits of BLAKE2b over ID's characters, under a key that is derived from the server's
 * voter key and used for nothing else. The characters are signed, not the bits, so another spelling
 * of the same bits is another name, and unsigned. The format is durable: browsers keep cookies for
 * a year, and the voters that they stand for are in the database. */
#include "web/voter_cookie.h"

#include "proto/limits.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { ID_BYTES = 16, MAC_BYTES = 16, VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

_Static_assert(sodium_base64_ENCODED_LEN(ID_BYTES, VARIANT) == VOTER_COOKIE_ID_CHARS + 1,
               "it fits");
_Static_assert(sodium_base64_ENCODED_LEN(MAC_BYTES, VARIANT) == VOTER_COOKIE_MAC_CHARS + 1,
               "it fits");
_Static_assert((int)VOTER_COOKIE_TOKEN_CHARS <= (int)PROTO_NAME_MAX, "a ballot's member takes it");
_Static_assert(MAC_BYTES >= crypto_generichash_BYTES_MIN, "BLAKE2b gives so few bits");
_Static_assert(VOTER_KEY_BYTES >= crypto_generichash_KEYBYTES_MIN, "BLAKE2b takes so short a key");

/* Signs voter->id. */
static void sign(const struct voter_key *key, struct voter_cookie *voter)
{
    static const unsigned char purpose[] = "tallycast browser cookie 1";
    unsigned char subkey[crypto_generichash_KEYBYTES];
    unsigned char mac[MAC_BYTES];
    crypto_generichash(subkey, sizeof subkey, purpose, sizeof purpose - 1, key->bytes,
                       sizeof key->bytes);
    crypto_generichash(mac, sizeof mac, (const unsigned char *)voter->id, VOTER_COOKIE_ID_CHARS,
                       subkey, sizeof subkey);
    sodium_bin2base64(voter->mac, sizeof voter->mac, mac, sizeof mac, VARIANT);
    sodium_memzero(subkey, sizeof subkey);
}

void voter_cookie_make(const struct voter_key *key, struct voter_cookie *voter)
{
    unsigned char id[ID_BYTES];
    randombytes_buf(id, sizeof id);
    sodium_bin2base64(voter->id, sizeof voter->id, id, sizeof id, VARIANT);
    sign(key, voter);
}

bool voter_cookie_read(const struct voter_key *key, struct span cookie, struct voter_cookie *voter)
{
    if (cookie.len != VOTER_COOKIE_ID_CHARS + 1 + VOTER_COOKIE_MAC_CHARS ||
        cookie.at[VOTER_COOKIE_ID_CHARS] != '.')
        return false;
    memcpy(voter->id, cookie.at, VOTER_COOKIE_ID_CHARS);
    voter->id[VOTER_COOKIE_ID_CHARS] = '\0';
    sign(key, voter);
    return sodium_memcmp(voter->mac, cookie.at + VOTER_COOKIE_ID_CHARS + 1,
                         VOTER_COOKIE_MAC_CHARS) == 0;
}

void voter_cookie_token(const struct voter_cookie *voter, char text[VOTER_COOKIE_TOKEN_CHARS + 1])
{
    snprintf(text, VOTER_COOKIE_TOKEN_CHARS + 1, "%s.%s", voter->id, voter->mac);
}

/* SameSite=Lax: a browser that follows another site's link sends its cookie. So a browser that
 * sends none has none, and a page may give it one. With Strict it would seem new, and the new
 * cookie would replace its own: another vote. A ballot from another site has no cookie either way,
 * and is refused. */
size_t voter_cookie_put(const struct voter_cookie *voter, bool https, char text[VOTER_COOKIE_SIZE])
{
    return (size_t)snprintf(text, VOTER_COOKIE_SIZE,
                            "%s=%s.%s; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax%s",
                            https ? VOTER_COOKIE_HTTPS_NAME : VOTER_COOKIE_NAME, voter->id,
                            voter->mac, https ? "; Secure" : "");
}

size_t voter_cookie_words(const struct voter_cookie *voter, char text[VOTER_COOKIE_WORDS_SIZE])
{
    return (size_t)snprintf(text, VOTER_COOKIE_WORDS_SIZE, "browser:%s", voter->id);
}
