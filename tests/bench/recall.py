"""What the model finds again after folding:  python tests/bench/recall.py [--facts 60] [--seed 7]

Facts are planted in thoughts, in tool outputs (each second one deep inside an output too long for the request) and in
what the user says, over a long session with real tools and a rehearsed M2; the session is folded three times; then the
model asks for each fact, in one `recall` call, by words that stand beside it. Their words are shared by many facts and
by the noise around them; only the fact itself has them together. Printed is how many answers held the value.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from minicode.events import CallDone, TurnEnded
from minicode.lab.rehearsal import Call, Do, Expect, Rehearsal, Say, Script, Step, Think
from minicode.messages import Usage
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import start

KINDS = ("thinking", "tool output", "user")
FOLDS = 3
WHICH = "amber brisk cobalt dusty early fallow gentle hollow inner jagged"
THINGS = "gateway ledger mailer cache scheduler indexer broker parser"
TRAITS = "port quota timeout owner window prefix"
NOISE = "the request was read and passed on while nothing else had to wait for it and no one took note of that"
SUMMARY = "## Goal\nGo through the services (e3).\n## What was found\nMuch; `recall` has it."


@dataclass(frozen=True)
class Fact:
    """value: what is to be found. deep: it lies inside a long output, in neither its head nor its tail."""

    number: int
    which: str
    thing: str
    trait: str
    value: str

    @property
    def kind(self) -> str:
        return KINDS[self.number % len(KINDS)]

    @property
    def deep(self) -> bool:
        return self.kind == "tool output" and self.number % 2 == 0

    @property
    def said(self) -> str:
        return f"For the {self.which} {self.thing} the {self.trait} is {self.value}."

    @property
    def query(self) -> str:
        if self.number % 5 == 4:
            return f"/{self.which} {self.thing} the {self.trait} is \\S+/"
        return f"{self.trait} of {self.thing} {self.which}" if self.number % 5 == 3 else f"{self.thing} {self.which}"


@dataclass
class Figures:
    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    missed: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    entries: int = 0
    failures: list[str] = field(default_factory=list)


def facts(count: int, seed: int) -> list[Fact]:
    chance = random.Random(seed)
    pairs = chance.sample([(which, thing) for which in WHICH.split() for thing in THINGS.split()], count)
    values = chance.sample(range(100_000, 1_000_000), count)
    return [Fact(n, *pair, chance.choice(TRAITS.split()), f"q{values[n]}") for n, pair in enumerate(pairs)]


def noise(chance: random.Random, lines: int) -> str:
    """Lines in which each word of a fact occurs, but never a whole fact."""
    rows = []
    some, traits, none = (WHICH.split(), THINGS.split()), TRAITS.split(), NOISE.split()
    for _ in range(lines):
        words = [chance.choice(one) for one in (chance.choice(some), none, none, traits, none)]
        rows.append(f"{' '.join(words)} {chance.randrange(1 << 30)}")
    return "\n".join(rows) + "\n"


def plant(folder: Path, fact: Fact, chance: random.Random) -> tuple[str, tuple[Step, ...]]:
    """The words of the user and the steps of the turn that leaves the fact in the session."""
    lines = 6000 if fact.deep else 40
    log = noise(chance, lines)
    at = log.index("\n", len(log) // 2) + 1
    (folder / f"{fact.number}.log").write_text(
        log[:at] + (fact.said + "\n" if fact.kind == "tool output" else "") + log[at:]
    )
    thought = f"{noise(chance, 4)}{fact.said if fact.kind == 'thinking' else ''}\n{noise(chance, 4)}"
    words = f"Service {fact.number}. {fact.said if fact.kind == 'user' else ''} {noise(chance, 6)}"
    return words, (
        Step((Think(thought), Do("shell", {"command": f"cat {fact.number}.log"}))),
        Step((Think(noise(chance, 3)), Say(f"Service {fact.number} is seen to."))),
    )


def ask_for(fact: Fact) -> tuple[str, tuple[Step, ...]]:
    missed = Step((Think("It is not there."), Say("MISSED")))
    return f"What did we have for the {fact.which} {fact.thing}?", (
        Step((Think(f"The {fact.which} {fact.thing}: I look back."), Call("recall", {"query": fact.query}))),
        Step((Think("There."), Say("FOUND")), expect=Expect(results=fact.value), otherwise=missed),
    )


async def measure(folder: Path, count: int, seed: int = 7) -> Figures:
    """The endpoint is named by the environment of this process while it lasts."""
    chance = random.Random(seed)
    every = facts(count, seed)
    parts = [every[n * count // FOLDS : (n + 1) * count // FOLDS] for n in range(FOLDS)]
    planted = [[plant(folder, fact, chance) for fact in part] for part in parts]
    asked = [ask_for(fact) for fact in every]
    filler = "Nothing more for now. " + noise(chance, 200)

    def steps() -> Iterator[Step]:
        for part in planted:
            for _, of_turn in part:
                yield from of_turn
            yield Step((Say("Good."),))
            yield Step((Think("What matters?"), Say(SUMMARY)), usage=Usage(1000, 100))
        for _, of_turn in asked:
            yield from of_turn

    figures = Figures()
    with Rehearsal(Script(tuple(steps()), strict_thinking=False)) as server:
        os.environ["MINIMAX_BASE_URL"] = f"{server.url}/anthropic"
        started = start(Plan(folder=folder))
        try:
            for part in planted:
                for words, _ in part:
                    await turn(started.session, words)
                await turn(started.session, filler)
                await started.session.fold(lambda event: None)
            figures.entries = len(started.session.journal.branch)
            for fact, (words, _) in zip(every, asked, strict=True):
                answer, done = await turn(started.session, words)
                if answer == "FOUND":
                    figures.found[fact.kind] += 1
                else:
                    figures.missed.append(f"{fact.kind}: {fact.query}")
                assert done is not None
                figures.sizes.append(len(done.result.text.encode()))
                figures.seconds.append(done.seconds)
        finally:
            await started.close()
        figures.failures = [str(failure) for failure in server.failures]
    return figures


async def turn(session: Session, words: str) -> tuple[str, CallDone | None]:
    """The answer and the last call."""
    calls, end = [], None
    async for event in session.send(words):
        if isinstance(event, CallDone):
            calls.append(event)
        elif isinstance(event, TurnEnded):
            end = event
    assert end is not None and not end.error, end
    return end.text, calls[-1] if calls else None


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--facts", type=int, default=60)
    options.add_argument("--seed", type=int, default=7)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="minicode-bench-") as home:
        work = Path(home, "work")
        work.mkdir()
        os.environ |= {"HOME": home, "MINICODE_HOME": f"{home}/.minicode", "MINICODE_PROTOCOL": "anthropic"}
        os.environ["MINIMAX_API_KEY"] = "rehearsal"
        begin = time.monotonic()
        figures = asyncio.run(measure(work, chosen.facts, chosen.seed))
    per_kind = ", ".join(f"{kind} {found}" for kind, found in figures.found.items())
    print(
        f"recall   {sum(figures.found.values())} of {chosen.facts} facts found within one call ({per_kind}), after "
        f"{FOLDS} folds of {figures.entries} entries; median answer {statistics.median(figures.sizes):,.0f} bytes, "
        f"{statistics.median(figures.seconds) * 1000:.0f} ms, longest {max(figures.seconds) * 1000:.0f} ms; "
        f"{time.monotonic() - begin:.0f} s in all"
    )
    for missed in [*figures.missed, *figures.failures]:
        print("         MISSED", missed)


if __name__ == "__main__":
    main()
