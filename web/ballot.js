// Sends a ballot, and says what is known of it afterwards.
//
// Only the server's own words decide: its 201 says that the ballot is counted, its problem (RFC 9457) that it certainly is
// not. Whatever else comes, or does not come, says neither: a proxy's error, the page of a network that wants a login, a
// redirect, a broken connection, silence. The ballot is then unknown, and may be sent again as it is: its `id` makes it
// count once.

import { at } from "./place.js";

const ANSWER_MS = 10000;

export function newId() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const hasType = (response, type) => response.headers.get("Content-Type")?.split(";")[0].trim() === type;

// Proxies may answer with problems too. Above 499 only the server's own code tells that it was the server's; 408 is what a
// proxy says that waited in vain.
function isRefusal(problem, status) {
    const coded = /^[A-Z]+(-[A-Z]+)*$/.test(problem.code);
    return problem.status === status && status >= 400 && (coded || (status < 500 && status !== 408));
}

async function judge(response) {
    if (response.status === 201 && hasType(response, "application/json")) {
        const { seq } = await response.json();
        return Number.isSafeInteger(seq) ? { outcome: "recorded", seq } : { outcome: "unknown" };
    }
    if (hasType(response, "application/problem+json")) {
        const problem = await response.json();
        if (isRefusal(problem, response.status)) {
            return { outcome: "refused", code: problem.code, seq: problem.seq, detail: problem.detail ?? problem.title };
        }
    }
    return { outcome: "unknown" };
}

// Returns { outcome: "recorded", seq }, { outcome: "refused", code, seq, detail } or { outcome: "unknown" }; it never throws,
// and returns within ANSWER_MS. The request goes on if the page is left meanwhile.
export async function sendBallot(poll, ballot) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), ANSWER_MS);
    try {
        return await judge(
            await fetch(at(`polls/${poll}/ballots`), {
                method: "POST",
                headers: { "Content-Type": "application/json", Accept: "application/json" },
                body: JSON.stringify(ballot),
                redirect: "error",
                keepalive: true,
                signal: limit.signal,
            }),
        );
    } catch {
        return { outcome: "unknown" };
    } finally {
        clearTimeout(timer);
    }
}
