// What a ballot says: its text, as VOTE and the server's JSON have it; its marks, a number for each choice that it names; and
// the same in words. A mark is 1 for a choice that is taken or approved of, its score, or its rank from 1.

// That of a ballot for none of the choices, in every poll.
export const ABSTENTION = "-";

const sorted = (marks, by) => [...marks].sort(([, one], [, other]) => by * (one - other));

// The choices by rank, each time those of one rank: [["ann"], ["bob", "carol"]].
export function tiersOf(marks) {
    const tiers = new Map();
    for (const [choice, rank] of sorted(marks, 1)) {
        tiers.set(rank, [...(tiers.get(rank) ?? []), choice]);
    }
    return [...tiers.values()];
}

export const marksOfTiers = (tiers) => new Map(tiers.flatMap((tier, i) => tier.map((choice) => [choice, i + 1])));

const readScore = (term) => term.split("=").map((part, i) => (i === 0 ? part : Number(part)));
// Scores of 0 need not be named, unless a ballot must name more.
const filled = (marks, choices, min) => [
    ...marks,
    ...choices.filter((choice) => !marks.has(choice)).slice(0, Math.max(0, Math.max(1, min) - marks.size)).map((choice) => [choice, 0]),
];
const nonzero = (marks) => new Map([...marks].filter(([, mark]) => mark > 0));

// Each kind: the marks of a text; the text of marks; and the marks in words, with the choices' labels.
const kinds = {
    single: {
        read: (text) => new Map([[text, 1]]),
        write: ([[choice]]) => choice,
        words: ([[choice]], label) => label(choice),
    },
    approval: {
        read: (text) => new Map(text.split(",").map((choice) => [choice, 1])),
        write: (marks) => [...marks.keys()].join(","),
        words: (marks, label) => list([...marks.keys()].map(label)),
    },
    score: {
        read: (text) => nonzero(new Map(text.split(",").map(readScore))),
        write: (marks, choices, min) => filled(marks, choices, min).map(([choice, score]) => `${choice}=${score}`).join(","),
        words: (marks, label) =>
            sorted(marks, -1).map(([choice, score]) => `${label(choice)}: ${score}`).join(", ") || "0 for each",
    },
    ranked: {
        read: (text) => marksOfTiers(text.split(">").map((tier) => tier.split("="))),
        write: (marks) => tiersOf(marks).map((tier) => tier.join("=")).join(">"),
        words: (marks, label) => tiersOf(marks).map((tier, i) => `${i + 1}. ${list(tier.map(label))}`).join(", "),
    },
};

export function list(names) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

// None for no ballot, and for an abstention.
export const marksOf = (kind, text) => (text && text !== ABSTENTION ? kinds[kind].read(text) : new Map());

// `choices` are the names of all, of which a ballot names at least `min`.
export const textOf = (kind, marks, choices, min) => kinds[kind].write(marks, choices, min);

// A label in a sentence: one that is written from the right must not turn what is around it.
const isolated = (label) => (/[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(label) ? `\u2068${label}\u2069` : label);

// `labels` are by the choices' names.
export const wordsOf = (kind, marks, labels) => kinds[kind].words(marks, (choice) => isolated(labels.get(choice) ?? choice));

const thing = { single: "vote for", approval: "vote for", score: "scores", ranked: "ranking" };

// A ballot in sentences: { its: "vote for pizza", is: "Your vote is for pizza", ask: "Vote for", name: "pizza", dir: "auto" }, where
// `ask` and `name` are what a voter is asked about, and `dir` is the direction in which the name is written.
export function phrases(kind, text, labels) {
    if (text === ABSTENTION) {
        return { its: "abstention", is: "You abstain", ask: "Abstain", name: "" };
    }
    const name = wordsOf(kind, marksOf(kind, text), labels);
    const dir = kind === "single" ? "auto" : "ltr";
    return thing[kind] === "vote for"
        ? { its: `vote for ${name}`, is: `Your vote is for ${name}`, ask: "Vote for", name, dir }
        : { its: `ballot (${name})`, is: `Your ${thing[kind]}: ${name}`, ask: "Send", name, dir };
}
