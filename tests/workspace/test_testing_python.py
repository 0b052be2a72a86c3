"""pytest and unittest through the runner: what hangs, crashes, is chancy or misses something, in real processes."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from minicode.sandbox.policy import Grant, Held, Launch
from minicode.workspace.environment import for_tools
from minicode.workspace.folder import Refused
from minicode.workspace.testing import python
from minicode.workspace.testing.memory import Failed, recall, remember
from minicode.workspace.testing.outcome import Outcome, Task, seconds_of, worst
from minicode.workspace.testing.project import Project, choose
from minicode.workspace.testing.python import _outcomes, parallel
from minicode.workspace.testing.run import Report, _reported, detect, run_tests, shows_of, text_of
from minicode.workspace.workspace import Workspace

FLAKY = """
import pathlib
mark = pathlib.Path(__file__).with_name("mark")

def test_chancy():
    if not mark.exists():
        mark.touch()
        assert 1 == 2, "the first time"

def test_good(): pass
"""

SLOW = """
import time

def test_bad():
    end = time.monotonic() + 0.2
    while time.monotonic() < end: pass
    assert 1 == 2
"""


def fill(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def interpreter(root: Path, *options: str, plugins: str = "") -> None:
    """A Python of the project's own. plugins: which of pytest's are loaded, quickest without any."""
    fill(root, {".venv/bin/python": ""})
    python = root / ".venv/bin/python"
    wanted = " ".join(f"-p {name}" for name in plugins.split())
    python.write_text(
        f'#!/bin/sh\nexport PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_ADDOPTS="{wanted}"\n'
        f'exec {sys.executable} {" ".join(options)} "$@"\n'
    )
    python.chmod(0o755)


class Passing:
    """A box that holds nothing, but is there."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        return Launch(tuple(argv), environment, held=Held())


@pytest.fixture
def project(root: Path) -> Path:
    interpreter(root)
    return root


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir(mode=0o700)
    return folder


def ids(outcomes: tuple[Outcome, ...]) -> list[str]:
    return [one.test for one in outcomes]


# ── E7: a flaky, a slow and a hanging test ───────────────────────────────────────────────────────────────────────────


async def test_what_fails_and_then_passes_alone_is_told_as_flaky(workspace: Workspace, project: Path) -> None:
    (project / "test_a.py").write_text(FLAKY)
    report = await run_tests(workspace)
    assert ids(report.flaky) == ["test_a.py::test_chancy"] and not report.failures
    assert report.only_flaky and not report.good  # never silently passed
    text = text_of(report)
    assert text.startswith("pytest: 0 failed, 1 flaky, 1 passed\nFLAKY test_a.py::test_chancy\n  test_a.py:8: assert 1")
    assert "the first time" in text and "passed when it was run again alone" in text
    (shown,) = shows_of(report)
    assert shown[:3] == (1, 0, 0) and shown[4] == 1


async def test_what_fails_twice_is_not_flaky(workspace: Workspace, project: Path) -> None:
    fill(project, {"test_a.py": FLAKY, "test_b.py": SLOW})
    report = await run_tests(workspace)
    assert ids(report.failures) == ["test_b.py::test_bad"] and ids(report.flaky) == ["test_a.py::test_chancy"]
    assert not report.only_flaky
    assert 0.2 <= report.failures[0].seconds < 10


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
async def test_a_hanging_test_is_named_and_so_is_its_line(workspace: Workspace, project: Path, runner: str) -> None:
    fill(
        project,
        {
            "test_a.py": "import threading, unittest\n\ndef wait():\n    threading.Event().wait()\n\n"
            "class Case(unittest.TestCase):\n    def test_a_good(self): pass\n"
            "    def test_b_bad(self): self.fail('no')\n"
            "    def test_hangs(self): wait()\n"
        },
    )
    bad = ["--deselect", "test_a.py::Case::test_b_bad"] if runner == "pytest" else []
    report = await run_tests(workspace, bad, seconds=5, runner=runner)
    test = {"pytest": "test_a.py::Case::test_hangs", "unittest": "test_a.Case.test_hangs"}[runner]
    failed = 0 if bad else 1
    assert (report.passed, report.failed, report.unfinished) == (1, failed, (test,))
    assert report.finished.ended == "time" and report.finished.seconds < 30
    assert report.stuck == "test_a.py:4: threading.Event().wait()"
    told = [
        f"{runner} took more than 5 s and was stopped while it ran {test}. It was at {report.stuck}",
        f"Before that: {failed} failed, 1 passed.",
    ]
    lines = text_of(report).split("\n")
    assert lines[:2] == told and (lines[2].startswith("FAILED") if failed else lines == told), lines


