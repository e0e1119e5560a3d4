// What a page says of a ballot whose fate it does not know, and that sending it again counts once.

import assert from "node:assert/strict";
import { openInStillTime, setHidden, shoot, test, until, untilText } from "./harness.js";

const lunch = ["--poll", "lunch=pizza,sushi,tacos"];
const expected = { tolerate: /status of 5\d\d|status of 4\d\d|ERR_/ };
const doubt = (label) => `It is not known yet whether your vote for ${label} is counted. Tap it again: it counts once.`;
// Taps as fast as they come.
const tap = (page, ...choices) =>
    page.evaluate((all) => all.forEach((choice) => document.querySelector(`button[value="${choice}"]`).click()), choices);
const button = (choice) => `button[value="${choice}"]`;

async function makeApplause(start) {
    const server = await start();
    await server.command("CREATE applause clap cheer ballots=unlimited");
    return server;
}

const problem = (status, members) => ({
    status,
    contentType: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", title: "No", status, ...members }),
});

// Answers that say nothing of the ballot, which has been recorded behind them.
const strange = {
    "a proxy's 502": { status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" },
    "a proxy's 504 as a problem": problem(504),
    "a proxy's 408 as a problem": problem(408),
    "a gateway's 429 as a problem": problem(429),
    "a gateway's 429 with a code of its own": problem(429, { code: "TOO-MANY-REQUESTS" }),
    "a proxy's 403": { status: 403, contentType: "text/html", body: "<h1>Forbidden</h1>" },
    "a problem of another status": problem(409, { status: 200, code: "POLL-CLOSED" }),
    "a page of a network that wants a login": { status: 200, contentType: "text/html", body: "<h1>Welcome</h1>" },
    "another server's JSON": { status: 201, contentType: "application/json", body: '{"seq":7}' },
    "another server's null": { status: 201, contentType: "application/json", body: "null" },
    "a ballot that is none": { status: 201, contentType: "application/json", body: '{"seq":0,"duplicate":false}' },
    "half an answer": { status: 201, contentType: "application/json", body: '{"seq":' },
    "a redirect": { status: 302, headers: { Location: "/hello" } },
    "no content": { status: 204 },
};

for (const [name, answer] of Object.entries(strange)) {
    test(`${name} does not tell of a ballot, which counts once`, async ({ start, open }) => {
        const server = await makeApplause(start);
        const page = await open(server, "/p/applause", expected);
        await page.route("**/ballots", async (route) => {
            await route.fetch();
            await route.fulfill(answer);
        }, { times: 1 });
        await page.click(button("clap"));
        await untilText(page, "#notice", doubt("clap"));
        await page.click(button("clap"));
        await untilText(page, "#notice", "Your vote for clap is recorded.");
        assert.match(await server.tally("applause"), /^open \d+ 1 clap=1 cheer=0$/);
    });
}

// Answers that are the server's own, and tell that nothing was recorded.
const refusals = {
    "The server's 503": [problem(503, { code: "STORAGE", detail: "the disk is full" }), "Not counted: the disk is full."],
    "The guard's refusal": [problem(403, { code: "OTHER-SITE", detail: "a page of another site may not vote here" }), "Not counted: a page of another site may not vote here."],
};

for (const [name, [answer, words]] of Object.entries(refusals)) {
    test(`${name} is told as such`, async ({ start, open }) => {
        const server = await makeApplause(start);
        const page = await open(server, "/p/applause", expected);
        await page.route("**/ballots", (route) => route.fulfill(answer), { times: 1 });
        await page.click(button("clap"));
        await untilText(page, "#notice", words);
        await page.click(button("clap"));
        await untilText(page, "#notice", "Your vote for clap is recorded.");
        assert.match(await server.tally("applause"), /^open \d+ 1 clap=1 cheer=0$/);
    });
}

// The first ballot is recorded, and its answer is lost.
async function loseAnswer(page) {
    await page.route("**/ballots", async (route) => {
        await route.fetch();
        await route.abort();
    }, { times: 1 });
}

test("a refusal of what was sent before, too, does not tell that it is not counted", async ({ start, open }) => {
    const server = await makeApplause(start);
    const page = await open(server, "/p/applause", expected);
    await page.route("**/ballots", (route) => route.fulfill(problem(503, { code: "LIMIT", detail: "no room" })), { times: 1 });
    await loseAnswer(page);
    await page.click(button("clap"));
    await untilText(page, "#notice", doubt("clap"));
    const refused = page.waitForResponse((response) => response.status() === 503);
    await page.click(button("clap"));
    await refused;
    await untilText(page, "#notice", doubt("clap"));
    await page.click(button("clap"));
    await untilText(page, "#notice", "Your vote for clap is recorded.");
    assert.match(await server.tally("applause"), /^open \d+ 1 clap=1 cheer=0$/);
});

// By the polls' settings, and whether the ballot arrived.
for (const [settings, arrived] of ["", "voters=named", "ballots=unlimited"].flatMap((each) => [[each, true], [each, false]])) {
    const what = `${settings || "changeable"}, ${arrived ? "recorded" : "lost"}`;
    test(`of a ballot in doubt the page asks by itself when the poll has closed: ${what}`, async ({ start, open }) => {
        const server = await start();
        await server.command(`CREATE board yes no ${settings}`);
        const page = await open(server, "/p/board", expected);
        await until(page, () => document.querySelector(".link").dataset.link === "live");
        arrived ? await loseAnswer(page) : await page.route("**/ballots", (route) => route.abort(), { times: 1 });
        if (settings === "voters=named") {
            await page.fill("#voter", "ann");
        }
        await page.click(button("yes"));
        await untilText(page, "#notice", doubt("yes"));
        await server.command("CLOSE board");
        await untilText(page, "#notice", arrived ? "Your vote for yes is recorded." : "Not counted: the poll takes no ballots now.");
        assert.match(await server.tally("board"), new RegExp(` yes=${arrived ? 1 : 0} no=0$`));
    });
}

for (const settings of ["ballots=unlimited", "voters=named ballots=once"]) {
    test(`a ballot in doubt is the same one after a reload: ${settings}`, async ({ start, open }) => {
        const server = await start();
        await server.command(`CREATE board yes no ${settings}`);
        const page = await open(server, "/p/board", expected);
        await loseAnswer(page);
        const vote = async () => {
            if (settings.startsWith("voters")) {
                await page.fill("#voter", "ann");
            }
            await page.click(button("yes"));
            if (settings.endsWith("once")) {
                await page.click(".question .yes");
            }
        };
        await vote();
        await untilText(page, "#notice", doubt("yes"));
        await page.reload();
        await untilText(page, "#notice", doubt("yes"));
        await vote();
        await untilText(page, "#notice", "Your vote for yes is recorded.");
        assert.match(await server.tally("board"), /^open \d+ 1 yes=1 no=0$/);
        await page.reload();
        await untilText(page, "#notice", "Choose one to vote.");
    });
}

test("where every ballot counts, no tap is lost when the page is left", async ({ start, open }) => {
    const server = await makeApplause(start);
    const page = await open(server, "/p/applause");
    await page.evaluate(() => {
        for (let i = 0; i < 10; i++) {
            document.querySelector("button[name]").click();
        }
        location.assign("/journey");
    });
    await server.until(async () => / 10 clap=10 /.test(await server.tally("applause")));
});

test("an answer that does not come is waited for ten seconds", async ({ start, open, proxy: through }) => {
    const server = await makeApplause(start);
    const proxy = await through(server);
    const page = await openInStillTime(open, proxy, "/p/applause", expected);
    proxy.losesAnswers = true;
    await page.click(button("clap"));
    await page.clock.runFor(9000);
    await untilText(page, "#notice", "Sending your vote…");
    await shoot(page, "sending");
    await page.clock.runFor(1500);
    await untilText(page, "#notice", doubt("clap"));
    await shoot(page, "doubt");
    proxy.losesAnswers = false;
    await page.click(button("clap"));
    await untilText(page, "#notice", "Your vote for clap is recorded.");
    assert.match(await server.tally("applause"), /^open \d+ 1 clap=1 cheer=0$/);
});

test("who changes his mind while a ballot is on its way gets the last choice", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    let release;
    const released = new Promise((resolve) => (release = resolve));
    const sent = [];
    await page.route("**/ballots", async (route) => {
        sent.push(route.request().postDataJSON().ballot);
        await released;
        await route.continue();
    });
    await tap(page, "pizza", "pizza", "sushi", "tacos");
    release();
    await untilText(page, "#notice", "Your vote for tacos is recorded.");
    assert.deepEqual(sent, ["pizza", "tacos"]);
    assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=0 sushi=0 tacos=1$/);
});

