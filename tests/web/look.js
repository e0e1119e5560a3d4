// How it looks: sizes, schemes, motion, and what axe finds.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { shoot, test, until } from "./harness.js";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = {
    phone: { width: 360, height: 740 },
    desk: { width: 1280, height: 800 },
    wall: { width: 1920, height: 1080 },
};
const pages = ["/", "/p/lunch", "/p/board", "/p/award", "/p/done", "/screen/lunch", "/screen/done", "/journey", "/p/none"];

async function makePolls(server) {
    for (const line of [
        "CREATE lunch pizza sushi tacos soup ballots=unlimited",
        "TITLE lunch What shall we have for lunch on Friday?",
        "LABEL lunch soup Soup of the day",
        ...Array(7).fill("VOTE lunch pizza"),
        ...Array(5).fill("VOTE lunch sushi"),
        "VOTE lunch soup",
        "CREATE board yes no voters=named ballots=once",
        "TITLE board Shall we meet on Friday?",
        "VOTE board yes as=ann",
        "CREATE award rings fsync reveal=closed",
        "TITLE award Best talk of the day",
        "VOTE award rings",
        "CREATE done ada grace edsger",
        "TITLE done Name of the new meeting room",
        "VOTE done grace",
        "CLOSE done",
    ]) {
        await server.command(line);
    }
}

const settled = (page) =>
    until(page, () => ["live", undefined].includes(document.querySelector(".link")?.dataset.link));
const nameOf = (path) => (path === "/" ? "list" : path.slice(1).replaceAll("/", "-"));
const expected = { tolerate: /status of 404/ };

for (const scheme of ["light", "dark"]) {
    test(`axe finds nothing on any page (${scheme})`, async ({ start, open }) => {
        const server = await start();
        await makePolls(server);
        for (const path of pages) {
            const page = await open(server, path, { ...expected, colorScheme: scheme, reducedMotion: "reduce" });
            await settled(page);
            await page.evaluate(axe);
            const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
            const found = violations.map(({ id, nodes }) => `${path}: ${id}: ${nodes.map((node) => node.html).join(" ")}`);
            assert.deepEqual(found, []);
            assert.ok(passes.some(({ id }) => id === "color-contrast"));
            await page.context().close();
        }
    });

    for (const [size, viewport] of Object.entries(sizes)) {
        test(`every page fits a ${size} (${scheme})`, async ({ start, open }) => {
            const server = await start();
            await makePolls(server);
            for (const path of pages) {
                const page = await open(server, path, { ...expected, viewport, colorScheme: scheme });
                await settled(page);
                const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
                assert.ok(beyond <= 0, `${path} is ${beyond} px too wide`);
                await shoot(page, `${nameOf(path)}-${size}-${scheme}`);
                await page.context().close();
            }
        });
    }
}

test("on a phone everything that is tapped is large enough", async ({ start, open }) => {
    const server = await start();
    await makePolls(server);
    const page = await open(server, "/p/board", { viewport: sizes.phone, hasTouch: true });
    for (const row of await page.locator(".choice, #voter").all()) {
        const { height, width } = await row.boundingBox();
        assert.ok(height >= 44 && width >= 300, `${width} by ${height}`);
    }
    await page.fill("#voter", "bob");
    await page.tap('button[value="no"]');
    for (const button of await page.locator(".question button").all()) {
        assert.ok((await button.boundingBox()).height >= 44);
    }
    await page.tap(".question .yes");
    await until(page, () => /recorded/.test(document.getElementById("notice").textContent));
});

for (const viewport of [sizes.wall, { width: 1280, height: 720 }, { width: 1024, height: 768 }, { width: 3840, height: 2160 }]) {
    test(`the big screen needs no scrolling at ${viewport.width} by ${viewport.height}`, async ({ start, open }) => {
        const server = await start();
        const choices = Array.from({ length: 16 }, (_, i) => `choice-${i}`);
        await server.command(`CREATE many ${choices.join(" ")}`);
        await makePolls(server);
        for (const path of ["/screen/lunch", "/screen/many"]) {
            const page = await open(server, path, { viewport });
            await settled(page);
            const room = await page.evaluate(() => {
                const list = document.querySelector(".choices");
                return {
                    page: document.documentElement.scrollHeight - innerHeight,
                    list: list.scrollHeight - list.clientHeight,
                    qr: document.querySelector(".qr").naturalWidth,
                };
            });
            assert.ok(room.page <= 0 && room.list <= 0 && room.qr > 0, `${path} ${JSON.stringify(room)}`);
            await page.context().close();
        }
    });
}

test("the big screen can be read from the back of the room", async ({ start, open }) => {
    const server = await start();
    await makePolls(server);
    const page = await open(server, "/screen/lunch", { viewport: sizes.wall });
    const size = (selector) => page.locator(selector).first().evaluate((each) => parseFloat(getComputedStyle(each).fontSize));
    // 4% of the screen's height is what is said to be read from eight times it away.
    for (const selector of ["h1", ".label", ".percent", ".address", ".total b"]) {
        assert.ok((await size(selector)) >= 0.04 * sizes.wall.height, `${selector}: ${await size(selector)} px`);
    }
    const qr = await page.locator(".qr").boundingBox();
    assert.ok(qr.width >= 300 && Math.abs(qr.width - qr.height) < 1, `${qr.width} by ${qr.height}`);
    assert.equal(await page.locator(".address a").textContent(), `${server.address}/p/lunch`);
    assert.equal(await page.locator(".address a").getAttribute("href"), server.url("/p/lunch"));
});

test("bars move smoothly, but not for those who want no motion", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    const time = async (reducedMotion) => {
        const page = await open(server, "/p/lunch", { reducedMotion });
        return page.locator("rect").first().evaluate((bar) => getComputedStyle(bar).transitionDuration);
    };
    assert.match(await time("no-preference"), /^0\.6s/);
    assert.equal(await time("reduce"), "0s");
});

test("the schemes differ, and figures don't jump", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    const style = async (colorScheme) => {
        const page = await open(server, "/p/lunch", { colorScheme });
        return page.evaluate(() => ({
            paper: getComputedStyle(document.body).backgroundColor,
            figures: getComputedStyle(document.querySelector(".percent")).fontVariantNumeric,
        }));
    };
    const [light, dark] = [await style("light"), await style("dark")];
    assert.notEqual(light.paper, dark.paper);
    assert.equal(light.figures, "tabular-nums");
});
