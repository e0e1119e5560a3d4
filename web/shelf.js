// Keeps ballots for when the page is loaded again: in this tab, for this poll of this ledger.

import { at } from "./place.js";

const isBallot = ({ text, id }) => typeof text === "string" && typeof id === "string";

export function shelf(poll, ledger) {
    const key = `tallycast unknown ${at(`p/${poll}`)} ${ledger}`;
    return {
        load() {
            try {
                return JSON.parse(sessionStorage.getItem(key) ?? "[]").filter(isBallot);
            } catch {
                return []; // none can be kept, or none was that is ours
            }
        },
        save(ballots) {
            try {
                ballots.length > 0 ? sessionStorage.setItem(key, JSON.stringify(ballots)) : sessionStorage.removeItem(key);
            } catch {
                // They are known for as long as the page lives.
            }
        },
    };
}

// Where the server tells which ballot counts, nothing needs to be kept.
export const noShelf = { load: () => [], save() {} };
