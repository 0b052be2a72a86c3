"""Words that carry something away: the session as a file, the last answer, what has changed in the files."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Iterator

from minicode import paths
from minicode.cli.words.talk import Talk, scope_of, tell, yes
from minicode.errors import StorageError, UsageError
from minicode.messages import reply_from_json
from minicode.sandbox.policy import LOOK
from minicode.show import Diff, Line, Show
from minicode.text import clip, count
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace

_MOST = 20_000  # bytes of a difference that are shown
_NAMED = 20  # new files


async def export(talk: Talk, rest: str) -> None:
    from minicode.cli.export import ENDINGS, save

    journal = talk.session.journal
    if journal.path is None or not journal.path.exists():
        raise UsageError(
            "There is nothing to export: " + ("say something first." if journal.path else "it is not kept.")
        )
    form, name = _form(rest, ENDINGS)
    file = talk.started.folder / paths.typed(name or f"{journal.id}{ENDINGS[form]}")
    force = False
    if os.path.lexists(file) and not file.is_dir():
        force = yes(await talk.ask(f"{file} is there already. Replace it? [y/N] "))
        if not force:
            tell(talk, "Nothing was written.")
            return
    await asyncio.to_thread(journal.sync)
    tell(talk, *await asyncio.to_thread(save, journal.path, form, file, talk.started.key, force))


def _form(rest: str, endings: dict[str, str]) -> tuple[str, str]:
    """(format, name of the file or ""): `[FORMAT] [FILE]`; without a format the file's ending says it."""
    first, _, others = rest.partition(" ")
    if first in endings:
        return first, others.strip()
    fitting = [form for form, ending in endings.items() if rest.lower().endswith(ending)]
    if rest and not fitting and "." not in rest:
        raise UsageError(f"There is no format {first!r}; there are {', '.join(endings)}.")
    return (max(fitting, key=lambda form: len(endings[form])) if fitting else "md"), rest


async def copy(talk: Talk, rest: str) -> None:
    if not (said := last_answer(talk)):
        raise UsageError("There is no answer to copy yet.")
    talk.copy(said)
    tell(talk, f"The last answer, {count(len(said), 'character')}, went to the clipboard.")


def last_answer(talk: Talk) -> str:
    """M2's last words on the live branch, "" if there are none."""
    replies = (entry for entry in reversed(talk.session.journal.branch) if entry.kind == "reply")
    texts = (reply_from_json(dict(entry.data)).text.strip() for entry in replies)
    return next(filter(None, texts), "")


async def diff(talk: Talk, rest: str) -> None:
    words, shown = await changes(talk, rest)
    texts = [block.diff if isinstance(block, Diff) else block.text for block in shown if isinstance(block, Diff | Line)]
    tell(talk, words, *([clip("\n".join(texts), _MOST)] if texts else []))


async def changes(talk: Talk, rest: str) -> tuple[str, list[Show]]:
    """What has changed in the files, all or those at a path, and since when, in words: since the first snapshot of the
    session; where there is none, since the last commit. The blocks are not cleaned. Raises Refused."""
    workspace = scope_of(talk, LOOK).workspace
    at = str(workspace.folder.resolve(rest)) if rest else ""
    began = next((e.data.get("tree", "") for e in talk.session.journal.entries if e.kind == "snapshot"), "")
    why = ""
    if began:
        try:
            shown = await _stoppable(lambda stop: _since(talk, began, at, stop))
        except (Refused, StorageError) as error:  # dropped to make room, or too much to look at
            why = f"{error} So here is what differs from the last commit.\n"
        else:
            since = (
                "Since the session began:"
                if shown
                else f"Nothing has changed{' there' * bool(at)} since the session began."
            )
            return since, shown
    shown = await _uncommitted(workspace, at)
    return why + ("Since the last commit:" if shown else "Nothing differs from the last commit."), shown


def _since(talk: Talk, began: str, at: str, stop: Callable[[], bool]) -> list[Show]:
    snapshots = talk.session.parts.checkpoints.snapshots
    if snapshots is None:
        raise Refused("Snapshots of files are not kept any more.")
    return snapshots.compare(began, snapshots.take(stop).tree, at)


async def _stoppable(work: Callable[[Callable[[], bool]], list[Show]]) -> list[Show]:
    """In a thread, which ends soon after whoever waits for it was stopped."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(work, stop.is_set)
    finally:
        stop.set()


async def _uncommitted(workspace: Workspace, at: str) -> list[Show]:
    from minicode.workspace.git import git_problem, run_git

    where = ["--", at or "."]
    plain = ["--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"]
    new = await run_git(workspace, ["ls-files", "--others", "--exclude-standard", "-z", *where])
    # Outside of a repository `git diff` would compare two files instead.
    changed = new if new.code else await run_git(workspace, ["diff", *plain, "HEAD", *where])
    if changed.code or changed.ended:
        raise Refused(git_problem(changed))
    names = [os.fsdecode(name) for name in new.output.split(b"\0") if name]
    listed = [Line(f"new: {name}") for name in names[:_NAMED]]
    if len(names) > _NAMED:
        listed.append(Line(f"and {count(len(names) - _NAMED, 'more new file')}"))
    return [*_by_file(changed.output.decode("utf-8", "replace").rstrip("\n")), *listed]


def _by_file(text: str) -> Iterator[Diff]:
    """What git printed, file by file. A line of a file never begins as the head of one does."""
    for part in re.split(r"^(?=diff --git )", text, flags=re.MULTILINE):
        if part:
            names = re.findall(r"^(?:\+\+\+|---) [ab]/(.*?)\t?$", part.partition("\n@@ ")[0], flags=re.MULTILINE)
            yield Diff(names[-1] if names else part.partition("\n")[0].rpartition(" b/")[2], part.rstrip("\n"))
