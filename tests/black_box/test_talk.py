"""A person at a real terminal: what is asked of them, what they see of it, and what their answer does."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import shutil
import stat
import struct
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Expect, Say, Step, Think, steps
from minicode.workspace.snapshots.store import Store

ANSWER = (Think("That is all."), Say("Done."))
UNHELD: dict[str, str | None] = {"MINICODE_SANDBOX_BACKENDS": "none"}
OTHER_KEY = "sk-another-77aa21c9e0"  # the canary must be in no file at all; this one is kept
KEYRING: dict[str, str | None] = {
    "MINIMAX_API_KEY": None,
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",  # never the keyring of whoever runs the tests
}
PATIENCE = 30.0
HOOK = '[[hooks]]\nevent = "SessionStart"\ncommand = "touch hooked"\n'
YES_NO = "[y/N] "
ON_TERMINAL = ("setsid", "--ctty", "sh", "-c", 'exec "$@" 2>&1', "sh")


class Terminal:
    """minicode with a PTY for its input, output and controlling terminal; `seen` is all it wrote."""

    def __init__(self, program: Any, arguments: tuple[str, ...], **how: Any) -> None:
        self._program = program
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        self._before = termios.tcgetattr(slave)
        self._slave = slave  # held, so that its settings can still be read at the end
        self._at = 0
        self.seen = ""
        self._bytes = b""
        self.running = program.start(*arguments, stdin=slave, stdout=slave, before=ON_TERMINAL, **how)

    def _read(self, until: float) -> bool:
        """Some more of it; False when the process has ended and all is read."""
        ready, _, _ = select.select([self._master], [], [], 0.05)
        if ready:
            self._bytes += os.read(self._master, 1 << 16)
            self.seen = self._bytes.decode("utf-8", "replace").replace("\r\n", "\n")
            return True
        assert time.monotonic() < until, f"it waits: {self.seen[self._at :]!r}"
        return self.running.process.poll() is None

    def shows(self, text: str) -> str:
        """Wait until it has written this; returns what it wrote since the last call, up to and with it."""
        until = time.monotonic() + PATIENCE
        while (found := self.seen.find(text, self._at)) < 0:
            assert self._read(until), f"it never wrote {text!r}: {self.seen[self._at :]!r}"
        begin, self._at = self._at, found + len(text)
        return self.seen[begin : self._at]

    def types(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    def says(self, prompt: str, answer: str) -> str:
        """Wait for a prompt and answer it; returns what was written up to it."""
        shown = self.shows(prompt)
        self.types(answer)
        return shown

    def ends(self) -> int:
        """Wait for its end. The terminal is as it was."""
        until = time.monotonic() + PATIENCE
        while self._read(until):
            pass
        ran = self.running.end()
        ran.out = self.seen  # so that the checks after each test look at it too
        assert termios.tcgetattr(self._slave) == self._before
        code: int = ran.code
        return code

    def quits(self) -> str:
        """Leave the talk; returns all that was written."""
        self.says("\n> ", "/quit")
        assert self.ends() == 0, self.seen
        return self.seen

    def close(self) -> None:
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def terminal(program: Any) -> Iterator[Callable[..., Terminal]]:
    """terminal(*arguments, server=…, env=…) → a Terminal in which the command runs; `chat` without its screen."""
    if not shutil.which("setsid"):
        pytest.skip("setsid is needed to give a process a terminal of its own")
    opened: list[Terminal] = []

    def make(*arguments: str, **how: Any) -> Terminal:
        face = ("--plain",) if arguments[:1] == ("chat",) else ()
        opened.append(Terminal(program, (*arguments[:1], *face, *arguments[1:]), **how))
        return opened[-1]

    yield make
    program.stop()
    for one in opened:
        one.close()


def shell(*commands: str, **more: Any) -> Step:
    return Step((Think("Run it."), *(Do("shell", {"command": one, **more}) for one in commands)))


def decisions(program: Any) -> list[tuple[str, str]]:
    """(verdict, by whom) of every permission in the journal of the only session."""
    return [(entry["verdict"], entry["by"]) for entry in program.journal() if entry["kind"] == "permission"]


def saved(program: Any) -> Path:
    path: Path = program.home / ".minicode" / "permissions.json"
    return path


# --- the question -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["", "n", "no", "maybe", "yep", "y but not there", "\x04"])
def test_s27_what_is_not_clearly_yes_is_no(program: Any, rehearse: Any, terminal: Any, answer: str) -> None:
    server = rehearse(steps(shell("touch made"), Step(ANSWER, expect=Expect(results="the user said no"))))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.says(YES_NO, answer)
    talk.quits()
    assert not (program.workspace / "made").exists()
    assert decisions(program) == [("deny", "user")]


def test_s27_the_whole_command_is_shown_and_what_is_odd_in_it(program: Any, rehearse: Any, terminal: Any) -> None:
    lines = [f"echo line {number}" for number in range(200)]
    command = "\n".join(
        [
            f"ls{' ' * 500}; touch hidden",
            "echo \u202eevil\u202c \u200b \u00a0 \uff1b \U000e0041",
            "touch\ttab",
            "echo a\rtouch return",
            "echo \x1b[2Jgone \x1b]0;title\x07 [/foo]",
            *lines,
            "touch at-the-end",
        ]
    )
    server = rehearse(steps(shell(command), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    shown = talk.says(YES_NO, "")
    asked = shown[shown.index("? bash wants to run") :]
    for text in ("<␣×500>; touch hidden", "<U+202E>evil<U+202C>", "<U+200B>", "<U+00A0>", "<U+FF1B>", "<U+E0041>"):
        assert text in asked, text
    for text in ("touch␉tab", "a␍touch return", "␛[2Jgone", "␛]0;title␇ [/foo]", *lines, "touch at-the-end"):
        assert f"{text}\n" in asked or text in asked, text
    assert asked.count("  │ ") == command.count("\n") + 1, "each line of it is marked, so that none can pose as ours"
    assert commands_of_a_terminal(shown) == []
    talk.quits()
    assert sorted(path.name for path in program.workspace.iterdir()) == []


def test_what_a_patch_would_change_is_shown_file_by_file(program: Any, rehearse: Any, terminal: Any) -> None:
    (program.workspace / "a.py").write_text("x = 1\n")
    patch = (
        "*** Begin Patch\n*** Update File: a.py\n@@\n-x = 1\n+x = 2\u202e\t\n*** Add File: b.py\n+new\n*** End Patch"
    )
    server = rehearse(steps((Think("Now."), Do("apply_patch", {"patch": patch})), ANSWER))
    talk = terminal("chat", "go", server=server)
    shown = talk.says(YES_NO, "y")
    asked = shown[shown.index("? apply_patch wants to run") :]
    assert "  a.py:\n  │ --- a/a.py\n  │ +++ b/a.py\n  │ @@ -1 +1 @@\n  │ -x = 1\n  │ +x = 2<U+202E>␉\n" in asked
    assert "  b.py:\n  │ --- /dev/null\n  │ +++ b/b.py\n  │ @@ -0,0 +1 @@\n  │ +new\n" in asked
    assert "*** Begin Patch" not in asked
    talk.quits()
    assert (program.workspace / "b.py").read_text() == "new\n"


def test_what_was_typed_before_the_question_is_no_answer(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(shell("touch made"), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.types("y\ny")  # it is still starting
    talk.says(YES_NO, "")
    talk.quits()
    assert not (program.workspace / "made").exists() and decisions(program) == [("deny", "user")]


def test_the_name_of_a_folder_does_not_command_the_terminal(program: Any, rehearse: Any, terminal: Any) -> None:
    folder = program.workspace / "a\x1b[2J\u202e\nsandbox bwrap"
    (folder / ".minicode/tools/x\x1b[2J\u202e").mkdir(parents=True)
    for arguments in (("chat", "go"), ("doctor",)):
        talk = terminal(*arguments, server=rehearse(steps(ANSWER, ANSWER)), cwd=folder)
        if arguments == ("doctor",):
            talk.ends()
        else:
            talk.quits()
        assert commands_of_a_terminal(talk.seen.replace("> /quit", "")) == []
        assert "\nsandbox bwrap" not in talk.seen.replace("\nsandbox bwrap, ", "")


def test_yes_once_is_for_once(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(shell("echo x >>made"), shell("echo x >>made"), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.says(YES_NO, "y")
    talk.says(YES_NO, "n")
    talk.quits()
    assert (program.workspace / "made").read_text() == "x\n"
    assert decisions(program) == [("allow", "user"), ("deny", "user")] and not saved(program).exists()


def test_a_no_with_words_reaches_the_model(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(shell("touch a"), Step(ANSWER, expect=Expect(results="write it with the edit tool"))))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.says(YES_NO, "n write it with the edit tool")
    talk.quits()
    assert not (program.workspace / "a").exists()


def test_always_shows_the_exact_rule_and_keeps_that(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(shell("touch 'a b'"), shell("touch 'a b'"), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    assert "(the rule: bash(" in talk.says(YES_NO, "p")
    talk.quits()
    assert decisions(program)[:1] == [("allow", "user")] and talk.seen.count(YES_NO) == 1
    [[rule]] = json.loads(saved(program).read_text()).values()
    assert f"(the rule: {rule})" in talk.seen and "touch" in rule and "*" not in rule
    assert stat.S_IMODE(saved(program).stat().st_mode) == 0o600
    assert not (program.workspace / ".minicode").exists(), "it lies with the user"

    (program.workspace / "a b").unlink()
    server = rehearse(steps(shell("touch 'a b'"), shell("touch a b"), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    assert "touch a b" in talk.says(YES_NO, ""), "the second talk asks only for what is another command"
    talk.quits()
    assert [path.name for path in program.workspace.iterdir()] == ["a b"]

    elsewhere = program.workspace.parent / "elsewhere"
    elsewhere.mkdir()
    talk = terminal("chat", "go", server=rehearse(steps(shell("touch 'a b'"), ANSWER)), env=UNHELD, cwd=elsewhere)
    talk.says(YES_NO, "")
    talk.quits()
    assert list(elsewhere.iterdir()) == [], "it was for that project"


def test_always_in_this_session(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(shell("touch a"), shell("touch a"), ANSWER, shell("touch a"), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.says(YES_NO, "s")
    talk.says("\n> ", "again")
    talk.quits()
    assert talk.seen.count(YES_NO) == 1 and not saved(program).exists()


@pytest.mark.parametrize("command", ["git status", "echo x >f", "echo $(date)", "touch a; touch b"])
def test_no_rule_is_offered_for_what_no_rule_can_cover(
    program: Any, rehearse: Any, terminal: Any, command: str
) -> None:
    server = rehearse(steps(shell(command), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    shown = talk.says(YES_NO, "p")
    assert "always" not in shown and "(the rule" not in shown
    talk.quits()
    assert decisions(program) == [("deny", "user")] and list(program.workspace.iterdir()) == []


def test_leaving_the_sandbox_is_asked_in_plain_words(program: Any, rehearse: Any, terminal: Any) -> None:
    outside = program.workspace.parent / "outside"
    server = rehearse(
        steps(
            shell("touch inside"),
            shell(f"touch {outside}", needs="host"),
            shell(f"touch {outside}2", needs="network"),
            ANSWER,
        )
    )
    talk = terminal("chat", "--permission-mode", "default", "go", server=server)
    if "NOT ENFORCED" in talk.shows("/help"):
        pytest.skip("no sandbox holds here")
    assert "OUTSIDE THE SANDBOX" in (shown := talk.says(YES_NO, "y")) and f"(the rule: host(touch {outside}))" in shown
    assert "with the network" in talk.says(YES_NO, "")
    talk.quits()
    assert (program.workspace / "inside").exists() and outside.exists()
    assert decisions(program) == [("allow", "user"), ("deny", "user")]


def test_modes_can_be_changed_in_the_talk(program: Any, rehearse: Any, terminal: Any) -> None:
    write = Step((Think("Write."), Do("write", {"path": "new", "content": "x"})))
    server = rehearse(steps(write, ANSWER, write, ANSWER, write, ANSWER))
    talk = terminal("chat", "go", server=server)
    talk.says(YES_NO, "")
    talk.says("\n> ", "/mode plan")
    talk.says("\n> ", "again")
    talk.says("\n> ", "/mode acceptEdits")
    assert not (program.workspace / "new").exists()
    talk.says("\n> ", "again")
    talk.quits()
    assert (program.workspace / "new").read_text() == "x" and talk.seen.count(YES_NO) == 1
    assert decisions(program) == [("deny", "user"), ("deny", "mode")]


def test_ctrl_c_at_the_question_ends_the_turn_and_not_the_talk(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(shell("touch made"), ANSWER))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.shows(YES_NO)
    os.write(talk._master, b"\x03")
    talk.shows("\n(stopped)\n")
    talk.says("\n> ", "y")
    talk.quits()
    assert not (program.workspace / "made").exists()


def test_s35_a_prompt_in_a_terminal_is_no_command_line(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(Step(ANSWER, expect=Expect(said="--sandbox=off -y"))))
    talk = terminal("please --sandbox=off -y", server=server, env={"TERM": "dumb"})  # no screen there
    assert "sandbox off" not in talk.quits() and "mode default" in talk.seen


@pytest.mark.parametrize(
    ("line", "several", "told"),
    [
        ("2", False, "The user chose: blue"),
        ("1, 2", True, "The user chose: red"),
        ("1 2", False, "The user says: 1 2"),
        ("7", False, "The user says: 7"),
        ("neither, green", False, "The user says: neither, green"),
        ("", False, "The user did not answer"),
        ("\x04", False, "The user did not answer"),
    ],
)
def test_what_m2_asks_is_answered_in_a_line(
    program: Any, rehearse: Any, terminal: Any, line: str, several: bool, told: str
) -> None:
    asks = {"question": "Which\x1b[31m one?", "options": ["red", "blue"], "several": several}
    heard = Step(ANSWER, expect=Expect(results=told))
    talk = terminal("chat", "go", server=rehearse(steps((Think("Hm."), Do("ask_user", asks)), heard)))
    shown = talk.says("  [-] ", line)
    assert "? M2 asks\n  │ Which one?\n  1  red\n  2  blue\n" in shown
    talk.quits()


def test_two_things_at_once_are_asked_one_after_the_other(program: Any, rehearse: Any, terminal: Any) -> None:
    (program.workspace / "a.txt").write_text("x\n")
    both = (Think("Both."), Do("read", {"path": "a.txt"}), Do("ask_user", {"question": "Which?", "options": ["a"]}))
    server = rehearse(steps(both, Step(ANSWER, expect=Expect(results=("1\tx", "The user says: y")))))
    talk = terminal("chat", "--set", "permissions.ask=read", "go", server=server)
    assert "M2 asks" not in talk.says(YES_NO, "y")
    talk.says("  [-] ", "y")
    talk.quits()


@pytest.mark.parametrize(("line", "mode"), [("3", "acceptEdits"), ("y", "default"), ("make it short", "plan")])
def test_a_plan_is_agreed_to_or_sent_back(program: Any, rehearse: Any, terminal: Any, line: str, mode: str) -> None:
    plans = (Think("Clear."), Do("exit_plan_mode", {"plan": "# Plan\nWrite it."}))
    told = "did not agree: make it short" if mode == "plan" else f"you work in {mode} mode"
    server = rehearse(steps(plans, Step(ANSWER, expect=Expect(results=told))))
    talk = terminal("chat", "--permission-mode", "plan", "plan it", server=server)
    shown = talk.says("  [1] ", line)
    assert "? M2 has a plan\n  │ # Plan\n  │ Write it.\n  1  No, keep planning\n" in shown
    talk.says("\n> ", "/permissions")
    talk.quits()
    assert f"\nmode {mode} · " in talk.seen


def test_ctrl_c_at_a_question_ends_the_turn(program: Any, rehearse: Any, terminal: Any) -> None:
    asks = (Think("Hm."), Do("ask_user", {"question": "Which?"}))
    talk = terminal("chat", "go", server=rehearse(steps(asks, Step(ANSWER, expect=Expect(said="next")))))
    talk.shows("  [-] ")
    os.write(talk._master, b"\x03")
    talk.says("(stopped)", "")
    talk.says("\n> ", "next")
    talk.quits()
    assert [e["text"][:11] for e in program.journal() if e["kind"] == "result"] == ["interrupted"]


def test_killed_while_it_asks_it_goes_on(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps((Think("Hm."), Do("ask_user", {"question": "Which?"}))))
    talk = terminal("chat", "go", server=server)
    talk.shows("  [-] ")
    talk.running.process.kill()
    talk.ends()
    server = rehearse(steps(Step(ANSWER, expect=Expect(said="next", thoughts=1))))
    assert program("run", "-c", "next", server=server).code == 0
    assert [e["text"][:11] for e in program.journal() if e["kind"] == "result"] == ["did not run"]


# --- what is shown ----------------------------------------------------------------------------------------------------

HOSTILE = (
    "a\x1b[2Jb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x1b]52;c;ZXZpbA==\x07e\x1bP+q\x1b\\f\x9b2Jg\x1b[6nh\u202ei\r"
    "\x1b]0;never ends\nj [/foo] list[int] [@click=app.quit]x[/] [link=http://e]y[/link]\n"
)
MARKUP = "[/foo] list[int] [@click=app.quit]x[/] [link=http://e]y[/link]"


def commands_of_a_terminal(seen: str) -> list[str]:
    """The characters that do something other than show themselves, colours aside."""
    plain = re.sub(r"\x1b\[\d*m", "", seen)
    return [char for char in plain if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0 or char == "\u202e"]


def hostile_script(folder: Path) -> Any:
    (folder / "h").write_text(HOSTILE)
    (folder / "h\x1b[2J\x9b").write_text("")
    return steps(
        Step((Think(f"Thinking {HOSTILE}"), Say(f"Saying {HOSTILE}"), *shell("cat h", "ls").blocks[1:])),
        (Think("Look."), Do("read", {"path": "h"}), Do("grep", {"pattern": "j"}), Do("glob", {"pattern": "h*"})),
        Step((Think("End."), Say(f"Last {HOSTILE}")), expect=Expect(results=MARKUP, absent=("\x1b", "\x9b", "ZXZp"))),
    )


@pytest.mark.parametrize("face", [("chat", "go"), ("run", "go")])
def test_s25_s26_nothing_commands_the_terminal(
    program: Any, rehearse: Any, terminal: Any, face: tuple[str, ...]
) -> None:
    talk = terminal(*face, server=rehearse(hostile_script(program.workspace)))
    if face[0] == "chat":
        talk.quits()
    else:
        assert talk.ends() == 0
    seen = talk.seen.replace("> /quit", "")
    assert commands_of_a_terminal(seen) == [] and "ZXZp" not in seen
    assert seen.count(MARKUP) >= 3, "shown as it is"


def test_s25_a_refusal_and_a_server_error_do_not_either(program: Any, rehearse: Any, terminal: Any) -> None:
    from minicode.lab.rehearsal import Fault

    server = rehearse(steps(shell(f"echo '{HOSTILE}'"), Step(fault=Fault(status=400, message=HOSTILE))))
    talk = terminal("chat", "go", server=server, env=UNHELD)
    talk.says(YES_NO, f"n {MARKUP}")
    talk.quits()
    assert commands_of_a_terminal(talk.seen) == []


def test_s37_links_and_pictures_are_text(program: Any, rehearse: Any, terminal: Any) -> None:
    canary = rehearse(steps(ANSWER))
    text = f"![x]({canary.url}/?k=1) and [here]({canary.url}/?k=2) and {canary.url}/?k=3"
    talk = terminal("chat", "go", server=rehearse(steps((Think("Show."), Say(text)))))
    talk.quits()
    assert text in talk.seen and "\x1b]8" not in talk.seen and canary.connections == 0


# --- slash words ------------------------------------------------------------------------------------------------------


def wants(said: str | tuple[str, ...], thoughts: int) -> Step:
    return Step((Think(f"On {said}."), Say("Done.")), expect=Expect(said=said, thoughts=thoughts))


def ids(program: Any, session: str = "") -> dict[str, str]:
    """Ids of the user's messages by text."""
    said = [entry for entry in program.journal(session) if entry["kind"] == "user"]
    return {entry.get("typed", entry["text"]): entry["id"] for entry in said}


