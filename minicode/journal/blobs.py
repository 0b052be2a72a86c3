"""What was too big for the journal: files beside the session, named by their content."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

from minicode.errors import StorageError
from minicode.journal.log import sync_folder
from minicode.paths import private_dir

LARGEST = 50_000_000  # bytes of one blob
_CUT = b"\n[cut here: minicode keeps the first 50 MB]\n"
_ID = re.compile(r"[0-9a-f]{16}")


class Blobs:
    """The blobs in one folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def beside(cls, session: Path) -> Blobs:
        return cls(session.with_suffix(".blobs"))

    def put(self, data: bytes, most: int = LARGEST) -> str:
        """Keep `data`, cut at so many bytes, durably. Returns its id. Raises StorageError."""
        if len(data) > most:
            data = data[: most - len(_CUT)] + _CUT
        id_ = _id(data)
        path = self.folder / id_
        if path.exists():
            return id_
        private_dir(self.folder)
        half = self.folder / f"{id_}.{os.getpid()}.part"
        try:
            with open(half, "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.rename(path)
            sync_folder(self.folder)
        except OSError as error:
            with suppress(OSError):
                half.unlink()
            raise StorageError(
                f"What is too long for the session could not be stored in {path}: {error.strerror}."
            ) from error
        return id_

    def get(self, id_: str) -> bytes | None:
        """The data, or None if there is no such blob or it is not what it was."""
        if not _ID.fullmatch(id_):
            return None
        try:
            data = (self.folder / id_).read_bytes()
        except OSError:
            return None
        return data if _id(data) == id_ else None

    def share(self, other: Blobs) -> None:
        """Give a forked session all blobs of this one, without copying where the disk can."""
        for path in self.folder.glob("*"):
            if _ID.fullmatch(path.name):
                try:
                    private_dir(other.folder)
                    os.link(path, other.folder / path.name)
                except FileExistsError:
                    pass
                except OSError:
                    if data := self.get(path.name):
                        other.put(data)

    def delete(self) -> None:
        for path in self.folder.glob("*"):
            path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            self.folder.rmdir()


def _id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
