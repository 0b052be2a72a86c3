"""Words of the user's that are too long for every request: kept whole once, told in part, given back whole."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from minicode.cli.app import call
from minicode.events import Event, Noted, StepStarted, TextDelta, TurnEnded, TurnStarted
from minicode.journal.blobs import Blobs
from minicode.journal.entry import Entry
from minicode.journal.kept import lean, whole
from minicode.journal.reader import load
from minicode.journal.tree import said
from minicode.lab.rehearsal import Do, Rehearsal, Say, Step, Think, steps
from minicode.messages import Call
from minicode.pasting import LONGEST, in_part
from minicode.plan import Plan
from minicode.sandbox.policy import Grant
from minicode.start import Started, start

LOG = "".join(f"line {n}\tqueue \x1b[31mfull\x1b[0m ä\n" for n in range(8000))
MIDDLE = "line 4000\t"
LOOK = (Think("Look first."), Do("read", {"path": "a.py"}))
DONE = (Think("Well."), Say("Done."))


class Scene:
    def __init__(self, server: Rehearsal, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.server, self.folder, self.capture = server, folder, capture
        self.events: list[Event] = []

    @asynccontextmanager
    async def session(self, **plan: Any) -> AsyncIterator[Started]:
        flags = {"base_url": f"{self.server.url}/anthropic", "protocol": "anthropic"}
        started = start(Plan(folder=self.folder, flags=flags, **plan))
        try:
            yield started
        finally:
            await started.close()

    async def say(self, started: Started, text: str, act: Callable[[Event], object] = lambda event: None) -> TurnEnded:
        async with aclosing(started.session.send(text)) as turn:
            async for event in turn:
                self.events.append(event)
                act(event)
        assert isinstance(event, TurnEnded)
        return event

    def body(self, number: int) -> str:
        return json.dumps(self.server.requests[number].body, ensure_ascii=False)

    def told(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Noted)]

    def minicode(self, *words: str) -> str:
        """What the command prints."""
        self.capture.readouterr()
        code = call(list(words))
        out, err = self.capture.readouterr()
        assert code == 0, err
        return out


@pytest.fixture
def scene(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    (folder := tmp_path / "work").mkdir()
    monkeypatch.chdir(folder)
    (folder / "a.py").write_text("x = 1\n")

    @asynccontextmanager
    async def begin(*played: Any) -> AsyncIterator[Scene]:
        async with Rehearsal(steps(*played)) as server:
            yield Scene(server, folder, capfd)
            assert server.failures == []

    return begin


def blobs(started: Started) -> list[bytes]:
    return [path.read_bytes() for path in started.blobs.folder.glob("*")]


async def asked(started: Started, name: str, **arguments: Any) -> str:
    parts = started.session.parts
    scope = parts.scope("c", Grant(), lambda text: None, lambda text: None)
    return (await parts.toolbox.run(parts.toolbox.prepare(Call("c", name, arguments)), scope)).text


async def test_m2_sees_the_ends_and_can_read_the_rest(scene: Any) -> None:
    async with scene(LOOK, DONE) as s, s.session() as started:
        await s.say(started, f"Why?\n\n{LOG}")
        assert blobs(started) == [f"Why?\n\n{LOG}".encode()]
        assert started.session.journal.path
        assert MIDDLE not in started.session.journal.path.read_text()
        for number in (0, 1):
            words = s.body(number)
            assert "Why?" in words and "line 7999" in words and MIDDLE.strip() not in words
        note = re.search(r"\[… [\d,]+ lines, [\d,]+ bytes left out; the whole is in (\S+) …\]", s.body(0))
        assert note
        assert MIDDLE in await asked(started, "read", file_path=note[1], offset=4000, limit=5)
        assert "4003" in await asked(started, "grep", pattern=r"line 4000\b", path=note[1])
    assert s.told() == [
        "Your 263 kB are kept whole. M2 sees how they begin and end, 30 kB of them, and can read the rest."
    ]
    first, second, *_ = s.events
    assert isinstance(first, TurnStarted) and first.text.endswith(LOG) and isinstance(second, Noted)


async def test_what_is_not_so_long_goes_as_it_is(scene: Any) -> None:
    words = "ä" * (LONGEST // 2)
    async with scene(DONE, DONE) as s, s.session() as started:
        await s.say(started, words)
        assert words in s.body(0) and blobs(started) == [] and s.told() == []
        await s.say(started, f"{words}!")
        assert f"{words}!" not in s.body(1) and len(blobs(started)) == 1


async def test_the_user_gets_all_of_it_back(scene: Any) -> None:
    """In another process: shown, exported, found, rewound, forked, and the requests proven."""
    async with scene(DONE, DONE, DONE) as s:
        async with s.session() as started:
            (s.folder / "AGENTS.md").write_text("Be brief.\n")
            await s.say(started, LOG)
            (s.folder / "AGENTS.md").write_text("Be very brief.\n")
            await s.say(started, f"Again\n{LOG}")
            id_ = started.session.journal.id
            sent = s.body(1)
        assert "Be very brief." in sent
        s.minicode("sessions", "verify", id_)
        assert s.minicode("sessions", "show", id_).count(MIDDLE.strip()) == 2
        for form in ("md", "json", "jsonl", "html", "atif"):
            whole = s.minicode("sessions", "export", id_, "--format", form, "-o", "-")
            assert whole.count("line 4000") == 2 and "Be very brief." in whole, form
        assert id_ in s.minicode("sessions", "search", "line", "4000")
        async with s.session(resume=id_, fork=True) as forked:
            words = said(forked.session.journal.branch)
            assert [one.text for one in words] == [LOG, f"Again\n{LOG}"]
            [*_, last] = [event for event in forked.session.past() if isinstance(event, TurnStarted)]
            assert last.text == f"Again\n{LOG}"
            moved = await forked.session.rewind(words[1].id)
            assert moved.text == f"Again\n{LOG}"
            await s.say(forked, moved.text)
            fork = forked.session.journal.id
        s.minicode("sessions", "delete", id_, "--yes")
        s.minicode("sessions", "trash", "--empty", "--yes")
        s.minicode("sessions", "verify", fork)
        assert s.minicode("sessions", "show", fork).count(MIDDLE.strip()) == 2


async def test_what_steers_is_kept_as_well(scene: Any) -> None:
    """In a tool's result, and as the next message."""
    async with scene(LOOK, DONE, DONE) as s:
        async with s.session() as started:
            later = [f"after that {LOG}"]

            def act(event: Event) -> None:
                if isinstance(event, StepStarted) and event.step == 1:
                    started.session.steer(f"one thing {LOG}")
                elif isinstance(event, TextDelta) and later:
                    started.session.steer(f"one more thing {later.pop()}")

            await s.say(started, "Go", act)
            id_ = started.session.journal.id
            assert len(blobs(started)) == 2 and len(s.told()) == 2
        assert "one thing line 0" in s.body(1) and "one more thing after that line 0" in s.body(2)
        assert MIDDLE.strip() not in s.body(2)
        s.minicode("sessions", "verify", id_)
        assert s.minicode("sessions", "show", id_).count(MIDDLE.strip()) == 2
        async with s.session(resume=id_) as started:
            words = [event.text for event in started.session.past() if isinstance(event, TurnStarted)]
            assert words == ["Go", f"one thing {LOG}", f"one more thing after that {LOG}"]


