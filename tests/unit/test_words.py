"""The slash words over real sessions: what each says, asks, changes and sends."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from minicode import plain, safety, trust
from minicode.cli.slash import all_helps, helps, is_word, obey
from minicode.cli.words.saying import commands, filled, text_of
from minicode.errors import ConfigError, UsageError
from minicode.events import Event, StepStarted, TurnEnded
from minicode.ground import ground
from minicode.lab.rehearsal import Do, Expect, Rehearsal, Say, Step, Think, steps
from minicode.paths import places
from minicode.plan import Plan
from minicode.session import Session
from minicode.start import Started, start

CONTRACT = (
    "/help /model /clear /new /reset /compact /unfold /resume /sessions /rewind /undo /redo /fork /tree /rename "
    "/export /status /usage /cost /context /diff /review /init /mcp /permissions /plan /theme /config /thinking /trace "
    "/recall /verify /tasks /tools /doctor /copy /quit /exit /q"
)
DONE = (Think("Well."), Say("Done."))


class Talk:
    """A face that remembers. answers: what is said to the next questions."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.given = plan, ""
        self.started: Started = start(plan)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.answers: list[str] = []
        self.sent: list[str] = []
        self.copied = ""
        self.gone_over: list[Plan] = []

    @property
    def session(self) -> Session:
        return self.started.session

    def say(self, text: str) -> None:
        assert text.endswith("\n") or not text
        self.said.append(text)

    async def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answers.pop(0) if self.answers else ""

    def show(self, event: Event) -> None:
        plain.Progress(self.said.append, colour=False).show(event)

    async def go_over(self, plan: Plan) -> None:
        self.gone_over.append(plan)

    def send(self, text: str) -> None:
        self.sent.append(text)

    def copy(self, text: str) -> None:
        self.copied = text

    async def word(self, line: str) -> str:
        """What it says to a word; it goes on after it."""
        self.said.clear()
        assert await obey(self, line)
        return "".join(self.said)

    async def turn(self, text: str) -> TurnEnded:
        *_, last = [event async for event in self.session.send(text)]
        assert isinstance(last, TurnEnded)
        return last


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def rehearse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rehearsal]]:
    with ExitStack() as stack:

        def make(*played: Any) -> Rehearsal:
            server = stack.enter_context(Rehearsal(steps(*played)))
            monkeypatch.setenv("MINIMAX_BASE_URL", f"{server.url}/anthropic")
            servers.append(server)
            return server

        servers: list[Rehearsal] = []
        yield make
    assert [failure for server in servers for failure in server.failures] == []


@pytest.fixture
async def talk(
    folder: Path, rehearse: Callable[..., Rehearsal], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Talk]]:
    """talk(*steps, **flags) → a Talk in the folder, with a server that plays the steps."""
    monkeypatch.setenv("MINICODE_SANDBOX_BACKENDS", "none")
    talks: list[Talk] = []

    def make(*played: Any, **flags: Any) -> Talk:
        rehearse(*played)
        flags.setdefault("permission_mode", "bypassPermissions")
        talks.append(Talk(Plan(folder=folder, asks=True, flags=flags)))
        return talks[-1]

    yield make
    for one in talks:
        await one.started.close()


def write(name: str, content: str) -> tuple[Any, ...]:
    return (Think("Write."), Do("write", {"path": name, "content": content}))


# --- what is a word ---------------------------------------------------------------------------------------------------


def test_every_word_of_the_contract_is_there_and_has_help() -> None:
    names = [name for word in helps() for name in (word.name, *word.aliases)]
    assert set(CONTRACT.split()) <= set(names) and len(names) == len(set(names))
    assert all(word.help and not word.own for word in helps())


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("/help", True),
        ("/HELP me", True),
        ("/", True),
        ("/etc/hosts is wrong", False),
        ("/tmp/", False),
        ("a /b", False),
    ],
)
def test_a_path_is_no_word(line: str, is_one: bool) -> None:
    assert is_word(line) is is_one


async def test_near_misses_case_and_lines(talk: Callable[..., Talk]) -> None:
    desk = talk()
    assert await desk.word("/verfy") == "minicode: There is no /verfy. Did you mean /verify?\n"
    assert await desk.word("/xyzzy") == "minicode: There is no /xyzzy. /help lists them.\n"
    assert "mode plan" in await desk.word("/PLAN find\nthe fault") and desk.sent == ["find\nthe fault"]
    assert not await obey(desk, "/q") and not await obey(desk, "/Exit now")


