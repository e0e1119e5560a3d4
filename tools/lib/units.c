/* Figures for people (see units.h). */
#include "tools/lib/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Three digits, unless there are more before the point. */
static void put_scaled(char out[UNITS_SIZE], double value, const char *unit)
{
    int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
    snprintf(out, UNITS_SIZE, "%.*f %s", decimals, value, unit);
}

const char *units_ns(char out[UNITS_SIZE], double ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned unit = 0;
    for (; ns >= 999.5 && unit < 3; unit++)
        ns /= 1000;
    if (unit == 0)
        snprintf(out, UNITS_SIZE, "%.0f ns", ns);
    else
        put_scaled(out, ns, units[unit]);
    return out;
}

const char *units_count(char out[UNITS_SIZE], double count)
{
    char digits[UNITS_SIZE];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, (uint64_t)(count + 0.5));
    char *at = out;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

const char *units_bytes(char out[UNITS_SIZE], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned unit = 0;
    for (; bytes >= 1023.5 && unit < 4; unit++)
        bytes /= 1024;
    if (unit == 0)
        snprintf(out, UNITS_SIZE, "%.0f B", bytes);
    else
        put_scaled(out, bytes, units[unit]);
    return out;
}

const char *units_duration(char out[UNITS_SIZE], uint64_t seconds)
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    unsigned unit = 0;
    while (units[unit].seconds > 1 && seconds < units[unit].seconds)
        unit++;
    int len = snprintf(out, UNITS_SIZE, "%" PRIu64 " %s", seconds / units[unit].seconds,
                       units[unit].name);
    if (units[unit].seconds > 1)
        snprintf(out + len, UNITS_SIZE - (size_t)len, " %" PRIu64 " %s",
                 seconds % units[unit].seconds / units[unit + 1].seconds, units[unit + 1].name);
    return out;
}
