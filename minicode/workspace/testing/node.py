"""`npm test`: vitest, jest, mocha and node:test with a report; of any other only what it prints."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

from minicode.text import clean_output
from minicode.workspace.folder import Refused
from minicode.workspace.processes import Finished
from minicode.workspace.testing.outcome import Outcome, Ran, Task, held, read, seconds_of
from minicode.workspace.workspace import Workspace

_REPORTER = Path(__file__).with_name("node_child.mjs")
_LAST = r"&&|\|\||;|\|"  # between the commands of a script; what is added goes to the last one
_TOOLS = {
    "vitest": r"(?:^|[\s/])vitest(?:\s|$)",
    "jest": r"(?:^|[\s/])(?:jest|react-scripts(?: \S+)* test)(?:\s|$)",
    "mocha": r"(?:^|[\s/])mocha(?:\s|$)",
    "node": r"\s--test(?:\s|$)",
}
_BETWEEN = re.compile(r"\s*,?\s*")
_NO_TEST = r'^echo\s.*no test specified.*exit 1"?$'
_FRAME = r"^\s+at (?:.*?\()?((?:file://)?[^()\s][^()\n]*?):(\d+):\d+\)?$"
# As the runners behind npm print failed tests, and numbers of passed ones.
_FAILED = r"^\s*(?:✖|✗|×|✕|not ok \d+ -) (.+?)(?: \(\d[\d.]* ?ms\))?$"
_PASSED = r"^(?:#|ℹ) pass (\d{1,9})\b|^Tests:.*?\b(\d{1,9}) passed|^\s+(\d{1,9}) passing"


def script_of(workspace: Workspace, folder: Path) -> str:
    """The test script of the package.json there, "" if it has none worth running."""
    try:
        path = workspace.folder.resolve(str(folder / "package.json"))
        script = json.loads(workspace.files.read(path).data)["scripts"]["test"]
    except (Refused, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return script if isinstance(script, str) and not re.match(_NO_TEST, script.strip()) else ""


async def run(task: Task) -> Ran:
    npm, script = task.program("npm"), await asyncio.to_thread(script_of, task.workspace, task.folder)
    if not script:
        raise Refused(f"{task.shown(str(task.folder / 'package.json'))} has no test script.")
    last = re.split(_LAST, script)[-1]
    tool = next((name for name, pattern in _TOOLS.items() if re.search(pattern, last)), "")
    with held(task.workspace, "report") as (folder, files):
        path = str(folder / "report")
        words, environment = _asked(task, tool, last, path)
        if tool == "node":
            reporter = folder / "reporter.mjs"
            reporter.write_bytes(_REPORTER.read_bytes())
            mine = f"--test-reporter={reporter} --test-reporter-destination={path}"
            usual = task.workspace.processes.environment.get("NODE_OPTIONS", "")
            environment["NODE_OPTIONS"] = f"{usual} --test-reporter=spec --test-reporter-destination=stdout {mine}"
        argv = [npm, "test", "--silent", *(["--", *words] if words else [])]
        finished = await task.run(argv, environment)
        return await asyncio.to_thread(_ran, task, tool, finished, files[0])


def _ran(task: Task, tool: str, finished: Finished, file: IO[bytes]) -> Ran:
    reader, report = _READERS.get(tool), read(file).decode("utf-8", "replace")
    outcomes = _sound(task, report, reader) if reader else None
    if outcomes is None or not (outcomes or finished.code == 0):
        outcomes = list(_printed(clean_output(finished.output)))
        return Ran("npm test", "npm test", finished, outcomes, counted=False)
    if not finished.ended:  # of tests that run side by side nobody can say which lies in which
        outcomes = [one for one in outcomes if one.kind != "started"]
    if any("::" in word for word in task.tests or task.words):  # the others are told as skipped
        outcomes = [one for one in outcomes if one.kind != "skipped"]
    return Ran("npm test", "npm test", finished, outcomes)


def can_name(workspace: Workspace, folder: Path) -> bool:
    """Can single tests be run there?"""
    last = re.split(_LAST, script_of(workspace, folder))[-1]
    return any(re.search(_TOOLS[name], last) for name in ("vitest", "jest", "mocha")) or last.endswith(" --test")


def _asked(task: Task, tool: str, last: str, report: str) -> tuple[list[str], dict[str, str]]:
    """What is added to the script's words, and to the environment."""
    tests = [word for word in (task.tests or task.words) if "::" in word and not word.startswith("-")]
    words = [] if task.tests else [word for word in task.words if word not in tests]
    if len(tests) < len(task.tests):  # a file that failed as a whole has no names
        tests, words = [], list(dict.fromkeys(test.split("::", 1)[0] for test in task.tests))
    names = [test.split("::", 1)[1].replace("::", " ") for test in tests]
    files = [*words, *dict.fromkeys(test.split("::", 1)[0] for test in tests)]
    pattern = f"^({'|'.join(map(_escaped, dict.fromkeys(names)))})$" if names else ""
    environment = {"CI": "true"} if "react-scripts" in last else {}  # or else it waits for changes
    if tool == "vitest":
        added = ["--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
        return [*added, *(["-t", pattern] if pattern else []), *files], environment
    if tool == "jest":
        added = ["--json", f"--outputFile={report}"]
        return [*added, *(["-t", pattern] if pattern else []), *files], environment
    if tool == "mocha":
        added = ["--reporter", "json", "--reporter-option", f"output={report}"]
        return [*added, *(["--grep", pattern] if pattern else []), *files], environment
    if tool == "node" and pattern and last.endswith(" --test"):
        # Some versions match the name alone, others with its suites before it.
        bare = "|".join(_escaped(test.rsplit("::", 1)[-1]) for test in tests)
        return [f"--test-name-pattern=^({bare})$|{pattern}", *files], environment
    return files, environment


def _escaped(text: str) -> str:
    return re.sub(r"[.*+?^${}()|\[\]\\/]", r"\\\g<0>", text)


def _sound(task: Task, report: str, reader: Callable[[Task, str], Iterator[Outcome]]) -> list[Outcome] | None:
    """None for a report that is not there, not whole, or not of the kind it should be: a test may have written it."""
    try:
        return list(reader(task, report))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _items(report: str, name: str) -> Iterator[Any]:
    """Those of a list in an object of JSON, one by one: while it parses, Python lets no other thread work."""
    begin = re.search(rf'"{name}"\s*:\s*\[\s*', report)  # in a text the quotes would be escaped
    if begin is None:
        raise KeyError(name)
    decode, at = json.JSONDecoder().raw_decode, begin.end()
    while report[at : at + 1] != "]":
        item, at = decode(report, at)
        yield item
        at = _BETWEEN.match(report, at).end()  # type: ignore[union-attr]


def _jest(task: Task, report: str) -> Iterator[Outcome]:
    """As jest and vitest write it."""
    kinds = {"passed": "passed", "failed": "failed"}
    for suite in _items(report, "testResults"):
        file = task.shown(str(suite["name"]))
        for test in suite["assertionResults"]:
            name = "::".join([file, *map(str, test["ancestorTitles"]), str(test["title"])])
            whole = "\n".join(map(str, test.get("failureMessages") or ()))
            seconds = seconds_of(test.get("duration"), 1e-3)
            yield Outcome(name, kinds.get(test["status"], "skipped"), *_told(task, whole), seconds)
        if suite["status"] == "failed" and not any(t["status"] == "failed" for t in suite["assertionResults"]):
            message = re.sub(r"^\s*● .*\n+", "", str(suite.get("message") or "")).strip()
            yield Outcome(file, "error", *_told(task, "\n".join(line.strip() for line in message.split("\n")[:8])))


def _mocha(task: Task, report: str) -> Iterator[Outcome]:
    pending = {(test["file"], test["fullTitle"]) for test in _items(report, "pending")}
    hooks = (test for test in _items(report, "failures") if test.get("title", "").startswith('"'))
    for test in chain(_items(report, "tests"), hooks):
        name = f"{task.shown(str(test['file']))}::{test['fullTitle']}"
        whole = str(test["err"].get("stack") or test["err"].get("message") or "")
        kind = "failed" if test["err"] else "skipped" if (test["file"], test["fullTitle"]) in pending else "passed"
        yield Outcome(name, kind, *_told(task, whole), seconds_of(test.get("duration"), 1e-3))


def _node(task: Task, report: str) -> Iterator[Outcome]:
    """Events of node:test. A test is dequeued when it begins; all else of it is told in order, when it is its turn."""
    started: dict[str, Outcome] = {}
    begun: dict[str, list[str]] = defaultdict(list)
    above: list[str] = []
    for line in report.split("\n"):
        try:
            event, name, nesting, file, _, left, kind, took, message, stack = json.loads(line)
        except ValueError:  # the last one of a killed run
            continue
        if f"/{file}".endswith(f"/{str(name).lstrip('/')}"):  # the file itself
            continue
        path = begun[str(file)] if event == "test:dequeue" else above
        del path[nesting:]
        test = "::".join([task.shown(str(file)), *path, str(name)])
        if event in ("test:dequeue", "test:start"):
            path.append(str(name))
            started[test] = Outcome(test, "started")
            continue
        started.pop(test, None)
        if kind == "suite":  # its tests have said it
            continue
        done = "failed" if event == "test:fail" else "skipped" if left else "passed"
        yield Outcome(test, done, _place(task, str(stack)), str(message), seconds_of(took, 1e-3))
    # Of those that never ended, the innermost.
    yield from (one for test, one in started.items() if not any(other.startswith(f"{test}::") for other in started))


_READERS: dict[str, Callable[[Task, str], Iterator[Outcome]]] = {
    "vitest": _jest,
    "jest": _jest,
    "mocha": _mocha,
    "node": _node,
}


def _told(task: Task, whole: str) -> tuple[str, str]:
    """Place and message of an error with its stack."""
    message = re.split(r"\n\s+at (?=\S)", whole, maxsplit=1)[0].strip()
    return _place(task, whole), "\n".join(line for line in message.split("\n") if line.strip())


def _place(task: Task, stack: str) -> str:
    """The first frame that is the project's own."""
    for path, line in re.findall(_FRAME, stack, re.MULTILINE):
        if "node_modules/" not in path and not path.startswith(("node:", "internal/")):
            return task.place(path, line)
    return ""


def _printed(text: str) -> Iterator[Outcome]:
    names: Sequence[Any] = re.findall(_FAILED, text, re.MULTILINE)
    yield from (Outcome(name, "failed") for name in dict.fromkeys(names))
    passed = sum(int(number) for groups in re.findall(_PASSED, text, re.MULTILINE) for number in groups if number)
    yield from (Outcome(f"passed {number}", "passed") for number in range(min(passed, 100_000)))
