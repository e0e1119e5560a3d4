// The big screen: all choices can be read, whatever their number, their labels, and the screen's size.

import assert from "node:assert/strict";
import { openInStillTime, shoot, test, until, untilText } from "./harness.js";

const sizes = [
    { width: 1280, height: 720 },
    { width: 1920, height: 1080 },
    { width: 1024, height: 768 },
    { width: 3840, height: 2160 },
];

const names = ["Anna Müller", "Cécile de la Tour d’Auvergne", "محمد بن سلمان", "🍕 Pizza Margherita", "東京タワーの近くの居酒屋", "Donaudampfschifffahrtsgesellschaftskapitän", "Zoë"];

// Labels by what is hard about them.
const labels = {
    short: (i) => `option ${i + 1}`,
    "of 37 letters": (i) => `A dish of the ${String(i + 1).padStart(3)}. kind, and a salad`,
    "of many scripts": (i) => `${names[i % names.length]} ${i < names.length ? "" : i}`.trim(),
    "of two lines": (i) => `Choice ${i + 1}: ${"to build the new house beside the old one ".repeat(2).trim()}`,
    "of 200 letters": (i) => `${i + 1} ${"word ".repeat(39)}`.trim(),
    "without a blank": (i) => `${i}`.padEnd(200, "abcdefghij"),
};

const cases = [
    ["short", 2],
    ["short", 7],
    ["short", 17],
    ["short", 40],
    ["short", 64],
    ["short", 170],
    ["of 37 letters", 12],
    ["of 37 letters", 30],
    ["of many scripts", 10],
    ["of many scripts", 64],
    ["of two lines", 7],
    ["of 200 letters", 8],
    ["without a blank", 3],
];

async function makePoll(server, poll, kind, count) {
    const choices = Array.from({ length: count }, (_, i) => `c${i + 1}`);
    await server.command(`CREATE ${poll} ${choices.join(" ")} ballots=unlimited`);
    const texts = choices.map((choice, i) => `LABEL ${poll} ${choice} ${labels[kind](i)}`);
    const votes = choices.flatMap((choice, i) => Array((i * i) % 5).fill(`VOTE ${poll} ${choice}`));
    await server.command([`TITLE ${poll} Which of these shall it be?`, ...texts, ...votes].join("\n"));
}

// What is wrong with the choices that are shown, measured, and which are shown.
function judge() {
    const faults = [];
    const list = document.querySelector(".choices");
    const rows = [...list.children].filter((row) => !row.hidden);
    const room = list.getBoundingClientRect();
    const expect = (fine, ...words) => fine || faults.push(words.join(" "));
    const fontSize = (element) => parseFloat(getComputedStyle(element).fontSize);
    for (const row of rows) {
        const [label, figures, count, percent, bar] = [".label", ".figures", ".count", ".percent", ".bar"].map((each) =>
            row.querySelector(each),
        );
        const boxes = [label, figures, bar].map((each) => each.getBoundingClientRect());
        const name = label.textContent.slice(0, 20);
        expect(boxes.every((box) => box.top >= room.top - 1 && box.bottom <= room.bottom + 1), name, "is cut off");
        expect(boxes.every((box) => box.left >= room.left - 1 && box.right <= room.right + 1), name, "is beside the list");
        expect(label.scrollWidth <= label.clientWidth, name, "overflows");
        expect(boxes[0].right <= boxes[1].left, name, "is under its figures");
        expect(boxes[0].bottom <= boxes[2].top + 1, name, "is under its bar");
        expect(fontSize(label) >= Math.max(18, Math.floor(0.025 * innerHeight)), name, "has", fontSize(label), "px");
        expect(fontSize(count) >= 0.02 * innerHeight, name, "has a count of", fontSize(count), "px");
        expect(fontSize(percent) > fontSize(label), name, "has a percentage of", fontSize(percent), "px");
        expect(count.offsetWidth > 0 && percent.offsetWidth > 0, name, "has no figures");
    }
    const thickness = rows.map((row) => Math.round(row.querySelector(".bar").getBoundingClientRect().height * 10) / 10);
    expect(new Set(thickness).size === 1 && thickness[0] >= 4, "bars of", thickness);
    expect(document.documentElement.scrollHeight <= innerHeight, "the page scrolls");
    expect(list.scrollHeight <= list.clientHeight, "the list scrolls");
    return { faults, shown: rows.map((row) => row.dataset.choice) };
}

const untilFitted = (page) =>
    until(page, () => document.querySelector(".choices.fitted") && document.querySelector(".link").dataset.link === "live");

