"""Run the project's tests and say which fail, and where first."""

from typing import Annotated

from minicode.toolkit import Result, Scope, project_tests, tool

LONGEST = 3600  # seconds


@tool(effect="runs")
async def run_tests(
    scope: Scope,
    paths: Annotated[list[str], "Files, folders or test ids; all if left out"] = [],  # noqa: B006 - never changed
    only_failed: Annotated[bool, "Those of the last run"] = False,
    runner: Annotated[str, "pytest, unittest, npm, go, cargo, maven, gradle, make"] = "",
    timeout: Annotated[int, "Seconds"] = 600,  # noqa: ASYNC109 - the name M2 knows
) -> Result:
    """Run the project's tests and get each failing test with its first failing assertion. Prefer this to running them
    in bash."""
    seconds = min(max(timeout, 1), LONGEST)
    with scope.workspace.watched(scope.alarm):
        return await project_tests(scope, paths, seconds, only_failed, runner)
