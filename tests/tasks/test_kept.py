"""How the sessions of tasks are kept beside the others: found by their ids, in no list, gone with their session."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicode.errors import SessionInUse
from minicode.journal import store
from minicode.journal.entry import session_id, task_id, task_of
from minicode.journal.reader import session_files, summaries
from minicode.journal.repair import closing
from minicode.journal.writer import Journal

MAIN, OTHER = "20261122-014233-9f3kq1", "20261122-014233-9f3kzz"
HEADER = {"folder": "/work", "minicode": "1", "name": None}


def kept(folder: Path, id_: str) -> Path:
    journal = Journal.create(folder, HEADER, (), id_)
    journal.append("user", {"text": f"words of {id_}"})
    journal.close()
    assert journal.path is not None
    return journal.path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two sessions; the first had ten tasks and more, and was not the last to be written."""
    folder = tmp_path / "sessions" / "project"
    folder.mkdir(parents=True)
    for id_ in (MAIN, OTHER, *(task_id(MAIN, number) for number in (1, 2, 10))):
        kept(folder, id_)
    return folder


def test_the_id_of_a_task_tells_its_session() -> None:
    assert task_of(task_id(MAIN, 12)) == (MAIN, 12)
    for id_ in (MAIN, "20261122-014233-t12345", f"{MAIN}-t0", f"{MAIN}-t01", f"{MAIN}-t1-t1", f"x{MAIN}-t1", ""):
        assert task_of(id_) == ("", 0), id_
    assert task_of(session_id()) == ("", 0)


def test_tasks_are_in_no_list(project: Path) -> None:
    assert {summary.id for summary in summaries(project.parent)} == {MAIN, OTHER}
    assert len(summaries(project.parent, tasks=True)) == len(list(session_files(project.parent, tasks=True))) == 5
    assert {path.stem for path in session_files(project.parent)} == {MAIN, OTHER}
    last = store.latest(project.parent, "project")
    assert last is not None and last.stem == OTHER
    assert [task_of(path.stem)[1] for path in store.tasks(project / f"{MAIN}.jsonl")] == [1, 2, 10]
    assert store.tasks(project / f"{OTHER}.jsonl") == []


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (MAIN, MAIN),
        (MAIN[:-1], MAIN),  # its tasks begin so too
        ("9f3kq", MAIN),
        (f"{MAIN}-t1", f"{MAIN}-t1"),
        ("9f3kq1-t10", f"{MAIN}-t10"),
        ("9f3kq1-t2", f"{MAIN}-t2"),
    ],
)
def test_a_session_is_found_before_its_tasks(project: Path, key: str, found: str) -> None:
    assert store.find(project.parent, key).stem == found


def test_a_session_moves_and_goes_with_its_tasks(project: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in project.glob(f"{MAIN}*.jsonl"))
    moved = store.move(project / f"{MAIN}.jsonl", tmp_path / "trash")
    assert sorted(path.name for path in moved.parent.iterdir()) == names
    assert [path.stem for path in project.iterdir()] == [OTHER]
    store.delete(moved)
    assert list(moved.parent.iterdir()) == []


def test_a_session_whose_task_is_in_use_stays(project: Path, tmp_path: Path) -> None:
    task = Journal.open(project / f"{MAIN}-t2.jsonl")
    with pytest.raises(SessionInUse):
        store.move(project / f"{MAIN}.jsonl", tmp_path / "trash")
    task.close()
    assert (project / f"{MAIN}.jsonl").exists()
    store.move(project / f"{MAIN}.jsonl", tmp_path / "trash")  # what was left of it
    assert len(store.tasks(tmp_path / "trash" / "project" / f"{MAIN}.jsonl")) == 3


def test_a_task_that_was_cut_short_is_told_as_what_it_is() -> None:
    journal = Journal.ephemeral(HEADER)
    calls = [{"type": "tool_use", "id": id_, "name": "task", "input": {}} for id_ in ("c1", "c2")]
    journal.append("reply", {"content": calls})
    journal.append("task", {"call_id": "c1", "task": f"{MAIN}-t1", "access": "read", "description": ""})
    texts = [data["text"] for _, data in closing(journal.branch)]
    assert texts[0].startswith("interrupted: ") and f"resume='{MAIN}-t1'" in texts[0]
    assert texts[1].startswith("did not run: ")
