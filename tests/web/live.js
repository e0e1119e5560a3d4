// Seeing each other's votes, and staying connected.

import assert from "node:assert/strict";
import { makeHidden, openInStillTime, setHidden, shoot, test, until, untilText } from "./harness.js";

const lunch = ["--poll", "lunch=pizza,sushi,tacos"];
const lost = { tolerate: /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|status of 503/ };
const count = (choice) => `[data-choice="${choice}"] [data-count]`;

const untilLink = (page, state) => until(page, (s) => document.querySelector(".link").dataset.link === s, state);

test("two browsers see each other's votes", async ({ start, open }) => {
    const server = await start(...lunch);
    const [one, two] = [await open(server, "/p/lunch"), await open(server, "/p/lunch")];
    await one.click('button[value="pizza"]');
    await untilText(two, count("pizza"), "1");
    await two.click('button[value="sushi"]');
    for (const page of [one, two]) {
        await untilText(page, count("sushi"), "1");
        await untilText(page, "[data-total]", "2");
        await untilText(page, '[data-choice="pizza"] [data-percent]', "50");
    }
    assert.match(await server.tally("lunch"), /^open \d+ 2 pizza=1 sushi=1 tacos=0$/);
});

test("bars are as long as the share, and the leader stands out", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no voters=named");
    const page = await open(server, "/screen/board", { reducedMotion: "reduce" });
    for (const voter of ["a", "b", "c", "d"]) {
        await server.command(`VOTE board ${voter === "d" ? "no" : "yes"} as=${voter}`);
    }
    await untilText(page, count("yes"), "3");
    const [bar, part] = await Promise.all(
        [".bar", ".bar rect"].map((each) => page.locator(`[data-choice="yes"] ${each}`).boundingBox()),
    );
    assert.ok(Math.abs(part.width / bar.width - 0.75) < 0.01, `${part.width} of ${bar.width}`);
    assert.equal(await page.locator(".leads").getAttribute("data-choice"), "yes");
});

test("after a restart of the server the newest tally is there", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", lost);
    await page.click('button[value="pizza"]');
    await untilText(page, count("pizza"), "1");
    await server.stop();
    await untilLink(page, "lost");
    assert.equal(await page.locator(".link").innerText(), "Reconnecting…");
    await shoot(page, "reconnecting");
    await page.click('button[value="sushi"]');
    await untilText(page, "#notice", "It is not known yet whether your vote for sushi is counted. Tap it again: it counts once.");
    await server.start();
    await server.command("VOTE lunch tacos");
    await untilText(page, count("tacos"), "1");
    await untilLink(page, "live");
    await page.click('button[value="sushi"]');
    await untilText(page, "#notice", "Your vote for sushi is recorded.");
});

test("a server that answers with errors is tried again", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, null, lost);
    let refused = 0;
    await page.route("**/events", (route) => {
        refused++;
        return route.fulfill({ status: 503, body: "" });
    }, { times: 2 });
    await page.goto(server.url("/p/lunch"));
    await untilLink(page, "lost");
    await untilLink(page, "live");
    assert.equal(refused, 2);
});

test("the time between tries grows, is random, and is bounded", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    const times = await page.evaluate(async () => {
        const { backoff } = await import("/web/live.js");
        const most = [0, 1, 2, 3, 4, 5, 100].map((attempt) => backoff(attempt, () => 1));
        return { most, half: backoff(1, () => 0.5), random: new Set(Array.from({ length: 20 }, () => backoff(3))).size };
    });
    assert.deepEqual(times.most, [2000, 4000, 8000, 16000, 30000, 30000, 30000]);
    assert.equal(times.half, 2000);
    assert.ok(times.random > 10);
});

const isForEvents = (request) => new URL(request.url()).pathname.endsWith("/events");

// Waits until that many readers of events are connected to the server.
const untilStreams = (server, count) =>
    server.until(async () => (await server.command("CLIENTS")).filter((row) => / kind=events /.test(row)).length === count);