def test_rewind_gives_the_words_back_to_be_edited(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(wants("one", 0), wants("two", 1), wants("two, edited", 1)))
    talk = terminal("chat", "one", server=server)
    talk.says("\n> ", "two")
    talk.says("\n> ", "/rewind")
    shown = talk.shows("Enter for none) ")
    assert re.search(r"  e\w+ +\S+ \S+  one\n  e\w+ +\S+ \S+  two\n", shown)
    talk.types(ids(program)["two"])
    talk.shows("yours to edit:\n> two")
    talk.types(", edited")
    talk.quits()
    assert list(ids(program)) == ["one", "two", "two, edited"]


def test_a_rewind_of_many_lines_and_odd_signs(program: Any, rehearse: Any, terminal: Any) -> None:
    words = "first line\nsecond 行 \x1b[2J"
    server = rehearse(steps(wants("first line", 0), wants("second 行", 0)))
    assert program("run", words, server=server).code == 0
    talk = terminal("chat", "-c", server=server)
    talk.says("\n> ", "/undo")
    talk.shows("yours to edit:\n> first line")
    talk.types(" and more")
    talk.quits()
    first, second = ids(program)
    assert first == words and second.split("\n")[0] == "first line" and second.endswith("and more")
    assert "\x1b[2J" not in talk.seen and "\x1b" not in second


