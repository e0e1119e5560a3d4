/* Names made of text. */
#include "tools/lib/slug.h"

#include "proto/ascii.h"
#include "tools/lib/text.h"

#include <stdio.h>
#include <string.h>

enum { FOLDED_FIRST = 0xc0, FOLDED_END = 0x180, MARKS_FIRST = 0x300, MARKS_END = 0x370 };

/* U+00C0 to U+017F without their marks, in lower case. */
static const char folded[FOLDED_END - FOLDED_FIRST][3] = {
    "a", "a", "a",  "a",  "a", "a", "ae", "c",  "e",  "e", "e", "e", "i",  "i",  "i", "i", "d", "n",
    "o", "o", "o",  "o",  "o", "",  "o",  "u",  "u",  "u", "u", "y", "th", "ss", "a", "a", "a", "a",
    "a", "a", "ae", "c",  "e", "e", "e",  "e",  "i",  "i", "i", "i", "d",  "n",  "o", "o", "o", "o",
    "o", "",  "o",  "u",  "u", "u", "u",  "y",  "th", "y", "a", "a", "a",  "a",  "a", "a", "c", "c",
    "c", "c", "c",  "c",  "c", "c", "d",  "d",  "d",  "d", "e", "e", "e",  "e",  "e", "e", "e", "e",
    "e", "e", "g",  "g",  "g", "g", "g",  "g",  "g",  "g", "h", "h", "h",  "h",  "i", "i", "i", "i",
    "i", "i", "i",  "i",  "i", "i", "ij", "ij", "j",  "j", "k", "k", "k",  "l",  "l", "l", "l", "l",
    "l", "l", "l",  "l",  "l", "n", "n",  "n",  "n",  "n", "n", "n", "n",  "n",  "o", "o", "o", "o",
    "o", "o", "oe", "oe", "r", "r", "r",  "r",  "r",  "r", "s", "s", "s",  "s",  "s", "s", "s", "s",
    "t", "t", "t",  "t",  "t", "t", "u",  "u",  "u",  "u", "u", "u", "u",  "u",  "u", "u", "u", "u",
    "w", "w", "y",  "y",  "y", "z", "z",  "z",  "z",  "z", "z", "s",
};

static bool is_alnum(char c)
{
    return ascii_is_digit(c) || (ascii_fold(c) >= 'a' && ascii_fold(c) <= 'z');
}

/* A character's replacement: a string of up to two characters, or NULL for a gap. `ascii` has room
 * for it. */
static const char *fold(uint32_t code, char ascii[2])
{
    if (code == '\'' || code == 0x2019 || (code >= MARKS_FIRST && code < MARKS_END))
        return "";
    if (code >= FOLDED_FIRST && code < FOLDED_END)
        return folded[code - FOLDED_FIRST][0] ? folded[code - FOLDED_FIRST] : NULL;
    if (code >= 0x80 || !(is_alnum((char)code) || code == '.' || code == '_' || code == '-'))
        return NULL;
    ascii[0] = ascii_fold((char)code);
    ascii[1] = '\0';
    return ascii;
}

/* Appends to the name; skips characters that a name can't begin with. */
static void append(struct name *name, const char *folded_text)
{
    for (; *folded_text && name->len < PROTO_NAME_MAX; folded_text++)
        if (name->len > 0 || is_alnum(*folded_text))
            name->text[name->len++] = *folded_text;
}

void slug_make(const char *text, size_t len, const char *fallback, struct name *name)
{
    bool has_gap = false;
    char ascii[2];
    name->len = 0;
    for (size_t at = 0, bytes; at < len; at += bytes) {
        uint32_t code = 0;
        bytes = text_decode(text + at, len - at, &code);
        const char *next = bytes > 0 ? fold(code, ascii) : NULL;
        bytes = bytes > 0 ? bytes : 1;
        if (next && *next && has_gap)
            append(name, "-");
        if (next)
            append(name, next);
        has_gap = !next || (has_gap && !*next);
    }
    if (name->len == 0)
        append(name, fallback);
    name->text[name->len] = '\0';
}

static bool is_taken(const struct name *names, size_t count, const struct name *name)
{
    for (size_t i = 0; i < count; i++)
        if (name_equal(&names[i], name))
            return true;
    return false;
}

void slug_make_unique(struct name *names, size_t count)
{
    struct name *last = &names[count - 1];
    const struct name stem = *last;
    for (size_t number = 2; is_taken(names, count - 1, last); number++) {
        char suffix[24];
        size_t len = (size_t)snprintf(suffix, sizeof suffix, "-%zu", number);
        size_t kept = stem.len + len <= PROTO_NAME_MAX ? stem.len : PROTO_NAME_MAX - len;
        memcpy(last->text + kept, suffix, len + 1);
        last->len = (uint8_t)(kept + len);
    }
}