test("a page in the background lets go of its connection", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    await untilLink(page, "live");
    await setHidden(page, true);
    await untilStreams(server, 0);
    await page.evaluate(() => dispatchEvent(new Event("online")));
    assert.equal(await page.locator(".link").innerText(), ""); // it does not know
    await server.command("VOTE lunch tacos");
    const connections = [];
    page.on("request", (request) => isForEvents(request) && connections.push(request));
    await setHidden(page, false);
    await untilText(page, count("tacos"), "1");
    assert.equal(connections.length, 1); // and made one only when it was looked at again
});

for (const path of ["/", "/p/lunch", "/screen/lunch"]) {
    test(`a page that is opened in the background (${path}) makes no connection until it is looked at`, async ({ start, open }) => {
        const server = await start(...lunch);
        const page = await open(server, null);
        await page.addInitScript(makeHidden, true);
        const connections = [];
        page.on("request", (request) => isForEvents(request) && connections.push(request));
        await page.goto(server.url(path));
        await setHidden(page, true);
        assert.equal(connections.length, 0);
        await setHidden(page, false);
        await untilLink(page, "live");
        assert.equal(connections.length, 1);
    });
}

test("eight pages of a browser that are looked at follow, and vote", async ({ start, open }) => {
    const server = await start(...lunch);
    const first = await open(server, "/p/lunch");
    const pages = [first];
    for (const path of ["/screen/lunch", "/", "/p/lunch", "/p/lunch", "/p/lunch", "/p/lunch", "/p/lunch"]) {
        pages.push(await open(server, path, { beside: first }));
    }
    await Promise.all(pages.map((page) => untilLink(page, "live")));
    await untilStreams(server, 3);
    await pages[7].click('button[value="pizza"]');
    await untilText(pages[7], "#notice", "Your vote for pizza is recorded.");
    await Promise.all(pages.map((page) => untilText(page, "[data-total]", "1")));
    // Who leaves makes room, and is not missed.
    await Promise.all([pages[0].close(), pages[1].goto("about:blank"), setHidden(pages[2], true)]);
    await untilStreams(server, 3);
    await server.command("VOTE lunch sushi");
    await Promise.all(pages.slice(3).map((page) => untilText(page, "[data-total]", "2")));
});

// A page of a browser whose other pages hold as many streams as it can bear.
async function openFourth(open, server, path, options) {
    const first = await open(server, "/screen/lunch");
    for (let i = 0; i < 2; i++) {
        await open(server, "/screen/lunch", { beside: first });
    }
    const page = await open(server, path, { ...options, beside: first });
    await untilStreams(server, 3);
    await untilLink(page, "live");
    return page;
}

test("a page without a stream asks for all of a list, or does not say that it is live", async ({ start, open }) => {
    const server = await start(...lunch);
    for (let i = 1; i <= 101; i++) {
        await server.command(`CREATE poll-${i} yes no`);
    }
    const page = await openFourth(open, server, "/");
    await server.command("VOTE poll-101 yes");
    await untilText(page, '[data-poll="poll-101"] [data-total]', "1");
    await untilLink(page, "live");
    await page.route(/\/polls(\?|$)/, (route) => route.fulfill({ json: { ledger: "", polls: [], next: "/polls?after=1" } }));
    await untilLink(page, "none");
});

test("a page without a stream does not take another's answer for a tally", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await openFourth(open, server, "/p/lunch");
    for (const json of [{}, null, [], { ledger: "0" }, { polls: [] }]) {
        const answered = page.waitForResponse("**/polls/lunch");
        await page.route("**/polls/lunch", (route) => route.fulfill({ json }), { times: 1 });
        await answered;
        await untilLink(page, "lost");
        await untilLink(page, "live");
    }
    await server.command("VOTE lunch tacos");
    await untilText(page, count("tacos"), "1");
});

test("a page without a stream learns that its poll is gone", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await openFourth(open, server, "/p/lunch", { tolerate: /status of 404/ });
    await page.route("**/p/lunch", async (route) => {
        await route.fulfill({ response: await route.fetch({ url: server.url("/p/gone") }) });
    });
    await page.route("**/polls/lunch", (route) => route.fulfill({ status: 404, json: {} }));
    await untilText(page, ".status", "404");
});

