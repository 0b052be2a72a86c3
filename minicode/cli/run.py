"""`minicode run`: one prompt in, one truthful result out, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import stat
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minicode import jsonl, plain
from minicode.errors import MinicodeError, UsageError
from minicode.events import Denied, Event, TurnEnded, TurnStarted
from minicode.model import catalogue
from minicode.paths import typed
from minicode.plan import Plan
from minicode.start import Started, start

PATIENCE = 3.0  # seconds a silent stdin may hold up a prompt that was given as an argument
LARGEST_PROMPT = 4 << 20
BY_SIGNAL = "Stopped by a signal."
_SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asked for; see `minicode run --help`."""

    plan: Plan
    prompt: str | None = None
    output_format: str = "text"
    last_message: Path | None = None
    json_schema: str | None = None


def headless(job: Job) -> int:
    """Returns the exit code. In the JSON formats the last line on stdout is a result, also after a failure."""
    begin = time.monotonic()
    if job.output_format not in jsonl.FORMATS:
        raise UsageError(f"--output-format must be one of {', '.join(jsonl.FORMATS)}, not {job.output_format!r}.")
    out = plain.Stdout()
    for number in stopping():
        signal.signal(number, _interrupt)
    try:
        prompt = read_prompt(job.prompt)
        schema = read_schema(job.json_schema)
        if job.last_message and not job.last_message.absolute().parent.is_dir():
            raise UsageError(f"-o {job.last_message}: there is no folder {job.last_message.absolute().parent}.")
        return asyncio.run(_Run(job, out, begin, schema).go(prompt))
    except Exception as error:  # why: whatever happens, the last line is a result; `call` tells the person
        if job.output_format != "text":
            ended = jsonl.failed(str(error) or type(error).__name__, getattr(error, "exit_code", 1))
            if isinstance(error, Interrupted):
                ended = ended._replace(reason="cancelled")
            jsonl.Stream(out.write, "").put("result", **jsonl.result(ended, "", begin, None))
        raise


