// Results on the big screen, the list, and the pages: from the poll's method, stage by stage, in words.

import assert from "node:assert/strict";
import { test, until, untilText } from "./harness.js";

const plain = { javaScriptEnabled: false };
const row = (choice) => `[data-choice="${choice}"]`;
const leaders = (page) => page.locator(".leads").evaluateAll((rows) => rows.map((each) => each.dataset.choice));

// A poll of Tennessee's towns: Memphis has most first choices, Knoxville wins by instant run-off, and Nashville beats all others.
async function startTennessee(start, settings) {
    const server = await start();
    await server.command(`CREATE capital memphis nashville chattanooga knoxville lot=listed ${settings}`);
    await cast(server, 42, "memphis>nashville>chattanooga>knoxville");
    await cast(server, 26, "nashville>chattanooga>knoxville>memphis");
    await cast(server, 15, "chattanooga>knoxville>nashville>memphis");
    await cast(server, 17, "knoxville>chattanooga>nashville>memphis");
    return server;
}

async function cast(server, count, ballot) {
    await server.command(Array.from({ length: count }, (_, i) => `VOTE capital ${ballot} as=${ballot}${i}`.slice(0, 140)).join("\n"));
}

const named = "voters=named";

test("the leader is the result's, not who has most first choices", async ({ start, open }) => {
    const server = await startTennessee(start, `method=irv ${named}`);
    const [phone, wall, list] = [await open(server, "/p/capital"), await open(server, "/screen/capital"), await open(server, "/")];
    await untilText(wall, "#verdict", "knoxville leads.");
    await untilText(list, ".leader", "knoxville leads.");
    await until(phone, () => document.querySelector(".leads")?.dataset.choice === "knoxville");
    assert.deepEqual(await leaders(list), ["knoxville"]);
    assert.equal(await list.locator(".kind").textContent(), "Rank them (instant run-off)");
    await cast(server, 20, "memphis");
    await untilText(wall, "#verdict", "memphis leads.");
    await until(phone, () => document.querySelector(".leads")?.dataset.choice === "memphis");
    await untilText(list, ".leader", "memphis leads.");
});

test("the rounds of a run-off are stepped through", async ({ start, open }) => {
    const server = await startTennessee(start, `method=irv ${named}`);
    await server.command("CLOSE capital");
    const wall = await open(server, "/screen/capital");
    const stage = ".stage p";
    const figures = (choice) => wall.locator(`${row(choice)} .figures`).innerText();
    await untilText(wall, stage, "Round 3 of 3. knoxville is elected.");
    assert.match(await figures("knoxville"), /^58\s*58%$/);
    assert.match(await figures("nashville"), /–/);
    await wall.keyboard.press("ArrowLeft");
    await untilText(wall, stage, "Round 2 of 3. nashville is out.");
    await wall.keyboard.press("PageUp");
    await untilText(wall, stage, "Round 1 of 3. chattanooga is out.");
    assert.match(await figures("chattanooga"), /^15\s*15%$/);
    assert.ok(await wall.locator('[aria-label="The stage before"]').isDisabled());
    await wall.locator('[aria-label="The next stage"]').focus();
    await wall.keyboard.press("Enter");
    await untilText(wall, stage, "Round 2 of 3. nashville is out.");
    await wall.keyboard.press("Enter");
    await untilText(wall, stage, "Round 3 of 3. knoxville is elected.");
    await untilText(wall, "#verdict", "knoxville is elected.");
    const page = await open(server, "/p/capital");
    await untilText(page, ".verdict", "knoxville is elected.");
    assert.deepEqual(await page.locator(".stages tr").nth(1).locator("th, td").allTextContents(), ["memphis", "42", "42", "42"]);
});

test("who beats whom, and the order", async ({ start, open }) => {
    const server = await startTennessee(start, `method=schulze ${named}`);
    const wall = await open(server, "/screen/capital");
    await untilText(wall, "#verdict", "nashville leads.");
    await untilText(wall, ".stage p", "Duels. In order: 1. nashville, 2. chattanooga, 3. knoxville, 4. memphis.");
    assert.match(await wall.locator(`${row("nashville")} .figures`).innerText(), /^beats 3 of 3\s*1\.$/);
    await wall.keyboard.press("ArrowLeft");
    await until(wall, () => document.querySelector(".matrix"));
    const cells = await wall.locator(".matrix tr").nth(2).locator("td").allTextContents();
    assert.deepEqual(cells, ["58", "", "68", "68"]);
    await wall.keyboard.press("ArrowRight");
    assert.equal(await wall.locator(".matrix").count(), 0);
});

