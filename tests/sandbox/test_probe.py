"""The probe tells the truth: about a sandbox that holds, about one with a hole, and about none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from minicode.sandbox.box import Backend, find_bwrap
from minicode.sandbox.policy import NOTHING
from minicode.sandbox.probe import CACHE, OFFER, enforcement, measure

needs_bwrap = pytest.mark.skipif(find_bwrap() is None, reason="bubblewrap is not installed")


@needs_bwrap
def test_bwrap_holds_and_is_remembered(tmp_path: Path) -> None:
    measured, backend = enforcement(tmp_path, environ={OFFER: "bwrap"})
    assert measured.holds and measured.missing == (), measured
    assert {measured.protected, measured.sockets, measured.processes, measured.loopback} == {"enforced", True}
    assert (backend.kind, backend.program) == ("bwrap", find_bwrap())
    kept = tmp_path / CACHE
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [CACHE], "the throw-away workspace is gone"
    before = kept.stat().st_mtime_ns
    assert enforcement(tmp_path, environ={OFFER: "bwrap"}) == (measured, backend)
    assert kept.stat().st_mtime_ns == before
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "key": ["another boot"]}))
    assert enforcement(tmp_path, environ={OFFER: "bwrap"}) == (measured, backend)
    assert "another boot" not in kept.read_text()


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"key": 1', b"\xff"])
def test_a_damaged_memory_is_measured_again(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / CACHE).write_bytes(damage)
    assert enforcement(tmp_path, environ={OFFER: "none"})[0].backend == "none"


def test_without_a_backend_it_says_so_and_how_to_get_one(tmp_path: Path) -> None:
    measured, backend = enforcement(tmp_path, environ={OFFER: "none"})
    assert measured == NOTHING._replace(missing=measured.missing) and not measured.holds
    assert backend == Backend()
    assert list(tmp_path.iterdir()) == []


def test_a_sandbox_that_holds_nothing_is_seen_through(tmp_path: Path) -> None:
    """The attempts go through when nothing stops them: so an "enforced" means something."""
    measured, trouble = measure(Backend("none"), tmp_path)
    assert trouble == ""
    broken = (measured.writes, measured.protected, measured.hidden, measured.sockets, measured.processes)
    assert broken == ("none",) * 5
    assert (measured.network, measured.environ) in {("none", "none"), ("partly", "none")}
    assert len(measured.missing) >= 7


def test_a_backend_that_does_not_start_is_told_with_its_words(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no namespaces here >&2\nexit 1\n")
    broken.chmod(0o755)
    measured, trouble = measure(Backend("bwrap", broken), tmp_path)
    assert measured == NOTHING
    assert "no namespaces here" in trouble


@needs_bwrap
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lose root's privileges")
def test_root_is_held_too(tmp_path: Path) -> None:
    assert measure(Backend("bwrap", find_bwrap()), tmp_path)[0].privileges == "enforced"
