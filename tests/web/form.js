// Without JavaScript: vote, see, reload.

import assert from "node:assert/strict";
import { shoot, test } from "./harness.js";

const plain = { javaScriptEnabled: false };
const text = (page, selector) => page.locator(selector).innerText();

test("without JavaScript a form votes, and a reload shows what is new", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi,tacos");
    const page = await open(server, "/p/lunch", plain);
    assert.equal(await text(page, "noscript p"), "Reload the page to see newer results.");
    await page.click('button[value="sushi"]');
    await page.waitForURL("**/p/lunch?voted=sushi");
    assert.equal(await text(page, "#notice"), "Your vote for sushi is recorded.");
    assert.equal(await page.locator(".voted").getAttribute("data-choice"), "sushi");
    assert.equal(await text(page, '[data-choice="sushi"] .percent'), "100%");
    await shoot(page, "without-javascript");
    await server.command("VOTE lunch pizza");
    await page.reload();
    assert.equal(await text(page, "[data-total]"), "2");
    assert.equal(await text(page, '[data-choice="sushi"] .percent'), "50%");
    assert.equal(await page.locator(".link:visible").count(), 0); // it is not connected, so it says nothing of it
});

test("without JavaScript named voters vote once, and a refusal leads back", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no voters=named ballots=once");
    const page = await open(server, "/p/board", { ...plain, tolerate: /status of 409/ });
    await page.fill("#voter", "ann");
    await page.click('button[value="yes"]');
    await page.waitForURL("**/p/board?voted=yes");
    await page.fill("#voter", "ann");
    await page.click('button[value="no"]');
    await page.waitForURL("**/ballots");
    assert.equal(await text(page, ".status"), "409");
    assert.match(await text(page, ".detail"), /another choice was recorded first/);
    await page.click(".back");
    await page.waitForURL("**/p/board");
    assert.match(await server.tally("board"), /^open \d+ 1 yes=1 no=0$/);
});

test("without JavaScript hidden and closed polls are told as such", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE award film book reveal=closed");
    await server.command("VOTE award film");
    const page = await open(server, "/p/award", plain);
    assert.equal(await page.locator(".figures:visible").count(), 0);
    assert.ok(!(await page.content()).includes("leads"));
    await server.command("CLOSE award");
    await page.reload();
    assert.equal(await text(page, ".state"), "Closed");
    assert.equal(await page.locator("button:enabled").count(), 0);
    assert.equal(await text(page, '[data-choice="film"] .percent'), "100%");
});

test("without JavaScript the big screen and the list show how it stands", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    await server.command("VOTE lunch pizza");
    const screen = await open(server, "/screen/lunch", plain);
    assert.equal(await text(screen, '[data-choice="pizza"] .percent'), "100%");
    const list = await open(server, "/", plain);
    assert.equal(await text(list, ".total"), "1 ballot");
});
