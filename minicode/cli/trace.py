"""`minicode trace`: the exact request behind a step, made again from the journal and compared with what was sent."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minicode import paths
from minicode.context.history import History, thoughts
from minicode.errors import UsageError
from minicode.journal import store
from minicode.journal.entry import Entry
from minicode.journal.reader import Loaded, branch_to, load
from minicode.journal.repair import sound
from minicode.messages import Request
from minicode.model.wires import encode_as
from minicode.text import clean


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded request. body: made again; same: do its bytes have the hash that was recorded?
    whole: are all thoughts M2 gave before it in these bytes, word for word?"""

    number: int
    entry: Entry
    request: Request
    body: bytes
    same: bool
    whole: bool


def rebuild(branch: Sequence[Entry]) -> tuple[Request, bytes]:
    """The request whose record ends `branch`, and its bytes."""
    record = branch[-1].data
    history = History(sound(branch))
    request = Request(system=history.system, tools=history.tools, messages=history.messages(), **record["params"])
    return request, encode_as(request, record["wire"], record["options"])


def steps(loaded: Loaded) -> Iterator[Step]:
    """Every request of the session, on whatever branch, in the order they were sent."""
    number = 0
    for entry in loaded.entries:
        if entry.kind != "request":
            continue
        number += 1
        request, body = rebuild(branch_to(loaded.entries, entry.id))
        same = hashlib.sha256(body).hexdigest() == entry.data["sha256"]
        yield Step(number, entry, request, body, same, _whole(request, body))


def _whole(request: Request, body: bytes) -> bool:
    """Every thought's text is in the request as JSON would write it."""
    sent = json.dumps(json.loads(body), ensure_ascii=True)
    return all(json.dumps(t.text, ensure_ascii=True)[1:-1] in sent for t in thoughts(request.messages))


def trace(session: str, step: int | None, raw: bool) -> int:
    """Prints the request; exit 1 if it is not the one that was sent."""
    path = store.find(paths.places().sessions, session)
    recorded = list(steps(load(path)))
    if not recorded:
        raise UsageError(f"Session {path.stem} holds no request yet.")
    number = len(recorded) if step is None else step
    if not 1 <= number <= len(recorded):
        raise UsageError(f"Session {path.stem} has steps 1 to {len(recorded)}; there is no step {number}.")
    found = recorded[number - 1]
    if raw:
        sys.stdout.buffer.write(found.body)
        return 0 if found.same else 1
    data = found.entry.data
    print(clean(json.dumps(json.loads(found.body), ensure_ascii=False, indent=2)))
    print(
        f"step {number} of {len(recorded)} · {data['wire']} · {len(found.body):,} bytes · "
        f"thought {data['thinking']}/{data['issued']} · sha256 {data['sha256'][:16]} · "
        + ("identical to what was sent" if found.same else "NOT what was sent: the recorded hash differs"),
        file=sys.stderr,
    )
    return 0 if found.same else 1
