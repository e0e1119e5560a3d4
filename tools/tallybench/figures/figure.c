/* Figures and their medians (see figure.h). */
#include "tools/tallybench/figures/figure.h"

#include "tools/lib/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void figure_add(struct figure *figure, double value, double ratio)
{
    if (figure->count == FIGURE_REPEATS_MAX || !isfinite(value) || !isfinite(ratio))
        return;
    figure->values[figure->count] = value;
    figure->ratios[figure->count++] = ratio;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *numbers, unsigned count)
{
    double sorted[FIGURE_REPEATS_MAX];
    if (count == 0)
        return 0;
    memcpy(sorted, numbers, count * sizeof *numbers);
    qsort(sorted, count, sizeof *sorted, compare);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

double figure_value(const struct figure *figure)
{
    return median(figure->values, figure->count);
}

double figure_ratio(const struct figure *figure)
{
    return median(figure->ratios, figure->count);
}

bool figure_met(const struct figure *figure)
{
    if (figure->count == 0)
        return figure->relation == FIGURE_NOTHING_ASKED;
    switch (figure->relation) {
    case FIGURE_AT_LEAST:
        return figure_ratio(figure) >= figure->asked;
    case FIGURE_AT_MOST:
        return figure_ratio(figure) <= figure->asked;
    case FIGURE_NOTHING_ASKED:
        break;
    }
    return true;
}

const char *figure_text(const struct figure *figure, char out[FIGURE_TEXT_SIZE])
{
    char text[UNITS_SIZE];
    double value = figure_value(figure);
    switch (figure->unit) {
    case FIGURE_PER_S:
        snprintf(out, FIGURE_TEXT_SIZE, "%s /s", units_count(text, value));
        break;
    case FIGURE_NS:
        snprintf(out, FIGURE_TEXT_SIZE, "%s", units_ns(text, value));
        break;
    case FIGURE_BYTES:
        snprintf(out, FIGURE_TEXT_SIZE, "%s", units_bytes(text, value > 0 ? value : 0));
        break;
    }
    return out;
}

const char *figure_ratio_text(const struct figure *figure, char out[FIGURE_RATIO_SIZE])
{
    out[0] = '\0';
    if (!figure->ratio_to)
        return out;
    int len =
        snprintf(out, FIGURE_RATIO_SIZE, "%.2f of %s", figure_ratio(figure), figure->ratio_to);
    if (figure->relation != FIGURE_NOTHING_ASKED && len > 0 && len < FIGURE_RATIO_SIZE)
        snprintf(out + len, (size_t)(FIGURE_RATIO_SIZE - len), ", asked %s %.2f",
                 figure->relation == FIGURE_AT_LEAST ? ">=" : "<=", figure->asked);
    return out;
}
