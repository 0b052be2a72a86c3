"""A command of the user's own, as the screen has it run."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from minicode.cli.screen_desk import ScreenDesk
from minicode.colours import coloured
from minicode.plan import Plan
from minicode.text import clean_output

ODD = "\x1b[32mok\x1b[0m \u200btest \x1b[1m1234\x1b[0m\r\n".encode()


async def test_the_screen_answers_while_megabytes_are_made_readable(home: Path, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(printed := ODD * 40_000)
    began = time.monotonic()
    coloured(printed, clean_output(printed)[-1000:])
    alone = time.monotonic() - began
    desk = ScreenDesk(Plan(folder=tmp_path, asks=True, flags={"base_url": "http://127.0.0.1:9"}), tmp_path)
    await desk.open()
    held: list[float] = []

    async def look_on() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            held.append(time.monotonic() - before)

    looking = asyncio.create_task(look_on())
    try:
        code, output = await desk.shell("cat big", lambda said: None)
        await asyncio.sleep(0.02)  # it had the last look
    finally:
        looking.cancel()
        await desk.close()
    assert code == 0 and output.text.startswith("ok ") and output.colours
    assert max(held) < alone / 2, "the loop stood still"
