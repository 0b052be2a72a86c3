"""`minicode trace`: the exact request behind a step, made again from the journal and compared with what was sent."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from minicode import paths
from minicode.context.history import History, thoughts
from minicode.context.shortening import Folded
from minicode.errors import UsageError
from minicode.journal import store
from minicode.journal.entry import Entry
from minicode.journal.reader import Loaded, branch_to, leaf_of, load
from minicode.journal.repair import sound
from minicode.messages import Request, usage_from_json
from minicode.model.wires import Encoder
from minicode.text import clean


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded request. body: made again; same: do its bytes have the hash that was recorded?
    whole: are all thoughts M2 gave before it, save folded ones, in these bytes, word for word? short: what stood for
    older entries then."""

    number: int
    entry: Entry
    request: Request
    body: bytes
    same: bool
    whole: bool
    short: Folded


def steps(loaded: Loaded) -> Iterator[Step]:
    """Every request of the session, in the order they were sent; those of branches that were left, too."""
    requests = [entry for entry in loaded.entries if entry.kind == "request"]
    # Each branch is lived through once, in step with the loop below, so that not all bodies are held at a time.
    along: dict[str | None, Iterator[tuple[Request, bytes, Folded]]] = {}
    for tip in (leaf_of(loaded.entries), *(entry.id for entry in reversed(requests))):
        if tip not in along:
            branch = branch_to(loaded.entries, tip)
            own = {entry.id for entry in branch if entry.kind == "request" and entry.id not in along}
            along |= dict.fromkeys(own, _replay(branch, own))
    for number, entry in enumerate(requests, 1):
        request, body, short = next(along[entry.id])
        same = hashlib.sha256(body).hexdigest() == entry.data["sha256"]
        yield Step(number, entry, request, body, same, _whole(request, body), short)


def _replay(branch: Sequence[Entry], wanted: Container[str]) -> Iterator[tuple[Request, bytes, Folded]]:
    """The wanted requests of a branch, made again from nothing but its entries."""
    history, encoder, spoken = History(), None, None
    for entry in sound(branch):
        history.add(entry)
        if entry.id not in wanted:
            continue
        data = entry.data
        if encoder is None or spoken != (data["wire"], data["options"]):
            spoken = data["wire"], data["options"]
            encoder = Encoder(*spoken)
        request = Request(system=history.system, tools=history.tools, messages=history.messages(), **data["params"])
        yield request, encoder.encode(request).body, history.short


def _whole(request: Request, body: bytes) -> bool:
    """Is every thought's text in the request, word for word, as a text of its own or within one (as tags)?"""
    texts = set(_texts(json.loads(body)))
    alone = {thought.text for thought in thoughts(request.messages)} - texts
    return all(any(thought in text for text in texts) for thought in alone)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def trace(session: str, step: int | None, other: int | None, raw: bool) -> int:
    """Prints the request, or how it differs from that of step `other`; exit 1 if it is not the one that was sent."""
    path = store.find(paths.places().sessions, session)
    loaded = load(path)
    count = sum(entry.kind == "request" for entry in loaded.entries)
    if not count:
        raise UsageError(f"Session {path.stem} holds no request yet.")
    number = count if step is None else step
    for wanted in (number, *(() if other is None else (other,))):
        if not 1 <= wanted <= count:
            raise UsageError(f"Session {path.stem} has steps 1 to {count}; there is no step {wanted}.")
    wanted_steps = {one.number: one for one in steps(loaded) if one.number in (number, other)}
    found = wanted_steps[number]
    if raw:
        sys.stdout.buffer.write(found.body)
        return 0 if found.same else 1
    if other is None:
        print(clean("\n".join(lines_of(found))))
    else:
        names = (f"step {number}", f"step {other}")
        for line in unified_diff(lines_of(found), lines_of(wanted_steps[other]), *names, lineterm="", n=2):
            print(clean(line))
    for line in about(found, count, loaded):
        print(clean(line), file=sys.stderr)
    return 0 if found.same else 1


def lines_of(step: Step) -> list[str]:
    """The request, readable."""
    return json.dumps(json.loads(step.body), ensure_ascii=False, indent=2).split("\n")


def about(step: Step, count: int, loaded: Loaded) -> Iterator[str]:
    """What is to be known of a request besides its bytes."""
    data, entries = step.entry.data, loaded.entries
    yield (
        f"step {step.number} of {count} · {data['wire']} · {len(step.body):,} bytes · "
        f"thought {data.get('thinking', 0)}/{data.get('issued', 0)} · sha256 {data['sha256'][:16]} · "
        + ("identical to what was sent" if step.same else "NOT what was sent: the recorded hash differs")
    )
    yield f"tools then in force: {', '.join(tool.name for tool in step.request.tools) or 'none'}"
    at = entries.index(step.entry)
    reply = next((entry for entry in entries[at + 1 :] if entry.kind in ("request", "reply")), step.entry)
    if (use := usage_from_json(reply.data.get("usage", {}))).context:
        share = f"{use.cache_read * 100 // use.context} % of them from the cache"
        yield f"the server counted {use.context:,} tokens, {share}"
    known = {entry.id: entry.data for entry in entries if entry.kind == "fold"}
    for id_ in step.short.folds:
        fold = known[id_]
        if fold.get("upto"):
            tokens = f"about {fold.get('before', 0):,} tokens → {fold.get('after', 0):,}"
            yield f"folded ({fold.get('why', '')}, {id_}): everything up to {fold['upto']}; {tokens}"
        if clipped := fold.get("clipped"):
            yield f"shortened ({fold.get('why', '')}, {id_}): the tool outputs {', '.join(clipped)}"
