/* Numbers (see number.h). Pure functions, for any thread. */
#include "proto/number.h"

#include "proto/ascii.h"

#include <string.h>

bool number_parse(const char *word, size_t len, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (!ascii_is_digit(word[i]))
            return false;
        uint64_t digit = (uint64_t)(word[i] - '0');
        if (digit > max || n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (len == 0)
        return false;
    *number = n;
    return true;
}

char *number_put(char *at, uint64_t number)
{
    char digits[NUMBER_DIGITS_MAX];
    size_t first = NUMBER_DIGITS_MAX;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    memcpy(at, digits + first, NUMBER_DIGITS_MAX - first);
    return at + NUMBER_DIGITS_MAX - first;
}
