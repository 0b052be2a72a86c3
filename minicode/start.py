"""Where the parts meet: from flags and folders to a session that is ready to send."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicode import keys, paths, resuming, safety
from minicode.background import Background
from minicode.checkpoints import Checkpoints
from minicode.context import facts
from minicode.context.briefing import Briefing
from minicode.context.budget import Budget
from minicode.context.history import History
from minicode.errors import StorageError
from minicode.gate import Gate
from minicode.ground import Ground, ground, load_prompt, load_tools, untrusted
from minicode.hooks import Hooks
from minicode.journal.blobs import Blobs
from minicode.journal.repair import sound
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.messages import Request, spec_to_json
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint
from minicode.opening import inherited, open_journal
from minicode.parts import Parts, ScopeOf
from minicode.plan import Plan
from minicode.redact import Redactor, known_secrets
from minicode.safety import Contained
from minicode.sandbox.policy import Grant
from minicode.session import Session
from minicode.settings import Settings
from minicode.toolbox import Toolbox
from minicode.toolkit import Line, Result, Scope
from minicode.workspace.environment import for_tools
from minicode.workspace.files import Files
from minicode.workspace.folder import Folder
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:  # loaded with the first step that needs it
    from minicode.workspace.snapshots.snapshots import Snapshots

REMEMBERED = 50  # endpoints whose surface is kept


@dataclass(frozen=True, slots=True)
class Started:
    session: Session
    settings: Settings
    folder: Path
    notes: tuple[str, ...]
    blobs: Blobs
    contained: Contained
    workspace: Workspace
    key: str = field(repr=False)  # the environment has it no more
    title_prompt: Callable[[], str] = str

    async def close(self) -> None:
        try:
            if self.settings.titles == "model":
                from minicode.cli.titles import entitle

                await entitle(self.session, self.title_prompt)
        finally:
            await self.session.close()
            safety.sweep(self.contained.policy.tmp)
            if self.session.journal.path is None:
                self.blobs.delete()


def start(plan: Plan, key: str = "") -> Started:
    """Raises the errors of every part, each with its sentence and exit code.

    key: what an earlier start of this process found.
    """
    base = ground(plan.folder, plan.trust, plan.flags, plan.assignments)
    key = key or keys.find(os.environ, base.places.config)[0]
    environment = for_tools(os.environ, key)
    redactor = Redactor(known_secrets(os.environ, key))
    keys.hide(os.environ)
    toolbox = load_tools(base, redactor)
    notes = [f"The tool file {b.path} is left out: {b.reason}" for b in toolbox.broken]
    if base.judged.present and not base.judged.trusted:
        notes.append(f"{', '.join(base.judged.present)}: not used, {untrusted(base)}")
    extra = [paths.work_folder(folder, "--add-dir") for folder in plan.extra]
    model = connect(base, key)
    journal, more = open_journal(base, plan.resume, plan.name, fork=plan.fork, ephemeral=plan.ephemeral)
    try:
        blobs = Blobs.beside(journal.path) if journal.path else Blobs(base.places.spill / journal.id)
        shown = [blobs.folder, *inherited(journal, base.places.sessions)]
        contained = safety.contain(base.layered, base.folder, extra, base.places, journal.id, *shown)
        workspace = Workspace.at(
            base.folder,
            extra,
            readable=shown,
            environment=environment,
            box=contained.box,
            hidden=contained.policy.hidden,
            scratch=contained.policy.tmp,
            mends=contained.found.protected != "enforced" and not contained.waived,
            # Where nobody watches, what takes too long is stopped: a run's jobs would end with it anyway.
            promotes=plan.asks and "jobs" in toolbox.tools,
        )
        gate = make_gate(plan, base, contained, workspace, journal, redactor.text)
    except BaseException:  # why: whatever ended the start, the session must not stay locked
        journal.close()
        raise
    parts = Parts(
        journal,
        model,
        toolbox,
        scopes(workspace, [Blobs(folder) for folder in shown], journal, memory(plan, base)),
        blank_request(base.settings),
        briefing(base, toolbox, contained.policy.hidden),
        Limits(*(getattr(base.settings, n) for n in ("max_turns", "max_budget_usd", "max_tokens", "timeout"))),
        gate,
        History(sound(journal.branch)),
        Budget(base.settings.context_window, base.settings.fold_at),
        lambda: load_prompt(base, "fold", "", ""),
        Background(workspace.jobs, journal),
        Checkpoints(lambda: snapshots(plan, base, workspace, contained)),
    )
    notes += unheld(contained, gate.standing.mode, plan.asks)
    if plan.resume is not None:
        notes += resuming.told(parts)
    first = (("sandbox", {"mode": gate.standing.mode, **contained.summary()}),)
    notes += more
    session = Session(parts, first)
    ask_title = partial(load_prompt, base, "title", "", "")
    return Started(session, base.settings, base.folder, tuple(notes), blobs, contained, workspace, key, ask_title)


def memory(plan: Plan, base: Ground) -> Path | None:
    """Where what is learned of the folder's code is kept."""
    return None if plan.ephemeral else base.places.state / "code" / paths.slug(base.folder)


def unheld(contained: Contained, mode: str, asks: bool) -> list[str]:
    """What to say where nothing holds commands."""
    if contained.state != "none" or mode == "bypassPermissions":
        return []
    rest = "Every command that does more than look is asked for."
    if not asks:
        rest = "Only looking is allowed; -y or --sandbox off lets the rest run with your rights."
    return [f"No sandbox holds commands here: {' '.join(contained.found.missing)} {rest}"]


