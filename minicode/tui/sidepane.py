"""The pane beside the transcript: the whole chain of thoughts of the turn, step by step, with what each led to."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from minicode.tui.blocks import Block, Look, Thought
from minicode.tui.doings import Doing
from minicode.tui.palette import Palette
from minicode.tui.rows import Line, Row, Span, lay
from minicode.tui.transcript import Transcript


class Mirror(Block):
    """A block of the transcript as the pane shows it: a thought whole, a call in its one line."""

    def __init__(self, block: Block) -> None:
        super().__init__(block.step)
        self.block = block
        self.kind = block.kind
        self.gap = 1 if isinstance(block, Thought) else 0

    def rows(self, width: int, look: Look) -> list[Row]:
        if isinstance(self.block, Thought):
            return self.block.whole(width, look)
        return [*[Row(())] * self.gap, *lay(self.lines(width, look), width)]

    def lines(self, width: int, look: Look) -> Sequence[Line]:
        title = self.block.title() if isinstance(self.block, Doing) else ""
        return [Line((Span("→ ", "thought.mark"), Span(title)), wrap=False)]

    def guess(self, width: int, look: Look) -> int:
        return self.gap + 1 + (len(self.words()) // width if isinstance(self.block, Thought) else 0)

    def words(self) -> str:
        return self.block.words()


class SidePane(Vertical):
    """Follows a transcript; costs nothing while it is closed."""

    DEFAULT_CSS = """
    SidePane { width: 42%; display: none; border-left: solid $foreground 15%; }
    SidePane:ansi { border-left: solid $border-blurred; }
    SidePane.-shown { display: block; }
    """

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self._source = transcript
        self._chain = Transcript(transcript.palette, id="chain")
        self._mirrors: dict[Block, Mirror] = {}

    def compose(self) -> ComposeResult:
        yield self._chain

    @property
    def shown(self) -> bool:
        return self.has_class("-shown")

    def toggle(self) -> bool:
        """Whether it is open now."""
        self.toggle_class("-shown")
        if self.shown:
            self.begin()
        else:
            self._chain.clear()
            self._mirrors.clear()
        return self.shown

    def begin(self) -> None:
        """The chain of the last turn."""
        if not self.shown:
            return
        self._chain.clear()
        self._mirrors.clear()
        last = next((b.number for b in reversed(self._source.blocks) if b.kind == "user"), 0)
        for block in self._source.blocks[last:]:
            self.add(block)

    def repaint(self, palette: Palette) -> None:
        self._chain.repaint(palette)

    def add(self, block: Block) -> None:
        if not self.shown:
            return
        if block.kind == "user":
            self._chain.clear()
            self._mirrors.clear()
        if isinstance(block, Thought | Doing):
            self._mirrors[block] = mirror = Mirror(block)
            self._chain.add(mirror)

    def touch(self, block: Block) -> None:
        if mirror := self._mirrors.get(block):
            self._chain.touch(mirror)

    def mark(self, block: Block | None) -> None:
        """The block that is marked in the transcript is marked here too, and brought into view."""
        mirror = self._mirrors.get(block) if block else None
        self._chain.mark(mirror)
        if mirror:
            self._chain.show_block(mirror)

    def on_transcript_marked(self, event: Transcript.Marked) -> None:
        """And the other way round."""
        if event.control is self._chain and isinstance(event.block, Mirror):
            block = event.block.block
            if block is not self._source.marked:
                self._source.mark(block)
                self._source.show_block(block)


class Paper:
    """Where the story writes: the transcript, and the pane beside it."""

    def __init__(self, transcript: Transcript, pane: SidePane) -> None:
        self._transcript, self._pane = transcript, pane

    def add(self, *blocks: Block) -> None:
        self._transcript.add(*blocks)
        for block in blocks:
            self._pane.add(block)

    def touch(self, block: Block) -> None:
        self._transcript.touch(block)
        self._pane.touch(block)
