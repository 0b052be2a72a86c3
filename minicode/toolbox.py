"""Find the tools, load them, and run what the model calls; every call ends in a Result."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from minicode import repair
from minicode.errors import MinicodeError
from minicode.messages import Call, ToolSpec
from minicode.model.arguments import breaks_off
from minicode.redact import MARKED, Overlap, Redactor
from minicode.schema import Signature, UnfitError, signature_of
from minicode.show import REPAIRED, Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean, clean_output, clip
from minicode.toolkit import Result, Scope, Toolfile

Verify = Callable[[Path, bytes], None]


class Tool(NamedTuple):
    """A loaded tool. origin: the place it came from; replaces: origins of tools of the same name it won over."""

    name: str
    path: Path
    origin: str
    replaces: tuple[str, ...]
    toolfile: Toolfile
    signature: Signature

    @property
    def effect(self) -> str:
        return self.toolfile.effect

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec(self.name, self.signature.description, self.signature.schema)


class Broken(NamedTuple):
    """A tool file that cannot be used. reason: a sentence."""

    path: Path
    origin: str
    reason: str


class Prepared(NamedTuple):
    """A call made ready: what will run with which arguments, or why it cannot.

    effect: as in `toolkit.Effect`, or "" if nothing will run. repairs: what was mended, for the model.
    """

    call: Call
    tool: Tool | None
    arguments: Mapping[str, Any]
    repairs: tuple[str, ...] = ()
    error: str | None = None

    @property
    def effect(self) -> str:
        if self.tool is None or self.error is not None:
            return ""
        harmless = self.tool.toolfile.harmless
        return "reads" if harmless is not None and harmless(self.arguments) else self.tool.effect


class Toolbox:
    """The tools of a session. tools: by name, sorted. broken: files that could not be loaded.

    redactor: takes the secrets out of all that leaves a tool.
    """

    def __init__(
        self, tools: Mapping[str, Tool], broken: Sequence[Broken] = (), *, redactor: Redactor | None = None
    ) -> None:
        self.tools: Mapping[str, Tool] = dict(sorted(tools.items()))
        self.broken = tuple(broken)
        self.redactor = redactor
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in self.tools.values())

    @classmethod
    def load(
        cls,
        places: Sequence[tuple[str, Path]],
        allowed: Collection[str] = (),
        disallowed: Collection[str] = (),
        *,
        redactor: Redactor | None = None,
        verify: Verify | None = None,
    ) -> Toolbox:
        """Load every `*.py` of the places except `_*.py`; of one name, the last place wins.

        places: (origin, folder); a folder that is not there is an empty one. allowed: if given, only these names.
        verify: raises unless the bytes of a project's file are those that were trusted.
        """
        tools: dict[str, Tool] = {}
        broken: list[Broken] = []
        for origin, folder in places:
            for path in sorted(folder.glob("*.py")):
                name = path.stem
                if name.startswith("_") or (allowed and name not in allowed) or name in disallowed:
                    continue
                try:
                    tool = _load(name, path, origin, verify if origin == "project" else None)
                except UnfitError as error:
                    broken.append(Broken(path, origin, str(error)))
                    continue
                except (Exception, SystemExit) as error:  # why: a guest's file may do anything, and must harm nobody
                    broken.append(Broken(path, origin, _one_line(error)))
                    continue
                if older := tools.get(name):
                    tool = tool._replace(replaces=(*older.replaces, older.origin))
                tools[name] = tool
        return cls(tools, broken, redactor=redactor)

    def prepare(self, call: Call) -> Prepared:
        """Mend the name and the arguments of a call. Never raises."""
        shapes = {spec.name: spec.schema for spec in self.specs}
        mended = repair.mend(call.name, call.arguments, shapes)
        tool = self.tools.get(mended.name)
        error = mended.error
        if call.broken is not None and tool is not None:
            torn = " They break off: send them whole, in smaller pieces if they are long." * breaks_off(call.broken)
            error = (
                f"The arguments of {tool.name} were not readable as a JSON object, so nothing was run.{torn} "
                f"They began: {clip(clean(call.broken), 1000)}\nRight would be: {repair.shape(tool.spec)}"
            )
        if error is None and tool is not None and tool.effect == "writes" and self.redactor is not None:
            error = _writes_a_mark(mended.arguments)
        return Prepared(call, tool, mended.arguments, (*call.repairs, *mended.repairs), error)

    async def run(self, prepared: Prepared, scope: Scope) -> Result:
        """Run a prepared call. Whatever goes wrong is told in the Result; only a cancellation is raised."""
        hide = _as_it_is if self.redactor is None else self.redactor.text
        if prepared.error is not None or prepared.tool is None:
            error = prepared.error or f"There is no tool {prepared.call.name}."
            return Result(hide(clean(error)), failed=True)
        live = _Live(scope.say, self.redactor)
        scope = replace(scope, live=live.feed)
        if self.redactor is not None:
            scope = _redacting(scope, self.redactor)
        try:
            result = await _invoke(prepared.tool, prepared.arguments, scope)
        except asyncio.CancelledError:
            raise
        except MinicodeError as error:
            result = Result(str(error), failed=True)
        except (Exception, SystemExit) as error:  # why: a tool's failure is news for the model, never the turn's end
            result = Result(f"{prepared.tool.name} failed: {_one_line(error)}", failed=True)
        finally:
            live.close()
        return _finish(result, prepared.repairs, scope, hide)


def _load(name: str, path: Path, origin: str, verify: Verify | None) -> Tool:
    module_name = f"minicode_tools.{origin}.{name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UnfitError("It cannot be loaded as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # annotations and dataclasses look their module up there
    try:
        if verify is None:
            spec.loader.exec_module(module)
        else:
            # The very bytes that were judged: a compiled file beside them could hold anything.
            data = path.read_bytes()
            verify(path, data)
            exec(compile(data, path, "exec"), module.__dict__)
    except BaseException:  # why: a module that did not load must not be found as if it had
        del sys.modules[module_name]
        raise
    toolfile = getattr(module, name, None)
    if not isinstance(toolfile, Toolfile):
        raise UnfitError(f"It must define `async def {name}(…)` under `@tool(effect=…)`: a tool is named as its file.")
    return Tool(name, path, origin, (), toolfile, signature_of(toolfile.function))


async def _invoke(tool: Tool, arguments: Mapping[str, Any], scope: Scope) -> Result:
    values = dict(arguments)
    for name, model in tool.signature.models.items():
        if name in values:
            values[name] = model.model_validate(values[name])
    if tool.signature.scope:
        values[tool.signature.scope] = scope
    result = await tool.toolfile.function(**values)
    if not isinstance(result, Result):
        raise TypeError(f"it returned {type(result).__name__}, not a Result")
    return result


def _finish(result: Result, repairs: tuple[str, ...], scope: Scope, hide: Callable[[str], str]) -> Result:
    """What leaves a tool is clean, without secrets, bounded, never empty, and says what was mended."""

    def safe(text: str) -> str:
        return hide(clean(text))  # in this order: no escape code may hide a secret by splitting it

    text = scope.fit(safe(result.text).strip("\n")) or "(no output)"
    told = [" ".join(safe(phrase).split()) for phrase in repairs]
    if told:
        text = f"{text}\n[note: {'; '.join(told)}]"
    show = [*(_safe_show(block, safe) for block in result.show), *(Line(REPAIRED + phrase) for phrase in told)]
    return replace(result, text=text, show=tuple(show))


def _safe_show(block: Show, safe: Callable[[str], str]) -> Show:
    match block:
        case Line(text):
            return Line(safe(text))
        case Output(text):
            return Output(clip(safe(text)))
        case Diff(path, diff):
            return Diff(safe(path), safe(diff))
        case Tests():
            return block._replace(failures=tuple((safe(test), safe(why)) for test, why in block.failures))
        case Todos(items):
            return Todos(tuple((safe(text), state) for text, state in items))


def _as_it_is(text: str) -> str:
    return text


def _redacting(scope: Scope, redactor: Redactor) -> Scope:
    """The scope of a call whose progress and long output are kept without secrets too."""
    return replace(
        scope,
        hide=redactor.text,
        say=lambda text: scope.say(redactor.text(text)),
        alarm=lambda text: scope.alarm(redactor.text(text)),
        spill=lambda data: scope.spill(redactor.data(data)),
    )


class _Live:
    """Output while it comes: whole lines of it, a little, not too often, and no secret that came in pieces."""

    _PAUSE = 0.2  # seconds
    _KEPT = 2**16  # bytes at most between two tellings; of more, the beginning is left out
    _SHOWN = 2000  # characters at a time

    def __init__(self, say: Callable[[str], None], redactor: Redactor | None) -> None:
        self._say = say
        self._redactor = redactor
        self._hide = self._fresh()
        self._waiting = bytearray()
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) > self._KEPT:
            # What is left of a torn line could be half a secret.
            del self._waiting[: self._waiting.find(b"\n", len(self._waiting) - self._KEPT) + 1 or None]
            self._hide = self._fresh()
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._last + self._PAUSE, loop.time()), self._tell)

    def _fresh(self) -> Callable[[str], str]:
        return Overlap(self._redactor).feed if self._redactor else _as_it_is

    def close(self) -> None:
        """The rest is in the result."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        # A line that goes on may end within a letter, an escape code or a secret.
        cut = max(self._waiting.rfind(b"\n") + 1, self._waiting.rfind(b"\r"))
        lines = clean_output(bytes(self._waiting[:cut]))
        del self._waiting[:cut]
        if lines and (text := self._hide(lines if lines.endswith("\n") else f"{lines}\n")):
            self._last = asyncio.get_running_loop().time()
            self._say(text[-self._SHOWN :])


def _writes_a_mark(arguments: Mapping[str, Any]) -> str | None:
    """Why a call must not run that would write one of our marks where a secret is."""
    for text in _texts_in(arguments):
        if mark := MARKED.search(text):
            return (
                f"Nothing was changed: {mark[0]} stands for a secret that minicode does not show, and would overwrite "
                "it. Leave that part of the file alone: edit the text around it, without the mark."
            )
    return None


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)


def _one_line(error: BaseException) -> str:
    """What an exception says, without a traceback."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}."
    return clip(" ".join(f"{type(error).__name__}: {error}".split()), 2000)
