"""A command of the user's own, as the screen has it run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

from minicode.cli.screen_desk import ScreenDesk
from minicode.colours import coloured
from minicode.plan import Plan
from minicode.text import clean_output

ODD = "\x1b[32mok\x1b[0m \u200btest \x1b[1m1234\x1b[0m\r\n".encode()
DEAR = {coloured.__code__: "coloured", clean_output.__code__: "clean_output"}


async def test_megabytes_are_made_readable_beside_the_screen(home: Path, tmp_path: Path) -> None:
    """Neither of the dear functions is ever called with much in the thread of the loop."""
    (tmp_path / "big").write_bytes(ODD * 40_000)
    desk = ScreenDesk(Plan(folder=tmp_path, asks=True, flags={"base_url": "http://127.0.0.1:9"}), tmp_path)
    await desk.open()
    here: list[tuple[str, int]] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in DEAR:
            here.append((DEAR[frame.f_code], len(frame.f_locals["data"])))

    sys.setprofile(watch)
    try:
        code, output = await desk.shell("cat big", lambda said: None)
    finally:
        sys.setprofile(None)
        await desk.close()
    assert code == 0 and output.text.startswith("ok ") and output.colours
    assert here and all(size <= 2**16 + 2**10 for _, size in here), "what is shown while it runs is little"
