"""What programs print, in colours and while they run: real commands through the real tools."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from minicode.events import CallSaid
from minicode.live import Live
from minicode.messages import Call
from minicode.redact import Redactor
from minicode.show import Output
from minicode.text import clean_output
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope
from minicode.tui.printing import Printed

KEY = "sk-canary-0123456789"
STEP = "until test -e {0}; do sleep 0.02; done; "


async def called(box: Toolbox, scope: Scope, name: str, **arguments: object) -> tuple[Result, list[CallSaid]]:
    said: list[CallSaid] = []
    return await box.run(box.prepare(Call("c", name, arguments)), scope, said.append), said


# In the result.


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bash", {"command": r"printf 'a \033[1;31mred\033[0m\nplain\n'"}),
        ("python", {"code": r"print('a \033[1;31mred\033[0m\nplain')"}),
    ],
)
async def test_the_model_has_words_and_the_human_colours(
    toolbox: Toolbox, scope: Scope, name: str, arguments: dict[str, object]
) -> None:
    result, _ = await called(toolbox, scope, name, **arguments)
    assert result.text.startswith("a red\nplain\n[")
    assert result.show == (Output("a red\nplain", ((0, 2, 5, "bold red"),)),)
    await scope.workspace.interpreter.close()


async def test_a_job_has_colours(toolbox: Toolbox, scope: Scope, root: Path) -> None:
    command = STEP.format("go") + r"printf '\033[32mup\033[0m\n'"
    await called(toolbox, scope, "bash", command=command, run_in_background=True)
    (root / "go").touch()
    found, _ = await called(toolbox, scope, "jobs", action="wait", id=1)
    assert found.show[-1] == Output("up", ((0, 0, 2, "green"),))


async def test_a_test_run_that_breaks_has_colours(toolbox: Toolbox, scope: Scope, root: Path) -> None:
    (root / "Makefile").write_text("test:\n\t@printf '\\033[31mbroken\\033[0m\\n'; exit 3\n")
    result, _ = await called(toolbox, scope, "run_tests", runner="make")
    (said,) = (block for block in result.show if isinstance(block, Output))
    assert said.text.startswith("broken\n") and said.colours == ((0, 0, 6, "red"),)


async def test_a_long_output_has_colours_at_both_ends(toolbox: Toolbox, scope: Scope) -> None:
    result, _ = await called(
        toolbox, scope, "bash", command=r"for n in $(seq 9000); do printf '\033[31m%s\033[0m\n' $n; done"
    )
    (output,) = result.show
    assert isinstance(output, Output) and "left out" in output.text
    lines, coloured = output.text.split("\n"), {mark[0] for mark in output.colours}
    assert {0, 100, len(lines) - 100, len(lines) - 1} <= coloured
    assert all(
        lines[line].isdecimal() and (start, end) == (0, len(lines[line])) for line, start, end, _ in output.colours
    )


async def test_colours_hide_no_secret_and_lines_without_one_keep_theirs(toolbox: Toolbox, scope: Scope) -> None:
    box = Toolbox(toolbox.tools, redactor=Redactor([KEY]))
    command = rf"printf '\033[31mone\033[0m\nkey {KEY[:6]}\033[32m{KEY[6:]}\033[0m\n\033[34mtwo\033[0m\n'"
    result, _ = await called(box, scope, "bash", command=command)
    marks = ((0, 0, 3, "red"), (2, 0, 3, "blue"))
    assert result.show == (Output("one\nkey ‹redacted:secret›\ntwo", marks),)


# While it runs.


class Stage:
    """A command that goes on when it is told to, and what is said of it."""

    def __init__(self, box: Toolbox, scope: Scope, root: Path) -> None:
        self._box, self._scope, self._root = box, scope, root
        self.said: list[CallSaid] = []
        self._came = asyncio.Event()

    async def plays(self, *pieces: str) -> Result:
        """Each piece is printed when something was said of the one before, the last ones of the others."""
        command = "".join(f"{STEP.format(n)}printf '{piece}'; " for n, piece in enumerate(pieces))
        call = self._box.prepare(Call("c", "bash", {"command": command, "timeout": 60}))
        task = asyncio.create_task(self._box.run(call, self._scope, self._hear))
        for number in range(len(pieces)):
            (self._root / str(number)).touch()
            if number < len(pieces) - 1:
                await asyncio.wait_for(self._came.wait(), 30)
                self._came.clear()
        return await task

    def _hear(self, said: CallSaid) -> None:
        self.said.append(said)
        self._came.set()

    @property
    def screen(self) -> str:
        printed = Printed()
        for said in self.said:
            printed.say(said.text, said.over, said.colours)
        return printed.text


@pytest.fixture
def stage(toolbox: Toolbox, scope: Scope, root: Path) -> Stage:
    return Stage(toolbox, scope, root)


async def test_a_progress_bar_stays_one_line(stage: Stage) -> None:
    result = await stage.plays(
        r"begin\n", r"\r10%%\r20%%\r", r"\r30%%\r", r"\r\033[K\033[32m40%%\033[0m\r", r"\r\ndone\n", "."
    )
    assert stage.said == [
        CallSaid("c", "begin\n"),
        CallSaid("c", "20%\n"),
        CallSaid("c", "30%\n", over=True),
        CallSaid("c", "40%\n", over=True, colours=((0, 0, 3, "green"),)),
        CallSaid("c", "done\n"),
    ]
    assert stage.screen == "begin\n40%\ndone\n"
    assert result.show == (Output("begin\n40%\ndone\n.", ((1, 0, 3, "green"),)),)


async def test_a_progress_bar_with_a_secret_shows_none(toolbox: Toolbox, scope: Scope, root: Path) -> None:
    stage = Stage(Toolbox(toolbox.tools, redactor=Redactor([KEY])), scope, root)
    await stage.plays(rf"\r1 {KEY}\r", r"\r2 of it\r", rf"\r3 {KEY}\rlast\n", "")
    assert KEY not in repr(stage.said) and "3 of it" not in stage.screen
    assert stage.screen.endswith("last\n") and "\n2 of it" in f"\n{stage.said[1].text}"


async def test_what_is_held_back_as_a_key_is_not_written_over(toolbox: Toolbox, scope: Scope, root: Path) -> None:
    stage = Stage(Toolbox(toolbox.tools, redactor=Redactor([KEY])), scope, root)
    letters = "MIIEpAIBAAKCAQEA" * 4
    key = rf"x\n-----BEGIN RSA PRIVATE KEY-----\n{letters}\n{letters}\r"
    await stage.plays(key, rf"\r{letters}\n-----END RSA PRIVATE KEY-----\nend\n", "")
    assert stage.screen == "x\n‹redacted:private-key›\nend\n" and letters[:20] not in repr(stage.said)


# The room itself: chunks as they come, cut anywhere.


async def pieces(*chunks: bytes, torn: bool = False) -> str:
    """What is on the screen after all of them."""
    printed = Printed()
    live = Live(lambda said: printed.say(said.text, said.over, said.colours), torn=torn)
    for chunk in chunks:
        live.feed(chunk)
        live._tell()  # as if the time for it had come
    live.close()
    return printed.text


@pytest.mark.parametrize(
    "output",
    [
        b"one\ntwo\n",
        b"one\r\ntwo\r\n",
        b"10%\r20%\r30%\nend\n",
        b"\r10%\r20%\r\x1b[K\r\nend\n",
        b"a\r\n\r\n\nb\n\r10%\rdone\n",
        "ä\r\x1b[31mö€\x1b[0m\rü\n\n\rx\n".encode(),
        b"50%\x1b[K\r\x1b[1m60%\x1b[0m\r\n\rnext\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("torn", [False, True])
async def test_wherever_it_is_cut_the_end_is_the_same(output: bytes, size: int, torn: bool) -> None:
    chunks = [output[at : at + size] for at in range(0, len(output), size)]
    assert await pieces(*chunks, torn=torn) == clean_output(output)


async def test_the_beginning_of_a_line_is_for_its_owner_alone() -> None:
    assert await pieces(b"one\nPass", b"word: ") == "one\n"
    assert await pieces(b"one\nPass", b"word: ", torn=True) == "one\nPassword: \n"


async def test_of_too_much_the_end_is_shown() -> None:
    said: list[CallSaid] = []
    live = Live(said.append)
    live.feed(b"".join(b"line %d\n" % number for number in range(50_000)))
    live._tell()
    (one,) = said
    assert one.text.startswith("…\nline ") and one.text.endswith("\nline 49999\n") and len(one.text) < 2100
    live.feed(b"\x1b[31m" + b"x" * 5000 + b"\n")
    live._tell()
    assert said[1] == CallSaid("", "x" * 1999 + "\n")
    live.feed(b"10%\r")
    live._tell()
    live.feed(b"w" * 70_000 + b"\nall\n" + b"v\n" * 35_000)
    live._tell()
    assert not said[-1].over, "the line that was written over has ended meanwhile"
    live.close()
