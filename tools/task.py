"""Hand a piece of work to a sub-agent."""

from typing import Annotated, Literal

from minicode.toolkit import CAP, Result, Scope, tool


@tool(effect="runs", harmless=lambda asked: asked.get("access", "read") == "read")
async def task(
    scope: Scope,
    prompt: Annotated[str, "All it must know"],
    description: str = "",
    access: Annotated[Literal["read", "full"], "full: edits, runs"] = "read",
    resume: Annotated[str, "A task to ask more"] = "",
) -> Result:
    """Have a sub-agent with its own window do something and report. Read tasks of one reply run side by side."""
    report = await scope.delegate(prompt, description, access, resume)
    said = f"{scope.fit(report.text, limit=CAP - 1000)}\n" if report.text else ""
    return Result(f"{said}[{report.note}]", report.show, report.failed)