// The first ballot's answer is lost, and the ballot itself, until it arrives later; what the page sent.
async function loseFirst(page, { arrives }) {
    const sent = [];
    await page.route("**/ballots", async (route) => {
        sent.push(route.request().postData());
        if (arrives) {
            await route.fetch();
        }
        await route.abort();
    }, { times: 1 });
    return {
        arrive: (server) =>
            page.request.post(server.url("/polls/lunch/ballots"), { data: sent[0], headers: { "Content-Type": "application/json" } }),
    };
}

// Whoever has one ballot: by his browser, or by his name.
for (const named of [false, true]) {
    for (const arrives of [false, true]) {
        test(`the last choice counts, ${named ? "named, " : ""}though the one that was given up arrives ${arrives ? "before" : "behind"} it`, async ({ start, open }) => {
            const server = await start();
            await server.command(`CREATE lunch pizza sushi tacos ${named ? "voters=named" : ""}`);
            const page = await open(server, "/p/lunch", expected);
            const first = await loseFirst(page, { arrives });
            if (named) {
                await page.fill("#voter", "ann");
            }
            await page.click(button("pizza"));
            await untilText(page, "#notice", doubt("pizza"));
            await page.click(button("sushi"));
            await untilText(page, "#notice", "Your vote for sushi is recorded.");
            // Of a name only the ballot that counts is known: so a second copy of one that does not is a new ballot.
            if (!named || !arrives) {
                assert.equal((await first.arrive(server)).status(), 409);
            }
            assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=0 sushi=1 tacos=0$/);
            await page.click(button("tacos"));
            await untilText(page, "#notice", "Your vote for tacos is recorded.");
        });
    }
}

