// Seeing each other's votes, and staying connected.

import assert from "node:assert/strict";
import { shoot, test, until, untilText } from "./harness.js";

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
    await untilText(page, "#notice", "The server can’t be reached. Try again in a moment.");
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

// Chromium shows no tab in the background here, so the page is told that it is one.
const setHidden = (page, hidden) =>
    page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);

test("a page in the background lets go of its connection", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    await untilLink(page, "live");
    const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/events"));
    const connections = [];
    page.on("request", (request) => request.url().endsWith("/events") && connections.push(request));
    await setHidden(page, true);
    await ended;
    await server.command("VOTE lunch tacos");
    await setHidden(page, false);
    await untilText(page, count("tacos"), "1");
    assert.equal(connections.length, 1); // and made one only when it was looked at again
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
        return showRows(main, { poll: "lunch", seq: 1, open: true, hidden: false, ballots: 21, choices });
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
    const page = await open(server, "/");
    assert.equal(await page.locator(".card").count(), 100);
    await page.click("text=More polls");
    await page.waitForURL("**/?after=100*");
    await server.command("VOTE poll-1 yes");
    await server.command("VOTE poll-101 yes");
    await untilText(page, '[data-poll="poll-101"] [data-total]', "1");
    assert.equal(await page.locator(".card").count(), 1);
    assert.equal(await page.getByText("More polls").count(), 0);
});

test("a list without polls gets its first card", async ({ start, open }) => {
    const server = await start();
    const page = await open(server, "/");
    assert.ok(await page.getByText("No poll yet.").isVisible());
    await untilLink(page, "live");
    await server.command("CREATE board yes no");
    await until(page, () => document.querySelectorAll(".card").length === 1);
    assert.equal(await page.getByText("No poll yet.").count(), 0);
});
