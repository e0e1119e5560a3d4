/* The report's page (see report.h): written straight to the file, top to bottom. Every chart
 * is followed or preceded by the same figures as text, so nothing rests on colour alone. */
#include "tools/tallybench/figures/report.h"

#include "tools/lib/units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
    CHART_WIDTH = 920,
    LABEL_WIDTH = 150,
    VALUE_WIDTH = 150,
    ROW_HEIGHT = 34,
    NAIVE_BELOW = 13, /* a naive server's marks, below those of tallycast */
    AXIS_HEIGHT = 24,
    LINE_WIDTH = 440, /* of a chart over time */
    LINE_HEIGHT = 170,
    LINE_LEFT = 74,
    LINE_BOTTOM = 22,
    LINE_TOP = 10,
    TICKS = 4,
    LEAST_NS = 10000, /* times below are not worth telling apart */
};

static const char style[] =
    ":root{color-scheme:light dark;--page:#fcfcfb;--ink:#0b0b0b;--soft:#52514e;--line:#e1e0d9;"
    "--axis:#c3c2b7;--ours:#2a78d6;--naive:#c2500f;--good:#006300;--bad:#b3261e;--card:#f4f3ee}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#ffffff;--soft:#c3c2b7;"
    "--line:#2c2c2a;--axis:#52514e;--ours:#5598e7;--naive:#e8834a;--good:#5fc75f;--bad:#f2857d;"
    "--card:#242423}}\n"
    "body{margin:0 auto;max-width:960px;padding:28px 20px 60px;background:var(--page);"
    "color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}\n"
    "h1{font-size:28px;margin:0}h2{font-size:19px;margin:44px 0 4px}"
    "p{color:var(--soft);margin:4px 0 12px}ul{padding-left:20px}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:12px;margin:18px 0 0}"
    ".cards div{background:var(--card);border-radius:8px;padding:10px 16px;color:var(--soft)}"
    ".cards b{display:block;font-size:22px;line-height:1.3;color:var(--ink)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}"
    "th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid "
    "var(--line);vertical-align:top}td:last-child,th:last-child{padding-right:0}"
    "th{color:var(--soft);font-weight:500}.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}.good{color:var(--good)}.bad{color:var(--bad);font-weight:"
    "600}\n"
    ".figures th.title{color:var(--ink);font-weight:600;padding-top:18px}"
    ".title span{color:var(--soft);font-weight:400;white-space:nowrap}"
    ".figures td:nth-child(3){width:44%;color:var(--soft)}.verdict{white-space:nowrap}"
    ".figures td.ratio{padding-left:12px}.ratio b{color:var(--ink)}.ratio "
    "svg{width:100%;max-width:340px;height:10px;margin:6px 0 2px}"
    ".other{color:var(--naive)}\n"
    "svg{display:block;font:12px system-ui,-apple-system,'Segoe UI',sans-serif}"
    "svg text{fill:var(--soft)}svg .name{fill:var(--ink)}"
    ".track{fill:var(--line)}.bar-good{fill:var(--good)}.bar-bad{fill:var(--bad)}"
    ".asked{stroke:var(--ink);stroke-width:2}"
    ".grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--axis);stroke-width:1}"
    ".ours{stroke:var(--ours);fill:var(--ours)}.naive{stroke:var(--naive);fill:var(--naive)}"
    ".hollow{fill:var(--page)}.curve{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:"
    "20px}.charts h3{font-size:14px;font-weight:600;margin:0}.key{display:inline-block;width:10px;"
    "height:10px;border-radius:5px;margin:0 5px 0 0;background:var(--ours)}"
    ".key.naive{background:var(--naive);margin-left:14px}svg.fit{width:100%;height:auto}"
    "svg.wide{width:100%;min-width:720px;height:auto}\n"
    "@media(max-width:600px){body{padding:20px 14px}th,td{padding-right:8px}"
    ".figures td:nth-child(3){width:38%}}";

/* ---- text ---- */

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            /* A broken server may have sent any bytes. */
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
    }
}

/* Puts the letter µ, which a page can show, into a time. There must be room for one more byte. */
static const char *with_micro(char *text)
{
    char *micro = strstr(text, " us");
    if (micro)
        strcpy(micro, " \u00b5s");
    return text;
}