def test_going_on_shows_where_it_stood(program: Any, rehearse: Any, terminal: Any) -> None:
    end = "\n".join(f"line {number} \x1b[2J" for number in range(20))
    server = rehearse(steps((Think("First."), Say("OLD")), (Think("So."), Say(end))))
    for words in (("old words",), ("new words", "-c")):
        assert program("run", *words, server=server).code == 0
    talk = terminal("chat", "-c", server=server)
    talk.shows("you: new words\nM2: …\n    line 12\n    line 13")
    talk.shows("line 19")
    assert "OLD" not in talk.quits() and "\x1b" not in talk.seen


def test_undo_redo_and_the_tree(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(wants("one", 0), wants("two", 1), wants("three", 2)))
    talk = terminal("chat", "one", server=server)
    talk.says("\n> ", "two")
    talk.says("\n> ", "/undo")
    talk.says("> two", "\x15/undo")  # ^U: not these words
    talk.says("> one", "\x15/tree")
    talk.says("\n> ", "/redo")
    talk.says("\n> ", "/redo")
    talk.says("\n> ", "/redo")
    talk.shows("nothing to redo")
    talk.says("\n> ", "three")
    talk.quits()
    one, two, _ = ids(program).values()
    assert re.search(f"● the start\n.*· {one} .*\n.*· {two} ", talk.seen)


