"""The main job on real input, and the second process that goes on with every thought in its request."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Expect, Say, Step, Think, steps

CODE = '''\
def median(numbers):
    """The middle of the numbers; the mean of the two middle ones."""
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle]
'''
TESTS = """\
import unittest

from stats import median


class Median(unittest.TestCase):
    def test_odd(self):
        self.assertEqual(median([3, 1, 2]), 2)

    def test_even(self):
        self.assertEqual(median([4, 1, 2, 3]), 2.5)
"""
WRONG = "    return ordered[middle]\n"
RIGHT = """\
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2
"""
SCRIPT = steps(
    Step(
        (
            Think("Unicode — “quotes” 中文 🙂 \u2028 line"),
            Do("read", {"path": "stats.py"}),
            Do("glob", {"pattern": "**/*.py"}),
        )
    ),
    Step(
        (Think("An even number of numbers is not thought of."), Do("test")),
        expect=Expect(results=("ordered[middle]", "test_stats.py"), thoughts=1),
    ),
    Step(
        (
            Think("test_even fails, as I thought."),
            Say("The mean of the two middle ones is missing."),
            Do("edit", {"path": "stats.py", "old": WRONG, "new": RIGHT}),
        ),
        expect=Expect(results=("test_even", "2.5"), thoughts=2),
    ),
    Step((Think("Now all of them."), Do("test")), expect=Expect(thoughts=3)),
    Step(
        (Think("Done; say so."), Say("Mended `median`; both tests pass.")),
        expect=Expect(matches=r"passed \(2\)|2 passed", absent="FAILED", thoughts=4),
    ),
    Step((Think("They ask what I did."), Say("I added the even case.")), expect=Expect(said="explain", thoughts=5)),
    Step((Think("Again."), Say("As I said.")), expect=Expect(said="once more", thoughts=6)),
)


@pytest.fixture
def repository(program: Any) -> Path:
    folder: Path = program.workspace
    (folder / "stats.py").write_text(CODE)
    (folder / "test_stats.py").write_text(TESTS)
    (folder / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n")
    for command in ("init -q", "add .", "commit -qm first"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("surface", ["anthropic", "openai"])
def test_mends_a_failing_test_and_explains_it_in_new_processes(
    program: Any, rehearse: Any, grows: Any, repository: Path, surface: str
) -> None:
    server = rehearse(SCRIPT, surfaces=(surface,))
    auto = {"MINICODE_PROTOCOL": None, "MINIMAX_BASE_URL": server.url}
    first = program("run", "make the tests pass", server=server, env=auto)
    assert (first.code, first.out) == (0, "Mended `median`; both tests pass.\n"), first.err
    assert "thought 5/5" in first.err
    diff = subprocess.run(["git", "diff"], cwd=repository, capture_output=True, text=True, check=True).stdout
    assert diff.count("\n+ ") == 3 and "middle - 1" in diff
    done = subprocess.run(["git", "status", "--porcelain"], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["M", "stats.py"], "nothing but the mended file"

    elsewhere: dict[str, str | None] = {
        "PYTHONHASHSEED": "4711",
        "TZ": "Pacific/Kiritimati",  # where it is already tomorrow
        "LANG": "C",
        "LC_ALL": "POSIX",
        "PYTHONIOENCODING": "ascii",
        "COLUMNS": "40",
        "TERM": None,
    }
    second = program("run", "-c", "now explain what you changed", server=server, env=auto | elsewhere)
    assert (second.code, second.out) == (0, "I added the even case.\n"), second.err
    # A resume from outside the folder, by the session's name, of an older "day" and another hash seed.
    [session] = [path.stem for path in program.journals]
    third = program(
        *("run", "--json", "-C", str(repository), "-r", session[-6:], "once more"),
        server=server,
        cwd=repository.parent,
        env=auto | {"PYTHONHASHSEED": "1", "TZ": "Pacific/Pago_Pago"},
    )
    assert third.result["thinking"] == {"issued": 7, "returned": 7}

    asked = [e for e in server.requests if e.status == 200]
    assert len(asked) == 7
    grows([e.raw for e in asked])
    last = json.dumps(asked[-1].body, ensure_ascii=False)
    thoughts = [b.text for s in SCRIPT.steps[:-1] if isinstance(s, Step) for b in s.blocks if isinstance(b, Think)]
    assert len(thoughts) == 6
    for thought in thoughts:
        assert json.dumps(thought, ensure_ascii=False)[1:-1] in last
    verified = program("sessions", "verify", session)
    assert verified.code == 0, verified.out
    assert "thought 6/6 in the last request" in verified.out
    assert program.kinds().count("request") == 7
