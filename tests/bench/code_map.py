"""What seeing code costs:  python tests/bench/code_map.py [--files 10000] [--kilobytes 40000] [--python PY]

Makes a repository of Python, TypeScript and Go in which files use each other as in real ones (a few are used by many),
and asks for its map in processes of their own: the first time, again with nothing changed, after five files have
changed, and with a focus; then an outline, a symbol and a grep with the functions around its rows. Figures are seconds
of CPU, the parsing children included, and seconds on the wall; start-up, measured alone, is taken off. A loop of ten
million rounds tells how fast the machine is, and how busy.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_ASK = """
import asyncio, json, sys
from pathlib import Path
from minicode.messages import Call
from minicode.paths import shipped
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope, Workspace
root, memory, name, arguments = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
box = Toolbox.load([("shipped", shipped("tools"))])
scope = Scope(Workspace.at(root), memory=memory)
if name:
    result = asyncio.run(box.run(box.prepare(Call("c", name, arguments)), scope))
    print(result.text.rpartition(chr(10))[2][:100])
    sys.exit(result.failed)
"""


def code(kind: str, number: int, uses: list[int], size: int, chance: random.Random) -> str:
    """About `size` bytes that define a class or type and functions, and use those of other files."""
    lines = []
    at = 0
    while sum(map(len, lines)) < size:
        at += 1
        call = f"handle_item_{chance.choice(uses)}_1"
        body = "".join(f"    value_{n} = compute(value_{n}, {n}) + other[{n}]\n" for n in range(chance.randint(2, 12)))
        if kind == "py":
            lines.append(
                f"def handle_item_{number}_{at}(value_0, other):\n{body}    return {call}(value_0, other)\n\n\n"
            )
        elif kind == "ts":
            text = body.replace("    value", "  const value")
            lines.append(
                f"export function handle_item_{number}_{at}(other: number[]) {{\n{text}  return {call}(other)\n}}\n"
            )
        else:
            text = body.replace("    value", "\tvalue").replace(" = ", " := ", 1)
            lines.append(f"func handle_item_{number}_{at}(other []int) int {{\n{text}\treturn {call}(other)\n}}\n\n")
    return ("package a\n\n" if kind == "go" else "") + "".join(lines)


def make(root: Path, files: int, kilobytes: int) -> None:
    chance = random.Random(1)
    for number in range(files):
        kind = ("py", "py", "ts", "go")[number % 4]
        uses = [int(files * chance.random() ** 3) for _ in range(8)]
        path = root / f"part{number % 97}/sub{number % 7}/file{number}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code(kind, number, uses, int(kilobytes * 1024 / files * chance.uniform(0.2, 1.8)), chance))


def ask(python: str, root: Path, memory: Path, name: str, **arguments: object) -> tuple[float, float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    command = [python, "-c", _ASK, str(root), str(memory), name, json.dumps(arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - began, done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=40_000)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="minicode-code-"))
    root, memory = folder / "work", folder / "memory"
    if not root.exists():
        make(root, options.files, options.kilobytes)
    ask(options.python, root, memory, "")
    idle = min(ask(options.python, root, memory, "")[:2] for _ in range(5))

    began = time.process_time()
    for _ in range(10_000_000):
        pass
    print(f"{'ten million rounds':<28}{time.process_time() - began:7.2f} s CPU")

    def tell(what: str, name: str, **arguments: object) -> None:
        cpu, wall, said = ask(options.python, root, memory, name, **arguments)
        print(f"{what:<28}{cpu - idle[0]:7.2f} s CPU {wall - idle[1]:7.2f} s   {said}")

    tell("map, the first time", "map")
    for _ in range(3):
        tell("map, nothing changed", "map")
    for path in list(root.rglob("*.py"))[:5]:
        path.write_text(path.read_text() + "\n\ndef added_now(): pass\n")
    tell("map, five files changed", "map")
    tell("map, with a focus", "map", focus="file17.py")
    tell("outline of a file", "outline", path="part0/sub0/file0.py")
    tell("outline of a folder", "outline", path="part1")
    tell("a symbol", "read", file_path="part0/sub0/file0.py", symbol="handle_item_0_1")
    tell("grep", "grep", pattern="handle_item_1_1")
    tell("grep, with functions", "grep", pattern="handle_item_1_1", symbols=True)


if __name__ == "__main__":
    main()
