/* The plan of ballots (see plan.h). The cursor steps without a division: this is on the way of
 * every ballot. */
#include "tools/tallybench/load/plan.h"

#include "proto/number.h"
#include "proto/reply.h"
#include "tools/lib/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_poll(struct plan_poll *poll, const char *run, unsigned number)
{
    if (run)
        snprintf(poll->name, sizeof poll->name, "bench-%s-%u", run, number + 1);
    else
        snprintf(poll->name, sizeof poll->name, "poll-%u", number + 1);
}

static void make_prefix(const struct plan *plan, unsigned poll, unsigned choice)
{
    struct plan_prefix *prefix = &plan->prefixes[poll * plan->choice_count + choice];
    prefix->len = (size_t)snprintf(
        prefix->text, sizeof prefix->text, "VOTE %s %s%s", plan->polls[poll].name,
        plan->polls[poll].pile->names[choice].text, plan->named > 0 ? " as=v" : "\n");
}

/* The polls of a kind have its pile; the one method is of one kind. */
static int make_piles(struct plan *plan, const struct plan_wish *wish, char why[SETTINGS_WHY_SIZE])
{
    for (unsigned k = 0; k < wish->kind_count; k++) {
        bool has_method =
            wish->method >= 0 && method_kind((unsigned)wish->method) == wish->kinds[k];
        const struct pile_wish pile = {.kind = wish->kinds[k],
                                       .method = has_method ? wish->method : -1,
                                       .choice_count = wish->choices,
                                       .count = wish->distinct,
                                       .camps = wish->camps};
        if (pile_init(&plan->piles[k], &pile, why) != 0)
            return -1;
    }
    return 0;
}

