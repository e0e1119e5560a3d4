// Finds polls in a long list: only cards whose title or name has the words that are typed are shown.

const MANY = 24; // from so many on it is worth a field

const fold = (text) => text.normalize("NFKD").replace(/\p{Mark}/gu, "").toLowerCase();

// Returns a function that filters the list that is there now, by what is typed in.
export function filter() {
    const field = document.getElementById("filter");
    const label = Object.assign(document.createElement("label"), { htmlFor: "find", textContent: "Find a poll" });
    const input = Object.assign(document.createElement("input"), { id: "find", type: "search", autocomplete: "off" });
    const found = Object.assign(document.createElement("span"), { role: "status", className: "found" });

    function show() {
        const words = fold(input.value).split(/\s+/).filter(Boolean);
        const cards = [...document.querySelectorAll(".card")];
        for (const card of cards) {
            const text = fold(`${card.querySelector("h2").textContent} ${card.dataset.poll}`);
            card.hidden = !words.every((word) => text.includes(word));
        }
        const shown = cards.filter((card) => !card.hidden).length;
        found.textContent = words.length > 0 ? `${shown} of ${cards.length} polls` : "";
        field.hidden = cards.length < MANY && words.length === 0;
    }

    field.append(label, input, found);
    input.addEventListener("input", show);
    return show;
}
