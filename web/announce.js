// The announcements of a screen reader: the newest sentence, at most one in ten seconds, so that a storm of ballots
// doesn't talk without end.

const EVERY_MS = 10000;

export function announcer(element, now = () => performance.now()) {
    let last = -EVERY_MS;
    let timer = 0;
    let next = "";

    function say() {
        timer = 0;
        last = now();
        if (element.textContent !== next) {
            element.textContent = next;
        }
    }

    return (sentence) => {
        next = sentence;
        if (!timer) {
            timer = setTimeout(say, Math.max(0, last + EVERY_MS - now()));
        }
    };
}