test("a ballot that others overtake each time is not counted, and what counts can be changed", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", expected);
    await page.click(button("pizza"));
    await untilText(page, "#notice", "Your vote for pizza is recorded.");
    await page.route("**/ballots", async (route) => {
        const seq = route.request().postDataJSON().after + 1;
        await route.fulfill(problem(409, { code: "ALREADY-VOTED", detail: "a later one was recorded", seq }));
    }, { times: 5 });
    await page.click(button("sushi"));
    await untilText(page, "#notice", "Not counted: your vote for pizza was recorded before. Tap again to change it.");
    await page.click(button("sushi"));
    await untilText(page, "#notice", "Your vote for sushi is recorded.");
    assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=0 sushi=1 tacos=0$/);
});

// In a room: by a name that is not loopback, a browser does not say where a request comes from.
for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? "with" : "without";
    test(`a first ballot whose answer is lost is one voter's when it is sent again, ${how} JavaScript`, async ({ start, open, proxy: through }) => {
        const server = await start(...lunch, "--http-host", "vote.example.org");
        const proxy = await through(server);
        const page = await open(proxy, null, { ...expected, javaScriptEnabled });
        await page.goto(proxy.url("/p/lunch", "vote.example.org"));
        const { x, y } = await page.locator(button("pizza")).boundingBox();
        proxy.losesAnswers = true;
        await page.mouse.click(x + 8, y + 8);
        await server.until(async () => / 1 pizza=1 /.test(await server.tally("lunch")));
        proxy.losesAnswers = false;
        if (javaScriptEnabled) {
            proxy.cut(); // the browser itself may send it again
        }
        await page.mouse.click(x + 8, y + 8);
        await until(page, () => /^Your vote .*pizza/.test(document.getElementById("notice")?.textContent));
        assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=1 sushi=0 tacos=0$/);
    });
}

