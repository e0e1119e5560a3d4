// A count stage by stage on the big screen: rounds, sums and run-off, who beats whom. The page has them in a table, which stays
// out of sight; the bars show one of its columns, the last one unless somebody steps back, by the keys or the buttons.

const KEYS = { ArrowLeft: -1, PageUp: -1, ArrowRight: 1, PageDown: 1 };

function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

// Shows a column of the table in the rows of `main`: of those that have no cell in it, nothing.
function showColumn(main, section, column) {
    const cells = new Map([...section.querySelectorAll("[data-of]")].map((row) => [row.dataset.of, row.children[column + 1]]));
    for (const row of main.querySelectorAll("[data-choice]")) {
        const cell = cells.get(row.dataset.choice);
        row.querySelector(".count").textContent = cell.textContent;
        row.querySelector(".percent").textContent = cell.dataset.figure;
        row.querySelector("rect").style.transform = `scaleX(${cell.dataset.share})`;
        row.classList.toggle("leads", cell.className === "elected");
        row.classList.toggle("out", cell.className === "out");
    }
}

// The stages that a result tells: each has a name, words, and shows itself.
function stagesOf(main, section) {
    const list = main.querySelector(".choices");
    const columns = [...section.querySelectorAll(".steps li")].map((step, column) => ({
        name: section.querySelectorAll(".stages thead th")[column + 1].textContent,
        words: step.querySelector("span").textContent,
        show() {
            list.classList.remove("covered");
            showColumn(main, section, column);
        },
    }));
    const duels = section.querySelector(".duels");
    if (!duels) {
        return columns;
    }
    const matrix = {
        name: "Who beats whom",
        words: duels.caption.textContent,
        show() {
            const copy = duels.cloneNode(true);
            copy.caption.className = "sr";
            copy.style.setProperty("--choices", copy.rows.length - 1);
            list.classList.add("covered");
            list.after(element("div", { className: "matrix" }, copy));
        },
    };
    return [matrix, ...columns];
}

// Returns { draw }, which shows the stage that is looked at, of the result that `main` has now. Returns whether it has stages.
export function stager() {
    let main = null;
    let all = [];
    let at = null; // null for the last one, whichever it becomes

    const place = () => Math.min(at ?? Infinity, all.length - 1);

    function step(by) {
        const next = Math.min(Math.max(place() + by, 0), all.length - 1);
        at = next === all.length - 1 ? null : next;
        show();
    }

    function turn(words, sign, by) {
        const button = element("button", { className: "turn-stage", onclick: () => step(by) }, sign);
        button.setAttribute("aria-label", words);
        button.disabled = place() + by < 0 || place() + by >= all.length;
        return button;
    }

    function show() {
        const { name, words, show: showIt } = all[place()];
        const focused = document.activeElement.ariaLabel;
        const heading = /\d$/.test(name) ? `${name} of ${all.at(-1).name.split(" ").at(-1)}.` : `${name}.`;
        main.querySelector(".matrix")?.remove();
        showIt();
        const turns = all.length > 1 ? [turn("The stage before", "‹", -1), turn("The next stage", "›", 1)] : [];
        main.querySelector(".stage").replaceChildren(
            ...turns,
            element("p", { role: "status" }, element("b", {}, heading), " ", element("span", {}, words)),
        );
        turns.find((each) => each.ariaLabel === focused)?.focus();
    }

    addEventListener(
        "keydown",
        (event) => {
            if (KEYS[event.key] && all.length > 1) {
                event.preventDefault();
                event.stopImmediatePropagation();
                step(KEYS[event.key]);
            }
        },
        { capture: true },
    );

    return {
        draw(newMain) {
            main = newMain;
            const section = main.querySelector(".result");
            all = section ? stagesOf(main, section) : [];
            section && (section.hidden = true);
            all.length > 0 && show();
            return all.length > 0;
        },
    };
}
