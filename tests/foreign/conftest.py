"""Sessions that the real programs wrote (`real/`, paths and ids scrubbed, long texts cut), and what becomes of any."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minicode.context.history import History
from minicode.foreign.programs import Log, logs_at
from minicode.foreign.take import Taken, take
from minicode.journal.repair import sound
from minicode.lab.rehearsal import check
from minicode.messages import Call, Reply, Request, Results, User
from minicode.model.wires import encode_as
from minicode.redact import Redactor

REAL = Path(__file__).parent / "real"


@pytest.fixture
def real() -> Path:
    return REAL


class Told:
    """What an import made of a session, and that both surfaces of M2 would take it."""

    def __init__(self, log: Log, taken: Taken) -> None:
        self.log = log
        self.taken = taken
        self.left = dict(taken.origin["left_out"])
        self.messages = History(sound(taken.entries)).messages()
        request = Request("MiniMax-M2", "system", (), (*self.messages, User("go on")))
        for surface in ("anthropic", "openai"):
            check.understand(surface, json.loads(encode_as(request, surface, {})))

    @property
    def said(self) -> list[str]:
        return [m.text for m in self.messages if isinstance(m, User)]

    @property
    def replies(self) -> list[Reply]:
        return [m for m in self.messages if isinstance(m, Reply)]

    @property
    def thoughts(self) -> list[str]:
        return [t.text for reply in self.replies for t in reply.thinking]

    @property
    def calls(self) -> list[Call]:
        return [c for reply in self.replies for c in reply.calls]

    @property
    def results(self) -> list[str]:
        return [r.text for m in self.messages if isinstance(m, Results) for r in m.results]


@pytest.fixture
def told() -> Callable[..., Told]:
    def read(path: Path, program: str | None = None) -> Told:
        [log] = logs_at(path, program)
        return Told(log, take(log, Redactor(()).text))

    return read


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    """lines(records, name) writes them, one a line; a record that is bytes is written as it is."""

    def write(records: list[Any], name: str = "session.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records))
        return path

    return write
