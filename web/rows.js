// The rows of a poll's choices, and what else shows its tally. The order of the choices never changes.

import { ballots, format, percents } from "./tally.js";

// Changes an element's text only if it must, so that nothing is laid out, or read aloud, for nothing.
function setText(element, text) {
    if (element && element.textContent !== text) {
        element.textContent = text;
    }
}

function showRow(row, count, percent, sum, leads) {
    row.classList.toggle("leads", leads);
    setText(row.querySelector("[data-count]"), format(count));
    setText(row.querySelector("[data-percent]"), String(percent));
    row.querySelector("rect").style.transform = `scaleX(${sum ? count / sum : 0})`;
}

// Shows a tally in `element`, which holds a [data-choice] for each choice. Returns false, and shows nothing, if what is
// shown is newer.
export function showTally(element, tally) {
    if (tally.seq < Number(element.dataset.seq)) {
        return false;
    }
    element.dataset.seq = tally.seq;
    element.dataset.state = tally.open ? "open" : "closed";
    element.dataset.results = tally.hidden ? "hidden" : "shown";
    setText(element.querySelector("[data-total]"), format(tally.ballots));
    setText(element.querySelector("[data-total-word]"), ballots(tally.ballots));

    const rows = new Map([...element.querySelectorAll("[data-choice]")].map((row) => [row.dataset.choice, row]));
    const counts = tally.choices.map(({ count }) => count ?? 0);
    const sum = counts.reduce((a, b) => a + b, 0);
    const most = Math.max(...counts);
    percents(counts).forEach((percent, i) => {
        showRow(rows.get(tally.choices[i].choice), counts[i], percent, sum, sum > 0 && counts[i] === most);
    });
    return true;
}

export function labelsOf(element) {
    const rows = [...element.querySelectorAll("[data-choice]")];
    return new Map(rows.map((row) => [row.dataset.choice, row.querySelector("[data-label]").textContent]));
}

export function showLink(state) {
    document.querySelector(".link").dataset.link = state;
}
