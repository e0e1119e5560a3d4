// Derived from a tally: shares, words, and what is worth saying aloud.

import { list } from "./marks.js";

const numbers = new Intl.NumberFormat("en");

export const format = (number) => numbers.format(number);
// A poll that was made closed, and has not been opened yet, waits.
export const stateOf = (tally) => tally.state ?? (tally.open ? "open" : "closed");
export const ballots = (count) => (count === 1 ? "ballot" : "ballots");

// Shares of 100 that add up to 100: each rounded down, then one more for those that lost most. As shares_percents does.
export function percents(counts) {
    const sum = counts.reduce((a, b) => a + b, 0);
    if (sum === 0) {
        return counts.map(() => 0);
    }
    const shares = counts.map((count) => Math.floor((count * 100) / sum));
    const rests = counts.map((count) => (count * 100) % sum);
    const left = 100 - shares.reduce((a, b) => a + b, 0);
    for (let i = 0; i < left; i++) {
        const next = rests.indexOf(Math.max(...rests));
        shares[next]++;
        rests[next] = 0;
    }
    return shares;
}

export const partOf = (part, whole) => (whole > 0 ? part / whole : 0);

// As page_data.c has them: the nearest whole number, and of tenths.
export const percentOf = (part, whole) => Math.floor(partOf(200 * part + whole, 2 * whole));
export const average = (sum, count) => (Math.floor(partOf(20 * sum + count, 2 * count)) / 10).toFixed(1);

// Who leads or is elected, of those that a result names.
function standing(tally, names) {
    const [is, leads] = names.length > 1 ? ["are", "lead"] : ["is", "leads"];
    return stateOf(tally) === "closed" ? `${list(names)} ${is} elected` : `${list(names)} ${leads}`;
}

// One sentence for those who listen. `labels` are by the choices' names; `winners` are those that the result names, where it
// decides who leads.
export function summary(tally, labels, winners) {
    const total = `${format(tally.ballots)} ${ballots(tally.ballots)}`;
    if (tally.hidden || tally.ballots === 0 || winners?.length === 0) {
        return `${total}.`;
    }
    if (winners) {
        return `${total}. ${standing(tally, winners.map((choice) => labels.get(choice)))}.`;
    }
    const counts = tally.choices.map(({ count }) => count);
    const most = Math.max(...counts);
    const shares = percents(counts);
    const leaders = tally.choices.filter(({ count }) => count === most);
    const names = leaders.map(({ choice }) => labels.get(choice)).join(" and ");
    const share = shares[counts.indexOf(most)];
    const verb = stateOf(tally) === "closed" ? "won" : leaders.length > 1 ? "lead" : "leads";
    return leaders.length > 3
        ? `${total}. ${leaders.length} choices are level.`
        : `${total}. ${names} ${verb} with ${share} percent.`;
}
