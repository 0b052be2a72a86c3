"""Find the tools, load them, and run what the model calls; every call ends in a Result."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from minicode import repair
from minicode.errors import MinicodeError
from minicode.messages import Call, ToolSpec
from minicode.schema import Signature, UnfitError, signature_of
from minicode.show import Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean, clip
from minicode.toolkit import Result, Scope, Toolfile


@dataclass(frozen=True, slots=True)
class Tool:
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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call made ready: what will run with which arguments, or why it cannot.

    effect: "reads", "writes", "runs", "state", or "" if nothing will run. repairs: what was mended, for the model.
    """

    call: Call
    tool: Tool | None
    arguments: Mapping[str, Any]
    repairs: tuple[str, ...] = ()
    error: str | None = None

    @property
    def effect(self) -> str:
        return self.tool.effect if self.tool is not None and self.error is None else ""


class Toolbox:
    """The tools of a session. tools: by name, sorted. broken: files that could not be loaded."""

    def __init__(self, tools: Mapping[str, Tool], broken: Sequence[Broken] = ()) -> None:
        self.tools: Mapping[str, Tool] = dict(sorted(tools.items()))
        self.broken = tuple(broken)
        self.specs: tuple[ToolSpec, ...] = tuple(tool.spec for tool in self.tools.values())

    @classmethod
    def load(
        cls, places: Sequence[tuple[str, Path]], allowed: Collection[str] = (), disallowed: Collection[str] = ()
    ) -> Toolbox:
        """Load every `*.py` of the places except `_*.py`; of one name, the last place wins.

        places: (origin, folder); a folder that is not there is an empty one. allowed: if given, only these names.
        """
        tools: dict[str, Tool] = {}
        broken: list[Broken] = []
        for origin, folder in places:
            for path in sorted(folder.glob("*.py")):
                name = path.stem
                if name.startswith("_") or (allowed and name not in allowed) or name in disallowed:
                    continue
                try:
                    tool = _load(name, path, origin)
                except UnfitError as error:
                    broken.append(Broken(path, origin, str(error)))
                    continue
                except (Exception, SystemExit) as error:  # why: a guest's file may do anything, and must harm nobody
                    broken.append(Broken(path, origin, _one_line(error)))
                    continue
                if older := tools.get(name):
                    tool = replace(tool, replaces=(*older.replaces, older.origin))
                tools[name] = tool
        return cls(tools, broken)

    def prepare(self, call: Call) -> Prepared:
        """Mend the name and the arguments of a call. Never raises."""
        shapes = {spec.name: spec.schema for spec in self.specs}
        mended = repair.mend(call.name, call.arguments, shapes)
        tool = self.tools.get(mended.name)
        error = mended.error
        if call.broken is not None and tool is not None:
            error = (
                f"The arguments of {tool.name} were not readable as a JSON object, so nothing was run. "
                f"They began: {clip(clean(call.broken), 1000)}\nRight would be: {repair.shape(tool.spec)}"
            )
        return Prepared(call, tool, mended.arguments, (*call.repairs, *mended.repairs), error)

    async def run(self, prepared: Prepared, scope: Scope) -> Result:
        """Run a prepared call. Whatever goes wrong is told in the Result; only a cancellation is raised."""
        if prepared.error is not None or prepared.tool is None:
            return Result(prepared.error or f"There is no tool {prepared.call.name}.", failed=True)
        try:
            result = await _invoke(prepared.tool, prepared.arguments, scope)
        except asyncio.CancelledError:
            raise
        except MinicodeError as error:
            result = Result(str(error), failed=True)
        except (Exception, SystemExit) as error:  # why: a tool's failure is news for the model, never the turn's end
            result = Result(f"{prepared.tool.name} failed: {_one_line(error)}", failed=True)
        return _finish(result, prepared.repairs, scope)


def _load(name: str, path: Path, origin: str) -> Tool:
    module_name = f"minicode_tools.{origin}.{name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UnfitError("It cannot be loaded as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # annotations and dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
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


def _finish(result: Result, repairs: tuple[str, ...], scope: Scope) -> Result:
    """What leaves a tool is clean, bounded, never empty, and says what was mended."""
    text = scope.fit(clean(result.text).strip("\n")) or "(no output)"
    if repairs:
        text = f"{text}\n[note: {'; '.join(repairs)}]"
    return replace(result, text=text, show=tuple(map(_clean_show, result.show)))


def _clean_show(block: Show) -> Show:
    match block:
        case Line(text):
            return Line(clean(text))
        case Output(text):
            return Output(clip(clean(text)))
        case Diff(path, diff):
            return Diff(clean(path), clean(diff))
        case Tests():
            return block._replace(failures=tuple((clean(test), clean(why)) for test, why in block.failures))
        case Todos(items):
            return Todos(tuple((clean(text), state) for text, state in items))


def _one_line(error: BaseException) -> str:
    """What an exception says, without a traceback."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}."
    return clip(" ".join(f"{type(error).__name__}: {error}".split()), 2000)
