"""All that a tool file may import of ours.

A tool is an async function in a file of its name:

    @tool(effect="reads")
    async def shout(scope: Scope, text: Annotated[str, "What to shout"]) -> Result:
        '''Say a text loudly.'''
        return Result(text.upper())

Signature, docstring and `Annotated` texts are its schema. Parameters may be str, int, float, bool, Literal, list, dict,
a flat TypedDict or a pydantic model; `T | None = None` makes one optional. `scope` is passed if it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from minicode.colours import coloured
from minicode.show import Diff, Line, Output, Show, Tests, Todos
from minicode.text import CAP, clean, clean_output, clip, count
from minicode.workspace.charset import decode
from minicode.workspace.code.symbols import Nested, Parsed, enclosing, find_symbols, nested
from minicode.workspace.drafts import Draft, open_draft
from minicode.workspace.edits import WIDEST, find_edit, unified
from minicode.workspace.files import Content
from minicode.workspace.folder import Refused
from minicode.workspace.foreseen import foresee
from minicode.workspace.git import git_problem, run_git
from minicode.workspace.job import Job, fate_of
from minicode.workspace.obstacles import in_the_way
from minicode.workspace.processes import Finished
from minicode.workspace.search import Query, Row, list_files, search_text
from minicode.workspace.syntax import new_errors
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from minicode.web.telling import Told
    from minicode.web.web import Web
    from minicode.workspace.code.map import Map
    from minicode.workspace.patching import Patched

__all__ = [
    "CAP",
    "WIDEST",
    "Content",
    "Diff",
    "Draft",
    "Effect",
    "Finished",
    "Job",
    "Line",
    "Nested",
    "Output",
    "Parsed",
    "Query",
    "Refused",
    "Result",
    "Row",
    "Scope",
    "Show",
    "Tests",
    "Todos",
    "Toolfile",
    "Workspace",
    "clean",
    "clean_output",
    "clip",
    "code_map",
    "code_of",
    "count",
    "decode",
    "enclosing",
    "fate_of",
    "find_edit",
    "find_symbols",
    "foresee",
    "foresee_patch",
    "git_problem",
    "in_the_way",
    "list_files",
    "nested",
    "new_errors",
    "no_grammar",
    "open_draft",
    "patch_files",
    "project_tests",
    "read_page",
    "run_git",
    "search_text",
    "search_web",
    "tool",
    "unified",
]

LARGE = 2**16  # bytes of output that are looked through in a thread
# What a call can do to the world, for the permission gate: "state" touches nothing but the session's own lists, "web"
# asks a stranger, which the user is asked about once a domain.
Effect = Literal["reads", "writes", "runs", "state", "web"]


@dataclass(frozen=True, slots=True)
class Result:
    """text: what the model is told. show: what the human is shown. failed: the tool did not do what was asked."""

    text: str
    show: tuple[Show, ...] = ()
    failed: bool = False


# Looks back into the session; asked for query, ids, around, kind and limit, as context.recall.Quest has them.
Recall = Callable[[str, Sequence[str], str, str, int], Awaitable[Result]]


async def _no_past(*asked: object) -> Result:
    return Result("There is no session here to look back into.", failed=True)


# Asks the user; given the question, what may be picked, and whether several of it may.
Ask = Callable[[str, Sequence[str], bool], Awaitable[Result]]
# Shows the user a plan that waits for a yes.
Propose = Callable[[str], Awaitable[Result]]


async def _nobody(*asked: object) -> Result:
    return Result("There is nobody here to be asked.", failed=True)


class Report(NamedTuple):
    """What came of a task. text: its own last words. note: what there is to say of it, in one line."""

    text: str
    note: str
    show: tuple[Show, ...] = ()
    failed: bool = False


# Has a task done in a session of its own; given the prompt, a few words that describe it, "read" or "full", and the
# task to go on with, "" for a new one.
Delegate = Callable[[str, str, str, str], Awaitable[Report]]


async def _alone(*asked: object) -> Report:
    return Report("", "There is nobody here to do a task: do it yourself.", failed=True)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one call may work with.

    say: tell the human about progress. live: let the human see a program's output as it comes, a little of it. spill:
    keep a long output and give the path or name under which the model can read it, "" if it is not kept. alarm: tell
    the human of something that should not have been. hide: takes the secrets out of a text. recall: quotes what was
    said before in this session. memory: a private folder for what is learned of the workspace, None for nowhere. ask,
    propose: wait for the user's answer, and tell it as the model is to hear it. delegate: has a task done.
    web: None where the network is off.
    """

    workspace: Workspace
    call_id: str = ""
    say: Callable[[str], None] = lambda text: None
    live: Callable[[bytes], None] = lambda data: None
    spill: Callable[[bytes], str] = lambda data: ""
    alarm: Callable[[str], None] = lambda text: None
    hide: Callable[[str], str] = lambda text: text
    recall: Recall = _no_past
    memory: Path | None = None
    ask: Ask = _nobody
    propose: Propose = _nobody
    delegate: Delegate = _alone
    web: Web | None = None

    def fit(self, text: str, whole: bytes | None = None, limit: int = CAP) -> str:
        """The text if it is short, else head and tail of it; `whole` (by default the text itself) is spilled then."""
        if len(text) <= limit // 4 or len(text.encode("utf-8", "replace")) <= limit:
            return text
        # Hidden first: a secret that is cut in two would be known no more.
        return clip(self.hide(text), limit, self.spill(text.encode("utf-8", "replace") if whole is None else whole))

    async def printed(self, output: bytes, notes: Sequence[str], *, failed: bool = False) -> Result:
        """What a program printed, and in brackets below it what there is to say of it."""

        def fitted() -> Output:
            text = self.fit(clean_output(output).rstrip("\n"), output, CAP - 1000)
            return Output(text, coloured(output, text))

        # Megabytes of odd characters take seconds, in which the screen must answer.
        body = fitted() if len(output) < LARGE else await asyncio.to_thread(fitted)
        return Result(f"{body.text}\n[{'; '.join(notes)}]", (body,), failed)


