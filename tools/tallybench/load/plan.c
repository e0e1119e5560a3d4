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

void plan_name_choice(char out[PLAN_CHOICE_MAX], unsigned choice)
{
    char letter = (char)('a' + choice % 26);
    if (choice < 26)
        snprintf(out, PLAN_CHOICE_MAX, "%c", letter);
    else
        snprintf(out, PLAN_CHOICE_MAX, "%c%u", letter, choice / 26);
}

static void make_prefix(const struct plan *plan, unsigned poll, unsigned choice)
{
    struct plan_prefix *prefix = &plan->prefixes[poll * plan->choice_count + choice];
    char name[PLAN_CHOICE_MAX];
    plan_name_choice(name, choice);
    prefix->len = (size_t)snprintf(prefix->text, sizeof prefix->text, "VOTE %s %s%s",
                                   plan->polls[poll].name, name, plan->named > 0 ? " as=v" : "\n");
}

void plan_init(struct plan *plan, const char *run, unsigned connections, unsigned polls,
               unsigned choices, uint64_t named)
{
    *plan = (struct plan){
        .connections = connections, .poll_count = polls, .choice_count = choices, .named = named};
    plan->polls = must_calloc(polls, sizeof *plan->polls);
    plan->prefixes = must_calloc((size_t)polls * choices, sizeof *plan->prefixes);
    for (unsigned p = 0; p < polls; p++) {
        name_poll(&plan->polls[p], run, p);
        plan->polls[p].counts = must_calloc(choices, sizeof *plan->polls[p].counts);
        for (unsigned c = 0; c < choices; c++)
            make_prefix(plan, p, c);
    }
}

void plan_free(struct plan *plan)
{
    for (unsigned p = 0; p < plan->poll_count; p++)
        free(plan->polls[p].counts);
    free(plan->polls);
    free(plan->prefixes);
    *plan = (struct plan){0};
}

void plan_create_command(const struct plan *plan, unsigned poll, char out[PROTO_LINE_MAX * 2])
{
    const size_t size = (size_t)PROTO_LINE_MAX * 2;
    size_t len = (size_t)snprintf(out, size, "CREATE %s %s", plan->polls[poll].name,
                                  plan->named > 0 ? "voters=named ballots=changeable"
                                                  : "voters=connection ballots=unlimited");
    for (unsigned c = 0; c < plan->choice_count; c++) {
        char name[PLAN_CHOICE_MAX];
        plan_name_choice(name, c);
        len += (size_t)snprintf(out + len, size - len, " %s", name);
    }
}

struct plan_cursor plan_begin(const struct plan *plan, unsigned number)
{
    struct plan_cursor cursor = {.voters = 1};
    if (plan->named > 0)
        cursor.voters = (plan->named - number - 1) / plan->connections + 1;
    cursor.poll = cursor.round_poll = number % plan->poll_count;
    cursor.choice = cursor.round_choice = number % plan->choice_count;
    return cursor;
}

static unsigned next_of(unsigned number, unsigned count)
{
    return number + 1 < count ? number + 1 : 0;
}

static void next_round(const struct plan *plan, struct plan_cursor *cursor)
{
    unsigned rounds_in_poll = next_of(cursor->rounds, plan->poll_count);
    cursor->rounds = rounds_in_poll;
    cursor->round_poll = next_of(cursor->round_poll, plan->poll_count);
    if (rounds_in_poll == 0) { /* everyone has been to every poll */
        cursor->again = true;
        cursor->round_choice = next_of(cursor->round_choice, plan->choice_count);
    }
    cursor->voter = 0;
    cursor->poll = cursor->round_poll;
    cursor->choice = cursor->round_choice;
}

void plan_step(const struct plan *plan, struct plan_cursor *cursor)
{
    if (++cursor->voter == cursor->voters) {
        next_round(plan, cursor);
        return;
    }
    cursor->poll = next_of(cursor->poll, plan->poll_count);
    cursor->choice = next_of(cursor->choice, plan->choice_count);
}

char *plan_put_ballot(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                      char *at)
{
    const struct plan_prefix *prefix =
        &plan->prefixes[cursor->poll * plan->choice_count + cursor->choice];
    /* A copy of a known size is a few moves; the surplus is overwritten. */
    memcpy(at, prefix->text, PLAN_PREFIX_MAX);
    at += prefix->len;
    if (plan->named == 0)
        return at;
    at = number_put(at, cursor->voter * plan->connections + number);
    *at++ = '\n';
    return at;
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
    poll->counts[cursor->choice]++;
    if (plan->named > 0 && cursor->again)
        poll->counts[cursor->choice > 0 ? cursor->choice - 1 : plan->choice_count - 1]--;
    else
        poll->ballots++;
}
