"""When the model says that it is done: does the check of the user say so too?"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import NamedTuple

from minicode.errors import UsageError
from minicode.gate import Gate
from minicode.messages import Call
from minicode.parts import AUTO, Parts
from minicode.permission.decide import decide
from minicode.sandbox.policy import Grant
from minicode.text import clip
from minicode.toolbox import Prepared
from minicode.toolkit import fate_of
from minicode.workspace.folder import Refused
from minicode.workspace.testing.run import run_command, run_tests, text_of

SENT = 6000  # bytes of the evidence that the model gets
KEPT = 200_000  # and that are put on record, and shown
_SECONDS = 1800

FAILED = (
    "What you said was checked by {command}, and it fails: {outcome}\n\n"
    "{evidence}\n\nFind out why and mend it, without weakening the check. If that cannot be done, say plainly what is "
    "not done."
)


class Evidence(NamedTuple):
    """What a check showed. command: as a person would say it. outcome: in a line. text: what is to be seen,
    at most KEPT bytes of what it printed."""

    command: str
    outcome: str
    text: str
    failed: bool

    @property
    def complaint(self) -> str:
        """What the model is told of a check that failed."""
        return FAILED.format(command=self.command, outcome=self.outcome, evidence=clip(self.text, SENT))


def named(command: str) -> str:
    return "the tests of this project" if command in ("", AUTO) else f"`{command}`"


async def gather(parts: Parts, command: str, say: Callable[[str], None] = lambda text: None) -> Evidence:
    """Run the command, or the project's tests, as a command of the model's would run. Raises UsageError if it may not
    be run, or cannot be.
    """
    tests = command in ("", AUTO)
    given = {"timeout": _SECONDS} if tests else {"command": command, "timeout": _SECONDS}
    prepared = parts.toolbox.prepare(Call(f"verify-{uuid.uuid4().hex[:8]}", "run_tests" if tests else "bash", given))
    if prepared.tool is None:
        raise UsageError(f"The tool {prepared.call.name} is not allowed in this session.")
    grant = await asyncio.to_thread(_grant, parts.gate, prepared)
    workspace = parts.scope(prepared.call.id, grant, say, say).workspace
    hide = parts.toolbox.redactor.text if parts.toolbox.redactor else str
    try:
        with workspace.watched(say, "The check"):
            report = await (run_tests(workspace, (), _SECONDS) if tests else run_command(workspace, command, _SECONDS))
    except Refused as error:
        raise UsageError(str(error)) from None
    if tests and report.none:
        raise UsageError("No tests were found.")
    if report.finished.code == 127 and not tests:
        raise UsageError(f"It cannot be run: {clip(hide(report.said), 300) or 'exit code 127'}")
    outcome, _, rest = hide(text_of(report)).partition("\n")
    if not (report.counted or report.failures):  # what it printed is all there is
        # Hidden first: a secret that is cut in two would be known no more.
        outcome, rest = fate_of(report.finished), clip(await asyncio.to_thread(hide, report.said), KEPT)
    # A test that fails by chance is told, and no reason to go on for ever.
    return Evidence(named(command), outcome, rest or "(no output)", not (report.good or report.only_flaky))


def _grant(gate: Gate, prepared: Prepared) -> Grant:
    """What a command of the model's may do without asking. The user wants this one, whatever the mode; what a rule
    forbids stays forbidden. Raises UsageError."""
    mode = "default" if gate.standing.mode == "plan" else gate.standing.mode
    decision = decide(gate.look(prepared), gate.standing._replace(mode=mode, asks=True))
    if decision.verdict == "deny":
        raise UsageError(f"It was not run: {decision.reason}")
    return decision.grant
