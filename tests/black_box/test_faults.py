"""Whatever breaks while a session folds, rewinds or grows: nothing of it is lost, and it says what is wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from minicode.context.history import History, thoughts
from minicode.journal.entry import Entry, from_line, to_line
from minicode.journal.reader import LONG, branch_to, leaf_of, load
from minicode.journal.repair import closing, sound
from minicode.journal.writer import Journal
from minicode.lab.rehearsal import Asked, Call, Fault, Rehearsal, Say, Script, Step, Think
from minicode.lab.rehearsal.check import parse, understand
from minicode.messages import Request
from minicode.model.wires import Encoder

Rehearse = Callable[..., Rehearsal]
ROOT = Path(__file__).resolve().parents[2]
SUMMARY = Step((Think("what matters?"), Say("## Goal\nRead on. ## State of files\nnotes.py has a 2 (e3).")))
LEAN = ("--system-prompt", "Be brief.", "--allowed-tools", "read,edit,bash")


def summarising(asked: Asked) -> bool:
    return asked.system.startswith("You write the memory")


def model(*answers: Step, summaries: tuple[Step, ...] = ()) -> Script:
    """Gives its answers in turn, then says that all is done; and its summaries in turn, then a good one."""
    said, folded = iter(answers), iter(summaries)
    done = iter(range(1000))

    def step(asked: Asked) -> Step:
        if summarising(asked):
            return next(folded, SUMMARY)
        return next(said, None) or Step((Think(f"thought of the end {next(done)}"), Say("all done")))

    return Script((step,), after="repeat")


def look(number: int) -> Step:
    return Step((Think(f"thought {number}"), Call("read", {"file_path": f"f{number}"})))


def both() -> Step:
    """Two calls at once, one of them with an effect."""
    edit = Call("edit", {"file_path": "notes.py", "old_string": "a = 1", "new_string": "a = 2"})
    return Step((Think("thought of two"), Call("read", {"file_path": "f0"}), edit))


@pytest.fixture
def files(program: Any) -> None:
    for number in range(4):
        (program.workspace / f"f{number}").write_text(f"word{number} " + f"line of file {number}\n" * 40)
    (program.workspace / "notes.py").write_text("a = 1\n")


@pytest.fixture
def folded(program: Any, rehearse: Rehearse, files: None) -> tuple[str, Rehearsal]:
    """A session that was folded, went on, and was rewound once."""
    server = rehearse(model(look(0), look(1), Step((Say("first"),)), both()))
    session = program("run", *LEAN, "--json", "read them", server=server).result["session_id"]
    assert program("sessions", "fold", session, server=server).code == 0
    assert program("run", *LEAN, "-c", "edit it", server=server).code == 0
    assert program("run", *LEAN, "-c", "and then?", server=server).code == 0
    message = [entry["id"] for entry in program.journal() if entry["kind"] == "user"][-1]
    assert program("sessions", "rewind", session, message).code == 0
    return session, server


def entry_of(line: bytes) -> Entry:
    entry = from_line(line)
    assert entry is not None
    return entry


def must_be_valid(entries: list[Entry], leaf: str | None) -> History:
    """The next request of a history that ends here: read by the rehearsal, which knows nothing of how it was made."""
    branch = branch_to(entries, leaf)
    history = History(sound(branch))
    last = next((entry.data for entry in reversed(branch) if entry.kind == "request"), None)
    if last is None:
        return history
    encoder = Encoder(last["wire"], last["options"])
    request = Request(system=history.system, tools=history.tools, messages=history.messages(), **last["params"])
    asked = understand("anthropic", parse(encoder.encode(request).body))
    assert asked.turns[0].role == "user"
    assert asked.thoughts == history.given == len(thoughts(history.messages()))
    calls = [id_ for turn in asked.turns for id_ in turn.calls]
    assert calls == [id_ for turn in asked.turns for id_, _ in turn.results]
    return history


@pytest.mark.timeout(300)
def test_cut_at_every_byte_of_its_last_three_records(folded: tuple[str, Rehearsal], program: Any) -> None:
    """Whole records are used, half of one is not, what was written stays, and the next request is valid."""
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    other = path.with_name("20260101-000000-aaaaaa.jsonl")
    for last in ("fold", "result"):
        end = max(n for n, line in enumerate(lines) if entry_of(line).kind == last) + 1
        start, data = sum(map(len, lines[: end - 3])), b"".join(lines[:end])
        ids = [entry_of(line).id for line in lines[1:end]]
        seen: set[int] = set()
        for cut in range(start, len(data) + 1):
            other.write_bytes(data[:cut])
            loaded = load(other)
            tail = data[:cut].rpartition(b"\n")[2]
            # A record that lacks only its newline is whole.
            whole = end - 4 + data[start:cut].count(b"\n") + bool(tail and from_line(tail))
            assert [entry.id for entry in loaded.entries] == ids[:whole], (last, cut)
            assert (loaded.torn, loaded.damaged, loaded.cut) == (bool(tail), 0, int(bool(tail) and not from_line(tail)))
            if whole not in seen or not tail or cut % 97 == 0:  # else it is what was looked at before
                seen.add(whole)
                goes_on(other, data[:cut])
    other.unlink()


def goes_on(path: Path, data: bytes) -> None:
    journal = Journal.open(path)
    journal.append_many(closing(journal.branch))
    must_be_valid(journal.entries, journal.leaf)
    told = journal.append("user", {"text": "go on"})
    journal.close()
    assert path.read_bytes().startswith(data)
    again = load(path)
    assert leaf_of(again.entries) == told.id
    assert not closing(branch_to(again.entries, told.id))
    must_be_valid(again.entries, told.id)


def test_a_cut_session_goes_on(folded: tuple[str, Rehearsal], program: Any, damaged: list[str]) -> None:
    """The same by the program itself: in the middle of the record, and of the one before."""
    session, server = folded
    damaged.append("journal")
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    for last in ("fold", "result"):
        end = max(n for n, line in enumerate(lines) if entry_of(line).kind == last)
        for whole in (end, end - 1):
            cut = b"".join(lines[:whole]) + lines[whole][: len(lines[whole]) // 2]
            path.write_bytes(cut)
            ran = program("run", *LEAN, "-r", session, "go on", server=server)
            assert ran.code == 0 and "The last record was cut off" in ran.err
            assert path.read_bytes().startswith(cut)


DAMAGE: dict[str, tuple[str, bytes | None]] = {
    "garbage for the fold": ("fold", b"\xff garbage {\n"),
    "zeros for the fold": ("fold", b"\0" * 5000 + b"\n"),
    "a changed letter in the fold": ("fold", None),
    "zeros for the last entry it stands for": ("upto", b"\0" * 5000 + b"\n"),
}


def test_a_damaged_fold_is_an_unfolded_history(folded: tuple[str, Rehearsal], program: Any, damaged: list[str]) -> None:
    session, server = folded
    url: dict[str, str | None] = {"MINIMAX_BASE_URL": f"{server.url}/anthropic"}
    damaged.append("journal")
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    fold = next(entry for entry in map(entry_of, lines) if entry.kind == "fold")
    for damage, (what, bytes_) in DAMAGE.items():
        id_ = fold.id if what == "fold" else fold.data["upto"]
        changed = [line if entry_of(line).id != id_ else bytes_ or line.replace(b"Goal", b"Coal") for line in lines]
        assert changed != lines
        path.write_bytes(b"".join(changed))
        ran = program("run", *LEAN, "-r", session, "go on", server=server)
        assert ran.code == 0 and "1 unreadable lines are skipped" in ran.err, (damage, ran)
        sent = server.requests[-1].raw
        assert b"thought 0" in sent and b"thought 1" in sent, damage
        assert b"the conversation so far was folded" not in sent, damage
        looking = [("show",), ("tree",), ("context",), ("recall", "word1"), ("export", "-o", "-")]
        for ran in program.each((("sessions", name, session, *more), url) for name, *more in looking):
            assert ran.code == 0, (damage, ran)
        ran = program("sessions", "unfold", session, server=server)
        assert ran.code == (2 if what == "fold" else 0), (damage, ran)
        assert path.read_bytes().startswith(b"".join(changed))


def test_a_fold_glued_to_half_a_line_still_folds(
    folded: tuple[str, Rehearsal], program: Any, damaged: list[str]
) -> None:
    session, server = folded
    damaged.append("journal")
    [path] = program.journals
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if entry_of(line).kind == "fold")
    lines[at] = lines[at - 1][:40] + lines[at]
    path.write_bytes(b"".join(lines))
    ran = program("run", *LEAN, "-r", session, "go on", server=server)
    assert ran.code == 0 and "1 unreadable lines" in ran.err
    assert b"the conversation so far was folded" in server.requests[-1].raw
    assert b"thought 0" not in server.requests[-1].raw


def test_a_long_session_reads_like_a_short_one(tmp_path: Path) -> None:
    """It is read by another parser, which must see in each record what the first one does."""
    odd: list[Any] = ["😀", -0.0, 1e300, 0.1, 10**40, "\0\x1b", {"": [None, True]}]
    filler = Entry("e2", "e1", "2026", "note", {"text": "x" * LONG})
    entries = [
        Entry("e1", None, "2026", "note", {"odd": odd}),
        filler,
        Entry("e3", "e2", "2026", "note", {"half": "\ud800"}),
    ]
    top = Entry("20260101-000000-aaaaaa", None, "2026", "session", {"version": 1, "folder": "/"})
    path = tmp_path / f"{top.id}.jsonl"
    path.write_bytes(b"".join(map(to_line, [top, *entries])) + b'{"id":"e4",' + to_line(filler)[20:])
    loaded = load(path)
    assert (loaded.entries, loaded.damaged) == (entries, 1)
    assert repr(loaded.entries[0]) == repr(entries[0])


def test_a_session_in_use_is_left_alone(program: Any, rehearse: Rehearse, files: None, bell: Any) -> None:
    """Every command that would write to it says who has it; those that only look work."""
    wait = Call("bash", {"command": f"{bell.ring}; until test -e go; do sleep 0.05; done"})
    server = rehearse(model(look(0), Step((Think("wait"), wait))))
    first = program.start("run", "go", server=server)
    bell.wait()
    [path] = program.journals
    [message] = [entry["id"] for entry in program.journal() if entry["kind"] == "user"]
    before, asked = path.read_bytes(), len(server.requests)
    session = path.stem
    writing = [
        ("run", "-r", session, "me too"),
        ("sessions", "fold", session),
        ("sessions", "unfold", session),
        ("sessions", "rewind", session, message),
        ("sessions", "redo", session),
        ("sessions", "label", session, message, "here"),
        ("sessions", "rename", session, "mine"),
        ("sessions", "delete", session, "--yes"),
    ]
    url: dict[str, str | None] = {"MINIMAX_BASE_URL": f"{server.url}/anthropic"}
    for arguments, ran in zip(writing, program.each((one, url) for one in writing), strict=True):
        assert ran.code == 59 and str(first.pid) in ran.err, (arguments, ran)
    looking = [("show",), ("tree",), ("context",), ("recall", "word0"), ("export", "-o", "-")]
    commands = [(("sessions", name, session, *more), url) for name, *more in looking]
    for ran in program.each(commands):
        assert ran.code == 0, ran
    assert path.read_bytes() == before and len(server.requests) == asked
    (program.workspace / "go").touch()
    assert first.end().code == 0
    assert program("sessions", "verify", session).code == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Leave so many bytes of it free."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(bytes(max(room.f_bavail * room.f_frsize - leave, 0)))
    return filler


def test_a_full_disk_ends_the_turn_and_the_session_goes_on_with_room(
    program: Any, rehearse: Rehearse, tmp_path: Path, damaged: list[str]
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "4m"):
        env = {"MINICODE_HOME": str(disk / "home")}
        calls = [
            Step((Think(f"thought {n} " + "so long " * 8000), Call("bash", {"command": f"echo {n} >>ran"})))
            for n in range(12)
        ]
        server = rehearse(model(Step((Say("hello"),)), *calls))
        assert program("run", "hi", server=server, env=env).code == 0
        filler = fill(disk, leave=500_000)
        ran = program("run", "-c", "--json", "go", server=server, env=env)
        assert ran.code == 60 and str(disk) in ran.result["error"]
        told = len(ran.of("tool_use"))
        assert 0 < told < 12 and (program.workspace / "ran").read_text().count("\n") <= told
        asked = len(server.requests)
        filler.unlink()
        ran = program("run", "-c", "--json", "go on", server=server, env=env)
        assert ran.result["result"] == "all done"
        [path] = disk.glob("home/sessions/*/*.jsonl")
        lines = path.read_bytes().splitlines()
        results = [e.data["call_id"] for e in map(entry_of, lines[1:]) if e.kind == "result"]
        sent = json.loads(server.requests[asked].raw)["messages"]
        blocks = [b for m in sent if isinstance(m["content"], list) for b in m["content"]]
        again = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        assert again == results[: len(again)] and len(again) >= told - 1
        done = (program.workspace / "ran").read_text().split()
        assert len(done) == len(set(done)), "nothing is run again by itself"
        assert program("sessions", "verify", path.stem, env=env).code == 0


def test_a_full_store_of_snapshots_costs_the_way_back_and_nothing_else(
    program: Any, rehearse: Rehearse, files: None
) -> None:
    (program.workspace / "large").write_bytes(os.urandom(400_000))
    with small_disk(program.home / ".minicode" / "snapshots", "128k"):
        server = rehearse(model(both(), Step((Think("more"), Call("bash", {"command": "echo ran >ran"})))))
        ran = program("run", "edit it", server=server)
        assert (ran.code, ran.out) == (0, "all done\n")
        assert ran.err.count("A rewind cannot bring back the files of this step") == 1, "it is said once"
        assert (program.workspace / "notes.py").read_text() == "a = 2\n" and (program.workspace / "ran").exists()
        assert "snapshot" not in program.kinds()
        [path] = program.journals
        assert program("sessions", "verify", path.stem).code == 0


def test_a_full_disk_during_a_fold(program: Any, rehearse: Rehearse, files: None, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "4m"):
        env = {"MINICODE_HOME": str(disk / "home")}
        long = Step((Say("## Goal (e3)\n" + "many words " * 3000),))
        read = Step((Think("thought of many words " * 4000), Call("read", {"file_path": "f0"})))
        server = rehearse(model(read, summaries=(long,)))
        session = program("run", "--json", "read", server=server, env=env).result["session_id"]
        [path] = disk.glob("home/sessions/*/*.jsonl")
        before = path.read_bytes()
        filler = fill(disk)
        ran = program("sessions", "fold", session, server=server, env=env)
        assert ran.code == 60 and str(disk) in ran.err
        assert path.read_bytes() == before
        filler.unlink()
        ran = program("sessions", "fold", session, server=server, env=env)
        assert ran.code == 0 and "folded, " in ran.err
        assert program("run", "-r", session, "go on", server=server, env=env).code == 0
        assert program("sessions", "verify", session, env=env).code == 0


TROUBLE = {
    "its stream is cut": Fault(cut=400),
    "it stalls": Fault(stall=400),
    "it is silent": Fault(mute=True),
}


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE)
def test_a_summary_that_breaks_off_is_asked_for_again(
    program: Any, rehearse: Rehearse, files: None, fault: Fault
) -> None:
    server = rehearse(model(look(0), look(1), summaries=(Step(SUMMARY.blocks, fault=fault),)))
    session = program("run", "--json", "read", server=server).result["session_id"]
    config = program.home / ".minicode" / "config.toml"
    config.write_text("[timeouts]\nidle = 0.5\nfirst_byte = 0.5\n")
    ran = program("sessions", "fold", session, server=server)
    assert ran.code == 0 and "folded, " in ran.err, ran
    assert [entry["kind"] for entry in program.journal()].count("fold") == 1


def wait_for_summary(server: Rehearsal) -> None:
    """Until the last request is one for a summary, and stays unanswered."""
    count = len(server.requests)
    while not (server.requests and b"You write the memory" in server.requests[-1].raw):
        count += 1
        server.wait(count)


STALLED = Step(SUMMARY.blocks, fault=Fault(stall=400))


def test_interrupted_while_it_summarises_by_hand(program: Any, rehearse: Rehearse, files: None) -> None:
    server = rehearse(model(look(0), look(1), summaries=(STALLED,)))
    session = program("run", "--json", "read", server=server).result["session_id"]
    [path] = program.journals
    before = path.read_bytes()
    running = program.start("sessions", "fold", session, server=server)
    wait_for_summary(server)
    ran = running.end(signal.SIGINT)
    assert ran.code == 130
    assert path.read_bytes() == before
    assert program("sessions", "fold", session, server=server).code == 0


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_while_it_summarises_in_a_turn(program: Any, rehearse: Rehearse, by: signal.Signals) -> None:
    """The turn is cut, the history is as it was, and the next process folds it."""
    for number in range(14):
        (program.workspace / f"f{number}").write_text(f"word{number} " + f"line of file {number}\n" * 150)
    small = ("--set", "context_window=12000", "--set", "output_tokens=2000")
    server = rehearse(model(*map(look, range(14)), summaries=(STALLED,)))
    running = program.start("run", "read", *small, server=server)
    server.wait(1)
    wait_for_summary(server)
    ran = running.end(by)
    assert ran.code == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(by, -by)
    [path] = program.journals
    entries = load(path).entries
    assert [e for e in entries if e.kind == "fold" and e.data["upto"]] == []
    issued = sum(entry.kind == "reply" for entry in entries)
    asked = len(server.requests)
    ran = program("run", "-c", "go on", *small, server=server)
    assert (ran.code, ran.out) == (0, "all done\n")
    assert [e for e in load(path).entries if e.kind == "fold" and e.data["upto"]]
    first = next(e for e in server.requests[asked:])
    assert issued and (b"You write the memory" in first.raw or first.raw.count(b'"type":"thinking"') == issued)
    assert program("sessions", "verify", path.stem).code == 0


@pytest.mark.timeout(300)
def test_killed_at_chosen_moments() -> None:
    """Inside a summary, a fold, a snapshot, an edit and six more; see the bench, which does it two hundred times."""
    bench = ROOT / "tests" / "bench" / "kills.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, bench, "--aimed"], env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    for moment in ("the summary is awaited", "a file is written", "a snapshot is written", "a fold is written"):
        assert re.search(rf"lain in wait for +1  {moment}", ran.stdout), ran.stdout


@pytest.fixture
def two(program: Any, rehearse: Rehearse) -> tuple[list[str], Rehearsal]:
    """Two sessions whose ids begin alike."""
    server = rehearse(model())
    for words in ("first", "second"):
        assert program("run", words, server=server).code == 0
    return [path.stem for path in program.journals], server


OF_A_SESSION: list[tuple[str, ...]] = [
    ("run", "-r", "{}", "go on"),
    ("run", "-r", "{}", "--fork", "go on"),
    ("sessions", "show", "{}"),
    ("sessions", "tree", "{}"),
    ("sessions", "rewind", "{}", "e1"),
    ("sessions", "redo", "{}"),
    ("sessions", "label", "{}", "e1", "x"),
    ("sessions", "verify", "{}"),
    ("sessions", "context", "{}"),
    ("sessions", "fold", "{}"),
    ("sessions", "unfold", "{}"),
    ("sessions", "recall", "{}", "x"),
    ("sessions", "export", "{}"),
    ("sessions", "rename", "{}", "x"),
    ("trace", "{}"),
]
DELETE = ("sessions", "delete", "{}", "--yes")


def all_of(program: Any, key: str, server: Rehearsal, *more: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    url: dict[str, str | None] = {"MINIMAX_BASE_URL": f"{server.url}/anthropic"}
    commands = [tuple(word.format(key) for word in command) for command in (*OF_A_SESSION, *more)]
    yield from zip(commands, program.each((command, url) for command in commands), strict=True)


def one_by_one(program: Any, key: str, server: Rehearsal) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Two that open the same session would be in each other's way."""
    for template in OF_A_SESSION:
        command = tuple(word.format(key) for word in template)
        yield command, program(*command, server=server)