class Interrupted(MinicodeError):
    """A signal came before there was a turn to cancel."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(BY_SIGNAL)
        self.exit_code = exit_code


def stopping() -> list[signal.Signals]:
    """The signals that end a run; not those that whoever started us wants ignored, as `nohup` does."""
    return [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]


def _interrupt(number: int, frame: object) -> None:
    raise Interrupted(_SIGNALS[signal.Signals(number)])


class _Run:
    """The state of one headless run: who asked it to stop, and what is left to say."""

    def __init__(self, job: Job, out: plain.Stdout, begin: float, schema: Any) -> None:
        self.job, self.out, self.begin, self.schema = job, out, begin, schema
        self.signalled = self.stops = 0  # the exit code of the last signal, and how many there were
        self.progress = plain.Progress(lambda text: _stderr(text), plain.stderr_colour())
        self.started: Started | None = None
        self.stream: jsonl.Stream | None = None
        self.denials: list[dict[str, Any]] = []

    async def go(self, prompt: str) -> int:
        loop = asyncio.get_running_loop()
        for number in stopping():
            loop.add_signal_handler(number, self._stop, _SIGNALS[number])
        self.started = started = start(self.job.plan)
        try:
            if self.job.output_format == "stream-json":
                self.stream = jsonl.Stream(self.out.write, started.session.journal.id)
            else:
                for note in started.notes:
                    plain.warn(f"minicode: {note}")
            if self.schema is not None:
                ended, value = await self._structured(prompt)
            else:
                ended, value = await self._turn(prompt), None
            return self._finish(ended, value)
        finally:
            with suppress(OSError):
                await started.close()

    def _stop(self, code: int) -> None:
        self.stops += 1
        if self.stops > 2:
            os._exit(code)  # asked three times: the journal is as complete as it can be
        self.signalled = code
        if self.started:
            self.started.session.cancel()  # the second time it ends commands without their grace

    async def _turn(self, prompt: str) -> TurnEnded:
        assert self.started is not None
        ended: TurnEnded | None = None
        async for event in self.started.session.send(prompt):
            self._show(event)
            if isinstance(event, TurnEnded):
                ended = event
            elif self.out.broken:
                self.started.session.cancel()
        assert ended is not None  # the session's promise
        if self.signalled:
            ended = ended._replace(reason="cancelled", exit_code=self.signalled, error=BY_SIGNAL)
        return ended

    async def _structured(self, prompt: str) -> tuple[TurnEnded, Any]:
        """A turn whose answer must be JSON that fits the schema; one more round if it does not."""
        from minicode.cli.structured import check, instruction, repair

        ended = await self._turn(f"{prompt}\n\n{instruction(self.schema)}")
        if ended.reason != "done":
            return ended, None
        value, trouble = check(ended.text, self.schema)
        if trouble:
            first = ended
            ended = await self._turn(repair(trouble))
            ended = ended._replace(usage=first.usage + ended.usage, steps=first.steps + ended.steps)
            if ended.reason != "done":
                return ended, None
            value, trouble = check(ended.text, self.schema)
        if trouble:
            ended = ended._replace(reason="schema", exit_code=1, error=f"The answer does not fit the schema: {trouble}")
        return ended, value

    def _init(self, started: Started | None) -> None:
        assert self.stream is not None and started is not None
        session = started.session
        self.stream.put(
            "init",
            model=started.settings.model,
            protocol=session.model.wire,
            cwd=str(started.folder),
            tools=[spec.name for spec in session.history.tools or session.parts.toolbox.specs],
            permission_mode=session.gate.standing.mode,
            sandbox=started.contained.summary(),
        )
        for note in started.notes:
            self.stream.put("notice", text=note, level="warning")

    def _show(self, event: Event) -> None:
        if isinstance(event, Denied) and event.by != "guard":
            call = event.call
            self.denials.append(
                {"tool_name": call.name, "tool_use_id": call.id, "tool_input": dict(call.arguments), "by": event.by}
            )
        if self.stream:
            # Which surface the endpoint speaks is known once the turn has begun.
            if not self.stream.begun and not isinstance(event, TurnStarted):
                self._init(self.started)
            self.stream.show(event)
        elif self.job.output_format == "text":
            self.progress.show(event)

    def _finish(self, ended: TurnEnded, value: Any) -> int:
        assert self.started is not None
        session = self.started.session
        cost = catalogue.cost(ended.usage, self.started.settings.model)
        text = json.dumps(value, ensure_ascii=False) if value is not None else ended.text
        code = self.out.broken or ended.exit_code
        if self.job.last_message and not code:
            try:
                self.job.last_message.write_text(text + "\n", "utf-8")
            except OSError as error:
                code, ended = 1, ended._replace(reason="failed", exit_code=1, error=f"-o: {error}")
        ended = ended._replace(exit_code=code)
        if self.job.output_format == "text":
            seen = value is None and os.isatty(1) and os.isatty(2)  # it was just read as it came
            if ended.text and not ended.error and not seen:
                self.out.write(text.rstrip("\n") + "\n")
            if ended.error:
                plain.warn(f"minicode: {ended.error}")
            kept = f"session {session.journal.id}" if session.journal.path else "not kept"
            plain.warn(plain.footer(ended, kept, cost))
        else:
            more = {"permission_denials": self.denials, **({"structured_output": value} if value is not None else {})}
            last = jsonl.result(ended, session.journal.id, self.begin, cost, **more)
            (self.stream or jsonl.Stream(self.out.write, session.journal.id)).put("result", **last)
        return self.out.broken or code


def read_prompt(argument: str | None) -> str:
    """The prompt from the argument, stdin, or both. Raises UsageError if it is missing, empty or not text."""
    argument = None if argument == "-" else argument  # as everywhere: what is piped in
    piped = _stdin(wait=argument is None)
    if b"\0" in piped:
        raise UsageError("stdin is not text: it holds NUL bytes. Pipe text, or name the file in the prompt.")
    try:
        # From the bytes: Python has read them in whatever encoding the locale names.
        parts = [os.fsencode(argument or "").decode(), piped.decode()]
    except UnicodeError:
        raise UsageError("The prompt is not UTF-8 text. Convert it, or name the file in the prompt.") from None
    text = "\n\n".join(part.strip() for part in parts if part.strip())
    if not text:
        raise UsageError('There is no prompt. Give one: minicode run "make the tests pass", or pipe it in.')
    return text


def _stdin(wait: bool) -> bytes:
    """What is piped in. A terminal is not read; a pipe that stays silent does not hold up a prompt we already have."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return b""
    if stat.S_ISCHR(mode):
        return b""
    if wait and stat.S_ISFIFO(mode) and sys.stderr.isatty():
        plain.warn("minicode: reading the prompt from stdin …")
    data = b""
    while wait or data or stat.S_ISREG(mode) or select.select([0], [], [], PATIENCE)[0]:
        chunk = os.read(0, 1 << 16)
        if not chunk:
            return data
        data += chunk
        if len(data) > LARGEST_PROMPT:
            raise UsageError(f"stdin is longer than {LARGEST_PROMPT >> 20} MiB. Put it in a file and name the file.")
    plain.warn("minicode: stdin is open but silent; going on without it.")
    return data


def read_schema(text: str | None) -> Any:
    """The schema of --json-schema: JSON text, or @FILE. None if there is none."""
    if text is None:
        return None
    source = text
    try:
        if text.startswith("@"):
            source = typed(text[1:]).read_text("utf-8")
        schema = json.loads(source)
    except (OSError, ValueError) as error:
        raise UsageError(f"--json-schema {text[:80]}: {error}.") from None
    from minicode.cli.structured import sound

    return sound(schema)


def _stderr(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode("utf-8", "replace"))