test("a connection that is dead without an end is noticed, and replaced", async ({ start, open, proxy: through }) => {
    const server = await start(...lunch);
    const proxy = await through(server);
    const page = await openInStillTime(open, proxy, "/screen/lunch");
    proxy.forget();
    await server.command("VOTE lunch tacos");
    await page.clock.runFor(31000);
    await untilLink(page, "lost");
    for (let i = 0; i < 6; i++) {
        await page.clock.runFor(3000); // others that the browser has kept are dead, too
    }
    await untilText(page, count("tacos"), "1");
    await untilLink(page, "live");
});

test("a stream is alive for as long as the server is heard", async ({ start, open }) => {
    const page = await openInStillTime(open, await start(...lunch), "/journey"); // which has no script of its own
    await page.evaluate(async () => {
        const { openStream } = await import("/web/stream.js");
        globalThis.EventSource = class extends EventTarget {
            constructor() {
                super();
                globalThis.source = this;
            }
            close() {}
        };
        globalThis.heard = [];
        const hear = (what) => () => globalThis.heard.push(what);
        openStream("/events", 10000, { onOpen: hear("open"), onTally: hear("tally"), onBeat: () => {}, onEnd: (why) => globalThis.heard.push(why) });
    });
    for (const event of ["open", "beat", "beat", "beat"]) {
        await page.evaluate((name) => globalThis.source.dispatchEvent(new MessageEvent(name, { data: '{"ledger":""}' })), event);
        await page.clock.runFor(29000);
    }
    assert.deepEqual(await page.evaluate(() => globalThis.heard), ["open"]);
    await page.clock.runFor(2000);
    assert.deepEqual(await page.evaluate(() => globalThis.heard), ["open", "silent"]);
});

test("titles and labels that change are shown, and what is typed in stays", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no voters=named");
    const [list, wall, phone] = [await open(server, "/"), await open(server, "/screen/board"), await open(server, "/p/board")];
    await Promise.all([list, wall, phone].map((page) => untilLink(page, "live")));
    await phone.fill("#voter", "ann");
    await server.command("TITLE board Shall we meet on Friday?");
    await server.command("LABEL board yes Ja");
    await untilText(list, ".card h2", "Shall we meet on Friday?");
    for (const page of [wall, phone]) {
        await untilText(page, '[data-choice="yes"] [data-label]', "Ja");
        assert.equal(await page.locator("h1").textContent(), "Shall we meet on Friday?");
        assert.equal(await page.title(), "Shall we meet on Friday? · tallycast");
        assert.equal(await page.locator(".link").innerText(), "Live");
    }
    assert.equal(await phone.inputValue("#voter"), "ann");
    assert.equal(await phone.evaluate(() => document.activeElement.id), "voter");
    await phone.click('button[value="yes"]');
    await untilText(phone, "#notice", "Your vote for Ja is recorded.");
});

test("a page that is made anew does not fall behind the tallies that came meanwhile", async ({ start, open }) => {
    const server = await start(...lunch);
    for (const path of ["/", "/p/lunch", "/screen/lunch"]) {
        const page = await open(server, path);
        await untilLink(page, "live");
        let release;
        const released = new Promise((resolve) => (release = resolve));
        await page.route(`**${path}`, async (route) => {
            const response = await route.fetch(); // before the ballot
            release();
            await page.waitForFunction(() => globalThis.goOn);
            await route.fulfill({ response });
        });
        await server.command(`TITLE lunch Lunch on ${path}`);
        await released;
        const total = Number(await page.locator("[data-total]").textContent()) + 1;
        await server.command(`TITLE lunch Supper on ${path}\nVOTE lunch pizza`); // one event may tell both
        await untilText(page, "[data-total]", String(total));
        await page.evaluate(() => (globalThis.goOn = true));
        await untilText(page, path === "/" ? "h2" : "h1", `Lunch on ${path}`);
        assert.equal(await page.locator("[data-total]").textContent(), String(total));
        await page.unroute(`**${path}`);
        await untilText(page, path === "/" ? "h2" : "h1", `Supper on ${path}`);
    }
});

test("a page that can't be had anew is asked for again", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/screen/lunch", lost);
    await untilLink(page, "live");
    await page.route("**/screen/lunch", (route) => route.fulfill({ status: 503, body: "" }), { times: 1 });
    await server.command("CLOSE lunch");
    await untilText(page, ".address", "The poll is closed.");
    assert.equal(await page.locator(".qr").count(), 0);
});

