/* Choices by their names and numbers (see choice.h). */
#include "proto/choice.h"

#include "proto/number.h"

int choice_find(const struct name *choices, unsigned choice_count, const struct name *name)
{
    for (unsigned i = 0; i < choice_count; i++)
        if (name_equal(&choices[i], name))
            return (int)i;
    uint64_t number;
    if (number_parse(name->text, name->len, choice_count, &number) && number > 0)
        return (int)number - 1;
    return -1;
}
