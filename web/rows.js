// Shows a tally: the poll's state, and each choice's figures. The order of the choices never changes.

import { average, ballots, format, partOf, percentOf, percents, stateOf } from "./tally.js";

const states = { waiting: "Not open yet", open: "Open", closed: "Closed" };
const links = { live: "Live", lost: "Reconnecting…", none: "" };
const hiding = "The results are hidden until the poll closes.";

// Changes an element's text only if it must, so that nothing is laid out, or read aloud, for nothing.
function setText(element, text) {
    if (element && element.textContent !== text) {
        element.textContent = text;
    }
}

const rowsOf = (element) => new Map([...element.querySelectorAll("[data-choice]")].map((row) => [row.dataset.choice, row]));

// Whether the tally is of another ledger than what is shown: a new one, or one that was restored.
export const isOfOtherLedger = (element, tally) => tally.ledger !== element.dataset.ledger;

// Whether the latest tally, if there is one, may be newer than a page that was made anew.
export const mayBeNewer = (element, latest) => latest && !isOfOtherLedger(element, latest);

// Whether the tally has the choices that are shown.
function hasSameChoices(element, tally) {
    const rows = rowsOf(element);
    return rows.size === tally.choices.length && tally.choices.every(({ choice }) => rows.has(choice));
}

// Whether the page is to be made anew: texts, choices or the ledger are others.
export function isOther(element, tally) {
    const { texts } = element.dataset;
    return isOfOtherLedger(element, tally) || String(tally.texts) !== texts || !hasSameChoices(element, tally);
}

// Whether the poll has opened, closed, hidden or shown its results meanwhile, of which the page speaks in more places than
// those that a tally changes.
export function hasTurned(element, tally) {
    const { state, results } = element.dataset;
    return stateOf(tally) !== state || (results === "hidden") !== tally.hidden;
}

// Whether a page that was just made anew is behind the latest tally, if there is one: the text or the state has changed once
// more meanwhile.
export function isBehind(element, latest) {
    const { texts, seq } = element.dataset;
    return mayBeNewer(element, latest) && (latest.texts > Number(texts) || (latest.seq > Number(seq) && hasTurned(element, latest)));
}

// The names of those that the poll's result has elected, or would if it closed now; undefined for a single choice, where the
// counts tell.
export const winnersOf = (element) => element.dataset.winners?.split(" ").filter(Boolean);

// Marks those that a result names, unless what is shown is newer.
export function showWinners(element, { ledger, seq, winners, abstain, ballots: counted }) {
    if (ledger !== element.dataset.ledger || seq < Number(element.dataset.resultSeq ?? 0)) {
        return;
    }
    element.dataset.winners = (winners ?? []).join(" ");
    element.dataset.resultSeq = seq;
    element.dataset.resultBallots = counted;
    element.dataset.abstained = abstain ?? 0;
    rowsOf(element).forEach((row, choice) => row.classList.toggle("leads", winnersOf(element).includes(choice)));
}

// The figures of each choice where a ballot may count for several: its share of the ballots, or, where a ballot gives a choice
// up to `most` points, of all the points that those could give it which don't abstain.
function figuresOfBallots(element, tally, most) {
    const voices = most > 1 ? Math.max(0, tally.ballots - Number(element.dataset.abstained)) : tally.ballots;
    const rows = rowsOf(element);
    const leaders = winnersOf(element) ?? [];
    return tally.choices.map(({ choice, count }) => ({
        element: rows.get(choice),
        count: count ?? 0,
        percent: percentOf(count ?? 0, tally.ballots),
        average: average(count ?? 0, voices),
        share: partOf(count ?? 0, voices * most),
        leads: !tally.hidden && leaders.includes(choice),
    }));
}

// The same of a single choice, where the leader is who has most: its element in `element`, its count, its share of all, and that
// of those before.
function figures(element, tally) {
    const { most: points } = element.dataset;
    if (points) {
        return figuresOfBallots(element, tally, Number(points));
    }
    const rows = rowsOf(element);
    const counts = tally.choices.map(({ count }) => count ?? 0);
    const sum = counts.reduce((a, b) => a + b, 0);
    const most = Math.max(...counts);
    let before = 0;
    return percents(counts).map((percent, i) => {
        const count = counts[i];
        before += count;
        return {
            element: rows.get(tally.choices[i].choice),
            count,
            percent,
            share: sum ? count / sum : 0,
            before: sum ? (before - count) / sum : 0,
            leads: sum > 0 && count === most,
        };
    });
}

// Shows the state of a poll in `element`. Returns false, and shows nothing, if what is shown is newer than the tally, or has
// other choices.
export function showTotals(element, tally) {
    const isOlder = !isOfOtherLedger(element, tally) && tally.seq < Number(element.dataset.seq);
    if (isOlder || !hasSameChoices(element, tally)) {
        return false;
    }
    element.dataset.ledger = tally.ledger;
    element.dataset.seq = tally.seq;
    element.dataset.state = stateOf(tally);
    element.dataset.results = tally.hidden ? "hidden" : "shown";
    setText(element.querySelector("[data-state-word]"), states[stateOf(tally)]);
    setText(element.querySelector("[data-hiding]"), tally.hidden ? hiding : "");
    setText(element.querySelector("[data-total]"), format(tally.ballots));
    setText(element.querySelector("[data-total-word]"), ballots(tally.ballots));
    return true;
}

// A row with its own bar for each choice. Returns false if it showed nothing.
export function showRows(element, tally) {
    if (!showTotals(element, tally)) {
        return false;
    }
    for (const { element: row, count, percent, average: mean, share, leads } of figures(element, tally)) {
        row.classList.toggle("leads", leads);
        setText(row.querySelector("[data-count]"), format(count));
        setText(row.querySelector("[data-average]"), mean);
        setText(row.querySelector("[data-percent]"), String(percent));
        row.querySelector("rect").style.transform = `scaleX(${share})`;
    }
    return true;
}

// One bar in which each choice has its part; or, where a ballot may count for several, a thin bar for each. Returns false if it
// showed nothing.
export function showStack(element, tally) {
    if (!showTotals(element, tally)) {
        return false;
    }
    for (const { element: part, share, before, leads } of figures(element, tally)) {
        part.classList.toggle("leads", leads);
        part.style.transform = before === undefined ? `scaleX(${share})` : `translateX(${before}px) scaleX(${share})`;
    }
    return true;
}

export function labelsOf(element) {
    const rows = [...element.querySelectorAll("[data-choice]")];
    return new Map(rows.map((row) => [row.dataset.choice, row.querySelector("[data-label]").textContent]));
}

// Returns whether it was another.
export function showLink(state) {
    const link = document.querySelector(".link");
    const isNew = link.dataset.link !== state;
    link.dataset.link = state;
    setText(link, links[state]);
    return isNew;
}
