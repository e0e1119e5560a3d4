// Vote and see: the ballot paper votes, and the bars follow.

import { announcer } from "./announce.js";
import { newId, sendBallot } from "./ballot.js";
import { addressesOf, follow } from "./live.js";
import { phrases } from "./marks.js";
import { orderById, orderByOwn } from "./order.js";
import { Outbox } from "./outbox.js";
import { ownBallot } from "./own.js";
import { at } from "./place.js";
import { isMeant } from "./question.js";
import { renewer } from "./renew.js";
import { hasTurned, isBehind, isOfOtherLedger, isOther, labelsOf, mayBeNewer, showLink, showRows, showWinners, winnersOf } from "./rows.js";
import { noShelf, shelf } from "./shelf.js";
import { single } from "./single.js";
import { summary } from "./tally.js";

const SLOW_MS = 300; // after which a voter wonders
const ASK_MS = 5000; // within which pages ask, not all at one instant

const hints = {
    waiting: "The poll is not open yet. You can vote here as soon as it is.",
    closed: "The poll is closed: it takes no ballots now.",
};

// These are another's when the page is made anew.
let main = document.querySelector("main");
let labels = labelsOf(main);

const { poll, kind, ballots, voters } = main.dataset;

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
const paper = kind === "single" ? single({ every }) : (await import("./paper.js")).paper({ kind, every });
paper.attach(main);

// ---- what is said ----

// Kinds: hint, done, busy, error.
function say(kind, text) {
    const notice = document.getElementById("notice");
    notice.dataset.kind = kind;
    notice.textContent = text;
}

const says = (kind) => document.getElementById("notice").dataset.kind === kind;

function hint() {
    say("hint", hints[main.dataset.state] ?? main.dataset.hint);
}

const phrase = (text) => phrases(kind, text, labels);

// ---- the ballot that counts ----

// The own ballot that came with the page.
const toldOwn = () => ({ ledger: main.dataset.ledger, seq: Number(main.dataset.own), text: main.dataset.ballot || null });

// Whether there is such a thing: not where every ballot counts, and where voters have names, the next one may sit at the same
// screen.
const hasOwn = !named && !every;
const own = ownBallot(poll, toldOwn(), recall);

// Says which ballot counts. Those before it that came to nothing don't, and can't any more.
function recall() {
    paper.show(own.text);
    outbox.settle();
    if (own.text) {
        say("done", `${phrase(own.text).is}.`);
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
    isSame: (one, other) => one.text === other.text && one.voter === other.voter,
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
    paper.enable(main.dataset.state === "open" && !outbox.isFull);
    if (outbox.pending === 0) {
        clearTimeout(slow);
        slow = 0;
    } else if (says("busy")) {
        sayBusy();
    } else {
        slow ||= setTimeout(sayBusy, SLOW_MS);
    }
}

function sayUnknown({ text }) {
    const many = outbox.unknown > 1;
    const which = many ? `${outbox.unknown} of your votes are counted.` : `your ${phrase(text).its} is counted.`;
    const how = many ? `${paper.again} again: each of them counts once.` : `${paper.again} it again: it counts once.`;
    say("error", `It is not known yet whether ${which}${main.dataset.state === "open" ? ` ${how}` : ""}`);
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
    if (!isSecond || !own.text) {
        return `Not counted: ${detail}.`;
    }
    const counts = `Not counted: your ${phrase(own.text).its} was recorded before`;
    return replaces ? `${counts}. ${paper.again} again to change it.` : `${counts}, and is final.`;
}

function sayRecorded({ text }) {
    say("done", `Your ${phrase(text).its} is recorded.`);
}

// The answer may have been overtaken by news of a later ballot, from this browser's other pages: then that is the one that
// counts.
function showRecorded(ballot, { seq }) {
    if (hasOwn) {
        own.heard({ ledger: main.dataset.ledger, seq, text: ballot.text, meantMs: ballot.meant.atMs });
    }
    if (hasOwn && own.seq !== seq) {
        recall();
    } else {
        paper.show(ballot.text);
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

async function vote(text) {
    const ballot = { text, id: newId(), token, meant: { atMs: Date.now(), afterSeq: own.seq } };
    if (named) {
        ballot.voter = document.getElementById("voter").value.trim();
    }
    if (ballots === "once" && !(await isMeant(phrase(text)))) {
        return;
    }
    outbox.add(ballot);
    showSending();
}

document.addEventListener("submit", (event) => {
    if (event.target.closest("main")) {
        event.preventDefault();
        const { text, fault } = paper.read(event.submitter);
        fault ? say("error", fault) : vote(text);
    }
});

// With another name in the field what was recorded is another's.
document.addEventListener("input", (event) => {
    if (event.target.id === "voter" && says("done")) {
        paper.show(null);
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
    if (main.dataset.kind !== kind || main.dataset.ballots !== ballots || main.dataset.voters !== voters) {
        location.reload(); // another poll of the same name, with other rules
        return;
    }
    labels = labelsOf(main);
    paper.attach(main);
    takeToken();
    if (isBehind(main, latest)) {
        renew();
    }
    if (mayBeNewer(main, latest)) {
        showRows(main, latest);
    }
    showSending();
    own.heard(toldOwn());
    paper.show(own.text);
});

function show(tally) {
    latest = tally;
    const atOnce = isOfOtherLedger(main, tally);
    if (isOther(main, tally) || hasTurned(main, tally)) {
        renew({ atOnce });
    }
    if (showRows(main, tally)) {
        showSending();
        announce(summary(tally, labels, winnersOf(main)));
        askOfDoubts();
        askForOthers();
        if (says("hint")) {
            hint();
        }
    }
    if (atOnce) {
        own.heard({ ledger: tally.ledger, seq: 0, text: null });
    }
}

// A page that comes back asks what came of the ballots meanwhile, its own and those of the browser's other pages.
let lives = 0;
function showAndAsk(state) {
    if (showLink(state) && state === "live" && lives++ > 0 && hasOwn) {
        own.ask();
    }
}

if (hasOwn && own.text) {
    recall();
} else {
    paper.show(own.text);
}
if (outbox.lastUnknown) {
    sayUnknown(outbox.lastUnknown);
}
addEventListener("pagehide", () => outbox.flush());
history.replaceState(null, "", at(`p/${poll}`)); // which may be that of a form
// A closed poll's page has the result in words, which may be made after it has closed.
function showResult(result) {
    const { state, ledger, resultSeq } = main.dataset;
    const isNews = state === "closed" && result.ledger === ledger && result.seq > Number(resultSeq);
    showWinners(main, result);
    if (isNews) {
        renew();
    }
}

follow(addressesOf(poll, kind), {
    onTally: show,
    onResult: showResult,
    onLink: showAndAsk,
    onOdd: renew,
});