def snapshots(plan: Plan, base: Ground, workspace: Workspace, contained: Contained) -> Snapshots | None:
    """Of the workspace's files; none for a session that is not kept."""
    if plan.ephemeral or base.settings.snapshots == "off":
        return None
    from minicode.workspace.snapshots.snapshots import Snapshots

    store = base.places.state / "snapshots" / paths.slug(base.folder)
    return Snapshots(store, (workspace.root, *workspace.folder.extra), contained.policy.hidden)


def make_gate(
    plan: Plan,
    base: Ground,
    contained: Contained,
    workspace: Workspace,
    journal: Journal,
    hide: Callable[[str], str],
) -> Gate:
    state, folder = base.places.state, base.folder
    standing = safety.standing(base.layered, contained, plan.asks, safety.saved_rules(state, folder))
    common = {
        "session_id": journal.id,
        "transcript_path": str(journal.path or ""),
        "cwd": str(folder),
        "permission_mode": standing.mode,
    }
    return Gate(
        standing,
        # A project's hooks run in a sandbox or not at all.
        Hooks(
            [hook for hook in base.settings.hooks if hook.trusted_fully or contained.state == "kernel"],
            workspace.processes,
            common,
            hide,
        ),
        lambda prepared: safety.look(workspace.folder, prepared, workspace.jobs),
        lambda rule: safety.save_rule(state, folder, rule),
    )


def connect(base: Ground, key: str) -> EndpointModel:
    """The model behind the settings' endpoint; which surface it speaks is remembered beside the sessions."""
    memory = base.places.state / "endpoints.json"
    s = base.settings
    return EndpointModel(
        endpoint(s.base_url, s.protocol),
        key,
        clocks=Clocks(s.timeouts_connect, s.timeouts_first_byte, s.timeouts_idle, s.timeouts_progress),
        recall=lambda root: _remembered(memory).get(root),
        remember=lambda root, surface: _remember(memory, root, surface),
    )


def blank_request(s: Settings) -> Request:
    """The settings of every request, without its content."""
    return Request(s.model, "", (), (), max_tokens=s.output_tokens, temperature=s.temperature)


def scopes(workspace: Workspace, blobs: Sequence[Blobs], journal: Journal, memory: Path | None) -> ScopeOf:
    """Makes what a tool may use while it runs a call. blobs: where long output is kept, and where it was before.
    memory: as in Scope.
    """

    def read(id_: str) -> bytes | None:
        return next((data for place in blobs if (data := place.get(id_)) is not None), None)

    async def recall(query: str, ids: Sequence[str], around: str, kind: str, limit: int) -> Result:
        from minicode.context.recall import Quest, recall  # 5 ms, for a tool that is seldom called

        quest = Quest(query, tuple(ids), around, kind, limit)
        found = await asyncio.to_thread(recall, tuple(journal.branch), quest, read)
        return Result(found.text, (Line(found.gist),), found.failed)

    def spill(data: bytes) -> str:
        try:
            return str(blobs[0].folder / blobs[0].put(data))
        except StorageError:
            return ""  # the head and tail are in the result; the model is told that there is no more

    def scope(call_id: str, grant: Grant, say: Callable[[str], None], alarm: Callable[[str], None]) -> Scope:
        return Scope(
            workspace.granting(grant), call_id, say=say, spill=spill, alarm=alarm, recall=recall, memory=memory
        )

    return scope


def briefing(base: Ground, toolbox: Toolbox, hidden: tuple[Path, ...]) -> Briefing:
    """What the model is told, read once; and a cheap look at every step whether an instruction file has changed.

    hidden: what instruction files must not lead to: whoever made the folder, or a command, may have put a link there.
    """
    most = base.settings.instructions_bytes
    seen: list[Any] = [None]  # how the files looked, and which of them the model had been told, at the last look
    hide = toolbox.redactor.text if toolbox.redactor else str
    inside = Folder.at(facts.top(base.folder), hidden=hidden)

    def read(path: Path) -> bytes:
        if path.parent == base.places.config:
            return path.read_bytes()
        return Files(inside).read(inside.resolve(str(path))).data

    def files() -> list[Path]:
        return facts.instruction_files(base.folder, base.places.config)

    def system() -> tuple[dict[str, Any], tuple[str, ...]]:
        told = facts.instructions(files(), most, read)
        told = replace(told, text=hide(told.text))
        mark = os.urandom(3).hex()
        here = f"{facts.facts(base.folder, date.today())}\nMark of this session: {mark}"
        text = base.settings.system_prompt
        if not any(letter.isspace() for letter in text):  # a name; words are meant as they are
            text = load_prompt(base, text, here, told.text)
        if base.settings.append_system_prompt:
            text = f"{text}\n\n{base.settings.append_system_prompt}"
        seen[0] = facts.stamp(files()), dict(told.digests)
        data = {
            "prompt": text,
            "tools": [spec_to_json(spec) for spec in toolbox.specs],
            # A prompt that does not tell the mark would leave the model without a way to know our words.
            "facts": {"instructions": dict(told.digests), **({"mark": mark} if mark in text else {})},
        }
        return data, told.notes

    def news(digests: Mapping[str, Any]) -> facts.Instructions | None:
        now = facts.stamp(found := files()), dict(digests)  # a rewind can take back what was told
        if now == seen[0]:
            return None
        seen[0] = now
        fresh = facts.changed(found, digests, most, read)
        return fresh and replace(fresh, text=hide(fresh.text))

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
    with suppress(StorageError):  # it is only a memory: the next start asks the endpoint again
        paths.write_private(memory, json.dumps(newest, indent=1).encode(), durable=False)
