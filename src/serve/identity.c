/* Decides a ballot's identity by the poll's setting `voters`. Worker's thread; nothing is
 * allocated. */
#include "serve/identity.h"

#include "base/log.h"
#include "proto/error.h"

static int refuse(const char **why, const char *text)
{
    *why = text;
    return ERR_BAD_ARGUMENT;
}

/* Takes the words that the source wrote. */
static int take_words(struct identity *identity, size_t len)
{
    INVARIANT(len <= IDENTITY_WORDS_MAX);
    identity->words = identity->shown = (struct span){identity->made, len};
    return 0;
}

static int by_name(const struct claim *claim, struct identity *identity, const char **why)
{
    struct span given = claim->name.at ? claim->name : claim->standing;
    if (!given.at)
        return ERR_VOTER_REQUIRED;
    if (!voter_name_parse(given, &identity->name))
        return refuse(why, VOTER_NAME_FORM);
    identity->shown = (struct span){identity->name.text, identity->name.len};
    size_t len = voter_name_fold(identity->shown, identity->made);
    INVARIANT(len > 0);
    identity->words = (struct span){identity->made, len};
    return 0;
}

static int by_address(const struct claim *claim, struct identity *identity, const char **why)
{
    size_t len = claim->source->address(claim->asker, identity->made);
    if (len == 0)
        return refuse(why, "the proxy does not say in X-Forwarded-For who asks");
    return take_words(identity, len);
}

size_t identity_claimant(const struct claim *claim, char words[IDENTITY_WORDS_MAX])
{
    return claim->source->shown(claim->asker, words);
}

int identity_find(const struct poll *poll, const struct claim *claim, struct identity *identity,
                  const char **why)
{
    const unsigned voters = poll_setting(poll, SETTING_VOTERS);
    if (voters == VOTERS_NAMED)
        return by_name(claim, identity, why);
    if (claim->name.at)
        return refuse(why, "a ballot names its voter only where the poll has voters=named");
    if (voters == VOTERS_ADDRESS)
        return by_address(claim, identity, why);
    return take_words(identity, claim->source->own(claim->asker, identity->made));
}
