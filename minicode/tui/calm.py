"""When a key is an answer to a question, and not the rest of something else that was being typed."""

from __future__ import annotations

from collections.abc import Callable

# Seconds that a question was on the screen; since the last key, before a key is an answer; and after a letter that is
# an answer, in which no other may follow: then it was the beginning of a word.
SEEN, CALM, ALONE = 0.5, 0.3, 0.3


class Calm:
    """clock: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: float | None = None  # since when the question has been on the screen
        self._key = float("-inf")  # when the last key came that was no answer

    @property
    def begun(self) -> bool:
        return self._seen is not None

    @property
    def ready(self) -> bool:
        """Whether a key is an answer now."""
        now = self._clock()
        return self._seen is not None and now - self._seen >= SEEN and now - self._key >= CALM

    def anew(self) -> None:
        """Another question, which is not on the screen yet."""
        self._seen = None

    def seen(self) -> None:
        self._seen = self._clock()

    def disturbed(self) -> None:
        """A key came that was no answer."""
        self._key = self._clock()