def test_a_switch_in_the_talk(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(wants("one", 0), wants("two", 1), wants("other", 1), wants("three", 2)))
    talk = terminal("chat", "one", server=server)
    talk.says("\n> ", "two")
    talk.says("\n> ", "/undo")
    talk.says("> two", "\x15other")
    talk.says("\n> ", "/switch")
    talk.says("Write after /switch", f"/rewind {ids(program)['two']}")
    talk.says("is on a left branch", f"/switch {ids(program)['two']}")
    talk.shows("files stay as they are")
    talk.says("/redo undoes that.\n> ", "three")
    talk.quits()
    assert list(ids(program)) == ["one", "two", "other", "three"]


def test_a_fork_and_a_new_session_in_the_talk(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(wants("one", 0), wants("in the fork", 1), wants("anew", 0)))
    talk = terminal("chat", "--permission-mode", "plan", server=server)
    talk.says("\n> ", "/fork")
    talk.shows("nothing to fork yet")
    talk.says("\n> ", "one")
    talk.says("\n> ", "/mode acceptEdits")
    talk.says("\n> ", "/fork the other way")
    assert "mode acceptEdits" in talk.shows("/help")
    talk.says("\n> ", "/fork of a fork")
    talk.shows("/help")
    talk.says("\n> ", "in the fork")
    talk.says("\n> ", "/clear")
    talk.says("\n> ", "anew")
    talk.quits()
    sessions = {tuple(ids(program, path.stem)): path.stem for path in program.journals}
    assert set(sessions) == {("one",), ("one", "in the fork"), ("anew",)}
    parent = {path.stem: program.journal(path.stem)[0].get("from") for path in program.journals}
    unused = parent[sessions["one", "in the fork"]]
    assert unused is not None and parent[unused] is not None and parent[parent[unused]] is None
    listed = program("sessions", "list").out
    assert "the other way" in listed and "of a fork" in listed, "a fork is there though nothing was said in it"
    assert not list(program.home.glob("**/*.lock"))