async def test_the_slowest_tests_of_a_long_run_are_told() -> None:
    from minicode.workspace.processes import Finished
    from minicode.workspace.testing.report import slowest

    outcomes = [Outcome(f"test_{n}", "passed", "", "", seconds) for n, seconds in enumerate((90.0, 0.5, 2.0, 3.0, 9.0))]
    assert slowest(outcomes, 9.9) == ()
    long = slowest(outcomes, 105.0)
    assert [one.seconds for one in long] == [90.0, 9.0, 3.0]
    report = Report("pytest", "", Finished(0, b"", seconds=105), 5, slowest=long)
    assert text_of(report) == "pytest: all passed (5)\nslowest: test_0 90.0 s, test_4 9.0 s, test_3 3.0 s"


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
async def test_how_long_a_test_took_is_known(workspace: Workspace, project: Path, runner: str) -> None:
    busy = "end = time.monotonic() + 0.3\n        while time.monotonic() < end: pass\n"
    text = f"import time, unittest\n\nclass Case(unittest.TestCase):\n    def setUp(self):\n        {busy}"
    fill(project, {"test_a.py": f"{text}    def test_slow(self): pass\n"})
    task = Task(workspace, project)
    ran = await python.run(task, runner)
    [outcome] = worst(ran.outcomes).values()
    assert outcome.kind == "passed" and 0.3 <= outcome.seconds < 5
    long = ran._replace(
        outcomes=[outcome._replace(seconds=4.0)], finished=ran.finished._replace(seconds=10.5), command="python"
    )
    report = _reported(workspace, Project(project, "python"), long, frozenset(), [])
    assert text_of(report).endswith(f"\nslowest: {outcome.test} 4.0 s")


# ── E3: something is missing ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_missing_dependency_names_the_python_it_is_missing_in(workspace: Workspace, project: Path) -> None:
    fill(project, {"test_a.py": "import no_such_thing\n", "test_b.py": "def test_b(): pass\n"})
    report = await run_tests(workspace)
    assert ids(report.failures) == ["test_a.py"] and not report.good
    assert "The Python that was used is .venv/bin/python" in text_of(report)
    assert report.command == ".venv/bin/python -m pytest"


async def test_a_python_that_cannot_start_is_said_so(workspace: Workspace, root: Path) -> None:
    interpreter(root)
    (root / ".venv/bin/python").write_text("#!/no/such/python\n")
    (root / "test_a.py").write_text("def test_a(): pass\n")
    with pytest.raises(Refused, match=r"\.venv/bin/python cannot be started"):
        await run_tests(workspace)


