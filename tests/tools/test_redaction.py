"""What leaves a tool holds no secret: not for the model, not for the screen, not on disk; and none is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from minicode import show
from minicode.events import CallSaid
from minicode.messages import Call
from minicode.redact import Redactor
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope

KEY = "sk-canary-0123456789"
MARK = "‹redacted:secret›"
TOOL = """
from minicode.toolkit import *

@tool(effect="reads")
async def leak(scope: Scope, key: str) -> Result:
    "Say a secret in every way there is."
    scope.say(f"now {key}")
    long = ("line " + key + "\\n") * 5000
    shows = (Line(key), Output(key), Diff(key, "+" + key), Tests(0, 1, 0, ((key, key),)), Todos(((key, "pending"),)))
    return Result(scope.fit(long) + f"\\x1b[1m{key[:9]}\\x1b[0m{key[9:]} {key[:5]}\\x1b[K{key[5:]}", shows)
"""


@pytest.fixture
def redacting(toolbox: Toolbox) -> Toolbox:
    return Toolbox(toolbox.tools, redactor=Redactor([KEY]))


@pytest.fixture
def call(redacting: Toolbox, scope: Scope) -> Callable[..., object]:
    async def call(name: str, **arguments: object) -> Result:
        return await redacting.run(redacting.prepare(Call("c", name, arguments)), scope)

    return call


async def test_result_show_progress_and_spilled_output(tmp_path: Path, scope: Scope, spilled: Path) -> None:
    (tmp_path / "leak.py").write_text(TOOL)
    box = Toolbox.load([("user", tmp_path)], redactor=Redactor([KEY]))
    said: list[str] = []
    result = await box.run(box.prepare(Call("c", "leak", {"key": KEY})), replace(scope, say=said.append))
    assert KEY not in result.text and result.text.endswith(f"{MARK} {MARK}")
    assert said == [f"now {MARK}"]
    assert result.show == (
        show.Line(MARK),
        show.Output(MARK),
        show.Diff(MARK, f"+{MARK}"),
        show.Tests(0, 1, 0, ((MARK, MARK),)),
        show.Todos(((MARK, "pending"),)),
    )
    kept = [file.read_text() for file in spilled.iterdir()]
    assert kept and all(KEY not in text and MARK in text for text in kept)


async def test_without_a_redactor_all_is_as_it_was(tmp_path: Path, scope: Scope) -> None:
    (tmp_path / "leak.py").write_text(TOOL)
    box = Toolbox.load([("user", tmp_path)])
    assert KEY in (await box.run(box.prepare(Call("c", "leak", {"key": KEY})), scope)).text


async def test_the_shipped_tools(call: Callable[..., object], root: Path) -> None:
    (root / "conf.py").write_text(f"A = 1\nKEY = '{KEY}'\nB = 2\n")
    for name, arguments in [
        ("read", {"file_path": "conf.py"}),
        ("grep", {"pattern": "KEY", "output_mode": "content"}),
        ("bash", {"command": "cat conf.py; cat conf.py >&2"}),
    ]:
        result = await call(name, **arguments)  # type: ignore[misc]
        assert MARK in result.text and KEY not in repr(result), name


async def said_by(box: Toolbox, scope: Scope, command: str) -> str:
    said: list[CallSaid] = []
    await box.run(box.prepare(Call("c", "bash", {"command": command})), scope, said.append)
    return "".join("\r" * one.over + one.text for one in said)


async def test_progress_hides_a_secret_that_came_in_pieces(redacting: Toolbox, scope: Scope) -> None:
    halves = f"printf 'one\\nkey {KEY[:6]}'; sleep 0.3; printf '{KEY[6:]} here\\nlast'; sleep 0.3; printf ' words'"
    assert await said_by(redacting, scope, halves) == f"one\nkey {MARK} here\n"
    coloured = (
        f"printf 'key {KEY[:6]}\\033[3'; sleep 0.3; printf '1m{KEY[6:]}\\r'; sleep 0.3; printf '\\r50 %%\\r'; sleep 0.3"
    )
    assert await said_by(redacting, scope, coloured) == f"key {MARK}\n\r50 %\n"
    lines = ["-----BEGIN RSA PRIVATE KEY-----", *(f"{n}{'MIIEpAIBAAKCAQEA' * 4}" for n in range(5))]
    slowly = f'for line in {" ".join(map(repr, lines))}; do echo "$line"; sleep 0.25; done'
    closed = f"{slowly}; echo -----END RSA PRIVATE KEY-----; echo done; sleep 0.3"
    assert await said_by(redacting, scope, closed) == "‹redacted:private-key›\ndone\n"


async def test_progress_of_a_flood_is_a_little_of_it(redacting: Toolbox, scope: Scope) -> None:
    said = await said_by(redacting, scope, f"yes {'w' * 30}{KEY} | head -c 9000000; echo; echo end; sleep 0.3")
    assert 0 < len(said) < 100_000 and said.endswith("\nend\n")
    assert "sk-" not in said and KEY[-4:] not in said


async def test_an_edit_around_a_secret_keeps_it(call: Callable[..., object], root: Path) -> None:
    file = root / "conf.py"
    file.write_text(f"A = 1\nKEY = '{KEY}'\nB = 2\n")
    await call("read", file_path="conf.py")  # type: ignore[misc]
    result = await call("edit", file_path="conf.py", old_string="A = 1", new_string="A = 3")  # type: ignore[misc]
    assert not result.failed and KEY not in repr(result) and MARK in repr(result.show)
    assert file.read_text() == f"A = 3\nKEY = '{KEY}'\nB = 2\n"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("write", {"content": f"A = 3\nKEY = '{MARK}'\nB = 2\n"}),
        ("edit", {"old_string": "A = 1", "new_string": f"A = '{MARK}'"}),
        ("edit", {"old_string": f"KEY = '{MARK}'", "new_string": "KEY = ''"}),
    ],
)
async def test_a_mark_never_overwrites_a_secret(
    call: Callable[..., object], root: Path, name: str, arguments: dict[str, str]
) -> None:
    file = root / "conf.py"
    file.write_text(before := f"A = 1\nKEY = '{KEY}'\nB = 2\n")
    await call("read", file_path="conf.py")  # type: ignore[misc]
    result = await call(name, file_path="conf.py", **arguments)  # type: ignore[misc]
    assert result.failed and MARK in result.text and "edit the text around it" in result.text
    assert file.read_text() == before


def test_a_call_that_would_write_a_mark_is_nothing_to_ask_about(redacting: Toolbox) -> None:
    call = Call("c", "write", {"file_path": "a", "content": MARK})
    assert redacting.prepare(call).effect == ""


async def test_to_look_for_a_mark_is_no_harm(call: Callable[..., object], root: Path) -> None:
    (root / "notes.md").write_text(f"it said {MARK}\n")
    assert not (await call("grep", pattern=MARK)).failed  # type: ignore[misc]


async def test_a_row_is_cut_after_its_secrets_were_taken_out(call: Callable[..., object], root: Path) -> None:
    for cut in (380, 385, 390, 399):
        (root / "long.txt").write_text(f"{'x' * (cut - 1)} {KEY} {'y' * 100}\n")
        result = await call("grep", pattern="xxx")  # type: ignore[misc]
        assert KEY[:3] not in result.text and "‹" in result.text
