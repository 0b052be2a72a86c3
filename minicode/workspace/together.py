"""Change several files or none: what was read is checked before anything is written, and undone if one cannot be."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minicode.workspace.files import Content, Files
from minicode.workspace.folder import Refused


class Step(NamedTuple):
    """What a file shall be. data: its bytes, None if it shall be gone. before: as it was read, None if it shall not
    have been there. like: the file whose mode a new one gets."""

    path: Path
    data: bytes | None
    before: Content | None = None
    like: Path | None = None


def change_together(files: Files, steps: Sequence[Step]) -> None:
    """Take all steps, removals last. Raises Refused, with every file as it was, if one of them cannot be taken; what
    even then could not be put back is named."""
    for step in steps:
        files.check(step.path, step.before)
    known = [(step.path, files.known(step.path)) for step in steps]
    modes = [_mode(step.path if step.data is None else step.like) for step in steps]
    done: list[tuple[Step, int | None]] = []
    try:
        for step, mode in sorted(zip(steps, modes, strict=True), key=lambda pair: pair[0].data is None):
            if step.data is not None:
                files.write(step.path, step.data, step.before, mode)
            elif step.before is not None:
                files.remove(step.path, step.before)
            done.append((step, mode))
    except BaseException as error:  # why: whatever ended it, none of the files may stay changed
        lost = [files.folder.show(step.path) for step, mode in reversed(done) if not _undone(files, step, mode)]
        for path, stamp in known:
            files.know(path, stamp)
        if lost and isinstance(error, Refused):
            raise Refused(f"{error} These could not be put back: {', '.join(lost)}.") from None
        raise


def _mode(path: Path | None) -> int | None:
    with suppress(OSError):
        return None if path is None else stat.S_IMODE(path.stat().st_mode)
    return None


def _undone(files: Files, step: Step, mode: int | None) -> bool:
    with suppress(Refused):
        if step.before is None:
            files.remove(step.path, files.read(step.path))
        elif step.data is None:
            files.write(step.path, step.before.data, None, mode)
        else:
            files.write(step.path, step.before.data, files.read(step.path))
        return True
    return False
