// The tests' frame: one Chromium, for each test servers and browsers of its own, and what went wrong in them.
//
// A test fails if it throws, takes longer than a minute, or if a page of it reports what no page should: an error, a
// violation of the Content-Security-Policy, a dialog. It is given { start, open, proxy }, and all that these made is ended
// behind it. Nothing here sleeps: what is waited for is a condition in a page. Some tests run at once: most of their time
// is waiting.

import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { PathProxy, Proxy } from "./proxy.js";
import { Server } from "./server.js";

const TEST_MS = 60000;
const WAIT_MS = 20000;
const AT_ONCE = 3;
const tests = [];
export const screenshots = new URL(process.env.WEB_TESTS_SCREENSHOTS ?? "../../build/web-tests/", import.meta.url);

export function test(name, run) {
    tests.push({ name, run });
}

// A page of the server's (or the proxy's), in a browser of its own, or in that of the page `beside`; without a path, an empty
// one. Options are those of Playwright for a browser's context, and tolerate: the console errors that the test provokes, as a
// regular expression.
async function openPage(contexts, faults, server, path, { tolerate = /^$/, beside, ...options } = {}) {
    const context = beside?.context() ?? (await contexts.make(options));
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(`${path}: ${error.stack}`));
    page.on("dialog", (dialog) => faults.push(`${path}: a dialog: ${dialog.message()}`) && dialog.dismiss());
    page.on("console", (message) => {
        if (message.type() === "error" && !tolerate.test(message.text())) {
            faults.push(`${path}: ${message.text()}`);
        }
    });
    if (path) {
        await page.goto(server.url(path));
    }
    return page;
}

function timeout(ms) {
    let timer;
    const expired = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`after ${ms} ms`)), ms)));
    return { expired, cancel: () => clearTimeout(timer) };
}

// The browsers of a test.
function contextsOf(browser) {
    const made = [];
    return {
        async make(options) {
            const context = await browser.newContext(options);
            context.setDefaultTimeout(WAIT_MS);
            made.push(context);
            return context;
        },
        end: () => Promise.all(made.map((context) => context.close())),
    };
}

async function runOne(browser, { run }) {
    const faults = [];
    const contexts = contextsOf(browser);
    const servers = [];
    const limit = timeout(TEST_MS);
    const tools = {
        start: async (...options) => {
            const server = new Server(options);
            servers.push(server);
            await server.start();
            return server;
        },
        proxy: async (server, path) => {
            const proxy = path ? new PathProxy(server.address, path) : new Proxy(server.address);
            servers.push(proxy);
            await proxy.start();
            return proxy;
        },
        open: (...options) => openPage(contexts, faults, ...options),
    };
    try {
        await Promise.race([run(tools), limit.expired]);
    } catch (error) {
        faults.unshift(error.stack);
    } finally {
        limit.cancel();
        await contexts.end();
        await Promise.all(servers.map((server) => server.end()));
    }
    return faults;
}

// Runs what test() was called with, or only those whose names contain `wanted`. Returns whether all passed.
export async function runAll(wanted = "") {
    let passed = 0;
    let failed = 0;
    // Of a request that a test has not waited for: the run goes on, and ends its servers.
    process.on("unhandledRejection", (error) => {
        failed++;
        console.log(`FAIL behind a test\n     ${error?.stack ?? error}`);
    });
    await mkdir(screenshots, { recursive: true });
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: [
            ...(process.getuid() === 0 ? ["--no-sandbox"] : []), // its sandbox can't be root's
            `--host-resolver-rules=MAP *.example.org 127.0.0.1`, // what is not loopback to a browser
        ],
    });
    const left = tests.filter(({ name }) => name.includes(wanted));
    async function runNext() {
        for (let each = left.shift(); each; each = left.shift()) {
            const faults = await runOne(browser, each);
            faults.length === 0 ? passed++ : failed++;
            console.log(`${faults.length === 0 ? "ok  " : "FAIL"} ${each.name}`);
            faults.forEach((fault) => console.log(`     ${fault.replaceAll("\n", "\n     ")}`));
        }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, runNext));
    await browser.close();
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0;
}

// Keeps a picture of the page among the run's artefacts.
export async function shoot(page, name) {
    await page.screenshot({ path: new URL(`${name}.png`, screenshots).pathname, animations: "disabled" });
}

// Waits until the page's first element of that selector has exactly that text.
export function untilText(page, selector, text) {
    return until(page, ([s, t]) => document.querySelector(s)?.textContent.trim() === t, [selector, text]);
}

// Waits until a function of the page is true; what it says otherwise is the page's text then.
export async function until(page, condition, argument) {
    try {
        await page.waitForFunction(condition, argument, { timeout: WAIT_MS });
    } catch (error) {
        throw new Error(`${error.message}\n${JSON.stringify(argument)}\n${await page.locator("body").innerText()}`);
    }
}

// A page whose time is the test's own once it is connected; runFor() of its clock lets it pass.
export async function openInStillTime(open, server, path, options) {
    const page = await open(server, null, options);
    await page.clock.install({ time: 0 });
    await page.goto(server.url(path));
    await until(page, () => [undefined, "live"].includes(document.querySelector(".link")?.dataset.link));
    await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 1000);
    return page;
}

// Chromium shows no tab in the background here, so the page is told that it is one.
export const makeHidden = (value) => Object.defineProperty(document, "hidden", { value, configurable: true });

export async function setHidden(page, hidden) {
    await page.evaluate(makeHidden, hidden);
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
}
