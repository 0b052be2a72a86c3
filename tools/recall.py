"""Look back into this session."""

from typing import Annotated, Literal

from minicode.toolkit import Result, Scope, tool


@tool(effect="state")
async def recall(
    scope: Scope,
    query: Annotated[str, 'Words that stand together, a "phrase", or /regex/'] = "",
    ids: Annotated[list[str] | None, "Entries to quote whole, or to search in: e12, e20-e31"] = None,
    around: Annotated[str, "An entry, quoted with its neighbours"] = "",
    kind: Literal["any", "thinking", "text", "tool_output", "call", "user"] = "any",
    limit: int = 8,
) -> Result:
    """Quote what came before in this session, word for word: thoughts, calls, user, tool output of any length."""
    return await scope.recall(query, ids or (), around, kind, limit)
