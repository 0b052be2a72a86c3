"""Where the parts meet: from flags and folders to a session that is ready to send."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from minicode import __version__, paths, prompts, settings
from minicode.context import facts
from minicode.errors import SessionError, StorageError, UsageError
from minicode.journal import store
from minicode.journal.blobs import Blobs
from minicode.journal.repair import closing
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.messages import Request, spec_to_json
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint
from minicode.session import Briefing, Session
from minicode.settings import Layered, Settings
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope
from minicode.workspace.workspace import Workspace

REMEMBERED = 50  # endpoints whose surface is kept


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asked for. resume: None for a new session, "" for the folder's latest, else id or name."""

    folder: Path | None = None
    extra: tuple[Path, ...] = ()
    resume: str | None = None
    name: str | None = None
    ephemeral: bool = False
    trust: bool = False
    flags: Mapping[str, Any] = field(default_factory=dict)
    assignments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    session: Session
    settings: Settings
    folder: Path
    notes: tuple[str, ...]
    blobs: Blobs

    async def close(self) -> None:
        await self.session.model.close()
        self.session.journal.close()
        if self.session.journal.path is None:
            self.blobs.delete()


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command needs before it needs a session."""

    folder: Path
    places: paths.Places
    layered: Layered
    trusted: Path | None

    @property
    def settings(self) -> Settings:
        return self.layered.settings


def ground(
    folder: Path | None,
    trust: bool = False,
    flags: Mapping[str, Any] | None = None,
    assignments: tuple[str, ...] = (),
) -> Ground:
    """Raises UsageError for a folder that cannot be worked in, ConfigError for settings that are wrong."""
    where = paths.work_folder(folder)
    places = paths.places()
    project = where / paths.PROJECT / "config.toml" if trust else None
    layered = settings.load(places.config_file, flags or {}, assignments, project=project)
    return Ground(where, places, layered, where if trust else None)


def load_tools(base: Ground) -> Toolbox:
    places = list(zip(("shipped", "user", "project"), base.places.guests("tools", base.trusted), strict=False))
    check_tool_names(base.layered, {path.stem for _, folder in places for path in folder.glob("[!_]*.py")})
    return Toolbox.load(places, base.settings.allowed_tools, base.settings.disallowed_tools)


def check_tool_names(layered: Layered, known: set[str]) -> None:
    """Raises UsageError for a flag that names a tool which is not there: it would allow or forbid nothing.

    A settings file may name tools that only some projects have.
    """
    for key in ("allowed_tools", "disallowed_tools"):
        where = layered.origins.get(key, "")
        unknown = [name for name in getattr(layered.settings, key) if name not in known]
        if unknown and where.startswith("--"):
            raise UsageError(f"{where}: there is no tool {unknown[0]!r}. There are {', '.join(sorted(known))}.")


def start(plan: Plan) -> Started:
    """Raises the errors of every part, each with its sentence and exit code."""
    base = ground(plan.folder, plan.trust, plan.flags, plan.assignments)
    toolbox = load_tools(base)
    notes = [f"The tool file {b.path} is left out: {b.reason}" for b in toolbox.broken]
    model = connect(base)
    journal, more = open_journal(plan, base)
    blobs = Blobs.beside(journal.path) if journal.path else Blobs(base.places.spill / journal.id)
    extra = [paths.work_folder(folder, "--add-dir") for folder in plan.extra]
    workspace = Workspace.at(base.folder, extra, readable=[blobs.folder])
    session = Session(
        journal,
        model,
        toolbox,
        scopes(workspace, blobs),
        blank_request(base.settings),
        briefing(base, toolbox),
        Limits(*(getattr(base.settings, n) for n in ("max_turns", "max_budget_usd", "max_tokens", "timeout"))),
    )
    return Started(session, base.settings, base.folder, (*notes, *more), blobs)


def connect(base: Ground) -> EndpointModel:
    """The model behind the settings' endpoint; which surface it speaks is remembered beside the sessions."""
    memory = base.places.state / "endpoints.json"
    s = base.settings
    return EndpointModel(
        endpoint(s.base_url, s.protocol),
        os.environ.get("MINIMAX_API_KEY", ""),
        clocks=Clocks(s.timeouts_connect, s.timeouts_first_byte, s.timeouts_idle, s.timeouts_progress),
        recall=lambda root: _remembered(memory).get(root),
        remember=lambda root, surface: _remember(memory, root, surface),
    )


