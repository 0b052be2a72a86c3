"""What the screen looks like, scene by scene, compared with tests/pictures/screen-*.svg.

The pictures are for people; compared is what they show, line by line, with its colours. To accept what has changed:
UPDATE_PICTURES=1 python -m pytest tests/tui/test_pictures.py, and look at each picture that git says is another one.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from minicode import show
from minicode.cli.screen_desk import ScreenDesk
from minicode.events import (
    Asked,
    CallDone,
    CallForming,
    CallSaid,
    CallStarted,
    Denied,
    Event,
    Questioned,
    ReplyDone,
    StepStarted,
    TextDelta,
    ThinkingDelta,
    TurnEnded,
)
from minicode.messages import Block, Call, Reply, Text, Thinking, ToolResult, Usage
from minicode.plan import Plan
from minicode.tui.app import MinicodeApp
from minicode.tui.cards import Card
from minicode.tui.completion import WordHelp
from minicode.tui.conversation import Conversation
from minicode.tui.desk import Opened, Window
from minicode.tui.panels import SearchBar
from minicode.tui.status import Figures
from minicode.workspace.foreseen import foresee

PICTURES = Path(__file__).parents[1] / "pictures"
_spec = importlib.util.spec_from_file_location("minicode_test_pictures", Path(__file__).with_name("pictures.py"))
assert _spec is not None and _spec.loader is not None
pictures = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pictures)
WIDE, NARROW = (110, 34), (40, 15)
FIGURES = Figures(
    *("MiniMax-M2.7", "default", "bwrap, workspace-write, network off"),
    context=0.23, thoughts=5, returned=5, cached=0.91, cost=0.0142, branch="main", dirty=2,
)  # fmt: skip


class Known:
    """The sessions on disk, as any machine shows them at any hour."""

    async def listed(self, everywhere: bool, most: int = 0) -> list[Card]:
        def card(number: int, title: str, last: str, gone: float, turns: int) -> Card:
            return Card(f"s{number}", title, "", "~/code/planner", last, time.time() - gone, turns, 48_000 * turns)

        return [
            card(1, "Overlapping meetings are merged wrongly", "and one test for the nested case", 130, 4),
            card(2, "What does gaps() promise?", "What does gaps() promise?", 7_300, 1),
            card(3, "Move the planner to zoneinfo", "commit it", 11_000, 12),
        ]

    async def search(self, words: str, everywhere: bool) -> list[Any]:
        return []

    async def look(self, id_: str) -> Any:
        from minicode.tui.cards import Exchange, Look

        said = (
            Exchange("Overlapping meetings are merged wrongly", "`merge` forgets the end of the longer one.", 5),
            Exchange("and one test for the nested case", "Added `test_call_within_a_workshop`; it passes.", 3),
        )
        return Look(said, (("write the test", "completed"), ("tell the team", "pending")), 8, 8, "", 0)


class Repo:
    async def look(self) -> tuple[str, int]:
        return "main", 2


class Still(ScreenDesk):
    """The real desk, but for what is another thing on each machine."""

    version = "1.2.3"

    def __init__(self, folder: Path) -> None:
        super().__init__(Plan(folder=folder, asks=True), folder)
        self.sessions, self.repo = Known(), Repo()  # type: ignore[assignment]

    def opened(self) -> Opened:
        own = super().opened()
        return Opened(own.session, FIGURES.model, "~/code/planner", FIGURES.sandbox, wishes=own.wishes)

    def words(self) -> Sequence[WordHelp]:
        return (
            WordHelp("/clear", "", "begin a new session; this one is kept", ("/new", "/reset")),
            WordHelp("/compact", "[what matters]", "fold what is old into a summary", ()),
            WordHelp("/diff", "", "what has changed in the files", ()),
        )

    def window(self) -> Window:
        return Window()


class Scene:
    """The program with an open session, and what happens in it."""

    def __init__(self, app: MinicodeApp, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def screen(self) -> Conversation:
        return self.app.conversation

    async def until(self, there: Callable[[], object]) -> None:
        """Or the test's time is over."""
        while not there():
            await self.pilot.pause()

    async def happen(self, *happened: Event | str) -> None:
        """Words are the user's."""
        for event in happened:
            if isinstance(event, str):
                self.screen.uncover(True)
                self.screen.story.said(event)
            else:
                self.screen.story.show(event)
        await self.still()

    async def still(self) -> None:
        """All that was to be drawn is drawn."""
        self.screen.status.figures = FIGURES
        self.screen.transcript.flush()
        await self.pilot.pause()
        await self.pilot.pause()


