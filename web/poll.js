// Vote and see: one tap votes, and the bars follow.

import { announcer } from "./announce.js";
import { newId, sendBallot } from "./ballot.js";
import { follow } from "./live.js";
import { memory } from "./memory.js";
import { Outbox } from "./outbox.js";
import { at } from "./place.js";
import { isMeant } from "./question.js";
import { renewer } from "./renew.js";
import { hasTurned, isOfOtherLedger, isOther, labelsOf, showLink, showRows } from "./rows.js";
import { summary } from "./tally.js";

const SLOW_MS = 300; // after which a voter wonders

const hints = {
    waiting: "The poll is not open yet. You can vote here as soon as it is.",
    open: "Choose one to vote.",
    closed: "The poll is closed: it takes no ballots now.",
};

// These are another's when the page is made anew.
let main = document.querySelector("main");
let labels = labelsOf(main);

// What the first page gave a browser that brought no cookie stays: another would be another voter's.
const { poll, ballots, voters, token } = main.dataset;
const every = ballots === "unlimited";
const named = voters === "named";
const announce = announcer(document.getElementById("announce"));
const remembered = memory(`tallycast:${poll}`);
const buttons = () => [...main.querySelectorAll("button[name]")];

// ---- what is said ----

// Kinds: hint, done, busy, error.
function say(kind, text) {
    const notice = document.getElementById("notice");
    notice.dataset.kind = kind;
    notice.textContent = text;
}

const says = (kind) => document.getElementById("notice").dataset.kind === kind;

function hint() {
    say("hint", hints[main.dataset.state]);
}

// ---- which choice this browser's ballot is for ----

// An unlimited poll has no such thing, and where voters have names, the next one may sit at the same screen.
function markVoted(choice) {
    main.querySelector(".yours")?.remove();
    for (const button of buttons()) {
        const voted = button.value === choice;
        button.closest("li").classList.toggle("voted", voted);
        if (voted) {
            button.after(Object.assign(document.createElement("span"), { className: "yours", textContent: "Your vote" }));
        }
        if (!every) {
            button.setAttribute("aria-pressed", String(voted));
        }
    }
}

function remember(seq, choice) {
    if (!named && !every) {
        remembered.set(`${main.dataset.ledger} ${seq} ${choice}`);
    }
}

// What another page of this browser, or an earlier one, has heard from the server. Another ledger knows nothing of it.
function recalled() {
    const [ledger, seq, choice] = remembered.get()?.split(" ") ?? [];
    const known = ledger === main.dataset.ledger && labels.has(choice) && !named && !every;
    return known ? { seq: Number(seq), choice } : null;
}

function recall() {
    const own = recalled();
    markVoted(own?.choice);
    if (own) {
        say("done", `Your vote is for ${labels.get(own.choice)}.`);
    }
}

// ---- voting ----

const outbox = new Outbox({
    send: (ballot) => sendBallot(poll, ballot),
    isSame: (one, other) => one.choice === other.choice && one.voter === other.voter,
    every,
    onOutcome: tell,
});
let slow = 0;

function sayBusy() {
    say("busy", outbox.pending > 1 ? `Sending ${outbox.pending} votes…` : "Sending your vote…");
}

function showSending() {
    main.querySelector("form").setAttribute("aria-busy", String(outbox.pending > 0));
    for (const button of buttons()) {
        button.disabled = main.dataset.state !== "open" || outbox.isFull;
    }
    if (outbox.pending === 0) {
        clearTimeout(slow);
        slow = 0;
    } else if (says("busy")) {
        sayBusy();
    } else {
        slow ||= setTimeout(sayBusy, SLOW_MS);
    }
}

function unknownText(label) {
    return outbox.unknown > 1
        ? `It is not known yet whether ${outbox.unknown} of your votes are counted. Tap again: each of them counts once.`
        : `It is not known yet whether your vote for ${label} is counted. Tap it again: it counts once.`;
}

// A refusal says with which entry another choice was recorded; whether it was this browser's is known from its answer.
function refusalText({ code, seq, detail }) {
    const own = code === "ALREADY-VOTED" ? recalled() : null;
    return own?.seq === seq && own
        ? `Not counted: your vote for ${labels.get(own.choice)} was recorded before, and is final.`
        : `Not counted: ${detail}.`;
}

function tell({ choice }, result) {
    const label = labels.get(choice) ?? choice;
    if (result.outcome === "recorded") {
        say("done", `Your vote for ${label} is recorded.`);
        markVoted(choice);
        remember(result.seq, choice);
    } else if (result.outcome === "refused") {
        say("error", refusalText(result));
    } else {
        say("error", unknownText(label));
    }
    showSending();
}

async function vote(choice) {
    const ballot = { choice, id: newId(), token };
    if (named) {
        ballot.voter = document.getElementById("voter").value.trim();
    }
    if (ballots === "once" && !(await isMeant(labels.get(choice)))) {
        return;
    }
    outbox.add(ballot);
    showSending();
}

document.addEventListener("submit", (event) => {
    if (event.target.closest("main")) {
        event.preventDefault();
        vote(event.submitter.value);
    }
});

// ---- what the server tells ----

const renew = renewer(() => {
    main = document.querySelector("main");
    labels = labelsOf(main);
    showSending();
    markVoted(recalled()?.choice);
});

// What was said was of the other one.
function forget() {
    hint();
    recall();
}

function show(tally) {
    const atOnce = isOfOtherLedger(main, tally);
    if (isOther(main, tally) || hasTurned(main, tally)) {
        renew({ atOnce });
    }
    if (showRows(main, tally)) {
        showSending();
        announce(summary(tally, labels));
        if (says("hint")) {
            hint();
        }
    }
    if (atOnce) {
        forget();
    }
}

recall();
remembered.onChange(recall);
follow(
    { events: at(`polls/${poll}/events`), tallies: at(`polls/${poll}`) },
    { onTally: show, onLink: showLink, onOdd: renew },
);
