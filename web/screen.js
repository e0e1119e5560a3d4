// The big screen: the bars follow, and a button for the whole screen.

import { announcer } from "./announce.js";
import { follow } from "./live.js";
import { labelsOf, showLink, showRows } from "./rows.js";
import { summary } from "./tally.js";

const main = document.querySelector("main");
const labels = labelsOf(main);
const announce = announcer(document.getElementById("announce"));
const button = document.getElementById("fullscreen");

if (document.fullscreenEnabled) {
    button.hidden = false;
    button.addEventListener("click", () => document.documentElement.requestFullscreen());
}

follow(`/polls/${main.dataset.poll}/events`, {
    onTally: (tally) => showRows(main, tally) && announce(summary(tally, labels)),
    onLink: showLink,
});