test("a poll that waits is not over, and opens", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no state=closed");
    const [wall, phone] = [await open(server, "/screen/board"), await open(server, "/p/board")];
    await Promise.all([wall, phone].map((page) => untilLink(page, "live")));
    assert.ok(await wall.locator(".qr").isVisible());
    assert.equal(await wall.locator(".state").innerText(), "Not open yet");
    assert.equal(await phone.locator("#notice").innerText(), "The poll is not open yet. You can vote here as soon as it is.");
    assert.equal(await phone.locator("button:enabled").count(), 0);
    await shoot(wall, "waiting");
    await server.command("OPEN board");
    await untilText(phone, "#notice", "Choose one to vote.");
    await phone.click('button[value="yes"]');
    await untilText(wall, count("yes"), "1");
    await server.command("CLOSE board");
    await untilText(wall, ".address", "The poll is closed.");
    assert.equal(await wall.locator(".qr").count(), 0);
    await untilText(wall, ".state", "Closed");
});

// The server comes back with another database behind the pages that are open.
const pagesOfLunch = ["/", "/p/lunch", "/screen/lunch"];
const openAll = async (open, server) => {
    const pages = [];
    for (const path of pagesOfLunch) {
        pages.push(await open(server, path, lost));
        await untilLink(pages.at(-1), "live");
    }
    return pages;
};

test("a new database is followed, and votes in the old one are forgotten", async ({ start, open }) => {
    const server = await start(...lunch);
    const [list, phone, wall] = await openAll(open, server);
    await phone.click('button[value="pizza"]');
    await untilText(phone, "#notice", "Your vote for pizza is recorded.");
    for (let i = 0; i < 4; i++) {
        await server.command("VOTE lunch pizza");
    }
    await untilText(wall, count("pizza"), "5");
    await server.end();
    await server.start();
    await server.command("VOTE lunch tacos");
    await untilText(list, ".card [data-total]", "1");
    for (const page of [phone, wall]) {
        await untilText(page, count("tacos"), "1");
        assert.equal(await page.locator(count("pizza")).textContent(), "0");
    }
    await untilText(phone, "#notice", "Choose one to vote.");
    assert.equal(await phone.locator(".voted").count(), 0);
});

test("another poll of the same name is followed", async ({ start, open }) => {
    const server = await start(...lunch);
    const [list, phone, wall] = await openAll(open, server);
    await server.end();
    server.options = ["--poll", "lunch=red,blue"];
    await server.start();
    await phone.click('button[value="blue"]');
    await untilText(wall, count("blue"), "1");
    await until(list, () => document.querySelectorAll("[data-choice]").length === 2);
    assert.equal(await phone.locator(".choice button").count(), 2);
});

test("another poll of the same name has rules of its own", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", lost);
    await untilLink(page, "live");
    await server.end();
    server.options = [];
    await server.start();
    await server.command("CREATE lunch pizza sushi tacos voters=named ballots=once");
    await page.fill("#voter", "ann");
    await page.click('button[value="sushi"]');
    await page.click(".question .yes");
    await untilText(page, "#notice", "Your vote for sushi is recorded.");
    assert.match(await server.tally("lunch"), / 1 pizza=0 sushi=1 tacos=0$/);
});

test("a list learns of a new database without polls", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, null, lost);
    await page.addInitScript(() => {
        globalThis.EventSource = class extends EventSource {
            constructor(url) {
                super(url);
                globalThis.source = this;
            }
        };
    });
    await page.goto(server.url("/"));
    await untilLink(page, "live");
    await server.end();
    server.options = [];
    await server.start();
    await until(page, () => globalThis.source.readyState === EventSource.OPEN);
    // Which comes after 15 s.
    await page.evaluate(() => globalThis.source.dispatchEvent(new MessageEvent("beat", { data: '{"ledger":"0"}' })));
    await untilText(page, ".empty", "No poll yet. The administrator makes one: tallyctl create lunch pizza sushi tacos");
    assert.equal(await page.locator(".card").count(), 0);
});

