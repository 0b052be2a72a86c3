"""`go test -json`."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from minicode.workspace.folder import Refused
from minicode.workspace.processes import Finished
from minicode.workspace.testing.outcome import REPORT, Outcome, Ran, Task, seconds_of

_KINDS = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_AT = r"^\s+([^\s:]+\.go):(\d+): ?(.*)"
_TRACE = r"^\t(.+\.go):(\d+) "
_FRAMES = ("=== ", "--- ", "PASS", "FAIL", "exit status ")
_SELECTED = r"^(.*?)::(Test|Example|Fuzz|Benchmark)(\S*)$"


class _Seen:
    """What the events of one run said so far."""

    def __init__(self) -> None:
        self.output: dict[str, list[str]] = defaultdict(list)  # by test, package or build
        self.wrong: dict[str, str] = {}  # by test: the first line that was said to be an error
        self.outcomes: dict[str, Outcome] = {}
        self.said: list[str] = []


async def run(task: Task) -> Ran:
    go = task.program("go")
    words = _selecting(task.tests) if task.tests else _selecting(task.words)
    finished = await task.run([go, "test", "-json", *words], keep=REPORT)
    return await asyncio.to_thread(_ran, task, finished)


def _ran(task: Task, finished: Finished) -> Ran:
    seen = _Seen()
    for line in finished.output.decode("utf-8", "replace").split("\n"):
        try:
            event = json.loads(line)
            _take(task, seen, event)
        except (ValueError, TypeError, AttributeError, RecursionError):  # what a build of an older go, or a test, says
            seen.said.append(f"{line}\n")
    outcomes = list(_leaves(seen.outcomes))
    return Ran("go test", "go test ./...", finished, outcomes, said="".join(seen.said).rstrip("\n"))


def _selecting(words: Sequence[str]) -> list[str]:
    """`package::Test` as go wants it: the packages, and one pattern for all their tests."""
    packages: list[str] = []
    names: list[str] = []
    options: list[str] = []
    for word in words:
        if word.startswith("-"):
            options.append(word)
        elif found := re.match(_SELECTED, word):
            packages.append(found[1])
            names.append(f"{found[2]}{found[3]}")
        else:
            packages.append(word)
    wanted = [_package(name) for name in dict.fromkeys(packages)] or ["./..."]
    if len(names) == 1:
        return ["-run", "/".join(f"^{re.escape(part)}$" for part in names[0].split("/")), *options, *wanted]
    tops = dict.fromkeys(re.escape(name.split("/")[0]) for name in names)
    return [*(["-run", f"^({'|'.join(tops)})$"] if tops else []), *options, *wanted]


def _package(word: str) -> str:
    """A file stands for its package, a folder for all below it."""
    if word.endswith(".go"):
        word = word.rpartition("/")[0] or "."
        return word if word.startswith((".", "/")) else f"./{word}"
    first = word.split("/")[0]
    return word if word.startswith((".", "/")) or "." in first or "..." in word else f"./{word.rstrip('/')}/..."


def _take(task: Task, seen: _Seen, event: dict[str, object]) -> None:
    action, package = str(event["Action"]) if "Action" in event else "", str(event.get("Package") or "")
    name = f"{package}::{event['Test']}" if event.get("Test") else package or str(event.get("ImportPath") or "")
    text = str(event.get("Output") or "")
    if action in ("output", "build-output"):
        seen.said.append(text)
        if not text.startswith(_FRAMES) and not text.lstrip().startswith("--- "):
            seen.output[name].append(text)
        if event.get("OutputType") == "error":
            seen.wrong.setdefault(name, text)
    elif action == "run":
        seen.outcomes[name] = Outcome(name, "started")
    elif action in _KINDS and "::" in name:
        seconds = seconds_of(event.get("Elapsed"))
        told = _told(task, seen, name) if action == "fail" else ("", "")
        seen.outcomes[name] = Outcome(name, _KINDS[action], *told, seconds)
    elif action == "fail" and not any(o.kind in ("failed", "started") for o in _inside(seen, package)):
        # No test is to blame: it was not built, or ended in TestMain or init.
        build = str(event.get("FailedBuild") or "")
        lines = [line for line in seen.output[build or name] if not line.startswith("# ")]
        loose = [] if lines else _loose(seen, package)
        message = "".join(lines or loose).strip() or "it failed outside of its tests"
        place = re.match(r"(\S+\.go):(\d+)", message)
        seen.outcomes[name] = Outcome(name, "error", task.place(place[1], place[2]) if place else "", message)


def _inside(seen: _Seen, package: str) -> Iterator[Outcome]:
    return (outcome for test, outcome in seen.outcomes.items() if test.startswith(f"{package}::"))


def _loose(seen: _Seen, package: str) -> list[str]:
    """What an older go printed between the events of a build that failed."""
    said = "".join(seen.said)
    found = re.search(rf"^# {re.escape(package)}\b.*\n((?:.+\.go:\d+.*\n|\t.*\n)+)", said, re.MULTILINE)
    return [found[1]] if found else []


def _told(task: Task, seen: _Seen, name: str) -> tuple[str, str]:
    lines = seen.output[name]
    folder = _folder(task, name)
    panic = next((number for number, line in enumerate(lines) if line.startswith(("panic: ", "fatal error: "))), -1)
    if panic >= 0:
        frames = re.findall(_TRACE, "".join(lines[panic:]), re.MULTILINE)
        own = next(((path, line) for path, line in frames if path.startswith(f"{task.folder}/")), None)
        return task.place(*own) if own else "", lines[panic].strip()
    at = re.match(_AT, seen.wrong.get(name, "")) or next(filter(None, (re.match(_AT, line) for line in lines)), None)
    place = task.place(f"{folder}{at[1]}", at[2]) if at else ""
    return place, "".join(re.sub(r"^    (?=\S)", "", line) for line in lines).strip()


def _folder(task: Task, name: str) -> str:
    """Of the package, with a slash, as far as the module's name tells: go names files without their folder."""
    try:
        files = task.workspace.files
        text = files.read(files.folder.resolve(str(task.folder / "go.mod"))).data.decode("utf-8", "replace")
    except Refused:
        return ""
    module = re.search(r"^module\s+(\S+)", text, re.MULTILINE)
    package = name.split("::")[0]
    inner = package.removeprefix(module[1]).strip("/") if module and package.startswith(module[1]) else ""
    return f"{inner}/" if inner else ""


def _leaves(outcomes: dict[str, Outcome]) -> Iterator[Outcome]:
    """A test whose subtest failed has no failure of its own, unless it says so."""
    for test, outcome in outcomes.items():
        inner = [o for t, o in outcomes.items() if t.startswith(f"{test}/")] if outcome.kind != "passed" else []
        if not any(o.kind == outcome.kind for o in inner) or (outcome.kind == "failed" and outcome.message):
            yield outcome
