// Ballot papers that are filled in, and then sent: approvals, scores, ranks. What is filled in is in the form's own fields, as
// without a script, so it outlives a page that is made anew. A line says in words what would be sent.

import { ABSTENTION, marksOf, textOf, wordsOf } from "./marks.js";
import { ranking } from "./ranking.js";
import { labelsOf } from "./rows.js";

const NONE = { approval: "None ticked yet.", score: "0 for each.", ranked: "None ranked yet." };
const OTHERS = { approval: "", score: "; 0 for the others", ranked: "; the others are not ranked" };
const TOO_FEW = { approval: "Tick at least", ranked: "Rank at least" };
const TOO_MANY = { approval: "untick", score: "0 for", ranked: "take off" };

const inputsOf = (row) => [...row.querySelectorAll("input")];

function markOf(row) {
    const [input] = inputsOf(row);
    return input.type === "number" ? Number(input.value) : Number(row.querySelector("input:checked")?.value ?? 0);
}

function setMark(row, mark) {
    for (const input of inputsOf(row)) {
        if (input.type === "number") {
            input.value = mark || "";
        } else {
            input.checked = Number(input.value) === mark;
        }
    }
}

export function paper({ kind, every }) {
    let main = null;
    let shown = null; // the text of the ballot that counts, as it was filled in
    let rows = [];
    let limits = { min: 0, max: Infinity };
    let ranks = null;

    const marks = () => new Map(rows.map((row) => [row.dataset.choice, markOf(row)]).filter(([, mark]) => mark > 0));
    const write = (all) => textOf(kind, all, rows.map((row) => row.dataset.choice), limits.min);
    const isSame = (one, other) => (one.size === 0 || other.size === 0 ? one.size === other.size : write(one) === write(other));

    function fill(all) {
        rows.forEach((row) => setMark(row, all.get(row.dataset.choice) ?? 0));
        ranks?.draw();
        tell();
    }

    // What is wrong with so many marks, or "".
    function fault(count) {
        const { min, max } = limits;
        const over = count > max ? `At most ${max}: ${TOO_MANY[kind]} ${count - max}.` : "";
        return count < min && TOO_FEW[kind] ? `${TOO_FEW[kind]} ${min}.` : over;
    }

    function words(all) {
        const count = kind === "approval" && limits.max < rows.length ? `${all.size} of at most ${limits.max}: ` : "";
        const others = all.size < rows.length ? OTHERS[kind] : "";
        return all.size === 0 ? NONE[kind] : `${count}${wordsOf(kind, all, labelsOf(main))}${others}.`;
    }

    // Says in words what is filled in.
    function tell() {
        const all = marks();
        const line = main.querySelector(".line"); // not of a closed poll
        if (!line) {
            return;
        }
        const isOver = all.size > limits.max;
        const text = [words(all), isOver ? fault(all.size) : ""].join(" ").trim();
        line.dataset.kind = isOver ? "error" : "";
        if (line.textContent !== text) {
            line.textContent = text;
        }
    }

    return {
        again: "Send",
        attach(newMain) {
            main = newMain;
            rows = [...main.querySelectorAll("form [data-choice]")];
            limits = { min: Number(main.dataset.min), max: Number(main.dataset.max) };
            shown ??= main.dataset.ballot || null;
            ranks = kind === "ranked" ? ranking(main, rows, { isEqual: main.dataset.equal === "yes", onChange: tell }) : null;
            main.querySelector("form").addEventListener("input", tell);
            tell();
        },
        // The text of the ballot that a button sends, or what is wrong with it.
        read(button) {
            const all = marks();
            const wrong = button.value === ABSTENTION ? "" : fault(all.size);
            return wrong ? { fault: wrong } : { text: button.value === ABSTENTION ? ABSTENTION : write(all) };
        },
        // Shows the ballot that counts, or none, unless the voter has begun with another one.
        show(text) {
            if (text === ABSTENTION || isSame(marks(), marksOf(kind, shown))) {
                fill(marksOf(kind, text));
            }
            shown = text;
            main.querySelectorAll(".cast").forEach((cast) => (cast.textContent = text && !every ? "Change my vote" : "Vote"));
            main.querySelector(".abstain")?.setAttribute("aria-pressed", String(text === ABSTENTION && !every));
        },
        enable(isEnabled) {
            main.querySelector(".paper").disabled = main.dataset.state !== "open";
            main.querySelectorAll(".cast, .abstain").forEach((button) => (button.disabled = !isEnabled));
        },
    };
}
