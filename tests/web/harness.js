// The tests' frame: one Chromium, for each test servers and browsers of its own, and what went wrong in them.
//
// A test fails if it throws, takes longer than a minute, or if a page of it reports what no page should: an error, a
// violation of the Content-Security-Policy, a dialog. It is given { start, open }, and all that these made is ended
// behind it. Nothing here sleeps: what is waited for is a condition in a page.

import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { Server } from "./server.js";

const TEST_MS = 60000;
const WAIT_MS = 20000;
const tests = [];
export const screenshots = new URL(process.env.WEB_TESTS_SCREENSHOTS ?? "../../build/web-tests/", import.meta.url);

export function test(name, run) {
    tests.push({ name, run });
}

// A page of the server's, in a browser of its own; without a path, an empty one. Options are those of Playwright for a
// browser's context, and tolerate: the console errors that the test provokes, as a regular expression.
async function openPage(browser, faults, server, path, { tolerate = /^$/, ...options } = {}) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(WAIT_MS);
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

async function runOne(browser, { run }) {
    const faults = [];
    const servers = [];
    const limit = timeout(TEST_MS);
    const tools = {
        start: async (...options) => {
            const server = new Server(options);
            servers.push(server);
            await server.start();
            return server;
        },
        open: (...options) => openPage(browser, faults, ...options),
    };
    try {
        await Promise.race([run(tools), limit.expired]);
    } catch (error) {
        faults.unshift(error.stack);
    } finally {
        limit.cancel();
        await Promise.all(browser.contexts().map((context) => context.close()));
        await Promise.all(servers.map((server) => server.end()));
    }
    return faults;
}

// Runs what test() was called with, or only those whose names contain `wanted`. Returns whether all passed.
export async function runAll(wanted = "") {
    let passed = 0;
    let failed = 0;
    await mkdir(screenshots, { recursive: true });
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        args: process.getuid() === 0 ? ["--no-sandbox"] : [], // its sandbox can't be root's
    });
    for (const each of tests.filter(({ name }) => name.includes(wanted))) {
        const faults = await runOne(browser, each);
        faults.length === 0 ? passed++ : failed++;
        console.log(`${faults.length === 0 ? "ok  " : "FAIL"} ${each.name}`);
        faults.forEach((fault) => console.log(`     ${fault.replaceAll("\n", "\n     ")}`));
    }
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
