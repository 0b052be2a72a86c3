"""Run the user's own commands at set moments of a session, and read what they say about it.

Events, payload and answers are Claude Code's, so that hooks written for it work here.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from minicode.errors import MinicodeError
from minicode.sandbox.policy import Grant
from minicode.settings import Hook
from minicode.text import clean_output, clip
from minicode.workspace.processes import Finished, Processes

Verdict = Literal["", "allow", "ask", "deny"]

# They decide about a call: where one of their hooks cannot be heard, the answer is no.
_GATES = ("PreToolUse", "PermissionRequest")
_CANNOT_BLOCK = ("SessionStart", "SessionEnd", "Notification", "SubagentStart")
_PLAIN_IS_CONTEXT = ("SessionStart", "UserPromptSubmit", "PreCompact", "SubagentStart")
# What a matcher is held against, by event. The other events have nothing to match and ask all their hooks.
_OF_TOOLS = (*_GATES, "PostToolUse")
_SUBJECTS = {
    "SessionStart": "source",
    "SessionEnd": "reason",
    "PreCompact": "trigger",
    "Notification": "notification_type",
    "SubagentStart": "agent_type",
    "SubagentStop": "agent_type",
}
_THEIR_NAMES = {
    "bash": "Bash", "edit": "Edit", "write": "Write", "read": "Read", "grep": "Grep", "glob": "Glob", "task": "Task",
    "ask_user": "AskUserQuestion", "exit_plan_mode": "ExitPlanMode",
}  # fmt: skip
_VERDICTS: dict[str, Verdict] = {"allow": "allow", "approve": "allow", "ask": "ask", "deny": "deny", "block": "deny"}
_STRICTNESS: tuple[Verdict, ...] = ("", "allow", "ask", "deny")
_HEARD = 64 * 2**10  # bytes of a hook's output in which a decision is looked for
_WORDS = 10_000  # bytes of what one hook says
_RESPONSE = 100_000  # bytes of a tool's result that a hook is told
_LAST_SIGNAL = 64
IDLE = 60.0  # seconds, as over there


class Said(NamedTuple):
    """What the hooks of one moment said together.

    blocked: why it must not go on, "" if it may; after PostToolUse and Stop these are words for the model. verdict: on
    a call, given only at PreToolUse and PermissionRequest; the strictest counts, and "deny" comes with `blocked`.
    context: for the model; of PreCompact, what the fold should heed. notes: sentences for the user. stop: why the turn
    must end now, "" if it need not.
    """

    blocked: str = ""
    verdict: Verdict = ""
    context: str = ""
    notes: tuple[str, ...] = ()
    stop: str = ""


class Hooks:
    """The hooks of one session.

    common: what every payload begins with: session_id, transcript_path, permission_mode, and cwd, the workspace root
    where they run. It is read anew for each event. hide: takes the secrets out of what they say.
    """

    def __init__(
        self,
        hooks: Sequence[Hook],
        processes: Processes,
        common: Mapping[str, Any],
        hide: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._hooks = tuple((hook, _matcher(hook.matcher)) for hook in hooks)
        self._processes = processes
        self.common = common
        self._hide = hide

    async def run(self, event: str, tool: str = "", **payload: Any) -> Said:
        """Ask all hooks of an event whose matcher fits, side by side, each with the payload as JSON on its stdin.

        tool: our name of the tool, for events about one. payload: what the event adds, by Claude Code's names. A hook
        that fails is told in the notes; one that should have decided about a call blocks it.
        """
        subjects = _subjects(event, tool, payload)
        chosen = [(hook, matcher) for hook, matcher in self._hooks if hook.event == event and _fits(matcher, subjects)]
        if not chosen:
            return Said()
        told = self._told(event, tool, payload)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(hook, matcher, told)) for hook, matcher in chosen]
        return _merged([task.result() for task in tasks])

    async def notify(self, kind: Literal["permission_prompt", "idle_prompt"], message: str) -> Said:
        """The user is wanted: a call waits for an answer, or the session for the next words."""
        return await self.run("Notification", message=message, title="minicode", notification_type=kind)

    async def idle(self, seconds: float = IDLE) -> Said:
        """To be run by a face while it waits for the user's next words, and cancelled when they come."""
        await asyncio.sleep(seconds)
        return await self.notify("idle_prompt", "minicode is waiting for your input.")

    def _told(self, event: str, tool: str, payload: dict[str, Any]) -> bytes:
        if "tool_response" in payload:
            payload["tool_response"] = _bounded(payload["tool_response"])
        named = {"tool_name": _THEIR_NAMES.get(tool, tool)} if tool else {}
        return json.dumps({**self.common, "hook_event_name": event, **named, **payload}, default=str).encode()

    async def _ask(self, hook: Hook, matcher: re.Pattern[str] | str, told: bytes) -> Said:
        voice = _Voice(hook, self._hide)
        if isinstance(matcher, str):
            return voice.failed(f"has a matcher that is not a regular expression ({matcher}); mend it in its file")
        root = Path(self.common["cwd"])
        try:
            finished = await self._processes.run(
                ["/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh", "-c", hook.command],
                root,
                seconds=hook.timeout,
                environment={"MINICODE_PROJECT_DIR": str(root), "CLAUDE_PROJECT_DIR": str(root)},
                errors_apart=True,
                keep=_HEARD,
                stdin=told,
                grant=Grant(host=hook.trusted_fully and not hook.sandbox),
            )
        except MinicodeError as error:
            return voice.failed(f"could not run: {str(error).rstrip('.')}")
        return voice.heard(finished)


