// Asks before what can't be taken back. The browser's dialog holds the focus, and Escape means no.

function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

// Whether the voter means the ballot, of which `ask`, `name` and `dir` tell (marks.js).
export function isMeant({ ask, name, dir }) {
    const words = () => (name ? [`${ask} `, element("b", { dir }, name)] : [ask]);
    const heading = element("h2", { id: "question" }, ...words(), "?");
    const yes = element("button", { value: "yes", className: "yes" }, ...words());
    const no = element("button", { value: "no", className: "no", autofocus: true }, "Go back");
    const dialog = element(
        "dialog",
        { className: "question" },
        heading,
        element("p", {}, "One ballot each, and it is final: you can’t change it afterwards."),
        element("form", { method: "dialog" }, yes, no),
    );
    dialog.setAttribute("aria-labelledby", heading.id);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
        dialog.addEventListener("close", () => {
            dialog.remove();
            resolve(dialog.returnValue === "yes");
        });
    });
}