def test_names_labels_and_words_that_are_none(program: Any, rehearse: Any, terminal: Any) -> None:
    talk = terminal("chat", "one", server=rehearse(steps(wants("one", 0))))
    for line, answer in (
        ("/renam it", "There is no /renam. Did you mean /rename?"),
        ("/xyzzy", "There is no /xyzzy. /help lists them."),
        ("/rename", "Write the new name"),
        ("/rename by hand", "is called by hand"),
        ("/label", "Write the label"),
        ("/label a good start", "is labelled 'a good start'"),
        ("/status", "· by hand · thought 1/1"),
        ("/mode nonsense", "There is no mode 'nonsense'"),
        ("/rewind e999", "no message of yours"),
        ("/unfold", "minicode: "),
        ("/help", "/quit, /exit, /q"),
        ("/tree", "[a good start]"),
    ):
        talk.says("\n> ", line)
        talk.shows(answer)
    talk.quits()
    assert "by hand" in program("sessions", "list").out


CHANGES = (shell("echo 1 >a"), ANSWER, shell("echo 2 >a; echo 2 >b"), ANSWER)


def in_auto(terminal: Any, program: Any, server: Any) -> Any:
    """A talk in which two messages were said: the first made `a`, the second changed it and made `b`."""
    talk = terminal("chat", "--permission-mode", "bypassPermissions", "make", server=server)
    talk.says("\n> ", "change")
    talk.shows("\n> ")
    return talk