def blank_request(s: Settings) -> Request:
    """The settings of every request, without its content."""
    return Request(s.model, "", (), (), max_tokens=s.output_tokens, temperature=s.temperature)


def open_journal(plan: Plan, base: Ground) -> tuple[Journal, list[str]]:
    """A new journal, or an old one, mended so that every call has its result; and what the user should know."""
    header = {"folder": str(base.folder), "minicode": __version__, "name": plan.name}
    if plan.resume is None:
        if plan.ephemeral:
            return Journal.ephemeral(header), []
        return Journal.create(paths.private_dir(base.places.sessions_of(base.folder)), header), []
    project = paths.slug(base.folder)
    if plan.resume:
        path = store.find(base.places.sessions, plan.resume, project)
    else:
        found = store.latest(base.places.sessions, project)
        if found is None:
            raise SessionError(f"There is no session of {base.folder} to go on with. Start one without -c.")
        path = found
    journal = Journal.open(path)
    notes = [journal.warning] if journal.warning else []
    if journal.damaged or journal.torn:
        notes.append(
            f"Session {journal.id} was damaged: {journal.damaged} unreadable lines are skipped"
            f"{', its end was cut off' if journal.torn else ''}. All else is used; nothing was deleted."
        )
    if mending := closing(journal.branch):
        journal.append_many(mending)
        notes.append(f"{len(mending)} tool calls were cut short when minicode last stopped; the model is told so.")
    if plan.name:
        journal.append("name", {"name": plan.name})
    return journal, notes


def scopes(workspace: Workspace, blobs: Blobs) -> Callable[[str, Callable[[str], None]], Scope]:
    """Makes what a tool may use while it runs a call. blobs: where long output is kept."""

    def spill(data: bytes) -> str:
        try:
            return str(blobs.folder / blobs.put(data))
        except StorageError:
            return ""  # the head and tail are in the result; the model is told that there is no more

    def scope(call_id: str, say: Callable[[str], None]) -> Scope:
        return Scope(workspace=workspace, call_id=call_id, say=say, spill=spill)

    return scope


def briefing(base: Ground, toolbox: Toolbox) -> Briefing:
    """What the model is told, read once; and a cheap look at every step whether an instruction file has changed."""
    most = base.settings.instructions_bytes
    seen: list[Any] = [None]

    def files() -> list[Path]:
        return facts.instruction_files(base.folder, base.places.config)

    def system() -> tuple[dict[str, Any], tuple[str, ...]]:
        told = facts.instructions(files(), most)
        here = facts.facts(base.folder, date.today())
        text = base.settings.system_prompt
        if not any(letter.isspace() for letter in text):  # a name; words are meant as they are
            text = prompts.load(text, base.places.guests("prompts", base.trusted), facts=here, instructions=told.text)
        if base.settings.append_system_prompt:
            text = f"{text}\n\n{base.settings.append_system_prompt}"
        seen[0] = facts.stamp(files())
        data = {
            "prompt": text,
            "tools": [spec_to_json(spec) for spec in toolbox.specs],
            "facts": {"instructions": dict(told.digests)},
        }
        return data, told.notes

    def news(digests: Mapping[str, Any]) -> facts.Instructions | None:
        now = facts.stamp(found := files())
        if now == seen[0]:
            return None
        seen[0] = now
        return facts.changed(found, digests, most)

    return Briefing(system, news)


def _remembered(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(memory: Path, root: str, surface: str) -> None:
    known = {name: kept for name, kept in _remembered(memory).items() if name != root}
    newest = dict([*known.items(), (root, surface)][-REMEMBERED:])
    try:
        paths.private_dir(memory.parent)
        fresh = memory.with_suffix(f".{os.getpid()}")
        with open(fresh, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump(newest, file, indent=1)
        fresh.replace(memory)
    except (OSError, StorageError):
        return  # it is only a memory: the next start asks the endpoint again
