// Ballots of several choices: approvals, scores, ranks; filled in, sent, shown back.

import assert from "node:assert/strict";
import { setHidden, test, until, untilText } from "./harness.js";

const plain = { javaScriptEnabled: false };
const lost = { tolerate: /status of 4\d\d|ERR_/ };
const row = (choice) => `[data-choice="${choice}"]`;
const line = ".line";
const ranks = (page) => page.locator(".ranking li .name").allTextContents();

// A server with a poll of choices ann, bob, carol and dan; the settings are CREATE's.
async function startWith(start, settings) {
    const server = await start();
    await server.command(`CREATE board ann bob carol dan ${settings}`);
    await server.command("LABEL board ann Ann Müller");
    return server;
}

// The page, ready: before that it is a plain form, which works too, but not by these tests' words.
async function openBoard(open, server, options = {}) {
    const page = await open(server, "/p/board", options);
    if (options.javaScriptEnabled !== false) {
        await until(page, () => document.querySelector("[aria-pressed]") ?? document.querySelector(".line")?.textContent);
    }
    return page;
}

// The own ballot's text, as the server has it.
const own = (page) => page.evaluate(async () => (await (await fetch("/polls/board/ballots/mine")).json()).ballot);

async function vote(page, words) {
    await page.click(".cast");
    await untilText(page, "#notice", words);
}

// ---- filling in ----

test("approvals are ticked, told in words, sent and changed", async ({ start, open }) => {
    const server = await startWith(start, "kind=approval max=2");
    const page = await openBoard(open, server);
    await untilText(page, "#notice", "Tick all that you approve of (at most 2), then vote.");
    await untilText(page, line, "None ticked yet.");
    await page.click(row("bob")); // the whole row
    await page.check(`${row("ann")} input`);
    await untilText(page, line, "2 of at most 2: Ann Müller and bob.");
    await vote(page, "Your vote for Ann Müller and bob is recorded.");
    await untilText(page, `${row("bob")} [data-percent]`, "100");
    assert.equal(await own(page), "ann,bob");
    await page.check(`${row("dan")} input`);
    await untilText(page, line, "3 of at most 2: Ann Müller, bob and dan. At most 2: untick 1.");
    await vote(page, "At most 2: untick 1.");
    await page.uncheck(`${row("bob")} input`);
    await vote(page, "Your vote for Ann Müller and dan is recorded.");
    assert.match(await server.tally("board"), /^open \d+ 1 ann=1 bob=0 carol=0 dan=1$/);
});

test("an empty ballot is not sent", async ({ start, open }) => {
    const server = await startWith(start, "kind=approval min=2");
    const page = await openBoard(open, server);
    await page.check(`${row("ann")} input`);
    await vote(page, "Tick at least 2.");
    assert.match(await server.tally("board"), /^open \d+ 0 /);
});

test("scores are given in a grid, by keys too", async ({ start, open }) => {
    const server = await startWith(start, "kind=score");
    const page = await openBoard(open, server);
    await page.click(`${row("ann")} label:text-is("5")`);
    await page.locator(`${row("bob")} [value="0"]`).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await untilText(page, line, "Ann Müller: 5, bob: 2; 0 for the others.");
    await vote(page, "Your ballot (Ann Müller: 5, bob: 2) is recorded.");
    assert.equal(await own(page), "ann=5,bob=2");
    await untilText(page, `${row("ann")} [data-average]`, "5.0");
    await untilText(page, `${row("bob")} [data-count]`, "2");
});

test("a ballot of zeros is a ballot", async ({ start, open }) => {
    const server = await startWith(start, "method=star min=2");
    const page = await openBoard(open, server);
    await vote(page, "Your ballot (0 for each) is recorded.");
    assert.match(await server.tally("board"), /^open \d+ 1 ann=0 bob=0 carol=0 dan=0$/);
});

test("a tap gives the next rank, another takes it off", async ({ start, open }) => {
    const server = await startWith(start, "method=irv");
    const page = await openBoard(open, server, { hasTouch: true });
    for (const choice of ["carol", "ann", "dan"]) {
        await page.tap(`${row(choice)} .tap`);
    }
    await untilText(page, line, "1. carol, 2. Ann Müller, 3. dan; the others are not ranked.");
    await page.tap(row("ann"));
    await untilText(page, line, "1. carol, 2. dan; the others are not ranked.");
    assert.equal(await page.locator(`${row("dan")} .tap`).getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator(`${row("dan")} .tap`).textContent(), "2dan, rank 2");
    await vote(page, "Your ballot (1. carol, 2. dan) is recorded.");
    assert.equal(await own(page), "carol>dan");
});