def contents(program: Any) -> dict[str, str]:
    return {path.name: path.read_text() for path in program.workspace.iterdir()}


def test_files_go_back_in_the_talk(program: Any, rehearse: Any, terminal: Any) -> None:
    talk = in_auto(terminal, program, rehearse(steps(*CHANGES)))
    talk.types("/undo")
    talk.says("both (b)? [c] ", "b")
    assert "-2\n+1\n" in talk.shows(YES_NO)
    talk.types("n")
    talk.says("Nothing was changed.\n> ", "/undo")
    talk.says("both (b)? [c] ", "b")
    talk.says(YES_NO, "y")
    talk.shows("yours to edit:\n> change")
    assert contents(program) == {"a": "1\n"}
    talk.types("\x15/redo")
    talk.shows("before the last rewind or switch.")
    assert contents(program) == {"a": "2\n", "b": "2\n"}
    talk.says("\n> ", f"/rewind {ids(program)['make']}")
    talk.says("both (b)? [c] ", "f")
    talk.says(YES_NO, "y")
    talk.says("goes on where it was; /redo undoes this.\n> ", "/status")
    talk.quits()
    assert contents(program) == {}
    assert program("sessions", "verify", program.journals[0].stem).code == 0


def test_the_users_own_changes_are_asked_for_in_the_talk(program: Any, rehearse: Any, terminal: Any) -> None:
    talk = in_auto(terminal, program, rehearse(steps(*CHANGES)))
    (program.workspace / "a").write_text("mine")
    talk.types("/undo")
    talk.says("both (b)? [c] ", "f")
    shown = talk.says("overwrite that, too? [y/N] ", "y")
    assert re.search("changed since: .*/a\n", shown) and "-mine\n" in shown
    talk.shows("/redo undoes this.")
    assert contents(program) == {"a": "1\n"}
    (program.workspace / "a").write_text("mine again")
    talk.says("\n> ", "/redo")
    talk.says("Overwrite that, too? [y/N] ", "")
    assert contents(program) == {"a": "mine again"}
    talk.says("\n> ", "/redo")
    talk.says("Overwrite that, too? [y/N] ", "y")
    talk.quits()
    assert contents(program) == {"a": "mine", "b": "2\n"}


