/* Results of a database. Polls of single choice need no other count than the tally, which is
 * recounted already; where there are others, all ballots are gone through once more. */
#include "tools/tallyctl/recounted.h"

#include "proto/reply.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/ballots.h"
#include "tools/tallyctl/election_result.h"
#include "tools/tallyctl/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct recounted {
    struct ballots *ballots; /* owned */
    bool counts_lines;       /* there are no ballots but of single choice */
};

enum status recounted_open(struct database *database, struct recounted **opened)
{
    static const char sql[] = "SELECT NOT EXISTS (SELECT 1 FROM poll WHERE kind <> 'single')";
    struct recounted *recounted = must_calloc(1, sizeof *recounted);
    int only_single = 0;
    enum status status = database_read_number(database, sql, &only_single);
    recounted->counts_lines = only_single;
    if (status == STATUS_DONE)
        status = ballots_open(database, 0, !recounted->counts_lines, &recounted->ballots);
    if (status == STATUS_DONE)
        *opened = recounted;
    else
        free(recounted);
    return status;
}

void recounted_close(struct recounted *recounted)
{
    if (recounted)
        ballots_close(recounted->ballots);
    free(recounted);
}

static enum status refuse(const char *line)
{
    output_error("no result: '%s' is no tally of the poll", line ? line : "");
    return STATUS_REFUSED;
}

static int add(struct election *election, const struct marks *marks, uint64_t count)
{
    const char *why;
    return count > 0 ? election_add_ballots(election, marks, count, 1, 0, &why) : 0;
}

/* The ballots of a tally of single choice: those for no choice abstain. */
static enum status add_tally(struct election *election, const char *line)
{
    struct tally_row *tally = must_calloc(1, sizeof *tally);
    struct marks marks = {.count = election->choice_count, .abstains = true};
    bool is_one = line && tally_parse(line, strlen(line), tally) &&
                  tally->choice_count == election->choice_count;
    uint64_t abstained = tally->ballots;
    for (unsigned i = 0; is_one && i < tally->choice_count; i++) {
        struct marks one = {.count = election->choice_count};
        one.mark[i] = 1;
        is_one = tally->counts[i] <= abstained && add(election, &one, tally->counts[i]) == 0;
        abstained -= is_one ? tally->counts[i] : 0;
    }
    is_one = is_one && add(election, &marks, abstained) == 0;
    free(tally);
    return is_one ? STATUS_DONE : refuse(line);
}

enum status recounted_next(struct recounted *recounted, const char *line, struct result_view *view)
{
    struct election *election = must_calloc(1, sizeof *election);
    int64_t id;
    bool has_poll = false;
    enum status status = ballots_next(recounted->ballots, election, &id, &has_poll);
    if (status == STATUS_DONE && !has_poll)
        status = refuse(line);
    if (status == STATUS_DONE && recounted->counts_lines)
        status = add_tally(election, line);
    if (status == STATUS_DONE)
        election_result(election, false, view);
    election_clear(election);
    free(election);
    return status;
}

static void print_rows(const struct result_view *view, enum result_row_kind kind,
                       const char *heading, FILE *out)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct result_view_row *row = &view->rows[i];
        if (row->kind != kind)
            continue;
        fprintf(out, "%s", heading);
        output_text(out, row->rest.at, row->rest.len);
        if (kind == RESULT_WINNER)
            heading = ", ";
    }
}

void recounted_print(const struct result_view *view, FILE *out)
{
    const struct result_view_row *method = result_view_find(view, RESULT_METHOD);
    struct span rest = method ? method->rest : (struct span){"", 0}, name = span_cut(&rest, ' ');
    output_text(out, name.at, name.len);
    print_rows(view, RESULT_WINNER, ": elected ", out);
    print_rows(view, RESULT_NOBODY, ": nobody is elected, ", out);
    print_rows(view, RESULT_TIE, "; tie to ", out);
}
