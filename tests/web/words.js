// What the scripts make of a tally: shares, and what is said aloud.

import assert from "node:assert/strict";
import { test } from "./harness.js";

const start = ["--poll", "lunch=pizza,sushi"];

// tests/unit/test_page.c has the same cases.
const shares = [
    [[0, 0], [0, 0]],
    [[1, 0], [100, 0]],
    [[1, 1, 1], [34, 33, 33]],
    [[1, 1, 4], [17, 17, 66]],
    [[999, 1, 0, 0], [100, 0, 0, 0]],
    [[1, 1, 1, 1, 1, 1], [17, 17, 17, 17, 16, 16]],
];

test("shares add up as the server's do", async ({ start: startServer, open }) => {
    const page = await open(await startServer(...start), "/p/lunch");
    const made = await page.evaluate(async (cases) => {
        const { percents } = await import("/web/tally.js");
        return cases.map(([counts]) => percents(counts));
    }, shares);
    assert.deepEqual(made, shares.map(([, expected]) => expected));
});

const tally = (open, hidden, ...counts) => ({
    open,
    hidden,
    ballots: counts.reduce((a, b) => a + b, 0),
    choices: counts.map((count, i) => ({ choice: "abcdef"[i], count })),
});

const sentences = [
    [tally(true, false, 0, 0), "0 ballots."],
    [tally(true, false, 1, 0), "1 ballot. A leads with 100 percent."],
    [tally(true, false, 1000, 3000), "4,000 ballots. B leads with 75 percent."],
    [tally(true, false, 2, 2), "4 ballots. A and B lead with 50 percent."],
    [tally(false, false, 1, 2), "3 ballots. B won with 67 percent."],
    [tally(true, false, 1, 1, 1, 1), "4 ballots. 4 choices are level."],
    [{ ...tally(true, true, 0, 0), ballots: 7 }, "7 ballots."],
];

test("what is said aloud is one short sentence", async ({ start: startServer, open }) => {
    const page = await open(await startServer(...start), "/p/lunch");
    const made = await page.evaluate(async (cases) => {
        const { summary } = await import("/web/tally.js");
        const labels = new Map([..."abcdef"].map((name) => [name, name.toUpperCase()]));
        return cases.map(([each]) => summary(each, labels));
    }, sentences);
    assert.deepEqual(made, sentences.map(([, expected]) => expected));
});

test("a storm of ballots is said aloud at most every ten seconds, and its end is", async ({ start: startServer, open }) => {
    const server = await startServer(...start);
    const page = await open(server, null);
    await page.clock.install({ time: 0 });
    await page.goto(server.url("/p/lunch"));
    await page.evaluate(async () => {
        const { announcer } = await import("/web/announce.js");
        globalThis.said = document.createElement("p");
        globalThis.announce = announcer(globalThis.said);
    });
    const say = (...sentences) => page.evaluate((each) => each.forEach((one) => globalThis.announce(one)), sentences);
    const said = () => page.evaluate(() => globalThis.said.textContent);
    await page.clock.pauseAt(60000);
    await say("one", "two");
    await page.clock.runFor(1);
    assert.equal(await said(), "two");
    await say("three");
    await page.clock.runFor(5000);
    assert.equal(await said(), "two");
    await say("four");
    await page.clock.runFor(4998);
    assert.equal(await said(), "two");
    await page.clock.runFor(2);
    assert.equal(await said(), "four");
});