static const char *page_ns(char out[UNITS_SIZE], double ns)
{
    units_ns(out, ns);
    return with_micro(out);
}

static const char *page_figure(char out[FIGURE_TEXT_SIZE], const struct figure *figure)
{
    figure_text(figure, out);
    return with_micro(out);
}

static void put_head(FILE *out)
{
    struct utsname machine;
    char when[64];
    time_t now = time(NULL);
    struct tm utc;
    uname(&machine);
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width\">"
            "<title>tallycast under load, %s</title>\n<style>%s</style></head>\n<body>\n"
            "<h1>tallycast under load</h1>\n<p>%s &middot; tallybench " PACKAGE_VERSION
            " &middot; %ld processors &middot; Linux ",
            when, style, when, sysconf(_SC_NPROCESSORS_ONLN));
    put_text(out, machine.release);
    fputs("</p>\n", out);
}

/* ---- verdicts ---- */

static void put_card(FILE *out, const char *value, const char *what)
{
    fprintf(out, "<div><b>%s</b>%s</div>\n", value, what);
}

static void put_run_cards(FILE *out, const struct result *result)
{
    char text[UNITS_SIZE];
    if (result->options.voters > 0) {
        put_card(out, units_count(text, result->ballots_per_s), "ballots a second");
        put_card(out, page_ns(text, (double)result->ack_ns.p99), "acknowledgement p99");
    }
    if (result->freshness_ns.count > 0) {
        put_card(out, units_count(text, result->pushes_per_s), "pushes a second");
        put_card(out, page_ns(text, (double)result->freshness_ns.p99), "freshness p99");
    }
    if (result->sse_freshness_ns.count > 0) {
        put_card(out, units_count(text, result->events_per_s), "events a second");
        put_card(out, page_ns(text, (double)result->sse_freshness_ns.p99), "their freshness p99");
    }
}

static void put_suite_card(FILE *out, const struct report_entry *entries, unsigned count)
{
    char text[UNITS_SIZE * 2];
    unsigned asked = 0, met = 0;
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < entries[i].figure_count; j++) {
            const struct figure *figure = &entries[i].figures[j];
            asked += figure->relation != FIGURE_NOTHING_ASKED;
            met += figure->relation != FIGURE_NOTHING_ASKED && figure_met(figure);
        }
    snprintf(text, sizeof text, "%u of %u", met, asked);
    put_card(out, text, "figures as asked");
}

static void put_cards(FILE *out, const struct report_entry *entries, unsigned count)
{
    uint64_t faults = 0;
    char text[UNITS_SIZE];
    for (unsigned i = 0; i < count; i++)
        faults += entries[i].result->fault_count;
    fputs("<div class=\"cards\">\n", out);
    if (entries[0].figures)
        put_suite_card(out, entries, count);
    else
        put_run_cards(out, entries[0].result);
    put_card(out, faults == 0 ? "all hold" : units_count(text, (double)faults),
             faults == 0 ? "checks" : "checks <span class=\"bad\">violated</span>");
    fputs("</div>\n", out);
}

static bool any_naive(const struct report_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (entries[i].naive)
            return true;
    return false;
}

static void put_legend(FILE *out, bool naive)
{
    if (naive)
        fputs("<p><span class=\"key\"></span>tallycast<span class=\"key naive\"></span>the naive "
              "server</p>\n",
              out);
}

/* ---- tables ---- */

/* A bar whose middle is what is asked. */
static void put_ratio_bar(FILE *out, const struct figure *figure)
{
    double share = figure_ratio(figure) / figure->asked / 2;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    fprintf(out,
            "<svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
            "<rect class=\"track\" y=\"3\" width=\"100\" height=\"4\"/>"
            "<rect class=\"bar-%s\" y=\"3\" width=\"%.1f\" height=\"4\"/><line class=\"asked\" "
            "vector-effect=\"non-scaling-stroke\" x1=\"50\" x2=\"50\" y1=\"0\" y2=\"10\"/></svg>",
            figure_met(figure) ? "good" : "bad", share * 100);
}

