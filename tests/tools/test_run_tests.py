"""run_tests: each runner, on small projects of its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from minicode import show
from minicode.messages import Call
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope, Workspace

TESTS = """
import unittest
from calc import add

class TestAdd(unittest.TestCase):
    def test_good(self):
        self.assertEqual(add(1, 0), 1)

    def test_bad(self):
        self.assertEqual(add(2, 2), 4)

    @unittest.skip("later")
    def test_later(self):
        pass
"""


@pytest.fixture
def project(root: Path) -> Path:
    (root / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (root / "tests").mkdir()
    (root / "tests/test_calc.py").write_text(TESTS)
    return root


def interpreter(root: Path, *options: str) -> None:
    """A Python of the project's own, as a virtual environment has it."""
    (root / ".venv/bin").mkdir(parents=True)
    python = root / ".venv/bin/python"
    python.write_text(
        f'#!/bin/sh\nexport PYTEST_DISABLE_PLUGIN_AUTOLOAD=1\nexec {sys.executable} {" ".join(options)} "$@"\n'
    )
    python.chmod(0o755)


async def test_pytest(run, project: Path) -> None:
    interpreter(project)
    result = await run("run_tests")
    assert result.failed
    assert result.text == (
        "pytest: 1 failed, 1 passed, 1 skipped\n"
        "FAILED tests/test_calc.py::TestAdd::test_bad\n"
        "  tests/test_calc.py:10: self.assertEqual(add(2, 2), 4)\n"
        "    AssertionError: 0 != 4"
    )
    failure = ("tests/test_calc.py::TestAdd::test_bad", "AssertionError: 0 != 4")
    assert result.show == (show.Tests(1, 1, 1, (failure,)),)
    # Within the second and of the same size: Python would run its old bytecode if the edit left the time alone.
    assert not (await run("edit", file_path="calc.py", old_string="a - b", new_string="a + b")).failed
    assert (await run("run_tests")).text == "pytest: all passed (2), 1 skipped"


async def test_pytest_of_one_test_with_plain_asserts(run, project: Path) -> None:
    interpreter(project)
    (project / "tests/test_plain.py").write_text(
        "from calc import add\n\ndef test_plain():\n    print('noise')\n    assert add(5, 2) == 7\n\n"
        "def test_other():\n    1 / 0\n"
    )
    result = await run("run_tests", paths=["tests/test_plain.py::test_plain"])
    assert result.text.split("\n")[:3] == [
        "pytest: 1 failed, 0 passed",
        "FAILED tests/test_plain.py::test_plain",
        "  tests/test_plain.py:5: assert add(5, 2) == 7",
    ]
    assert "where 3 = add(5, 2)" in result.text and "noise" not in result.text


async def test_pytest_with_a_file_that_cannot_be_imported(run, project: Path) -> None:
    interpreter(project)
    (project / "tests/test_calc.py").write_text("import no_such_module\n")
    result = await run("run_tests")
    assert result.failed and "No module named 'no_such_module'" in result.text
    assert len(result.text) < 1000


