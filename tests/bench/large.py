"""What a long session costs:  python tests/bench/large.py [--entries 20000] [--megabytes 200] [--sessions 500]

A journal of that many entries and bytes is written, in turns of ten steps with thoughts, calls, long outputs, labels,
a fold every twenty turns and a rewind every fifty; and, beside it, many small sessions with a fold and a rewind each.
Then real processes go on in it (until the end of a turn of one step, a rehearsed M2 answering at once), draw its tree,
recall a word, show its context, rewind it, and list all sessions. Printed is, for each, the time it took, the time the
processor worked for it and the most memory it had. Limits: to go on 3 s and 400 MB, to list 0.5 s; exit code 1 if the
processor took longer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicode import paths
from minicode.context.fold import HEAD, MARK, TAIL
from minicode.journal.entry import Entry, entry_id, now, session_id, to_line
from minicode.lab.rehearsal import Rehearsal, Say, Script, Step, Think

ROOT = Path(__file__).resolve().parents[2]
STEPS, FOLD, REWIND = 10, 20, 50  # steps in a turn; turns between folds; turns between rewinds
PARAMS = {"model": "MiniMax-M2.7", "max_tokens": 16384, "temperature": 1.0, "top_p": None, "top_k": None}
PROMPT = "You are a rehearsal. " * 200
LIMITS = {"go on": (3.0, 400.0), "list": (0.5, 400.0)}


@dataclass
class Writer:
    """Makes the lines of a session, turn by turn. size: bytes of a tool output."""

    size: int
    count: int = 0
    leaf: str | None = None
    turns: int = 0
    said: list[str | None] = field(default_factory=list)  # where each turn began

    def line(self, kind: str, data: dict[str, Any]) -> bytes:
        self.count += 1
        entry = Entry(entry_id(self.count), self.leaf, now(), kind, data)
        if kind not in ("leaf", "listing"):
            self.leaf = entry.id
        return to_line(entry)

    def opening(self) -> bytes:
        tool = {"name": "read", "description": "Read a file.", "input_schema": {"type": "object", "properties": {}}}
        return self.line("system", {"prompt": PROMPT, "tools": [tool], "facts": {}})

    def turn(self) -> Iterator[bytes]:
        self.turns += 1
        self.said.append(self.leaf)
        yield self.line("user", {"text": f"Turn {self.turns}: go through the files."})
        for number in range(STEPS):
            id_ = f"call-{self.turns}-{number}"
            request = {"wire": "anthropic", "options": {}, "sha256": "0" * 64, "bytes": 200_000}
            yield self.line("request", {**request, "thinking": 0, "issued": 0, "params": PARAMS})
            thought = f"thought {self.turns}.{number} " + "what was read and why it matters " * 60
            content = [
                {"type": "thinking", "thinking": thought, "signature": "s" * 60},
                {"type": "tool_use", "id": id_, "name": "read", "input": {"file_path": f"f{number}"}},
            ]
            yield self.line("reply", {"content": content, "stop": "tool_use", "usage": {"input_tokens": 60_000}})
            words = f"word{self.turns}x{number} " + "a line of some output, as it was read\n" * (self.size // 38)
            yield self.line("result", {"call_id": id_, "name": "read", "text": words, "failed": False, "seconds": 0.1})
        yield self.line("end", {"reason": "done"})

    def fold(self) -> bytes:
        shape = {"clipped": [], "head": HEAD, "tail": TAIL, "mark": MARK, "why": "auto", "guidance": ""}
        text = f"[folded]\n{'what mattered of it, in words ' * 200}"
        return self.line("fold", {"upto": self.leaf, "text": text, **shape, "before": 90_000, "after": 9_000})

    def rewind(self) -> bytes:
        """Back before the last message."""
        line = self.line("leaf", {"to": self.said[-1], "from": self.leaf, "by": "rewind"})
        self.leaf = self.said[-1]
        return line


def header(folder: Path) -> tuple[str, bytes]:
    id_ = session_id()
    return id_, to_line(Entry(id_, None, now(), "session", {"version": 1, "folder": str(folder), "minicode": "0"}))


def large(sessions: Path, folder: Path, entries: int, megabytes: int) -> str:
    """Returns the session's id."""
    id_, top = header(folder)
    steps = entries / (3 * STEPS + 2) * STEPS
    writer = Writer(round(megabytes * 1e6 / steps) - 3_200)
    with (sessions / f"{id_}.jsonl").open("wb") as file:
        file.write(top + writer.opening())
        while writer.count < entries:
            file.writelines(writer.turn())
            if writer.turns % REWIND == 0:
                file.write(writer.rewind())
            if writer.turns % FOLD == 0:
                file.write(writer.fold())
        listing = {"name": "", "title": "", "first": "Turn 1", "last": "", "turns": writer.turns}
        file.write(writer.line("listing", listing))
    return id_


