#!/usr/bin/python3
"""Replays the transcripts of doc/HTTP.md against a real server: each line that begins with `$` is run by the shell, and
must print what follows it, but for what differs from run to run (see VARYING). A stream is read as far as the page
shows it. The last line is for Automake's log."""

import os
import sys

sys.dont_write_bytecode = True
try:  # which also says what is missing, and leaves off
    from test_openapi import Server
except ImportError as missing:
    print(f"left out: {missing}")
    sys.exit(77)

import re
import shutil
import subprocess
import tempfile

SOURCES = os.environ.get("TALLYCAST_SRCDIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
if not shutil.which("curl"):
    print("left out: install curl")
    sys.exit(77)

PAGE_PORT = ":3000/"
POLLS = ("CREATE board yes no voters=named ballots=once", "TITLE board Shall we meet on Friday?",
         "CREATE applause loud louder ballots=unlimited")

# What the page shows of one run, and any other must look like.
VARYING = (
    (r"(?m)^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$", "Date: DATE"),
    (r"tallycast_voter=[\w-]{22}\.[\w-]{22};", "tallycast_voter=COOKIE;"),
    (r'"(\d+)-[0-9a-f]{16}"', r'"\1-HASH"'),
    (r'"since":"[0-9a-f]{16}-', '"since":"LEDGER-'),
    (r'"ledger":"[0-9a-f]{16}"', '"ledger":"LEDGER"'),
    (r'"lot":\["(?:pizza|sushi|tacos)(?:","(?:pizza|sushi|tacos)){2}"\]', '"lot":LOT'),
    (r"(?m)^retry: [2-5]\d{3}$", "retry: MS"),
)


def level(text):
    for pattern, stand_in in VARYING:
        text = re.sub(pattern, stand_in, text.replace("\r", ""))
    return text.strip("\n")


def transcripts():
    """The commands of the page, in order, each with what it prints."""
    with open(os.path.join(SOURCES, "doc/HTTP.md"), encoding="utf-8") as file:
        for block in re.findall(r"(?ms)^```transcript\n(.*?)^```$", file.read()):
            for entry in re.split(r"(?m)^\$ ", block)[1:]:
                command, _, output = entry.partition("\n")
                yield command, output


def run(command, expected_lines, directory):
    """What a command prints; of a stream, as many lines as are expected, so that nothing waits for its end."""
    process = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=directory, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    try:
        if " -sN " not in command:
            return process.communicate(timeout=60)[0]
        return "".join(process.stdout.readline() for _ in range(expected_lines))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main():
    server = Server("--poll", "lunch=pizza,sushi,tacos")
    count = failures = 0
    with tempfile.TemporaryDirectory(prefix="tallycast-transcripts-") as directory:
        try:
            server.command(*POLLS)
            for command, expected in transcripts():
                count += 1
                here = command.replace(PAGE_PORT, f":{server.port}/")
                printed = run(here, expected.count("\n"), directory)
                if level(printed) != level(expected):
                    failures += 1
                    print(f"FAILED: {command}\nthe page:\n{level(expected)}\nthe server:\n{level(printed)}")
        finally:
            server.stop()
    print(f"Checks: {count}, Failures: {failures + (count == 0)}, Errors: 0")
    return 1 if failures or not count else 0


if __name__ == "__main__":
    sys.exit(main())
