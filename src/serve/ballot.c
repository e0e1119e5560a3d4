/* Ballots as requests to the ledger. Runs on the worker's thread.
 *
 * Fails: if memory is short for the voter's name, in a poll that records names, the ballot is
 * refused with LIMIT. */
#include "serve/ballot.h"

#include "count/count.h"
#include "poll/voter.h"
#include "proto/entry.h"

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
    struct request_voter *named = NULL;
    if (poll_setting(poll, SETTING_RECORD) == RECORD_NAME &&
        !(named = request_voter_new(voter.words, voter.shown)))
        return ERR_LIMIT;

    const struct voter_key *key = &worker->server->key;
    struct request *request = worker_request(worker);
    *request = (struct request){
        .from = client->conn.ref,
        .poll = poll->id,
        .value = count_value(poll, ballot->choice) & ENTRY_VALUE_MAX,
        .kind = REQUEST_BALLOT,
        .voter = voter_hash(key, VOTER_HASH_VOTER, poll->id, voter.words.at, voter.words.len),
        .detail = named,
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
