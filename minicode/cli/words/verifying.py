"""`/verify`: what M2 claimed last, beside what a command shows that the user has run."""

from __future__ import annotations

import asyncio
import uuid
from typing import NamedTuple

from minicode.cli.words.taking import last_answer
from minicode.cli.words.talk import Talk, check_still, scope_of, tell, yes
from minicode.errors import UsageError
from minicode.messages import Call
from minicode.sandbox.policy import Grant
from minicode.text import clip
from minicode.toolbox import Prepared

_CLAIM, _SHOWN = 8, 12  # lines
_SENT = 6000  # bytes of the evidence that M2 gets
_SECONDS = 1800


class Evidence(NamedTuple):
    """command: as a person would say it. outcome: in a line. text: all that is to be seen."""

    command: str
    outcome: str
    text: str
    failed: bool


async def verify(talk: Talk, rest: str) -> None:
    """Run the command, or the project's tests, as M2's own would run."""
    check_still(talk, "verify")
    claim = last_answer(talk)
    tell(talk, f"Running {rest or 'the tests of this project'} …")
    found = await _run(talk, rest)
    said = claim.split("\n")
    shown = found.text.split("\n")
    tell(
        talk,
        *_row("M2 said", (["…"] if said[_CLAIM:] else []) + said[-_CLAIM:] if claim else ["(nothing yet)"]),
        *_row("command", [found.command]),
        *_row("outcome", [found.outcome]),
        *_row("evidence", (["…"] if shown[_SHOWN:] else []) + shown[-_SHOWN:]),
    )
    if found.failed and yes(await talk.ask("Send this to M2? [y/N] ")):
        talk.send(
            f"I ran {found.command} to check. It failed: {found.outcome}\n\n{clip(found.text, _SENT)}\n\n"
            "Find out why, and mend it."
        )


def _row(name: str, lines: list[str]) -> list[str]:
    return [f"{name if number == 0 else '':9} │ {line}" for number, line in enumerate(lines)]


async def _run(talk: Talk, command: str) -> Evidence:
    parts = talk.session.parts
    name = "bash" if command else "run_tests"
    given = {"command": command, "timeout": _SECONDS} if command else {"timeout": _SECONDS}
    prepared = parts.toolbox.prepare(Call(f"verify-{uuid.uuid4().hex[:8]}", name, given))
    if prepared.tool is None:
        raise UsageError(f"The tool {name} is not allowed in this session. " + ("" if command else "Name a command."))
    scope = scope_of(talk, await asyncio.to_thread(_grant, talk, prepared), prepared.call.id)
    result = await parts.toolbox.run(prepared, scope)
    body, _, last = result.text.rstrip().rpartition("\n")
    if command:
        return Evidence(f"`{command}`", last.strip("[]"), body or "(no output)", result.failed)
    head, _, rest = result.text.partition("\n")
    return Evidence("the tests of this project", head, rest or head, result.failed)


def _grant(talk: Talk, prepared: Prepared) -> Grant:
    """What a command of M2's may do without asking. The user has asked for this one, whatever the mode; what a rule
    forbids stays forbidden. Raises UsageError."""
    from minicode.permission.decide import decide

    gate = talk.session.gate
    mode = "default" if gate.standing.mode == "plan" else gate.standing.mode
    decision = decide(gate.look(prepared), gate.standing._replace(mode=mode, asks=True))
    if decision.verdict == "deny":
        raise UsageError(f"It was not run: {decision.reason}")
    return decision.grant
