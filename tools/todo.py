"""Keep the list of what is to be done."""

from typing import Annotated, Literal, TypedDict

from minicode.toolkit import Result, Todos, tool


class Item(TypedDict):
    content: str
    status: Literal["pending", "in_progress", "completed"]


@tool(effect="state")
async def todo(todos: Annotated[list[Item], "The whole list, each time"]) -> Result:
    """Keep the list of steps of a task that has three or more. One is in_progress; mark each when it is done."""
    items = tuple((item["content"], item["status"]) for item in todos)
    shown = Todos(items)
    working = [text for text, state in items if state == "in_progress"]
    text = f"{len(items) - len(shown.open)} of {len(items)} done."
    if working:
        text += f" Now: {working[0]}"
    elif shown.open:
        text += f" Next: {shown.open[0]}"
    return Result(text, (shown,))
