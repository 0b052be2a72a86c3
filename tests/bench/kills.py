"""What survives kill -9:  python tests/bench/kills.py [--kills 200] [--seed 1] [--lives 20] [--aimed]

A rehearsed M2 works through turns of thirty calls that read, write and edit files and run commands, in a window so
small that each turn folds. The process is killed, half of the times at a random moment after its first request, half
at one it is lain in wait for (`AIMS`), and the session is resumed in a new process, which is killed in its turn. After
each kill, and for each first and last request of a process, it is checked, by a reading of the journal of its own:

  no byte of the journal was changed; each result that was complete is in the request exactly once and whole, or folded
  away and in the journal exactly once; each thought that is not folded is there, unchanged and in order; each call has
  one result; every command ran once at most and none whose reply is not on disk; no file in the workspace is half new.

After so many lives the last process ends its turn; then the session must verify, and a rewind of files and a redo give
back the very files. --aimed: each aim once and no random moment, for the tests. Exit code 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicode.cli import trace
from minicode.journal import check, reader, tree
from minicode.lab.rehearsal import Asked, Call, Fault, Rehearsal, Say, Script, Shape, Step, Think
from minicode.lab.rehearsal.server import Exchange
from minicode.sandbox.probe import CACHE, enforcement
from minicode.workspace.snapshots.snapshots import Snapshots

ROOT = Path(__file__).resolve().parents[2]
CALLS = 30  # in a turn
SMALL = ("--set", "context_window=12000", "--set", "output_tokens=2000")
SUMMARY = "## Goal\nGo on with the books (e3).\n## State of files\nbook0, book1 and book2 have new versions; ran grows."
PATIENCE = 60.0
POLL = 0.001  # seconds
FOLDING = b"You write the memory"
Json = dict[str, Any]


def book(version: int, lines: int = 150) -> str:
    return "".join(f"v{version} line {number}\n" for number in range(lines))


class Worker:
    """The model. Its next move depends on what is on the disk, so that it can be killed and asked anew."""

    def __init__(self, workspace: Path, chance: random.Random) -> None:
        self.workspace, self.chance = workspace, chance
        self.number = 0  # of the last call it made
        self.left = CALLS
        self.stall = False  # hang in the next summary
        self.summarising = threading.Event()
        self.summarised = threading.Event()

    def __call__(self, asked: Asked) -> Step:
        if asked.system.startswith(FOLDING.decode()):
            self.summarising.set()
            stall = Fault(stall=self.chance.choice((0, 700))) if self.stall else None
            return Step((Think("what matters?"), Say(SUMMARY)), fault=stall)
        if self.left <= 0:
            return Step((Think("that is all"), Say("done")))
        thought = Think(f"Thought {self.number} — «{self.chance.randrange(1 << 60)}»\u2028 " + "so it is, " * 30)
        pace = Shape(pause=0.003) if self.chance.random() < 0.3 else None
        return Step((thought, *self._calls()), shape=pace)

    def _calls(self) -> Iterator[Call]:
        count = 3 if self.number % 7 == 6 else 1
        for _ in range(count):
            self.number += 1
            self.left -= 1
            yield self._call(self.number, side_by_side=count > 1)

    def _call(self, number: int, side_by_side: bool) -> Call:
        name = f"book{number % 3}"
        version = int((self.workspace / name).read_text().split()[0][1:])
        run = Call("bash", {"command": f"echo call-{number} >>ran; echo done {number}"})
        if side_by_side:
            return run if number % 2 else Call("read", {"file_path": f"long{number % 5}"})
        match number % 5:
            case 0:
                change = {"old_string": f"v{version} ", "new_string": f"v{version + 1} ", "replace_all": True}
                return Call("edit", {"file_path": name, **change})
            case 1:
                return Call("write", {"file_path": name, "content": book(version + 1)})
            case 2:
                return run
        return Call("read", {"file_path": f"long{number % 5}"})


@dataclass
class Process:
    """One life of the program, from a start to its end or its kill."""

    popen: subprocess.Popen[bytes]
    journal: Path | None
    began: int  # bytes of the journal at its start
    first: int  # of its requests, as an index into the server's

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None


@dataclass
class Bench:
    """One session in a folder of its own, killed again and again."""

    top: Path
    chance: random.Random
    measured: Path
    moments: Counter[str] = field(default_factory=Counter)
    aimed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    states: dict[str, dict[str, bytes]] = field(default_factory=dict)
    length: float = 8.0  # seconds from the first request of a turn to its end
    kept: bytes = b""

    def __post_init__(self) -> None:
        self.workspace, self.home = self.top / "work", self.top / "home"
        self.workspace.mkdir(parents=True)
        self.state = self.home / ".minicode"
        self.state.mkdir(parents=True, mode=0o700)
        if self.measured.exists():
            shutil.copy(self.measured, self.state)
        for number in range(3):
            (self.workspace / f"book{number}").write_text(book(0))
        for number in range(5):
            (self.workspace / f"long{number}").write_text(f"a line of the long file {number}\n" * 130)
        self.worker = Worker(self.workspace, self.chance)
        self.server = Rehearsal(Script((self.worker,), after="repeat"), watch=self._watch)

    def _watch(self, exchange: Exchange) -> None:
        if FOLDING in exchange.raw:
            self.worker.summarised.set()

    @property
    def journal(self) -> Path | None:
        return next(iter(sorted(self.state.glob("sessions/*/*.jsonl"))), None)

    def command(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "MINICODE_HOME": str(self.state),
            "MINIMAX_API_KEY": "rehearsal",
            "MINICODE_PROTOCOL": "anthropic",
            "MINIMAX_BASE_URL": f"{self.server.url}/anthropic",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "minicode", *arguments],
            cwd=self.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        popen = self.command(*arguments)
        out = popen.communicate(timeout=PATIENCE)[0].decode()
        if popen.returncode != code or "Traceback" in out:
            self.wrong.append(f"{' '.join(arguments)}: exit code {popen.returncode}: {out[-600:]}")
        return out

    def start(self) -> Process:
        self.worker.left = CALLS
        self.worker.summarising.clear()
        self.worker.summarised.clear()
        self.worker.stall = False
        journal = self.journal
        words = f"life {len(self.states)}"
        self.states[words] = self.files()
        first, began = len(self.server.requests), journal.stat().st_size if journal else 0
        popen = self.command("run", "-y", *(["-c"] if journal else []), words, *SMALL)
        # Its output is read, so that it never waits for us; what it says is looked at only if it fails.
        threading.Thread(target=self._drain, args=(popen,), daemon=True).start()
        return Process(popen, journal, began, first)

    def _drain(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdout
        said = popen.stdout.read()
        if b"Traceback" in said or b"internal error" in said:
            self.wrong.append(f"a process ended with: {said[-800:].decode('utf-8', 'replace')}")

    def life(self, aim: str = "") -> bool:
        """Start, wait for the moment, kill, look. aim: "" for a random moment. False if it had ended before."""
        process = self.start()
        if aim:
            AIMS[aim](self, process)
        else:
            self.until(process, lambda: len(self.server.requests) > process.first)
            wait_until = time.monotonic() + self.chance.random() * 0.9 * self.length
            self.until(process, lambda: time.monotonic() >= wait_until)
        killed = process.alive
        process.popen.kill()
        process.popen.wait()
        if killed:
            self.moments[self.moment(process)] += 1
            if aim:
                self.aimed[aim] += 1
        elif process.popen.returncode != 0:
            self.wrong.append(f"a process ended by itself with exit code {process.popen.returncode}")
        self.look(process)
        return killed

    def until(self, process: Process, true: Callable[[], bool]) -> bool:
        """Wait for it; False if the process ends before."""
        end = time.monotonic() + PATIENCE
        while process.alive and not true():
            if time.monotonic() > end:
                self.wrong.append("a process hung")
                return False
            time.sleep(POLL)
        return process.alive

    def written(self, process: Process) -> bytes:
        """What this process has added to the journal so far."""
        path = process.journal or self.journal
        if path is None:
            return b""
        with path.open("rb") as file:
            file.seek(process.began)
            return file.read()

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.workspace.iterdir() if path.name[0] != "."}

    def moment(self, process: Process) -> str:
        """What it was killed in, as far as the journal and the server can tell."""
        lines = [json.loads(line) for line in self.written(process).splitlines() if line.endswith(b'"}')]
        lines = [line for line in lines if line["kind"] not in ("listing", "session", "usage")]
        asked = self.server.requests[process.first :]
        last = asked[-1] if asked else None
        if last is None:
            return "start-up" if not lines else "before the first request"
        if FOLDING in last.raw and not any(e.get("upto") for e in lines[-1:]):
            return "a fold: the summary is awaited" if not last.complete else "a fold: the summary is judged"
        since = lines[max((n for n, e in enumerate(lines) if e["kind"] in ("reply", "request")), default=0) :]
        if since[0]["kind"] == "request":
            return "a reply" if not last.complete else "a reply that is being kept"
        kinds = [entry["kind"] for entry in since]
        answered = {entry["call_id"] for entry in since if entry["kind"] == "result"}
        open_ = [e for e in since if e["kind"] == "intent" and e["call_id"] not in answered]
        if not open_:
            return "between steps" if "result" in kinds else "a look, or a reply just kept"
        if "snapshot" not in kinds:
            return "a snapshot"
        return "a command" if open_[0]["effect"] == "runs" else "an edit"

    def look(self, process: Process) -> None:
        """All that must be true after a process has ended in whatever way."""
        for name, data in self.files().items():
            if name.startswith("book"):
                version = int(data.split()[0][1:])
                if data != book(version).encode():
                    self.wrong.append(f"{name} is neither whole old nor whole new ({len(data)} bytes)")
        path = self.journal
        if path is None:
            return
        now = path.read_bytes()
        if not now.startswith(self.kept):
            self.wrong.append("bytes of the journal were changed")
        self.figures["torn ends"] += not now.endswith(b"\n")
        self.kept = now
        entries = [json.loads(line) for line in now.splitlines() if line.endswith(b'"}')]
        mine = [e for e in self.server.requests[process.first :] if FOLDING not in e.raw]
        for exchange in {id(e): e for e in (*mine[:1], *mine[-1:])}.values():
            self.figures["requests looked at"] += 1
            self.wrong += [f"life {len(self.states) - 1}: {flaw}" for flaw in flaws(entries, exchange.raw)]
        self.wrong += commands(entries, self.workspace / "ran")
        self.wrong += [f"refused: {failure}" for failure in self.server.failures]
        self.server.failures.clear()
        report = verified(path)
        if report.orphans or report.mismatched:
            self.wrong.append(f"not sound: orphans {report.orphans}, mismatched {report.mismatched}")

    def finale(self) -> None:
        """The last process ends its turn; the session is sound, and files can go back and forth."""
        begin = len(self.server.requests)
        process = self.start()
        process.popen.wait(PATIENCE * 3)
        if process.popen.returncode:
            self.wrong.append(f"the last life ended with {process.popen.returncode}")
        self.look(process)
        self.length = self.server.requests[-1].arrived - self.server.requests[begin].arrived
        path = self.journal
        assert path
        loaded = reader.load(path)
        if leftovers := [p.name for p in self.workspace.iterdir() if p.name[0] == "."]:
            self.wrong.append(f"left in the workspace: {leftovers}")
        self.run("sessions", "verify", path.stem, code=1 if loaded.damaged else 0)
        kinds = Counter("fold" if e.data.get("upto") else e.kind for e in loaded.entries)
        for kind in ("fold", "snapshot", "result", "reply", "request"):
            self.figures[f"{kind} entries"] += kinds[kind]
        self.back_and_forth(path, loaded)

    def back_and_forth(self, path: Path, loaded: reader.Loaded) -> None:
        messages = tree.said(reader.branch_to(loaded.entries, reader.leaf_of(loaded.entries)))
        target = self.chance.choice([message for message in messages if message.tree])
        newest = self.files()
        self.run("sessions", "rewind", path.stem, target.id, "--both", "--yes")
        if self.files() != self.states[target.text]:
            self.wrong.append(f"rewound before {target.text!r}, the files are not what they were then")
        self.run("sessions", "redo", path.stem)
        if self.files() != newest:
            self.wrong.append("redone, the files are not what they were")
        store = Snapshots(next(self.state.glob("snapshots/*")), [self.workspace])
        taken = [entry.data["tree"] for entry in loaded.entries if entry.kind == "snapshot"]
        for one in taken:
            store.diff(taken[0], one)  # raises if one is not whole
        if store.unfinished():
            self.wrong.append("a restore is unfinished")
        store.close()
        self.run("sessions", "verify", path.stem, code=1 if loaded.damaged else 0)


def grown(kind: str, more: str = "") -> Callable[[Bench, Process], None]:
    """Lies in wait for the first record of a kind, or a random one of the next few."""

    def wait(bench: Bench, process: Process) -> None:
        wanted = bench.chance.randint(1, 3)
        mark = f'"kind":"{kind}"'.encode()
        bench.until(process, lambda: bench.written(process).count(mark) >= wanted)

    return wait


def fold_written(bench: Bench, process: Process) -> None:
    bench.until(process, lambda: b'"kind":"fold","upto":"' in bench.written(process))


def summary_awaited(bench: Bench, process: Process) -> None:
    bench.worker.stall = True
    bench.until(process, bench.worker.summarising.is_set)


def summary_given(bench: Bench, process: Process) -> None:
    if bench.until(process, bench.worker.summarised.is_set):
        time.sleep(bench.chance.random() * 0.01)


def store_written(bench: Bench, process: Process) -> None:
    """The store of snapshots changes its looks: something is being written to it."""

    def looks() -> list[tuple[str, int, int]]:
        found = []
        for path in bench.state.glob("snapshots/*/*"):
            try:
                seen = path.stat()
            except FileNotFoundError:
                continue
            found.append((path.name, seen.st_size, seen.st_mtime_ns))
        return sorted(found)

    bench.until(process, lambda: b'"kind":"reply"' in bench.written(process))
    before = looks()
    bench.until(process, lambda: looks() != before)


def file_changed(bench: Bench, process: Process) -> None:
    """A new name in the workspace, or a book that is another file: in the middle of a write."""

    def looks() -> set[tuple[str, int]]:
        return {(e.name, e.inode()) for e in os.scandir(bench.workspace) if e.name != "ran"}

    before = looks()
    bench.until(process, lambda: looks() != before)


AIMS: dict[str, Callable[[Bench, Process], None]] = {
    "the summary is awaited": summary_awaited,
    "a file is written": file_changed,
    "a snapshot is written": store_written,
    "the summary has been given": summary_given,
    "an intent is written": grown("intent"),
    "a fold is written": fold_written,
    "a result is written": grown("result"),
    "a reply is written": grown("reply"),
    "a request is written": grown("request"),
}


def branch_of(entries: list[Json], leaf: Json) -> list[Json]:
    by_id = {entry["id"]: entry for entry in entries}
    branch = [leaf]
    while branch[-1]["parent"]:
        branch.append(by_id[branch[-1]["parent"]])
    return branch[::-1]


def flaws(entries: list[Json], raw: bytes) -> Iterator[str]:
    """What is wrong with a request, read against the journal."""
    digest = hashlib.sha256(raw).hexdigest()
    record = next((e for e in entries if e["kind"] == "request" and e["sha256"] == digest), None)
    if record is None:
        yield "a request was sent that is not on disk"
        return
    branch = branch_of(entries, record)
    folds = [entry for entry in branch if entry["kind"] == "fold"]
    clipped = {id_ for fold in folds for id_ in fold.get("clipped", ())}
    upto = next((fold["upto"] for fold in reversed(folds) if fold["upto"]), None)
    at = next((n for n, entry in enumerate(branch) if entry["id"] == upto), -1) + 1
    if upto and not at:
        yield f"a fold stands for an entry that is not there: {upto}"
    messages = json.loads(raw)["messages"]
    blocks = [b for m in messages if isinstance(m["content"], list) for b in m["content"]]
    told = [b for b in blocks if b["type"] == "tool_result"]
    seen = Counter(b["tool_use_id"] for b in told)
    due = {e["call_id"]: e for e in branch[at:] if e["kind"] == "result"}
    if seen != (once := Counter(list(due))):
        yield f"results told {dict(seen - once)} too often, {dict(once - seen)} not"
    for block in told:
        text = block["content"] if isinstance(block["content"], str) else block["content"][0]["text"]
        entry = due.get(block["tool_use_id"])
        whole = entry["text"] if entry and entry["id"] not in clipped else (entry or {"text": ""})["text"][:700]
        if not text.startswith(whole):
            yield f"the result of {block['tool_use_id']} is told otherwise: {text[:80]!r}"
    calls = [b["id"] for b in blocks if b["type"] == "tool_use"]
    if Counter(calls) != seen:
        yield "calls and results do not pair"
    kept = [b for e in branch[at:] if e["kind"] == "reply" for b in e["content"] if b["type"] == "thinking"]
    sent = [b for b in blocks if b["type"] == "thinking"]
    if [(b["thinking"], b["signature"]) for b in kept] != [(b["thinking"], b["signature"]) for b in sent]:
        yield f"{len(sent)} thoughts sent are not the {len(kept)} kept"
    every = Counter(entry["call_id"] for entry in branch if entry["kind"] == "result")
    if doubled := [id_ for id_, times in every.items() if times > 1]:
        yield f"results twice in the journal: {doubled}"


def commands(entries: list[Json], ran: Path) -> Iterator[str]:
    """Each command ran once at most, and only with its reply on disk; each that is told as done did run."""
    lines = Counter(ran.read_text().split() if ran.exists() else ())
    if doubled := [line for line, times in lines.items() if times > 1]:
        yield f"run twice: {doubled}"
    known = {
        block["input"]["command"].split()[1]: block["id"]
        for entry in entries
        if entry["kind"] == "reply"
        for block in entry["content"]
        if block["type"] == "tool_use" and block["name"] == "bash"
    }
    if strange := set(lines) - set(known):
        yield f"run, and the reply that asked for it is not on disk: {strange}"
    done = {e["call_id"] for e in entries if e["kind"] == "result" and not e["failed"]}
    if missing := {name for name, id_ in known.items() if id_ in done} - set(lines):
        yield f"told as done, and never run: {missing}"


def verified(path: Path) -> check.Report:
    replayed = trace.steps(reader.load(path))
    return check.verify(path, lambda request: next(replayed).body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lives", type=int, default=20, help="of a session")
    parser.add_argument("--aimed", action="store_true", help="each aim once")
    options = parser.parse_args()
    kills = len(AIMS) if options.aimed else options.kills
    chance = random.Random(options.seed)
    total, moments, aimed, figures, wrong = 0, Counter[str](), Counter[str](), Counter[str](), list[str]()
    aims = list(AIMS)
    begin = time.monotonic()
    length = 8.0
    with tempfile.TemporaryDirectory(prefix="minicode-kills-") as name:
        top = Path(name)
        enforcement(top)
        while total < kills and not wrong:
            figures["sessions"] += 1
            bench = Bench(top / str(figures["sessions"]), chance, top / CACHE, length=length)
            with bench.server:
                lives = 0
                while lives < options.lives and total < kills and not bench.wrong:
                    lives += 1
                    aim = aims[total % len(aims)] if options.aimed or total % 2 else ""
                    if not options.aimed and aim:
                        aim = aims[total // 2 % len(aims)]
                    total += bench.life(aim)
                bench.finale()
            length = bench.length
            moments, aimed, figures = moments + bench.moments, aimed + bench.aimed, figures + bench.figures
            wrong += bench.wrong
            shutil.rmtree(bench.top, ignore_errors=not wrong)
            print(f"session {figures['sessions']}: {total} kills, {time.monotonic() - begin:.0f} s", flush=True)
    print(f"kills      {total} in {figures['sessions']} sessions, {time.monotonic() - begin:.0f} s")
    for title, counts in (("killed in", moments), ("lain in wait for", aimed), ("seen", figures)):
        for what, count in counts.most_common():
            print(f"{title:17}{count:6}  {what}")
    for flaw in wrong:
        print("WRONG     ", flaw)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
