// How it looks: sizes, schemes, motion, and what axe finds.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { shoot, test, until } from "./harness.js";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const sizes = {
    phone: { width: 360, height: 740 },
    desk: { width: 1280, height: 800 },
    wall: { width: 1920, height: 1080 },
};
const pages = {
    "of a single choice": ["/", "/p/lunch", "/p/board", "/p/award", "/p/done", "/screen/lunch", "/screen/done", "/journey", "/p/none"],
    "of papers": ["/p/date", "/p/talk", "/p/chair"],
    "of results": ["/p/council", "/p/logo", "/screen/date", "/screen/chair", "/screen/council", "/screen/logo"],
};

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
        "CREATE date mon tue wed thu kind=approval max=3",
        "TITLE date When shall we meet?",
        "LABEL date wed الأربعاء",
        ...["mon,tue", "tue", "tue,thu", "-"].map((ballot) => `VOTE date ${ballot}`),
        "CREATE talk ada grace edsger kind=score scores=10",
        "TITLE talk How good was each talk?",
        ...["ada=10,grace=7", "grace=9", "edsger=3,ada=8"].map((ballot) => `VOTE talk ${ballot}`),
        ...["chair method=irv", "council method=stv seats=2", "logo method=schulze"].flatMap((each) => {
            const [poll, settings] = each.split(/ (.*)/);
            const ballots = ["ann>bob", "ann>cleo", "bob>dan>ann", "cleo>dan", "dan", "-"];
            return [
                `CREATE ${poll} ann bob cleo dan lot=listed ${settings}`,
                `TITLE ${poll} Who shall it be?`,
                `LABEL ${poll} bob Bob Stone, of the second floor`,
                `LABEL ${poll} dan محمد بن سلمان`,
                ...ballots.map((ballot) => `VOTE ${poll} ${ballot}`),
            ];
        }),
        "CLOSE council",
        "CLOSE logo",
    ]) {
        await server.command(line);
    }
}

const settled = (page) =>
    until(page, () => ["live", undefined].includes(document.querySelector(".link")?.dataset.link));
const nameOf = (path) => (path === "/" ? "list" : path.slice(1).replaceAll("/", "-"));
const expected = { tolerate: /status of 404/ };

const groups = Object.entries(pages).flatMap(([which, paths]) => [[which, paths, "light"], [which, paths, "dark"]]);

for (const [which, paths, scheme] of groups) {
    test(`axe finds nothing on any page ${which} (${scheme})`, async ({ start, open }) => {
        const server = await start();
        await makePolls(server);
        for (const path of paths) {
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
        test(`every page ${which} fits a ${size} (${scheme})`, async ({ start, open }) => {
            const server = await start();
            await makePolls(server);
            for (const path of paths) {
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
    for (const [path, taps] of [["/p/date", ".choice, .send button"], ["/p/talk", ".grid label, .send button"], ["/p/chair", ".tap, .send button"]]) {
        const page = await open(server, path, { viewport: sizes.phone, hasTouch: true });
        path === "/p/chair" && (await page.tap('[data-choice="ann"]'));
        for (const each of await page.locator(`${taps}, .ranking button`).all()) {
            const { height, width } = await each.boundingBox();
            assert.ok(height >= 40 && width >= 40, `${path}: ${width} by ${height}`);
        }
        await page.context().close();
    }
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

test("the voting page is light", async ({ start, open }) => {
    const server = await start();
    await makePolls(server);
    for (const path of ["/p/board", "/p/chair"]) {
        const page = await open(server, path);
        await settled(page);
        const html = await (await fetch(server.url(path))).text();
        const files = await page.evaluate(() => performance.getEntriesByType("resource").map((each) => each.encodedBodySize));
        const bytes = gzipSync(html).length + files.reduce((sum, each) => sum + each, 0);
        assert.ok(files.length > 10 && bytes < 40 * 1024, `${path}: ${bytes} bytes in ${files.length + 1} files`);
        await page.context().close();
    }
});