static void put_ratio(FILE *out, const struct figure *figure)
{
    if (!figure->ratio_to)
        return;
    bool asked = figure->relation != FIGURE_NOTHING_ASKED;
    if (asked)
        put_ratio_bar(out, figure);
    fprintf(out, "<b>%.2f</b> of ", figure_ratio(figure));
    put_text(out, figure->ratio_to);
    if (asked)
        fprintf(out, ", asked %s %.2f", figure->relation == FIGURE_AT_LEAST ? "&ge;" : "&le;",
                figure->asked);
}

static void put_figure_row(FILE *out, const struct figure *figure, const struct figure *naive)
{
    char value[FIGURE_TEXT_SIZE];
    fputs("<tr><td>", out);
    put_text(out, figure->what);
    fprintf(out, "</td><td class=\"n\">%s", page_figure(value, figure));
    if (naive && naive->count > 0)
        fprintf(out, "<br><span class=\"other\">%s</span>", page_figure(value, naive));
    fputs("</td><td class=\"ratio\">", out);
    put_ratio(out, figure);
    if (figure->relation == FIGURE_NOTHING_ASKED)
        fputs("</td><td></td></tr>\n", out);
    else if (figure_met(figure))
        fputs("</td><td class=\"verdict good\">&#10003; met</td></tr>\n", out);
    else
        fputs("</td><td class=\"verdict bad\">&#10007; short</td></tr>\n", out);
}

static void put_figures(FILE *out, const struct report_entry *entries, unsigned count)
{
    if (!entries[0].figures)
        return;
    fputs(
        "<h2>What is asked, and what was measured</h2>\n<p>Medians of the repetitions. A ratio is "
        "to a limit of the machine measured right before and after, or to the scenario above; the "
        "mark on its bar is what is asked.</p>\n",
        out);
    put_legend(out, any_naive(entries, count));
    fputs("<div class=\"scroll\"><table class=\"figures\">\n", out);
    for (unsigned i = 0; i < count; i++) {
        fputs("<tr><th class=\"title\" colspan=\"4\">", out);
        put_text(out, entries[i].title);
        fprintf(out, " <span>%s</span></th></tr>\n", entries[i].name);
        for (unsigned j = 0; j < entries[i].figure_count; j++)
            if (entries[i].figures[j].count > 0)
                put_figure_row(out, &entries[i].figures[j],
                               entries[i].naive ? &entries[i].naive_figures[j] : NULL);
    }
    fputs("</table></div>\n", out);
}

/* The p99, if there is any. */
static const char *known_p99(char out[UNITS_SIZE], const struct hdr_summary *summary)
{
    return summary->count > 0 ? page_ns(out, (double)summary->p99) : "";
}

static void put_result_row(FILE *out, const char *name, const char *server,
                           const struct result *result)
{
    char ballots[UNITS_SIZE], pushes[UNITS_SIZE], p99[UNITS_SIZE], fresh[UNITS_SIZE];
    char events[UNITS_SIZE], sse_fresh[UNITS_SIZE], http_p99[UNITS_SIZE], rss[UNITS_SIZE];
    fputs("<tr><td>", out);
    put_text(out, name);
    fprintf(out,
            "</td><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
            "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
            "<td class=\"n\">%s</td><td class=\"n\">%.2f</td><td class=\"n\">%s</td>",
            server, units_count(ballots, result->ballots_per_s),
            units_count(pushes, result->pushes_per_s), units_count(events, result->events_per_s),
            known_p99(p99, &result->ack_ns), known_p99(http_p99, &result->http_ack_ns),
            known_p99(fresh, &result->freshness_ns),
            known_p99(sse_fresh, &result->sse_freshness_ns), result->cpu_cores,
            units_bytes(rss, (double)result->rss_max));
    if (result_good(result))
        fputs("<td class=\"good\">all hold</td></tr>\n", out);
    else
        fprintf(out, "<td class=\"bad\">%" PRIu64 " violated</td></tr>\n", result->fault_count);
}

static void put_faults(FILE *out, const char *name, const struct result *result)
{
    for (unsigned i = 0; i < result->fault_texts; i++) {
        fputs("<li>", out);
        put_text(out, name);
        fputs(": ", out);
        put_text(out, result->faults[i]);
        fputs("</li>\n", out);
    }
}