async def test_what_belongs_to_the_screen_says_so(talk: Callable[..., Talk]) -> None:
    desk = talk()
    for line in ("/theme dark", "/thinking full"):
        assert "belongs to the full screen" in await desk.word(line)


async def test_a_word_that_breaks_does_not_end_the_talk(talk: Callable[..., Talk]) -> None:
    desk = talk(DONE)
    await desk.turn("one")
    assert "cannot be written" in await desk.word("/export md no/such/folder/x.md")
    desk.copy = None  # type: ignore[assignment, method-assign]
    assert "internal error in /copy: TypeError" in await desk.word("/copy")


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_before_anything_was_said(talk: Callable[..., Talk], folder: Path) -> None:
    desk = talk()
    assert "Nothing was sent" in await desk.word("/trace")
    assert "no answer to copy" in await desk.word("/copy")
    assert "say something first" in await desk.word("/export")
    assert "no session of this folder yet" in await desk.word("/resume")
    assert "nothing to go back to" in await desk.word("/undo")
    assert "this turn" in await desk.word("/usage")
    assert "runs in the background" in await desk.word("/tasks")
    (folder / ".mcp.json").write_text("{}")
    assert ".mcp.json of this folder is not used" in await desk.word("/mcp")
    assert desk.sent == [] and desk.asked == []


async def test_looking_at_a_session(talk: Callable[..., Talk], folder: Path) -> None:
    desk = talk((Think("Find the walrus."), Say("It is a walrus.")), DONE)
    await desk.turn("what is it?")
    await desk.turn("sure?")
    session = desk.session.journal.id
    status = await desk.word("/status")
    assert f"session {session}" in status and "model MiniMax-M2.7 at 127.0.0.1" in status and str(folder) in status
    traced = await desk.word("/trace 1")
    assert "step 1 of 2" in traced and "identical to what was sent" in traced and "what is it?" in traced
    assert "sure?" in await desk.word("/trace") and "there is no step '3'" in await desk.word("/trace 3")
    assert "Find the walrus" in await desk.word("/recall walrus thinking")
    assert "what to look for" in await desk.word("/recall")
    assert "thinking" in await desk.word("/context")
    assert "run_tests" in await desk.word("/tools")
    await desk.word("/copy")
    assert desk.copied == "Done."


async def test_usage_tells_the_turn_and_the_session(talk: Callable[..., Talk]) -> None:
    desk = talk(*[DONE] * 3)
    first, second = await desk.turn("one"), await desk.turn("two")
    header, turn, session, _ = (await desk.word("/cost")).splitlines()
    assert header.split() == ["steps", "tokens", "in", "cached", "out", "USD"]
    assert turn.split()[:3] == ["this", "turn", "1"] and session.split()[:2] == ["session", "2"]
    assert f" {second.usage.context:,} " in turn and f" {(first.usage + second.usage).context:,} " in session
    assert float(turn.split()[-1]) > 0
    await desk.word("/model a-model-of-my-own")
    await desk.turn("three")
    assert "unknown" in (await desk.word("/usage")).splitlines()[1]
    assert "unknown" in (await desk.word("/usage")).splitlines()[2], "a sum without a part is none"


async def test_what_runs_in_the_background_can_be_stopped(talk: Callable[..., Talk]) -> None:
    server = Do("shell", {"command": "sleep 600", "run_in_background": True})
    desk = talk((Think("Start it."), server), DONE)
    await desk.turn("serve")
    assert re.fullmatch(r"  1  runs, \d+ s  sleep 600\n", await desk.word("/tasks"))
    for line in ("/tasks stop", "/tasks stop 7", "/tasks end 1"):
        assert "minicode: " in await desk.word(line)
    shown = await desk.word("/tasks stop 1")
    assert shown == "Nothing runs in the background.\n  1  stopped  sleep 600\n"


