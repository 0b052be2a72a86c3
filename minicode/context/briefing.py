"""What the model is told besides the conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from minicode.context.facts import Instructions


@dataclass(frozen=True, slots=True)
class Briefing:
    """system: makes the data of the `system` entry, and what the user should know of it; called once a session.
    news: what changed in the instruction files since the digests given; called at every step, so it must be quick.
    """

    system: Callable[[], tuple[dict[str, Any], tuple[str, ...]]]
    news: Callable[[Mapping[str, Any]], Instructions | None]
