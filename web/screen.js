// The big screen: the bars follow, fitted to the room that there is, and a button for the whole screen.

import { announcer } from "./announce.js";
import { fitter } from "./fit.js";
import { follow } from "./live.js";
import { at } from "./place.js";
import { renewer } from "./renew.js";
import { hasTurned, isBehind, isOfOtherLedger, isOther, labelsOf, mayBeNewer, showLink, showRows } from "./rows.js";
import { summary } from "./tally.js";

let main = document.querySelector("main");
let latest = null;
const { poll } = main.dataset;
const announce = announcer(document.getElementById("announce"));
const fit = fitter();

const isLoopback = (host) => /^(localhost|127\..*|\[::1\])$/.test(host);

function offerFullscreen() {
    const button = document.getElementById("fullscreen");
    button.hidden = !document.fullscreenEnabled;
    button.addEventListener("click", () => document.documentElement.requestFullscreen());
}

// Whether the address that the server tells leads elsewhere than this page. That it is https the server may know alone.
function differ(told, here) {
    return told.host !== here.host || told.pathname !== here.pathname || (here.protocol === "https:" && told.protocol !== "https:");
}

// Behind a proxy that does not pass on what the browser asked for, the server can't know where it is, and this page does: its
// address is put right, and a QR code that leads elsewhere is left out, which is told.
function checkAddress() {
    const link = main.querySelector(".address a");
    const here = new URL(at(`p/${poll}`));
    if (link && differ(new URL(link.href), here)) {
        link.href = here.href;
        link.replaceChildren(here.host, document.createElement("wbr"), here.pathname);
        const text = "No QR code: the proxy does not tell the server this address.";
        main.querySelector(".qr").replaceWith(Object.assign(document.createElement("p"), { className: "no-qr", textContent: text }));
        isLoopback(here.hostname) || main.querySelector(".local")?.remove();
    }
}

function prepare() {
    offerFullscreen();
    checkAddress();
    fit(main);
}

const renew = renewer(location.href, () => {
    main = document.querySelector("main");
    if (isBehind(main, latest)) {
        renew();
    }
    if (mayBeNewer(main, latest)) {
        showRows(main, latest);
    }
    prepare();
});

// Another state asks something else of the room, and so changes the whole page.
function show(tally) {
    latest = tally;
    if (isOther(main, tally) || hasTurned(main, tally)) {
        renew({ atOnce: isOfOtherLedger(main, tally) });
    }
    if (showRows(main, tally)) {
        fit(main);
        announce(summary(tally, labelsOf(main)));
    }
}

prepare();
follow(
    { events: at(`polls/${poll}/events`), tallies: at(`polls/${poll}`) },
    { onTally: show, onLink: showLink, onOdd: renew },
);