@asynccontextmanager
async def scene(folder: Path, size: tuple[int, int] = WIDE, theme: str = "minicode-dark") -> AsyncIterator[Scene]:
    app = MinicodeApp(Still(folder))
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        playing = Scene(app, pilot)
        await playing.until(lambda: app.conversation.turns)
        await app.workers.wait_for_complete()
        app.theme = theme
        await playing.still()
        yield playing


# What happens in them.

EDIT = """\
--- planner/intervals.py
+++ planner/intervals.py
@@ -11,9 +11,10 @@
     merged = []
     for start, end in sorted(spans):
         if merged and start <= merged[-1][1]:
-            merged[-1] = (merged[-1][0], end)
+            # One that lies within another does not end it.
+            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
         else:
             merged.append((start, end))
     return merged
"""
FAILS = show.Tests(
    3, 1, 0, (("tests.test_planner.FreeSlots.test_call_within_a_workshop", "AssertionError: [690] != []"),)
)
TODOS = show.Todos(
    (("find the failing test", "completed"), ("mend merge", "in_progress"), ("run all tests", "pending"))
)


def step(number: int, thought: str, text: str = "", *calls: tuple[str, dict[str, Any]]) -> list[Event]:
    made = tuple(Call(f"c{number}{n}", name, arguments) for n, (name, arguments) in enumerate(calls))
    blocks: tuple[Block, ...] = (Thinking(thought), *([Text(text)] if text else []), *made)
    return [StepStarted(number, number - 1, number - 1, 9_000), ReplyDone(Reply(blocks))]


def done(
    id_: str, name: str, arguments: dict[str, Any], text: str, *shown: show.Show, seconds: float = 0.0
) -> list[Event]:
    call = Call(id_, name, arguments)
    failed = any(isinstance(block, show.Tests) and block.failed for block in shown)
    return [CallStarted(call), CallDone(call, ToolResult(id_, name, text, failed), shown, seconds)]


def turn() -> list[Event | str]:
    test = {"command": "python -m unittest"}
    read = {"file_path": "planner/intervals.py"}
    edit = {"file_path": "planner/intervals.py", "old_string": "…", "new_string": "…"}
    return [
        "One test fails. Make the tests pass.",
        *step(
            1,
            "One test fails, but I do not know which, or what it claims.\nReproduce it first: a guess that I cannot "
            "check against a failure is worth little.",
            "I'll run the tests and read the code below them.",
            ("run_tests", test),
            ("read", read),
        ),
        *done("c10", "run_tests", test, "FAILED (failures=1)", FAILS, seconds=1.3),
        *done("c11", "read", read, "1\timport x", show.Output("\n".join(f"{n}\tdef …" for n in range(31)))),
        *step(
            2,
            "There it is: `merge` takes the *next* end, though the one before may end later.\nThe end must be the "
            "greater of the two.",
            "",
            ("edit", edit),
        ),
        *done("c20", "edit", edit, "Changed.", show.Diff("planner/intervals.py", EDIT)),
        *step(3, "That should be all, but should is not is.", "", ("run_tests", test)),
        *done("c30", "run_tests", test, "OK", show.Tests(4, 0), seconds=1.2),
        *step(
            4,
            "All four pass. I should say what I checked.",
            "The tests pass now.\n\n**Cause.** `merge` took the end of the *later* interval, which cuts off the one it "
            "lies within.\n\n- one line changed, no test\n- all 4 tests pass\n",
        ),
        TurnEnded("done", "", Usage(2_400, 610, 21_000, 0), 4, 4, 4),
    ]


