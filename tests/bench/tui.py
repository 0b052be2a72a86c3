"""What the screen costs, measured from outside through a real terminal:  python tests/bench/tui.py [PART …] [--runs 7]

Parts: start stream long idle esc; all of them without a name. No part is a test: they print figures, and the ratios
that are promised beside them. CPU is what all threads of the process worked, by the kernel's account.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from minicode import paths
from minicode.lab.rehearsal import Do, Fault, Rehearsal, Say, Script, Shape, Step, Think, steps

ROOT = Path(__file__).resolve().parents[2]
BARE = """
from textual.app import App
from textual.widgets import Markdown
class Bare(App):
    def compose(self):
        yield Markdown("# bare\\n\\nAsk M2 about **this**.")
Bare().run()
"""
PROMPT = b"sk M2"  # the cursor stands on the first letter
SENTENCE = "A sentence of **prose** with `code` in it, and then some words more. "
TOKEN = 4  # characters
WORDS = re.compile(rb'_delta", ?"(?:text|thinking)": ?"((?:[^"\\]|\\.)*)"')
MARK = re.compile(rb"mark\d{4}")


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cpu(pid: int) -> float:
    """Seconds that all its threads worked so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> float:
    """Resident, in MB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def page(screen: Any, key: bytes) -> float:
    """Seconds from Page Up (5) or Page Down (6) to the end of the next frame."""
    begin, mark = time.monotonic(), len(screen.raw)
    screen.type(b"\x1b[" + key + b"~")
    took: float = screen.waits_for_bytes(b"\x1b[?2026l", mark) - begin
    return took


class Relay:
    """Between the program and the server, to know when a mark was sent. What is measured from there on is the program
    and the terminal, not the server, whose own stutter is `longest`.

    passed: time.monotonic() at which a mark went to the program. since, until: of the first and the last words.
    """

    def __init__(self, url: str, size: int) -> None:
        self._to = int(url.rpartition(":")[2])
        self._left = size  # characters of the reply that have not passed
        self._said = b""
        self.passed: dict[bytes, float] = {}
        self.since = self.until = self.longest = 0.0

    def __enter__(self) -> Relay:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._open, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def _open(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                program, _ = self._door.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                for ends in ((program, server, None), (server, program, self._look)):
                    for end in ends[:2]:
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, here: socket.socket, there: socket.socket, look: Callable[[bytes], None] | None) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(1 << 16):
                if look:
                    look(data)
                there.sendall(data)
        with contextlib.suppress(OSError):
            there.shutdown(socket.SHUT_WR)

    def _look(self, data: bytes) -> None:
        """Deltas come in writes of their own; what a mark was cut into is put together."""
        words = b"".join(WORDS.findall(data))
        if not words or self._left <= 0:
            return
        now = time.monotonic()
        self.longest = max(self.longest, now - self.until if self.until else 0.0)
        self.since, self.until = self.since or now, now
        self._left -= len(words)
        self._said = (self._said + words)[-256:]
        for mark in MARK.findall(self._said):
            self.passed.setdefault(mark, now)


class Bench:
    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.terminal = load("minicode_test_terminal", ROOT / "tests/tui/terminal.py").Terminal
        self.folder = Path(tempfile.mkdtemp(prefix="minicode-bench-"))
        self.work = self.folder / "work"
        self.work.mkdir()
        keep = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        own = {"HOME": str(self.folder), "MINICODE_HOME": f"{self.folder}/home", "MINICODE_PROTOCOL": "anthropic"}
        self.env = keep | own | {"MINIMAX_API_KEY": "sk-bench"}
        if os.environ.get("PYTHONPATH"):
            self.env["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def open(
        self, *arguments: str, url: str = "http://127.0.0.1:9", command: list[str] | None = None, **env: str
    ) -> Any:
        """A terminal with the program in it, before its first frame."""
        own = {"MINIMAX_BASE_URL": f"{url}/anthropic", **env}
        run = command or [*self.command, *arguments]
        return self.terminal(run, env=self.env | own, cwd=self.work, size=(120, 40), emulate=False)

    def ready(self, *arguments: str, **how: Any) -> Any:
        screen = self.open(*arguments, **how)
        screen.waits_for_bytes(b"sandbox")  # the session is open
        return screen

    def start(self, runs: int) -> None:
        """exec to the first frame, in turns with a bare Textual app; and keys typed while it loads."""
        figures: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
        echo = []
        for _ in range(runs + 1):
            for name, command in (("bare", [sys.executable, "-c", BARE]), ("ours", self.command)):
                screen = self.open(command=command)
                wall = screen.waits_for_bytes(PROMPT) - screen.started
                figures[name].append((cpu(screen.process.pid), wall))
                if name == "ours":
                    begin, mark = time.monotonic(), len(screen.raw)
                    screen.type("q")
                    echo.append(screen.waits_for_bytes(b"q", mark) - begin)
                screen.close()
        pairs = list(zip(figures["ours"][1:], figures["bare"][1:], strict=True))  # the first ones warm the disk
        ours, bare = (statistics.median(pair[n][0] for pair in pairs) for n in (0, 1))
        wall = statistics.median(ours[1] for ours, _ in pairs)
        ratio = statistics.median(a[0] / b[0] for a, b in pairs)
        print(
            f"start    first frame {ours * 1000:.0f} ms CPU, {wall * 1000:.0f} ms wall; bare {bare * 1000:.0f} ms CPU; "
        )
        print(f"         ratio {ratio:.2f} (promised: 450 ms, 1.3); a key typed then is seen {ms(echo)}")

    def stream(self, tokens: int, rate: int) -> None:
        """One reply of so many tokens, as a thought and as text, in paragraphs that are long and in very long ones;
        looked at after each thousand."""
        for name, kind, long in (
            ("thought", Think, 55),
            ("text", Say, 11),
            ("text, 3,800 characters a paragraph", Say, 55),
        ):
            thousand = "\n\n".join([SENTENCE * long] * (55 // long))
            parts = tuple(f"{thousand}mark{n:04} ends here.\n\n" for n in range(1, tokens // 1000 + 1))
            size = 20
            shape = Shape(pause=size / TOKEN / rate, piece=size)
            words = "".join(
                (*parts, SENTENCE * 10)
            )  # a thought is folded at its end: the last mark must be seen before
            step = Step((kind(words), *([Say("x")] if kind is Think else [])), shape=shape)
            with Rehearsal(Script((step,))) as server, Relay(server.url, len(words)) as relay:
                screen = self.ready(url=relay.url)
                screen.type("go\r")
                seen, used, own = [], [cpu(screen.process.pid)], cpu(os.getpid())
                for n in range(1, len(parts) + 1):
                    mark = len(screen.raw)
                    seen.append(screen.waits_for_bytes(f"mark{n:04}".encode(), max(mark - 4096, 0), within=120))
                    used.append(cpu(screen.process.pid))
                own = cpu(os.getpid()) - own
                screen.waits_for_bytes(b"1 step")
                rss = memory(screen.process.pid)
                screen.close()
            sent = [relay.passed[f"mark{n:04}".encode()] for n in range(1, len(parts) + 1)]
            lag = [s - at for s, at in zip(seen, sent, strict=True)]
            each = [b - a for a, b in pairwise(used)]
            head, tail = statistics.median(each[1:6]), statistics.median(each[-5:])
            took = relay.until - relay.since
            print(
                f"stream   {name}: {len(words) / TOKEN / took:,.0f} tokens/s; CPU per 1,000 tokens {head * 1000:.0f} ms"
            )
            print(
                f"         at first, {tail * 1000:.0f} ms at the {tokens:,}th: ratio {tail / head:.2f} (promised: 1.5);"
            )
            print(f"         behind by {ms(lag)}, at most {max(lag) * 1000:.0f} ms (promised: 100); {rss:.0f} MB")
            print(f"         in the same time: longest pause of the server {relay.longest * 1000:.0f} ms (asked for")
            print(f"         {shape.pause * 1000:.0f}), server and bench worked {own / took * 100:.0f} % of a core")

    def session(self, count: int) -> str:
        """The id of one of so many entries."""
        large = load("minicode_bench_large", ROOT / "tests/bench/large.py")
        home = self.folder / "home"
        sessions = paths.Places(home, home).sessions_of(self.work.resolve())
        sessions.mkdir(parents=True, exist_ok=True)
        return str(large.large(sessions, self.work, count, max(count // 200, 1)))

    def long(self, entries: tuple[int, ...] = (100, 10_000)) -> None:
        """Sessions of so many entries: until the prompt is there, until the end of it is seen, and scrolled through."""
        frames = {}
        for count in entries:
            screen = self.open("-r", self.session(count))
            prompt = screen.waits_for_bytes(PROMPT) - screen.started
            whole = screen.waits_for_bytes(b"go through") - screen.started
            used = cpu(screen.process.pid)
            took = frames[count] = [page(screen, key) for _ in range(30) for key in (b"5", b"5", b"6", b"6")]
            print(
                f"long     {count:,} entries: prompt after {prompt:.2f} s, session in {whole:.2f} s, {used:.2f} s CPU;"
            )
            print(f"         a page up or down {ms(took)}; {memory(screen.process.pid):.0f} MB")
            if count > 1000:
                fresh = [page(screen, b"5") for _ in range(200)]
                print(f"         200 pages up {ms(fresh)}; {memory(screen.process.pid):.0f} MB then")
            screen.close()
        few, many = (p95(frames[count]) for count in entries)
        print(
            f"         frame p95 {many * 1000:.0f} ms and {few * 1000:.0f} ms: ratio {many / few:.2f} (promised: 1.3)"
        )

    def idle(self, seconds: float = 10.0) -> None:
        with Rehearsal(steps((Think("Hm."), Say("said")))) as server:
            screen = self.ready(url=server.url)
            for state in ("at the start", "after a turn"):
                if state == "after a turn":
                    screen.type("go\r")
                    screen.waits_for_bytes(b"1 step")
                time.sleep(2)  # what a start or an end does afterwards is none of it
                before = cpu(screen.process.pid)
                time.sleep(seconds)
                used = cpu(screen.process.pid) - before
                print(f"idle     {state}: {used / seconds * 100:.2f} % of a core (promised: 1)")
            screen.close()

    def esc(self, runs: int) -> None:
        """From the key to the word that it has stopped; and what part of it a legacy terminal's lone Esc waits."""
        slow = Shape(pause=0.02, piece=12)
        words = "\n".join(f"line {n} of it" for n in range(2000))
        states: dict[str, tuple[Step, bytes]] = {
            "stream": (Step((Think("Hm."), Say(words)), shape=slow), b"line 3"),
            "thought": (Step((Think(words), Say("x")), shape=slow), b"line 3"),
            "tool": (Step((Do("shell", {"command": "echo ru''ns; sleep 100"}),)), b"runs"),
            "retry wait": (Step(fault=Fault(status=529, headers={"retry-after": "60"}, body="{}")), b"try 1 of"),
            "approval": (Step((Do("shell", {"command": "touch made"}),)), b"Yes, once"),
        }
        self.esc_in_fold(runs, slow, words)
        for name, (step, seen) in states.items():
            took: dict[bytes, list[float]] = {b"\x1b": [], b"\x1b[27u": []}
            for key, times in took.items():
                for _ in range(runs):
                    with Rehearsal(steps(step)) as server:
                        held = {"MINICODE_SANDBOX_BACKENDS": "none"} if name == "approval" else {}
                        screen = self.ready(url=server.url, **held)
                        screen.type("go\r")
                        screen.waits_for_bytes(seen)
                        begin, mark = time.monotonic(), len(screen.raw)
                        screen.type(key)
                        times.append(screen.waits_for_bytes(b"stopped", mark) - begin)
                        screen.close()
            tell_esc(name, took)

    def esc_in_fold(self, runs: int, slow: Shape, words: str) -> None:
        took: dict[bytes, list[float]] = {b"\x1b": [], b"\x1b[27u": []}
        for key, times in took.items():
            for _ in range(runs):
                with Rehearsal(steps(Step((Say(words),), shape=slow))) as server:
                    screen = self.open("-r", self.session(100), url=server.url)
                    screen.waits_for_bytes(b"go through")  # the end of it
                    while not server.requests:  # at first it may say that the session is still being opened
                        screen.type("/compact\r")
                        with contextlib.suppress(TimeoutError):
                            server.wait(1, timeout=2)
                    begin, mark = time.monotonic(), len(screen.raw)
                    screen.type(key)
                    times.append(screen.waits_for_bytes(b"Stopped", mark) - begin)
                    screen.close()
        tell_esc("fold", took)


def tell_esc(name: str, took: dict[bytes, list[float]]) -> None:
    legacy, kitty = took.values()
    print(f"esc      {name}: {ms(legacy)}; with kitty's keys {ms(kitty)} (promised: 150)")


def ms(values: list[float]) -> str:
    return f"{statistics.median(values) * 1000:.0f} ms (p95 {p95(values) * 1000:.0f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", metavar="PART")
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--tokens", type=int, default=50_000)
    options.add_argument("--rate", type=int, default=1_000, help="tokens a second")
    options.add_argument("--command", default="", help="another minicode than this Python's")
    chosen = options.parse_args()
    bench = Bench(chosen.command.split() or [sys.executable, "-m", "minicode"])
    parts = {
        "start": lambda: bench.start(chosen.runs),
        "stream": lambda: bench.stream(chosen.tokens, chosen.rate),
        "long": bench.long,
        "idle": bench.idle,
        "esc": lambda: bench.esc(chosen.runs),
    }
    for name in chosen.parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
