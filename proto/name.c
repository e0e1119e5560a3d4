/* Names (see name.h). Pure functions, for any thread. */
#include "proto/name.h"

#include "proto/ascii.h"

static bool is_alphanumeric(char folded)
{
    return (folded >= 'a' && folded <= 'z') || ascii_is_digit(folded);
}

bool name_may_have(char c)
{
    return is_alphanumeric(ascii_fold(c)) || c == '.' || c == '_' || c == '-';
}

bool name_parse(const char *word, size_t len, struct name *name)
{
    if (len == 0 || len > PROTO_NAME_MAX || !is_alphanumeric(ascii_fold(word[0])))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!name_may_have(word[i]))
            return false;
        name->text[i] = ascii_fold(word[i]);
    }
    name->text[len] = '\0';
    name->len = (uint8_t)len;
    return true;
}

bool id_is_valid(const char *word, size_t len)
{
    if (len == 0 || len > PROTO_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (word[i] < '!' || word[i] > '~')
            return false;
    return true;
}
