// A poll's tallies as they change, over Server-Sent Events, for as long as the page is looked at.
//
// A lost connection is tried again after a random time whose bound doubles from 2 to 30 seconds, so that thousands of
// browsers don't come back at one instant. EventSource's own retry would give up where the server answers with an error.
// A page in the background lets go of its connection: browsers allow a server six, and the newest tally comes with the
// next one anyway.

const FIRST_MS = 2000;
const MOST_MS = 30000;

export function backoff(attempt, random = Math.random) {
    return Math.round(random() * Math.min(MOST_MS, FIRST_MS * 2 ** attempt));
}

// Calls onTally with each tally, and onLink with "live" or "lost".
export function follow(url, { onTally, onLink }) {
    let source = null;
    let timer = 0;
    let attempt = 0;

    function close() {
        clearTimeout(timer);
        source?.close();
        source = null;
    }

    function connect() {
        close();
        source = new EventSource(url);
        source.addEventListener("open", () => onLink("live"));
        source.addEventListener("tally", (event) => {
            attempt = 0;
            onTally(JSON.parse(event.data));
        });
        source.addEventListener("error", () => {
            close();
            onLink("lost");
            timer = setTimeout(connect, backoff(attempt++));
        });
    }

    function connectAtOnce() {
        attempt = 0;
        connect();
    }

    document.addEventListener("visibilitychange", () => (document.hidden ? close() : connectAtOnce()));
    addEventListener("online", connectAtOnce);
    addEventListener("pagehide", close);
    addEventListener("pageshow", (event) => event.persisted && connectAtOnce());
    connect();
}
