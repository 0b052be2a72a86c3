"""Bytes to text and back so that what is not changed comes back as the same bytes."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from minicode.workspace.folder import Refused

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Decoded(NamedTuple):
    """A text file's content. codec: "utf-8", "utf-16-le", "utf-16-be", or "latin-1" for any other single-byte text.

    mark: its byte order mark, b"" if it has none. Line ends are as in the file.
    """

    text: str
    codec: str
    mark: bytes

    @property
    def crlf(self) -> bool:
        """Every line ends in CRLF, and there is at least one."""
        return "\r\n" in self.text and self.text.count("\n") == self.text.count("\r\n")

    def encode(self, text: str) -> bytes:
        """Another text in the same encoding. Raises Refused if a character has no place in it."""
        try:
            return self.mark + text.encode(self.codec)
        except UnicodeEncodeError as error:
            odd = text[error.start]
            name = "a lone surrogate" if "\ud800" <= odd <= "\udfff" else repr(odd)
            raise Refused(f"The file is in {self.codec}, which cannot hold {name}; nothing was written.") from None


def decode(data: bytes, name: str) -> Decoded:
    """Raises Refused for binary content. name: how the file is called in that sentence."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            try:
                return Decoded(data[len(mark) :].decode(codec), codec, mark)
            except UnicodeDecodeError:
                break
    if b"\0" in data:
        raise Refused(f"{name} is a binary file ({len(data):,} bytes), not text: look at it by bash.")
    try:
        return Decoded(data.decode("utf-8"), "utf-8", b"")
    except UnicodeDecodeError:
        # Latin-1 gives every byte a character and back: wrong perhaps for the eye, exact for the file.
        return Decoded(data.decode("latin-1"), "latin-1", b"")
