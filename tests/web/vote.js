// Voting, with JavaScript.

import assert from "node:assert/strict";
import { shoot, test, until, untilText } from "./harness.js";

const lunch = ["--poll", "lunch=pizza,sushi,tacos"];
const row = (choice) => `[data-choice="${choice}"]`;

async function assertVoted(page, choice) {
    await untilText(page, "#notice", `Your vote for ${choice} is recorded.`);
    const voted = await page.locator(".choice.voted").evaluateAll((rows) => rows.map((each) => each.dataset.choice));
    assert.deepEqual(voted, [choice]);
    assert.equal(await page.locator(`${row(choice)} button`).getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator('[aria-pressed="true"]').count(), 1);
}

test("a click votes, and another one changes the vote", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    await page.click(`${row("sushi")} button`);
    await assertVoted(page, "sushi");
    await untilText(page, `${row("sushi")} [data-percent]`, "100");
    assert.match(await server.tally("lunch"), /pizza=0 sushi=1 tacos=0$/);
    await shoot(page, "voted");

    await page.click(`${row("tacos")} button`);
    await assertVoted(page, "tacos");
    await untilText(page, `${row("sushi")} [data-percent]`, "0");
    assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=0 sushi=0 tacos=1$/);
});

test("the whole row is the button", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    const box = await page.locator(`.choice${row("pizza")}`).boundingBox();
    await page.mouse.click(box.x + box.width - 8, box.y + 8);
    await assertVoted(page, "pizza");
});

test("the keyboard votes, and shows where it is", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    const focused = () => page.evaluate(() => document.activeElement.value);
    for (let i = 0; i < 10 && (await focused()) !== "pizza"; i++) {
        await page.keyboard.press("Tab");
    }
    assert.equal(await focused(), "pizza");
    const outline = await page.locator(`.choice${row("pizza")}`).evaluate((each) => getComputedStyle(each).outlineStyle);
    assert.equal(outline, "solid");
    await shoot(page, "focus");
    await page.keyboard.press("Enter");
    await assertVoted(page, "pizza");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await assertVoted(page, "sushi");
});

test("a browser is one voter, also after a reload and in another tab", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    await page.click(`${row("sushi")} button`);
    await assertVoted(page, "sushi");
    await page.reload();
    await untilText(page, "#notice", "Your vote is for sushi.");
    const tab = await page.context().newPage();
    await tab.goto(server.url("/p/lunch"));
    await tab.click(`${row("pizza")} button`);
    await assertVoted(tab, "pizza");
    assert.match(await server.tally("lunch"), /^open \d+ 1 pizza=1 sushi=0 tacos=0$/);
});

test("a vote in another database is not remembered", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", { tolerate: /ERR_CONNECTION|ERR_INCOMPLETE/ });
    await page.click(`${row("sushi")} button`);
    await assertVoted(page, "sushi");
    await server.end();
    await server.start();
    await page.reload();
    await untilText(page, "#notice", "Choose one to vote.");
    assert.equal(await page.locator(".voted").count(), 0);
});

// A final ballot is asked for twice.
async function voteFinally(page, choice) {
    await page.click(`${row(choice)} button`);
    await page.click(".question .yes");
}

test("named voters give their name; a refusal is told in words", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no voters=named ballots=once");
    const page = await open(server, "/p/board", { tolerate: /status of 409/ });
    await page.click(`${row("yes")} button`);
    assert.equal(await page.evaluate(() => document.activeElement.id), "voter"); // the browser asks for it
    assert.match(await server.tally("board"), /^open \d+ 0 yes=0 no=0$/);
    await page.fill("#voter", "ann ");
    await voteFinally(page, "yes");
    await assertVoted(page, "yes");
    await page.press("#voter", "End");
    await page.locator("#voter").pressSequentially("a");
    assert.equal(await page.locator("#notice").innerText(), "Choose one to vote."); // who this may be, nobody knows
    assert.equal(await page.locator(".voted").count(), 0);
    await page.press("#voter", "Backspace");
    await voteFinally(page, "no");
    await until(page, () => document.getElementById("notice").dataset.kind === "error");
    assert.match(await page.locator("#notice").textContent(), /^Not counted: a ballot was recorded for this voter before/);
    await shoot(page, "refused");
    assert.match(await server.tally("board"), /^open \d+ 1 yes=1 no=0$/);
});

test("a final ballot is asked for before it is cast", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board yes no ballots=once");
    await server.command("LABEL board yes Ja, natürlich");
    const page = await open(server, "/p/board", { tolerate: /status of 409/ });
    const question = page.getByRole("dialog", { name: "Vote for Ja, natürlich?" });
    await page.focus(`${row("yes")} button`);
    await page.keyboard.press("Enter");
    await question.waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Go back");
    await shoot(page, "question");
    await page.keyboard.press("Escape");
    await question.waitFor({ state: "detached" });
    await page.click(`${row("yes")} button`);
    await page.click("text=Go back");
    await question.waitFor({ state: "detached" });
    assert.match(await server.tally("board"), /^open \d+ 0 yes=0 no=0$/);
    await voteFinally(page, "yes");
    await untilText(page, "#notice", "Your vote for Ja, natürlich is recorded.");
    await voteFinally(page, "no");
    await untilText(page, "#notice", "Not counted: your vote for Ja, natürlich was recorded before, and is final.");
    await page.reload();
    await untilText(page, "#notice", "Your vote is for Ja, natürlich.");
    assert.match(await server.tally("board"), /^open \d+ 1 yes=1 no=0$/);
});

