// Choices on several pages, one after the other. A button says which are shown, and stops and goes on; the arrow keys turn.

const EVERY_MS = 10000;

// Returns a function that shows the rows of `list`, `perPage` at a time, from the first page on; with one page only, that.
// `showOnly(list, from, count)` shows these rows and no others.
export function carousel(showOnly) {
    let list = null;
    let perPage = 1;
    let from = 0;
    let timer = 0;
    const button = Object.assign(document.createElement("button"), { className: "turn" });

    const rows = () => list.children.length;
    const hasPages = () => perPage < rows();

    function show() {
        showOnly(list, from, perPage);
        button.textContent = `${from + 1}–${Math.min(from + perPage, rows())} of ${rows()}`;
    }

    function turn(by) {
        const pages = Math.ceil(rows() / perPage);
        from = ((from / perPage + by + pages) % pages) * perPage;
        show();
    }

    function run(runs) {
        clearInterval(timer);
        timer = runs ? setInterval(turn, EVERY_MS, 1) : 0;
        button.setAttribute("aria-label", `${runs ? "Stop" : "Go on"} turning pages`);
        button.dataset.runs = runs;
    }

    button.addEventListener("click", () => run(!timer));
    addEventListener("keydown", ({ key }) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
        if (by && list && hasPages()) {
            run(false);
            turn(by);
        }
    });

    return (main, newList, newPerPage) => {
        [list, perPage, from] = [newList, newPerPage, 0];
        main.querySelector(".total").after(button);
        button.hidden = !hasPages();
        run(hasPages());
        show();
    };
}