for (const viewport of sizes) {
    const size = `${viewport.width} by ${viewport.height}`;
    test(`every choice can be read at ${size}`, async ({ start, open }) => {
        const server = await start();
        const page = await open(server, null, { viewport, reducedMotion: "reduce" });
        for (const [i, [kind, count]] of cases.entries()) {
            await makePoll(server, `poll-${i}`, kind, count);
            await page.goto(server.url(`/screen/poll-${i}`));
            await untilFitted(page);
            const seen = new Set();
            for (let turns = 0; seen.size < count; turns++) {
                const { faults, shown } = await page.evaluate(judge);
                assert.deepEqual(faults, [], `${count} labels ${kind}, page ${turns}`);
                shown.forEach((choice) => seen.add(choice));
                assert.ok(turns < count, `${seen.size} of ${count} labels ${kind} were shown`);
                await page.keyboard.press("ArrowRight");
            }
            if (count >= 10) {
                await shoot(page, `screen-${kind.replaceAll(" ", "-")}-${count}-${viewport.width}`);
            }
        }
    });
}

test("as many choices as there can be, on pages that turn by themselves and stop when told to", async ({ start, open }) => {
    const server = await start();
    await makePoll(server, "many", "short", 170);
    const page = await openInStillTime(open, server, "/screen/many");
    await untilFitted(page);
    const button = page.locator(".turn");
    const first = await button.textContent();
    assert.match(first, /^1–\d+ of 170$/);
    await page.clock.runFor(10000);
    const second = await button.textContent();
    assert.notEqual(second, first);
    assert.deepEqual((await page.evaluate(judge)).faults, []);
    await button.click();
    await page.clock.runFor(30000);
    assert.equal(await button.textContent(), second);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await button.textContent(), first);
    await page.keyboard.press("ArrowLeft");
    assert.match(await button.textContent(), /–170 of 170$/);
});

test("what changes is fitted anew: figures that grow, labels, the window", async ({ start, open }) => {
    const server = await start();
    await makePoll(server, "poll", "short", 30);
    const page = await open(server, "/screen/poll", { viewport: sizes[1], reducedMotion: "reduce" });
    await untilFitted(page);
    await server.command(Array(1200).fill("VOTE poll c1").join("\n"));
    await untilText(page, '[data-choice="c1"] [data-count]', "1,200");
    assert.deepEqual((await page.evaluate(judge)).faults, []);
    await server.command(`LABEL poll c2 ${labels["of two lines"](2)}`);
    await until(page, () => /new house/.test(document.querySelector('[data-choice="c2"]').textContent));
    assert.deepEqual((await page.evaluate(judge)).faults, []);
    await page.setViewportSize(sizes[2]);
    await until(page, () => innerWidth === 1024);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.deepEqual((await page.evaluate(judge)).faults, []);
    await page.setViewportSize({ width: 400, height: 800 }); // a phone: all of it, as long as it takes
    await until(page, () => [...document.querySelectorAll(".choice")].every((row) => row.offsetHeight > 0));
});

test("a screen that phones can't reach says so, and what to do", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi", "--http-host", "vote.example.org");
    const page = await open(server, "/screen/lunch");
    assert.match(await page.locator(".local").innerText(), /^Phones can’t open this address: with 127\.0\.0\.1:\d+ each computer means itself\. Open/);
    await shoot(page, "screen-of-loopback");
    await page.goto(`http://vote.example.org:${server.address.split(":")[1]}/screen/lunch`);
    assert.equal(await page.locator(".local").count(), 0);
    assert.ok(await page.locator(".qr").isVisible());
});

test("behind a proxy that takes TLS off, the screen's address is https, as the server knows alone", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi", "--trusted-proxy", "127.0.0.1", "--http-host", "vote.example.org");
    const fields = { "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1" };
    const page = await open(server, null, { extraHTTPHeaders: fields });
    await page.goto(server.url("/screen/lunch").replace("127.0.0.1", "vote.example.org"));
    await until(page, () => document.querySelector(".link").dataset.link === "live");
    const { host } = new URL(page.url());
    assert.equal(await page.locator(".address a").getAttribute("href"), `https://${host}/p/lunch`);
    assert.ok(await page.locator(".qr").isVisible());
});

test("behind a proxy that does not pass the host on, the screen tells where it is all the same", async ({ start, open, proxy: through }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    const proxy = await through(server, "/vote");
    proxy.passesHost = false;
    const page = await open(proxy, null);
    await page.goto(proxy.url("/screen/lunch", "vote.example.org"));
    const url = proxy.url("/p/lunch", "vote.example.org");
    await untilText(page, ".address a", url.replace("http://", ""));
    assert.equal(await page.locator(".address a").getAttribute("href"), url);
    assert.equal(await page.locator(".local").count(), 0);
    assert.equal(await page.locator(".qr").count(), 0); // it would lead to the server's own address
    await untilText(page, ".no-qr", "No QR code: the proxy does not tell the server this address.");
    await shoot(page, "screen-without-qr");
});
