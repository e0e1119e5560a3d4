// Proxies before a server. `Proxy` works on TCP, and does what networks do: loses answers, forgets connections, cuts. `PathProxy` puts the server below a path of another site.

import { once } from "node:events";
import { createServer as createHttpServer, request } from "node:http";
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

export class PathProxy {
    missed = []; // what was asked for beside the path
    passesHost = true; // or names the server's own address, as nginx and Apache do by themselves
    #target;
    #path;

    constructor(target, path) {
        this.#target = target;
        this.#path = path;
    }

    async start() {
        this.listener = createHttpServer((ask, answer) => this.#pass(ask, answer));
        this.listener.listen(0, "127.0.0.1");
        await once(this.listener, "listening");
    }

    #pass(ask, answer) {
        if (!ask.url.startsWith(`${this.#path}/`)) {
            this.missed.push(ask.url);
            answer.writeHead(404).end();
            return;
        }
        const [host, port] = this.#target.split(":");
        const { method } = ask;
        const headers = this.passesHost ? ask.headers : { ...ask.headers, host: this.#target };
        const on = request({ host, port, method, headers, path: ask.url.slice(this.#path.length) }, (from) => {
            answer.writeHead(from.statusCode, from.headers);
            from.pipe(answer);
        });
        on.on("error", () => answer.destroy());
        answer.on("close", () => on.destroy());
        ask.pipe(on);
    }

    async end() {
        this.listener.closeAllConnections();
        this.listener.close();
        await once(this.listener, "close");
    }

    url(path, host = "127.0.0.1") {
        return `http://${host}:${this.listener.address().port}${this.#path}${path}`;
    }
}
