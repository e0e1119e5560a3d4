/* Pages take scripts and other styles from the server's files alone. The one style that stands in
 * the pages themselves is known by its hash. */
#include "web/policy.h"

#include "web/asset.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>

enum { TEXT_SIZE = 320, VARIANT = sodium_base64_VARIANT_ORIGINAL };

static char text[TEXT_SIZE];

static void make(void)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[sodium_base64_ENCODED_LEN(sizeof hash, VARIANT)];
    struct span style = asset_template("page.css");
    crypto_hash_sha256(hash, (const unsigned char *)style.at, style.len);
    sodium_bin2base64(base64, sizeof base64, hash, sizeof hash, VARIANT);
    snprintf(text, sizeof text,
             "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-%s'; "
             "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
             "frame-ancestors 'none'",
             base64);
}

const char *policy_text(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make);
    return text;
}
