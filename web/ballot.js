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

// With which the server refuses a ballot (doc/HTTP.md). Proxies answer with problems too, of their own.
const CODES = new Set([
    "ALREADY-VOTED",
    "BAD-ARGUMENT",
    "BAD-BALLOT",
    "LIMIT",
    "NO-SUCH-CHOICE",
    "NO-SUCH-POLL",
    "OTHER-HOST",
    "OTHER-SITE",
    "POLL-CLOSED",
    "SHUTTING-DOWN",
    "STORAGE",
    "TOO-MANY-CONNECTIONS",
    "VOTER-REQUIRED",
]);

// With which the ledger has judged the ballot itself, copies of it that came before included.
const JUDGED = new Set(["ALREADY-VOTED", "NO-SUCH-CHOICE", "NO-SUCH-POLL", "POLL-CLOSED"]);

const hasType = (response, type) => response.headers.get("Content-Type")?.split(";")[0].trim() === type;

const isRecord = ({ seq, duplicate }) => Number.isSafeInteger(seq) && seq > 0 && typeof duplicate === "boolean";
const isRefusal = (problem, status) => problem.status === status && status >= 400 && CODES.has(problem.code);

async function judge(response) {
    if (response.status === 201 && hasType(response, "application/json")) {
        const record = await response.json();
        return isRecord(record) ? { outcome: "recorded", seq: record.seq } : { outcome: "unknown" };
    }
    if (hasType(response, "application/problem+json")) {
        const problem = await response.json();
        if (isRefusal(problem, response.status)) {
            const { code, seq, detail } = problem;
            return { outcome: "refused", isJudged: JUDGED.has(code), code, seq, detail };
        }
    }
    return { outcome: "unknown" };
}

// A page knows more of a ballot than the server is told. What it says is its `text` (marks.js).
const bodyOf = ({ text, voter, id, token, after }) => JSON.stringify({ ballot: text, voter, id, token, after });

// Returns { outcome: "recorded", seq }, { outcome: "refused", isJudged, code, seq, detail } or { outcome: "unknown" }; it never
// throws, and returns within ANSWER_MS. A refusal that is not judged speaks of this request alone: if the ballot was sent
// before, that may have counted. The request goes on if the page is left meanwhile.
export async function sendBallot(poll, ballot) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), ANSWER_MS);
    try {
        return await judge(
            await fetch(at(`polls/${poll}/ballots`), {
                method: "POST",
                headers: { "Content-Type": "application/json", Accept: "application/json" },
                body: bodyOf(ballot),
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