async def folded(play: Scene) -> None:
    play.screen.look(thinking="folded")
    await play.happen(*turn())


async def full(play: Scene) -> None:
    play.screen.look(thinking="full")
    await play.happen(*turn())


async def live(play: Scene) -> None:
    """A thought runs, then a call."""
    play.screen.prompt.busy = True
    command = {"command": "python -m unittest -v"}
    lines = [f"{n}. I look at line {n} and think about what it promises to whoever calls it.\n" for n in range(1, 12)]
    await play.happen(
        "Is anything else wrong in there?",
        *step(1, "The tests first.", "", ("bash", command)),
        CallStarted(Call("c10", "bash", command)),
        CallSaid("c10", "".join(f"test_{n} (tests.test_planner) ... ok\n" for n in range(4))),
    )
    await play.happen(StepStarted(2, 1, 1, 9_000), *[ThinkingDelta(line) for line in lines])
    thought = play.screen.transcript.blocks[-1]
    thought.seconds = 4.2  # type: ignore[attr-defined]
    play.screen.transcript.touch(thought)
    await play.still()


async def writing(play: Scene) -> None:
    """An answer grows, a call is being written."""
    play.screen.prompt.busy = True
    await play.happen(
        "How is it called?",
        StepStarted(1, 0, 0, 9_000),
        TextDelta(
            "## Calling it\n\nLike so:\n\n```python\nfrom planner import free_slots\n\n\n"
            'def today(day: Day) -> list[Slot]:\n    """All of at least half an hour."""\n'
            "    return free_slots(day, least=30)  # minutes\n```\n\n"
            "| argument | meaning |\n|---|---|\n| `day` | its meetings, in any order |\n| `least` | minutes |\n\n"
            "> A slot is free if nobody is in it.\n\n1. overlapping meetings are merged\n2. what is left is [cut]"
            "(https://example.invalid) into slots"
        ),
        CallForming(0, "write", '{"path": "docs/calling.md", "content": "# Calling it'),
    )


async def trouble(play: Scene) -> None:
    """Whatever goes wrong is seen at once."""
    push = Call("c10", "bash", {"command": "git push --force"})
    command = {"command": "make check"}
    await play.happen(
        "Push it.",
        *step(1, "Push, then check.", "", ("bash", dict(push.arguments)), ("bash", command)),
        Denied(push, "Not to main; make a branch first.", "user"),
        CallDone(push, ToolResult("c10", "bash", "Denied by the user.", True)),
        CallStarted(Call("c11", "bash", command)),
        CallDone(
            Call("c11", "bash", command),
            ToolResult("c11", "bash", "make: *** No rule to make target 'check'.\n[exit code 2]", True),
            (show.Output("make: *** No rule to make target 'check'.  Stop."),),
            0.4,
        ),
        TurnEnded("failed", "", Usage(900, 40), 1, 1, 1, "The server closed the connection; nothing was lost.", 75),
    )
    play.screen.tell("keybindings.json:3: there is no key `ctl+x`. Did you mean `ctrl+x`?", "warning")
    await play.still()


async def split(play: Scene) -> None:
    play.screen.look(thinking="folded", diff="split")
    await play.happen(*turn()[:11])


async def approval(play: Scene) -> None:
    command = {"command": "pip install  --upgrade zoneinfo‑data && rm -rf build/"}
    call = Call("c10", "bash", command)
    await play.happen("Move to zoneinfo.", *step(1, "It needs the data.", "", ("bash", command)))
    await ask(play, Asked(call, "It needs the network, which commands do not have.", "network", "bash(pip install:*)"))


CODE = '"""Meetings."""\n\n\ndef merge(meetings):\n    merged = []\n    for start, end in sorted(meetings):\n'