/* It fits, whatever the kinds: where there are many choices, all but one have as many ballots. */
static uint64_t least_common_multiple(uint64_t a, uint64_t b)
{
    uint64_t x = a, y = b;
    while (y > 0) {
        uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

static void make_poll(struct plan *plan, const char *run, unsigned number)
{
    struct plan_poll *poll = &plan->polls[number];
    name_poll(poll, run, number);
    poll->counts = must_calloc(plan->choice_count, sizeof *poll->counts);
    poll->pile = &plan->piles[number % plan->kind_count];
    for (unsigned c = 0; c < plan->choice_count; c++)
        make_prefix(plan, number, c);
}

int plan_init(struct plan *plan, const struct plan_wish *wish, char why[SETTINGS_WHY_SIZE])
{
    *plan = (struct plan){.connections = wish->connections,
                          .choice_count = wish->choices,
                          .kind_count = wish->kind_count,
                          .named = wish->named,
                          .period = 1,
                          .ballot_max = PLAN_BALLOT_MAX};
    if (make_piles(plan, wish, why) != 0)
        return -1;
    for (unsigned k = 0; k < plan->kind_count; k++) {
        plan->period = least_common_multiple(plan->period, plan->piles[k].count);
        if (plan->piles[k].marks)
            plan->ballot_max = PROTO_LINE_MAX;
    }
    plan->poll_count = wish->polls;
    plan->polls = must_calloc(wish->polls, sizeof *plan->polls);
    plan->prefixes = must_calloc((size_t)wish->polls * wish->choices, sizeof *plan->prefixes);
    for (unsigned p = 0; p < wish->polls; p++)
        make_poll(plan, wish->run, p);
    return 0;
}

void plan_free(struct plan *plan)
{
    for (unsigned p = 0; p < plan->poll_count; p++)
        free(plan->polls[p].counts);
    for (unsigned k = 0; k < plan->kind_count; k++)
        pile_free(&plan->piles[k]);
    free(plan->polls);
    free(plan->prefixes);
    *plan = (struct plan){0};
}

void plan_create_command(const struct plan *plan, unsigned poll, char out[PROTO_LINE_MAX * 2])
{
    const size_t size = (size_t)PROTO_LINE_MAX * 2;
    const struct pile *pile = plan->polls[poll].pile;
    size_t len = (size_t)snprintf(out, size, "CREATE %s %s", plan->polls[poll].name,
                                  plan->named > 0 ? "voters=named ballots=changeable"
                                                  : "voters=connection ballots=unlimited");
    if (pile->marks)
        len += (size_t)snprintf(
            out + len, size - len, " method=%s",
            setting_value_name(SETTING_METHOD, pile->settings.value[SETTING_METHOD]));
    for (unsigned c = 0; c < plan->choice_count; c++)
        len += (size_t)snprintf(out + len, size - len, " %s", pile->names[c].text);
}

struct plan_cursor plan_begin(const struct plan *plan, unsigned number)
{
    /* Connections begin far apart, so that all papers are cast soon. */
    const uint64_t apart = plan->period > plan->connections ? plan->period / plan->connections : 1;
    struct plan_cursor cursor = {.voters = 1};
    if (plan->named > 0)
        cursor.voters = (plan->named - number - 1) / plan->connections + 1;
    cursor.poll = cursor.round_poll = number % plan->poll_count;
    cursor.paper = cursor.round_paper = number * apart % plan->period;
    return cursor;
}

static unsigned next_of(unsigned number, unsigned count)
{
    return number + 1 < count ? number + 1 : 0;
}

static uint64_t next_paper(const struct plan *plan, uint64_t number)
{
    return number + 1 < plan->period ? number + 1 : 0;
}

static void next_round(const struct plan *plan, struct plan_cursor *cursor)
{
    unsigned rounds_in_poll = next_of(cursor->rounds, plan->poll_count);
    cursor->rounds = rounds_in_poll;
    cursor->round_poll = next_of(cursor->round_poll, plan->poll_count);
    if (rounds_in_poll == 0) { /* everyone has been to every poll */
        cursor->again = true;
        cursor->round_paper = next_paper(plan, cursor->round_paper);
    }
    cursor->voter = 0;
    cursor->poll = cursor->round_poll;
    cursor->paper = cursor->round_paper;
}

void plan_step(const struct plan *plan, struct plan_cursor *cursor)
{
    if (++cursor->voter == cursor->voters) {
        next_round(plan, cursor);
        return;
    }
    cursor->poll = next_of(cursor->poll, plan->poll_count);
    cursor->paper = next_paper(plan, cursor->paper);
}

/* The paper of a number below the period. Where all polls have as many, that is the period. */
static unsigned paper_of(const struct pile *pile, uint64_t number)
{
    return (unsigned)(number < pile->count ? number : number % pile->count);
}

static char *put_marked(const struct plan_poll *poll, unsigned paper, bool named, char *at)
{
    static const char verb[] = "VOTE ";
    memcpy(at, verb, strlen(verb));
    at = stpcpy(at + strlen(verb), poll->name);
    *at++ = ' ';
    at += pile_write(poll->pile, paper, at);
    return stpcpy(at, named ? " as=v" : "\n");
}

char *plan_put_ballot(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                      char *at)
{
    const struct plan_poll *poll = &plan->polls[cursor->poll];
    const unsigned paper = paper_of(poll->pile, cursor->paper);
    if (poll->pile->marks) {
        at = put_marked(poll, paper, plan->named > 0, at);
    } else {
        const struct plan_prefix *prefix =
            &plan->prefixes[cursor->poll * plan->choice_count + paper];
        /* A copy of a known size is a few moves; the surplus is overwritten. */
        memcpy(at, prefix->text, PLAN_PREFIX_MAX);
        at += prefix->len;
    }
    if (plan->named == 0)
        return at;
    at = number_put(at, cursor->voter * plan->connections + number);
    *at++ = '\n';
    return at;
}

void plan_write_paper(const struct plan *plan, const struct plan_cursor *cursor,
                      char out[PROTO_LINE_MAX])
{
    const struct pile *pile = plan->polls[cursor->poll].pile;
    out[pile_write(pile, paper_of(pile, cursor->paper), out)] = '\0';
}

void plan_name_voter(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                     char out[PLAN_VOTER_MAX])
{
    out[0] = '\0';
    if (plan->named > 0)
        snprintf(out, PLAN_VOTER_MAX, "v%" PRIu64, cursor->voter * plan->connections + number);
}

void plan_acknowledge(struct plan *plan, const struct plan_cursor *cursor)
{
    struct plan_poll *poll = &plan->polls[cursor->poll];
    pile_count(poll->pile, paper_of(poll->pile, cursor->paper), false, poll->counts);
    if (plan->named == 0 || !cursor->again) {
        poll->ballots++;
        return;
    }
    const uint64_t before = cursor->paper > 0 ? cursor->paper - 1 : plan->period - 1;
    pile_count(poll->pile, paper_of(poll->pile, before), true, poll->counts);
}
