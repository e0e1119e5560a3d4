#!/usr/bin/python3
"""Random elections (tests/unit/test_random_elections.py) as polls of a real server: voters cast ballots and change them,
pipelined, over several connections; the poll is closed, and RESULT must say what the plain methods say. Then the server
starts again, and must say the same of every poll.

    test_random_polls.py [--seed N] [--elections N]"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit"))
import test_random_elections as elections

BINARY = os.environ.get("TALLYCAST_BINARY", "./tallycast")
TIMEOUT_S = 10 * int(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1"))
CONNECTIONS, QUICK = 3, 70


class Connection:
    def __init__(self, family, address):
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(address)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.lines.readline()

    def send(self, lines):
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def reply(self):
        """The rows of a reply, and its last line."""
        rows = []
        while (line := self.lines.readline()).startswith("="):
            rows.append(line.rstrip("\n"))
        assert line.startswith("+OK"), line
        return rows, line.rstrip("\n")

    def command(self, line):
        self.send([line])
        return self.reply()

    def close(self):
        self.lines.close()
        self.socket.close()


class Server:
    def __init__(self, directory):
        with open(os.path.join(directory, "log"), "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [BINARY, "--listen", "127.0.0.1:0", "--http", "off", "--database", os.path.join(directory, "polls.db")],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        words = dict(word.split("=", 1) for word in self.process.stdout.readline().split()[1:])
        host, port = words["listen"].rsplit(":", 1)
        self.admin = Connection(socket.AF_UNIX, words["admin"])
        self.voters = [Connection(socket.AF_INET, (host, int(port))) for _ in range(CONNECTIONS)]

    def stop(self):
        for connection in [self.admin, *self.voters]:
            connection.close()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process.stdout.close()
        assert status == 0, f"the server ended with status {status}"


def cast(server, rng, poll, election):
    """Each ballot by a voter of its own, who may have cast others before. A voter stays on one connection, where the order
    is kept; which voter is first is not."""
    queues = [[] for _ in server.voters]
    for number, (_, ballot) in enumerate(election.ballots):
        before = [elections.random_ballot(rng, election.method, election.choices, election.scores)
                  for _ in range(rng.choice((0, 0, 1, 2)))]
        rng.choice(queues).append([f"VOTE {poll} {election.text_of(each)} as=v{number}" for each in [*before, ballot]])
    sent = []
    for connection, queue in zip(server.voters, queues):
        rng.shuffle(queue)
        lines = [line for voter in queue for line in voter]
        connection.send(lines)
        sent.append((connection, lines))
    for connection, lines in sent:
        for _ in lines:
            connection.reply()


def hold(server, rng, poll, election):
    lot = ">".join(election.lot)
    server.admin.command(f"CREATE {poll} {' '.join(election.choices)} voters=named {election.settings()} lot={lot}")
    cast(server, rng, poll, election)
    return server.admin.command(f"CLOSE {poll}")[1].removeprefix("+OK ")


def check(server, poll, election, seq):
    rows, last = server.voters[0].command(f"RESULT {poll} pairs")
    plain = elections.PLAIN[election.method](election)
    assert last == f"+OK {seq}", last
    expected = elections.first_rows(election) + plain.rows
    found = [row for row in rows if not elections.is_pair(row)]
    assert found == expected, "\n".join(["the server:", *found, "the plain method:", *expected])
    elections.check_pairs(election, rows)


def run(options, directory):
    rng = random.Random(options.seed)
    polls = []
    server = Server(directory)
    for number in range(options.elections):
        election = elections.random_election(rng, number)
        election.ballots = [(1, ballot) for _, ballot in election.ballots]
        polls.append((f"p{number}", election, hold(server, rng, f"p{number}", election)))
        check(server, *polls[-1][:2], polls[-1][2])
    server.stop()
    server = Server(directory)
    for poll in polls:
        check(server, *poll)
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--elections", type=int, default=QUICK)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="tallycast-polls-")
    try:
        run(options, directory)
    except AssertionError as error:
        with open(os.path.join(directory, "log"), encoding="utf-8") as log:
            print(*log.readlines()[-20:], f"seed {options.seed}: {error}", sep="")
        print(f"Checks: {options.elections}, Failures: 1, Errors: 0")
        return 1
    finally:
        shutil.rmtree(directory)
    print(f"Checks: {options.elections}, Failures: 0, Errors: 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
