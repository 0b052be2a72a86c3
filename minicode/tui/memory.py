"""What a prompt keeps on disk, history and draft: written in a thread of its own, in the order in which it was said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minicode.tui.drafts import Draft
from minicode.tui.history import History


class Memory:
    """Nothing here blocks. A failing disk is told once, and then one writes on without."""

    def __init__(self, history: Path | None, draft: Path | None, trouble: Callable[[str], object]) -> None:
        """trouble: hears a sentence, in another thread."""
        self.history = History(history)
        self._draft = Draft(draft)
        self._disk = ThreadPoolExecutor(1, "prompt")
        self._trouble: Callable[[str], object] | None = trouble
        self._loaded = False

    async def load(self) -> str:
        """The history is there then. Returns the draft that was left, or ""."""
        old, draft = await asyncio.wrap_future(self._disk.submit(self._read))
        self.history.begin(old)
        self._loaded = True
        return draft

    def remember(self, text: str) -> None:
        if self.history.add(text):
            self._on_disk(lambda: self.history.keep(text))

    def draft(self, text: str) -> None:
        """Keep this; an empty one ends what was kept."""
        if self._loaded or text:  # before that, nothing written is no sign that the draft is done with
            self._on_disk(lambda: self._draft.write(text))

    async def close(self) -> None:
        """When all is written."""
        await asyncio.to_thread(self._disk.shutdown)

    def _read(self) -> tuple[list[str], str]:
        try:
            old = self.history.read()
        except OSError as error:
            self._tell(error)
            old = []
        return old, self._draft.read()

    def _on_disk(self, work: Callable[[], None]) -> None:
        def attempt() -> None:
            try:
                work()
            except OSError as error:
                self._tell(error)

        self._disk.submit(attempt)

    def _tell(self, error: OSError) -> None:
        tell, self._trouble = self._trouble, None
        if tell:
            where = f"{error.filename} cannot be used" if error.filename else "the disk fails"
            tell(f"What you write here is not kept: {where}: {error.strerror}.")
