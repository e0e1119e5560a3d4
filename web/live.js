// The tallies as they change, for as long as the page is looked at: over a stream, or, where this browser's other pages hold
// as many as it can bear, by asking every few seconds. A page in the background does neither.
//
// A lost connection is tried again after a random time whose bound doubles from 2 to 30 seconds, so that thousands of
// browsers don't come back at one instant. EventSource's own retry would give up where the server answers with an error.
//
// Where a connection has fallen silent, those that the browser keeps for later may be dead as well, and it would use them
// one after the other: so the next are tried at once, and given up soon.

import { at } from "./place.js";
import { openStream } from "./stream.js";
import { turns } from "./turns.js";

const FIRST_MS = 2000;
const MOST_MS = 30000;
const ASK_MS = 3000;
const ANSWER_MS = 10000;
const SOON_MS = 3000;
const SPARE = 6; // connections that a browser keeps
const PARTS_MOST = 10; // of a list, each time that it is asked for

export function backoff(attempt, random = Math.random) {
    return Math.round(random() * Math.min(MOST_MS, FIRST_MS * 2 ** attempt));
}

const isOurs = (told) => typeof told?.ledger === "string" && Array.isArray(told.polls ?? told.choices ?? told.winners);

// The server's JSON at `url`, or null if the server or a proxy answers with something else. Throws if nothing comes.
async function askOnce(url) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), ANSWER_MS);
    try {
        const response = await fetch(url, { redirect: "error", signal: limit.signal });
        const told = response.ok ? await response.json() : null;
        return isOurs(told) ? told : null;
    } finally {
        clearTimeout(timer);
    }
}

// Where to follow a poll: its events, tally and result. A single choice's result is in its tally.
export const addressesOf = (poll, kind) => ({
    events: at(`polls/${poll}/events${kind === "single" ? "" : "?results=yes"}`),
    tallies: at(`polls/${poll}`),
    result: kind === "single" ? null : at(`polls/${poll}/result`),
});

// The tallies at `url`, one poll's or a list's, whether these are all, and the identity of their ledger; or null, as above.
async function ask(url) {
    const tallies = [];
    let next = url;
    let ledger = "";
    for (let parts = 0; next && parts < PARTS_MOST; parts++) {
        const told = await askOnce(next);
        if (!told) {
            return null;
        }
        ledger = told.ledger;
        tallies.push(...(told.polls ?? [told]));
        next = told.next ? at(`.${told.next}`) : null;
    }
    return { tallies, isAll: !next, ledger };
}

// Calls onTally with each tally; onResult with each result of the poll's method; onLedger with the ledger's identity now and then, also if it holds no poll; onLink with "live",
// "lost", or "none" while the page is not looked at or shows a list that is too long to be asked for; and onOdd when the server,
// or what is before it, answers with something else, which may be because the poll is gone. `events` is a stream's address,
// `tallies` that at which the same can be asked for, and `result` that of the result, if there is one.
export function follow({ events, tallies, result }, { onTally, onResult = () => {}, onLedger = () => {}, onLink, onOdd }) {
    let close = null; // what holds the connection, or waits for the next
    let attempt = 0;
    let suspects = 0; // connections of the browser that may be dead
    const turn = turns(() => close && connectAtOnce());

    function wait(ms, next) {
        const timer = setTimeout(next, ms);
        close = () => clearTimeout(timer);
    }

    function lost(why) {
        onLink("lost");
        if (why === "refused") {
            onOdd();
        }
        suspects = why === "silent" ? SPARE : why === "mute" ? Math.max(0, suspects - 1) : 0;
        wait(suspects > 0 ? 0 : backoff(attempt++), connect);
    }

    function isHeard(link) {
        suspects = 0;
        onLink(link);
    }

    function show(tally) {
        attempt = 0;
        onTally(tally);
    }

    function stream() {
        const patience = suspects > 0 ? SOON_MS : ANSWER_MS;
        close = openStream(events, patience, { onOpen: () => isHeard("live"), onTally: show, onResult, onBeat: onLedger, onEnd: lost });
    }

    // A page whose tallies may be missing does not claim to be live.
    function showAll({ tallies: all, isAll, ledger }) {
        isHeard(isAll ? "live" : "none");
        all.forEach(show);
        onLedger(ledger);
        wait(ASK_MS, connect);
    }

    function poll() {
        let closed = false;
        close = () => (closed = true);
        turn.ask();
        result && askOnce(result).then((told) => closed || (told && onResult(told)), () => {});
        ask(tallies).then(
            (told) => closed || (told ? showAll(told) : lost("refused")),
            () => closed || lost("broken"),
        );
    }

    function connect() {
        turn.mayStream() ? stream() : poll();
    }

    function stop() {
        close?.();
        close = null;
    }

    function connectAtOnce() {
        stop();
        attempt = 0;
        connect();
    }

    function leave() {
        stop();
        turn.leave();
        onLink("none");
    }

    function look() {
        if (document.hidden) {
            leave();
        } else {
            turn.enter();
            connectAtOnce();
        }
    }

    document.addEventListener("visibilitychange", look);
    addEventListener("online", () => close && connectAtOnce());
    addEventListener("offline", () => close && onLink("lost"));
    addEventListener("pagehide", leave);
    addEventListener("pageshow", (event) => event.persisted && look());
    look();
}
