"""What every session is made with, be it the user's own or a task's: model, requests, scopes and briefing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicode import paths
from minicode.context import facts
from minicode.context.briefing import Briefing
from minicode.errors import StorageError
from minicode.ground import Ground, load_prompt
from minicode.journal.blobs import Blobs
from minicode.journal.writer import Journal
from minicode.messages import Request, spec_to_json
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint
from minicode.parts import ScopeOf
from minicode.sandbox.policy import Grant
from minicode.settings import Settings
from minicode.toolbox import Toolbox
from minicode.toolkit import Line, Result, Scope
from minicode.workspace.files import Files
from minicode.workspace.folder import Folder
from minicode.workspace.workspace import Workspace

if TYPE_CHECKING:
    from minicode.web.web import Web

REMEMBERED = 50  # endpoints whose surface is kept


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


def scopes(
    workspace: Workspace, blobs: Sequence[Blobs], journal: Journal, memory: Path | None, web: Web | None = None
) -> ScopeOf:
    """Makes what a tool may use while it runs a call. blobs: where long output is kept, and where it was before.
    memory, web: as in Scope.
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
            workspace.granting(grant),
            call_id,
            say=say,
            spill=spill,
            alarm=alarm,
            recall=recall,
            memory=memory,
            web=web,
        )

    return scope


def briefing(base: Ground, toolbox: Toolbox, hidden: tuple[Path, ...], prompt: str = "") -> Briefing:
    """What the model is told, read once; and a cheap look at every step whether an instruction file has changed.

    hidden: what instruction files must not lead to: whoever made the folder, or a command, may have put a link there.
    prompt: the name of the one to use, by default the settings' own.
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
        text = prompt or base.settings.system_prompt
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
