// Without JavaScript: vote, see, reload.

import assert from "node:assert/strict";
import { shoot, test, until, untilText } from "./harness.js";

const plain = { javaScriptEnabled: false };
const text = (page, selector) => page.locator(selector).innerText();

test("without JavaScript a form votes, and a reload shows what is new", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi,tacos");
    const page = await open(server, "/p/lunch", plain);
    assert.equal(await text(page, "noscript p"), "Reload the page to see newer results.");
    await page.click('button[value="sushi"]');
    await untilText(page, "#notice", "Your vote for sushi is recorded.");
    assert.equal(await page.locator(".voted").getAttribute("data-choice"), "sushi");
    assert.equal(await text(page, '[data-choice="sushi"] .percent'), "100%");
    await shoot(page, "without-javascript");
    await server.command("VOTE lunch pizza");
    await page.reload();
    assert.equal(await text(page, "[data-total]"), "2");
    assert.equal(await text(page, '[data-choice="sushi"] .percent'), "50%");
    assert.equal(await page.locator(".link:visible").count(), 0); // it is not connected, so it says nothing of it
});

test("without JavaScript a final ballot is asked for, and a refusal leads back", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no voters=named ballots=once");
    await server.command("LABEL board yes Ja & Amen");
    const page = await open(server, "/p/board", { ...plain, tolerate: /status of 409/ });
    const vote = async (choice, name) => {
        await page.fill("#voter", name);
        await page.click(`button[value="${choice}"]`);
        await page.waitForURL(`**/p/board?voter=${new URLSearchParams({ name }).toString().slice(5)}&choice=${choice}`);
    };
    await vote("yes", "Jürgen von Ahn");
    assert.equal(await text(page, "h2"), "Vote for Ja & Amen?");
    await shoot(page, "question-without-javascript");
    assert.match(await server.tally("board"), /^open \d+ 0 yes=0 no=0$/);
    await page.click("text=Go back");
    await page.waitForURL("**/p/board");
    await vote("yes", "Jürgen von Ahn");
    await page.click(".yes");
    await untilText(page, "[data-total]", "1");
    await vote("no", " JÜRGEN  von Ahn ");
    await page.click(".yes");
    await page.waitForURL("**/ballots");
    assert.equal(await text(page, ".status"), "409");
    assert.match(await text(page, ".detail"), /recorded/);
    await page.click(".back");
    await page.waitForURL("**/p/board");
    assert.match(await server.tally("board"), /^open \d+ 1 yes=1 no=0$/);
});

test("a page says only what is so, in browsers that know no styles too", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    await server.command("CREATE award film book reveal=closed");
    await server.command("CREATE later yes no state=closed");
    await server.command("CREATE over yes no");
    await server.command("CLOSE over");
    const words = ["Not open yet", "Open\n", "Closed", "Live", "Reconnecting", "hidden until", "Your vote", "%"];
    const said = {
        "/p/lunch": ["Open\n", "%"],
        "/p/award": ["Open\n", "hidden until"],
        "/p/later": ["Not open yet", "%"],
        "/p/over": ["Closed", "%"],
        "/screen/lunch": ["Open\n", "%"],
        "/screen/award": ["Open\n", "hidden until"],
        "/screen/later": ["Not open yet", "%"],
        "/screen/over": ["Closed", "%"],
    };
    for (const [path, expected] of Object.entries(said)) {
        const page = await open(server, path, plain);
        const all = await page.locator("body").textContent();
        assert.deepEqual(words.filter((each) => all.includes(each)), expected, path);
    }
});

test("without JavaScript hidden and closed polls are told as such", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE award film book reveal=closed");
    await server.command("VOTE award film");
    const page = await open(server, "/p/award", plain);
    assert.equal(await page.locator(".figures:visible").count(), 0);
    assert.ok(!(await page.locator("main").innerHTML()).includes("leads"));
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
    assert.equal(await text(list, "noscript p"), "Reload the page to see newer results.");
    await server.command("VOTE lunch sushi");
    await untilText(screen, '[data-choice="pizza"] [data-percent]', "50"); // nobody reloads a wall
});

for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? "with" : "without";
    test(`below a path of another site all pages work, ${how} JavaScript`, async ({ start, open, proxy: through }) => {
        const server = await start("--poll", "lunch=pizza,sushi");
        await server.command("CREATE board yes no ballots=once");
        const proxy = await through(server, "/vote");
        const page = await open(proxy, "/", { javaScriptEnabled, tolerate: /status of 404/ });
        await page.click("text=lunch");
        await page.waitForURL("**/vote/p/lunch");
        await page.click('button[value="sushi"]');
        await untilText(page, "#notice", "Your vote for sushi is recorded.");
        await page.click("text=Big screen");
        await page.waitForURL("**/vote/screen/lunch");
        await untilText(page, '[data-choice="sushi"] [data-count]', "1");
        if (javaScriptEnabled) {
            await untilText(page, ".link", "Live");
            assert.equal(await page.locator(".address a").getAttribute("href"), proxy.url("/p/lunch"));
            assert.equal(await page.locator(".qr").count(), 0); // it would lead elsewhere
        }
        await page.goto(proxy.url("/p/board"));
        await page.click('button[value="yes"]');
        await page.click(".yes");
        await until(page, () => /^Your vote/.test(document.getElementById("notice")?.textContent));
        await page.goto(proxy.url("/p/none"));
        await page.click(".back");
        await page.waitForURL("**/vote/");
        assert.deepEqual(proxy.missed, []);
    });
}