async def test_pytest_that_cannot_start(run, project: Path) -> None:
    interpreter(project)
    (project / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    result = await run("run_tests")
    assert result.failed and "--no-such-option" in result.text


async def test_unittest_where_pytest_is_missing(run, project: Path) -> None:
    interpreter(project, "-S")  # without site-packages there is no pytest
    result = await run("run_tests")
    assert result.text == (
        "unittest: 1 failed, 1 passed, 1 skipped\n"
        "FAILED test_calc.TestAdd.test_bad\n"
        "  tests/test_calc.py:10: self.assertEqual(add(2, 2), 4)\n"
        "    AssertionError: 0 != 4"
    )
    one = await run("run_tests", paths=["tests/test_calc.py::TestAdd::test_good"])
    assert one.text == "unittest: all passed (1)"


async def test_a_hanging_test_is_stopped_and_what_ran_is_told(run, project: Path) -> None:
    interpreter(project)
    (project / "tests/test_slow.py").write_text("import time\n\ndef test_hangs():\n    time.sleep(1000)\n")
    result = await run("run_tests", timeout=3)
    assert result.failed and "was stopped" in result.text
    assert "test_bad" in result.text


async def test_no_tests(run, root: Path) -> None:
    interpreter(root)
    result = await run("run_tests")
    assert result.failed and "found no tests" in result.text


@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")
async def test_npm(run, root: Path) -> None:
    (root / "package.json").write_text('{"scripts": {"test": "node --test"}}')
    (root / "a.test.js").write_text(
        "const t = require('node:test'); const a = require('node:assert');\n"
        "t('adds', () => a.strictEqual(1 + 1, 2));\nt('fails here', () => a.strictEqual(1 + 1, 3));\n"
    )
    result = await run("run_tests")
    assert result.failed and "fails here" in result.text
    assert result.text.startswith("npm test: 1 failed, 1 passed")


async def test_a_runner_that_is_missing(run, root: Path) -> None:
    if shutil.which("go"):
        pytest.skip("go is here")
    (root / "go.mod").write_text("module x\n")
    result = await run("run_tests")
    assert result.failed and "go, which is not installed" in result.text


async def test_tests_that_change_settings_raise_an_alarm(toolbox: Toolbox, root: Path) -> None:
    (root / "test_a.py").write_text("def test_a():\n    open('.mcp.json', 'w').close()\n")
    alarms: list[str] = []
    prepared = toolbox.prepare(Call("c", "run_tests", {}))
    result = await toolbox.run(prepared, Scope(Workspace.at(root), alarm=alarms.append))
    assert not result.failed and len(alarms) == 1 and ".mcp.json" in alarms[0]


@pytest.mark.parametrize("how", ["link", "pipe", "endless", "nonsense"])
async def test_a_test_may_do_what_it_likes_to_the_report(run, root: Path, tmp_path: Path, how: str) -> None:
    """What it puts in its place is never read: neither a file that is hidden from it, nor a pipe without end."""
    interpreter(root)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "report.jsonl").write_text('["secret", "failed", "secret", "secret"]\n')
    acts = {
        "link": f"report.unlink(); report.symlink_to({str(hidden / 'report.jsonl')!r})",
        "pipe": "report.unlink(); os.mkfifo(report)",
        "endless": "os.truncate(report, 2**40)",
        "nonsense": "report.write_text('5\\n[1]\\n{}\\n[[], {}, 1, null]\\n' + '[' * 100_000)",
    }
    (root / "test_it.py").write_text(
        "import os, pathlib\nreport = pathlib.Path(os.environ['MINICODE_TEST_REPORT'])\n"
        f"def test_first():\n    pass\ndef test_second():\n    {acts[how]}\n    os._exit(3)\n"
    )
    result = await run("run_tests")
    assert result.failed and "ended with code 3" in result.text and "secret" not in repr(result)


async def test_a_pipe_called_package_json(run, root: Path) -> None:
    os.mkfifo(root / "package.json")
    (root / "test_it.py").write_text("def test_it(): pass\n")
    interpreter(root)
    assert (await run("run_tests")).text == "pytest: all passed (1)"


async def test_only_failed_and_what_is_flaky(toolbox: Toolbox, scope: Scope, project: Path, tmp_path: Path) -> None:
    interpreter(project)
    (tmp_path / "memory").mkdir(mode=0o700)
    scope = replace(scope, memory=tmp_path / "memory")

    async def run(**arguments: object) -> Result:
        return await toolbox.run(toolbox.prepare(Call("c", "run_tests", arguments)), scope)

    (project / "tests/test_chance.py").write_text(
        "import os\n\ndef test_chance():\n"
        "    if not os.path.exists('mark'):\n        open('mark', 'w')\n        assert 0\n"
    )
    first = await run()
    assert first.failed and first.text.startswith("pytest: 1 failed, 1 flaky, 1 passed, 1 skipped\n")
    assert "\nFLAKY tests/test_chance.py::test_chance\n" in first.text
    (shown,) = first.show
    assert isinstance(shown, show.Tests) and (shown.failed, shown.flaky) == (1, 1)
    assert shown.failures[1] == ("tests/test_chance.py::test_chance", "flaky: assert 0")
    (project / "calc.py").write_text("def add(a, b):\n    return a  +  b\n")  # of another size: no old bytecode
    assert (await run(only_failed=True)).text == "pytest: all passed (2)"
    assert (await run(only_failed="true", runner="pytest")).text.startswith(
        "pytest: all passed (3), 1 skipped\nNo failed"
    )


async def test_a_long_output_is_kept_for_the_model(run, project: Path, spilled: Path) -> None:
    interpreter(project)
    (project / "tests/test_loud.py").write_text("def test_loud():\n    print('loud ' * 3000)\n    assert 0\n")
    result = await run("run_tests")
    (file,) = spilled.iterdir()
    assert (
        result.text.endswith(f" is in {file}]") and "loud loud" in file.read_text() and "loud loud" not in result.text
    )