async def approval_of_a_change(play: Scene) -> None:
    old = "        if merged and start <= merged[-1][1]:\n            merged[-1] = (merged[-1][0], end)\n"
    new = old.replace("end)", "max(merged[-1][1], end))")
    path = "planner/intervals.py"
    edit = {"file_path": path, "old_string": old, "new_string": new}
    await play.happen("Mend it.", *step(1, "One line.", "", ("edit", edit)))
    show = (foresee(path, path, CODE + old, CODE + new),)
    await ask(play, Asked(Call("c10", "edit", edit), "It changes a file.", "", "edit(planner/**)", show))


async def approval_of_a_patch(play: Scene) -> None:
    patch = {"patch": "*** Begin Patch\n…"}
    await play.happen("Move it.", *step(1, "Three files.", "", ("apply_patch", patch)))
    show = (
        foresee("a.py", "planner/a.py", CODE, CODE.replace("def ", "async def ")),
        foresee("", "tests/test_a.py", "", "def test_a():\n    assert a()  \n"),
        foresee("old", "", "gone \u202e\n", ""),
    )
    await ask(play, Asked(Call("c10", "apply_patch", patch), "It changes files.", "", "", show))


async def question(play: Scene) -> None:
    options = ["Raise an error: the caller has a bug", "Swap start and end", "Drop the meeting and log it"]
    asks: dict[str, Any] = {
        "question": "What if a meeting ends *before* it begins?",
        "options": options,
        "several": True,
    }
    await play.happen("Mend it.", *step(1, "The tests do not say, and both can be meant.", "", ("ask_user", asks)))
    await put(play, Questioned("c10", asks["question"], tuple(options), several=True))
    await play.pilot.press("space", "down")
    await play.still()


async def plan(play: Scene) -> None:
    text = (
        "## Merge by the later end\n\n1. `merge` in `planner/intervals.py` takes the **greater** end.\n"
        "2. A test with one meeting inside another.\n\n```python\nmerged[-1] = (begin, max(last, end))\n```\n\n"
        "Nothing else changes."
    )
    await play.happen("Plan it.", *step(1, "It is one line and a test.", "", ("exit_plan_mode", {"plan": text})))
    await put(play, Questioned("c10", text, ("No, keep planning", "Yes, ask as usual", "Yes, accept edits"), plan=True))


async def put(play: Scene, asked: Questioned) -> None:
    play.screen.story.show(asked)
    play.screen.questions.ask(asked)
    play.screen.prompt.display = False
    play.screen.questions.focus()
    await play.until(lambda: play.screen.questions.ready)
    await play.still()


async def ask(play: Scene, asked: Asked) -> None:
    play.screen.story.show(asked)
    play.screen.approval.ask(asked)
    play.screen.prompt.display = False
    play.screen.approval.focus()
    await play.until(lambda: play.screen.approval.ready)
    await play.still()


async def picker(play: Scene) -> None:
    await play.happen(*turn()[:1])
    play.screen.work_on("obey", "/resume")
    await play.until(lambda: play.app.screen is not play.screen)
    await play.until(lambda: "tell the team" in "\n".join(pictures.read(pictures.picture(play.app))))


async def pane(play: Scene) -> None:
    play.screen.look(thinking="folded")
    await play.happen(*turn())
    play.screen.pane.toggle()
    await play.pilot.pause()
    play.screen.transcript.marked_next(-1)
    for _ in range(3):
        play.screen.transcript.marked_next(-1)
    play.screen.pane.query_one("#chain").flush()  # type: ignore[attr-defined]
    await play.still()


async def search(play: Scene) -> None:
    play.screen.look(thinking="folded")
    await play.happen(*turn())
    await play.pilot.press("ctrl+f", *"guess")
    await play.until(lambda: play.screen.transcript.hits.block >= 0)
    assert play.screen.query_one(SearchBar).words == "guess"
    await play.still()


