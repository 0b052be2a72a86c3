from __future__ import annotations

import pytest

from minicode.messages import Usage
from minicode.model.catalogue import DEFAULT_MODEL, cost, look_up, models, prices_read


def test_every_model_is_whole_and_found_by_all_its_names() -> None:
    assert prices_read()
    for info in models():
        assert info.known
        assert 0 < info.output < info.context
        assert all(look_up(name) == info for name in (info.id, info.id.lower(), f"minimax/{info.id}", *info.names))


def test_cost() -> None:
    used = Usage(input=1_000_000, output=1_000_000, cache_read=1_000_000, cache_write=1_000_000)
    assert cost(used, "MiniMax-M2") == pytest.approx(0.30 + 1.20 + 0.03 + 0.375)
    assert cost(used, "my-own") is None


def test_any_id_gets_safe_figures() -> None:
    info = look_up("some/local-model.gguf")
    assert (info.id, info.known, info.price) == ("some/local-model.gguf", False, None)
    assert info.context <= look_up(DEFAULT_MODEL).context
