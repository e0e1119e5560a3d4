// The list of polls: each card follows its poll, and a poll that is created gets a card.

import { filter } from "./filter.js";
import { follow } from "./live.js";
import { at } from "./place.js";
import { renewer } from "./renew.js";
import { isBehind, isOfOtherLedger, isOther, mayBeNewer, showLink, showStack } from "./rows.js";

const cardOf = (poll) => document.querySelector(`.card[data-poll="${CSS.escape(poll)}"]`);

// A part of a longer list shows its own polls only.
const isWhole = () => "whole" in document.querySelector("main").dataset;

const latest = new Map(); // tallies by their polls
const showFilter = filter();

const renew = renewer(location.href, () => {
    showFilter();
    for (const card of document.querySelectorAll(".card")) {
        const tally = latest.get(card.dataset.poll);
        if (isBehind(card, tally)) {
            renew();
        }
        if (mayBeNewer(card, tally)) {
            showStack(card, tally);
        }
    }
});

function show(tally) {
    latest.set(tally.poll, tally);
    const card = cardOf(tally.poll);
    if (card ? isOther(card, tally) : isWhole()) {
        renew({ atOnce: card && isOfOtherLedger(card, tally) });
    }
    if (card) {
        showStack(card, tally);
    }
}

// The words about who leads are made by the server.
function showResult(result) {
    const card = cardOf(result.poll);
    if (card && result.seq > Number(card.dataset.resultSeq) && result.winners?.join(" ") !== card.dataset.winners) {
        renew();
    }
}

// A ledger without polls has no tally that tells of it.
function check(ledger) {
    const { since } = document.querySelector("main").dataset;
    if (!since.startsWith(`${ledger}-`)) {
        renew({ atOnce: true });
    }
}

// The page does not repeat what it shows already.
const { since } = document.querySelector("main").dataset;

showFilter();
follow(
    { events: at(`events?since=${since}&results=yes`), tallies: at("polls") },
    { onTally: show, onResult: showResult, onLedger: check, onLink: showLink, onOdd: renew },
);
