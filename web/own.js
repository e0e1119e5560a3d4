// The ballot of this browser that counts in a poll: its text, and the number of its entry in the ledger; 0 stands
// for none. Only the server knows it; the browser's pages pass its answer on to each other, so that they agree. An
// unlimited poll has no such ballot, and where voters have names, the next one may sit at the same screen.

import { at } from "./place.js";

const ANSWER_MS = 10000;

// `first` is what the page came with: { ledger, seq, text }. onChange is called when it is another one. Of a ballot that one
// of the browser's pages has sent, meantMs is the time at which the voter asked for it.
export function ownBallot(poll, first, onChange) {
    let own = first;
    const channel = globalThis.BroadcastChannel ? new BroadcastChannel(`tallycast own ${at(`p/${poll}`)}`) : null;

    // Of the same ledger, an older entry is old news.
    function take(news) {
        const isNew = news.ledger !== own.ledger || news.seq > own.seq;
        if (isNew) {
            own = news;
            onChange();
        }
        return isNew;
    }

    channel?.addEventListener("message", ({ data }) => data.ledger === own.ledger && take(data));

    return {
        get seq() {
            return own.seq;
        },
        get text() {
            return own.text;
        },
        get meantMs() {
            return own.meantMs ?? 0;
        },
        // Takes the server's answer to this page.
        heard(news) {
            if (take(news)) {
                channel?.postMessage(own);
            }
        },
        // Asks the server.
        async ask() {
            const limit = new AbortController();
            const timer = setTimeout(() => limit.abort(), ANSWER_MS);
            try {
                const response = await fetch(at(`polls/${poll}/ballots/mine`), { redirect: "error", signal: limit.signal });
                const { ledger, seq, ballot } = await response.json();
                if (response.ok && ledger && Number.isSafeInteger(seq)) {
                    this.heard({ ledger, seq, text: ballot });
                }
            } catch {
                // What was known before stays.
            } finally {
                clearTimeout(timer);
            }
        },
    };
}