def _matcher(text: str) -> re.Pattern[str] | str:
    """The pattern, or what is wrong with it."""
    try:
        return re.compile(".*" if text in ("", "*") else text, re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)


def _subjects(event: str, tool: str, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The names a matcher may fit; empty if the event has none."""
    if event in _OF_TOOLS:
        return (tool, _THEIR_NAMES.get(tool, tool))
    return (str(payload.get(_SUBJECTS[event], "")),) if event in _SUBJECTS else ()


def _fits(matcher: re.Pattern[str] | str, subjects: tuple[str, ...]) -> bool:
    """A broken matcher fits all, so that what it was meant for is not let through in silence."""
    return isinstance(matcher, str) or not subjects or any(matcher.fullmatch(subject) for subject in subjects)


def _bounded(response: Any) -> Any:
    if not isinstance(response, str):
        text = json.dumps(response, default=str)
        return response if len(text) <= _RESPONSE else clip(text, _RESPONSE)
    return clip(response, _RESPONSE)


class _Voice:
    """What one hook says. hide: takes the secrets out of a text."""

    def __init__(self, hook: Hook, hide: Callable[[str], str]) -> None:
        self._hook = hook
        self._hide = hide

    def heard(self, finished: Finished) -> Said:
        """What a hook means by its exit code and its words."""
        if finished.ended:
            what = f"took more than {self._hook.timeout:g} s" if finished.ended == "time" else "printed without end"
            return self.failed(f"{what} and was stopped")
        if killed := _signal_of(finished.code):
            return self.failed(f"was ended by signal {killed}")
        errors = self._words(finished.errors)
        if finished.code == 2:
            return self._blocking(errors)
        if finished.code:
            line = errors.partition("\n")[0]
            return self._noted(f"ended with exit code {finished.code}{f': {line}' if line else ' and no word why'}")
        text = finished.output.decode("utf-8", "replace").strip()
        if text.startswith("{"):
            answer: Any = None
            if finished.total <= _HEARD:
                with suppress(ValueError, RecursionError):
                    answer = json.loads(text)
            if isinstance(answer, dict):
                return self._answered(answer)
            if self._hook.event not in _PLAIN_IS_CONTEXT:
                return self.failed("printed a decision that cannot be read: not valid JSON, or more than 64 KiB")
        if self._hook.event in _PLAIN_IS_CONTEXT:
            return Said(context=self._marked(self._words(finished.output)))
        return Said()

    def _answered(self, answer: Mapping[str, Any]) -> Said:
        """What a hook means by a JSON object."""
        inner = _object(answer.get("hookSpecificOutput"))
        said = self._ruled(answer, inner) if self._hook.event in _GATES else Said()
        if self._hook.event not in _GATES and answer.get("decision") == "block":
            said = self._blocking(self._words(answer.get("reason")))
        stop = ""
        if answer.get("continue") is False:
            stop = self._marked(self._words(answer.get("stopReason"))) or f"{self._name()} said to stop."
            if self._hook.event in _GATES and not said.blocked:
                said = said._replace(blocked=stop, verdict="deny")
        message = self._marked(self._words(answer.get("systemMessage")))
        return said._replace(
            context=self._marked(self._words(inner.get("additionalContext"))),
            notes=(*said.notes, message) if message else said.notes,
            stop=stop,
        )

    def _ruled(self, answer: Mapping[str, Any], inner: Mapping[str, Any]) -> Said:
        """What a hook says about a call, in any of the three places where it may say so. An unknown word is a no."""
        decision = _object(inner.get("decision"))
        given = [answer.get("decision"), inner.get("permissionDecision"), decision.get("behavior")]
        words = [word for word in given if word is not None]
        for word in words:
            if not isinstance(word, str) or word not in _VERDICTS:
                return self.failed(f"gave the decision {self._words(json.dumps(word))}, which minicode does not know")
        verdict = max((_VERDICTS[word] for word in words), key=_STRICTNESS.index, default=_STRICTNESS[0])
        places = (inner.get("permissionDecisionReason"), decision.get("message"), answer.get("reason"))
        reason = next(filter(None, map(self._words, places)), "")
        if verdict == "deny":
            return self._blocking(reason)
        notes = self._noted(f"says {verdict or 'nothing'}: {reason}").notes if reason else ()
        if verdict == "allow" and not self._hook.trusted_fully:
            verdict = ""
            notes += self._noted("comes from the project, which may only forbid; its yes was not counted").notes
        if "updatedInput" in inner or "updatedInput" in decision:
            # Whatever it said was about the input it wanted, and that is not what will run.
            verdict = "ask"
            notes += self._noted(
                "wanted to change the call's input, which minicode does not do; it stays as it was"
            ).notes
        return Said(verdict=verdict, notes=notes)

    def _blocking(self, reason: str) -> Said:
        if self._hook.event in _CANNOT_BLOCK:
            return self._noted(f"wanted to block, which {self._hook.event} cannot{f': {reason}' if reason else ''}")
        why = self._marked(reason) or f"{self._name()} blocked this and gave no reason."
        return Said(blocked=why, verdict="deny" if self._hook.event in _GATES else "")

    def failed(self, what: str) -> Said:
        """A hook that could not be heard."""
        if self._hook.event in _GATES:
            return Said(blocked=f"{self._name()} {what}; until it answers, the call is not allowed.", verdict="deny")
        return self._noted(what)

    def _noted(self, what: str) -> Said:
        return Said(notes=(f"{self._name()} {what.rstrip('.')}.",))

    def _name(self) -> str:
        command = " ".join(self._words(self._hook.command).split())
        return f"The {self._hook.event} hook `{command if len(command) <= 60 else command[:59] + '…'}`"

    def _marked(self, words: str) -> str:
        """Words as the model and the user read them: whose they are is told."""
        return f"[{self._hook.event} hook: {words}]" if words else ""

    def _words(self, said: Any) -> str:
        """Safe to show, without secrets, bounded, and "" if it is no text."""
        if isinstance(said, str):
            said = said.encode("utf-8", "replace")
        # In this order: no escape code may hide a secret by splitting it, and no cut.
        return clip(self._hide(clean_output(said).strip()), _WORDS) if isinstance(said, bytes) else ""


def _signal_of(code: int) -> int:
    """The signal that ended a command, 0 if none did. A shell or sandbox in between tells it as 128 and more."""
    return -code if code < 0 else code - 128 if 128 < code <= 128 + _LAST_SIGNAL else 0


def _merged(answers: Sequence[Said]) -> Said:
    return Said(
        "\n".join(said.blocked for said in answers if said.blocked),
        max((said.verdict for said in answers), key=_STRICTNESS.index),
        "\n".join(said.context for said in answers if said.context),
        tuple(note for said in answers for note in said.notes),
        next((said.stop for said in answers if said.stop), ""),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
