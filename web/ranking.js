// Ranks by tapping: a tap on a choice gives it the next rank, another takes it off. The ranked ones stand in a list of their
// own, in which they are moved by buttons, by drawing, and from a choice by the arrow keys. Where ranks may be equal a step up
// leads to the same rank as the one above, and a second step above that.

import { tiersOf } from "./marks.js";

// ---- tiers: the choices by rank, those of one rank together ----

const without = (tiers, choice) => tiers.map((tier) => tier.filter((each) => each !== choice)).filter((tier) => tier.length > 0);

const toggled = (tiers, choice) => (tiers.flat().includes(choice) ? without(tiers, choice) : [...tiers, [choice]]);

function raised(tiers, choice, isEqual) {
    const at = tiers.findIndex((tier) => tier.includes(choice));
    const [above, own] = [tiers[at - 1], tiers[at]];
    if (isEqual && own.length > 1) {
        return [...tiers.slice(0, at), [choice], own.filter((each) => each !== choice), ...tiers.slice(at + 1)];
    }
    if (!above) {
        return tiers;
    }
    return [...tiers.slice(0, at - 1), ...(isEqual ? [[...above, choice]] : [own, above]), ...tiers.slice(at + 1)];
}

const lowered = (tiers, choice, isEqual) => raised(tiers.toReversed(), choice, isEqual).toReversed();

// Of a rank of its own, before that of `next`; at the end without it.
function placed(tiers, choice, next) {
    const others = without(tiers, choice);
    const at = next ? others.findIndex((tier) => tier.includes(next)) : others.length;
    return [...others.slice(0, at), [choice], ...others.slice(at)];
}

// ---- on the page ----

function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

const button = (className, text, onClick) => element("button", { type: "button", className, onclick: onClick }, text);

// `rows` are those of the choices in the form of `main`, each with the field of its rank. Calls onChange when another one is
// given. Returns { draw }, which shows what is in the fields.
export function ranking(main, rows, { isEqual, onChange }) {
    const fields = new Map(rows.map((row) => [row.dataset.choice, row.querySelector("input")]));
    const labels = new Map(rows.map((row) => [row.dataset.choice, row.querySelector("[data-label]").textContent]));
    const taps = new Map(rows.map((row) => [row.dataset.choice, makeTap(row)]));
    const items = new Map(rows.map((row) => [row.dataset.choice, makeItem(row.dataset.choice)]));
    const list = element("ol", { className: "ranking" });
    let dragged = null; // a choice

    const tiers = () => tiersOf([...fields].map(([choice, { value }]) => [choice, Number(value)]).filter(([, rank]) => rank > 0));

    function set(next) {
        const focused = document.activeElement;
        fields.forEach((field) => (field.value = ""));
        next.forEach((tier, i) => tier.forEach((choice) => (fields.get(choice).value = i + 1)));
        draw();
        focused.isConnected && focused.focus();
        onChange();
    }

    function change(how, choice) {
        return () => set(how(tiers(), choice, isEqual));
    }

    function onKey(choice, event) {
        const how = { ArrowUp: raised, ArrowDown: lowered }[event.key];
        if (how && fields.get(choice).value) {
            event.preventDefault();
            set(how(tiers(), choice, isEqual));
        }
    }

    function makeTap(row) {
        const { choice } = row.dataset;
        const label = row.querySelector("[data-label]");
        const tap = button("tap", "", change(toggled, choice));
        tap.id = `tap-${fields.get(choice).id}`;
        tap.append(element("span", { className: "rank" }), element("span", { dir: "auto" }, label.textContent), element("span", { className: "sr" }));
        tap.addEventListener("keydown", (event) => onKey(choice, event));
        fields.get(choice).hidden = label.hidden = true;
        label.after(tap);
        return tap;
    }

    function makeItem(choice) {
        const name = labels.get(choice);
        const grip = element("span", { className: "grip" });
        const moves = [
            ["up", "↑", `${name} up`, raised],
            ["down", "↓", `${name} down`, lowered],
            ["off", "×", `Take ${name} off`, toggled],
        ].map(([className, sign, words, how]) => {
            const made = button(className, sign, change(how, choice));
            made.setAttribute("aria-label", words);
            return made;
        });
        grip.setAttribute("aria-hidden", "true");
        grip.addEventListener("pointerdown", (event) => startDrag(event, choice));
        return element("li", {}, grip, element("span", { className: "rank" }), element("span", { className: "name", dir: "auto" }, name), ...moves);
    }

    // ---- by drawing ----

    // The dragged item itself stays in the document where it is, or the pointer would be lost: the others move around it.
    function arrange(order) {
        const anchor = dragged && items.get(dragged);
        const at = order.indexOf(dragged);
        order.forEach((choice, i) => {
            if (choice !== dragged) {
                anchor && i < at ? list.insertBefore(items.get(choice), anchor) : list.append(items.get(choice));
            }
        });
    }

    function drag({ clientY }) {
        const others = tiers().flat().filter((choice) => choice !== dragged);
        const next = others.find((choice) => {
            const { top, height } = items.get(choice).getBoundingClientRect();
            return clientY < top + height / 2;
        });
        const wanted = placed(tiers(), dragged, next);
        if (wanted.flat().join() !== tiers().flat().join()) {
            set(wanted);
        }
    }

    function startDrag(event, choice) {
        const grip = event.currentTarget;
        event.preventDefault();
        dragged = choice;
        items.get(choice).classList.add("dragged");
        grip.setPointerCapture(event.pointerId);
        grip.onpointermove = drag;
        grip.onpointerup = grip.onpointercancel = () => {
            grip.onpointermove = dragged = null;
            items.get(choice).classList.remove("dragged");
        };
    }

    // ---- what is shown ----

    function drawChoice(choice, rank) {
        const [badge, , words] = taps.get(choice).children;
        badge.textContent = rank || "";
        words.textContent = rank ? `, rank ${rank}` : ", not ranked";
        taps.get(choice).setAttribute("aria-pressed", String(rank > 0));
        items.get(choice).querySelector(".rank").textContent = `${rank}.`;
    }

    function draw() {
        const all = tiers();
        const order = all.flat();
        rows.forEach(({ dataset: { choice } }) => drawChoice(choice, all.findIndex((tier) => tier.includes(choice)) + 1));
        arrange(order);
        items.forEach((item, choice) => order.includes(choice) || item.remove());
        list.hidden = order.length === 0;
    }

    list.setAttribute("aria-label", "Your ranking");
    main.querySelector(".choices").after(list);
    draw();
    return { draw };
}
