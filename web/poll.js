// Vote and see: one tap votes, and the bars follow.

import { announcer } from "./announce.js";
import { follow } from "./live.js";
import { labelsOf, showLink, showRows } from "./rows.js";
import { summary } from "./tally.js";
import { memory } from "./memory.js";

const main = document.querySelector("main");
const form = main.querySelector("form");
const notice = document.getElementById("notice");
const buttons = [...form.querySelectorAll("button")];
const poll = main.dataset.poll;
const labels = labelsOf(main);
const announce = announcer(document.getElementById("announce"));
const unlimited = main.dataset.ballots === "unlimited";
const named = main.dataset.voters === "named";
const remembered = memory(`tallycast:${poll}`);
let busy = false;

function say(kind, text) {
    notice.dataset.kind = kind;
    notice.textContent = text;
}

// Which choice this browser's ballot is for. An unlimited poll has no such thing, and where voters have names, the next
// one may sit at the same screen.
function markVoted(choice) {
    for (const button of buttons) {
        const voted = button.value === choice;
        button.closest("li").classList.toggle("voted", voted);
        if (!unlimited) {
            button.setAttribute("aria-pressed", String(voted));
        }
    }
}

function enableButtons() {
    for (const button of buttons) {
        button.disabled = main.dataset.state === "closed";
    }
}

function show(tally) {
    if (!showRows(main, tally)) {
        return;
    }
    enableButtons();
    announce(summary(tally, labels));
}

// The key makes it safe to send a ballot again when the answer to it was lost: it counts once.
let key = null;
function ballotFor(choice) {
    const ballot = { choice };
    if (form.elements.token) { // of a browser without a cookie
        ballot.token = form.elements.token.value;
    }
    if (named) {
        ballot.voter = form.elements.voter.value;
    }
    if (unlimited) {
        key = key?.choice === choice ? key : { choice, id: newId() };
        ballot.id = key.id;
    }
    return ballot;
}

function newId() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Why the server refused, in words.
async function reason(response) {
    try {
        const problem = await response.json();
        return problem.detail ?? problem.title;
    } catch {
        return `${response.status} ${response.statusText}`;
    }
}

// Returns the recorded ballot's sequence, or throws why there is none, in words.
async function post(ballot) {
    let response;
    try {
        response = await fetch(form.action, {
            method: "POST",
            headers: { "Content-Type": "application/json", Accept: "application/json" },
            body: JSON.stringify(ballot),
        });
    } catch {
        throw new Error("The server can’t be reached. Try again in a moment.");
    }
    key = null;
    if (!response.ok) {
        throw new Error(`Not counted: ${await reason(response)}.`);
    }
    return (await response.json()).seq;
}

async function vote(choice) {
    if (busy) {
        return;
    }
    busy = true;
    form.setAttribute("aria-busy", "true");
    const slow = setTimeout(() => say("busy", "Sending your vote…"), 300);
    try {
        const seq = await post(ballotFor(choice));
        say("done", `Your vote for ${labels.get(choice)} is recorded.`);
        markVoted(choice);
        if (!named && !unlimited) {
            remembered.set(`${seq} ${choice}`);
        }
    } catch (refusal) {
        say("error", refusal.message);
    } finally {
        clearTimeout(slow);
        busy = false;
        form.removeAttribute("aria-busy");
    }
}

form.addEventListener("submit", (event) => {
    event.preventDefault();
    vote(event.submitter.value);
});

// The address says what was just voted without this script; a reload should not say it again.
function recall() {
    if (new URL(location).searchParams.has("voted")) {
        markVoted(new URL(location).searchParams.get("voted"));
        history.replaceState(null, "", location.pathname);
        return;
    }
    // A ballot that the poll has not come to yet was another poll's of that name, in another database.
    const [seq, choice] = remembered.get()?.split(" ") ?? [];
    const known = labels.has(choice) && Number(seq) <= Number(main.dataset.seq);
    markVoted(known ? choice : null);
    if (known) {
        say("done", `Your vote is for ${labels.get(choice)}.`);
    }
}

recall();
follow(`/polls/${poll}/events`, { onTally: show, onLink: showLink });
