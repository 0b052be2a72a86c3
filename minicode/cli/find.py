"""`minicode sessions search`: where something was said, thought, called or answered."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from minicode import paths
from minicode.errors import UsageError
from minicode.journal import index
from minicode.journal.reader import summarise
from minicode.journal.search import KINDS, Hit, Query, expressions, literal
from minicode.text import clean

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def search(
    words: list[str],
    within: list[str],
    folder: Path | None,
    everywhere: bool,
    since: str | None,
    limit: int,
    as_json: bool,
    regex: bool,
) -> int:
    """Raises UsageError for what cannot be looked for."""
    places = paths.places()
    words = [word.encode("utf-8", "replace").decode() for word in words if word.strip()]
    if not words:
        raise UsageError("There is nothing to search for. Give one or more words.")
    query = Query(
        expressions(words) if regex else literal(words),
        () if regex else tuple(words),
        _kinds(within),
        None if everywhere else paths.slug(paths.work_folder(folder)),
        _since(since) if since else 0,
    )
    hits = index.search(places.state, query, limit + 1, lambda text: print(clean(text), file=sys.stderr))
    shown = _show_json(islice(hits, limit)) if as_json else _show(islice(hits, limit), everywhere)
    if not shown and not as_json:
        where = "any session" if everywhere else "a session of this folder (--all looks in those of all folders)"
        what = "it" if regex else "these words; --regex finds parts of words too"
        print(f"Nothing in {where} has {what}.")
    elif next(hits, None):
        print(f"There are more: --limit {2 * limit} shows some.", file=sys.stderr)
    return 0


def _show(hits: Iterable[Hit], everywhere: bool) -> int:
    """A heading for each session, its hits below. Returns how many hits there were."""
    shown = 0
    session: Path | None = None
    for hit in hits:
        if hit.path != session:
            session = hit.path
            label, folder = _about(session)
            where = f"  {folder}" if everywhere else ""
            print(f"{session.stem}  {_local(hit.entry.at)}  {label[:70]}{where}".rstrip())
        print(f"  {hit.entry.id:>5}  {hit.kind:<8}  {hit.snippet}", flush=True)
        shown += 1
    return shown


def _show_json(hits: Iterable[Hit]) -> int:
    shown = 0
    for hit in hits:
        label, folder = _about(hit.path)
        row = {"session": hit.path.stem, "label": label, "folder": folder, "entry": hit.entry.id, "at": hit.entry.at}
        print(json.dumps({**row, "in": hit.kind, "snippet": hit.snippet}, ensure_ascii=False), flush=True)
        shown += 1
    return shown


def _about(session: Path) -> tuple[str, str]:
    """Label and folder, fit to be shown; nothing where the file has gone meanwhile."""
    summary = summarise(session)
    return (clean(summary.label), clean(summary.folder)) if summary else ("", "")


def _kinds(within: list[str]) -> tuple[str, ...]:
    for kind in within:
        if kind not in KINDS:
            raise UsageError(f"--in {clean(kind)!r} is none of the kinds of text: {', '.join(KINDS)}.")
    return tuple(dict.fromkeys(within)) or KINDS


def _since(text: str) -> float:
    """Seconds since 1970: so long ago, or a day or time of the local clock."""
    ago = re.fullmatch(r"([0-9]{1,5})([mhdw])", text)
    try:
        if ago:
            return (datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {clean(text)!r} is no time. Say `7d` (or m, h, w), or a date: `2026-11-01`."
        ) from None


def _local(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return "unknown time    "
