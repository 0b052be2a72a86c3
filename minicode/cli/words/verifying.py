"""`/verify`: what M2 claimed last, beside what a command shows that the user has run."""

from __future__ import annotations

from minicode import verifying
from minicode.cli.words.taking import last_answer
from minicode.cli.words.talk import Talk, check_still, tell, yes
from minicode.events import Verified


async def verify(talk: Talk, rest: str) -> None:
    """Run the command, or the project's tests, as M2's own would run."""
    check_still(talk, "verify")
    claim = last_answer(talk)
    tell(talk, f"Running {verifying.named(rest)} …")
    found = await verifying.gather(talk.session.parts, rest, lambda text: tell(talk, f"! {text}"))
    verdict = "failed" if found.failed else "passed"
    talk.show(Verified(claim, found.command, found.outcome, found.text, verdict))
    if found.failed and yes(await talk.ask("Send this to M2? [y/N] ")):
        talk.send(found.complaint)
