"""The shipped tools on a real workspace, called as a model calls them: by name and arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from minicode.messages import Call
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope, Workspace

SHIPPED = Path(__file__).parents[2] / "tools"

Run = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    return Toolbox.load([("shipped", SHIPPED)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    return root


@pytest.fixture
def spilled(tmp_path: Path) -> Path:
    """Where long outputs go."""
    folder = tmp_path / "spilled"
    folder.mkdir()
    return folder


@pytest.fixture
def scope(root: Path, spilled: Path) -> Iterator[Scope]:
    def spill(data: bytes) -> str:
        file = spilled / f"output-{len(list(spilled.iterdir()))}"
        file.write_bytes(data)
        return str(file)

    workspace = Workspace.at(root, readable=[spilled])
    yield Scope(workspace, call_id="call-1", spill=spill)
    workspace.processes.close()


@pytest.fixture
def run(toolbox: Toolbox, scope: Scope) -> Run:
    """Call a tool; positional keys that are no Python names can be given by `arguments`."""

    async def run(name: str, **arguments: object) -> Result:
        prepared = toolbox.prepare(Call("call-1", name, arguments))
        return await toolbox.run(prepared, scope)

    return run