test("who taps twice has not answered the question", async ({ start, open }) => {
    const server = await start();
    await server.command(`CREATE board ${Array.from({ length: 12 }, (_, i) => `c${i}`).join(" ")} ballots=once`);
    const page = await open(server, "/p/board");
    await page.click(`${row("c3")} button`);
    const { x, y, width, height } = await page.locator(".question .yes").boundingBox();
    await page.keyboard.press("Escape");
    await page.locator(".question").waitFor({ state: "detached" });
    for (let i = 0; i < 3; i++) { // of a row that is there
        await page.mouse.click(x + width / 2, y + height / 2 + 5 * i);
        if (await page.locator(".question").count()) {
            break;
        }
    }
    await page.mouse.click(x + width / 2, y + height / 2);
    assert.ok(await page.locator(".question").isVisible());
    await page.click(".question .yes");
    await untilText(page, "[data-total]", "1");
});

for (const javaScriptEnabled of [true, false]) {
    test(`Enter in a voter's name votes for nobody, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ start, open }) => {
        const server = await start();
        await server.command("CREATE board yes no voters=named");
        const page = await open(server, "/p/board", { javaScriptEnabled });
        let asked = 0;
        page.on("request", (request) => (asked += request.method() === "POST"));
        await page.fill("#voter", "ann");
        await page.press("#voter", "Enter");
        await page.focus(`${row("no")} button`);
        const answered = page.waitForResponse("**/ballots");
        await page.keyboard.press("Enter");
        await answered;
        assert.equal(asked, 1);
        assert.match(await server.tally("board"), /^open \d+ 1 yes=0 no=1$/);
    });
}

test("two tabs of a voter agree", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    const tab = await open(server, "/p/lunch", { beside: page });
    await page.click(`${row("sushi")} button`);
    await untilText(tab, "#notice", "Your vote is for sushi.");
    await tab.click(`${row("pizza")} button`);
    await assertVoted(tab, "pizza");
    await untilText(page, "#notice", "Your vote is for pizza.");
    assert.equal(await page.locator(".voted").getAttribute("data-choice"), "pizza");
});

test("where an address is a voter, two browsers at one address agree", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE home yes no voters=address");
    const [one, other] = [await open(server, "/p/home"), await open(server, "/p/home")];
    await one.click(`${row("yes")} button`);
    await untilText(other, "#notice", "Your vote is for yes.");
    await other.click(`${row("no")} button`);
    await assertVoted(other, "no");
    await untilText(one, "#notice", "Your vote is for no.");
    assert.match(await server.tally("home"), /^open \d+ 1 yes=0 no=1$/);
});

test("an answer that comes late does not hide the ballot of another tab", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    const tab = await open(server, "/p/lunch", { beside: page, tolerate: /status of 409/ });
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await page.route("**/ballots", async (route) => {
        const response = await route.fetch();
        await released;
        await route.fulfill({ response });
    });
    await page.click(`${row("sushi")} button`);
    await untilText(tab, `${row("sushi")} [data-count]`, "1"); // recorded, but the page does not know
    await tab.click(`${row("pizza")} button`);
    await assertVoted(tab, "pizza");
    await until(page, () => document.querySelector(".voted")?.dataset.choice === "pizza");
    release();
    await until(page, () => document.querySelector("form").ariaBusy === "false");
    await untilText(page, "#notice", "Your vote is for pizza.");
    assert.equal(await page.locator(".voted").getAttribute("data-choice"), "pizza");
});

test("a poll that closes takes no more ballots, until it opens", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch");
    await until(page, () => document.querySelector(".link").dataset.link === "live");
    assert.equal(await page.locator(".state").innerText(), "Open");
    await server.command("CLOSE lunch");
    await until(page, () => [...document.querySelectorAll("button")].every((each) => each.disabled));
    assert.equal(await page.locator(".state").innerText(), "Closed");
    assert.equal(await page.locator("#notice").innerText(), "The poll is closed: it takes no ballots now.");
    await shoot(page, "closed");
    await page.reload();
    assert.equal(await page.locator("button:enabled").count(), 0);
    await server.command("OPEN lunch");
    await until(page, () => [...document.querySelectorAll("button")].every((each) => !each.disabled));
});

test("a ballot that comes too late is refused in words", async ({ start, open }) => {
    const server = await start(...lunch);
    const page = await open(server, "/p/lunch", { tolerate: /status of 409|ERR_FAILED/ });
    await page.route("**/events", (route) => route.abort());
    await page.reload();
    await server.command("CLOSE lunch");
    await page.click(`${row("pizza")} button`);
    await until(page, () => /^Not counted: /.test(document.getElementById("notice").textContent));
    assert.equal(await page.locator(".voted").count(), 0);
});

test("hidden results stay hidden until the poll closes", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE award film book reveal=closed");
    const page = await open(server, "/p/award");
    await page.click(`${row("film")} button`);
    await untilText(page, "#notice", "Your vote for film is recorded.");
    await untilText(page, "[data-total]", "1");
    assert.equal(await page.locator("[data-count]").count(), 0);
    assert.ok(await page.getByText("The results are hidden until the poll closes.").isVisible());
    await shoot(page, "hidden");
    await server.command("CLOSE award");
    await untilText(page, `${row("film")} [data-percent]`, "100");
    assert.equal(await page.locator(".figures:visible").count(), 2);
});
