// One connection on which the server sends tallies as they change (server-sent events).
//
// The server lets hear of itself every 15 seconds. A connection that is silent for longer is dead, though nothing may have
// ended it: a network that forgot it, a machine that sleeps.

const SILENCE_MS = 30000;

// Opens a stream, and waits `patience` ms for it to open. Calls onOpen, onTally with each tally, onResult with each result, onBeat with the ledger's
// identity each time that the server lets hear of itself, and at last onEnd with the reason: "silent" was one that was open, "mute" one that did not open in time, "broken" one that ended, and "refused" one
// in whose place the server, or what is before it, answered something else. Returns a function that closes it, after which
// nothing is called.
export function openStream(url, patience, { onOpen, onTally, onResult, onBeat, onEnd }) {
    const source = new EventSource(url);
    let timer = 0;

    function close() {
        clearTimeout(timer);
        source.close();
    }

    function end(why) {
        close();
        onEnd(why);
    }

    function isHeard() {
        clearTimeout(timer);
        timer = setTimeout(end, SILENCE_MS, "silent");
    }

    source.addEventListener("open", () => (isHeard(), onOpen()));
    source.addEventListener("beat", (event) => (isHeard(), onBeat(JSON.parse(event.data).ledger)));
    source.addEventListener("tally", (event) => (isHeard(), onTally(JSON.parse(event.data))));
    source.addEventListener("result", (event) => (isHeard(), onResult(JSON.parse(event.data))));
    source.addEventListener("error", () => end(source.readyState === EventSource.CLOSED ? "refused" : "broken"));
    timer = setTimeout(end, patience, "mute");
    return close;
}