static void put_results(FILE *out, const struct report_entry *entries, unsigned count)
{
    fputs(entries[0].figures ? "<h2>The runs</h2>\n<p>Of each scenario, the run nearest to the "
                               "median.</p>\n"
                             : "<h2>The run</h2>\n",
          out);
    fputs("<div class=\"scroll\"><table><tr><th>scenario<th>server<th class=\"n\">ballots/s<th "
          "class=\"n\">pushes/s<th class=\"n\">events/s<th class=\"n\">ack p99<th "
          "class=\"n\">over HTTP<th class=\"n\">freshness p99<th class=\"n\">of events<th "
          "class=\"n\">server's cores<th class=\"n\">its RSS<th>checks</tr>\n",
          out);
    for (unsigned i = 0; i < count; i++) {
        put_result_row(out, entries[i].name, "tallycast", entries[i].result);
        if (entries[i].naive)
            put_result_row(out, entries[i].name, "naive", entries[i].naive);
    }
    fputs("</table></div>\n<ul>\n", out);
    for (unsigned i = 0; i < count; i++)
        put_faults(out, entries[i].name, entries[i].result);
    fputs("</ul>\n", out);
}

/* ---- percentiles: one row a scenario, on a logarithmic axis ---- */

typedef const struct hdr_summary *summary_of(const struct result *result);

static const struct hdr_summary *ack_of(const struct result *result)
{
    return &result->ack_ns;
}

static const struct hdr_summary *freshness_of(const struct result *result)
{
    return &result->freshness_ns;
}

static const struct hdr_summary *http_ack_of(const struct result *result)
{
    return &result->http_ack_ns;
}

static const struct hdr_summary *sse_freshness_of(const struct result *result)
{
    return &result->sse_freshness_ns;
}

/* Decades of ns from `first` to `last`. */
struct log_axis {
    int first, last;
};

static double log_x(const struct log_axis *axis, double ns)
{
    double at = (log10(ns > 1 ? ns : 1) - axis->first) / (axis->last - axis->first);
    double width = CHART_WIDTH - LABEL_WIDTH - VALUE_WIDTH;
    return LABEL_WIDTH + width * (at < 0 ? 0 : at);
}

static void widen(struct log_axis *axis, const struct hdr_summary *summary)
{
    if (summary->count == 0)
        return;
    double low = log10(summary->p50 > LEAST_NS ? (double)summary->p50 : LEAST_NS);
    double high = log10(summary->max > LEAST_NS ? (double)summary->max : LEAST_NS);
    if ((int)floor(low) < axis->first)
        axis->first = (int)floor(low);
    if ((int)ceil(high) > axis->last)
        axis->last = (int)ceil(high);
}

static void put_log_grid(FILE *out, const struct log_axis *axis, unsigned height)
{
    for (int decade = axis->first; decade <= axis->last; decade++) {
        char text[UNITS_SIZE];
        double x = log_x(axis, pow(10, decade));
        const char *label = page_ns(text, pow(10, decade));
        size_t number = strcspn(label, ". ");
        fprintf(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%u\"/>", x, x,
                AXIS_HEIGHT - 4, height);
        fprintf(out, "<text x=\"%.1f\" y=\"14\" text-anchor=\"middle\">%.*s%s</text>\n", x,
                (int)number, label, strchr(label, ' '));
    }
}

static void put_mark(FILE *out, double x, double y, double radius, const char *class,
                     const char *name, uint64_t ns)
{
    char text[UNITS_SIZE];
    fprintf(out,
            "<circle class=\"%s\" stroke-width=\"2\" cx=\"%.1f\" cy=\"%.1f\" "
            "r=\"%.1f\"><title>%s %s</title></circle>",
            class, x, y, radius, name, page_ns(text, (double)ns));
}

