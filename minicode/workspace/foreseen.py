"""A change of a file that is not made yet, as a diff that leaves nothing out: line ends, and how the file ends."""

from __future__ import annotations

from minicode.show import Diff
from minicode.workspace.edits import hunk_rows


def foresee(was: str, name: str, before: str, after: str) -> Diff:
    """was, name: what the file is called, relative to the root, before and after; "" where it is not there."""
    old, new = was.replace("\n", "\u240a"), name.replace("\n", "\u240a")
    rows = hunk_rows(before, after, exact=True)
    if rows or not (old and new):
        rows = [f"--- a/{old}" if old else "--- /dev/null", f"+++ b/{new}" if new else "+++ /dev/null", *rows]
    if old and new and old != new:
        rows = [f"rename from {old}", f"rename to {new}", *rows]
    return Diff(new or old, "\n".join(rows))
