"""Present a plan, to be allowed to carry it out."""

from typing import Annotated

from minicode.toolkit import Result, Scope, tool


@tool(effect="state")
async def exit_plan_mode(scope: Scope, plan: Annotated[str, "All of it, in Markdown"]) -> Result:
    """In plan mode: present the complete plan to the user, who may let you carry it out."""
    return await scope.propose(plan)