async def test_a_dangling_python_is_passed_over(root: Path, tmp_path: Path) -> None:
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to(tmp_path / "gone")
    (root / "test_a.py").write_text("def test_a(): pass\n")
    interpreter(tmp_path / "bin")
    (tmp_path / "bin/.venv/bin/python").rename(tmp_path / "bin/python3")
    workspace = Workspace.at(
        root, environment={**for_tools(os.environ), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    )
    report = await run_tests(workspace)
    assert report.good and report.command == "python3 -m pytest"


async def test_asking_for_unittest_does_not_say_that_pytest_is_missing(workspace: Workspace, root: Path) -> None:
    (root / "test_a.py").write_text("def test_a(): pass\n")
    report = await run_tests(workspace, runner="unittest")
    assert text_of(report).startswith("unittest found no tests. Tests written for pytest need it: take it as runner")


async def test_asking_for_pytest_where_there_is_none(workspace: Workspace, root: Path) -> None:
    interpreter(root, "-S")
    with pytest.raises(Refused, match="pytest is not installed for"):
        await run_tests(workspace, runner="pytest")


# ── Crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
async def test_a_crash_of_the_interpreter_keeps_what_ran(workspace: Workspace, project: Path, runner: str) -> None:
    fill(
        project,
        {
            "test_a.py": "import os, signal, unittest\n\nclass Case(unittest.TestCase):\n"
            "    def test_a_good(self): pass\n    def test_b_bad(self): self.fail('no')\n"
            "    def test_c_crash(self): os.kill(os.getpid(), signal.SIGSEGV)\n"
        },
    )
    report = await run_tests(workspace, runner=runner)
    assert (report.passed, report.failed, len(report.unfinished)) == (1, 1, 1)
    assert "test_c_crash" in report.unfinished[0] and report.crashed == "SIGSEGV" and not report.good
    text = text_of(report)
    assert (
        text.startswith(f"{runner} was ended by SIGSEGV while it ran ")
        and "\nBefore that: 1 failed, 1 passed.\nFAILED " in text
    )
    if runner == "pytest":  # its faulthandler says where
        assert report.stuck == "test_a.py:6: def test_c_crash(self): os.kill(os.getpid(), signal.SIGSEGV)"


async def test_a_run_that_is_cancelled_leaves_nothing(root: Path, tmp_path: Path) -> None:
    interpreter(root)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    workspace = Workspace.at(root, scratch=scratch)
    (root / "test_a.py").write_text(
        "import os, threading\n\ndef test_a():\n    os.write(2, b'pid=%d;' % os.getpid())\n"
        "    threading.Event().wait()\n"
    )
    said = asyncio.Queue[bytes]()
    running = asyncio.create_task(run_tests(workspace, ["-s"], live=said.put_nowait))
    heard = b""
    while not (found := re.search(rb"pid=(\d+);", heard)):
        heard += await said.get()
    pid = int(found[1])
    assert list(scratch.iterdir())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not list(scratch.iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# ── Ids and outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_test_whose_subtest_failed_has_failed(workspace: Workspace, project: Path) -> None:
    body = "import unittest\n\nclass Case(unittest.TestCase):\n    def test_it(self):\n        for n in 1, 2, 3:\n"
    fill(project, {"test_a.py": body + "            with self.subTest(n=n):\n                self.assertEqual(n, 2)\n"})
    report = await run_tests(workspace)
    assert (report.passed, ids(report.failures)) == (0, ["test_a.py::Case::test_it"])
    assert report.failures[0].message == "AssertionError: 1 != 2"


def test_the_worst_outcome_of_a_test_counts() -> None:
    kinds = ("started", "passed", "failed", "passed", "error", "skipped")
    assert worst(Outcome("a", kind, kind) for kind in kinds)["a"].place == "failed"
    assert worst(Outcome("a", kind) for kind in ("skipped", "passed", "skipped"))["a"].kind == "passed"


async def test_only_what_failed_is_run_again(workspace: Workspace, project: Path, memory: Path) -> None:
    given = '["a::b", "x y/z", "[1]", "", "\\u00e4\\n"]'
    fill(
        project,
        {
            "test_a.py": f"import pytest\n\n@pytest.mark.parametrize('given', {given})\ndef test_it(given): assert 0\n",
            "test_b.py": "def test_good(): pass\n",
        },
    )
    first = await run_tests(workspace, memory=memory)
    assert (first.passed, first.failed) == (1, 5)
    (project / "test_a.py").write_text(
        (project / "test_a.py").read_text().replace("assert 0", "assert 'a::b' != given")
    )
    second = await run_tests(workspace, memory=memory, failed=True)
    assert (second.passed, ids(second.failures), second.notes) == (4, ["test_a.py::test_it[a::b]"], ())
    (project / "test_a.py").write_text("def test_other(): pass\n")
    fourth = await run_tests(workspace, memory=memory, failed=True)  # it is not there any more
    assert fourth.good and fourth.passed == 2 and "all were run" in text_of(fourth)


async def test_only_what_failed_with_unittest(workspace: Workspace, root: Path, memory: Path) -> None:
    interpreter(root, "-S")
    case = "import unittest\nclass Case(unittest.TestCase):\n    def test_good(self): pass\n"
    fill(
        root, {"tests/test_a.py": f"{case}    def test_bad(self): self.fail('no')\n", "tests/test_b.py": "import nope"}
    )
    first = await run_tests(workspace, memory=memory)
    assert (first.passed, first.failed) == (1, 2)
    second = await run_tests(workspace, memory=memory, failed=True)
    assert (second.passed, ids(second.failures)) == (0, ["test_a.Case.test_bad"])


@pytest.mark.parametrize("data", [b"", b"[]", b"nonsense", b'{"folder": 1}', b"[" * 100_000])
def test_a_damaged_memory_is_none(memory: Path, data: bytes) -> None:
    remember(memory, Failed(".", "python", "pytest", ("test_a.py::test_a",)))
    assert recall(memory) == Failed(".", "python", "pytest", ("test_a.py::test_a",))
    (memory / "tests.json").write_bytes(data)
    assert recall(memory) is None


async def test_a_memory_cannot_lead_outside(workspace: Workspace, project: Path, memory: Path) -> None:
    (memory / "tests.json").write_text('{"folder": "../..", "kind": "python", "runner": "", "tests": ["a::b"]}')
    with pytest.raises(Refused, match="outside the workspace"):
        await run_tests(workspace, failed=True, memory=memory)


# ── xdist ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_side_by_side_only_where_the_project_does_so(workspace: Workspace, root: Path) -> None:
    pytest.importorskip("xdist")
    interpreter(root, plugins="xdist.plugin")
    test = "import os\n\ndef test_{}(): assert 'PYTEST_XDIST_WORKER' in os.environ\n"
    fill(root, {"test_a.py": test.format("a"), "test_b.py": test.format("b")})
    fill(root, {"tox.ini": "[testenv]\ncommands = pytest -n 2 --dist loadfile tests\n"})
    assert parallel(workspace, root) == "-n 2 --dist loadfile"
    report = await run_tests(workspace)
    assert report.good and report.passed == 2
    one = await run_tests(workspace, ["test_a.py"])
    assert not one.good  # one file is not worth the workers
    (root / "tox.ini").unlink()
    bad = "import os\n\ndef test_bad(): assert 1 == 2\n\ndef test_crash(): os.kill(os.getpid(), 9)\n"
    fill(root, {"pytest.ini": "[pytest]\naddopts = -n 2\n", "test_b.py": bad})
    told = await run_tests(workspace)  # what its own settings say holds for one file, too
    assert told.passed == 1 and sorted(ids(told.failures)) == ["test_b.py::test_bad", "test_b.py::test_crash"]
    places = {one.test: one.place or one.message for one in told.failures}
    assert places["test_b.py::test_bad"] == "test_b.py:3: def test_bad(): assert 1 == 2"
    assert "crashed while running 'test_b.py::test_crash'" in places["test_b.py::test_crash"] and not told.unfinished


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("run: pytest -n auto --dist worksteal", "-n auto --dist worksteal"),
        ("pytest tests -q -nauto", "-n auto"),
        ("pytest --numprocesses=4 x", "-n 4"),
        ("pytest -n 0", ""),
        ("pytest --no-cov -n $(nproc)", ""),
        ("grep -n auto | pytest", ""),
        ("pytest; make -n 3", ""),
    ],
)
def test_what_a_project_says_of_workers(workspace: Workspace, root: Path, said: str, found: str) -> None:
    fill(root, {".github/workflows/ci.yml": said})
    assert parallel(workspace, root) == found


