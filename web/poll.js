// Vote and see: one tap votes, and the bars follow.

import { announcer } from "./announce.js";
import { newId, sendBallot } from "./ballot.js";
import { follow } from "./live.js";
import { orderById, orderByOwn } from "./order.js";
import { Outbox } from "./outbox.js";
import { ownBallot } from "./own.js";
import { at } from "./place.js";
import { isMeant } from "./question.js";
import { renewer } from "./renew.js";
import { hasTurned, isBehind, isOfOtherLedger, isOther, labelsOf, mayBeNewer, showLink, showRows } from "./rows.js";
import { noShelf, shelf } from "./shelf.js";
import { summary } from "./tally.js";

const SLOW_MS = 300; // after which a voter wonders
const ASK_MS = 5000; // within which pages ask, not all at one instant

const hints = {
    waiting: "The poll is not open yet. You can vote here as soon as it is.",
    open: "Choose one to vote.",
    closed: "The poll is closed: it takes no ballots now.",
};

// These are another's when the page is made anew.
let main = document.querySelector("main");
let labels = labelsOf(main);

const { poll, ballots, voters } = main.dataset;

// The token that the first page gave a browser without a cookie stays, for as long as the ledger does: another token would be
// another voter's, and that of another ledger is nobody's.
let { token, ledger: ledgerOfToken } = main.dataset;

function takeToken() {
    if (main.dataset.ledger !== ledgerOfToken) {
        ({ token, ledger: ledgerOfToken } = main.dataset);
    }
}

const every = ballots === "unlimited";
const named = voters === "named";
const announce = announcer(document.getElementById("announce"));
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

// ---- the ballot that counts ----

// The own ballot that came with the page.
function toldOwn() {
    const voted = main.querySelector(".voted");
    return { ledger: main.dataset.ledger, seq: Number(main.dataset.own), choice: voted?.dataset.choice ?? null };
}

// Whether there is such a thing: not where every ballot counts, and where voters have names, the next one may sit at the same
// screen.
const hasOwn = !named && !every;
const own = ownBallot(poll, toldOwn(), recall);

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

// Says which ballot counts. Those before it that came to nothing don't, and can't any more.
function recall() {
    markVoted(own.choice);
    outbox.settle();
    if (labels.has(own.choice)) {
        say("done", `Your vote is for ${labels.get(own.choice)}.`);
    } else {
        hint();
    }
}

// ---- voting ----

const replaces = ballots === "changeable";

function sender() {
    if (replaces) {
        return named ? orderById(poll) : orderByOwn(poll, own);
    }
    return (ballot) => sendBallot(poll, ballot);
}

const outbox = new Outbox({
    send: sender(),
    isSame: (one, other) => one.choice === other.choice && one.voter === other.voter,
    every,
    onOutcome: tell,
    shelf: hasOwn ? noShelf : shelf(poll, main.dataset.ledger),
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

function sayUnknown({ choice }) {
    const many = outbox.unknown > 1;
    const which = many ? `${outbox.unknown} of your votes are counted.` : `your vote for ${labels.get(choice) ?? choice} is counted.`;
    const how = many ? " Tap again: each of them counts once." : " Tap it again: it counts once.";
    say("error", `It is not known yet whether ${which}${main.dataset.state === "open" ? how : ""}`);
}

// A poll that has closed takes no taps by which a voter could ask. It counts nothing new, so the page may ask by itself.
function askOfDoubts() {
    if (main.dataset.state !== "open") {
        outbox.retry();
    }
}

// Where a voter has one ballot the server says which one counts, if it knows whose it is. Where it can be changed, others of
// the same voter have come before this one each time that it was sent.
async function refusalText({ code, detail }) {
    const isSecond = code === "ALREADY-VOTED" && hasOwn;
    if (isSecond) {
        await own.ask();
    }
    if (!isSecond || !labels.has(own.choice)) {
        return `Not counted: ${detail}.`;
    }
    const counts = `Not counted: your vote for ${labels.get(own.choice)} was recorded before`;
    return replaces ? `${counts}. Tap again to change it.` : `${counts}, and is final.`;
}

function sayRecorded({ choice }) {
    say("done", `Your vote for ${labels.get(choice) ?? choice} is recorded.`);
}

// The answer may have been overtaken by news of a later ballot, from this browser's other pages: then that is the one that
// counts.
function showRecorded(ballot, { seq }) {
    if (hasOwn) {
        own.heard({ ledger: main.dataset.ledger, seq, choice: ballot.choice, meantMs: ballot.meant.atMs });
    }
    if (hasOwn && own.seq !== seq) {
        recall();
    } else {
        markVoted(ballot.choice);
        sayRecorded(ballot);
    }
}

async function tell(ballot, result) {
    showSending();
    if (result.outcome === "recorded") {
        showRecorded(ballot, result);
    } else if (result.outcome === "refused") {
        say("error", await refusalText(result));
    } else if (result.outcome === "overtaken") {
        recall();
    } else {
        sayUnknown(ballot);
    }
}

async function vote(choice) {
    const ballot = { choice, id: newId(), token, meant: { atMs: Date.now(), afterSeq: own.seq } };
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

// With another name in the field what was recorded is another's.
document.addEventListener("input", (event) => {
    if (event.target.id === "voter" && says("done")) {
        markVoted(null);
        hint();
    }
});

// ---- what the server tells ----

let latest = null;
let asking = 0;

// Where an address is a voter, another browser at the same address may have cast the ballot that counts now.
function askForOthers() {
    if (hasOwn && voters === "address") {
        asking ||= setTimeout(() => ((asking = 0), own.ask()), Math.random() * ASK_MS);
    }
}

const renew = renewer(at(`p/${poll}`), () => {
    main = document.querySelector("main");
    if (main.dataset.ballots !== ballots || main.dataset.voters !== voters) {
        location.reload(); // another poll of the same name, with other rules
        return;
    }
    labels = labelsOf(main);
    takeToken();
    if (isBehind(main, latest)) {
        renew();
    }
    if (mayBeNewer(main, latest)) {
        showRows(main, latest);
    }
    showSending();
    own.heard(toldOwn());
    markVoted(own.choice);
});

function show(tally) {
    latest = tally;
    const atOnce = isOfOtherLedger(main, tally);
    if (isOther(main, tally) || hasTurned(main, tally)) {
        renew({ atOnce });
    }
    if (showRows(main, tally)) {
        showSending();
        announce(summary(tally, labels));
        askOfDoubts();
        askForOthers();
        if (says("hint")) {
            hint();
        }
    }
    if (atOnce) {
        own.heard({ ledger: tally.ledger, seq: 0, choice: null });
    }
}

// A page that comes back asks what came of the ballots meanwhile, its own and those of the browser's other pages.
let lives = 0;
function showAndAsk(state) {
    if (showLink(state) && state === "live" && lives++ > 0 && hasOwn) {
        own.ask();
    }
}

if (hasOwn && own.choice) {
    recall();
} else {
    markVoted(own.choice);
}
if (outbox.lastUnknown) {
    sayUnknown(outbox.lastUnknown);
}
addEventListener("pagehide", () => outbox.flush());
history.replaceState(null, "", at(`p/${poll}`)); // which may be that of a form
follow(
    { events: at(`polls/${poll}/events`), tallies: at(`polls/${poll}`) },
    { onTally: show, onLink: showAndAsk, onOdd: renew },
);