async def test_config_says_what_the_session_goes_on_with(talk: Callable[..., Talk], home: Path) -> None:
    desk = talk()
    (home / ".minicode" / "config.toml").write_text("max_turns = 7\n")
    shown = await desk.word("/config max_turns")
    assert "max_turns = 7  # " in shown and "which goes on with:\nmax_turns = 0\n" in shown
    (home / ".minicode" / "config.toml").write_text("max_trns = 7\n")
    assert "Did you mean `max_turns`" in await desk.word("/config")


async def test_doctor_asks_the_endpoint_with_the_key_of_the_session(
    talk: Callable[..., Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "sk-canary-0000000000")
    add = Step((Think("Add."), Do("add", {"a": 1739, "b": 2588})))
    monkeypatch.setenv("MINICODE_PROTOCOL", "anthropic")
    desk = talk(DONE, add)
    shown = await desk.word("/doctor")
    assert "pay as you go (by its form), from this session" in shown and "sk-canary" not in shown
    assert "anthropic    answers, but did not call the tool" in shown


# --- setting ----------------------------------------------------------------------------------------------------------


async def test_another_model_from_the_next_step_on(
    talk: Callable[..., Talk], rehearse: Callable[..., Rehearsal]
) -> None:
    desk = talk()
    server = rehearse(DONE, Step(DONE, expect=Expect(thoughts=1)))
    desk = Talk(desk.plan)
    await desk.turn("one")
    assert "● MiniMax-M2.7 " in await desk.word("/model")
    desk.session.parts.budget = desk.session.parts.budget._replace(window=1000)  # as an overflow leaves it
    assert "204,800 tokens" in await desk.word("/model MiniMax-M2.5")
    await desk.turn("two")
    assert [request.body["model"] for request in server.requests if request.body] == ["MiniMax-M2.7", "MiniMax-M2.5"]
    assert desk.plan.flags["model"] == "MiniMax-M2.5", "so that /clear and /fork keep it"
    assert "Did you mean MiniMax-M2.5?" in await desk.word("/model minimax-m2.55")
    assert desk.session.parts.budget.whole("minimax-m2.55") == 131_072
    assert "no blanks" in await desk.word("/model a b")
    await desk.started.close()


async def test_rules_are_listed_and_taken_back(talk: Callable[..., Talk], folder: Path, home: Path) -> None:
    (home / ".minicode").mkdir(mode=0o700)
    (home / ".minicode" / "config.toml").write_text('[permissions]\ndeny = ["read(secret)"]\n')
    state = places().state
    for rule in ("bash(make)", "bash(make test)"):
        safety.save_rule(state, folder, rule)
    desk = talk(permission_mode="default")
    gate = desk.session.gate
    gate.standing = gate.standing._replace(
        rules=gate.standing.rules._replace(allow=(*gate.standing.rules.allow, "edit"))
    )
    shown = await desk.word("/permissions")
    assert "    deny   read(secret)  (" in shown and "config.toml" in shown
    assert " 1  allow  bash(make)  (you, for this project)\n" in shown
    assert " 3  allow  edit  (you, for this session)\n" in shown
    assert "any more: bash(make)" in await desk.word("/permissions remove 1")
    assert safety.saved_rules(state, folder) == ("bash(make test)",)
    assert gate.standing.rules.allow == ("bash(make test)", "edit")
    assert "any more: edit" in await desk.word("/permissions remove 2")
    assert gate.standing.rules.allow == ("bash(make test)",)
    for line in ("/permissions remove 9", "/permissions remove", "/permissions drop 1"):
        assert "minicode: " in await desk.word(line)
    assert safety.saved_rules(state, folder) == ("bash(make test)",)


# --- going somewhere else ---------------------------------------------------------------------------------------------


async def test_another_session_by_number_id_and_name(talk: Callable[..., Talk]) -> None:
    old = talk(DONE)
    await old.turn("an old task")
    await old.word("/rename the old one")
    await old.started.close()
    desk = talk(DONE)
    await desk.turn("a new task")
    desk.answers = ["2"]
    shown = await desk.word("/resume")
    assert "a new task  (this one)" in shown and "the old one" in shown and "1 turn" in shown
    await desk.word("/resume the old one")
    await desk.word(f"/sessions {old.session.journal.id}")
    assert [plan.resume for plan in desk.gone_over] == [old.session.journal.id] * 3
    assert "the session you are in" in await desk.word(f"/resume {desk.session.journal.id}")
    assert "No session is called 'nonsense'" in await desk.word("/resume nonsense")
    await desk.word("/resume")
    assert len(desk.gone_over) == 3, "no answer is none"


async def test_nothing_moves_while_a_turn_runs(talk: Callable[..., Talk]) -> None:
    desk = talk(DONE)
    tried = 0
    async for event in desk.session.send("one"):
        if isinstance(event, StepStarted):
            for line in (
                "/clear",
                "/resume",
                "/fork",
                "/undo",
                "/rewind",
                "/redo",
                "/switch e1",
                "/compact",
                "/verify",
            ):
                assert "minicode: A turn is running: " in await desk.word(line), line
                tried += 1
            assert "step 1 of 1" in await desk.word("/trace"), "looking is free"
    assert tried == 9 and desk.gone_over == [] and desk.asked == []


async def test_a_rewind_asks_what_goes_back_and_can_be_refused(talk: Callable[..., Talk], folder: Path) -> None:
    desk = talk(write("a", "1\n"), DONE, write("b", "2\n"), DONE)
    await desk.turn("first")
    await desk.turn("second")
    desk.answers = ["b", "n"]
    assert "Nothing was changed" in await desk.word("/undo") and (folder / "b").exists()
    desk.answers = ["b", "y"]
    shown = await desk.word("/undo")
    assert "-2\n" in shown and desk.given == "second" and not (folder / "b").exists()
    await desk.word("/redo")
    assert (folder / "b").exists() and desk.given == ""


# --- carrying away ----------------------------------------------------------------------------------------------------


async def test_export_by_format_by_ending_and_never_over_a_file_unasked(
    talk: Callable[..., Talk], folder: Path, home: Path
) -> None:
    desk = talk((Think("Deep."), Say(f"In {home}/x.")))
    await desk.turn("tell")
    session = desk.session.journal.id
    assert "holds the session now" in await desk.word("/export")
    text = (folder / f"{session}.md").read_text()
    assert "Deep." in text and str(home) not in text
    await desk.word("/export page.html")
    assert (folder / "page.html").read_text().startswith("<!")
    await desk.word("/export atif out.json")
    assert json.loads((folder / "out.json").read_text())["schema_version"].startswith("ATIF")
    (folder / "page.html").write_text("mine")
    assert "Nothing was written" in await desk.word("/export page.html")
    assert (folder / "page.html").read_text() == "mine"
    desk.answers = ["y"]
    await desk.word("/export page.html")
    assert (folder / "page.html").read_text() != "mine"
    assert "no format 'pdf'" in await desk.word("/export pdf")


async def test_the_key_that_the_session_took_out_of_the_environment_is_not_exported(
    talk: Callable[..., Talk], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "of-no-known-form-0815")
    desk = talk(DONE)
    await desk.turn("one")
    desk.session.journal.append("user", {"text": "it is of-no-known-form-0815!"})  # as if it had slipped in
    await desk.word("/export md out.md")
    assert "it is " in (text := (folder / "out.md").read_text()) and "0815" not in text


async def test_the_difference_since_the_session_began(talk: Callable[..., Talk], folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "old").write_text("as it was\n")
    desk = talk(write("sub/new", "made\n"), DONE)
    assert "not in a git repository" in await desk.word("/diff")
    await desk.turn("make it")
    (folder / "old").write_text("by hand\n")
    shown = await desk.word("/diff")
    assert shown.startswith("Since the session began:\n") and "+made\n" in shown and "+by hand\n" in shown
    assert "by hand" not in await desk.word("/diff sub")
    assert "Nothing has changed there" in await desk.word("/diff nowhere")
    assert "minicode: " in await desk.word("/diff ../..")


async def test_the_difference_from_the_last_commit(talk: Callable[..., Talk], folder: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "a").write_text("1\n")
    for arguments in (("init",), ("add", "."), ("commit", "-m", "x")):
        git(*arguments)
    desk = talk()
    assert "Nothing differs" in await desk.word("/diff")
    (folder / "a").write_text("2\x1b[2J\n")
    for number in range(25):
        (folder / f"new{number:02}").write_text("")
    shown = await desk.word("/diff")
    assert "-1\n+2" in shown and "\x1b" not in shown and "new: new19\nand 5 more new files" in shown


async def test_a_long_difference_is_bounded(talk: Callable[..., Talk], folder: Path) -> None:
    desk = talk(write("a", "x" * 79 + "\n"), DONE)
    await desk.turn("go")
    for number in range(100):
        (folder / f"f{number}").write_text("line\n" * 500)
    assert len(await desk.word("/diff")) < 30_000


# --- verifying --------------------------------------------------------------------------------------------------------


async def test_a_claim_beside_the_evidence(talk: Callable[..., Talk], folder: Path) -> None:
    desk = talk((Think("Surely."), Say("All tests pass now.")))
    await desk.turn("mend it")
    (folder / "test_a.py").write_text(
        "import unittest\nclass A(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(1, 2)\n"
    )
    desk.answers = ["y"]
    shown = await desk.word("/verify")
    assert "M2 said   │ All tests pass now.\n" in shown and "1 failed" in shown and "1 != 2" in shown
    [sent] = desk.sent
    assert sent.startswith("What you said was checked by the tests of this project, and it fails: ")
    assert "1 != 2" in sent
    (folder / "test_a.py").write_text((folder / "test_a.py").read_text().replace("1, 2", "1, 1"))
    assert "all passed (1)" in await desk.word("/verify")
    assert len(desk.asked) == 1, "a success is nothing to mend"


async def test_a_command_of_the_users_own(talk: Callable[..., Talk], folder: Path) -> None:
    desk = talk()
    desk.answers = ["no"]
    shown = await desk.word("/verify seq 30; exit 3")
    assert "M2 said   │ (nothing yet)\n" in shown and "checked   │ `seq 30; exit 3`\n" in shown
    assert "outcome   │ failed: exit code 3\n" in shown and "│ 30\n" in shown and "│ 18\n" not in shown
    assert desk.sent == [], "it is sent only after a yes"
    assert "exit code 0" in await desk.word("/verify touch made") and (folder / "made").exists()


async def test_a_rule_forbids_it_to_the_user_too(talk: Callable[..., Talk], folder: Path, home: Path) -> None:
    (home / ".minicode").mkdir(mode=0o700)
    (home / ".minicode" / "config.toml").write_text('[permissions]\ndeny = ["bash(touch *)"]\n')
    desk = talk()
    assert "It was not run: The rule" in await desk.word("/verify touch made") and not (folder / "made").exists()


# --- what is said to M2 -----------------------------------------------------------------------------------------------


async def test_review_and_init_send_a_prompt(talk: Callable[..., Talk], home: Path) -> None:
    desk = talk()
    for line in ("/review", "/review the branch x", "/init mind the tests"):
        await desk.word(line)
    plain, named, init = desk.sent
    assert "Review the changes that are not committed yet." in plain and "Review the branch x." in named
    assert "AGENTS.md" in init and init.endswith("mind the tests")
    (home / ".minicode" / "prompts").mkdir(parents=True)
    (home / ".minicode" / "prompts" / "review.md").write_text("Mine: {{ what }}")
    await desk.word("/review it")
    assert desk.sent[-1] == "Mine: it"


@pytest.mark.parametrize(
    ("text", "rest", "whole"),
    [
        ("Do it.", "", "Do it."),
        ("Do it.", "now", "Do it.\n\nnow"),
        ("Do $ARGUMENTS now", "this and that", "Do this and that now"),
        ("$1, then $2; $3.", "'a b' c", "a b, then c; ."),
        ("$1", "don't", "don't"),
        ("$1 costs $10 or $ARGUMENTS_X", "it", "it costs $10 or $ARGUMENTS_X"),
        ("$1", "$2 x", "$2"),
        ("$ARGUMENTS", "$1\\1 {x}", "$1\\1 {x}"),
    ],
)
def test_places_for_arguments(text: str, rest: str, whole: str) -> None:
    assert filled(text, rest) == whole


def own(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / "commands" / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def test_commands_of_the_users_own(talk: Callable[..., Talk], home: Path) -> None:
    desk = talk()
    own(
        home / ".minicode",
        fix="# Mend \x1b[2J issue $1\nand test it",
        git__log="Tell the log.",
        review="Mine",
        q="Mine",
    )
    (home / ".minicode" / "commands" / "two words.md").write_text("x")
    (home / ".minicode" / "commands" / "empty.md").write_text(" \n")
    (home / ".minicode" / "commands" / "bad.md").write_bytes(b"\xff\xfe")
    await desk.word("/fix 42")
    await desk.word("/git:log of today")
    assert desk.sent == ["# Mend \x1b[2J issue 42\nand test it", "Tell the log.\n\nof today"]
    assert "Did you mean /fix?" in await desk.word("/fixx")
    shown = await desk.word("/help")
    _, mine = shown.split("Your own:\n")
    assert "  /fix [ARGUMENTS]" in mine and "Mend  issue $1\n" in mine and "/git:log" in mine
    assert "(not in use: /review is a word of minicode's own)" in mine and "(not in use: /q is" in mine
    assert "two words" not in mine and "nothing to send" in mine and "\x1b" not in shown
    assert "it is empty" in await desk.word("/empty") and "cannot be read as UTF-8" in await desk.word("/bad")
    await desk.word("/review")
    assert len(desk.sent) == 3 and desk.sent[2] != "Mine"
    assert {word.name for word in await all_helps(desk) if word.own} >= {"/fix", "/git:log"}


async def test_front_matter_tells_of_a_command_and_is_not_sent(talk: Callable[..., Talk], home: Path) -> None:
    desk = talk()
    own(
        home / ".minicode",
        fix='---\r\ndescription: "Mend: an \x1b[2Jissue"\r\nargument-hint: NUMBER [why]\r\n---\r\n\r\n'
        "Mend $1\r\n---\r\nend",
        bare="---\nmodel: other\n---\n# Say $ARGUMENTS",
        open="---\ndescription: never closed\nthe words",
        none="---\ndescription: nothing\n---\n",
    )
    for word in ("/fix 42", "/bare it", "/open"):
        await desk.word(word)
    assert desk.sent == ["Mend 42\r\n---\r\nend", "# Say it", "---\ndescription: never closed\nthe words"]
    told = {word.name: (word.takes, word.help) for word in await all_helps(desk) if word.own}
    assert told["/fix"] == ("NUMBER [why]", "Mend: an issue")
    assert told["/bare"] == ("[ARGUMENTS]", "Say $ARGUMENTS")
    assert told["/open"] == ("", "---")
    assert "nothing to send" in told["/none"][1]


async def test_commands_of_a_project_need_trust_as_it_is(talk: Callable[..., Talk], folder: Path, home: Path) -> None:
    own(home / ".minicode", deploy="the user's", mine="the user's")
    own(folder / ".minicode", deploy="the project's")
    desk = talk()
    await desk.word("/deploy")
    trust.accept(trust.look(folder, places()), places())
    await desk.word("/deploy")
    await desk.word("/mine")
    assert desk.sent == ["the user's", "the project's", "the user's"]
    own(folder / ".minicode", deploy="changed by M2")
    await desk.word("/deploy")
    assert desk.sent[-1] == "the user's"


async def test_the_bytes_that_are_sent_are_those_that_were_trusted(folder: Path) -> None:
    own(folder / ".minicode", deploy="the project's")
    trust.accept(trust.look(folder, places()), places())
    base = ground(folder)
    deploy = commands(base)["/deploy"]
    assert text_of(deploy, base) == "the project's"
    own(folder / ".minicode", deploy="changed a moment later")
    with pytest.raises(ConfigError, match="not what was trusted"):
        text_of(deploy, base)


async def test_a_pipe_among_the_commands_is_not_opened(talk: Callable[..., Talk], home: Path) -> None:
    import os

    desk = talk()
    own(home / ".minicode", a="A")
    os.mkfifo(home / ".minicode" / "commands" / "pipe.md")
    assert "There is no /pipe" in await desk.word("/pipe") and "/pipe" not in await desk.word("/help")


async def test_where_nothing_can_be_copied_it_is_said(talk: Callable[..., Talk]) -> None:
    desk = talk(DONE)
    await desk.turn("one")

    def none(text: str) -> None:
        raise UsageError("No clipboard here.")

    desk.copy = none  # type: ignore[method-assign]
    assert await desk.word("/copy") == "minicode: No clipboard here.\n"