static void put_summary(FILE *out, const struct log_axis *axis, const struct hdr_summary *summary,
                        double y, bool naive)
{
    char p50[UNITS_SIZE], p99[UNITS_SIZE];
    const char *class = naive ? "naive" : "ours", *hollow = naive ? "naive hollow" : "ours hollow";
    if (summary->count == 0)
        return;
    double end = log_x(axis, (double)summary->max);
    fprintf(out,
            "<line class=\"%s\" stroke-width=\"2\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
            "y2=\"%.1f\"/>",
            class, log_x(axis, (double)summary->p50), end, y, y);
    fprintf(out,
            "<line class=\"%s\" stroke-width=\"2\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
            "y2=\"%.1f\"/>",
            class, end, end, y - 4, y + 4);
    put_mark(out, log_x(axis, (double)summary->p90), y, 2, class, "p90", summary->p90);
    put_mark(out, log_x(axis, (double)summary->p999), y, 2, class, "p99.9", summary->p999);
    put_mark(out, log_x(axis, (double)summary->p50), y, 4, hollow, "p50", summary->p50);
    put_mark(out, log_x(axis, (double)summary->p99), y, 4, class, "p99", summary->p99);
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s, %s</text>\n", CHART_WIDTH - 2,
            y + 4, page_ns(p50, (double)summary->p50), page_ns(p99, (double)summary->p99));
}

static void put_percentiles(FILE *out, const char *title, const char *what, summary_of *summary,
                            const struct report_entry *entries, unsigned count)
{
    struct log_axis axis = {.first = 100, .last = 0};
    unsigned rows = 0;
    for (unsigned i = 0; i < count; i++) {
        rows += summary(entries[i].result)->count > 0;
        widen(&axis, summary(entries[i].result));
        if (entries[i].naive)
            widen(&axis, summary(entries[i].naive));
    }
    if (rows == 0)
        return;
    if (axis.last == axis.first)
        axis.last++;
    unsigned height = AXIS_HEIGHT + rows * ROW_HEIGHT;
    fprintf(out,
            "<h2>%s</h2>\n<p>%s Ring: p50; dots: p90, p99 (large), p99.9; end: maximum. "
            "Beside it: p50, p99.</p>\n",
            title, what);
    put_legend(out, any_naive(entries, count));
    fprintf(out,
            "<div class=\"scroll\"><svg class=\"wide\" viewBox=\"0 0 %d %u\" role=\"img\" "
            "aria-label=\"%s\">\n",
            CHART_WIDTH, height, title);
    put_log_grid(out, &axis, height);
    double y = AXIS_HEIGHT + ROW_HEIGHT / 2.0 - 6;
    for (unsigned i = 0; i < count; i++) {
        if (summary(entries[i].result)->count == 0)
            continue;
        fprintf(out, "<text class=\"name\" x=\"0\" y=\"%.1f\">%s</text>", y + 4, entries[i].name);
        put_summary(out, &axis, summary(entries[i].result), y, false);
        if (entries[i].naive)
            put_summary(out, &axis, summary(entries[i].naive), y + NAIVE_BELOW, true);
        y += ROW_HEIGHT;
    }
    fputs("</svg></div>\n", out);
}

/* ---- throughput over time ---- */

typedef double sample_value(const struct result_sample *sample);

static double ballots_of(const struct result_sample *sample)
{
    return sample->ballots_per_s;
}

static double pushes_of(const struct result_sample *sample)
{
    return sample->pushes_per_s;
}

static double events_of(const struct result_sample *sample)
{
    return sample->events_per_s;
}

static double highest(const struct result *result, sample_value *value)
{
    double most = 0;
    for (unsigned i = 0; result && i < result->sample_count; i++)
        if (value(&result->samples[i]) > most)
            most = value(&result->samples[i]);
    return most;
}

static double last_s(const struct result *result)
{
    return result && result->sample_count > 0 ? result->samples[result->sample_count - 1].at_s : 0;
}

/* 1, 2 or 5 times a power of ten, such that TICKS of them reach `most`. */
static double tick_step(double most)
{
    double step = pow(10, floor(log10(most / TICKS)));
    static const double factors[] = {1, 2, 5, 10};
    for (size_t i = 0; i < 4; i++)
        if (step * factors[i] * TICKS >= most)
            return step * factors[i];
    return step * 10;
}

static void put_line_grid(FILE *out, double step, double seconds)
{
    const double height = LINE_HEIGHT - LINE_BOTTOM - LINE_TOP;
    for (int i = 0; i <= TICKS; i++) {
        char text[UNITS_SIZE];
        double y = LINE_TOP + height * (1 - (double)i / TICKS);
        fprintf(out,
                "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" "
                "y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                i == 0 ? "axis" : "grid", LINE_LEFT, LINE_WIDTH, y, y, LINE_LEFT - 6, y + 4,
                units_count(text, step * i));
    }
    fprintf(out,
            "<text x=\"%d\" y=\"%d\">0 s</text><text x=\"%d\" y=\"%d\" "
            "text-anchor=\"end\">%.1f s</text>\n",
            LINE_LEFT, LINE_HEIGHT - 4, LINE_WIDTH, LINE_HEIGHT - 4, seconds);
}

