"""What is known of the models: windows, limits, prices."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from minicode.messages import Usage

DEFAULT_MODEL = "MiniMax-M2.7"


class Price(NamedTuple):
    """US dollars per million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float


class ModelInfo(NamedTuple):
    """context, output: tokens. price is None where none is known. known: False for an id the catalogue does not have;
    its figures are safe guesses then. thinking_optional: the model can be told not to think."""

    id: str
    context: int
    output: int
    price: Price | None = None
    thinking_optional: bool = False
    names: tuple[str, ...] = ()
    known: bool = True


def models() -> tuple[ModelInfo, ...]:
    return _load()[0]


def prices_read() -> str:
    """The month, as "2026-10", in which the prices were read."""
    return _load()[2]


def look_up(model: str) -> ModelInfo:
    """Any id is accepted; letter case and a provider's prefix ("minimax/…") do not matter."""
    wanted = model.rpartition("/")[2].lower()
    known, unknown, _ = _load()
    for info in known:
        if wanted in (name.lower() for name in (info.id, *info.names)):
            return info
    return ModelInfo(model, unknown.context, unknown.output, known=False)


def cost(usage: Usage, model: str) -> float | None:
    """US dollars, None where no price is known."""
    price = look_up(model).price
    if price is None:
        return None
    return (
        usage.input * price.input
        + usage.output * price.output
        + usage.cache_read * price.cache_read
        + usage.cache_write * price.cache_write
    ) / 1_000_000


@cache
def _load() -> tuple[tuple[ModelInfo, ...], ModelInfo, str]:
    data = json.loads(Path(__file__).with_name("catalogue.json").read_text("utf-8"))
    known = []
    for row in data["models"]:
        price = Price(**row["price"]) if "price" in row else None
        optional, names = row.get("thinking_optional", False), tuple(row.get("names", ()))
        known.append(ModelInfo(row["id"], row["context"], row["output"], price, optional, names))
    unknown = ModelInfo("", data["unknown"]["context"], data["unknown"]["output"], known=False)
    return tuple(known), unknown, data["read"]
