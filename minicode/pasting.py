"""Words of the user's that are too long for every request: kept whole beside the session, told to M2 in part."""

from __future__ import annotations

from minicode.journal.blobs import Blobs
from minicode.journal.kept import CODEC
from minicode.records import Record
from minicode.text import CAP, clip

LONGEST = 100_000  # bytes of one message of the user's that go into every request as they are


def in_part(record: Record, blobs: Blobs | None) -> tuple[Record, str]:
    """The record as it is to be written, and what to tell the user of that, "" if nothing.

    blobs: None where nothing is kept; then every request has it all. Raises StorageError.
    """
    kind, data = record
    if blobs is None or "kept" in data or not _by_user(kind, data.get("by")):
        return record, ""
    words = str(data.get("typed", data["text"]))
    whole = words.encode(*CODEC)
    if len(whole) <= LONGEST:
        return record, ""
    id_ = blobs.put(whole, most=len(whole))
    told = clip(words, whole=str(blobs.folder / id_))
    added = data["text"][len(words) :]
    kept = {"text": told + added, "typed": words, "kept": id_, **({"added": added} if added else {})}
    note = (
        f"Your {len(whole) / 1000:,.0f} kB are kept whole. M2 sees how they begin and end, {CAP // 1000} kB of them, "
        "and can read the rest."
    )
    return (kind, {**data, **kept}), note


def _by_user(kind: str, by: object) -> bool:
    return (kind == "user" and by != "minicode") or (kind == "aside" and by == "user")
