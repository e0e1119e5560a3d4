// Fits the choices into the room that the big screen has for them: the largest letters with which all can be read, in as
// many columns as that takes; and where all at once would be too small, on several pages, one after the other.
//
// Words stay whole, unless they are very long. Nothing is measured again until the room, the texts or the number of digits
// change.

import { carousel } from "./carousel.js";

const LEAST = 0.025; // of the screen's height: the smallest letters
const LEAST_PX = 18;
const MOST = 0.052;
const COLUMNS = 6;
const NEARLY = 0.75; // of the largest letters: labels of one line and fewer columns are worth it
const BAR_LEAST = 0.35; // of the letters' size
const BAR_MOST = 0.09; // of the screen's height
const TITLE_SIZES = [0.082, 0.062, 0.047, 0.037]; // of the screen's height
const TITLE_MOST = 0.2; // of the screen's height; half of it from so many choices on
const MANY = 8;
const WORD_MOST = 24; // letters

const rowsOf = (list) => [...list.children];

// On a phone, or a window that is higher than wide, the page is as long as it must be.
const scrolls = () => matchMedia("(max-width: 52rem)").matches;

function fitTitle(title, rows) {
    const most = (rows < MANY ? TITLE_MOST : TITLE_MOST / 2) * innerHeight;
    for (const size of TITLE_SIZES) {
        title.style.fontSize = `${size * innerHeight}px`;
        if (title.offsetHeight <= most) {
            return;
        }
    }
}

function showOnly(list, from, count) {
    rowsOf(list).forEach((row, i) => (row.hidden = i < from || i >= from + count));
}

function set(list, columns, size) {
    list.style.setProperty("--columns", columns);
    list.style.setProperty("--size", `${size}px`);
    list.style.setProperty("--thick", `${Math.max(4, size * BAR_LEAST)}px`);
}

const labelsOf = (list) => [...list.querySelectorAll("li:not([hidden]) .label")];
const isTooWide = (label) => label.scrollWidth > label.clientWidth;
const isWrapped = (label, size) => label.offsetHeight > 2 * size;

// Whether the rows from `from` on have room.
function hasRoom(list, from, count) {
    showOnly(list, from, count);
    return list.scrollHeight <= list.clientHeight && !labelsOf(list).some(isTooWide);
}

const starts = (rows, perPage) => Array.from({ length: Math.ceil(rows / perPage) }, (_, page) => page * perPage);

function fits(list, perPage, columns, size) {
    set(list, columns, size);
    return starts(list.children.length, perPage).every((from) => hasRoom(list, from, perPage));
}

// The largest size between `least`, which fits, and `most`, in whole pixels.
function largest(list, perPage, columns, least, most) {
    let [low, high] = [least, most];
    while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        fits(list, perPage, columns, middle) ? (low = middle) : (high = middle - 1);
    }
    return low;
}

// The labels of more than one line.
function wraps(list, columns, size) {
    set(list, columns, size);
    showOnly(list, 0, Infinity);
    return labelsOf(list).filter((label) => isWrapped(label, size)).length;
}

// The layouts that have room with so many rows a page: { perPage, columns, size, wrapped }.
function layouts(list, perPage, least, most) {
    return Array.from({ length: COLUMNS }, (_, i) => i + 1)
        .filter((columns) => columns <= perPage && fits(list, perPage, columns, least))
        .map((columns) => {
            const size = largest(list, perPage, columns, least, most);
            return { perPage, columns, size, wrapped: wraps(list, columns, size) };
        });
}

function better(one, other) {
    return one.wrapped - other.wrapped || one.columns - other.columns;
}

// On how many pages the rows have room at the least, judged by the room that all of them take.
function fewestPages(list, least) {
    showOnly(list, 0, Infinity);
    const heights = Array.from({ length: COLUMNS }, (_, i) => {
        set(list, i + 1, least);
        return list.scrollHeight;
    });
    return Math.max(1, Math.ceil(Math.min(...heights) / list.clientHeight));
}

function breakLongWords(list) {
    for (const label of list.querySelectorAll(".label")) {
        label.classList.toggle("breaks", label.textContent.split(/\s/).some((word) => word.length > WORD_MOST));
    }
}

function best(list, least, most) {
    const rows = list.children.length;
    for (let pages = fewestPages(list, least); pages < rows; pages++) {
        const found = layouts(list, Math.ceil(rows / pages), least, most);
        if (found.length > 0) {
            const size = Math.max(...found.map((each) => each.size));
            return found.filter((each) => each.size >= size * NEARLY).sort(better)[0];
        }
    }
    return { perPage: 1, columns: 1, size: least };
}

// Bars share what room is left, all alike.
function thickenBars(list, { perPage, columns, size }) {
    const pages = starts(list.children.length, perPage);
    const left = pages.map((from) => {
        showOnly(list, from, perPage);
        const rows = rowsOf(list).filter((row) => !row.hidden);
        return list.clientHeight - (rows.at(-1).getBoundingClientRect().bottom - rows[0].getBoundingClientRect().top);
    });
    const lines = Math.ceil(perPage / columns);
    const bar = Math.max(4, size * BAR_LEAST) + (Math.min(...left) / lines) * 0.55;
    list.style.setProperty("--thick", `${Math.min(bar, BAR_MOST * innerHeight)}px`);
}

function layOut(main, list) {
    fitTitle(main.querySelector("h1"), list.children.length);
    list.classList.add("fitted");
    if (scrolls()) {
        showOnly(list, 0, Infinity);
        list.removeAttribute("style");
        return list.children.length;
    }
    const least = Math.max(LEAST_PX, Math.round(LEAST * innerHeight));
    const most = Math.max(least, Math.round(MOST * innerHeight));
    breakLongWords(list);
    const layout = best(list, least, most);
    set(list, layout.columns, layout.size);
    thickenBars(list, layout);
    return layout.perPage;
}

// The texts that the layout depends on, beside the room.
const textsOf = (main) =>
    [main.querySelector("h1"), ...main.querySelectorAll(".label")].map((each) => each.textContent).join("\n") +
    [...main.querySelectorAll("[data-count]")].map((each) => each.textContent.length).join();

// Returns a function that fits a screen's main, which may be another one each time.
export function fitter() {
    const show = carousel(showOnly);
    let main = null;
    let done = "";

    function fit() {
        const list = main.querySelector(".choices");
        const now = () => `${innerWidth} ${innerHeight} ${list.clientWidth} ${list.clientHeight} ${textsOf(main)}`;
        if (done !== now() || !list.classList.contains("fitted")) {
            show(main, list, layOut(main, list));
            done = now();
        }
    }

    const observer = new ResizeObserver(fit);
    document.fonts.ready.then(() => {
        done = "";
        fit();
    });
    return (next) => {
        if (main !== next) {
            main = next;
            observer.disconnect();
            observer.observe(main.querySelector(".choices"));
        }
        fit();
    };
}