async def panels(play: Scene) -> None:
    """Todos, what waits to be sent, and something half written."""
    from minicode.tui.panels import Queue, TodoPanel

    todos: dict[str, Any] = {"todos": []}
    await play.happen("All of it.", *step(1, "A list first.", "", ("todo", todos)))
    await play.happen(*done("c10", "todo", todos, "Kept.", TODOS))
    play.screen.query_one(TodoPanel).show(TODOS)
    play.screen.query_one(TodoPanel).add_class("-shown")
    play.screen.query_one(Queue).show(["then run the linter", "and commit, but do not push"])
    play.screen.prompt.give("what about\nnested ones?")
    await play.still()


async def completion(play: Scene) -> None:
    await play.happen(*turn()[:4])
    await play.pilot.press(*"/co")
    await play.still()


async def welcome(play: Scene) -> None:
    await play.still()


async def help_(play: Scene) -> None:
    play.screen.work_on("show_help")
    await play.until(lambda: play.app.screen is not play.screen)
    await play.still()


Playing = Callable[[Scene], Awaitable[None]]
SCENES: dict[str, tuple[Playing, tuple[int, int], str]] = {
    "folded": (folded, WIDE, "minicode-dark"),
    "live": (live, WIDE, "minicode-dark"),
    "full": (full, WIDE, "minicode-dark"),
    "writing": (writing, WIDE, "minicode-dark"),
    "trouble": (trouble, WIDE, "minicode-dark"),
    "split": (split, (130, 34), "minicode-dark"),
    "approval": (approval, WIDE, "minicode-dark"),
    "approval-change": (approval_of_a_change, WIDE, "minicode-dark"),
    "approval-patch": (approval_of_a_patch, WIDE, "minicode-light"),
    "question": (question, WIDE, "minicode-dark"),
    "plan": (plan, WIDE, "minicode-dark"),
    "picker": (picker, WIDE, "minicode-dark"),
    "pane": (pane, WIDE, "minicode-dark"),
    "search": (search, WIDE, "minicode-dark"),
    "panels": (panels, WIDE, "minicode-dark"),
    "completion": (completion, WIDE, "minicode-dark"),
    "welcome": (welcome, WIDE, "minicode-dark"),
    "help": (help_, WIDE, "minicode-dark"),
    "narrow": (folded, NARROW, "minicode-dark"),
    "narrow-approval": (approval, NARROW, "minicode-dark"),
    "narrow-welcome": (welcome, NARROW, "minicode-dark"),
    "light": (full, WIDE, "minicode-light"),
    "contrast": (full, WIDE, "minicode-contrast"),
    "sixteen": (full, WIDE, "minicode-16"),
    "mono": (full, WIDE, "minicode-mono"),
    "no-colour": (full, WIDE, "minicode-16"),
}


@pytest.mark.parametrize("name", list(SCENES))
async def test_screen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAX_BASE_URL", "http://127.0.0.1:9/anthropic")  # nobody is asked
    monkeypatch.delenv("NO_COLOR", raising=False)
    if name == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    play, size, theme = SCENES[name]
    folder = tmp_path / "planner"
    folder.mkdir()
    async with scene(folder, size, theme) as playing:
        await play(playing)
        drawn = pictures.picture(playing.app)
    compare(name, drawn, tmp_path)


def compare(name: str, drawn: str, tmp_path: Path) -> None:
    kept = PICTURES / f"screen-{name}.svg"
    if os.environ.get("UPDATE_PICTURES"):
        if not kept.exists() or pictures.read(kept.read_text("utf-8")) != pictures.read(drawn):
            kept.write_text(drawn, "utf-8")
        return
    before = pictures.read(kept.read_text("utf-8")) if kept.exists() else []
    now = pictures.read(drawn)
    if before == now:
        return
    new = tmp_path / kept.name
    new.write_text(drawn, "utf-8")
    changed = "\n".join(unified_diff(before, now, "kept", "now", n=1, lineterm=""))
    pytest.fail(
        f"The screen looks otherwise than tests/pictures/{kept.name}; now it looks like {new}.\n{changed}\n"
        "If that is how it should look: UPDATE_PICTURES=1 python -m pytest tests/tui/test_pictures.py",
        pytrace=False,
    )