@dataclass(frozen=True, slots=True)
class Toolfile:
    """What `@tool` makes of a function."""

    function: Callable[..., Awaitable[Result]]
    effect: Effect
    harmless: Callable[[Mapping[str, Any]], bool] | None = None
    preview: Callable[..., Sequence[Show]] | None = None


def tool(
    *,
    effect: Effect,
    harmless: Callable[[Mapping[str, Any]], bool] | None = None,
    preview: Callable[..., Sequence[Show]] | None = None,
) -> Callable[[Callable[..., Awaitable[Result]]], Toolfile]:
    """Mark the function of a tool file. effect: the worst it can do. harmless: tells by the arguments, which may be
    anything, that a call only reads; it must not raise. preview: given the same as the function, in a thread, shows
    what it would change, for the user who is asked; it changes nothing, and may raise Refused as the function would.
    """
    return lambda function: Toolfile(function, effect, harmless, preview)


async def code_of(scope: Scope, paths: Sequence[str]) -> tuple[dict[str, Parsed], list[str]]:
    """The code of those files, real paths that may be read, that are there and can be parsed; and what to say of the
    others. Raises Refused if nothing can be parsed here.
    """
    from minicode.workspace.code.index import symbols_of

    found, news = await symbols_of(scope.workspace, scope.memory, paths)
    return found, news.notes(lambda path: scope.workspace.folder.show(Path(path)))


def no_grammar(paths: Sequence[str]) -> str:
    """What to say of files whose grammar is not installed, "" if there are none."""
    from minicode.workspace.code.index import unknown

    return unknown(paths)


async def code_map(scope: Scope, tokens: int, focus: str) -> Map:
    """As `workspace.code.map.repo_map`."""
    from minicode.workspace.code.map import repo_map

    return await repo_map(scope.workspace, scope.memory, tokens, focus, scope.say)


def patch_files(workspace: Workspace, patch: str) -> list[Patched]:
    """As `workspace.patching.patch_files`."""
    from minicode.workspace import patching

    return patching.patch_files(workspace, patch)


def foresee_patch(workspace: Workspace, patch: str) -> list[Patched]:
    """As `workspace.patching.foresee_patch`."""
    from minicode.workspace import patching

    return patching.foresee_patch(workspace, patch)


async def project_tests(
    scope: Scope, paths: Sequence[str], seconds: float, failed: bool = False, runner: str = ""
) -> Result:
    """As `workspace.testing.run.run_tests`, in words."""
    from minicode.workspace.testing import run

    report = await run.run_tests(
        scope.workspace, paths, seconds, failed=failed, runner=runner, memory=scope.memory, live=scope.live
    )
    return Result(run.text_of(report, scope.fit, scope.spill), run.shows_of(report), failed=not report.good)


async def read_page(scope: Scope, url: str, query: str, page: int) -> Told:
    """A page of the web as the model is to hear of it. Raises Refused, also where the network is off."""
    from minicode.web import telling

    found = await _web(scope).read(scope.workspace, url)
    return await asyncio.to_thread(telling.tell_page, found, query, page)


async def search_web(scope: Scope, queries: Sequence[str]) -> Told:
    """What a search of the web found, likewise."""
    from minicode.web import telling

    return telling.tell_hits(*await _web(scope).search(queries))


def _web(scope: Scope) -> Web:
    if scope.web is None:
        raise Refused("The network is off. The user can open it with --network on.")
    return scope.web