def test_an_id_that_may_be_two_lists_both(program: Any, two: tuple[list[str], Rehearsal]) -> None:
    ids, server = two
    before = [path.read_bytes() for path in program.journals]
    asked = len(server.requests)
    key = ids[0][:4]
    for command, ran in all_of(program, key, server, DELETE):
        assert ran.code == 1 and ran.out == "", (command, ran)
        assert "may be 2 sessions" in ran.err and all(id_ in ran.err for id_ in ids), (command, ran)
    assert [path.read_bytes() for path in program.journals] == before and len(server.requests) == asked


def test_an_id_that_is_none(program: Any, two: tuple[list[str], Rehearsal]) -> None:
    _, server = two
    for command, ran in all_of(program, "nobody", server, DELETE):
        assert ran.code == 1 and ran.out == "", (command, ran)
        assert "No session is called 'nobody'" in ran.err and "sessions list" in ran.err, (command, ran)


def test_a_session_of_a_newer_format_is_not_touched(
    program: Any, two: tuple[list[str], Rehearsal], damaged: list[str]
) -> None:
    """Whether its checksum is made as ours or not."""
    ids, server = two
    damaged.append("journal")
    asked = len(server.requests)
    paths = program.journals
    for path in paths:
        top, rest = path.read_bytes().split(b"\n", 1)
        newer = entry_of(top)
        newer.data["version"] = 2
        line = to_line(newer)
        path.write_bytes((line if path is paths[0] else re.sub(rb'"crc":"[^"]*"', b'"sum":"x"', line)) + rest)
    before = [path.read_bytes() for path in paths]
    for path in paths:
        for command, ran in one_by_one(program, path.stem, server):
            assert ran.code == 1 and "newer minicode" in ran.err and "left as it is" in ran.err, (command, ran)
    assert program("sessions", "list").code == 0
    assert program("sessions", "search", "first").code == 0
    # To put it away and to bring it back, it need not be read.
    assert program("sessions", "delete", "--yes", ids[0]).code == 0
    assert program("sessions", "trash", "--restore", ids[0]).code == 0
    assert [path.read_bytes() for path in paths] == before and len(server.requests) == asked


def test_an_empty_session_has_nothing_to_fold_to_redo_or_to_rewind(program: Any, rehearse: Rehearse) -> None:
    server = rehearse(model())
    session = program("run", "hello", "--json", server=server).result["session_id"]
    [path] = program.journals
    [message] = [entry["id"] for entry in program.journal() if entry["kind"] == "user"]
    assert program("sessions", "redo", session).code == 1
    assert program("sessions", "rewind", session, message).code == 0
    before, asked = path.read_bytes(), len(server.requests)
    for command, code, words in (
        (("fold", session), 2, "This session is empty: there is nothing to fold"),
        (("unfold", session), 2, "Nothing is folded"),
        (("rewind", session), 0, "nothing to go back to"),
        (("rewind", session, message), 1, "nothing to go back to"),
        (("tree", session), 0, "the start"),
    ):
        ran = program("sessions", *command, server=server)
        assert (ran.code, words in ran.out + ran.err) == (code, True), ran
    assert path.read_bytes() == before and len(server.requests) == asked
