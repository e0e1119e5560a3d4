// The list of polls: each card follows its poll, and a poll that is created gets a card.

import { follow } from "./live.js";
import { showLink, showStack } from "./rows.js";

const main = document.querySelector("main");
const list = main.querySelector(".cards");
// A part of a longer list shows its own polls only.
const whole = "whole" in main.dataset && !location.search;
const cards = new Map([...list.children].map((card) => [card.dataset.poll, card]));

function newPart(choice) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    part.setAttribute("width", "1");
    part.setAttribute("height", "1");
    part.dataset.choice = choice;
    return part;
}

function newCard(name, choices) {
    const card = document.getElementById("card").content.firstElementChild.cloneNode(true);
    card.dataset.poll = name;
    card.dataset.seq = "0";
    card.querySelector("h2 a").href = `/p/${name}`;
    card.querySelector(".aside").href = `/screen/${name}`;
    card.querySelector(".stack").append(...choices.map(({ choice }) => newPart(choice)));
    return card;
}

function setTitle(card, title) {
    card.querySelector("h2 a").textContent = title;
    card.querySelector("[data-title]").textContent = title;
}

// A tally doesn't carry the title: the name stands in until it is known.
async function addCard(tally) {
    const card = newCard(tally.poll, tally.choices);
    cards.set(tally.poll, card);
    setTitle(card, tally.poll);
    list.append(card);
    main.querySelector(".empty")?.remove();
    const response = await fetch(`/polls/${tally.poll}`);
    if (response.ok) {
        setTitle(card, (await response.json()).title);
    }
}

function show(tally) {
    if (whole && !cards.has(tally.poll)) {
        addCard(tally);
    }
    if (cards.has(tally.poll)) {
        showStack(cards.get(tally.poll), tally);
    }
}

follow("/events", { onTally: show, onLink: showLink });
