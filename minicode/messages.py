"""What passes between us and M2: immutable blocks and messages, and their JSON.

The shapes follow the Anthropic surface, on which M2 speaks most plainly. A reply keeps its blocks in the order they
came, and whatever a wire needs to get a block back unchanged rides in the block's `keep`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Json = dict[str, Any]


class Thinking(NamedTuple):
    """A thought. `keep` holds the fields of the wire it came by, to be sent back unchanged on that wire."""

    text: str
    signature: str | None = None
    keep: Mapping[str, Any] = {}


class Text(NamedTuple):
    text: str
    keep: Mapping[str, Any] = {}


class Call(NamedTuple):
    """A tool call.

    broken: the argument text as it came, if no object could be read from it; `arguments` is {} then, so that what we
            send back is valid, and the call must be answered with an error, never run.
    repairs: what was mended in the argument text, one phrase each, told to the model in the result.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    broken: str | None = None
    repairs: tuple[str, ...] = ()
    keep: Mapping[str, Any] = {}


Block = Thinking | Text | Call


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more requests. `input` excludes what was read from or written to the cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def context(self) -> int:
        """Tokens of the prompt, however they were billed."""
        return self.input + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


class User(NamedTuple):
    """What the user said."""

    text: str


class Reply(NamedTuple):
    """One whole answer of the model.

    stop: "end_turn", "tool_use", "max_tokens", "sensitive", or whatever else the server said.
    wire: the surface it came by, "anthropic" or "openai".
    model: the id the server reported, which may differ from the one asked for.
    flaw: what is wrong with it as a whole, "" if nothing: "leaked" (tool-call markup that could not be run).
    """

    blocks: tuple[Block, ...]
    stop: str = "end_turn"
    usage: Usage = Usage()
    wire: str = "anthropic"
    model: str = ""
    id: str = ""
    flaw: str = ""

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(b for b in self.blocks if isinstance(b, Call))

    @property
    def text(self) -> str:
        return "".join(b.text for b in self.blocks if isinstance(b, Text))

    @property
    def thinking(self) -> tuple[Thinking, ...]:
        return tuple(b for b in self.blocks if isinstance(b, Thinking))


class ToolResult(NamedTuple):
    """The answer to one call, as the model reads it. Never empty on the wire."""

    call_id: str
    name: str
    text: str
    failed: bool = False


class Results(NamedTuple):
    """The answers to all calls of one reply, in the order of the calls."""

    results: tuple[ToolResult, ...]


Message = User | Reply | Results


class ToolSpec(NamedTuple):
    """A tool as the model is told of it: `schema` is a JSON schema of type object."""

    name: str
    description: str
    schema: Mapping[str, Any]


class Request(NamedTuple):
    """All the model is asked with. Equal requests make equal bytes."""

    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    max_tokens: int = 16384
    temperature: float = 1.0
    top_p: float | None = None
    top_k: int | None = None


def block_to_json(block: Block) -> Json:
    match block:
        case Thinking(text, signature, keep):
            data: Json = {"type": "thinking", "thinking": text}
            if signature is not None:
                data["signature"] = signature
        case Text(text, keep):
            data = {"type": "text", "text": text}
        case Call(id_, name, arguments, broken, repairs, keep):
            data = {"type": "tool_use", "id": id_, "name": name, "input": dict(arguments)}
            if broken is not None:
                data["broken"] = broken
            if repairs:
                data["repairs"] = list(repairs)
    if keep:
        data["keep"] = dict(keep)
    return data


def block_from_json(data: Json) -> Block:
    keep = data.get("keep", {})
    match data["type"]:
        case "thinking":
            return Thinking(data["thinking"], data.get("signature"), keep)
        case "text":
            return Text(data["text"], keep)
        case "tool_use":
            repairs = tuple(data.get("repairs", ()))
            return Call(data["id"], data["name"], data["input"], data.get("broken"), repairs, keep)
    raise ValueError(f"unknown block type {data['type']!r}")


def usage_to_json(usage: Usage) -> Json:
    """In the words of the Anthropic surface, which scripts know."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
    }


def usage_from_json(data: Mapping[str, Any]) -> Usage:
    """Lenient: a missing, null or odd count is 0."""

    def count(name: str) -> int:
        value = data.get(name)
        return value if isinstance(value, int) and value > 0 else 0

    return Usage(
        count("input_tokens"),
        count("output_tokens"),
        count("cache_read_input_tokens"),
        count("cache_creation_input_tokens"),
    )


def reply_to_json(reply: Reply) -> Json:
    data: Json = {
        "content": [block_to_json(b) for b in reply.blocks],
        "stop": reply.stop,
        "usage": usage_to_json(reply.usage),
        "wire": reply.wire,
        "model": reply.model,
        "reply_id": reply.id,
    }
    if reply.flaw:
        data["flaw"] = reply.flaw
    return data


def reply_from_json(data: Json) -> Reply:
    return Reply(
        blocks=tuple(block_from_json(b) for b in data["content"]),
        stop=data.get("stop", "end_turn"),
        usage=usage_from_json(data.get("usage", {})),
        wire=data.get("wire", "anthropic"),
        model=data.get("model", ""),
        id=data.get("reply_id", ""),
        flaw=data.get("flaw", ""),
    )


def spec_to_json(spec: ToolSpec) -> Json:
    return {"name": spec.name, "description": spec.description, "input_schema": dict(spec.schema)}


def spec_from_json(data: Json) -> ToolSpec:
    return ToolSpec(data["name"], data["description"], data["input_schema"])
