// The page anew: its text, choices, or whole poll have changed on the server, which makes the pages. What is typed in,
// where the focus is, and elements with data-kept stay as they are.

const SPREAD_MS = 1000; // thousands of pages don't ask at one instant
const LEAST_MS = 5000; // between two, should something on the way answer with an old one
const MOST_MS = 15000; // between two tries, while none comes; and as much again at random
const ANSWER_MS = 10000;

// The server's page of that address as it is now, or null if what comes is none of its pages, or says that it can't now.
export async function fetchPage(url) {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), ANSWER_MS);
    try {
        const options = { headers: { Accept: "text/html" }, redirect: "error", cache: "no-cache", signal: limit.signal };
        const response = await fetch(url, options);
        if (!response.ok && response.status !== 404) {
            return null;
        }
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        return page.querySelector('meta[name="application-name"][content="tallycast"]') ? page : null;
    } catch {
        return null;
    } finally {
        clearTimeout(timer);
    }
}

// The name of an element in both the old and the new page.
const nameOf = (element) => element?.id || element?.value || null;

function keep(main, next) {
    for (const field of main.querySelectorAll("input[id]")) {
        const { value, checked } = field;
        Object.assign(next.querySelector(`#${field.id}`) ?? {}, { value, checked });
    }
    for (const element of main.querySelectorAll("[data-kept]")) {
        next.querySelector(`#${element.id}`)?.replaceWith(element);
    }
}

// Returns false if there is another page to go to.
function put(page, url, onNew) {
    const main = document.querySelector("main");
    const next = document.adoptNode(page.querySelector("main"));
    if (next.className.split(" ")[0] !== main.className.split(" ")[0]) {
        location.replace(url); // the poll is gone
        return false;
    }
    const focused = main.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    keep(main, next);
    main.replaceWith(next);
    document.title = page.title;
    onNew();
    if (focused) {
        [...next.querySelectorAll("input, button, a")].find((each) => nameOf(each) === focused)?.focus();
    }
    return true;
}

// `url` is the page's address. Returns a function that has the page's main made anew, and calls onNew when it is: soon, or, where
// pages come back one by one anyway, at once. What can't be had is tried again, for what the page shows is no longer so; but not
// while nobody looks at it.
export function renewer(url, onNew) {
    let timer = 0;
    let last = -LEAST_MS;
    let failures = 0;

    async function renew() {
        const page = document.hidden ? null : await fetchPage(url);
        last = performance.now();
        timer = 0;
        if (!page) {
            const wait = Math.min(MOST_MS, LEAST_MS * 2 ** failures++) * (1 + Math.random());
            timer = setTimeout(renew, wait);
        } else if (put(page, url, onNew)) {
            failures = 0;
        }
    }

    return ({ atOnce = false } = {}) => {
        const wait = Math.max(atOnce ? 0 : Math.random() * SPREAD_MS, last + LEAST_MS - performance.now());
        timer ||= setTimeout(renew, wait);
    };
}
