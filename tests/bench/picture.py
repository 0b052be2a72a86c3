"""README's picture, made by the program:  python tests/bench/picture.py [FILE] [--theme minicode-dark]

The demo's task in the real program: real tools, a real session, and a rehearsal server that plays M2's part. Whoever
looks on says yes to the change.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from minicode.lab.demo import PROMPT, demo_script, make_demo
from minicode.lab.rehearsal import Rehearsal
from minicode.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
SIZE = (104, 48)


def load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def play(folder: Path, theme: str) -> str:
    """The screen when the turn is done, as SVG."""
    from minicode.cli.screen_desk import ScreenDesk
    from minicode.tui.app import MinicodeApp

    make_demo(folder)
    async with Rehearsal(demo_script(folder)) as server:
        plan = Plan(folder=folder, name="demo", flags={"base_url": server.url, "protocol": "anthropic"}, asks=True)
        app = MinicodeApp(ScreenDesk(plan, folder), PROMPT)
        async with app.run_test(size=SIZE) as pilot:
            app.theme = theme
            screen = app.conversation
            async with asyncio.timeout(60):
                while screen.turns is None or not screen.turns.running:
                    await pilot.pause()
                while screen.turns.running:
                    if screen.approval.waiting and screen.approval.ready:
                        await pilot.press("y")
                    await pilot.pause()
            await app.workers.wait_for_complete()
            screen.transcript.flush()
            await pilot.pause()
            await pilot.pause()
            svg: str = load("minicode_test_pictures", ROOT / "tests/tui/pictures.py").picture(app)
        assert not server.failures, server.failures
    return svg


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("file", nargs="?", type=Path, default=ROOT / "tests/pictures/screen.svg")
    asked.add_argument("--theme", default="minicode-dark")
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="minicode-picture-") as home:
        os.environ.update(HOME=home, MINICODE_HOME=f"{home}/.minicode")
        folder = Path(home, "planner")
        folder.mkdir()
        wanted.file.write_text(asyncio.run(play(folder, wanted.theme)), "utf-8")


if __name__ == "__main__":
    main()