def test_a_rewind_that_a_crash_cut_is_ended_first(program: Any, rehearse: Any, terminal: Any) -> None:
    assert program("run", "make", server=rehearse(steps(*CHANGES[:2]))).code == 0
    trees = [entry["tree"] for entry in program.journal() if entry["kind"] == "snapshot"]
    [folder] = (program.home / ".minicode" / "snapshots").iterdir()
    store = Store(folder)
    store.note("restoring", {"from": trees[-1], "to": trees[0]})  # as a process leaves it that dies then
    store.close()
    for answer, left in (("", {"a": "1\n"}), ("y", {})):
        talk = terminal("chat", "-c", server=rehearse(steps()))
        assert "in the middle" in talk.says(YES_NO, answer)
        talk.quits()
        assert contents(program) == left
    assert program.kinds()[-1] == "files"
    assert program("sessions", "redo", program.journals[0].stem).code == 0 and contents(program) == {"a": "1\n"}


def test_words_that_say_something_to_m2_begin_a_turn(program: Any, rehearse: Any, terminal: Any) -> None:
    own = program.home / ".minicode" / "commands"
    own.mkdir(parents=True)
    (own / "greet.md").write_text("Greet $1.")
    server = rehearse(steps(wants("Review the branch x.", 0), wants("Greet Ada.", 1), wants("look around", 2)))
    talk = terminal("chat", "/review the branch x", server=server)
    talk.says("\n> ", "/greet Ada Lovelace")
    talk.says("\n> ", "/plan look around")
    talk.says("\n> ", "/usage")
    talk.quits()
    assert program.kinds().count("user") == 3 and "Greet Ada." in list(ids(program))


def test_a_path_is_said_to_m2(program: Any, rehearse: Any, terminal: Any) -> None:
    talk = terminal("chat", "/etc/hosts is what?", server=rehearse(steps(wants("/etc/hosts is what?", 0))))
    talk.quits()


def test_another_model_in_the_talk_and_in_the_next_session(program: Any, rehearse: Any, terminal: Any) -> None:
    server = rehearse(steps(wants("one", 0), wants("two", 0)))
    talk = terminal("chat", server=server)
    talk.says("\n> ", "/model MiniMax-M2.5")
    talk.says("\n> ", "one")
    talk.says("\n> ", "/clear")
    talk.shows("minicode · MiniMax-M2.5 · ")
    talk.says("\n> ", "two")
    talk.says("\n> ", "/resume")
    talk.says("Enter for none) ", "2")
    talk.shows("you: one\n")
    talk.quits()
    assert {request.body["model"] for request in server.requests} == {"MiniMax-M2.5"}


def test_a_session_in_use_is_not_gone_over_to(program: Any, rehearse: Any, terminal: Any) -> None:
    other = terminal("chat", "--name", "busy", "one", server=rehearse(steps(wants("one", 0))))
    other.shows("\n> ")
    talk = terminal("chat", server=rehearse(steps(wants("still here", 0))))
    talk.says("\n> ", "/resume busy")
    talk.shows("is in use")
    talk.says("\n> ", "still here")
    talk.quits()
    other.types("/quit")
    assert other.ends() == 0


def test_the_last_answer_goes_to_the_clipboard_of_the_terminal(program: Any, rehearse: Any, terminal: Any) -> None:
    for term, told in (("xterm", "\x1b]52;c;RG9uZS4=\x07"), ("dumb", "not known to have a clipboard")):
        talk = terminal("chat", "one", server=rehearse(steps(wants("one", 0))), env={"TERM": term})
        talk.says("\n> ", "/copy")
        talk.shows(told)
        talk.quits()


def test_ctrl_c_stops_what_a_word_does(program: Any, rehearse: Any, terminal: Any, bell: Any) -> None:
    talk = terminal("chat", "one", server=rehearse(steps(wants("one", 0), wants("two", 1))), env=UNHELD)
    talk.says("\n> ", f"/verify {bell.ring}; sleep 600")
    bell.wait()
    os.write(talk._master, b"\x03")
    talk.shows("(stopped)")
    talk.says("\n> ", "/rewind")
    talk.shows("Enter for none) ")
    os.write(talk._master, b"\x03")
    talk.shows("(stopped)")
    talk.says("\n> ", "/rewind")
    talk.shows("Enter for none) ")
    os.write(talk._master, b"\x04")  # Ctrl-D is no answer
    talk.says("\n> ", "two")
    talk.quits()
    assert list(ids(program)) == ["one", "two"]


