"""What was asked, as far as reading the answer needs it; and the answer's pieces put together as a Reply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from minicode.messages import Block, Call, Message, Reply, Request, Results, Text, Thinking, ToolSpec, Usage, User
from minicode.model import arguments, salvage
from minicode.model.compact import dump_text, joined, well_formed
from minicode.model.deltas import new_call_id
from minicode.model.faults import fault
from minicode.model.schema import wire_name
from minicode.model.tags import Splitter, has_markup, lost_call

SAME_ID = "it came with the id of another call and got one of its own"


class Asked(NamedTuple):
    """tools: by the name the wire knows. quoting: the user's last words hold tool-call markup, so M2's may too.
    snapshots: this endpoint has sent its text as snapshots of the whole before. told: all that M2 was told."""

    tools: Mapping[str, ToolSpec]
    quoting: bool
    snapshots: bool = False
    told: Sequence[Message] = ()

    def splitter(self) -> Splitter:
        return Splitter(watch=not self.quoting, quoted=self.quotes)

    def quotes(self, markup: str) -> bool:
        """Is it a quotation of what the user said or a tool printed? Looked up only when there is markup."""
        return salvage.echoes(markup, _heard(self.told))


def asked(request: Request, *, snapshots: bool = False) -> Asked:
    last_words = next((m.text for m in reversed(request.messages) if isinstance(m, User)), "")
    tools = {wire_name(tool.name): tool for tool in request.tools}
    return Asked(tools, has_markup(last_words), snapshots, request.messages)


def _heard(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        if isinstance(message, User):
            yield message.text
        elif isinstance(message, Results):
            yield from (result.text for result in message.results)


class RawCall(NamedTuple):
    """A call as the wire gave it: argument text, or the object itself."""

    id: str
    name: str
    arguments: str | Mapping[str, Any]


def compose(
    pieces: Sequence[Block | Splitter | RawCall],
    question: Asked,
    *,
    stop: str,
    usage: Usage,
    wire: str,
    model: str,
    id_: str,
) -> Reply:
    """The reply made of `pieces`, in their order. stop: "" if the server gave none. Raises ModelError if empty."""
    has_calls = any(isinstance(piece, RawCall) for piece in pieces)
    blocks: list[Block] = []
    calls: list[Call] = []
    flaw = ""
    for piece in pieces:
        if isinstance(piece, RawCall):
            blocks.append(_call(piece, question, cut=stop == "max_tokens", number=len(blocks) + 1))
        elif isinstance(piece, Splitter):
            leak = salvage.read(piece.markup, question.tools) if piece.markup and not has_calls else None
            if leak is not None and stop != "max_tokens":
                calls.extend(leak[0])
                blocks.extend(piece.blocks(instead=leak[1]))
            else:
                blocks.extend(piece.blocks())
                if piece.markup and not has_calls:
                    flaw = "leaked"
        else:
            blocks.append(piece)
    blocks = [_whole(block) for block in (*blocks, *calls)]
    has_calls = has_calls or bool(calls)
    if has_calls or stop == "max_tokens":
        flaw = ""
    elif not question.quoting and not flaw:
        lost = any(lost_call(b.text, question.quotes) for b in blocks if isinstance(b, Thinking))
        flaw = "leaked" if lost else ""
    stop = "tool_use" if calls else stop or ("tool_use" if has_calls else "end_turn")
    if not blocks and stop in ("end_turn", "tool_use"):
        raise fault("empty")
    return Reply(_distinct(blocks), stop, usage, wire, model, id_, flaw)


def _whole(block: Block) -> Block:
    """Without halves of characters, so that disk and wire hold the same. Arguments keep theirs: a tool may refuse."""
    match block:
        case Thinking(text, signature, keep):
            return Thinking(well_formed(text), well_formed(signature), well_formed(keep))
        case Text(text, keep):
            return Text(well_formed(text), well_formed(keep))
        case Call():
            return block._replace(id=well_formed(block.id), name=well_formed(block.name))


def _distinct(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Each call with an id of its own: results are matched to calls by it."""
    seen: set[str] = set()
    distinct: list[Block] = []
    for number, block in enumerate(blocks):
        if isinstance(block, Call):
            repairs = block.repairs
            while block.id in seen:
                block = block._replace(id=f"{block.id}_{number}", repairs=(*repairs, SAME_ID))
            seen.add(block.id)
        distinct.append(block)
    return tuple(distinct)


def _call(raw: RawCall, question: Asked, *, cut: bool, number: int) -> Call:
    tool = question.tools.get(raw.name)
    name = tool.name if tool else raw.name
    id_ = raw.id or new_call_id(number)
    if not isinstance(raw.arguments, str):
        return Call(id_, name, raw.arguments)
    text = joined(raw.arguments)
    found, repairs = arguments.read(text, cut=cut)
    if found is None:
        return Call(id_, name, {}, broken=text)
    return Call(id_, name, found, repairs=repairs, keep={} if repairs else _exact(text, found))


def _exact(text: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a wire that carries the argument text needs to send the same text again; seldom the text itself."""
    if text == dump_text(found) or not text.lstrip().startswith("{") or well_formed(found) != found:
        return {}  # nothing at all and null are no object, and half a character no server reads
    return {"spaced": True} if text == dump_text(found, spaced=True) else {"arguments": text}