async def test_recall_looks_into_it(scene: Any) -> None:
    """The user's own quotation of such a note leads nowhere."""
    quoted = "[… 3 lines, 9 bytes left out; the whole is in /x/0123456789abcdef …]"
    ask = Do("recall", {"query": '"line 4000"', "kind": "user"})
    async with scene(DONE, (ask,), DONE) as s, s.session() as started:
        await s.say(started, f"{quoted}\n{LOG}")
        await s.say(started, "Find it")
    answer = s.body(2)
    assert re.search(r"e[0-9a-z]+\.0, user, .*the whole message, [\d,]+ characters, at line 4002 of ", answer)
    assert "line 3999" in answer


async def test_a_session_that_is_not_kept_keeps_it_till_its_end(scene: Any) -> None:
    async with scene(DONE, DONE) as s:
        async with s.session(ephemeral=True) as started:
            await s.say(started, LOG)
            assert blobs(started) == [LOG.encode()]
            [one] = said(started.session.journal.branch)
            assert one.text == LOG
        assert not started.blobs.folder.exists()


async def test_without_the_blob_the_session_still_opens(scene: Any) -> None:
    async with scene(DONE, DONE) as s:
        async with s.session() as started:
            await s.say(started, LOG)
            id_, path = started.session.journal.id, started.session.journal.path
            for blob in started.blobs.folder.glob("*"):
                blob.write_bytes(b"not what it was")
        s.minicode("sessions", "verify", id_)
        assert path
        [one] = said(load(path).entries)
        assert one.text.startswith("line 0\t") and "left out; the whole is in " in one.text
        async with s.session(resume=id_) as started:
            await s.say(started, "Go on")
    assert s.body(1).count("line 7999") == 1


async def test_words_that_cannot_be_kept_are_not_sent(scene: Any) -> None:
    async with scene(Step((Think("Well."), Say("Done.")))) as s, s.session() as started:
        started.blobs.folder.parent.mkdir(parents=True, exist_ok=True)
        started.blobs.folder.write_text("no folder")
        ended = await s.say(started, LOG)
        assert (ended.reason, ended.exit_code) == ("failed", 60)
        assert str(started.blobs.folder) in ended.error and s.server.requests == []
        started.blobs.folder.unlink()
        assert (await s.say(started, "Short")).reason == "done"


def test_a_blob_that_somebody_made_is_no_trouble(tmp_path: Path) -> None:
    session = tmp_path / "20261122-013000-k3f9ab.jsonl"
    id_ = Blobs.beside(session).put(b"\xff\xfe")
    for kept in (id_, "../../etc/passwd", 5, None, ["x"]):
        data = {"text": "Go", "kept": kept}
        assert whole(Entry("e1", None, "", "user", data), session).data == data
    half = "pasted \ud83d" + "x" * LONGEST
    (kind, data), _ = in_part(("user", {"text": half}), Blobs.beside(session))
    assert whole(lean(Entry("e1", None, "", kind, data)), session).data == data
