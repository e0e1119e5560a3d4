/* Bars: all have the same columns, which follow from the longest texts. */
#include "tools/tallyctl/bars.h"

#include "tools/lib/text.h"
#include "tools/tallyctl/output.h"

#include <stdbool.h>
#include <string.h>

/* Two spaces before each cell. */
enum {
    BAR_COLUMNS_MAX = 50,
    BAR_COLUMNS_MIN = 4,
    LABEL_COLUMNS_MIN = 12,
    GAP = 2,
    PERCENT_COLUMNS = TEXT_PERCENT_SIZE - 1,
    MARK_COLUMNS_MIN = sizeof "leads" - 1,
};

/* The widths of the columns, and which of them have room. */
struct layout {
    size_t label;
    size_t number;
    size_t mark;
    bool has_percent;
    bool has_mark;
    unsigned bar; /* 0 for none */
    uint64_t longest;
};

/* Takes a cell off the remaining columns, if they have room for it. */
static bool takes(size_t *left, size_t cell)
{
    bool fits = *left >= GAP + cell;
    *left -= fits ? GAP + cell : 0;
    return fits;
}

static size_t wider(size_t width, const char *text)
{
    size_t own = text_width(text, strlen(text));
    return own > width ? own : width;
}

static struct layout measure(const struct bar *bars, unsigned count)
{
    struct layout layout = {.mark = MARK_COLUMNS_MIN};
    for (unsigned i = 0; i < count; i++) {
        layout.label = wider(layout.label, bars[i].label);
        layout.number = wider(layout.number, bars[i].number);
        layout.mark = wider(layout.mark, bars[i].mark);
        layout.has_percent |= *bars[i].percent != '\0';
        if (bars[i].length > layout.longest)
            layout.longest = bars[i].length;
    }
    return layout;
}

/* The number has precedence. Labels take at most 40% of a wide line, and in a narrow one what the
 * numbers leave; the bar takes the rest. */
static struct layout lay_out(const struct bar *bars, unsigned count, unsigned columns)
{
    struct layout layout = measure(bars, count);
    size_t left = columns;
    if (!takes(&left, layout.number))
        left = 0;
    size_t label_max = columns * 2 / 5 > LABEL_COLUMNS_MIN ? columns * 2 / 5 : LABEL_COLUMNS_MIN;
    if (layout.label > label_max)
        layout.label = label_max;
    if (!takes(&left, layout.label)) {
        layout.label = left > GAP ? left - GAP : 0;
        left = 0;
    }
    layout.has_percent = layout.has_percent && takes(&left, PERCENT_COLUMNS);
    layout.has_mark = takes(&left, layout.mark);
    if (left >= GAP + BAR_COLUMNS_MIN)
        layout.bar = left - GAP < BAR_COLUMNS_MAX ? (unsigned)(left - GAP) : BAR_COLUMNS_MAX;
    return layout;
}

static void draw(const struct bar *bar, const struct layout *layout, FILE *out)
{
    char drawn[TEXT_BAR_SIZE(BAR_COLUMNS_MAX)];
    text_bar(bar->length, layout->longest, layout->bar, output_is_utf8(), drawn);
    fputs("  ", out);
    output_fitted(out, bar->label, layout->label, true);
    if (layout->bar > 0)
        fprintf(out, "  %s", drawn);
    fprintf(out, "  %*s", (int)layout->number, bar->number);
    if (layout->has_percent && (*bar->percent || *bar->mark)) /* nothing is padded at the end */
        fprintf(out, "  %*s", PERCENT_COLUMNS, bar->percent);
    if (layout->has_mark && *bar->mark)
        fprintf(out, "  %s", bar->mark);
    putc('\n', out);
}

void bars_draw(const struct bar *bars, unsigned count, unsigned columns, FILE *out)
{
    struct layout layout = lay_out(bars, count, columns);
    for (unsigned i = 0; i < count; i++)
        draw(&bars[i], &layout, out);
}
