"""`minicode trust`: shows what a folder would make minicode do, and remembers the user's word on it."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from pathlib import Path

from minicode import paths
from minicode import trust as trusting
from minicode.errors import ConfigError, UsageError
from minicode.text import clean, count
from minicode.trust import Judged, Offer, one_line
from minicode.workspace.edits import unified

WHOLE, WHOLE_LINES, HEAD_LINES = 32_000, 400, 60  # characters, lines
_MEANS = (
    "Trusting this folder means that minicode uses these files: tools and hooks among them are programs that run on "
    "this machine, prompts and settings steer what is done here.\n"
    "It holds for exactly what is shown above: when any of it changes, you are asked again."
)


def trust(folder: Path | None, revoke: bool, list_: bool, yes: bool) -> int:
    """Exit code 0 if it is as asked, 1 if the user said no. Raises UsageError if there is nobody to ask."""
    if list_:
        return _list()
    where, places = folder or Path(), paths.places()
    if revoke:
        gone = trusting.revoke(where, places)
        print(f"{one_line(str(where.absolute()))} {'is no longer' if gone else 'was not'} trusted.")
        return 0
    offer = trusting.look(paths.work_folder(folder), places)
    judged = trusting.judge(offer, places)
    if offer.offences:
        raise ConfigError(f"{_name(offer)} cannot be trusted as it is: {' '.join(offer.offences)}")
    if not offer.files:
        print(f"There is nothing in {_name(offer)} that needs trust.")
        return 0
    if judged.trusted:
        print(f"{_name(offer)} is trusted already, and nothing has changed: {_names(judged)}.")
        return 0
    print(judged.why)
    for line in _shown(offer, judged, places):
        print(line)
    print(_MEANS)
    if not (yes or _agrees()):
        print("Nothing was trusted.")
        return 1
    trusting.accept(offer, places)
    print(f"{_name(offer)} is trusted. `minicode trust --revoke` takes it back.")
    return 0


def _agrees() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("There is nobody to ask. If you have read what is shown, run `minicode trust --yes`.")
    termios.tcflush(0, termios.TCIFLUSH)  # what was typed before the question is no answer to it
    print("Trust it? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print()
    return answer.strip().lower() in ("y", "yes")


def _list() -> int:
    records, note = trusting.listed(paths.places())
    if note:
        print(note, file=sys.stderr)
    for record in records:
        print(f"{record.at}  {count(len(record.files), 'file')}  {one_line(record.identity.path)}")
    if not records:
        print("No folder is trusted.")
    return 0


def _shown(offer: Offer, judged: Judged, places: paths.Places) -> Iterator[str]:
    """Every file, or what changed in it since it was trusted. Each line is marked, so that no file can pose as us."""
    earlier = trusting.before(offer, places)
    for name in sorted({*offer.files, *earlier}):
        old, new = earlier.get(name), offer.files.get(name)
        if name in earlier and name not in judged.changed:
            yield f"{one_line(name)}: as it was trusted"
            continue
        yield ""
        if new is None:
            yield f"{one_line(name)}: no longer there"
        elif old is not None and _is_text(old) and _is_text(new):
            yield f"{one_line(name)}: changed since it was trusted"
            diff = unified(one_line(name), old.decode(), new.decode())
            yield from _bounded(diff or "(only the ends of lines)", f"{offer.identity.path}/{name}")
        else:
            known = "changed; how it was is not kept" if name in earlier else "new" if earlier else ""
            yield f"{one_line(name)}{': ' if known else ''}{known} ({len(new):,} bytes)"
            text = new.decode() if _is_text(new) else "(not text)"
            yield from _bounded(text, f"{offer.identity.path}/{name}")
    yield ""


def _bounded(text: str, path: str) -> Iterator[str]:
    """The text whole if it is short, else its head and how much is missing."""
    head = text
    if len(text) > WHOLE or text.count("\n") > WHOLE_LINES:
        head = "\n".join(text.split("\n")[:HEAD_LINES])[:WHOLE]
    for line in clean(head).rstrip("\n").split("\n"):
        yield f"  │ {line}"
    if head != text:
        yield f"  … {len(text) - len(head):,} characters are NOT shown; read them in {one_line(path)}"


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def _name(offer: Offer) -> str:
    return one_line(offer.identity.path)


def _names(judged: Judged) -> str:
    return ", ".join(map(one_line, judged.present))
