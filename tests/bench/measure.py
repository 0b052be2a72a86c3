"""What minicode costs, as ratios and figures of one run:  python tests/bench/measure.py [--calls 30] [--python PY]

Start it with the Python of an environment in which minicode is *installed* (a wheel: bytecode compiled), with nothing
else running. The agent is a process of its own; the endpoint is the rehearsal server, which answers at once. Figures:

* version:  CPU of `minicode --version` against `python -c "import typer"`, medians of pairs, and what it imported
* turn:     CPU, wall and peak memory of one whole `minicode run` of one turn
* loop:     N tool calls (`true 001` …): from the end of a response to the whole next request (wall), and CPU per call
* growth:   ten times as many calls: the last 30 gaps against the first 30
* size:     first request, session file
* prefix:   share of requests whose tools + system + messages begin with all of the request before (cache marks, which
            move, left out), over the run and over a resume in a new process with another hash seed
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from minicode.lab.rehearsal import Do, Rehearsal, Say, Script, Step, Think

THOUGHT = (
    "The command before this one ended without a word, which is what it does when all is well. I still have to go "
    "through the list one by one, for each entry stands for itself and none may be left out. So the next one is due "
    "now; after it I look at what it said, and only then decide whether there is anything to change in my plan at all. "
    "[[TA{n:03}]] Nothing speaks against it so far."
)


@dataclass(frozen=True)
class Ran:
    cpu: float
    wall: float
    peak_mb: float
    code: int


def ran(command: list[str], env: dict[str, str], cwd: str) -> Ran:
    """Run it with its output thrown away; seconds of CPU (user and system, its children included), wall, and MB."""
    begin = time.monotonic()
    nothing = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, n) for n in (0, 1, 2)]
    here = Path.cwd()
    os.chdir(cwd)
    pid = os.posix_spawn(command[0], command, env, file_actions=actions)
    os.chdir(here)
    _, status, use = os.wait4(pid, 0)
    os.close(nothing)
    wall = time.monotonic() - begin
    return Ran(use.ru_utime + use.ru_stime, wall, use.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))


def script(calls: int) -> Script:
    """So many steps with a thought, a word and a shell call each, then an answer; then one more answer."""

    def step(n: int) -> Step:
        return Step((Think(THOUGHT.format(n=n)), Say(f"Number {n}."), Do("shell", {"command": f"true {n:03}"})))

    last = [Step((Think("All done."), Say("Done."))), Step((Think("Again."), Say("Explained.")))]
    return Script((*(step(n) for n in range(calls)), *last))


class Bench:
    def __init__(self, python: str) -> None:
        self.python = python
        self.folder = tempfile.mkdtemp(prefix="minicode-bench-")
        keep = {"PATH": os.environ["PATH"], "LANG": os.environ.get("LANG", "C.UTF-8")}
        self.env = {
            **keep,
            "HOME": self.folder,
            "MINICODE_HOME": f"{self.folder}/home",
            "MINICODE_PROTOCOL": "anthropic",
        }
        if os.environ.get("PYTHONPATH"):
            self.env["PYTHONPATH"] = os.environ["PYTHONPATH"]
        self.work = f"{self.folder}/work"
        Path(self.work).mkdir()
        Path(self.work, "a.txt").write_text("a\n")

    def minicode(self, *arguments: str, url: str = "", seed: str = "0") -> Ran:
        env = {**self.env, "MINIMAX_BASE_URL": url, "PYTHONHASHSEED": seed}
        return ran([self.python, "-m", "minicode", *arguments], env, self.work)

    def plain(self, code: str) -> Ran:
        return ran([self.python, "-c", code], self.env, self.work)

    def version(self) -> None:
        self.minicode("--version")
        pairs = [(self.minicode("--version").cpu, self.plain("import typer").cpu) for _ in range(9)]
        ours, typer = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"version  {ours * 1000:.0f} ms CPU; import typer {typer * 1000:.0f} ms; ratio {ratio:.2f}")

    def turn(self) -> Ran:
        runs, floor = [], []
        with Rehearsal(Script((Step((Think("Easy."), Say("Done."))),), after="repeat")) as server:
            self.minicode("run", "hello", url=server.url)
            for _ in range(7):
                runs.append(self.minicode("run", "hello", url=server.url))
                floor.append(self.plain("pass").cpu)
        one = Ran(*(statistics.median(getattr(r, f) for r in runs) for f in ("cpu", "wall", "peak_mb", "code")))
        print(
            f"turn     {one.cpu:.3f} s CPU ({one.cpu / statistics.median(floor):.1f} x python -c pass), "
            f"{one.wall:.3f} s wall, peak {one.peak_mb:.0f} MB, exit {one.code}"
        )
        return one

    def loop(self, calls: int, one: Ran, *, growth: bool = False) -> None:
        with Rehearsal(script(calls)) as server:
            whole = self.minicode("run", "go through the list", url=server.url)
            first = sum(bool(r.body) for r in server.requests)  # a probe has none
            again = self.minicode("run", "-c", "now explain", url=server.url, seed="4711")
            asked = [r for r in server.requests if r.body]
            gaps = [(b.arrived - (a.ended or 0)) * 1000 for a, b in pairwise(asked[:first])]
            cpu = (whole.cpu - one.cpu) / calls * 1000
            name = "growth" if growth else "loop"
            print(
                f"{name:8} {calls} calls: gap median {statistics.median(gaps):.1f} ms, p90 "
                f"{sorted(gaps)[len(gaps) * 9 // 10]:.1f}; CPU {cpu:.1f} ms a call; peak {whole.peak_mb:.0f} MB; "
                f"{server.connections} connections for two processes; exit {whole.code} {again.code}"
            )
            if growth:
                head, tail = statistics.median(gaps[:30]), statistics.median(gaps[-30:])
                print(f"         first 30 gaps {head:.1f} ms, last 30 {tail:.1f} ms: {tail / head:.2f} x")
            else:
                self.sizes(asked[0].raw)
                self.prefixes([r.body for r in asked], first)
            if server.failures:
                print("         FAILURES", server.failures[:3])

    def sizes(self, first: bytes) -> None:
        files = sorted(Path(self.folder, "home", "sessions").glob("*/*.jsonl"), key=lambda p: p.stat().st_mtime)
        print(f"size     first request {len(first):,} bytes; session file {files[-1].stat().st_size:,} bytes")

    def prefixes(self, bodies: list[Any], first: int) -> None:
        prompts = [prompt(body) for body in bodies]
        within = [b.startswith(a) for a, b in pairwise(prompts[:first])]
        across = prompts[first].startswith(prompts[first - 1])
        thoughts = bodies[-1]["messages"]
        blocks = [b for m in thoughts if isinstance(m["content"], list) for b in m["content"]]
        signed = sum(b.get("type") == "thinking" and bool(b.get("signature")) for b in blocks)
        print(
            f"prefix   whole in {sum(within)} of {len(within)} turns; in the new process: {across}; "
            f"{signed} signed thoughts in the last request"
        )


def prompt(body: dict[str, Any]) -> str:
    """Tools, system and messages as text without the closing bracket, cache marks left out."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: bare(v) for k, v in value.items() if k != "cache_control"}
        return [bare(v) for v in value] if isinstance(value, list) else value

    parts = [json.dumps(bare(body.get(name))) for name in ("tools", "system", "messages")]
    return "".join(parts)[:-1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calls", type=int, default=30)
    options.add_argument("--python", default=sys.executable)
    chosen = options.parse_args()
    bench = Bench(chosen.python)
    bench.version()
    one = bench.turn()
    bench.loop(chosen.calls, one)
    bench.loop(chosen.calls * 10, one, growth=True)


if __name__ == "__main__":
    main()
