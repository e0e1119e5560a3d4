/* Ballots as requests to the ledger. Runs on the worker's thread.
 *
 * Fails: if memory is short for the voter's name, in a poll that records names, or for marks, the
 * ballot is refused with LIMIT. */
#include "serve/ballot.h"

#include "base/log.h"
#include "count/count.h"
#include "poll/values.h"
#include "proto/entry.h"

#include <string.h>

/* ---- what it says ---- */

uint32_t ballot_value(const struct poll *poll, const struct marks *marks)
{
    if (marks->abstains)
        return VALUE_ABSTAIN;
    if (poll->values)
        return 0;
    const uint8_t *marked = memchr(marks->mark, 1, marks->count);
    INVARIANT(marked);
    return count_value(poll, (unsigned)(marked - marks->mark));
}

void ballot_take(struct ballot *ballot, const struct marks *marks)
{
    ballot->value = ballot_value(ballot->poll, marks);
    ballot->marks = marks;
}

int ballot_read(struct worker *worker, struct ballot *ballot, struct span text, struct marks *room,
                const char **why)
{
    const struct poll *poll = ballot->poll;
    int error =
        marks_parse(text, &poll->settings, poll->choices, poll->choice_count, room, worker->why);
    if (error != 0) {
        *why = worker->why;
        return error;
    }
    ballot_take(ballot, room);
    return 0;
}

int ballot_read_choice(struct worker *worker, struct ballot *ballot, const struct name *choice,
                       struct marks *room, const char **why)
{
    if (ballot->poll->values)
        return ballot_read(worker, ballot, (struct span){choice->text, choice->len}, room, why);
    int found = poll_choice_find(ballot->poll, choice);
    if (found < 0)
        return ERR_NO_SUCH_CHOICE;
    ballot->value = count_value(ballot->poll, (unsigned)found);
    return 0;
}

void ballot_marks(const struct poll *poll, uint32_t value, struct marks *marks)
{
    *marks = (struct marks){.abstains = value == VALUE_ABSTAIN, .count = poll->choice_count};
    if (!marks->abstains && poll->values)
        memcpy(marks->mark, values_marks(poll->values, value), marks->count);
    else if (!marks->abstains)
        marks->mark[count_choice(poll, value)] = 1;
}

size_t ballot_write(const struct poll *poll, uint32_t value, char *out)
{
    struct marks marks;
    ballot_marks(poll, value, &marks);
    return marks_write(&marks, &poll->settings, poll->choices, out);
}

/* ---- sending it ---- */

/* What the request has beside numbers. Returns 0, with NULL if that is nothing, or -1 if memory is
 * short. */
static int make_detail(const struct voter_key *key, const struct ballot *ballot,
                       const struct identity *voter, struct request_ballot **detail)
{
    struct request_ballot parts = {.marks_hash = 0};
    *detail = NULL;
    if (poll_setting(ballot->poll, SETTING_RECORD) == RECORD_NAME) {
        parts.name = voter->words;
        parts.spelling = voter->shown;
    } else if (ballot->value != 0) {
        return 0;
    }
    if (ballot->value == 0) {
        const struct marks *marks = ballot->marks;
        parts.marks = (struct span){(const char *)marks->mark, marks->count};
        parts.marks_hash = values_hash(key, marks->mark, marks->count);
    }
    *detail = request_ballot_new(&parts);
    return *detail ? 0 : -1;
}

/* Whether a poll knows its voters by more than the names that they give. */
static bool is_known(const struct poll *poll)
{
    return poll_setting(poll, SETTING_VOTERS) != VOTERS_NAMED;
}

/* The key of a ballot: its id=, or else its claimant, so that nobody is told of a ballot that
 * somebody else has cast under the same name. */
static enum request_key find_key(const struct server *server, const struct ballot *ballot,
                                 struct hash *key)
{
    const struct poll *poll = ballot->poll;
    bool named = poll_setting(poll, SETTING_VOTERS) == VOTERS_NAMED;
    bool unlimited = poll_setting(poll, SETTING_BALLOTS) == BALLOTS_UNLIMITED;
    char words[IDENTITY_WORDS_MAX];
    if (ballot->key.at && (named || unlimited)) {
        *key = voter_hash(&server->key, VOTER_HASH_KEY, poll->id, ballot->key.at, ballot->key.len);
        return named && ballot->has_after ? REQUEST_KEY_ID_OF_ONE : REQUEST_KEY_ID;
    }
    if (!named || unlimited)
        return REQUEST_KEY_NONE;
    size_t len = identity_claimant(ballot->claim, words);
    *key = voter_hash(&server->key, VOTER_HASH_OWN, poll->id, words, len);
    return REQUEST_KEY_OWN;
}

int ballot_send(struct client *client, const struct ballot *ballot, const char **why)
{
    struct worker *worker = client->worker;
    const struct poll *poll = ballot->poll;
    struct identity voter;
    int error = identity_find(poll, ballot->claim, &voter, why);
    if (error != 0)
        return error;
    const struct voter_key *key = &worker->server->key;
    struct request_ballot *detail;
    if (make_detail(key, ballot, &voter, &detail) != 0)
        return ERR_LIMIT;

    struct request *request = worker_request(worker);
    *request = (struct request){
        .from = client->conn.ref,
        .poll = poll->id,
        .value = ballot->value & ENTRY_VALUE_MAX,
        .kind = REQUEST_BALLOT,
        .voter = voter_hash(key, VOTER_HASH_VOTER, poll->id, voter.words.at, voter.words.len),
        .detail = detail,
    };
    if (ballot->has_after && is_known(poll) &&
        poll_setting(poll, SETTING_BALLOTS) == BALLOTS_CHANGEABLE) {
        request->key_kind = REQUEST_KEY_AFTER;
        request->after = ballot->after;
    } else {
        request->key_kind = find_key(worker->server, ballot, &request->key);
    }
    worker_sample(worker, &client->conn, request, ballot->traced);
    client->in_flight++;
    return 0;
}

bool ballot_look_up(struct client *client, const struct poll *poll, const struct claim *claim)
{
    struct identity voter;
    const char *why;
    if (!is_known(poll) || poll_setting(poll, SETTING_BALLOTS) == BALLOTS_UNLIMITED ||
        identity_find(poll, claim, &voter, &why) != 0)
        return false;
    *worker_request(client->worker) = (struct request){
        .from = client->conn.ref,
        .poll = poll->id,
        .kind = REQUEST_LOOKUP,
        .voter = voter_hash(&client->worker->server->key, VOTER_HASH_VOTER, poll->id,
                            voter.words.at, voter.words.len),
    };
    client->in_flight++;
    return true;
}
