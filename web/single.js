// The ballot paper of a single choice: one tap on a row votes.

import { ABSTENTION } from "./marks.js";

// `every`: each ballot counts, so none is the voter's one.
export function single({ every }) {
    let main = null;

    const buttons = () => [...main.querySelectorAll("button[name]")];

    function markRow(row, button, isVoted) {
        row.classList.toggle("voted", isVoted);
        if (isVoted) {
            button.after(Object.assign(document.createElement("span"), { className: "yours", textContent: "Your vote" }));
        }
    }

    return {
        again: "Tap",
        attach(newMain) {
            main = newMain;
        },
        read: (button) => ({ text: button.value }),
        show(text) {
            main.querySelector(".yours")?.remove();
            for (const button of buttons()) {
                if (button.value !== ABSTENTION) {
                    markRow(button.closest("li"), button, button.value === text);
                }
                if (!every) {
                    button.setAttribute("aria-pressed", String(button.value === text));
                }
            }
        },
        enable(isEnabled) {
            buttons().forEach((button) => (button.disabled = !isEnabled));
        },
    };
}