for (const isWaiting of [false, true]) {
    test(`of a voter's tabs the one that was tapped last counts, though ${isWaiting ? "the other waits" : "the other's ballot comes late"}`, async ({ start, open }) => {
        const server = await start(...lunch);
        const page = await open(server, "/p/lunch", expected);
        const tab = await open(server, "/p/lunch", { beside: page });
        let release;
        const released = new Promise((resolve) => (release = resolve));
        await page.route("**/ballots", async (route) => {
            await released;
            isWaiting ? await route.abort() : await route.continue();
        }, { times: 1 });
        await tap(page, "pizza", ...(isWaiting ? ["tacos"] : []));
        await tab.click(button("sushi"));
        await untilText(tab, "#notice", "Your vote for sushi is recorded.");
        await until(page, () => document.querySelector(".voted")?.dataset.choice === "sushi");
        release();
        await until(page, () => document.querySelector("form").ariaBusy === "false");
        await untilText(page, "#notice", "Your vote is for sushi.");
        assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=0 sushi=1 tacos=0$/);
        await page.click(button("tacos"));
        await untilText(tab, "#notice", "Your vote is for tacos.");
    });
}

test("a first ballot in a new database is one voter's when it is sent again", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", expected);
    const token = await page.locator("main").getAttribute("data-token");
    await server.end();
    await server.start(); // with another key, by which the browser's cookie and the page's token are nobody's
    await until(page, (old) => ![undefined, old].includes(document.querySelector("main").dataset.token), token);
    await loseAnswer(page);
    await page.click(button("pizza"));
    await untilText(page, "#notice", doubt("pizza"));
    await page.context().clearCookies(); // that of the lost answer
    await page.click(button("pizza"));
    await untilText(page, "#notice", "Your vote for pizza is recorded.");
    assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=1 sushi=0 tacos=0$/);
});

test("who comes back learns what came of a ballot", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", expected);
    await loseFirst(page, { arrives: true });
    await page.click(button("pizza"));
    await untilText(page, "#notice", doubt("pizza"));
    await setHidden(page, true);
    await setHidden(page, false);
    await untilText(page, "#notice", "Your vote is for pizza.");
    assert.equal(await page.locator(".voted").getAttribute("data-choice"), "pizza");
});

test("where every ballot counts, no tap is lost while others are on their way", async ({ start, open }) => {
    const server = await makeApplause(start);
    const page = await open(server, "/p/applause");
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await page.route("**/ballots", async (route) => {
        await released;
        await route.continue();
    });
    await tap(page, ...Array.from({ length: 10 }, (_, i) => (i % 2 ? "clap" : "cheer")));
    await untilText(page, "#notice", "Sending 10 votes…");
    release();
    await untilText(page, "[data-total]", "10");
    assert.match(await server.tally("applause"), /^open \d+ 10 clap=5 cheer=5$/);
});

test("taps that came to nothing are sent again by one, and count once each", async ({ start, open }) => {
    const server = await makeApplause(start);
    const page = await open(server, "/p/applause", expected);
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await page.route("**/ballots", async (route) => {
        await released;
        await route.abort();
    }, { times: 3 });
    await tap(page, ...Array(5).fill("clap"));
    release();
    await untilText(page, "#notice", "It is not known yet whether 5 of your votes are counted. Tap again: each of them counts once.");
    await page.click(button("clap"));
    await untilText(page, "[data-total]", "5");
    await untilText(page, "#notice", "Your vote for clap is recorded.");
    await until(page, () => document.querySelector("form").ariaBusy !== "true");
    assert.match(await server.tally("applause"), /^open \d+ 5 clap=5 cheer=0$/);
});

test("an address can't claim that a vote is recorded", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch?voted=pizza");
    await until(page, () => document.querySelector(".link").dataset.link === "live");
    assert.equal(await page.locator("#notice").textContent(), "Choose one to vote.");
    assert.equal(await page.locator(".voted").count(), 0);
});