test("ranks are changed by buttons and by keys alone, which keep the focus", async ({ start, open }) => {
    const server = await startWith(start, "method=irv");
    const page = await openBoard(open, server);
    const isFocused = (selector) => page.locator(selector).evaluate((each) => each === document.activeElement);
    for (const choice of ["ann", "bob", "carol"]) {
        await page.locator(`${row(choice)} .tap`).focus();
        await page.keyboard.press("Space");
    }
    await page.keyboard.press("ArrowUp");
    await untilText(page, line, "1. Ann Müller, 2. carol, 3. bob; the others are not ranked.");
    assert.ok(await isFocused(`${row("carol")} .tap`));
    await page.locator('[aria-label="bob up"]').focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    assert.deepEqual(await ranks(page), ["bob", "Ann Müller", "carol"]);
    assert.ok(await isFocused('[aria-label="bob up"]'));
    await page.click('[aria-label="bob up"]'); // it is the first
    await page.click('[aria-label="Ann Müller down"]');
    await page.click('[aria-label="Take carol off"]');
    assert.deepEqual(await ranks(page), ["bob", "Ann Müller"]);
    await page.keyboard.press("Tab");
    await page.locator(".cast").focus();
    await page.keyboard.press("Enter");
    await untilText(page, "#notice", "Your ballot (1. bob, 2. Ann Müller) is recorded.");
});

test("ranks are changed by drawing", async ({ start, open }) => {
    const server = await startWith(start, "method=stv seats=2");
    const page = await openBoard(open, server);
    for (const choice of ["ann", "bob", "carol", "dan"]) {
        await page.click(row(choice));
    }
    const middle = async (place) => {
        const { x, y, width, height } = await page.locator(".grip").nth(place).boundingBox();
        return [x + width / 2, y + height / 2];
    };
    await page.locator(".send").scrollIntoViewIfNeeded();
    await page.mouse.move(...(await middle(3)));
    await page.mouse.down();
    await page.mouse.move(...(await middle(1)), { steps: 5 });
    const [x, y] = await middle(0);
    await page.mouse.move(x, y - 10, { steps: 5 });
    await page.mouse.up();
    await page.mouse.move(0, 0);
    assert.deepEqual(await ranks(page), ["dan", "Ann Müller", "bob", "carol"]);
    await untilText(page, line, "1. dan, 2. Ann Müller, 3. bob, 4. carol.");
});

test("where ranks may be equal, a step leads half way", async ({ start, open }) => {
    const server = await startWith(start, "method=schulze");
    const page = await openBoard(open, server);
    for (const choice of ["ann", "bob", "carol"]) {
        await page.click(row(choice));
    }
    await page.click('[aria-label="carol up"]');
    await untilText(page, line, "1. Ann Müller, 2. bob and carol; the others are not ranked.");
    await page.click('[aria-label="carol up"]');
    await untilText(page, line, "1. Ann Müller, 2. carol, 3. bob; the others are not ranked.");
    await page.click('[aria-label="Ann Müller down"]');
    await vote(page, "Your ballot (1. Ann Müller and carol, 2. bob) is recorded.");
    assert.equal(await own(page), "ann=carol>bob");
});

for (const kind of ["single", "approval", "score", "ranked"]) {
    test(`who abstains is counted for none, and may think again: ${kind}`, async ({ start, open }) => {
        const server = await startWith(start, `kind=${kind}`);
        const page = await openBoard(open, server);
        await page.click(".abstain");
        await untilText(page, "#notice", "Your abstention is recorded.");
        assert.equal(await page.locator(".abstain").getAttribute("aria-pressed"), "true");
        assert.match(await server.tally("board"), /^open \d+ 1 ann=0 bob=0 carol=0 dan=0$/);
        await page.reload();
        await untilText(page, "#notice", "You abstain.");
        await until(page, () => document.querySelector('.abstain[aria-pressed="true"]'));
        assert.equal(await page.locator(".abstain").getAttribute("aria-pressed"), "true");
        await page.click(kind === "score" ? `${row("bob")} label:text-is("3")` : row("bob"));
        kind === "single" || (await page.click(".cast"));
        await until(page, () => /bob.* is recorded/.test(document.getElementById("notice").textContent));
        assert.equal(await page.locator(".abstain").getAttribute("aria-pressed"), "false");
        assert.match(await server.tally("board"), /^open \d+ 1 ann=0 bob=[13] carol=0 dan=0$/);
    });
}

test("where nobody may abstain there is no button for it", async ({ start, open }) => {
    const server = await startWith(start, "kind=approval abstain=no");
    const page = await openBoard(open, server);
    assert.equal(await page.locator(".abstain").count(), 0);
});

// ---- shown back ----

