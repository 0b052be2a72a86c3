"""todo: the list, whole, each time."""

from __future__ import annotations

from minicode.show import Todos


async def test_list(run) -> None:
    items = [
        {"content": "look", "status": "completed"},
        {"content": "change", "status": "in_progress"},
        {"content": "test", "status": "pending"},
    ]
    result = await run("todo", todos=items)
    assert result.text == "1 of 3 done. Now: change"
    assert result.show == (Todos((("look", "completed"), ("change", "in_progress"), ("test", "pending"))),)
    assert result.show[0].open == ("change", "test")


async def test_a_wrong_state_is_named(run) -> None:
    result = await run("todo", todos=[{"content": "look", "status": "maybe"}])
    assert result.failed and '"pending" or "in_progress" or "completed"' in result.text