static void put_curve(FILE *out, const struct result *result, sample_value *value, double most,
                      double seconds, const char *class)
{
    const double width = LINE_WIDTH - LINE_LEFT, height = LINE_HEIGHT - LINE_BOTTOM - LINE_TOP;
    if (!result || result->sample_count == 0)
        return;
    fprintf(out, "<polyline class=\"%s curve\" style=\"fill:none\" points=\"", class);
    for (unsigned i = 0; i < result->sample_count; i++)
        fprintf(out, "%.1f,%.1f ", LINE_LEFT + width * result->samples[i].at_s / seconds,
                LINE_TOP + height * (1 - value(&result->samples[i]) / most));
    fputs("\"/>\n", out);
}

static void put_over_time(FILE *out, const struct report_entry *entry, const char *what,
                          sample_value *value)
{
    double most = highest(entry->result, value), other = highest(entry->naive, value);
    double seconds = last_s(entry->result);
    if (other > most)
        most = other;
    if (last_s(entry->naive) > seconds)
        seconds = last_s(entry->naive);
    if (most <= 0 || seconds <= 0)
        return;
    double step = tick_step(most);
    fprintf(out,
            "<div><h3>%s: %s a second</h3><svg class=\"fit\" viewBox=\"0 0 %d %d\" role=\"img\" "
            "aria-label=\"%s: %s a second\">\n",
            entry->name, what, LINE_WIDTH + 4, LINE_HEIGHT, entry->name, what);
    put_line_grid(out, step, seconds);
    put_curve(out, entry->naive, value, step * TICKS, seconds, "naive");
    put_curve(out, entry->result, value, step * TICKS, seconds, "ours");
    fputs("</svg></div>\n", out);
}

static void put_throughput(FILE *out, const struct report_entry *entries, unsigned count)
{
    fputs(
        "<h2>Throughput over time</h2>\n<p>Each point is the mean of a quarter of a second.</p>\n",
        out);
    put_legend(out, any_naive(entries, count));
    fputs("<div class=\"charts\">\n", out);
    for (unsigned i = 0; i < count; i++) {
        put_over_time(out, &entries[i], "ballots", ballots_of);
        put_over_time(out, &entries[i], "pushes", pushes_of);
        put_over_time(out, &entries[i], "events", events_of);
    }
    fputs("</div>\n", out);
}

/* ---- the page ---- */

static void put_page(FILE *out, const struct report_entry *entries, unsigned count)
{
    put_head(out);
    put_cards(out, entries, count);
    put_figures(out, entries, count);
    put_percentiles(out, "Latency",
                    "From a ballot's sending (or the time that it was due) to its "
                    "acknowledgement.",
                    ack_of, entries, count);
    put_percentiles(out, "Latency over HTTP", "The same of ballots that are posted.", http_ack_of,
                    entries, count);
    put_percentiles(
        out, "Freshness",
        "From a ballot's acknowledgement to the arrival, at each "
        "subscriber, of a tally that holds it; 0 if that came first, as it does where a "
        "server writes to all before it answers.",
        freshness_of, entries, count);
    put_percentiles(out, "Freshness of events", "The same at each reader of server-sent events.",
                    sse_freshness_of, entries, count);
    put_throughput(out, entries, count);
    put_results(out, entries, count);
    fputs("</body></html>\n", out);
}

int report_write(const struct report_entry *entries, unsigned count, const char *path)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return -1;
    if (count > 0)
        put_page(out, entries, count);
    bool failed = ferror(out) != 0;
    int error = errno;
    if (fclose(out) == 0 && !failed)
        return 0;
    errno = failed ? error : errno;
    return -1;
}

int report_write_run(const struct result *result, const char *path)
{
    struct report_entry entry = {.name = "run", .title = "run", .result = result};
    return report_write(&entry, 1, path);
}