def small(sessions: Path, folder: Path) -> None:
    id_, top = header(folder)
    writer = Writer(400)
    lines = [top, writer.opening(), *writer.turn(), writer.fold(), *writer.turn(), writer.rewind(), *writer.turn()]
    (sessions / f"{id_}.jsonl").write_bytes(b"".join(lines))


@dataclass
class Bench:
    home: Path
    work: Path
    server: Rehearsal
    late: list[str] = field(default_factory=list)

    def run(self, title: str, *arguments: str, code: int = 0) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "MINICODE_HOME": str(self.home),
            "MINIMAX_API_KEY": "rehearsal",
            "MINICODE_PROTOCOL": "anthropic",
            "MINIMAX_BASE_URL": f"{self.server.url}/anthropic",
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
        }
        begin = time.monotonic()
        popen = subprocess.Popen(
            [sys.executable, "-m", "minicode", *arguments],
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert popen.stdout
        out = popen.stdout.read().decode()
        _, status, used = os.wait4(popen.pid, 0)
        took = time.monotonic() - begin
        popen.returncode = os.waitstatus_to_exitcode(status)
        assert popen.returncode == code, (arguments, popen.returncode, out[-800:])
        cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1000
        print(f"{title:34}{took:7.2f} s{cpu:8.2f} s CPU{memory:8.0f} MB", flush=True)
        seconds, most = LIMITS.get(title.partition(":")[0], (1e9, 1e9))
        if cpu > seconds or memory > most:
            self.late.append(f"{title}: more than {seconds:g} s or {most:g} MB")
        return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=500)
    options = parser.parse_args()
    answer = Step((Think("I know it all."), Say("done")))
    with tempfile.TemporaryDirectory(prefix="minicode-large-") as name:
        home, work = Path(name, "home"), Path(name, "work")
        work.mkdir()
        sessions = home / "sessions" / paths.slug(work)
        sessions.mkdir(parents=True)
        home.chmod(0o700)
        for _ in range(options.sessions - 1):
            small(sessions, work)
        session = large(sessions, work, options.entries, options.megabytes)
        size = (sessions / f"{session}.jsonl").stat().st_size
        print(f"{options.entries:,} entries, {size / 1e6:.0f} MB; {options.sessions} sessions")
        with Rehearsal(Script((answer,), after="repeat")) as server:
            bench = Bench(home, work, server)
            bench.run("nothing: --version", "--version")
            for turn in (1, 2):
                out = bench.run(f"go on: a turn, run {turn}", "run", "-y", "-r", session, "go on")
                assert "done" in out, out
            listed = bench.run("list: all sessions of a folder", "sessions", "list")
            assert len(listed.splitlines()) == options.sessions
            assert session in bench.run("list: of all folders", "sessions", "list", "--all")
            bench.run("tree", "sessions", "tree", session)
            assert "about" in bench.run("context", "sessions", "context", session)
            assert "word300x5" in bench.run("recall of a word", "sessions", "recall", session, "word300x5")
            messages = bench.run("rewind: the list of messages", "sessions", "rewind", session)
            last = messages.splitlines()[-2].split()[0]
            bench.run("rewind", "sessions", "rewind", session, last)
            bench.run("redo", "sessions", "redo", session)
            bench.run("fold", "sessions", "unfold", session)
            found = bench.run("search, with all to be indexed", "sessions", "search", "word300x5")
            assert session in found, found
            bench.run("search, warm", "sessions", "search", "word300x5")
    for words in bench.late:
        print("TOO MUCH  ", words)
    return bool(bench.late)


if __name__ == "__main__":
    sys.exit(main())