test("one's ballot is there again after a reload, and in another tab", async ({ start, open }) => {
    const server = await startWith(start, "method=irv");
    const page = await openBoard(open, server);
    await page.click(row("dan"));
    await page.click(row("ann"));
    await vote(page, "Your ballot (1. dan, 2. Ann Müller) is recorded.");
    const tab = await openBoard(open, server, { beside: page });
    await untilText(tab, "#notice", "Your ranking: 1. dan, 2. Ann Müller.");
    assert.deepEqual(await ranks(tab), ["dan", "Ann Müller"]);
    assert.equal(await tab.locator(".cast").textContent(), "Change my vote");
    // What changes in one is shown in the other, unless that has begun with another one.
    await tab.click('[aria-label="dan down"]');
    await vote(tab, "Your ballot (1. Ann Müller, 2. dan) is recorded.");
    await untilText(page, "#notice", "Your ranking: 1. Ann Müller, 2. dan.");
    assert.deepEqual(await ranks(page), ["Ann Müller", "dan"]);
    await page.click(row("bob"));
    await tab.click(row("ann"));
    await vote(tab, "Your ballot (1. dan) is recorded.");
    await untilText(page, "#notice", "Your ranking: 1. dan.");
    assert.deepEqual(await ranks(page), ["Ann Müller", "dan", "bob"]);
    assert.match(await server.tally("board"), /^open \d+ 1 /);
});

test("what is filled in stays when the page is made anew", async ({ start, open }) => {
    for (const [method, choose, words] of [
        ["approval", "", "carol."],
        ["score", ' label:text-is("4")', "carol: 4; 0 for the others."],
        ["irv", " .tap", "1. carol; the others are not ranked."],
    ]) {
        const server = await startWith(start, `method=${method}`);
        const page = await openBoard(open, server);
        await until(page, () => document.querySelector(".link").dataset.link === "live");
        await page.click(`${row("carol")}${choose}`);
        await untilText(page, line, words);
        await server.command("LABEL board carol Carol");
        await untilText(page, `${row("carol")} [data-label]`, "Carol");
        await untilText(page, line, words.replace("carol", "Carol"));
        if (method === "irv") {
            assert.equal(await page.evaluate(() => document.activeElement.id), "tap-rank-3");
        }
        await page.context().close();
    }
});

test("voters with names see nothing of each other's ballots", async ({ start, open }) => {
    const server = await startWith(start, "method=irv voters=named");
    const page = await openBoard(open, server);
    await page.fill("#voter", "ann");
    await page.click(row("dan"));
    await vote(page, "Your ballot (1. dan) is recorded.");
    await page.fill("#voter", "bob");
    await untilText(page, line, "None ranked yet.");
    await untilText(page, "#notice", "Rank them, the best first, then vote.");
    await page.click(row("carol"));
    await vote(page, "Your ballot (1. carol) is recorded.");
    assert.match(await server.tally("board"), /^open \d+ 2 ann=0 bob=0 carol=1 dan=1$/);
});

// ---- what may go wrong ----

test("a final ballot is asked about first", async ({ start, open }) => {
    const server = await startWith(start, "method=irv ballots=once");
    const page = await openBoard(open, server, lost);
    await page.click(row("dan"));
    await page.click(".cast");
    await untilText(page, ".question h2", "Send 1. dan?");
    await page.keyboard.press("Escape");
    assert.match(await server.tally("board"), /^open \d+ 0 /);
    await page.click(".abstain");
    await untilText(page, ".question h2", "Abstain?");
    await page.keyboard.press("Escape");
    await page.click(".cast");
    await page.click(".question .yes");
    await untilText(page, "#notice", "Your ballot (1. dan) is recorded.");
    await page.click(row("ann"));
    await page.click(".cast");
    await page.click(".question .yes");
    await untilText(page, "#notice", "Not counted: your ballot (1. dan) was recorded before, and is final.");
});

for (const settings of ["", "voters=named", "ballots=unlimited"]) {
    test(`a ranking in doubt is sent again, and counts once: ${settings || "changeable"}`, async ({ start, open }) => {
        const server = await startWith(start, `method=irv ${settings}`);
        const page = await openBoard(open, server, lost);
        if (settings === "voters=named") {
            await page.fill("#voter", "ann");
        }
        await page.route("**/ballots", async (route) => {
            await route.fetch();
            await route.abort();
        }, { times: 1 });
        await page.click(row("carol"));
        await vote(page, "It is not known yet whether your ballot (1. carol) is counted. Send it again: it counts once.");
        await vote(page, "Your ballot (1. carol) is recorded.");
        assert.match(await server.tally("board"), /^open \d+ 1 ann=0 bob=0 carol=1 dan=0$/);
    });
}

test("the server's refusal of a ballot is told in its words", async ({ start, open }) => {
    const server = await startWith(start, "kind=approval max=2");
    const page = await openBoard(open, server, lost);
    await page.evaluate(() => (document.querySelector("main").dataset.max = "4")); // an old page
    await server.command("TITLE board New");
    await untilText(page, "h1", "New");
    await page.route("**/ballots", (route) => route.continue({ postData: '{"ballot":"ann,bob,carol"}' }), { times: 1 });
    await page.check(`${row("ann")} input`);
    await vote(page, "Not counted: a ballot names at most 2 choices here, and this one 3.");
    assert.match(await server.tally("board"), /^open \d+ 0 /);
});

