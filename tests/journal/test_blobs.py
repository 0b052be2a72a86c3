from __future__ import annotations

import stat
from pathlib import Path

import pytest

from minicode.errors import StorageError
from minicode.journal.blobs import LARGEST, Blobs


def test_a_blob_comes_back_and_is_kept_once(tmp_path: Path) -> None:
    blobs = Blobs.beside(tmp_path / "s.jsonl")
    id_ = blobs.put(b"output \x00\xff")
    assert blobs.put(b"output \x00\xff") == id_
    assert blobs.get(id_) == b"output \x00\xff"
    [file] = blobs.folder.iterdir()
    assert (blobs.folder.name, file.name) == ("s.blobs", id_)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(blobs.folder.stat().st_mode) == 0o700


def test_a_blob_has_a_largest_size_and_says_so(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    data = blobs.get(blobs.put(b"x" * (LARGEST + 1)))
    assert data
    assert len(data) == LARGEST
    assert data.endswith(b"keeps the first 50 MB]\n")


@pytest.mark.parametrize("id_", ["", "../secret", "0123456789abcdef", "0123456789ABCDEF", "0123456789abcdef\n"])
def test_only_blobs_can_be_got(tmp_path: Path, id_: str) -> None:
    (tmp_path / "secret").write_text("no")
    assert Blobs(tmp_path / "blobs").get(id_) is None


def test_a_changed_blob_is_not_given_out(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    id_ = blobs.put(b"true")
    (blobs.folder / id_).write_bytes(b"false")
    assert blobs.get(id_) is None


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used"):
        Blobs(tmp_path / "file" / "blobs").put(b"data")
