from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import UsageError
from minicode.journal import index
from minicode.journal.entry import Entry, to_line
from minicode.journal.index import EDGE, NAME
from minicode.journal.search import KINDS, Hit, Query, expressions, literal, scan
from minicode.journal.writer import Journal
from minicode.messages import Json

Python = Callable[..., subprocess.Popen[str]]


class Home:
    """A state folder with sessions; `said` is what the last search had to say."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.sessions = state / "sessions"
        self.said: list[str] = []

    def make(self, *entries: tuple[str, Json], project: str = "here-0123456789ab", when: int = 0) -> Path:
        """A session. The first user entry brings it to disk, so one is added in front."""
        journal = Journal.create(self.sessions / project, {"folder": f"/home/me/{project}", "minicode": "0"})
        journal.append("user", {"text": "begin"})
        journal.append_many(entries)
        journal.close()
        assert journal.path
        if when:
            os.utime(journal.path, (when, when))
        return journal.path

    def add(self, path: Path, *entries: tuple[str, Json]) -> None:
        journal = Journal.open(path)
        journal.append_many(entries)
        journal.close()

    def find(self, *words: str, most: int = 50, **how: Any) -> list[Hit]:
        self.said = []
        return list(index.search(self.state, Query(literal(words), words, **how), most, self.said.append))

    def entries(self, *words: str, **how: Any) -> list[str]:
        return [hit.entry.id for hit in self.find(*words, **how)]

    @property
    def index(self) -> Path:
        return self.state / NAME


@pytest.fixture
def state(tmp_path: Path) -> Home:
    return Home(tmp_path / "state")


def reply(*, thinking: str = "", text: str = "", call: Json | None = None) -> tuple[str, Json]:
    content: list[Json] = [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": text}]
    if call is not None:
        content.append({"type": "tool_use", "id": "c1", "name": "read_file", "input": call})
    return "reply", {"content": content, "stop": "end_turn", "wire": "anthropic", "model": "M2"}


def result(text: str) -> tuple[str, Json]:
    return "result", {"call_id": "c1", "name": "bash", "text": text, "failed": False, "show": [], "seconds": 0.1}


def user(text: str) -> tuple[str, Json]:
    return "user", {"text": text}


def test_each_kind_of_text_is_found_and_can_be_singled_out(state: Home) -> None:
    state.make(
        user("the walrus speaks"),
        reply(thinking="a walrus thinks", text="walrus, says M2", call={"paths": ["src/walrus.py"], "deep": {"n": 7}}),
        result("one walrus was here"),
        ("name", {"name": "On the walrus"}),
        ("title", {"title": "the walrus, as the user said"}),
    )
    found = state.find("walrus")
    assert [(hit.entry.kind, hit.kind) for hit in found] == [
        ("name", "user"),
        ("result", "tools"),
        ("reply", "thinking"),
        ("user", "user"),
    ]
    assert found[2].snippet == "a [walrus] thinks"
    assert [hit.snippet for hit in state.find("walrus", kinds=("text",))] == ["[walrus], says M2"]
    assert [hit.snippet for hit in state.find("WALRUS", kinds=("tools",))][1] == "read_file src/[walrus].py 7"
    assert state.entries("walrus", kinds=("user", "text")) == ["e5", "e3", "e2"]
    assert state.entries("walru") == [], "whole words"


def test_all_words_must_be_there_and_side_by_side_comes_first(state: Home) -> None:
    state.make(user("rate limit reached"), user("the limit of this rate"), user("a rate"), reply(text="limit, rate"))
    assert state.entries("rate", "limit") == ["e2", "e5", "e3"]
    assert state.entries("rate limit") == ["e2"], "one argument is one phrase"


def test_the_latest_comes_first_over_all_sessions_and_since_ends_it(state: Home) -> None:
    old, new = state.make(user("apple old")), state.make(user("apple new"))
    for path, year in ((old, 2024), (new, 2025)):
        lines = path.read_bytes().splitlines()
        entry = Entry("e2", "e1", f"{year}-06-01T00:00:00.000Z", "user", json.loads(lines[2]) | {})
        data = {k: v for k, v in entry.data.items() if k not in ("id", "parent", "at", "kind", "crc")}
        path.write_bytes(b"\n".join(lines[:2]) + b"\n" + to_line(Entry("e2", "e1", entry.at, "user", data)))
    os.utime(new, (1000, 1000))
    assert [hit.path for hit in state.find("apple")] == [new, old], "by the time of the entry, not of the file"
    assert [hit.path for hit in state.find("apple", since=1_735_689_600)] == [new]
    assert len(state.find("apple", most=1)) == 1


def test_one_project_or_all(state: Home) -> None:
    here, there = "same-0123456789ab", "same-ba9876543210"
    state.make(user("apple"), project=here)
    state.make(user("apple same"), project=there)
    assert [hit.path.parent.name for hit in state.find("apple", project=here)] == [here]
    assert len(state.find("apple")) == 2
    assert len(state.find("same")) == 1, "the project's name is no word of the session"


def test_only_what_is_new_is_read(state: Home) -> None:
    path = state.make(user("apple"))
    assert state.entries("apple") == ["e2"]
    with sqlite3.connect(state.index) as db:
        db.execute("UPDATE entry SET at = 77")
    db.close()
    state.add(path, user("apple again"))
    assert state.entries("apple") == ["e3", "e2"]
    with sqlite3.connect(state.index) as db:
        rows = db.execute("SELECT at = 77 FROM entry ORDER BY id").fetchall()
    db.close()
    assert rows == [(1,), (1,), (0,)]


def test_a_record_that_is_half_written_is_taken_in_when_it_is_whole(state: Home) -> None:
    path = state.make(user("apple"))
    whole = path.read_bytes()
    last = to_line(Entry("e9", "e2", "2026-11-22T01:30:00.000Z", "user", {"text": "pear"}))
    path.write_bytes(whole + last[:40])
    assert (state.entries("pear"), state.entries("apple")) == ([], ["e2"])
    path.write_bytes(whole + last)
    assert state.entries("pear") == ["e9"]
    path.write_bytes(
        whole + last[:40] + last + b"\0garbage\n" + to_line(Entry("ea", None, "", "user", {"text": "fig"}))
    )
    assert (state.entries("pear"), state.entries("fig")) == (["e9"], ["ea"]), "glued to half of another"


def test_a_file_that_shrank_or_was_replaced_is_read_anew(state: Home) -> None:
    path = state.make(user("apple"), user("pear"))
    other = state.make(user("fig"), user("plum"), user("cherry"))
    assert state.entries("pear") == ["e3"]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert (state.entries("pear"), state.entries("apple")) == ([], ["e2"])
    other.replace(path)
    assert (state.entries("apple"), state.entries("cherry")) == ([], ["e4"])
    assert state.said == []


def test_the_last_thing_that_went_leaves_its_number_behind(state: Home) -> None:
    """Its words are still in the index; whatever came next under its number would be found by them."""
    keep = state.make(user("plum"), user("fig"), user("quince"))
    path = state.make(user("apple"))
    assert len(state.find("apple")) == 1
    path.unlink()
    state.add(keep, user("pear"))
    assert (state.find("apple"), state.entries("pear")) == ([], ["e5"])
    assert state.said == []


def test_a_session_that_went_is_not_found_and_its_numbers_are_not_given_again(state: Home) -> None:
    stays, path = state.make(user("plum")), state.make(user("apple"))
    assert len(state.find("apple")) == 1
    hidden = path.rename(state.state / "elsewhere.jsonl")
    assert state.find("apple") == []
    state.make(user("pear"))
    assert (state.entries("pear"), state.find("apple")) == (["e2"], [])
    hidden.rename(path)
    assert [hit.path for hit in state.find("apple")] == [path]
    assert [hit.path for hit in state.find("plum")] == [stays]


def test_an_index_that_is_mostly_about_what_is_gone_is_made_anew(state: Home) -> None:
    state.make(user("plum"))
    gone = state.make(*[user(f"apple {n}") for n in range(30)])
    assert len(state.find("apple")) == 30
    gone.unlink()
    assert (state.find("apple"), len(state.find("plum"))) == ([], 1)
    with sqlite3.connect(state.index) as db:
        assert db.execute("SELECT max(id) FROM entry").fetchone() == (2,)
    db.close()


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(9000))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def other_version(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def somebody_elses(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE recipes (name)")
    db.close()


def wrong_places(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entry SET start = start + 5")
    db.close()


@pytest.mark.parametrize("damage", [garbage, cut, other_version, somebody_elses, wrong_places])
def test_an_index_that_is_damaged_is_made_anew(state: Home, damage: Callable[[Path], None]) -> None:
    state.make(*[user(f"apple number {n} " + "x" * 500) for n in range(100)])
    assert len(state.find("apple", most=200)) == 100
    damage(state.index)
    assert len(state.find("apple", most=200)) == 100
    [sentence] = state.said
    assert "made anew" in sentence
    assert len(state.find("apple", most=200)) == 100 and state.said == []
    assert state.index.stat().st_mode & 0o777 == 0o600


def test_without_an_index_every_session_is_read(state: Home) -> None:
    state.make(user("apple one"), user("apple two"))
    state.index.mkdir()
    assert state.entries("apple") == ["e3", "e2"]
    assert "every session is read" in state.said[-1]


def test_what_was_said_in_two_places_in_the_same_moment_is_found_in_both(state: Home) -> None:
    folder = state.state / "sessions" / "p"
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        top = Entry(name, None, "", "session", {"version": 1})
        said = Entry("e1", None, "2026-11-22T01:30:00.123Z", "user", {"text": f"needle in {name}"})
        (folder / f"{name}.jsonl").write_bytes(to_line(top) + to_line(said))
    assert len(state.find("needle")) == 2
    assert len(list(scan(state.state / "sessions", Query(literal(["needle"]), ()), 9))) == 2


def test_the_slow_way_finds_the_same(state: Home) -> None:
    first = state.make(
        *[user(f"step {n}: fix foo.bar and C++ in a->b") for n in range(20)],
        reply(thinking="日本語のテスト straße", call={"file_path": "a/b.py"}),
        result("x\x1b[31mred\x1b[0m tail"),
    )
    fork = Journal.fork(first.parent, {"folder": "/f", "minicode": "0", "name": None}, first)
    fork.append("user", {"text": "a fork of foo.bar"})
    fork.close()
    for words in (
        ["foo.bar"],
        ["C++"],
        ["step", "fix"],
        ["->"],
        ["日本"],
        ["STRASSE"],
        ["Straße"],
        ["red"],
        ["nothing"],
    ):
        for kinds in (KINDS, ("user",), ("thinking", "tools")):
            query = Query(literal(words), tuple(words), kinds)
            slow = [(hit.entry.id, hit.kind, hit.snippet) for hit in scan(state.sessions, query, 500)]
            fast = [(hit.entry.id, hit.kind, hit.snippet) for hit in state.find(*words, kinds=kinds, most=500)]
            assert sorted(slow) == sorted(fast), words
    assert len(state.find("foo.bar", most=500)) == 21, "what a fork took over is found once"


@pytest.mark.parametrize(
    ("word", "hits"),
    [
        *[('"', 1), ("say \"it'", 1), ("-x", 1), ("*", 1), ("NEAR(a", 1), ("NEAR(a b, 2)", 1), ("a OR c", 1)],
        *[("user:", 1), (")", 1), ("{thinking}", 1), ("^begin", 0), ("C++", 1), ("C", 1), ("C#", 0), ("a b", 1)],
        *[("NOT", 0), ("foo_bar", 1), ("foo", 1), ("fo", 0), ("it's", 0), ("%s", 0), ("+", 2)],
    ],
)
def test_signs_mean_themselves(state: Home, word: str, hits: int) -> None:
    state.make(user("He: say \"it' -x * NEAR(a b, 2) a OR c user: {thinking} C++"), user("foo_bar +1"))
    assert len(state.find(word)) == hits
    assert state.said == []


def test_scripts_without_spaces_are_found_anywhere(state: Home) -> None:
    state.make(user("请修复登录页面的错误"), user("foo函数bar"), user("Ünïcode ÄPFEL"), user("안녕하세요 세계"))
    assert state.entries("登录") == ["e2"]
    assert state.entries("登错") == []
    assert state.entries("foo") == state.entries("函数bar") == ["e3"]
    assert state.entries("äpfel") == ["e4"] and state.entries("apfel") == []
    assert state.entries("하세") == ["e5"]


def test_of_long_output_both_ends_are_indexed_and_all_is_found_by_reading(state: Home) -> None:
    state.make(result(f"headword {'x ' * EDGE}middleword {'y ' * EDGE}tailword"))
    state.make(user(f"{'x ' * EDGE}middleword {'y ' * EDGE}"))
    assert [len(state.find(word)) for word in ("headword", "middleword", "tailword")] == [1, 1, 1]
    both = Query(expressions(["middle(word)"]), ())
    assert {hit.kind for hit in index.search(state.state, both, 9, state.said.append)} == {"tools", "user"}


def test_a_snippet_is_one_clean_line_around_the_hit(state: Home) -> None:
    state.make(result("before\n" * 50 + "evil \x1b]0;title\x07 apple\x00 \u202ebidi apple" + "\nafter" * 100))
    [hit] = state.find("apple")
    assert hit.snippet.startswith("…") and hit.snippet.endswith("…")
    assert "evil [apple]␀ <U+202E>bidi [apple] after" in hit.snippet
    assert len(hit.snippet) < 260 and hit.snippet.isprintable()


def test_a_broken_expression_is_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"not a regular expression: .*position"):
        expressions(["fine", "("])
    with pytest.raises(UsageError, match="not a regular expression"):
        expressions(["x{99999999999999999999}"])


def test_an_expression_that_matches_nothing_at_all_finds_nothing(state: Home) -> None:
    state.make(user("apple"))
    for text, hits in (("x*", 0), ("a.*", 1), ("^apple$", 1), ("^", 0)):
        assert len(list(index.search(state.state, Query(expressions([text]), ()), 9, state.said.append))) == hits, text


def test_odd_entries_do_no_harm(state: Home) -> None:
    path = state.make(
        ("user", {"text": None}), ("reply", {"content": "no list"}), ("reply", {}), ("result", {"text": 7})
    )
    state.add(path, ("reply", {"content": [7, {"type": "text"}, {"type": "tool_use", "name": "n", "input": None}]}))
    state.add(path, user("\ud800 apple"), ("future", {"text": "apple"}))
    assert len(state.find("apple")) == 1
    assert state.said == []


def test_a_session_of_a_newer_format_is_left_alone(state: Home) -> None:
    path = state.make(user("apple"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(to_line(Entry("x", None, "", "session", {"version": 2})) + b"".join(lines[1:]))
    assert state.find("apple") == []
    assert list(scan(state.sessions, Query(literal(["apple"]), ()), 9)) == []


def test_nothing_is_made_where_there_is_nothing(state: Home) -> None:
    assert state.find("apple") == []
    assert not state.state.exists()


SEARCH = """
import sys
from pathlib import Path
from minicode.journal import index
from minicode.journal.search import Query, literal
print("ready", flush=True)
sys.stdin.readline()
said = []
hits = list(index.search(Path(sys.argv[1]), Query(literal(["apple"]), ("apple",)), 10_000, said.append))
print(len(hits), [s for s in said if "Waiting" not in s], flush=True)
"""


def many(state: Home, sessions: int = 20) -> None:
    for n in range(sessions):
        state.make(*[user(f"apple {n} {m} " + "filler words " * 40) for m in range(100)])


def test_two_processes_may_search_at_once(state: Home, python: Python) -> None:
    many(state)
    both = [python(SEARCH, state.state) for _ in range(2)]
    for process in both:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        assert process.stdout and process.stdout.readline() == "2000 []\n", process.communicate()
    with sqlite3.connect(state.index) as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (2020,)
    db.close()


@pytest.mark.parametrize("moment", [1, 2, 3, 4, 5])
def test_a_process_killed_while_it_indexes_leaves_a_sound_index(state: Home, python: Python, moment: int) -> None:
    many(state)
    process = python(SEARCH, state.state)
    assert process.stdin and process.stdout and process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    end = time.monotonic() + 30
    journal = Path(f"{state.index}-journal")
    while not journal.exists() or state.index.stat().st_size < moment * 100_000:
        assert time.monotonic() < end
        if process.poll() is not None:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(state.find("apple", most=10_000)) == 2000
    assert state.said == []


def test_forgetting_takes_every_word_along(state: Home) -> None:
    state.make(user("zyzzyva"))
    assert len(state.find("zyzzyva")) == 1
    assert b"zyzzyva" in state.index.read_bytes()
    index.forget(state.state)
    assert not any(b"zyzzyva" in p.read_bytes() for p in state.state.iterdir() if p.is_file())
    shutil.rmtree(state.sessions)
    index.forget(state.state)
