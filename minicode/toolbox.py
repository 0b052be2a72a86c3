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
from minicode.colours import carried
from minicode.errors import MinicodeError
from minicode.events import CallSaid
from minicode.live import Live
from minicode.messages import Call, ToolSpec
from minicode.model.arguments import breaks_off
from minicode.redact import MARKED, Redactor
from minicode.schema import Signature, UnfitError, signature_of
from minicode.show import REPAIRED, Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean, clip
from minicode.toolkit import Result, Scope, Toolfile
from minicode.workspace.workspace import Workspace

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

    def preview(self, prepared: Prepared, workspace: Workspace) -> tuple[Show, ...]:
        """What a prepared call would change as things are, or why that cannot be told; nothing if its tool knows no
        such thing. Takes its time. Secrets are hidden, but nothing is cleaned: who is asked must see what is odd."""
        if prepared.error is not None or prepared.tool is None or prepared.tool.toolfile.preview is None:
            return ()
        hide = _as_it_is if self.redactor is None else self.redactor.text
        try:
            values = _values(prepared.tool, prepared.arguments, Scope(workspace))
            blocks = tuple(prepared.tool.toolfile.preview(**values))
            if not all(isinstance(block, Show) for block in blocks):
                raise TypeError("its preview returned something that cannot be shown")
            return tuple(_safe_show(block, hide) for block in blocks)
        except MinicodeError as error:
            return (Line(hide(f"As things are, it would fail: {str(error).partition(chr(10))[0]}")),)
        except (Exception, SystemExit) as error:  # why: the user is asked all the same
            return (Line(hide(f"What it would change cannot be told: {_one_line(error)}")),)

    async def run(
        self, prepared: Prepared, scope: Scope, tell: Callable[[CallSaid], None] = lambda said: None
    ) -> Result:
        """Run a prepared call. Whatever goes wrong is told in the Result; only a cancellation is raised. tell: hears
        what its program prints."""
        hide = _as_it_is if self.redactor is None else self.redactor.text
        if prepared.error is not None or prepared.tool is None:
            error = prepared.error or f"There is no tool {prepared.call.name}."
            return Result(hide(clean(error)), failed=True)
        live = Live(tell, prepared.call.id, self.redactor)
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


def _values(tool: Tool, arguments: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """What its function is called with."""
    values = dict(arguments)
    for name, model in tool.signature.models.items():
        if name in values:
            values[name] = model.model_validate(values[name])
    if tool.signature.scope:
        values[tool.signature.scope] = scope
    return values


async def _invoke(tool: Tool, arguments: Mapping[str, Any], scope: Scope) -> Result:
    result = await tool.toolfile.function(**_values(tool, arguments, scope))
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
        case Output(text, colours):
            after = clip(safe(text))
            return Output(after, carried(colours, text, after))
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
