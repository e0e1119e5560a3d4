// The ballots that were asked for and whose fate is not known.
//
// Where every ballot counts, each tap is a ballot: they wait for their turn, and none is lost. Elsewhere a voter has one
// ballot: the newest wish replaces those that were not sent, and is sent when the one before it has been answered, or was
// waited for in vain.
//
// A ballot that came to nothing is kept as it was, `id` included, until the same is asked for once more: so a tap that is
// repeated is one ballot, also after the page was loaded again.

const FLYING_MOST = 3; // connections; a browser has six
const WAITING_MOST = 500; // then no more are taken, which the buttons show

export class Outbox {
    #send;
    #isFor;
    #every;
    #onOutcome;
    #shelf;
    #waiting = [];
    #unknown = [];
    #flying = [];
    #doubted = new WeakSet(); // ballots that came to nothing at least once

    // `send` sends a ballot and returns its outcome (ballot.js). `isSame` says whether two ballots say the same. `every`: each
    // one counts. `onOutcome` is called with each ballot and its outcome. `shelf` is where those are kept whose fate is unknown
    // (shelf.js).
    constructor({ send, isSame, every, onOutcome, shelf }) {
        this.#send = send;
        this.#isFor = (ballot) => (other) => isSame(ballot, other);
        this.#every = every;
        this.#onOutcome = onOutcome;
        this.#shelf = shelf;
        this.#unknown = shelf.load();
        this.#unknown.forEach((ballot) => this.#doubted.add(ballot));
    }

    // How many are on their way, or wait for it; and of how many the fate is unknown.
    get pending() {
        return this.#flying.length + this.#waiting.length;
    }

    get unknown() {
        return this.#unknown.length;
    }

    // The last of these, if there is one.
    get lastUnknown() {
        return this.#unknown.at(-1);
    }

    get isFull() {
        return this.pending >= WAITING_MOST;
    }

    add(ballot) {
        this.#every ? this.#addOneMore(ballot) : this.#replace(ballot);
        this.#sendNext();
        this.#save();
    }

    // Sends again what came to nothing, as it was.
    retry() {
        this.#waiting.unshift(...this.#unknown);
        this.#unknown = [];
        this.#sendNext();
    }

    // It has become known which ballot counts.
    settle() {
        this.#unknown = [];
        this.#save();
    }

    // The page ends: what waits is sent at once, as far as the browser does that.
    flush() {
        this.#sendNext(Infinity);
    }

    #save() {
        const all = [...this.#flying, ...this.#unknown, ...this.#waiting];
        this.#shelf.save(this.#every ? all : all.slice(-1));
    }

    #addOneMore(ballot) {
        const isRepeat = this.#unknown.some(this.#isFor(ballot));
        this.#waiting.push(...this.#unknown, ...(isRepeat || this.isFull ? [] : [ballot]));
        this.#unknown = [];
    }

    #replace(ballot) {
        const repeated = [...this.#flying, ...this.#unknown].find(this.#isFor(ballot));
        Object.assign(repeated ?? {}, { meant: ballot.meant });
        this.#waiting = this.#flying.includes(repeated) ? [] : [repeated ?? ballot];
        this.#unknown = [];
    }

    #sendNext(every = FLYING_MOST) {
        const most = this.#every ? every : 1;
        while (this.#flying.length < most && this.#waiting.length > 0) {
            this.#fly(this.#waiting.shift());
        }
    }

    async #fly(ballot) {
        this.#flying.push(ballot);
        const result = this.#weigh(ballot, await this.#send(ballot));
        this.#flying.splice(this.#flying.indexOf(ballot), 1);
        if (result.outcome === "unknown") {
            this.#keep(ballot);
        }
        this.#onOutcome(ballot, result);
        this.#sendNext();
        this.#save();
    }

    // A refusal of what was sent before, too, tells nothing of that, unless the ledger has judged it.
    #weigh(ballot, result) {
        return result.outcome === "refused" && !result.isJudged && this.#doubted.has(ballot) ? { outcome: "unknown" } : result;
    }

    // Those behind one that came to nothing would come to nothing as well: they wait with it. A newer wish stays.
    #keep(ballot) {
        this.#doubted.add(ballot);
        if (this.#every) {
            this.#unknown.push(ballot, ...this.#waiting);
            this.#waiting = [];
        } else if (this.#waiting.length === 0) {
            this.#unknown = [ballot];
        }
    }
}