test("a poll that closes shows the result in words, and one's ballot", async ({ start, open }) => {
    const server = await startWith(start, "method=irv reveal=closed");
    const page = await openBoard(open, server);
    await page.click(row("dan"));
    await vote(page, "Your ballot (1. dan) is recorded.");
    assert.equal(await page.locator(".result").count(), 0);
    assert.ok(!(await page.locator("main").innerHTML()).includes("leads"));
    await server.command("CLOSE board");
    await untilText(page, ".result .verdict", "dan is elected.");
    assert.equal(await page.locator(".cast").count(), 0);
    assert.equal(await page.locator(`${row("dan")} .tap`).isDisabled(), true);
    assert.equal(await page.locator(`${row("dan")} .tap`).getAttribute("aria-pressed"), "true");
});

test("a page in the background catches up with a ballot that was sent elsewhere", async ({ start, open }) => {
    const server = await startWith(start, "kind=approval");
    const page = await openBoard(open, server);
    await until(page, () => document.querySelector(".link").dataset.link === "live");
    await setHidden(page, true);
    const tab = await openBoard(open, server, { beside: page });
    await tab.check(`${row("dan")} input`);
    await vote(tab, "Your vote for dan is recorded.");
    await setHidden(page, false);
    await untilText(page, "#notice", "Your vote is for dan.");
    assert.ok(await page.isChecked(`${row("dan")} input`));
});

// ---- without JavaScript ----

const fillIn = {
    approval: (page) => page.check(`${row("ann")} input`).then(() => page.check(`${row("dan")} input`)),
    score: (page) => page.click(`${row("ann")} label:text-is("4")`),
    irv: async (page) => {
        await page.fill(`${row("dan")} input`, "1");
        await page.fill(`${row("ann")} input`, "3");
    },
};
const told = {
    approval: "Your vote for Ann Müller and dan is recorded.",
    score: "Your ballot Ann Müller: 4 is recorded.",
    irv: "Your ranking 1. dan, 2. Ann Müller is recorded.",
};

for (const method of Object.keys(fillIn)) {
    test(`without JavaScript a form votes, and shows the ballot back: ${method}`, async ({ start, open }) => {
        const server = await startWith(start, `method=${method}`);
        const page = await openBoard(open, server, plain);
        await fillIn[method](page);
        await page.click(".cast");
        await page.waitForURL("**/p/board");
        await untilText(page, "#notice", told[method]);
        const filled = { approval: "input:checked", score: ':checked:not([value="0"])', irv: 'input:not([value=""])' }[method];
        assert.equal(await page.locator(`.choices ${filled}`).count(), method === "score" ? 1 : 2);
        await page.click(".abstain");
        await untilText(page, "#notice", "Your abstention is recorded.");
        assert.match(await server.tally("board"), /^open \d+ 1 ann=0 bob=0 carol=0 dan=0$/);
    });

    test(`without JavaScript a final ballot is asked about: ${method}`, async ({ start, open }) => {
        const server = await startWith(start, `method=${method} ballots=once`);
        const page = await openBoard(open, server, plain);
        await fillIn[method](page);
        await page.click(".cast");
        await until(page, () => document.querySelector(".question h2"));
        assert.match(await server.tally("board"), /^open \d+ 0 /);
        await page.click(".yes");
        await untilText(page, "#notice", told[method]);
        assert.match(await server.tally("board"), /^open \d+ 1 /);
    });
}

test("without JavaScript a bad ballot comes back as it was filled in, with the reason", async ({ start, open }) => {
    for (const settings of ["", "ballots=once", "voters=named"]) {
        const server = await startWith(start, `method=irv ${settings}`);
        const page = await openBoard(open, server, { ...plain, ...lost });
        settings === "voters=named" && (await page.fill("#voter", "Jürgen"));
        await page.fill(`${row("dan")} input`, "1");
        await page.fill(`${row("ann")} input`, "1");
        await page.click(".cast");
        await untilText(page, "#notice", "Not counted: no choices are ranked equal here.");
        assert.equal(await page.locator("#notice").getAttribute("data-kind"), "error");
        assert.equal(await page.inputValue(`${row("ann")} input`), "1");
        settings === "voters=named" && assert.equal(await page.inputValue("#voter"), "Jürgen");
        await page.fill(`${row("ann")} input`, "2");
        await page.click(".cast");
        settings === "ballots=once" && (await page.click(".yes"));
        await untilText(page, "#notice", told.irv);
        await page.context().close();
    }
});
