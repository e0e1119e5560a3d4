#!/usr/bin/python3
"""Random elections, counted by the server's methods and by plain ones that are written here from the rules alone, with
fractions and whatever is simple. What must hold besides: the order of the ballots changes nothing, nor do ballots that
were changed or taken back; a weight of w is w ballots; other names, and another order of creation, rename the result; the lot reversed, only what it decided.

    test_random_elections.py [--seed N] [--elections N] [--long]

The seed is told when something fails; the same seed makes the same elections."""

import argparse
import os
import random
import subprocess
import sys
from fractions import Fraction

BUILD = os.path.dirname(os.path.abspath(os.environ.get("TALLYCAST_BINARY", "./tallycast")))
HELPER = os.path.join(BUILD, "tests/unit/count_rows")
METHODS = ("plurality", "approval", "score", "star", "schulze", "irv", "stv")
QUICK, LONG = 700, 100000  # elections


class Election:
    """A poll and its ballots. A ballot is a dict, the weight apart: for ranked ones choice -> rank, for others choice ->
    score; None abstains."""

    def __init__(self, method, choices, lot, ballots, seats=1, scores=5):
        self.method, self.choices, self.lot, self.ballots = method, choices, lot, ballots
        self.seats, self.scores = seats, scores
        self.taken_back = []

    def settings(self):
        text = f"method={self.method}"
        if self.method in ("approval", "score", "stv"):
            text += f" seats={self.seats}"
        if self.method in ("score", "star"):
            text += f" scores={self.scores}"
        return text

    def text_of(self, ballot):
        if ballot is None:
            return "-"
        if self.method in ("plurality", "approval"):
            return ",".join(ballot)
        if self.method in ("score", "star"):
            return ",".join(f"{choice}={score}" for choice, score in ballot.items())
        tiers = {}
        for choice, rank in ballot.items():
            tiers.setdefault(rank, []).append(choice)
        return ">".join("=".join(tiers[rank]) for rank in sorted(tiers))

    def script(self):
        yield f"poll {self.settings()}|{' '.join(self.choices)}|{'>'.join(self.lot)}"
        for weight, ballot in self.taken_back + self.ballots:
            yield f"ballot {weight} {self.text_of(ballot)}"
        for weight, ballot in self.taken_back:
            yield f"back {weight} {self.text_of(ballot)}"
        yield "count"

    def changed(self, **members):
        other = Election(self.method, self.choices, self.lot, self.ballots, self.seats, self.scores)
        other.__dict__.update(members)
        return other

    # What the plain methods need.

    def valid(self):
        return [(weight, ballot) for weight, ballot in self.ballots if ballot is not None]

    def place(self, choice):
        return self.lot.index(choice)

    def sums(self):
        return {c: sum(weight * ballot.get(c, 0) for weight, ballot in self.valid()) for c in self.choices}

    def above(self, a, b):
        """The votes that have a above b."""
        if self.method == "star":
            return sum(w for w, ballot in self.valid() if ballot.get(a, 0) > ballot.get(b, 0))
        last = len(self.choices) + 1
        return sum(w for w, ballot in self.valid() if ballot.get(a, last) < ballot.get(b, last))


class Count:
    """What a plain method finds: rows in the form of RESULT's, but for =method, =lot and pairs."""

    def __init__(self, election):
        self.election, self.rows, self.winners, self.rounds, self.by_lot = election, [], [], [], False

    def row(self, *words):
        self.rows.append("=" + " ".join(str(word) for word in words))

    def in_order(self, choices):
        return ",".join(choice for choice in self.election.choices if choice in choices)

    def tie(self, stake, choices, rule):
        self.row("tie", max(len(self.rounds), 1), stake, self.in_order(choices), "by=" + rule)
        self.by_lot = self.by_lot or rule == "lot"

    def round(self, votes, exhausted=None, form=str):
        self.rounds.append(dict(votes))
        words = [f"{choice}={form(votes[choice])}" for choice in self.election.choices]
        if exhausted is not None:
            words.append(f"exhausted={form(exhausted)}")
        self.row("round", len(self.rounds), *words)

    def by_earlier(self, stake, tied, best):
        """The one that earlier rounds choose, or the lot: with the most votes, or the fewest."""
        left = list(tied)
        for votes in reversed(self.rounds[:-1]):
            wanted = (max if best else min)(votes[choice] for choice in left)
            left = [choice for choice in left if votes[choice] == wanted]
        if len(left) < len(tied):
            self.tie(stake, tied, "earlier")
        if len(left) > 1:
            self.tie(stake, left, "lot")
        return (min if best else max)(left, key=self.election.place)

    def finish(self):
        for number, choice in enumerate(self.winners, 1):
            self.row("winner", number, choice)
        if len(self.winners) < self.election.seats:
            if not self.election.ballots:
                self.row("nobody nobody has voted")
            elif not self.election.valid():
                self.row("nobody every ballot abstains")
            elif not self.winners:
                self.row("nobody no ballot is for any choice")
            else:
                self.row("nobody seats stay empty: no ballot is for another choice")
        return self


