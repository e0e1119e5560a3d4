/* Results as one self-contained HTML page: a table, and charts in SVG, readable in light and dark,
 * without scripts or anything from elsewhere. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_REPORT_H
#define TALLYCAST_TOOLS_BENCH_REPORT_H

#include "tools/tallybench/figures/figure.h"
#include "tools/tallybench/figures/result.h"

/* One row: a scenario's run. Nothing is owned. */
struct report_entry {
    const char *name, *title;
    const struct result *result;
    const struct result *naive;         /* the naive server's, or NULL */
    const struct figure *figures;       /* NULL if it has none */
    const struct figure *naive_figures; /* of the naive server's run; NULL without one */
    unsigned figure_count;
};

/* Writes the page. Returns 0, or -1 with errno set. */
int report_write(const struct report_entry *entries, unsigned count, const char *path)
    __attribute__((warn_unused_result));

/* The page of a single run. */
int report_write_run(const struct result *result, const char *path)
    __attribute__((warn_unused_result));

#endif
