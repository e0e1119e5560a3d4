// The ballots that were asked for and whose fate is not known.
//
// Where every ballot counts, each tap is a ballot: they wait for their turn, and none is lost. Elsewhere a voter has one
// ballot: the newest wish replaces those that were not sent, and is sent when the one before it has been answered, or was
// waited for in vain.
//
// A ballot that came to nothing is kept as it was, `id` included, until the same is asked for once more: so a tap that is
// repeated is one ballot.

const FLYING_MOST = 3; // connections; a browser has six
const WAITING_MOST = 500; // then no more are taken, which the buttons show

export class Outbox {
    #send;
    #isFor;
    #every;
    #onOutcome;
    #waiting = [];
    #unknown = [];
    #flying = [];

    // `send` sends a ballot and returns its outcome (ballot.js). `isSame` says whether two ballots say the same. `every`: each
    // one counts. `onOutcome` is called with each ballot and its outcome.
    constructor({ send, isSame, every, onOutcome }) {
        this.#send = send;
        this.#isFor = (ballot) => (other) => isSame(ballot, other);
        this.#every = every;
        this.#onOutcome = onOutcome;
    }

    // How many are on their way, or wait for it; and of how many the fate is unknown.
    get pending() {
        return this.#flying.length + this.#waiting.length;
    }

    get unknown() {
        return this.#unknown.length;
    }

    get isFull() {
        return this.pending >= WAITING_MOST;
    }

    add(ballot) {
        this.#every ? this.#addOneMore(ballot) : this.#replace(ballot);
        this.#sendNext();
    }

    // It has become known that a ballot which says the same counts.
    settle(ballot) {
        this.#unknown = this.#unknown.filter((each) => !this.#isFor(ballot)(each));
    }

    #addOneMore(ballot) {
        const isRepeat = this.#unknown.some(this.#isFor(ballot));
        this.#waiting.push(...this.#unknown, ...(isRepeat || this.isFull ? [] : [ballot]));
        this.#unknown = [];
    }

    #replace(ballot) {
        const repeated = [...this.#flying, ...this.#unknown].find(this.#isFor(ballot));
        this.#waiting = this.#flying.includes(repeated) ? [] : [repeated ?? ballot];
        this.#unknown = [];
    }

    #sendNext() {
        const most = this.#every ? FLYING_MOST : 1;
        while (this.#flying.length < most && this.#waiting.length > 0) {
            this.#fly(this.#waiting.shift());
        }
    }

    async #fly(ballot) {
        this.#flying.push(ballot);
        const result = await this.#send(ballot);
        this.#flying.splice(this.#flying.indexOf(ballot), 1);
        if (result.outcome === "unknown") {
            this.#keep(ballot);
        }
        this.#onOutcome(ballot, result);
        this.#sendNext();
    }

    // Those behind one that came to nothing would come to nothing as well: they wait with it. A newer wish stays.
    #keep(ballot) {
        if (this.#every) {
            this.#unknown.push(ballot, ...this.#waiting);
            this.#waiting = [];
        } else if (this.#waiting.length === 0) {
            this.#unknown = [ballot];
        }
    }
}
