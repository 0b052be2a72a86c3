"""The bench is a program of its own (`python -m tests.perturb.table`); its tests import it by that name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from minicode.sandbox.probe import CACHE, enforcement

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sandbox was measured to hold, once for all runs: each of them has a new home."""
    state = tmp_path_factory.mktemp("measured")
    state.chmod(0o700)
    enforcement(state)
    return state / CACHE
