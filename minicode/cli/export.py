"""`minicode sessions export`: a session as a file for others to read, without what is nobody's business."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from minicode import keys, paths
from minicode.errors import StorageError, UsageError
from minicode.export import atif, data, html, markdown
from minicode.export.redaction import Redaction
from minicode.export.telling import tell
from minicode.journal import store
from minicode.journal.reader import Loaded, load
from minicode.plain import Stdout, warn
from minicode.redact import known_secrets
from minicode.text import count

ENDINGS = {"md": ".md", "html": ".html", "json": ".json", "jsonl": ".jsonl", "atif": ".atif.json"}
BRANCHES = ("live", "all")
_PIECE = 1 << 16  # characters that are written at once


def export(session: str, form: str, out: str, branch: str, thinking: bool, raw: bool, force: bool) -> int:
    """out: a file, "-" for stdout, "" for `<session><ending>` in the current folder.

    Raises UsageError, SessionError, ConfigError if the key that must not leave cannot be read, StorageError.
    """
    if form not in ENDINGS:
        raise UsageError(f"--format {form}: it is one of {', '.join(ENDINGS)}.")
    if branch not in BRANCHES:
        raise UsageError(f"--branch {branch}: it is live or all.")
    if form == "atif" and branch == "all":
        raise UsageError("--branch all: a trajectory is one line of steps. Take another format, or --branch live.")
    places = paths.places()
    path = store.find(places.sessions, session)
    loaded = load(path, judged=False)
    redaction = None if raw else _redaction(keys.find(os.environ, places.config)[0])
    if redaction:
        loaded = redaction.loaded(loaded)
    pieces = _encoded(_pieces(loaded, form, branch == "all", thinking))
    code, told = 0, []
    if out == "-":
        code = _to_stdout(pieces)
    else:
        told.append(_kept(pieces, paths.typed(out or path.stem + ENDINGS[form]), force))
    for line in (*told, *_remarks(loaded, redaction)):
        warn(f"minicode: {line}")
    return code


def save(path: Path, form: str, file: Path, key: str, force: bool) -> list[str]:
    """Write the live branch of the session at `path`, thoughts included, and tell of it. form: one of ENDINGS. key: the
    one that must not leave. Raises UsageError if the file is there and not to be replaced, SessionError, StorageError.
    """
    redaction = _redaction(key)
    loaded = redaction.loaded(load(path, judged=False))
    return [
        _kept(_encoded(_pieces(loaded, form, False, True)), file, force),
        *_remarks(loaded, redaction),
    ]


def _kept(pieces: Iterable[bytes], file: Path, force: bool) -> str:
    size = _to_file(pieces, file, force)
    return f"{file} holds the session now ({count(size, 'byte')}, only you can read it)."


def _remarks(loaded: Loaded, redaction: Redaction | None) -> Iterator[str]:
    if loaded.damaged or loaded.cut:
        yield tell(loaded).damage
    yield _redacted(redaction)


def _redaction(key: str) -> Redaction:
    homes = {os.environ.get("HOME", "")}
    user = os.environ.get("USER", "")
    with suppress(ImportError, KeyError):
        import pwd

        entry = pwd.getpwuid(os.getuid())
        homes.add(entry.pw_dir)
        user = entry.pw_name
    homes |= {os.path.realpath(home) for home in homes if home}
    return Redaction(known_secrets(os.environ, key), sorted(homes, key=len, reverse=True), user)


def _redacted(redaction: Redaction | None) -> str:
    if redaction is None:
        return "nothing was redacted (--raw): look through it before you pass it on."
    if not (summary := redaction.summary()):
        return "nothing that had to be redacted was found. Look through it before you pass it on."
    return f"redacted: {summary}. Look through it before you pass it on; --raw leaves all as it is."


def _pieces(loaded: Loaded, form: str, everything: bool, thinking: bool) -> Iterable[str | bytes]:
    if form == "jsonl":
        return data.records(loaded, everything=everything, thinking=thinking)
    story = tell(loaded, sides=everything, thinking=thinking)
    match form:
        case "md":
            return markdown.markdown(story)
        case "html":
            return html.page(story)
        case "atif":
            return [_json(atif.trajectory(story))]
    return [_json(data.whole(story))]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _encoded(pieces: Iterable[str | bytes]) -> Iterator[bytes]:
    """In blocks; a half of a surrogate pair, which is no character, becomes a question mark."""
    block = bytearray()
    for piece in pieces:
        block += piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace")
        if len(block) >= _PIECE:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _to_stdout(blocks: Iterable[bytes]) -> int:
    sys.stdout.flush()
    out = Stdout()
    for block in blocks:
        out.write(block.decode("utf-8", "replace"))
        if out.broken:
            break
    return out.broken


def _to_file(blocks: Iterable[bytes], file: Path, force: bool) -> int:
    """Write it whole or not at all. Returns its size in bytes. Raises UsageError, StorageError."""
    if file.is_dir():
        raise UsageError(f"{file} is a folder. Name a file with -o.")
    if not force and os.path.lexists(file):
        raise _in_the_way(file)
    half = file.with_name(f".{file.name}.{os.getpid()}.part")
    size = 0
    try:
        with open(half, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as written:
            for block in blocks:
                size += written.write(block)
        if force:
            half.replace(file)
        else:
            _put(half, file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}. Name another file with -o.") from None
    finally:
        with suppress(OSError):
            half.unlink()
    return size


def _put(half: Path, file: Path) -> None:
    """Give it its name, which nothing may have taken meanwhile."""
    try:
        os.link(half, file)
    except FileExistsError:
        raise _in_the_way(file) from None
    except OSError:  # a file system without links
        half.rename(file)


def _in_the_way(file: Path) -> UsageError:
    return UsageError(f"{file} is there already. Name another file with -o, or replace it with --force.")