def highest_sums(election):
    count = Count(election)
    sums = election.sums()
    count.round(sums)
    order = sorted(election.choices, key=lambda choice: (-sums[choice], election.place(choice)))
    count.winners = [choice for choice in order[:election.seats] if sums[choice] > 0]
    if count.winners:
        last = sums[count.winners[-1]]
        tied = [choice for choice in election.choices if sums[choice] == last]
        if any(choice not in count.winners for choice in tied):
            count.tie("elect", tied, "lot")
    return count.finish()


def star(election):
    count = Count(election)
    sums = election.sums()
    tops = {c: sum(w for w, b in election.valid() if b.get(c, 0) == election.scores) for c in election.choices}
    count.round(sums)
    if not any(sums.values()):
        return count.finish()

    def cut(choices, places, votes):
        """Who has a place for certain, and who competes for the rest of them."""
        limit = sorted((votes[c] for c in choices), reverse=True)[places - 1]
        certain = [c for c in choices if votes[c] > limit]
        compete = [c for c in choices if votes[c] == limit]
        if len(certain) + len(compete) == places:
            return certain + compete, []
        return certain, compete

    finalists, tied = cut(election.choices, 2, sums)
    rules = ["top", "head", "top"]
    while tied and rules:
        rule = rules.pop(0)
        if rule == "top" and len(tied) == 2 and len(rules) == 2 or rule == "head" and len(tied) != 2:
            continue
        votes = tops if rule == "top" else {c: sum(election.above(c, d) for d in tied if d != c) for c in tied}
        certain, compete = cut(tied, 2 - len(finalists), votes)
        if len(compete) < len(tied):
            count.tie("finalist", tied, rule)
        finalists, tied = finalists + certain, compete
    if tied:
        count.tie("finalist", tied, "lot")
        finalists += sorted(tied, key=election.place)[:2 - len(finalists)]
    a, b = finalists
    for_a, for_b = election.above(a, b), election.above(b, a)
    decided = [("", for_a, for_b), ("sum", sums[a], sums[b]), ("top", tops[a], tops[b]),
               ("lot", election.place(b), election.place(a))]
    rule, winner = next((rule, a if x > y else b) for rule, x, y in decided if x != y)
    if (-sums[a], a != winner) > (-sums[b], b != winner):
        a, b, for_a, for_b = b, a, for_b, for_a
    equal = sum(weight for weight, _ in election.valid()) - for_a - for_b
    count.row("runoff", f"{a}={for_a}", f"{b}={for_b}", f"equal={equal}")
    if rule:
        count.tie("runoff", (a, b), rule)
    count.winners = [winner]
    return count.finish()


def schulze(election):
    count = Count(election)
    if not election.valid():
        return count.finish()
    choices = election.choices
    wins = {(a, b): election.above(a, b) for a in choices for b in choices if a != b}
    links = {(a, b): votes for (a, b), votes in wins.items() if votes > wins[b, a]}

    def reaches(a, b, strength):
        """Whether there is a path of such links: a search, not Floyd's."""
        seen, waiting = {a}, [a]
        while waiting:
            here = waiting.pop()
            for (x, y), votes in links.items():
                if x == here and y not in seen and votes >= strength:
                    seen.add(y)
                    waiting.append(y)
        return b in seen

    levels = sorted(set(links.values()), reverse=True)
    paths = {pair: next((level for level in levels if reaches(*pair, level)), 0) for pair in wins}
    left, rank = list(choices), 0
    while left:
        rank += 1
        best = [a for a in left if all(paths[a, b] >= paths[b, a] for b in left if b != a)]
        if rank == 1:
            first = best
        count.row("rank", rank, count.in_order(best))
        left = [a for a in left if a not in best]
    if len(first) > 1:
        count.tie("elect", first, "lot")
    count.winners = [min(first, key=election.place)]
    return count.finish()


def prefers(ballot, among):
    """The choice that a ballot ranks first among some, or None."""
    named = [choice for choice in ballot if choice in among]
    return min(named, key=ballot.get) if named else None


def irv(election):
    count = Count(election)
    left = list(election.choices)
    while True:
        votes, exhausted = dict.fromkeys(election.choices, 0), 0
        for weight, ballot in election.valid():
            choice = prefers(ballot, left)
            if choice is None:
                exhausted += weight
            else:
                votes[choice] += weight
        count.round(votes, exhausted)
        if not election.valid():
            return count.finish()
        going_on = sum(votes.values())
        winner = [choice for choice in left if 2 * votes[choice] > going_on or len(left) == 1]
        if winner:
            count.row("elect", len(count.rounds), winner[0])
            count.winners = winner
            return count.finish()
        fewest = min(votes[choice] for choice in left)
        out = count.by_earlier("eliminate", [c for c in left if votes[c] == fewest], False)
        count.row("eliminate", len(count.rounds), out)
        left.remove(out)


