"""`minicode doctor`: look at all that minicode needs, and ask the endpoint itself whether thinking comes back."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minicode import __version__, keys, paths
from minicode.errors import AuthError, MinicodeError, ModelError, StorageError
from minicode.ground import Ground, ground
from minicode.messages import Reply, Request, Results, Text, ToolResult, ToolSpec, User
from minicode.model import catalogue
from minicode.model.base import WholePart
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import CHINA, INTERNATIONAL, endpoint
from minicode.model.retry import Schedule
from minicode.sandbox.probe import enforcement
from minicode.trust import one_line

PATIENT = Clocks(connect=10, first=60, idle=60, progress=120)
ADD = ToolSpec(
    "add",
    "Add two numbers.",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)


@dataclass(frozen=True, slots=True)
class Finding:
    """state: "ok", "note" or "bad". what: one word or two. said: a sentence."""

    state: str
    what: str
    said: str
    exit_code: int = 1

    @property
    def line(self) -> str:
        mark = {"ok": "✓", "note": "·", "bad": "✗"}[self.state]
        return f"{mark} {self.what:12} {one_line(self.said)}"


def doctor(folder: Path | None, flags: Mapping[str, Any], assignments: tuple[str, ...]) -> int:
    """Prints a line a finding; exit 0 if nothing is bad, else the code of the worst."""
    base = ground(folder, False, flags, assignments)
    code = 0
    for finding in findings(base):
        print(finding.line, flush=True)
        if finding.state == "bad":
            code = max(code, finding.exit_code)
    return code


def findings(base: Ground, key: str = "") -> Iterator[Finding]:
    """One after the other, as they are found. key: what a session has taken out of the environment."""
    yield Finding("ok", "minicode", f"{__version__}, Python {platform.python_version()} on {platform.platform()}")
    yield _git()
    yield _repository(base.folder)
    yield _home(base)
    yield _terminal()
    yield from _sandbox(base)
    model = base.settings.model
    info = catalogue.look_up(model)
    known = "" if info.known else ", assumed: minicode does not know this model"
    yield Finding("ok" if info.known else "note", "model", f"{model}, context {info.context:,} tokens{known}")
    yield from asyncio.run(_endpoint(base, key))


def _git() -> Finding:
    git = shutil.which("git")
    if git is None:
        return Finding("bad", "git", "not found; the git tool and the demo need it. Install git.")
    done = subprocess.run([git, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return Finding("ok", "git", done.stdout.strip())


def _repository(folder: Path) -> Finding:
    """Branch and last commit, read from the files: git itself would run what the repository's configuration says."""
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is told of above
    import git
    from gitdb import GitDB

    try:
        repo = git.Repo(folder, search_parent_directories=True, odbt=GitDB)
        where = "detached" if repo.head.is_detached else f"branch {repo.active_branch.name}"
        last = str(repo.head.commit.summary) if repo.head.is_valid() else "no commit yet"
        return Finding("ok", "repository", f"{repo.working_dir or repo.git_dir}, {where}: {last}")
    except git.exc.InvalidGitRepositoryError:
        return Finding("note", "repository", f"{folder} is not in a git repository; all else works there too")
    except (git.exc.GitError, ValueError, OSError) as error:
        return Finding("note", "repository", f"cannot be read: {error}")


def _home(base: Ground) -> Finding:
    try:
        folder = paths.private_dir(base.places.sessions)
        if not os.access(folder, os.W_OK | os.X_OK):
            return Finding("bad", "sessions", f"{folder} cannot be written to.", StorageError.exit_code)
        return Finding("ok", "sessions", f"kept in {base.places.sessions}")
    except StorageError as error:
        return Finding("bad", "sessions", str(error), error.exit_code)


def _terminal() -> Finding:
    size = shutil.get_terminal_size()
    tty = "a terminal" if sys.stdout.isatty() else "not a terminal"
    colours = "no colours (NO_COLOR)" if os.environ.get("NO_COLOR") else os.environ.get("COLORTERM", "")
    words = [f"stdout is {tty}", f"TERM={os.environ.get('TERM', 'unset')}", colours, f"{size.columns}x{size.lines}"]
    return Finding("ok", "terminal", ", ".join(w for w in words if w))


