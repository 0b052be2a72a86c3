"""The demo: a real repository with a genuine bug, and the script of an M2 that finds and mends it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from minicode.errors import MinicodeError, UsageError
from minicode.lab.demo_files import FILES
from minicode.lab.rehearsal.script import Do, Expect, Say, Script, Shape, Step, Think

PROMPT = "One test fails. Make the tests pass."
FAILING = "test_call_within_a_workshop"
WRONG = "            merged[-1] = (merged[-1][0], end)\n"
RIGHT = "            merged[-1] = (merged[-1][0], max(merged[-1][1], end))\n"

AUTHOR = {
    "GIT_AUTHOR_NAME": "minicode demo",
    "GIT_AUTHOR_EMAIL": "demo@minicode.invalid",
    "GIT_AUTHOR_DATE": "2026-01-05T09:00:00+00:00",
    "GIT_COMMITTER_NAME": "minicode demo",
    "GIT_COMMITTER_EMAIL": "demo@minicode.invalid",
    "GIT_COMMITTER_DATE": "2026-01-05T09:00:00+00:00",
}


def make_demo(folder: Path) -> None:
    """Make the repository in a folder that is empty or not there yet, in one commit, the same each time.

    Raises UsageError if the folder is in use, MinicodeError if git is missing or fails.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder. Name one that is empty or does not exist yet.")
    for name, text in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--no-gpg-sign", "--message", "Find free time in a day")


def _git(folder: Path, *arguments: str) -> None:
    program = shutil.which("git")
    if program is None:
        raise MinicodeError("git was not found. Install git; the demo makes a real repository.")
    # Nobody's own settings, hooks or templates have a say in a repository that is the same everywhere.
    nobodys = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TEMPLATE_DIR": ""}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        [program, "-c", "core.hooksPath=/dev/null", *arguments],
        cwd=folder,
        env=inherited | nobodys | AUTHOR,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MinicodeError(f"git {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}")


def demo_script(folder: Path, pause: float = 0.0) -> Script:
    """What M2 says and does, a thought in every step, each step sure of what came before it.

    pause: seconds between deltas, so that people can read along. Raises UsageError if the folder is not as `make_demo`
    leaves it.
    """
    for name, text in FILES:
        path = folder / name
        if not path.is_file() or path.read_text("utf-8") != text:
            raise UsageError(f"{path} is not as the demo made it, so the script would not fit. Start in a new folder.")
    tests = {"command": shlex.join([sys.executable, "-m", "unittest"])}
    steps = (_look(), _reproduce(tests), _trace(), _mend(), _verify(tests), _review(), _report())
    return Script(steps, shape=Shape(piece=12, pause=pause))


def _look() -> Step:
    return Step(
        (
            Think(
                "One test fails, but I do not know which, or what it claims. The test file says what the code "
                "promises; finding the code it exercises costs nothing more. Both at once."
            ),
            Say("I'll look at the tests and at the code they exercise."),
            Do("read", {"path": "tests/test_planner.py"}),
            Do("grep", {"pattern": "def free_slots"}),
        ),
        expect=Expect(thoughts=0),
    )


def _reproduce(tests: dict[str, str]) -> Step:
    return Step(
        (
            Think(
                "Four tests, all through free_slots in planner/calendar.py. I could read on and guess, but a guess "
                "that I cannot check against a failure is worth little. Reproduce it first."
            ),
            Do("test", tests),
        ),
        expect=Expect(results=(FAILING, "planner/calendar.py"), thoughts=1),
    )


def _trace() -> Step:
    return Step(
        (
            Think(
                "Only the call within the workshop fails; overlapping meetings pass. So it is not overlap as such but "
                "containment: the short call lies inside 10:00-16:00. free_slots itself only filters by length, so the "
                "suspect is below it. Let me read both before I touch anything."
            ),
            Say(f"Reproduced: `{FAILING}` fails, the three others pass."),
            Do("read", {"path": "planner/calendar.py"}),
            Do("read", {"path": "planner/intervals.py"}),
        ),
        expect=Expect(results=FAILING, matches=r"(?i)fail", thoughts=2),
    )


def _mend() -> Step:
    return Step(
        (
            Think(
                "There it is. merge sorts by start and, when the next interval touches the last one, takes the *next* "
                "end. After (600, 960) comes (660, 690): the result is (600, 690), and the workshop's afternoon is "
                "lost. With ordinary overlap the later start also has the later end, which is why that test passes. "
                "The end must be the greater of the two. gaps already uses max for `at`, so it needs nothing. Not the "
                "test and not free_slots: one line."
            ),
            Say("`merge` forgets the end of an interval that contains the next one. One line mends it."),
            Do("edit", {"path": "planner/intervals.py", "old": WRONG, "new": RIGHT}),
        ),
        expect=Expect(results=("merged[-1] = (merged[-1][0], end)", "gaps(busy, day)"), thoughts=3),
    )


def _verify(tests: dict[str, str]) -> Step:
    return Step(
        (
            Think("That should be all, but should is not is. All the tests, not only the one that failed."),
            Do("test", tests),
        ),
        expect=Expect(thoughts=4),
    )


def _review() -> Step:
    return Step(
        (
            Think(
                "All four pass, so the three that passed before still do. Before I say so: is this one line really "
                "all that differs from the commit?"
            ),
            Do("git", {"command": "diff"}),
        ),
        expect=Expect(
            matches=r"(?i)\b4 (tests )?passed|all passed \(4\)|all 4 tests pass|Ran 4 tests[\s\S]*OK",
            absent=FAILING,
            thoughts=5,
        ),
    )


def _report() -> Step:
    return Step(
        (
            Think(
                "One line in one file, the tests untouched. I should say what I checked, and what I did not: no test "
                "covers more than two nested meetings, though max holds for those too."
            ),
            Say(
                "The tests pass now.\n\n"
                "**Cause.** `merge` in `planner/intervals.py` took the end of the *later* interval when two of them "
                "touch. If a short meeting lies within a long one, that cuts the long one off: the workshop from "
                "10:00 to 16:00 was free from 11:30 on.\n\n"
                "**Change.** The merged interval ends at the greater of both ends. One line; no test was changed.\n\n"
                f"**Verified.** `{FAILING}` failed before and passes now; all 4 tests pass. Not covered by a test: "
                "three or more nested meetings."
            ),
        ),
        expect=Expect(results=("+" + RIGHT.rstrip("\n"), "-" + WRONG.rstrip("\n")), thoughts=6),
    )
