// Shows a tally: the poll's state, and each choice's figures. The order of the choices never changes.

import { ballots, format, percents } from "./tally.js";

// Changes an element's text only if it must, so that nothing is laid out, or read aloud, for nothing.
function setText(element, text) {
    if (element && element.textContent !== text) {
        element.textContent = text;
    }
}

// What the tally says of each choice: its element in `element`, its count, its share of all, and that of those before.
function figures(element, tally) {
    const elements = new Map([...element.querySelectorAll("[data-choice]")].map((each) => [each.dataset.choice, each]));
    const counts = tally.choices.map(({ count }) => count ?? 0);
    const sum = counts.reduce((a, b) => a + b, 0);
    const most = Math.max(...counts);
    let before = 0;
    return percents(counts).map((percent, i) => {
        const count = counts[i];
        before += count;
        return {
            element: elements.get(tally.choices[i].choice),
            count,
            percent,
            share: sum ? count / sum : 0,
            before: sum ? (before - count) / sum : 0,
            leads: sum > 0 && count === most,
        };
    });
}

// Shows the state of a poll in `element`. Returns false, and shows nothing, if what is shown is newer than the tally.
function showState(element, tally) {
    if (tally.seq < Number(element.dataset.seq)) {
        return false;
    }
    element.dataset.seq = tally.seq;
    element.dataset.state = tally.open ? "open" : "closed";
    element.dataset.results = tally.hidden ? "hidden" : "shown";
    setText(element.querySelector("[data-total]"), format(tally.ballots));
    setText(element.querySelector("[data-total-word]"), ballots(tally.ballots));
    return true;
}

// A row with its own bar for each choice. Returns false if what is shown is newer.
export function showRows(element, tally) {
    if (!showState(element, tally)) {
        return false;
    }
    for (const { element: row, count, percent, share, leads } of figures(element, tally)) {
        row.classList.toggle("leads", leads);
        setText(row.querySelector("[data-count]"), format(count));
        setText(row.querySelector("[data-percent]"), String(percent));
        row.querySelector("rect").style.transform = `scaleX(${share})`;
    }
    return true;
}

// One bar in which each choice has its part.
export function showStack(element, tally) {
    if (!showState(element, tally)) {
        return;
    }
    for (const { element: part, share, before, leads } of figures(element, tally)) {
        part.classList.toggle("leads", leads);
        part.style.transform = `translateX(${before}px) scaleX(${share})`;
    }
}

export function labelsOf(element) {
    const rows = [...element.querySelectorAll("[data-choice]")];
    return new Map(rows.map((row) => [row.dataset.choice, row.querySelector("[data-label]").textContent]));
}

export function showLink(state) {
    document.querySelector(".link").dataset.link = state;
}
