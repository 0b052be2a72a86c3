"""Before a call runs: rules, hooks and, where there is one, the user have their say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minicode.errors import StorageError
from minicode.events import Answer, Asked, Event, Noted
from minicode.hooks import Hooks, Said
from minicode.permission.decide import decide
from minicode.permission.values import Decision, Standing, Wish
from minicode.records import Record
from minicode.sandbox.policy import Grant
from minicode.show import Diff, Line, Show
from minicode.toolbox import Prepared
from minicode.toolkit import Result

_MOVED = "It would change something else now than what you said yes to."


class Verdict(NamedTuple):
    """What became of a call at the gate. refusal: words for the model, "" if it may run. by: as in `events.Denied`."""

    refusal: str = ""
    by: str = "mode"
    grant: Grant = Grant()


@dataclass(slots=True)
class Gate:
    """One session's gate.

    standing: what is in force; the user may change it at any time. look: how a prepared call looks to the rules.
    save: keeps an allow rule for this project, beyond the session; it may raise StorageError. preview: what a call
    would change, for the user who is asked; called in a thread, it is waited for `patience` seconds.
    """

    standing: Standing
    hooks: Hooks
    look: Callable[[Prepared], Wish]
    save: Callable[[str], None] = lambda rule: None
    preview: Callable[[Prepared], tuple[Show, ...]] = lambda prepared: ()
    patience: float = 10.0
    # Calls that were refused because nobody could be asked, since anything that has an effect last succeeded.
    unmet: list[str] = field(default_factory=list)
    stop: str = ""  # why a hook wants the turn to end
    _waiting: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)

    def become(self, mode: str) -> None:
        """In this mode from now on; hooks are told of it."""
        self.standing = self.standing._replace(mode=mode)
        self.hooks.common = {**self.hooks.common, "permission_mode": mode}

    def answer(self, call_id: str, answer: Answer) -> None:
        """The user's answer to an Asked. Harmless if that call does not wait any more."""
        waiting = self._waiting.get(call_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def admit(
        self, prepared: Prepared, tell: Callable[[Event], None], write: Callable[[list[Record]], None]
    ) -> Verdict:
        """tell: where questions go. write: the journal, for every decision but a plain "yes"."""
        if prepared.error is not None:
            return Verdict()  # nothing will run
        wish = self.look(prepared)
        decision = decide(wish, self.standing)
        by = "rule" if decision.rule else "mode"
        said = await self.hooks.run(
            "PreToolUse", wish.tool, tool_input=dict(wish.arguments), tool_use_id=prepared.call.id
        )
        for note in said.notes:
            tell(Noted("warning", note))
        self.stop = said.stop or self.stop
        decision, by = _with_hook(decision, by, said)
        if decision.verdict == "deny" and by == "mode" and self.standing.mode == "auto" and not self.standing.asks:
            by = "nobody"  # it is refused since nobody is there, not because somebody chose so
            self.unmet.append(prepared.call.name)
        asked = decision.verdict == "ask"
        if asked:
            decision, by = await self._ask(prepared, wish, decision, tell)
        if asked or decision.verdict == "deny" or decision.grant != Grant() or by == "hook":
            write([_record(prepared, decision, by)])
        if decision.verdict == "allow":
            return Verdict("", by, decision.grant)
        return Verdict(f"not run: {decision.reason}", by)

    def found_a_way(self, prepared: Prepared) -> None:
        """A call that has effects succeeded: what was refused before may be done by it. Looking around does nothing."""
        if not self.unmet:
            return
        from minicode.permission.readonly import plainly_read_only

        command = prepared.arguments.get("command")
        if not (isinstance(command, str) and plainly_read_only(command)):
            self.unmet.clear()

    async def after(self, prepared: Prepared, result: Result, tell: Callable[[Event], None]) -> list[str]:
        """The call is done: what hooks have to say of it to the model."""
        if prepared.tool is None:
            return []
        said = await self.hooks.run(
            "PostToolUse",
            prepared.tool.name,
            tool_input=dict(prepared.arguments),
            tool_use_id=prepared.call.id,
            tool_response=result.text,
        )
        for note in said.notes:
            tell(Noted("warning", note))
        self.stop = said.stop or self.stop
        return [words for words in (said.blocked, said.context) if words]

    async def _ask(
        self, prepared: Prepared, wish: Wish, decision: Decision, tell: Callable[[Event], None]
    ) -> tuple[Decision, str]:
        call = prepared.call
        said = await self.hooks.run(
            "PermissionRequest", wish.tool, tool_input=dict(wish.arguments), tool_use_id=call.id
        )
        for note in said.notes:
            tell(Noted("warning", note))
        if said.blocked or said.verdict == "deny":
            return decision._replace(verdict="deny", reason=said.blocked or "a hook refused it"), "hook"
        if said.verdict == "allow":
            return decision._replace(verdict="allow"), "hook"
        if not self.standing.asks:
            self.unmet.append(call.name)
            reason = (
                f"{decision.reason} Nobody can be asked here. Find a way that does not need it, or say in your answer "
                "what the user has to allow."
            )
            return decision._replace(verdict="deny", reason=reason), "nobody"
        wants = "host" if decision.grant.host else "network" if decision.grant.network else ""
        name = prepared.tool.name if prepared.tool else call.name
        meant = call._replace(name=name, arguments=dict(prepared.arguments))  # what would run, not what was sent
        asked = Asked(meant, decision.reason, wants, decision.always, await self._previewed(prepared))
        while (answer := await self._put(asked, tell)).allow:
            now = await self._previewed(prepared)
            # Where nothing would be changed any more, the tool says why better than another question would.
            if now == asked.show or not any(isinstance(block, Diff) for block in now):
                break
            asked = asked._replace(reason=f"{_MOVED} {decision.reason}", show=now)
        if not answer.allow:
            words = f"the user said no: {answer.say}" if answer.say else "the user said no. Do not try it another way."
            return decision._replace(verdict="deny", reason=words), "user"
        if decision.always and answer.keep != "once":
            rules = self.standing.rules
            self.standing = self.standing._replace(rules=rules._replace(allow=(*rules.allow, decision.always)))
            if answer.keep == "project":
                try:
                    self.save(decision.always)
                except StorageError as error:  # the user has answered: it must not cost the turn
                    tell(Noted("warning", f"{error} The rule {decision.always} holds for this session only."))
            decision = decision._replace(rule=decision.always)
        return decision._replace(verdict="allow"), "user"

    async def _put(self, asked: Asked, tell: Callable[[Event], None]) -> Answer:
        """The user's answer, when it is there."""
        id_ = asked.call.id
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[id_] = waiting
        told = asyncio.create_task(self.hooks.notify("permission_prompt", asked.reason))
        tell(asked)
        try:
            return await waiting
        finally:
            del self._waiting[id_]
            told.cancel()

    async def _previewed(self, prepared: Prepared) -> tuple[Show, ...]:
        """Whatever comes of it, the question is asked."""
        if prepared.tool is None or prepared.tool.toolfile.preview is None:
            return ()
        try:
            return await asyncio.wait_for(asyncio.to_thread(self.preview, prepared), self.patience)
        except TimeoutError:
            return (Line(f"What it would change could not be worked out in {self.patience:.0f} s."),)


def _with_hook(decision: Decision, by: str, said: Said) -> tuple[Decision, str]:
    """A hook may refuse what rules allow, and answer what would be asked; what a rule says stands."""
    if said.blocked or said.verdict == "deny":
        return decision._replace(verdict="deny", reason=said.blocked or "a hook refused it"), "hook"
    if decision.verdict == "allow" and said.verdict == "ask":
        return decision._replace(verdict="ask", reason="a hook wants you to decide.", always=""), "hook"
    if decision.verdict == "ask" and said.verdict == "allow" and not decision.rule:
        return decision._replace(verdict="allow"), "hook"
    return decision, by


def _record(prepared: Prepared, decision: Decision, by: str) -> Record:
    data: dict[str, Any] = {
        "call_id": prepared.call.id,
        "name": prepared.tool.name if prepared.tool else prepared.call.name,
        "verdict": decision.verdict,
        "by": by,
        "reason": decision.reason,
    }
    if decision.rule:
        data["rule"] = decision.rule
    if decision.verdict == "allow" and decision.grant != Grant():
        data["grant"] = decision.grant._asdict()
    return "permission", data