# ── Which project ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_path_in_a_sub_project_is_run_there(workspace: Workspace, root: Path) -> None:
    interpreter(root)
    fill(
        root,
        {
            "package.json": '{"scripts": {"test": "vitest run"}}',
            "api/pyproject.toml": "",
            "api/helper.py": "A = 1\n",
            "api/tests/test_a.py": "import os\n\ndef test_a(): assert os.path.isfile('helper.py')\n",
        },
    )
    report = await run_tests(workspace, ["api/tests/test_a.py::test_a"])
    assert report.good and report.runner == "pytest in api"
    assert choose(workspace, [str(root / "api")]).words == (".",)
    whole = choose(workspace)
    assert (whole.kind, whole.folder, whole.others) == ("npm", root, ("api: python",))


@pytest.mark.parametrize(
    ("files", "paths", "runner", "kind", "folder", "others"),
    [
        ("go.mod package.json", [], "", "go", ".", ["npm"]),
        ("go.mod package.json", [], "npm", "npm", ".", ["go"]),
        ("Cargo.toml pyproject.toml", ["tests/test_a.py"], "", "python", ".", ["cargo"]),
        ("pyproject.toml package.json", [], "", "python", ".", ["npm"]),
        ("web/package.json tests/test_a.py", [], "", "python", ".", ["web: npm"]),
        ("web/package.json", [], "", "npm", "web", []),
        ("web/package.json api/go.mod", [], "", "go", "api", ["web: npm"]),
        ("web/package.json api/go.mod", ["web/src"], "", "npm", "web", []),
        ("a/b/Cargo.toml Cargo.toml", ["a/b/src/x.rs"], "", "cargo", "a/b", []),
        ("pyproject.toml node_modules/x/package.json", [], "", "python", ".", []),
        ("pom.xml", [], "", "maven", ".", []),
        ("", ["no/such/file.py"], "", "python", ".", []),
        ("", ["../outside.py"], "", "python", ".", []),
    ],
)
def test_the_nearest_project_is_taken(
    workspace: Workspace,
    root: Path,
    files: str,
    paths: list[str],
    runner: str,
    kind: str,
    folder: str,
    others: list[str],
) -> None:
    fill(root, {name: '{"scripts": {"test": "jest"}}' for name in files.split()})
    found = choose(workspace, paths, runner)
    assert (found.kind, found.folder, list(found.others)) == (kind, (root / folder).resolve(), others)


