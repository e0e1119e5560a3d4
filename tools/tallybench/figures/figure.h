/* A figure that a scenario is judged by: its value in each repetition, its ratio to a reference,
 * and the ratio asked for. Pure. */
#ifndef TALLYCAST_TOOLS_BENCH_FIGURE_H
#define TALLYCAST_TOOLS_BENCH_FIGURE_H

#include <stdbool.h>

enum { FIGURE_REPEATS_MAX = 99, FIGURE_TEXT_SIZE = 48 };

enum figure_unit { FIGURE_PER_S, FIGURE_NS, FIGURE_BYTES };

enum figure_relation {
    FIGURE_NOTHING_ASKED,
    FIGURE_AT_LEAST,
    FIGURE_AT_MOST,
};

struct figure {
    const char *name; /* stable, for JSON */
    const char *what; /* for people */
    enum figure_unit unit;
    const char *ratio_to;          /* for people; NULL if there is no ratio */
    enum figure_relation relation; /* of the ratio to `asked` */
    double asked;
    unsigned count; /* repetitions */
    double values[FIGURE_REPEATS_MAX], ratios[FIGURE_REPEATS_MAX];
};

/* Adds a repetition. Drops those beyond FIGURE_REPEATS_MAX, and any whose ratio is no number,
 * having no reference. */
void figure_add(struct figure *figure, double value, double ratio);

/* The medians; 0 without repetitions. For an even count, the mean of the two in the middle. */
double figure_value(const struct figure *figure);
double figure_ratio(const struct figure *figure);

/* Whether the ratio's median is as asked. True if nothing is asked; false if something is asked and
 * there is no repetition. */
bool figure_met(const struct figure *figure);

/* The median as people read it: "1,234,567 /s", "1.23 ms". Returns `out`. */
const char *figure_text(const struct figure *figure, char out[FIGURE_TEXT_SIZE]);

/* "0.83 of limit 1, asked >= 0.70", or "" if there is no ratio. Returns `out`. */
enum { FIGURE_RATIO_SIZE = 128 };
const char *figure_ratio_text(const struct figure *figure, char out[FIGURE_RATIO_SIZE]);

#endif
