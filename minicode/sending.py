"""One turn of a session: from the user's words, put on record, to its one end."""

from __future__ import annotations

import asyncio
import contextlib

from minicode import pasting, planning, records, turn
from minicode.context.history import History
from minicode.errors import LimitReached, MinicodeError, ModelError, StorageError
from minicode.events import Noted, TurnEnded, TurnStarted
from minicode.guards import Guards
from minicode.journal import tree
from minicode.journal.repair import sound
from minicode.messages import Reply
from minicode.parts import Parts
from minicode.running import Running


class Sending:
    """first: what goes on record before the words, and overheard: what the user did since the last turn, which is told
    to the model with them; both lists are emptied when that is on disk."""

    def __init__(self, parts: Parts, running: Running, first: list[records.Record], overheard: list[str]) -> None:
        self.parts, self.running = parts, running
        self._first, self._overheard = first, overheard
        self.begun = False
        self._asking: asyncio.Task[Reply] | None = None

    def interrupt(self) -> bool:
        """Stop the stream of a reply, so that steers are heard at once. False if none was."""
        return self.running.streaming and self._asking is not None and self._asking.cancel()

    async def run(self, text: str) -> None:
        self.begun = True
        reason, error, code = "done", "", 0
        limits = self.parts.limits
        try:
            async with asyncio.timeout(limits.seconds or None):
                last = await self._converse(text)
            if error := Guards.unfinished(last):
                reason, code = "failed", 1
            elif self.parts.gate.unmet:
                reason, error, code = "denied", records.unmet(self.parts.gate.unmet), 58
            elif (said := self.running.verified) and said.verdict != "passed":
                reason, error, code = "unverified", f"Not verified by {said.command}: {said.outcome}", 57
        except TimeoutError:
            limit = limits.out_of_time()
            reason, error, code = limit.limit, str(limit), limit.exit_code
        except LimitReached as limit:
            reason, error, code = limit.limit, str(limit), limit.exit_code
        except asyncio.CancelledError:
            reason = "cancelled"
        except MinicodeError as trouble:
            reason, error, code = self.running.stop or "failed", str(trouble), trouble.exit_code
        except Exception as bug:  # why: a face waits for the end of the turn, whatever breaks in it
            reason, error, code = "failed", f"internal error: {type(bug).__name__}: {bug} (at {_place_of(bug)}).", 1
        # Stopped twice, or the disk is full: the next turn's first snapshot must do.
        with contextlib.suppress(asyncio.CancelledError, StorageError):
            await self.running.keep_files()
        self._end(reason, error, code)

    async def _converse(self, text: str) -> Reply:
        notes = await self._begin(text)
        await self.parts.model.ready()
        for note in notes:
            self.running.tell(Noted("warning", note))
        mended = folded = False
        while True:
            self._asking = asyncio.create_task(turn.run_turn(self.parts.model, self.running.doors))
            try:
                return await self._asking
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if (task and task.cancelling()) or not self.running.interjected():
                    raise
            except ModelError as error:
                if error.kind == "context" and not folded:
                    folded = True
                    if await self.running.overflowed(str(error)):
                        continue
                if error.kind != "pairing" or mended:
                    raise
                # The server does not see our pairs as we do: build the history anew from the disk, once.
                mended = True
                self.parts.history = History(sound(self.parts.journal.branch))
                self.running.tell(Noted("warning", f"{error} Asking once more with the history built anew."))

    async def _begin(self, text: str) -> tuple[str, ...]:
        """The user's words are on disk when this returns. Raises MinicodeError if a hook refuses them."""
        first = list(self._first)
        notes: tuple[str, ...] = ()
        self.parts.gate.unmet.clear()
        self.parts.gate.stop = ""
        self._overheard += [f"[minicode: {news}]" for news in self.parts.background.news()]
        said = "".join(f"\n\n{words}" for words in self._overheard) + await self._hooks(text, bool(first))
        if not self.parts.history.system:
            system, notes = self.parts.briefing.system()
            first.append(("system", system))
        elif news := self.parts.briefing.news(self.parts.history.facts.get("instructions", {})):
            said = f"{said}\n\n[minicode: instruction files have changed.\n{news.text}]"
            first.append(self.running.learned(news))
        if self._first and (others := self.parts.other_tools()):
            first += self.parts.tools_of_today()
            notes = (f"This session goes on {others}: nothing of the next request is cached.",)
        if mode := planning.news(self.parts):
            said = f"{said}\n\n[minicode: {mode[0]}]"
            first.append(mode[1])
        typed = {"typed": text} if said else {}  # what a rewind gives back to be edited
        words, kept = pasting.in_part(("user", {"text": text + said, **typed}), self.parts.blobs)
        self.parts.write([*first, words])
        self._first.clear()
        self._overheard.clear()
        self.parts.journal.sync()
        self.running.emit(TurnStarted(self.parts.journal.id, text))
        if kept:
            self.running.tell(Noted("info", kept))
        return notes

    async def _hooks(self, text: str, starting: bool) -> str:
        """What hooks add to the user's words."""
        hooks, added = self.parts.gate.hooks, ""
        runs = [await hooks.run("UserPromptSubmit", prompt=text)]
        if starting:
            runs.insert(0, await hooks.run("SessionStart", source="resume" if self.parts.history.system else "startup"))
        for said in runs:
            for note in said.notes:
                self.running.tell(Noted("warning", note))
            added += f"\n\n{said.context}" if said.context else ""
        if runs[-1].blocked:
            self.parts.write([("refused", {"text": text, "by": "hook", "reason": runs[-1].blocked})])
            raise MinicodeError(f"A hook refused the prompt: {runs[-1].blocked}")
        return added

    def _end(self, reason: str, error: str, code: int) -> None:
        done = self.running
        try:
            if reason != "done" and (done.thinking or done.text):
                partial = {"thinking": "".join(done.thinking), "text": "".join(done.text), "why": reason}
                self.parts.write([("partial", partial)])
            self.parts.write([*self._title(), records.end(reason, error)])
            self.parts.journal.sync()
        except StorageError as trouble:
            if not error:
                reason, error, code = "failed", str(trouble), trouble.exit_code
        history, check = self.parts.history, self.parts.check
        verified = done.verified.verdict if done.verified else "not run" if check and check.due else ""
        thoughts = (history.given, history.issued, error, code, history.folded, verified)
        done.emit(TurnEnded(reason, done.answer, done.usage, done.steps, *thoughts))

    def _title(self) -> list[records.Record]:
        """After the first turn the session gets a title, if its user gave it no name."""
        gist = self.parts.journal.gist
        words = next(iter(tree.said(self.parts.journal.branch)), None)
        if gist.title or gist.name or words is None:
            return []
        from minicode.journal.title import title

        text = title(words.text)
        return [("title", {"title": text, "by": "local"})] if text else []


def _place_of(bug: Exception) -> str:
    from traceback import extract_tb

    frame = extract_tb(bug.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