def test_what_does_not_fit_is_refused(workspace: Workspace, root: Path) -> None:
    fill(root, {"a/pyproject.toml": "", "b/go.mod": "", "c/x.go": "", "pyproject.toml": ""})
    for paths, runner, words in (
        (["a", "b"], "", r"different projects: a \(python\) and b \(go\)"),
        ([], "ant", "no test runner `ant`. Take one of pytest, unittest, go"),
        ([], "cargo", "There is no cargo project in"),
        (["c/x.go"], "", "Nothing above c/x.go says how"),
    ):
        with pytest.raises(Refused, match=words):
            choose(workspace, paths, runner)


def test_a_person_would_type(workspace: Workspace, root: Path) -> None:
    assert detect(workspace) is None
    fill(root, {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'})
    assert detect(workspace) is None
    interpreter(root)
    fill(root, {"tests/test_a.py": ""})
    assert detect(workspace) == ".venv/bin/python -m unittest"
    fill(root, {".venv/lib/python3.12/site-packages/pytest/__init__.py": ""})
    assert detect(workspace) == ".venv/bin/python -m pytest"
    fill(root, {"Cargo.toml": ""})
    assert detect(workspace) == "cargo test"


def test_what_a_test_wrote_into_the_report_is_left_out() -> None:
    forged = f'["a", "passed", "", "", 1{"0" * 400}]\n{"[" * 5000}\n["b"]\n["c", "passed", "", "", "x"]\n'
    told = [*_outcomes(f'{forged}["d", "passed", "", "", 1]\n'.encode())]
    assert told == [Outcome("a", "passed"), Outcome("c", "passed"), Outcome("d", "passed", "", "", 1.0)]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(2.5, 2.5), ("2.5", 2.5), (0, 0), (-1, 0), (1e999, 0), (float("nan"), 0), ("1e400", 0), (10**400, 0), (1e8, 0)]
    + [(said, 0) for said in ("", "soon", None, [], {}, True)],  # type: ignore[list-item]
)
def test_a_time_that_cannot_be_is_none(said: object, seconds: float) -> None:
    assert seconds_of(said) == seconds


async def test_a_warning_of_pytests_cache_is_not_why_a_test_failed(root: Path) -> None:
    interpreter(root)
    fill(root, {"test_a.py": "def test_a(): assert 1 == 2\n"})
    report = await run_tests(Workspace.at(root, box=Passing()), ["--override-ini=cache_dir=/sys/minicode"])
    assert re.search(rb"PytestCacheWarning: .*not permitted|PytestCacheWarning: .*denied", report.finished.output)
    assert report.failed == 1 and not any("If this is why" in note for note in report.notes)


async def test_what_a_test_failed_at_is_told_of_the_sandbox(root: Path) -> None:
    interpreter(root)
    fill(
        root, {"test_a.py": "import errno, os\n\ndef test_a(): raise OSError(errno.EROFS, os.strerror(errno.EROFS))\n"}
    )
    report = await run_tests(Workspace.at(root, box=Passing()))
    assert any("If this is why: the sandbox writes only in" in note for note in report.notes)