test("a poll that is gone is told as such", async ({ start, open }) => {
    const server = await start(...lunch);
    const phone = await open(server, "/p/lunch", { tolerate: /ERR_|status of 404/ });
    await untilLink(phone, "live");
    await server.end();
    server.options = ["--poll", "board=yes,no"];
    await server.start();
    await untilText(phone, ".status", "404");
    assert.equal(await phone.locator("button").count(), 0);
    await phone.click("text=All polls");
    await untilText(phone, ".card h2", "board");
});

test("an older tally is not shown after a newer one", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    await page.click('button[value="pizza"]');
    await untilText(page, count("pizza"), "1");
    const shown = await page.evaluate(async () => {
        const { showRows } = await import("/web/rows.js");
        const main = document.querySelector("main");
        const choices = ["pizza", "sushi", "tacos"].map((choice) => ({ choice, count: 7 }));
        return showRows(main, { ...main.dataset, seq: 1, open: true, hidden: false, ballots: 21, choices });
    });
    assert.equal(shown, false);
    assert.equal(await page.locator(count("pizza")).textContent(), "1");
});

test("the list of polls follows, and shows a new one", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/");
    await untilLink(page, "live");
    await server.command("VOTE lunch sushi");
    await untilText(page, '[data-poll="lunch"] [data-total]', "1");
    await until(page, () => document.querySelector('[data-choice="sushi"]').classList.contains("leads"));
    await server.command("CREATE board yes no");
    await until(page, () => document.querySelectorAll(".card").length === 2);
    await untilText(page, '[data-poll="board"] h2', "board");
    await page.click('[data-poll="board"] h2 a');
    await page.waitForURL("**/p/board");
    assert.equal(await page.locator("h1").textContent(), "board");
});

test("a long list goes on, and each part shows its own polls", async ({ start, open }) => {
    const server = await start();
    for (let i = 1; i <= 101; i++) {
        await server.command(`CREATE poll-${i} yes no`);
    }
    await server.command("CLOSE poll-101");
    const page = await open(server, "/");
    const names = await page.locator(".card").evaluateAll((cards) => cards.map((card) => card.dataset.poll));
    assert.deepEqual([names.length, names[0], names[99]], [100, "poll-100", "poll-1"]); // the closed one is last
    await page.click("text=More polls");
    await page.waitForURL("**/?from=100");
    await untilLink(page, "live");
    await server.command("VOTE poll-1 yes");
    await server.command("OPEN poll-101");
    await untilText(page, '[data-poll="poll-101"] .state', "Open");
    assert.equal(await page.locator(".card").count(), 1);
});

test("a list of some dozens can be searched, and new polls are found, too", async ({ start, open }) => {
    const server = await start();
    for (let i = 1; i <= 30; i++) {
        await server.command(`CREATE poll-${i} yes no`);
    }
    await server.command("TITLE poll-7 Où déjeuner à Zürich ?");
    const page = await open(server, "/");
    const shown = () => page.locator(".card:visible").evaluateAll((cards) => cards.map((card) => card.dataset.poll));
    await untilLink(page, "live");
    await page.getByLabel("Find a poll").fill("zurich dej");
    assert.deepEqual(await shown(), ["poll-7"]);
    assert.equal(await page.locator(".found").innerText(), "1 of 30 polls");
    await shoot(page, "found");
    await server.command("CREATE dejeuner-zurich yes no");
    await untilText(page, ".found", "2 of 31 polls");
    assert.deepEqual(await shown(), ["dejeuner-zurich", "poll-7"]);
    assert.equal(await page.evaluate(() => document.activeElement.id), "find");
    await page.getByLabel("Find a poll").fill("");
    assert.equal((await shown()).length, 31);
});

test("a list without polls gets its first card", async ({ start, open }) => {
    const server = await start();
    const page = await open(server, "/");
    assert.ok(await page.getByText("No poll yet.").isVisible());
    await untilLink(page, "live");
    await server.command("CREATE board yes no");
    await until(page, () => document.querySelectorAll(".card").length === 1);
    assert.equal(await page.getByText("No poll yet.").count(), 0);
    assert.ok(await page.getByLabel("Find a poll").isHidden());
});
