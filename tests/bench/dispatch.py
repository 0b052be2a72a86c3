"""What the way to a tool costs, and a search of a large tree against ripgrep itself:  python tests/bench/dispatch.py

Medians: a call of a tool that does nothing, from its arguments to its result; `grep` over 100,000 files beside `rg`
on the same tree, in turns, wall time and the CPU of all processes.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from minicode.messages import Call
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope, Workspace

FILES, RUNS = 100_000, 5
NOTHING = '''"""Nothing."""
from minicode.toolkit import Result, tool


@tool(effect="reads")
async def nothing(text: str = "") -> Result:
    """Do nothing."""
    return Result("done")
'''


async def clock(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Wall and CPU seconds, children included."""

    def used() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in both)

    cpu, wall = used(), time.monotonic()
    await work()
    return time.monotonic() - wall, used() - cpu


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        own, root = Path(name, "tools"), Path(name, "tree")
        own.mkdir()
        (own / "nothing.py").write_text(NOTHING)
        toolbox = Toolbox.load([("shipped", Path(__file__).parents[2] / "tools"), ("user", own)])
        for number in range(FILES):
            folder = root / f"d{number // 1000}" / f"e{number // 100 % 10}"
            if number % 100 == 0:
                folder.mkdir(parents=True)
            (folder / f"f{number}.py").write_text(f"def f{number}(x):\n    return x + {number}\n" * 5)
        scope = Scope(Workspace.at(root))

        async def call(tool: str, **arguments: str) -> None:
            result = await toolbox.run(toolbox.prepare(Call("c", tool, arguments)), scope)
            assert not result.failed, result.text

        calls = [(await clock(lambda: call("nothing", text="x")))[0] for _ in range(1000)]
        print(
            f"a tool that does nothing  {statistics.median(calls) * 1000:.2f} ms (p99 {sorted(calls)[989] * 1000:.2f})"
        )
        rg = str(Path(sys.executable).parent / "rg")
        words = [rg, "--no-config", "--hidden", "-n", "f4242[0-9]", "."]

        async def bare() -> None:
            await asyncio.to_thread(subprocess.run, words, cwd=root, capture_output=True, check=True)

        pairs = [(await clock(lambda: call("grep", pattern="f4242[0-9]")), await clock(bare)) for _ in range(RUNS + 1)]
        ours, theirs = ([statistics.median(pair[who][n] for pair in pairs[1:]) for n in (0, 1)] for who in (0, 1))
        for what, ms, rg_ms in zip(("wall", "CPU"), ours, theirs, strict=True):
            print(f"grep, {FILES:,} files  {ms * 1e3:.0f} ms {what}; rg {rg_ms * 1e3:.0f} ms: {ms / rg_ms:.2f} times")


asyncio.run(main())
