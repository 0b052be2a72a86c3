"""What a search costs:  python tests/bench/search.py [--sessions 1000] [--megabytes 1000] [--python PY] [--keep DIR]

Makes sessions like real ones (thoughts, texts, calls, long output; words as frequent as in a language), and times the
program as a process of its own, its start included: the first search, which makes the index, then searches for words
from the rarest to the commonest, warm, and one after ten sessions have grown. Figures are medians of five.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from minicode import paths
from minicode.journal.entry import Entry, entry_id, to_line

PROJECTS = 20


class Writer:
    """Text of words that follow Zipf's law: the n-th is n times rarer than the first."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgk"
        made = ("".join(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(60_000))
        words = list(dict.fromkeys(["the", *made]))
        weights = [1 / (n + 1) for n in range(len(words))]
        self.words = words
        self._some = chance.choices(words, weights, k=400_000)
        self._chance = chance

    def text(self, characters: int) -> str:
        start = self._chance.randrange(len(self._some) - characters // 4)
        words = self._some[start : start + characters // 7 + 1]
        lines = (" ".join(words[n : n + 11]) for n in range(0, len(words), 11))
        return "\n".join(lines)


def records(writer: Writer, size: int, day: int) -> Iterator[bytes]:
    """The lines of one session of about so many bytes."""
    count, parent = 0, None

    def line(kind: str, data: dict[str, object]) -> bytes:
        nonlocal count, parent
        count += 1
        clock = f"{count // 3600 % 24:02}:{count // 60 % 60:02}:{count % 60:02}.000Z"
        at = f"2026-{1 + day // 28 % 12:02}-{1 + day % 28:02}T{clock}"
        entry = Entry(entry_id(count), parent, at, kind, data)
        parent = entry.id
        return to_line(entry)

    yield line("user", {"text": writer.text(300)})
    done = 0
    while done < size:
        content = [
            {"type": "thinking", "thinking": writer.text(900), "signature": "0" * 64},
            {"type": "text", "text": writer.text(200)},
            {
                "type": "tool_use",
                "id": f"c{count}",
                "name": "read",
                "input": {"file_path": f"src/{writer.text(14)}.py"},
            },
        ]
        output = writer.text(random.Random(count).choice((200, 800, 2_000, 6_000, 25_000)))
        lines = line("reply", {"content": content, "stop": "tool_use", "wire": "anthropic", "model": "MiniMax-M2"})
        lines += line("intent", {"call_id": f"c{count}", "name": "read", "arguments": {}, "effect": "read"})
        lines += line("result", {"call_id": f"c{count}", "name": "read", "text": output, "failed": False, "show": []})
        lines += line(
            "request", {"wire": "anthropic", "sha256": "0" * 64, "bytes": 123456, "thinking": 3, "params": {}}
        )
        done += len(lines)
        yield lines


def make(home: Path, sessions: int, megabytes: int, writer: Writer) -> list[Path]:
    made = []
    for number in range(sessions):
        project = home / "work" / f"project{number % PROJECTS}"
        project.mkdir(parents=True, exist_ok=True)
        folder = paths.private_dir(home / "sessions" / paths.slug(project))
        header = Entry(f"20260101-{number:06}-bench0", None, "2026-01-01T00:00:00.000Z", "session", {"version": 1})
        header.data["folder"] = str(project)
        path = folder / f"{header.id}.jsonl"
        lines = [to_line(header), *records(writer, megabytes * 1_000_000 // sessions, number * 250 // sessions)]
        path.write_bytes(b"".join(lines))
        os.utime(path, (1_767_225_600 + number * 20_000,) * 2)
        made.append(path)
    return made


def timed(command: list[str], cwd: Path, env: dict[str, str], times: int = 5) -> tuple[str, str]:
    """Milliseconds of wall and CPU in words, and what it printed."""
    walls, cpus = [], []
    for _ in range(times):
        begin, used = time.monotonic(), cpu()
        ran = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=True)
        walls.append(time.monotonic() - begin)
        cpus.append(cpu() - used)
    return f"{statistics.median(walls) * 1000:8,.0f} ms, CPU {statistics.median(cpus) * 1000:8,.0f} ms", ran.stdout


def cpu() -> float:
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        writer = Writer(7)
        made = sorted(home.glob("sessions/*/*.jsonl")) or make(home, options.sessions, options.megabytes, writer)
        env = {**os.environ, "MINICODE_HOME": str(home)}
        cwd = home / "work" / "project3"
        search = [options.python, "-m", "minicode", "sessions", "search"]
        total = sum(path.stat().st_size for path in made)
        print(f"{len(made)} sessions, {total / 1e6:,.0f} MB")
        print(f"{'start alone':42} {timed([*search, '--help'], cwd, env)[0]}")
        (home / "index.sqlite").unlink(missing_ok=True)
        print(f"{'making the index':42} {timed([*search, 'the'], cwd, env, 1)[0]}")
        print(f"{'its size':42} {(home / 'index.sqlite').stat().st_size / 1e6:8,.0f} MB")
        w = writer.words
        for words in (
            ["the"],
            [w[3]],
            [w[50]],
            [w[2_000]],
            [w[-5]],
            [w[1], w[2], w[40]],
            [f"{w[9]} {w[30]}"],
            ["nosuch"],
        ):
            for more in ([], ["--all"], ["--since", "2026-09-01"]):
                took, out = timed([*search, *words, *more, "--json"], cwd, env)
                print(f"{' '.join([*words, *more]):42} {took}, {out.count(chr(10))} hits")
        for path in made[:10]:
            with path.open("ab") as file:
                file.write(b"".join(records(writer, 20_000, 365)))
        print(f"{'ten grew':42} {timed([*search, 'the'], cwd, env, 1)[0]}")
        print(f"{'--regex, found nowhere':42} {timed([*search, '--all', '--regex', 'no{3}such'], cwd, env, 1)[0]}")
        print(f"{'list --all':42} {timed([*search[:-1], 'list', '--all'], cwd, env)[0]}")
        print(f"{'peak of any':42} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:8,.0f} MB")


if __name__ == "__main__":
    main()
