// Turns: decide which of a browser's pages may hold a stream. Over HTTP/1.1 a browser makes six connections to a
// server and lets the rest wait for ever, ballots too; so only the few pages that have been looked at for longest hold
// one.
//
// The pages that are looked at tell each other that they are there. One that ends without a goodbye is forgotten when the
// others are asked again.

const MOST = 3;

// Calls onChange when mayStream() changes. enter() and leave(): the page is looked at, or no longer. ask(): who is still there?
export function turns(onChange) {
    let channel = null;
    let me = "";
    let others = new Set();
    let answers = new Set();
    let may = true;

    const mayStream = () => [...others].filter((other) => other < me).length < MOST;

    function changed() {
        if (may !== mayStream()) {
            may = !may;
            onChange();
        }
    }

    function hear({ data: { page, says } }) {
        if (says === "gone") {
            others.delete(page);
            answers.delete(page);
        } else {
            others.add(page);
            answers.add(page);
        }
        if (says === "who") {
            channel.postMessage({ page: me, says: "here" });
        }
        changed();
    }

    function ask() {
        others = answers;
        answers = new Set();
        channel?.postMessage({ page: me, says: "who" });
        changed();
    }

    function enter() {
        if (channel || !globalThis.BroadcastChannel) {
            return;
        }
        // In the order of coming.
        me = `${Date.now()}`.padStart(16, "0") + Math.random();
        channel = new BroadcastChannel("tallycast");
        channel.addEventListener("message", hear);
        ask();
    }

    function leave() {
        channel?.postMessage({ page: me, says: "gone" });
        channel?.close();
        channel = null;
        others.clear();
        answers.clear();
        may = true;
    }

    return { enter, leave, ask, mayStream };
}