def _sandbox(base: Ground) -> Iterator[Finding]:
    """What a command was seen to be unable to do, tried anew."""
    found, _ = enforcement(paths.private_dir(base.places.state), fresh=True)
    held = f"{found.backend}, enforced" if found.holds else "not enforced: commands are asked for, or refused"
    yield Finding("ok" if found.holds else "note", "sandbox", held)
    for name, value in found._asdict().items():
        if name not in ("backend", "missing") and found.backend != "none":
            good = value in ("enforced", True)
            yield Finding("ok" if good else "note", f"  {name}", str(value) if name != "loopback" else _inside(value))
    for sentence in found.missing:
        yield Finding("note", "  missing", sentence)
    yield Finding("note", "  user", "root" if os.geteuid() == 0 else f"uid {os.geteuid()}")


def _inside(works: bool) -> str:
    return "127.0.0.1 works inside" if works else "127.0.0.1 does not work inside"


async def _endpoint(base: Ground, key: str) -> list[Finding]:
    """What the endpoint says: reachable, key, and per surface whether M2 thinks again after a tool result."""
    s = base.settings
    place = endpoint(s.base_url, s.protocol)
    key, where = (key, "this session") if key else keys.find(os.environ, base.places.config)
    if not key and not place.loopback:
        hint = "none. `minicode login`, MINIMAX_API_KEY, or a server of your own; `minicode demo` needs none."
        return [Finding("bad", "key", hint, AuthError.exit_code)]
    found = []
    if key:
        kind = "coding plan" if key.startswith("sk-cp-") else "pay as you go (by its form)"
        found.append(Finding("ok", "key", f"{kind}, from {where}"))
    if place.hosted:
        found += [await _region(root, key, base) for root in (INTERNATIONAL, CHINA)]
    wires = ("anthropic", "openai") if s.protocol == "auto" else (s.protocol,)
    tried = [await _surface(base, wire, key) for wire in wires]
    if any(f.state == "ok" for f in tried):
        tried = [f if f.state == "ok" else Finding("note", f.what, f.said) for f in tried]
    return [*found, *tried]


async def _region(root: str, key: str, base: Ground) -> Finding:
    model = EndpointModel(
        endpoint(root, "anthropic"), key, clocks=PATIENT, schedule=Schedule(tries=1, overload_tries=1)
    )
    host = root.removeprefix("https://")
    try:
        await _ask(model, Request(base.settings.model, "Answer in one word.", (), (User("Hi"),), max_tokens=1))
    except AuthError:
        return Finding("note", "region", f"{host} refuses this key")
    except ModelError as error:
        if error.kind == "network":
            return Finding("note", "region", f"{host} is out of reach")
        return Finding("note", "region", f"{host} answers: {error}")
    finally:
        await model.close()
    return Finding("ok", "region", f"{host} takes this key")


async def _surface(base: Ground, wire: str, key: str) -> Finding:
    """Two turns with a tool: does M2 think before the call, is the thought taken back, does it think after it?"""
    model = EndpointModel(
        endpoint(base.settings.base_url, wire), key, clocks=PATIENT, schedule=Schedule(tries=2, overload_tries=2)
    )
    try:
        await model.ready()
        question = User("What is 1739 + 2588? Use the tool, then say the sum.")
        request = Request(base.settings.model, "You are a calculator.", (ADD,), (question,), max_tokens=4096)
        first = await _ask(model, request)
        if not first.calls:
            return Finding("note", wire, f"answers, but did not call the tool ({_thoughts(first)})")
        results = Results(tuple(ToolResult(call.id, call.name, "4327") for call in first.calls))
        again = Request(request.model, request.system, request.tools, (question, first, results), max_tokens=4096)
        second = await _ask(model, again)
    except MinicodeError as error:
        return Finding("bad", wire, str(error), error.exit_code)
    finally:
        await model.close()
    state = "ok" if first.thinking and second.blocks else "note"
    said = f"turn 1: {_thoughts(first)} and a tool call; turn 2, its thoughts returned: {_thoughts(second)}"
    return Finding(state, wire, said)


def _thoughts(reply: Reply) -> str:
    count = len(reply.thinking)
    words = "thinks" if count else "does not think"
    return words if any(isinstance(b, Text) and b.text.strip() for b in reply.blocks) else f"{words}, says nothing"


async def _ask(model: EndpointModel, request: Request) -> Reply:
    async for part in model.stream(request):
        if isinstance(part, WholePart):
            return part.reply
    raise ModelError("The answer had no end.", kind="empty")
