"""What the context needs of a journal entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Entry(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...
