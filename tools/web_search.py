"""Search the web."""

from typing import Annotated

from minicode.toolkit import Line, Output, Refused, Result, Scope, search_web, tool

MOST = 5


@tool(effect="web")
async def web_search(scope: Scope, queries: Annotated[list[str], "One to five"]) -> Result:
    """Search the web: title, address and a few words of each result. Read them with web_fetch."""
    asked = list(dict.fromkeys(filter(None, (" ".join(query.split()) for query in queries))))
    if not 1 <= len(asked) <= MOST:
        raise Refused(f"From one to {MOST} queries are searched at a time, not {len(asked)}. Nothing was searched.")
    told = await search_web(scope, asked)
    if told.alarm:
        scope.alarm(told.alarm)
    return Result(told.text, (Line(told.about), Output(told.body), *map(Line, told.notes)), told.failed)
