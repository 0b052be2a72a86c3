"""Read a web page."""

from typing import Annotated

from minicode.toolkit import Line, Output, Result, Scope, read_page, tool


@tool(effect="web")
async def web_fetch(
    scope: Scope,
    url: str,
    query: Annotated[str, "What you want to know: of a long page only passages about it are quoted"] = "",
    page: Annotated[int, "Page of a long text"] = 1,
) -> Result:
    """Read a web page as Markdown, or a text or JSON file from the web. The user is asked once a domain."""
    told = await read_page(scope, url, query, page)
    if told.alarm:
        scope.alarm(told.alarm)
    return Result(told.text, (Line(told.about), Output(told.body), *map(Line, told.notes)), told.failed)
