"""Which tests failed the last time, kept outside the workspace: the project's own caches know it only for some."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minicode import paths
from minicode.errors import StorageError

NAME = "tests.json"
_MOST = 500  # tests that are remembered
_LARGEST = 2**20  # bytes


class Failed(NamedTuple):
    """folder: of the project, as it is shown. kind, runner: how they were run. tests: their ids, none if all passed."""

    folder: str
    kind: str
    runner: str
    tests: tuple[str, ...] = ()


def remember(memory: Path | None, failed: Failed) -> None:
    """In place of what was known. memory: a private folder of ours, None for nowhere."""
    if memory is None:
        return
    data = json.dumps(failed._replace(tests=failed.tests[:_MOST])._asdict()).encode()
    with suppress(StorageError):  # it is only a memory: the next time all tests are run
        paths.write_private(memory / NAME, data, durable=False)


def recall(memory: Path | None) -> Failed | None:
    """What failed in the last run that is known of; None if nothing did."""
    if memory is None:
        return None
    try:
        with (memory / NAME).open("rb") as file:
            found = json.loads(file.read(_LARGEST))
        failed = Failed(str(found["folder"]), str(found["kind"]), str(found["runner"]), tuple(map(str, found["tests"])))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return failed if failed.tests else None