test("sums, and the run-off of two", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE day mon tue wed method=star lot=listed voters=named");
    const ballots = ["mon=5,tue=4", "mon=5,tue=4", "tue=5,wed=3", "tue=1,wed=2", "mon=1,tue=2"];
    await server.command(ballots.map((ballot, i) => `VOTE day ${ballot} as=v${i}`).join("\n"));
    const wall = await open(server, "/screen/day");
    await untilText(wall, "#verdict", "tue leads.");
    await untilText(wall, ".stage p", "Run-off. mon is scored higher on 2 ballots, tue on 3; 0 without preference.".replace("mon is scored higher on 2 ballots, tue on 3", "tue is scored higher on 3 ballots, mon on 2"));
    await wall.keyboard.press("ArrowLeft");
    await untilText(wall, ".stage p", "Points. tue and mon have the highest sums and go to the run-off.");
    assert.match(await wall.locator(`${row("tue")} .figures`).innerText(), /^16\s*3\.2$/);
});

test("a tie is told in words", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board ann bob carol method=approval lot=carol>bob>ann voters=named");
    await server.command("VOTE board ann,bob as=x\nVOTE board bob,ann as=y");
    await server.command("CLOSE board");
    const page = await open(server, "/p/board");
    await untilText(page, ".verdict", "bob is elected.");
    assert.match(await page.locator(".result").innerText(), /ann and bob are tied for a seat; the drawn order decides\./);
    assert.deepEqual(await leaders(page), ["bob"]);
    const wall = await open(server, "/screen/board");
    await untilText(wall, "#remarks", "ann and bob are tied for a seat; the drawn order decides.");
});

test("shares are of the ballots", async ({ start, open }) => {
    const server = await start();
    await server.command("CREATE board ann bob carol method=approval seats=2 voters=named");
    await server.command(["ann,bob", "ann", "ann,carol", "-"].map((ballot, i) => `VOTE board ${ballot} as=v${i}`).join("\n"));
    const wall = await open(server, "/screen/board");
    await untilText(wall, `${row("ann")} [data-percent]`, "75");
    await server.command("VOTE board bob as=w");
    await untilText(wall, `${row("bob")} [data-percent]`, "40");
    await untilText(wall, "#verdict", "ann and bob lead.");
});

const nobody = {
    "nobody has voted": [[], "Nobody has voted."],
    "all abstain": [["-", "-"], "Every ballot abstains."],
};

for (const [what, [ballots, words]] of Object.entries(nobody)) {
    test(`there are words, and no number that is none, if ${what}`, async ({ start, open }) => {
        const server = await start();
        for (const method of ["approval", "score", "star", "schulze", "irv", "stv"]) {
            await server.command(`CREATE ${method} ann bob carol method=${method} voters=named`);
            ballots.length && (await server.command(ballots.map((ballot, i) => `VOTE ${method} ${ballot} as=v${i}`).join("\n")));
            await server.command(`CLOSE ${method}`);
            for (const path of [`/p/${method}`, `/screen/${method}`]) {
                const page = await open(server, path, plain);
                const text = await page.locator("main").innerText();
                assert.ok(text.includes(words), `${path}: ${text}`);
                assert.ok(!/NaN|undefined|null|Infinity|elected/.test(text), text);
                await page.context().close();
            }
        }
        const page = await open(server, "/screen/star");
        await untilText(page, "#verdict", words);
        assert.ok(!/NaN|undefined/.test(await page.locator("main").innerText()));
    });
}

test("hidden results are told nowhere before the poll closes", async ({ start, open }) => {
    const server = await startTennessee(start, `method=irv reveal=closed ${named}`);
    for (const path of ["/p/capital", "/screen/capital", "/"]) {
        const page = await open(server, path, plain);
        const html = await page.locator("main").innerHTML();
        assert.ok(!/leads|Round|>42<|[0-9]%</.test(html), html); // an address, or a QR code's image, may have such digits
        assert.equal(await page.locator(".result, .leader").count(), 0);
        await page.context().close();
    }
    const wall = await open(server, "/screen/capital");
    await until(wall, () => document.querySelector(".link").dataset.link === "live");
    await server.command("CLOSE capital");
    await untilText(wall, "#verdict", "knoxville is elected.");
});

test("without JavaScript the screen has the stages below the bars", async ({ start, open }) => {
    const server = await startTennessee(start, `method=irv ${named}`);
    await server.command("CLOSE capital");
    const wall = await open(server, "/screen/capital", plain);
    assert.ok(await wall.locator(".stages").isVisible());
    assert.match(await wall.locator(".steps").innerText(), /Round 1\. chattanooga is out\./);
});
