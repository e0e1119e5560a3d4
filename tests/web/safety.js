// Texts stay texts, and nothing comes from elsewhere. That no page violates its own policy is checked of every test:
// Chromium reports violations as errors on the console.

import assert from "node:assert/strict";
import { shoot, test, until, untilText } from "./harness.js";

const hostile = `</title><script>document.title="taken"</script>"'><img src=x onerror=alert(1)>&lt;b>`;
const label = `<b onclick=alert(2)>{{title}}</b>`;

async function makeHostilePoll(server) {
    await server.command("CREATE evil one two");
    await server.command(`TITLE evil ${hostile}`);
    await server.command(`LABEL evil one ${label}`);
}

for (const [path, heading] of [
    ["/p/evil", "h1"],
    ["/screen/evil", "h1"],
    ["/", "h2"],
]) {
    test(`a hostile title is shown as text on ${path}`, async ({ start, open }) => {
        const server = await start();
        await makeHostilePoll(server);
        const page = await open(server, path);
        assert.equal(await page.locator(heading).textContent(), hostile);
        if (path !== "/") {
            assert.equal(await page.title(), `${hostile} · tallycast`);
            assert.equal(await page.locator("[data-label]").first().textContent(), label);
        }
        assert.equal(await page.locator("script:not([src])").count(), 0);
        assert.equal(await page.locator("img[src='x']").count(), 0);
        await shoot(page, `hostile${path.replaceAll("/", "-")}`);
    });
}

test("a hostile title is text where the script puts it, too", async ({ start, open }) => {
    const server = await start();
    const list = await open(server, "/");
    await until(list, () => document.querySelector(".link").dataset.link === "live");
    // The page asks for the title only once the poll has it.
    let titled;
    const whenTitled = new Promise((resolve) => (titled = resolve));
    await list.route("**/polls/evil", async (route) => {
        await whenTitled;
        await route.continue();
    });
    await makeHostilePoll(server);
    titled();
    await untilText(list, "h2", hostile);
    assert.equal(await list.locator("img").count(), 0);

    const page = await open(server, "/p/evil");
    await page.click('button[value="one"]');
    await untilText(page, "#notice", `Your vote for ${label} is recorded.`);
    await untilText(page, "#announce", `1 ballot. ${label} leads with 100 percent.`);
});

test("the policy is strict, and an inline script is refused", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    const page = await open(server, "/p/lunch", { tolerate: /Content Security Policy/ });
    const violated = await page.evaluate(
        () =>
            new Promise((resolve) => {
                document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
                const script = document.createElement("script");
                script.textContent = "document.title = 'taken'";
                document.body.append(script);
            }),
    );
    assert.equal(violated, "script-src-elem");
    assert.equal(await page.title(), "lunch · tallycast");
    // The page's own style is known by its hash, and no other is taken.
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.querySelector(".choice")).display), "list-item");
    await page.evaluate(() => {
        document.head.append(Object.assign(document.createElement("style"), { textContent: ".choice { display: none }" }));
    });
    assert.ok(await page.locator(".choice").first().isVisible());
});

for (const path of ["/", "/p/lunch", "/screen/lunch"]) {
    test(`everything on ${path} comes from the server itself`, async ({ start, open }) => {
        const server = await start("--poll", "lunch=pizza,sushi");
        const page = await open(server, null);
        const urls = [];
        page.on("request", (request) => urls.push(request.url()));
        await page.goto(server.url(path));
        await until(page, () => document.querySelector(".link").dataset.link === "live");
        const foreign = urls.filter((url) => !url.startsWith(server.url("/")) && !url.startsWith("data:image/svg+xml;"));
        assert.deepEqual(foreign, []);
        // The voting page has its style in itself: a phone sees where to tap with the first answer.
        assert.equal(urls.includes(server.url("/web/tallycast.css")), path !== "/p/lunch");
    });
}

// A new cookie would be another voter's: neither what another site embeds, nor a link from there may bring one.
test("another site's page does not make a voter another one", async ({ start, open }) => {
    const server = await start("--poll", "lunch=pizza,sushi");
    const page = await open(server, "/p/lunch", { tolerate: /./ });
    const voter = async () => (await page.context().cookies(server.url("/"))).map((each) => each.value).join();
    const first = await voter();
    assert.match(first, /^[\w-]{22}\.[\w-]{22}$/);
    const url = server.url("/p/lunch");
    const asked = [];
    page.on("requestfinished", (request) => asked.push(request.url()));
    page.on("requestfailed", (request) => asked.push(request.url()));
    for (const part of [`<img src="${url}">`, `<iframe src="${url}"></iframe>`, `<script src="${url}"></script>`]) {
        await page.route("http://other.example/", (route) => route.fulfill({ contentType: "text/html", body: `${part}<a href="${url}">vote</a>` }));
        asked.length = 0;
        await page.goto("http://other.example/");
        await page.waitForFunction(() => document.readyState === "complete");
        assert.ok(asked.includes(url), part);
        assert.equal(await voter(), first);
        await page.click("a");
        await page.waitForURL(url);
        assert.equal(await voter(), first);
    }
});
