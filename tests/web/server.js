// A tallycast of a test's own, in a directory of its own, on ports that were free.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const binary = process.env.TALLYCAST_BINARY ?? new URL("../../build/tallycast", import.meta.url).pathname;

export class Server {
    constructor(options) {
        this.options = options;
        this.address = "127.0.0.1:0"; // of HTTP; a second start takes the first one's
    }

    async start() {
        this.directory ??= await mkdtemp(join(tmpdir(), "tallycast-web-"));
        this.admin = join(this.directory, "admin.sock");
        const database = join(this.directory, "tallycast.db");
        this.process = spawn(
            binary,
            ["--listen", "127.0.0.1:0", "--http", this.address, "--database", database, "--admin", this.admin].concat(
                this.options,
            ),
            { stdio: ["ignore", "pipe", "pipe"] },
        );
        this.exited = once(this.process, "exit");
        this.log = "";
        this.process.stderr.on("data", (bytes) => (this.log += bytes));
        this.address = await this.#ready();
    }

    // The address that the line "ready" tells.
    async #ready() {
        for await (const line of createInterface({ input: this.process.stdout })) {
            const match = /^ready .*\bhttp=(\S+)/.exec(line);
            if (match) {
                return match[1];
            }
        }
        throw new Error(`the server did not start: ${this.log}`);
    }

    async stop() {
        this.process.kill("SIGTERM");
        await this.exited;
    }

    // Stops it and removes its database: the next start begins anew, at the same address.
    async end() {
        if (!this.directory) {
            return;
        }
        if (this.process?.exitCode === null && this.process.signalCode === null) {
            await this.stop();
        }
        await rm(this.directory, { recursive: true, force: true });
        this.directory = null;
    }

    url(path) {
        return `http://${this.address}${path}`;
    }

    // What the server answers to a command of the administrator: its lines, without the greeting.
    async command(line) {
        const socket = connect(this.admin);
        socket.end(`${line}\n`);
        let reply = "";
        for await (const bytes of socket) {
            reply += bytes;
        }
        const lines = reply.trimEnd().split("\n").slice(1);
        if (lines.at(-1)?.startsWith("-") ?? true) {
            throw new Error(`${line}: ${lines.at(-1)}`);
        }
        return lines;
    }

    // Waits until what only the server can tell is so, by asking it.
    async until(condition) {
        while (!(await condition())) {
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }

    // "open 3 1 pizza=0 sushi=1": what SHOW tells of a poll.
    async tally(poll) {
        return (await this.command(`SHOW ${poll}`))[0].replace(`+OK ${poll} `, "");
    }
}
