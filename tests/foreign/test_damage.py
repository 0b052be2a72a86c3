"""Records in which anything may stand anywhere: what can be read is, and nothing else happens than a sentence."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from minicode.errors import SessionError
from minicode.foreign.programs import logs_at
from minicode.foreign.take import take

REAL = sorted(p.name for p in (Path(__file__).parent / "real").iterdir())
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "\ud800",
    "../../x",
    [],
    [None],
    [["type"]],
    {},
    {"type": []},
    {"text": 7},
)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", REAL)
def test_odd_values(real: Path, told: Any, tmp_path: Path, name: str, seed: int) -> None:
    chance = random.Random(f"{name} {seed}")
    copy = tmp_path / name
    shutil.copytree(real / name, copy)
    for path in sorted(p for p in copy.rglob("*") if p.is_file()):
        text = path.read_text("utf-8")
        lines = [text] if path.suffix == ".json" else text.splitlines()
        records = [json.loads(line) for line in lines if line]
        spoiled = [spoil(chance, record, 0.03) for record in records]
        path.write_text("\n".join(map(json.dumps, spoiled)) + "\n")
    program = name.split("-")[0]
    try:
        told(copy if program in ("kimi", "vibe") else next(copy.iterdir()), program)
    except SessionError as error:
        assert "holds no conversation" in str(error) or "not told by its looks" in str(error)


def test_one_that_cannot_be_read_does_not_hide_the_others(lines: Any, told: Any, tmp_path: Path) -> None:
    whole = lines([{"type": "session_meta", "payload": {"id": "s"}}])
    (tmp_path / "a.jsonl").symlink_to("/proc/self/mem")  # nobody can read what is at its start
    bad, good = logs_at(tmp_path)
    assert good.path == whole
    with pytest.raises(SessionError, match="cannot be read"):
        take(bad, str)


def spoil(chance: random.Random, value: Any, rate: float) -> Any:
    if chance.random() < rate:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {key: spoil(chance, inner, rate) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoil(chance, inner, rate) for inner in value]
    return value


@pytest.mark.parametrize("name", REAL)
def test_cut_anywhere(real: Path, told: Any, tmp_path: Path, name: str) -> None:
    source = max((p for p in (real / name).rglob("*") if p.suffix == ".jsonl"), key=lambda p: p.stat().st_size)
    data = source.read_bytes()
    for cut in range(1, 12):
        copy = tmp_path / str(cut)
        shutil.copytree(real / name, copy)
        (copy / source.relative_to(real / name)).write_bytes(data[: len(data) * cut // 12])
        program = name.split("-")[0]
        try:
            told(copy if program in ("kimi", "vibe") else next(copy.iterdir()), program)
        except SessionError as error:
            assert "holds no conversation" in str(error) or "not told by its looks" in str(error)