def test_a_claim_is_verified_in_the_sandbox_and_sent_back(program: Any, rehearse: Any, terminal: Any) -> None:
    outside = program.workspace.parent / "outside"
    server = rehearse(steps(wants("one", 0), wants(("it fails: exit code 3", "no such luck"), 1)))
    talk = terminal("chat", "one", server=server)
    held = "NOT ENFORCED" not in talk.shows("/help")
    talk.says("\n> ", f"/verify touch {outside} in; echo no such luck; exit 3")
    talk.says("Send this to M2? [y/N] ", "y")
    talk.quits()
    assert "M2 said   │ Done.\n" in talk.seen and "outcome   │ failed: exit code 3\x1b[0m" in talk.seen
    assert outside.exists() != held and (program.workspace / "in").exists()


def test_only_what_may_have_changed_is_checked_again(program: Any, rehearse: Any, terminal: Any) -> None:
    wrote = (Think("Write."), Do("shell", {"command": "echo x >>note"}))
    done = (Think("That is all."), Say("Done."))
    talk = terminal(
        "chat", "one", "--set", "verify=echo x >>checks", server=rehearse(steps(wrote, done, done, wrote, done))
    )
    talk.says("\n> ", "two")
    talk.says("\n> ", "three")
    talk.quits()
    assert (program.workspace / "checks").read_text() == "x\nx\n" and "passed: exit code 0" in talk.seen


# --- trust and the key ------------------------------------------------------------------------------------------------


def test_trust_is_asked_and_asked_again_with_what_changed(program: Any, rehearse: Any, terminal: Any) -> None:
    file = program.workspace / ".minicode" / "config.toml"
    file.parent.mkdir()
    file.write_text(HOOK)
    asking = terminal("trust")
    shown = asking.says(YES_NO, "")
    assert 'command = "touch hooked"' in shown and ".minicode/config.toml" in shown
    assert asking.ends() == 1 and "Nothing was trusted" in asking.seen
    asking = terminal("trust")
    asking.says(YES_NO, "y")
    assert asking.ends() == 0
    file.write_text(HOOK.replace("hooked", "hooked more"))
    asking = terminal("trust")
    shown = asking.says(YES_NO, "n")
    assert '-command = "touch hooked"' in shown and '+command = "touch hooked more"' in shown
    assert "changed since it was trusted" in shown and asking.ends() == 1


@pytest.mark.parametrize(("answer", "runs"), [("y", True), ("", False)])
def test_s20_a_talk_asks_for_trust_before_anything(
    program: Any, rehearse: Any, terminal: Any, answer: str, runs: bool
) -> None:
    (program.workspace / ".minicode").mkdir()
    (program.workspace / ".minicode" / "config.toml").write_text(HOOK)
    server = rehearse(steps(ANSWER))
    talk = terminal("chat", "go", server=server)
    assert "touch hooked" in talk.shows(YES_NO)
    assert not (program.workspace / "hooked").exists() and server.connections == 0
    talk.types(answer)
    talk.quits()
    if "NOT ENFORCED" not in talk.seen:
        assert (program.workspace / "hooked").exists() == runs
    assert ("is trusted" in talk.seen) == runs


def test_login_on_a_terminal_never_shows_the_key(program: Any, rehearse: Any, terminal: Any) -> None:
    asking = terminal("login", env=KEYRING)
    asking.says("(it is not shown): ", OTHER_KEY)
    asking.says("[international] ", "atlantis")
    asking.says("[international] ", "")
    assert asking.ends() == 0 and OTHER_KEY not in asking.seen + program.ran[-1].err
    kept = program.home / ".minicode" / "auth.json"
    assert json.loads(kept.read_text())["key"] == OTHER_KEY and stat.S_IMODE(kept.stat().st_mode) == 0o600
    server = rehearse(steps(ANSWER), key=OTHER_KEY)
    ran = program("run", "go", server=server, env=KEYRING)
    assert ran.code == 0 and OTHER_KEY not in ran.out + ran.err


def test_ctrl_c_at_the_key_leaves_the_terminal_as_it_was(program: Any, terminal: Any) -> None:
    asking = terminal("login", env=KEYRING)
    asking.shows("(it is not shown): ")
    os.write(asking._master, b"\x03")
    assert asking.ends() == 130 and not (program.home / ".minicode" / "auth.json").exists()
