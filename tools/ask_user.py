"""Ask the user."""

from typing import Annotated

from minicode.toolkit import Result, Scope, tool


@tool(effect="state")
async def ask_user(
    scope: Scope,
    question: str,
    options: Annotated[list[str] | None, "No need for `other`"] = None,
    several: bool = False,
) -> Result:
    """Ask what only the user can know or decide."""
    return await scope.ask(question, options or (), several)
