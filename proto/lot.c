/* Lots and their text (see lot.h). A text can be none. */
#include "proto/lot.h"

#include "proto/choice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void lot_list(uint8_t *lot, unsigned choice_count)
{
    for (unsigned i = 0; i < choice_count; i++)
        lot[i] = (uint8_t)i;
}

bool lot_is_valid(const uint8_t *lot, unsigned choice_count)
{
    bool seen[PROTO_CHOICES_MAX] = {false};
    for (unsigned i = 0; i < choice_count; i++) {
        if (lot[i] >= choice_count || seen[lot[i]])
            return false;
        seen[lot[i]] = true;
    }
    return true;
}

static int refuse(char why[LOT_WHY_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(char why[LOT_WHY_SIZE], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, LOT_WHY_SIZE, format, arguments);
    va_end(arguments);
    return -1;
}

int lot_parse(struct span text, const struct name *choices, unsigned choice_count, uint8_t *lot,
              char why[LOT_WHY_SIZE])
{
    bool seen[PROTO_CHOICES_MAX] = {false};
    struct name name;
    for (unsigned i = 0; i < choice_count; i++) {
        struct span word = i + 1 < choice_count ? span_cut(&text, '>') : text;
        if (!name_parse(word.at, word.len, &name))
            return refuse(why, "lot= is drawn, listed, or each choice once, as in c>a>b");
        int choice = choice_find(choices, choice_count, &name);
        if (choice < 0)
            return refuse(why, "lot= names %s, which is no choice", name.text);
        if (seen[choice])
            return refuse(why, "lot= names %s twice", choices[choice].text);
        seen[choice] = true;
        lot[i] = (uint8_t)choice;
    }
    return 0;
}

size_t lot_write(const uint8_t *lot, const struct name *choices, unsigned choice_count, char *out)
{
    char *at = out;
    for (unsigned i = 0; i < choice_count; i++) {
        const struct name *choice = &choices[lot[i]];
        if (i > 0)
            *at++ = '>';
        memcpy(at, choice->text, choice->len);
        at += choice->len;
    }
    return (size_t)(at - out);
}