def stv(election):
    """Each paper apart, with the list of who had it, and exact fractions that are cut where the statute cuts."""
    count = Count(election)

    def decimals(votes):
        assert votes * 100000 == int(votes * 100000)
        return f"{int(votes)}.{int(votes * 100000) % 100000:05}"

    papers = [[weight, ballot, None, Fraction(1)] for weight, ballot in election.valid()]
    hopeful, owing, exhausted = list(election.choices), [], Fraction(0)
    valid = sum(weight for weight, _ in election.valid())
    quota = valid // (election.seats + 1) + 1

    def votes():
        result = dict.fromkeys(election.choices, Fraction(0))
        for weight, _, holder, value in papers:
            if holder:
                result[holder] += weight * value
        for choice, kept in keeps.items():
            result[choice] = kept
        return result

    def deal(paper):
        nonlocal exhausted
        paper[2] = prefers(paper[1], hopeful)
        if paper[2] is None:
            exhausted += paper[0] * paper[3]

    def history(choice):
        return [-stage[choice] for stage in reversed(count.rounds)] + [election.place(choice)]

    def elect(choice):
        surplus = count.rounds[-1][choice] - quota
        count.row("elect", len(count.rounds), choice, *([f"surplus={decimals(surplus)}"] if surplus > 0 else []))
        count.winners.append(choice)
        hopeful.remove(choice)
        if surplus > 0:
            owing.append(choice)

    keeps = {}
    for paper in papers:
        deal(paper)
    count.round(votes(), exhausted, decimals)
    if not valid:
        return count.finish()
    while True:
        now = count.rounds[-1]
        for choice in sorted(hopeful, key=history):
            if now[choice] >= quota:
                elect(choice)
        empty = election.seats - len(count.winners)
        if len(hopeful) <= empty:
            for choice in sorted(hopeful, key=history):
                if any(choice in ballot for _, ballot in election.valid()):
                    elect(choice)
        if len(hopeful) <= empty or empty == 0:
            return count.finish()
        if owing:
            most = max(now[choice] for choice in owing)
            source = count.by_earlier("surplus", [c for c in owing if now[c] == most], True)
            owing.remove(source)
            surplus = now[source] - quota
            count.row("transfer", len(count.rounds), source, f"surplus={decimals(surplus)}")
            share = surplus / now[source]
            keeps[source] = Fraction(quota)
        else:
            fewest = min(now[choice] for choice in hopeful)
            source = count.by_earlier("eliminate", [c for c in hopeful if now[c] == fewest], False)
            count.row("eliminate", len(count.rounds), source)
            hopeful.remove(source)
            share = None
        for paper in papers:
            if paper[2] == source:
                if share is not None:
                    paper[3] = Fraction(int(paper[3] * share * 100000), 100000)
                deal(paper)
        count.round(votes(), exhausted, decimals)


PLAIN = {"plurality": highest_sums, "approval": highest_sums, "score": highest_sums, "star": star,
         "schulze": schulze, "irv": irv, "stv": stv}


def random_ballot(rng, method, choices, scores):
    if rng.random() < 0.05:
        return None
    if method == "plurality":
        return {rng.choice(choices): 1}
    named = rng.sample(choices, rng.randint(1, len(choices)))
    if method == "approval":
        return dict.fromkeys(named, 1)
    if method in ("score", "star"):
        return {choice: rng.randint(0, scores) for choice in named}
    if method == "schulze" and rng.random() < 0.5:
        ranks = [rng.randint(1, len(named)) for _ in named]
        dense = sorted(set(ranks))
        return {choice: dense.index(rank) + 1 for choice, rank in zip(named, ranks)}
    return {choice: rank for rank, choice in enumerate(named, 1)}


def random_election(rng, number):
    method = METHODS[number % len(METHODS)]
    choices = [f"c{i}" for i in range(1, 1 + rng.choice((2, 3, 3, 4, 4, 5, 6, 8, 17)))]
    seats = rng.randint(1, len(choices) - 1) if method in ("approval", "score", "stv") else 1
    scores = rng.choice((1, 2, 5, 10))
    ballots = rng.choice((0, 1, 2, 3, 5, 8, 13, 21, 60))
    heaviest = rng.choice((1, 1, 1, 3, 300, 4000000000))  # small ones, so that there are ties
    if ballots > 0 and rng.random() < 0.2:  # or the same ones again and again
        few = [random_ballot(rng, method, choices, scores) for _ in range(3)]
        cast = [(rng.randint(1, heaviest), rng.choice(few)) for _ in range(ballots)]
    else:
        cast = [(rng.randint(1, heaviest), random_ballot(rng, method, choices, scores)) for _ in range(ballots)]
    return Election(method, choices, rng.sample(choices, len(choices)), cast, seats, scores)


