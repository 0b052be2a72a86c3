"""Where the parts meet: from flags and folders to a session that is ready to send."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicode import keys, paths, resuming, safety
from minicode.background import Background
from minicode.checkpoints import Checkpoints
from minicode.context.budget import Budget
from minicode.context.history import History
from minicode.gate import Gate
from minicode.ground import Ground, ground, load_prompt, load_tools, untrusted
from minicode.hooks import Hooks
from minicode.journal.blobs import Blobs
from minicode.journal.repair import sound
from minicode.journal.writer import Journal
from minicode.limits import Limits
from minicode.opening import inherited, open_journal
from minicode.outfit import blank_request, briefing, connect, scopes
from minicode.parts import Check, Delegate, Parts
from minicode.permission.values import WEB
from minicode.plan import Plan
from minicode.redact import Redactor, known_secrets
from minicode.safety import Contained
from minicode.session import Session
from minicode.settings import Settings
from minicode.toolbox import Toolbox
from minicode.workspace.environment import for_tools
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:  # loaded with the first step that needs it
    from minicode.delegating import Tasks
    from minicode.web.web import Web
    from minicode.workspace.snapshots.snapshots import Snapshots


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
            await self.workspace.interpreter.close()
            self.workspace.processes.close()
            safety.sweep(self.contained.policy.tmp)
            if self.session.journal.path is None:
                self.blobs.delete()


def start(plan: Plan, key: str = "", mode: str = "") -> Started:
    """Raises the errors of every part, each with its sentence and exit code.

    key: what an earlier start of this process found. mode: of the session that is left for this one, which holds on.
    """
    base = ground(plan.folder, plan.trust, plan.flags, plan.assignments)
    key = key or keys.find(os.environ, base.places.config)[0]
    environment = for_tools(os.environ, key)
    redactor = Redactor(known_secrets(os.environ, key))
    keys.hide(os.environ)
    web = web_of(base, key)
    toolbox = load_tools(base, redactor, web.missing if web else WEB)
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
        jobs = {"promotes": "jobs" in toolbox.tools, "passing": not plan.asks}
        workspace = workspace_of(base, extra, shown, contained, environment, journal.id, **jobs)
        gate = make_gate(plan, base, contained, workspace, toolbox, journal, redactor.text, web)
    except BaseException:  # why: whatever ended the start, the session must not stay locked
        journal.close()
        raise
    parts = Parts(
        journal,
        model,
        toolbox,
        scopes(workspace, [Blobs(folder) for folder in shown], journal, memory(plan, base), web),
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
    parts.blobs = blobs
    if over := mode not in ("", gate.standing.mode):
        gate.become(mode)
    notes += unheld(contained, gate.standing.mode, plan.asks)
    if plan.resume is not None:
        chosen = not mode and base.layered.origins.get("permission_mode", "").startswith("--")
        notes += resuming.told(parts) + ([] if chosen else resuming.take_up(parts))
    connecting = partial(connect, base, key)
    parts.delegate = tasks_of(parts, base, contained, workspace, shown, connecting, memory(plan, base), web)
    parts.check, more_notes = check_of(base, contained)
    notes += more_notes
    now = {"mode": gate.standing.mode}
    first = (("sandbox", {**now, **contained.summary()}), *((("mode", now),) if over else ()))
    notes += more
    session = Session(parts, first)
    ask_title = partial(load_prompt, base, "title", "", "")
    return Started(session, base.settings, base.folder, tuple(notes), blobs, contained, workspace, key, ask_title)


def workspace_of(
    base: Ground,
    extra: list[Path],
    shown: list[Path],
    contained: Contained,
    environment: dict[str, str],
    session: str,
    **jobs: bool,
) -> Workspace:
    """shown: where outputs are kept. environment: of commands. jobs: as in `Workspace.at`."""
    return Workspace.at(
        base.folder,
        extra,
        readable=shown,
        environment=environment,
        box=contained.box,
        hidden=contained.policy.hidden,
        scratch=contained.policy.tmp,
        mends=contained.found.protected != "enforced" and not contained.waived,
        session=session,
        **jobs,
    )


def tasks_of(parts: Parts, *means: Any) -> Delegate:
    """means: as in `delegating.Means`. It is loaded with the first task."""

    @cache
    def tasks() -> Tasks:
        from minicode.delegating import Means, Tasks

        return Tasks(parts, Means(*means))

    return lambda *asked: tasks().run(*asked)


def check_of(base: Ground, contained: Contained) -> tuple[Check | None, list[str]]:
    """What the user, or a trusted project, wants to pass before M2 is done; and why a project's is not used."""
    command = base.settings.verify.strip()
    theirs = base.layered.origins.get("verify") == str(base.folder / paths.PROJECT / "config.toml")
    if command and theirs and contained.state != "kernel":
        return None, ["The project's `verify` is not used: a project's commands run in a sandbox or not at all."]
    return (Check(command, base.settings.verify_tries) if command else None), []


def web_of(base: Ground, key: str) -> Web | None:
    """What the web tools work with, None where the network is off. Raises ConfigError for a search that cannot be."""
    s = base.settings
    if s.network != "on":
        return None
    from minicode.model.endpoint import endpoint
    from minicode.web.search import service
    from minicode.web.web import Web

    place = endpoint(s.base_url)
    known = {keys.VARIABLE: key, **{name: os.environ.get(name, "").strip() for name in keys.SEARCH}}
    minimax = f"https://{place.host}" if place.hosted else ""
    return Web(s.web_allow, service(s.search_provider, s.search_url, known, minimax))


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
    toolbox: Toolbox,
    journal: Journal,
    hide: Callable[[str], str],
    web: Web | None = None,
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
        lambda prepared: safety.look(workspace.folder, prepared, workspace.jobs, web.domain if web else None),
        lambda rule: safety.save_rule(state, folder, rule),
        partial(toolbox.preview, workspace=workspace),
    )
