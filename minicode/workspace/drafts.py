"""A text file as it is read to be changed: what may be changed, and back into its own bytes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from minicode.workspace.charset import Decoded, decode
from minicode.workspace.files import Content
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace


class Draft(NamedTuple):
    """name: as the file is told. content: its bytes, as they were read."""

    path: Path
    name: str
    content: Content
    decoded: Decoded

    @property
    def text(self) -> str:
        return self.decoded.text

    def encode(self, text: str) -> bytes:
        """Another text in the file's encoding. Raises Refused if that cannot be done safely."""
        if self.decoded.codec == "latin-1" and (foreign := {c for c in text if not c.isascii()} - set(self.text)):
            shown = "".join(sorted(foreign))[:20]
            raise Refused(
                f"{self.name} is not UTF-8 and its encoding is not known, so {shown!r} cannot be put into it safely."
            )
        return self.decoded.encode(text)


def open_draft(workspace: Workspace, file_path: str) -> Draft:
    """Raises Refused for what is no text file, may not be written, or has changed since the model saw it."""
    path = workspace.folder.resolve(file_path, write=True)
    files, name = workspace.files, workspace.folder.show(path)
    content = files.read(path)
    if files.seen(content) is False:
        raise Refused(f"{name} has changed since you read it; nothing was changed. Read it again, then edit.")
    return Draft(path, name, content, decode(content.data, name))
