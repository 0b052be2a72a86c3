"""Search the web."""

from typing import Annotated

from minicode.toolkit import Line, Output, Result, Scope, search_web, tool


@tool(effect="web")
async def web_search(scope: Scope, queries: Annotated[list[str], "One to five"]) -> Result:
    """Search the web: title, address and a few words of each result. Read them with web_fetch."""
    told = await search_web(scope, queries)
    if told.alarm:
        scope.alarm(told.alarm)
    return Result(told.text, (Line(told.about), Output(told.body), *map(Line, told.notes)), told.failed)
