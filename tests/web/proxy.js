// A TCP proxy before a server, which does what networks do: loses answers, holds all back, is slow, cuts.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
    losesAnswers = false; // what the server says does not arrive
    #target;
    #sockets = new Set();

    constructor(target) {
        this.#target = target;
    }

    async start() {
        this.listener = createServer((down) => this.#join(down));
        this.listener.listen(0, "127.0.0.1");
        await once(this.listener, "listening");
        this.address = `127.0.0.1:${this.listener.address().port}`;
    }

    #join(down) {
        const [host, port] = this.#target.split(":");
        const up = connect(Number(port), host);
        let dead = false;
        this.#sockets.add(down).add(up);
        down.kill = () => (dead = true);
        down.on("data", (bytes) => dead || up.write(bytes));
        up.on("data", (bytes) => dead || this.losesAnswers || down.write(bytes));
        for (const [one, other] of [[down, up], [up, down]]) {
            one.on("error", () => other.destroy());
            one.on("close", () => this.#sockets.delete(one) && !dead && other.destroy());
        }
    }

    // The connections that are there carry nothing more, and nobody is told.
    forget() {
        this.#sockets.forEach((each) => each.kill?.());
    }

    cut() {
        this.#sockets.forEach((each) => each.destroy());
    }

    async end() {
        this.cut();
        this.listener.close();
        await once(this.listener, "close");
    }

    url(path, host = "127.0.0.1") {
        return `http://${host}:${this.address.split(":")[1]}${path}`;
    }
}
