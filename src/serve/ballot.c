/* Ballots as requests to the ledger. Runs on the worker's thread.
 *
 * Fails: memory that is short for the voter's name, in a poll that records names, refuses the
 * ballot with LIMIT. */
#include "serve/ballot.h"

#include "poll/voter.h"

int ballot_send(struct client *client, const struct ballot *ballot, const char **why)
{
    struct worker *worker = client->worker;
    const struct poll *poll = ballot->poll;
    struct identity voter;
    int error = identity_find(poll, ballot->claim, &voter, why);
    if (error != 0)
        return error;
    struct request_text *name = NULL;
    if (poll_setting(poll, SETTING_RECORD) == RECORD_NAME &&
        !(name = request_text_new(voter.words.at, voter.words.len)))
        return ERR_LIMIT;

    const struct voter_key *key = &worker->server->key;
    struct request *request = worker_request(worker);
    *request = (struct request){
        .from = client->conn.ref,
        .poll = poll->id,
        .choice = (uint16_t)ballot->choice,
        .kind = REQUEST_BALLOT,
        .has_key = ballot->key.at && poll_setting(poll, SETTING_BALLOTS) == BALLOTS_UNLIMITED,
        .voter = voter_hash(key, VOTER_HASH_VOTER, poll->id, voter.words.at, voter.words.len),
        .detail = name,
    };
    if (request->has_key)
        request->key = voter_hash(key, VOTER_HASH_KEY, poll->id, ballot->key.at, ballot->key.len);
    worker_sample(worker, &client->conn, request, ballot->traced);
    client->in_flight++;
    return 0;
}
