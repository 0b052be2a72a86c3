"""Server-sent events from bytes: the one decoder between the socket and the surfaces."""

from __future__ import annotations

from minicode.errors import TemporaryError

LARGEST_EVENT = 8 * 1024 * 1024


class Decoder:
    """Turns bytes, cut anywhere, into (event, data) pairs.

    Lines end with LF, CRLF or CR and nothing else: U+2028 and U+0085 are ordinary characters inside JSON. Bytes that
    are no UTF-8 become U+FFFD. An event longer than `largest` bytes raises TemporaryError.
    """

    def __init__(self, largest: int = LARGEST_EVENT) -> None:
        self._largest = largest
        self._line = bytearray()
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._first_line = True

    def feed(self, chunk: bytes) -> list[tuple[str, str]]:
        """The events that `chunk` completes, in order."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if chunk[-1:] == b"\r":
            self._after_cr = True
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        events: list[tuple[str, str]] = []
        for line in lines:
            if self._line:
                line = bytes(self._line) + line
                self._line.clear()
            self._take(line, events)
        self._line += rest
        self._guard(len(self._line))
        return events

    def close(self) -> list[tuple[str, str]]:
        """The event that only lacked its blank line, if the bytes ended there."""
        events: list[tuple[str, str]] = []
        self._take(bytes(self._line), events)
        self._take(b"", events)
        self._line.clear()
        return events

    def _take(self, line: bytes, events: list[tuple[str, str]]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                events.append((self._event, b"\n".join(self._data).decode("utf-8", "replace")))
            self._event, self._data, self._size = "", [], 0
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._guard(len(value))
            self._size += len(value)
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")

    def _guard(self, more: int) -> None:
        if self._size + more > self._largest:
            raise TemporaryError(
                f"The endpoint sent a single event of more than {self._largest} bytes; the reply was given up.",
                kind="garbled",
            )
