/* Voters' names. Most are ASCII, which is handled here. For others, utf8proc knows Unicode: the
 * categories of its characters, canonical composition (NFC), and case folding by the rules that
 * belong to no one language.
 *
 * Unicode promises that neither changes for characters that it has assigned (its stability
 * policies). So characters that this utf8proc does not know are refused: a later one might fold
 * them otherwise, and they would then name other voters. */
#include "proto/voter_name.h"

#include <utf8proc.h>

/* Code points of a decomposed name; a name that has more is too long when folded, too. */
enum { CODES_MAX = 4 * PROTO_VOTER_MAX };

static const utf8proc_option_t folding =
    (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] > '~')
            return false;
    return true;
}

/* ---- taking ---- */

/* The character at the beginning of the text. Returns its length in bytes, or 0 if there is none.
 */
static size_t first_code(struct span text, utf8proc_int32_t *code)
{
    *code = (unsigned char)text.at[0];
    if (*code < 0x80)
        return 1;
    utf8proc_ssize_t len =
        utf8proc_iterate((const utf8proc_uint8_t *)text.at, (utf8proc_ssize_t)text.len, code);
    return len > 0 ? (size_t)len : 0;
}

static bool is_white(utf8proc_int32_t code)
{
    if (code < 0x80)
        return code == ' ' || code == '\t';
    return utf8proc_category(code) == UTF8PROC_CATEGORY_ZS;
}

/* Whether a character turns the direction of those behind it: with it, a name could make the text
 * beside it look different. */
static bool turns_text(utf8proc_int32_t code)
{
    return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool may_stand(utf8proc_int32_t code)
{
    if (code < 0x80)
        return code >= ' ' && code <= '~';
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CN: /* not assigned */
    case UTF8PROC_CATEGORY_CC: /* control */
    case UTF8PROC_CATEGORY_CS: /* surrogate */
    case UTF8PROC_CATEGORY_ZL: /* line separator */
    case UTF8PROC_CATEGORY_ZP: /* paragraph separator */
        return false;
    default:
        return !turns_text(code);
    }
}

static bool append(struct voter_name *name, const char *at, size_t len)
{
    if (name->len + len > PROTO_VOTER_MAX)
        return false;
    memcpy(name->text + name->len, at, len);
    name->len = (uint8_t)(name->len + len);
    return true;
}

/* `as="Ann Lee"` must mean one thing: a name with quotation marks stands there without others. So
 * it is one word of ASCII that does not begin with one, and stays so when it is folded. */
static bool can_be_quoted(const struct voter_name *name)
{
    if (!strchr(name->text, '"'))
        return true;
    for (size_t i = 0; i < name->len; i++)
        if (name->text[i] <= ' ' || name->text[i] > '~')
            return false;
    return name->text[0] != '"';
}

/* Whether the text is a name as it stands: most are. */
static bool is_plain(struct span text)
{
    if (text.len == 0 || text.len > PROTO_VOTER_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == '"')
            return false;
    return true;
}

/* Takes the text without its surplus white space. */
static bool tidy(struct span text, struct voter_name *name)
{
    bool gap = false;
    name->len = 0;
    while (text.len > 0) {
        utf8proc_int32_t code;
        size_t len = first_code(text, &code);
        if (len == 0)
            return false;
        if (is_white(code)) {
            gap = name->len > 0;
        } else {
            if (!may_stand(code) || (gap && !append(name, " ", 1)) || !append(name, text.at, len))
                return false;
            gap = false;
        }
        text.at += len;
        text.len -= len;
    }
    name->text[name->len] = '\0';
    return name->len > 0 && can_be_quoted(name);
}

/* ---- folding ---- */

static size_t fold_ascii(struct span name, char folded[PROTO_VOTER_MAX])
{
    for (size_t i = 0; i < name.len; i++)
        folded[i] = ascii_fold(name.at[i]);
    return name.len;
}

/* Removing invisible characters may have left spaces side by side, or at the ends. */
static size_t close_gaps(char *text, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' || (kept > 0 && text[kept - 1] != ' '))
            text[kept++] = text[i];
    return kept > 0 && text[kept - 1] == ' ' ? kept - 1 : kept;
}

/* Returns 0 for a name that is too long, or wholly invisible. */
static size_t fold_unicode(struct span name, char folded[PROTO_VOTER_MAX])
{
    utf8proc_int32_t codes[CODES_MAX + 1]; /* and room for a NUL */
    utf8proc_ssize_t count = utf8proc_decompose(
        (const utf8proc_uint8_t *)name.at, (utf8proc_ssize_t)name.len, codes, CODES_MAX, folding);
    if (count <= 0 || count > CODES_MAX)
        return 0;
    utf8proc_ssize_t bytes = utf8proc_reencode(codes, count, folding);
    if (bytes <= 0)
        return 0;
    size_t len = close_gaps((char *)codes, (size_t)bytes);
    if (len > PROTO_VOTER_MAX)
        return 0;
    memcpy(folded, codes, len);
    return len;
}

size_t voter_name_fold(struct span name, char folded[PROTO_VOTER_MAX])
{
    return is_ascii(name) ? fold_ascii(name, folded) : fold_unicode(name, folded);
}

bool voter_name_parse(struct span given, struct voter_name *name)
{
    char folded[PROTO_VOTER_MAX];
    if (is_plain(given)) {
        memcpy(name->text, given.at, given.len);
        name->text[given.len] = '\0';
        name->len = (uint8_t)given.len;
        return true;
    }
    return tidy(given, name) && voter_name_fold((struct span){name->text, name->len}, folded) > 0;
}