class Server:
    """The server's methods."""

    def __init__(self):
        self.process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def count(self, election):
        self.process.stdin.write("\n".join(election.script()) + "\n")
        self.process.stdin.flush()
        rows = []
        for line in self.process.stdout:
            if line == ".\n":
                return rows
            rows.append(line[:-1])
        raise AssertionError("the server's methods ended")

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def first_rows(election):
    weight = sum(weight for weight, _ in election.ballots)
    valid = sum(weight for weight, _ in election.valid())
    version = "stv-scottish/1" if election.method == "stv" else election.method + "/1"
    row = (f"=method {version} seats={election.seats} ballots={len(election.ballots)} weight={weight}"
           f" abstain={weight - valid}")
    if election.method == "stv" and valid:
        row += f" quota={valid // (election.seats + 1) + 1}"
    return [row, f"=lot {'>'.join(election.lot)}"]


def is_pair(row):
    return row.startswith(("=pair ", "=path "))


def course(rows):
    """All but what was counted, the lot and the pairs."""
    return [row for row in rows[2:] if not is_pair(row)]


def check_pairs(election, rows):
    for row in rows:
        if row.startswith("=pair "):
            _, a, b, above, below = row.split()
            assert (election.above(a, b), election.above(b, a)) == (int(above), int(below)), row
    has_pairs = any(is_pair(row) for row in rows)
    assert has_pairs == (election.method in ("star", "schulze", "irv", "stv")), "pairs"


def rename(row, names):
    words = row.replace(",", " , ").replace(">", " > ").replace("=", " = ").split(" ")
    return " ".join(names.get(word, word) for word in words).replace(" , ", ",").replace(" > ", ">").replace(" = ", "=")


def without_order(rows):
    """The rows, with what stands in the order of creation sorted."""
    result = []
    for row in rows:
        words = row.split(" ")
        if words[0] == "=round":
            words[2:] = sorted(words[2:])
        result.append(" ".join(",".join(sorted(word.split(","))) for word in words))
    return result


def check(server, rng, election):
    rows = server.count(election)
    assert rows[:2] == first_rows(election), rows[:2]
    plain = PLAIN[election.method](election)
    assert course(rows) == plain.rows, "\n".join(["the server:", *course(rows), "the plain method:", *plain.rows])
    check_pairs(election, rows)

    shuffled = rng.sample(election.ballots, len(election.ballots))
    assert server.count(election.changed(ballots=shuffled)) == rows, "the order of the ballots"

    others = [(rng.randint(1, 9), random_ballot(rng, election.method, election.choices, election.scores))
              for _ in range(rng.randint(1, 9))]
    assert server.count(election.changed(taken_back=others)) == rows, "ballots that were taken back"

    light = [(weight, ballot) for weight, ballot in election.ballots if weight <= 3]
    copies = [(1, ballot) for weight, ballot in light for _ in range(weight)]
    one, many = server.count(election.changed(ballots=light)), server.count(election.changed(ballots=copies))
    assert one[1:] == many[1:], "weights and copies"

    names = dict(zip(election.choices, rng.sample([f"n{i}" for i in range(len(election.choices))],
                                                  len(election.choices))))
    renamed = election.changed(
        choices=rng.sample([names[c] for c in election.choices], len(election.choices)),
        lot=[names[c] for c in election.lot],
        ballots=[(w, b and {names[c]: mark for c, mark in b.items()}) for w, b in election.ballots])
    assert without_order(course(server.count(renamed))) == without_order(
        [rename(row, names) for row in course(rows)]), "other names"

    if not plain.by_lot:  # then the lot decides only in what order equals are named
        def all_but_order(some):
            return sorted(" ".join(word for word in row.split() if not row.startswith("=winner") or not word.isdigit())
                          for row in some)
        reverse = course(server.count(election.changed(lot=election.lot[::-1])))
        assert all_but_order(reverse) == all_but_order(course(rows)), "the lot reversed"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--elections", type=int)
    parser.add_argument("--long", action="store_true", help=f"{LONG} elections")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    server = Server()
    count = options.elections or (LONG if options.long else QUICK)
    for number in range(count):
        election = random_election(rng, number)
        try:
            check(server, rng, election)
        except AssertionError as error:
            print(f"seed {options.seed}, election {number}: {error}", *election.script(), sep="\n")
            print(f"Checks: {number + 1}, Failures: 1, Errors: 0")
            return 1
    print(f"Checks: {count}, Failures: 0, Errors: 0")
    return server.end()


if __name__ == "__main__":
    sys.exit(main())
