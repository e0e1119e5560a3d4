// Sends ballots that a voter may change so that the one that was meant last counts. One that was given up may still arrive:
// so each says after which one it comes, and the server refuses those that come too late (doc/HTTP.md, Order). If it was this
// one that was too late, it is the newest wish all the same, unless another page of the browser knows a newer one.

import { newId, sendBallot } from "./ballot.js";

const TRIES = 5; // against a voter's other pages

// Each returns a function that sends a ballot, and returns what sendBallot() does, or { outcome: "overtaken" }. A voter who is
// known by his browser or address has an `own` ballot (own.js). Of a ballot, `meant` tells when it was asked for: at which time,
// and after which own ballot.
export function orderByOwn(poll, own) {
    return async (ballot) => {
        let after = own.seq;
        let result = null;
        for (let tries = 0; tries < TRIES; tries++) {
            const { atMs, afterSeq } = ballot.meant;
            if (own.seq > afterSeq && own.meantMs > atMs) {
                return { outcome: "overtaken" };
            }
            result = await sendBallot(poll, { ...ballot, after });
            if (result.code !== "ALREADY-VOTED" || !(result.seq > after)) {
                break;
            }
            after = result.seq;
        }
        return result;
    };
}

// Where a voter is only a name, a ballot takes the id of the one that was given up before it: of ballots with the same id the
// first to arrive counts, and shuts the others out.
export function orderById(poll) {
    let doubted = null; // the ballot that was given up

    return async (ballot) => {
        if (doubted?.voter === ballot.voter) {
            ballot.id = doubted.id;
        }
        let result = await sendBallot(poll, { ...ballot, after: 0 });
        if (result.code === "ALREADY-VOTED" && result.seq > 0) {
            ballot.id = newId();
            result = await sendBallot(poll, { ...ballot, after: 0 });
        }
        doubted = result.outcome === "unknown" ? ballot : null;
        return result;
    };
}
