// The big screen: the bars follow, fitted to the room that there is, and a button for the whole screen.

import { announcer } from "./announce.js";
import { fitter } from "./fit.js";
import { addressesOf, follow } from "./live.js";
import { at } from "./place.js";
import { fetchPage, renewer } from "./renew.js";
import {
    hasTurned, isBehind, isOfOtherLedger, isOther, labelsOf, mayBeNewer, showLink, showRows, showTotals, showWinners, winnersOf,
} from "./rows.js";
import { ballots, format, summary } from "./tally.js";

const FRESH_MS = 1000; // between two looks at a result that changes

let main = document.querySelector("main");
let latest = null;
const { poll, kind } = main.dataset;
const announce = announcer(document.getElementById("announce"));
const stages = kind === "single" ? null : (await import("./stages.js")).stager();
const fit = fitter();
let hasStages = false;

const isLoopback = (host) => /^(localhost|127\..*|\[::1\])$/.test(host);

function offerFullscreen() {
    const button = document.getElementById("fullscreen");
    button.hidden = !document.fullscreenEnabled;
    button.addEventListener("click", () => document.documentElement.requestFullscreen());
}

// Whether the address that the server tells leads elsewhere than this page. That it is https the server may know alone.
function differ(told, here) {
    return told.host !== here.host || told.pathname !== here.pathname || (here.protocol === "https:" && told.protocol !== "https:");
}

// Behind a proxy that does not pass on what the browser asked for, the server can't know where it is, and this page does: its
// address is put right, and a QR code that leads elsewhere is left out, which is told.
function checkAddress() {
    const link = main.querySelector(".address a");
    const here = new URL(at(`p/${poll}`));
    if (link && differ(new URL(link.href), here)) {
        link.href = here.href;
        link.replaceChildren(here.host, document.createElement("wbr"), here.pathname);
        const text = "No QR code: the proxy does not tell the server this address.";
        main.querySelector(".qr").replaceWith(Object.assign(document.createElement("p"), { className: "no-qr", textContent: text }));
        isLoopback(here.hostname) || main.querySelector(".local")?.remove();
    }
}

// Where the bars are those of a stage, a tally changes the totals alone.
const showTally = (tally) => (hasStages ? showTotals(main, tally) : showRows(main, tally));

function drawStages() {
    hasStages = stages?.draw(main) ?? false;
}

function prepare() {
    offerFullscreen();
    checkAddress();
    drawStages();
    fit(main);
}

const renew = renewer(location.href, () => {
    main = document.querySelector("main");
    if (isBehind(main, latest)) {
        renew();
    }
    if (mayBeNewer(main, latest)) {
        showTally(latest);
    }
    prepare();
});

// ---- results ----

let refreshing = 0;
let toldSeq = 0; // of the newest result that was told

// Says of which tally the result is, if that is an older one than what is shown beside it.
function showAge() {
    const { seq, resultSeq, resultBallots: counted } = main.dataset;
    const age = document.getElementById("age");
    const isOld = Number(resultSeq) > 0 && Number(seq) > Number(resultSeq);
    if (age) {
        age.textContent = isOld ? `As of ${format(Number(counted))} ${ballots(Number(counted))}.` : "";
    }
}

// The words and tables of a result are made by the server.
async function refresh() {
    const page = document.hidden ? null : await fetchPage(location.href);
    const next = page?.querySelector("main");
    refreshing = 0;
    if (next?.dataset.kind !== kind || next.dataset.ledger !== main.dataset.ledger) {
        return;
    }
    for (const part of [".result", "#verdict", "#remarks"]) {
        const fresh = next.querySelector(part);
        fresh && main.querySelector(part)?.replaceWith(document.adoptNode(fresh));
    }
    const { ledger, resultSeq, resultBallots, abstained, winners } = next.dataset;
    showWinners(main, { ledger, seq: Number(resultSeq), ballots: resultBallots, abstain: abstained, winners: winners.split(" ") });
    showAge();
    drawStages();
    fit(main);
    if (Number(next.dataset.resultSeq) < toldSeq) {
        refreshSoon();
    }
}

function refreshSoon() {
    refreshing ||= setTimeout(refresh, FRESH_MS);
}

function showResult(result) {
    toldSeq = result.seq;
    if (result.ledger === main.dataset.ledger && result.seq > Number(main.dataset.resultSeq)) {
        showWinners(main, result);
        showAge();
        refreshSoon();
    }
}

// Another state asks something else of the room, and so changes the whole page.
function show(tally) {
    latest = tally;
    if (isOther(main, tally) || hasTurned(main, tally)) {
        renew({ atOnce: isOfOtherLedger(main, tally) });
    }
    if (showTally(tally)) {
        showAge();
        fit(main);
        announce(summary(tally, labelsOf(main), winnersOf(main)));
    }
}

prepare();
follow(addressesOf(poll, kind), { onTally: show, onResult: showResult, onLink: showLink, onOdd: renew });
