"""What an edit of a 50,000-line file costs:  python tests/bench/edit.py

CPU of this process in ms, medians: found as given, found on each rung of the ladder, not found, and a patch of ten
hunks; then the wall time that the check of the syntax adds to the edit of a small Python file.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from minicode.messages import Call
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope, Workspace

LINES = [f"    value_{n % 977} = compute(left, right)  # line {n}" for n in range(50_000)]
PLACE = 40_000
THERE = ["if “ready”:  ", "    # All that has to be done now and then.", "    start()", "    finish()"]
TEXT = "".join(f"{line}\n" for line in (*LINES[:PLACE], *THERE, *LINES[PLACE:]))
EDITS = {
    "as given": ("    start()\n    finish()", "    begin()\n    finish()"),
    "indentation": ("start()\nfinish()\n", "begin()\nfinish()\n"),
    "look-alikes": ('if "ready":', 'if "ready" and true:'),
    "small differences": (
        "    # All that has to be done now and then\n    start()\n    finish()\n",
        "    # All that has to be done now and then\n    begin()\n    finish()\n",
    ),
    "not found": ("start()\nnothing of the kind\n", "begin()\n"),
}
PATCH = "--- a/big.txt\n+++ b/big.txt\n" + "".join(
    f"@@ -{at},3 +{at},3 @@\n {LINES[at]}\n-{LINES[at + 1]}\n+changed\n {LINES[at + 2]}\n"
    for at in range(100, 40_000, 4000)
)


async def cost(toolbox: Toolbox, root: Path, text: str, name: str, **arguments: object) -> tuple[float, float]:
    """CPU and wall time of one call on a file with this text, in ms."""
    scope = Scope(Workspace.at(root))
    file = root / ("small.py" if text is not TEXT else "big.txt")
    file.write_text(text)
    prepared = toolbox.prepare(Call("c", name, arguments))
    cpu, wall = time.process_time(), time.monotonic()
    await toolbox.run(prepared, scope)
    return (time.process_time() - cpu) * 1000, (time.monotonic() - wall) * 1000


async def main() -> None:
    toolbox = Toolbox.load([("shipped", Path(__file__).parents[2] / "tools")])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for label, (old, new) in EDITS.items():
            change = {"file_path": "big.txt", "old_string": old, "new_string": new}
            runs = [await cost(toolbox, root, TEXT, "edit", **change) for _ in range(7)]
            print(f"edit, {label:20}{statistics.median(cpu for cpu, _ in runs):8.1f} ms")
        runs = [await cost(toolbox, root, TEXT, "apply_patch", patch=PATCH) for _ in range(7)]
        print(f"patch of ten hunks        {statistics.median(cpu for cpu, _ in runs):8.1f} ms")
        small = {"file_path": "small.py", "old_string": "1", "new_string": "2"}
        runs = [await cost(toolbox, root, "x = 1\n", "edit", **small) for _ in range(7)]
        print(f"small file, with its syntax{statistics.median(wall for _, wall in runs):7.1f} ms (wall)")


if __name__ == "__main__":
    asyncio.run(main())
