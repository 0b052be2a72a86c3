"""What the first frame of the main screen does not show: transcript, side pane, search and panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minicode.tui.approval import Approval
from minicode.tui.figuring import Figuring
from minicode.tui.finding import Finding
from minicode.tui.panels import Ask, Queue, SearchBar, TodoPanel
from minicode.tui.question import Question
from minicode.tui.sidepane import SidePane
from minicode.tui.transcript import Transcript

if TYPE_CHECKING:
    from minicode.tui.desk import Desk
    from minicode.tui.palette import Palette


class Furniture(NamedTuple):
    transcript: Transcript
    pane: SidePane
    approval: Approval
    question: Question
    todos: TodoPanel
    ask: Ask
    queue: Queue
    search: SearchBar
    finding: Finding
    figuring: Figuring


def make(desk: Desk, palette: Palette) -> Furniture:
    transcript = Transcript(palette, id="transcript")
    return Furniture(
        transcript,
        SidePane(transcript),
        Approval(palette),
        Question(palette),
        TodoPanel(),
        Ask(),
        Queue(),
        SearchBar(),
        Finding(transcript),
        Figuring(desk),
    )
