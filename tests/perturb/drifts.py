"""What becomes of a model's replies on their way: other names, other types, broken pieces, wrong ids, faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from minicode.lab.rehearsal import Call, Fault, Say, Shape, Step, Think
from minicode.lab.rehearsal.policy import Drift, Moment, with_calls

# Our parameters, and what others call them.
OTHERS: Mapping[str, tuple[str, ...]] = {
    "file_path": ("path", "filename", "filePath"),
    "old_string": ("old_str", "oldText", "old_text"),
    "new_string": ("new_str", "newText", "new_text"),
    "command": ("cmd", "script", "shell_command"),
    "content": ("file_text", "contents", "text"),
    "pattern": ("query", "regex", "pattern"),
    "offset": ("start_line", "startLine", "line_start"),
    "limit": ("max_results", "count", "limit"),
    "replace_all": ("replaceAll", "all", "global"),
    "todos": ("items", "plan", "tasks"),
    "args": ("argv", "arguments", "command"),
    "code": ("source", "python_code", "script"),
}
WRITTEN = ("old_string", "new_string", "content", "code", "command")  # what nobody may read in another way


def every(change: Callable[[Call, Moment], Call]) -> Drift:
    """A drift that changes each call."""
    return lambda step, moment: with_calls(step, lambda call: change(call, moment))


def stacked(*drifts: Drift) -> Drift:
    """One after the other."""

    def drift(step: Step, moment: Moment) -> Step:
        for one in drifts:
            step = one(step, moment)
        return step

    return drift


def named_otherwise(call: Call, moment: Moment) -> Call:
    """T2: `path` or `filename` for `file_path` …"""

    def other(key: str) -> str:
        names = OTHERS.get(key, (key,))
        return names[moment.move % len(names)]

    return replace(call, arguments={other(key): value for key, value in call.arguments.items()})


def reordered(call: Call, moment: Moment) -> Call:
    """T3: the arguments the other way round."""
    return replace(call, arguments=dict(reversed(list(call.arguments.items()))))


def retyped(call: Call, moment: Moment) -> Call:
    """T4: numbers and switches as text, lists as JSON, a list of one as the one."""

    def other(key: str, value: Any) -> Any:
        match value:
            case _ if key in WRITTEN:
                return value
            case bool():
                return "true" if value else "False"
            case int():
                return f"{value}" if moment.move % 2 else float(value)
            case [str(only)]:
                return only
            case list():
                return json.dumps(value)
            case _:
                return value

    return replace(call, arguments={key: other(key, value) for key, value in call.arguments.items()})


def adorned(call: Call, moment: Moment) -> Call:
    """T5: parameters that no tool has."""
    extra = {"confidence": 0.9, "requires_approval": False, "_meta": {"step": moment.move}, "nonce": None}
    return replace(call, arguments={**extra, **call.arguments})


def misnamed(call: Call, moment: Moment) -> Call:
    """T12: a tool that is not there once in a run, and else names with a prefix, another case, a space."""
    if moment.move == 0 and moment.again == 0:
        return replace(call, name="frobnicate")
    odd = (f"functions.{call.name}", call.name.title(), f"{call.name} ", f"default_api:{call.name}", call.name.upper())
    return replace(call, name=odd[(moment.move + moment.again) % len(odd)])


def broken(call: Call, moment: Moment) -> Call:
    """R9: arguments that are no JSON: quotes of Python, a comma too much, no brace at the end."""
    text = json.dumps(call.arguments)
    odd = (repr(dict(call.arguments)), text[:-1] + ",}", text[:-1], f"```json\n{text}\n```", text + text)
    return replace(call, raw=odd[(moment.move + moment.again) % len(odd)])


def one_id(call: Call, moment: Moment) -> Call:
    """R8, R9: the same id for all calls of all replies."""
    return replace(call, id="call_function_samesamesame_1")


def leaked() -> Drift:
    """The calls as M2's own markup within the text, as a server without the right parser passes them on."""

    def drift(step: Step, moment: Moment) -> Step:
        calls = [block for block in step.blocks if isinstance(block, Call)]
        if not calls:
            return step
        rest = tuple(block for block in step.blocks if not isinstance(block, Call))
        return replace(step, blocks=(*rest, Say(markup(calls))), stop="end_turn")

    return drift


def markup(calls: Sequence[Call]) -> str:
    """Calls as M2 writes them before a server reads them."""

    def text(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    invoked = [
        f'<invoke name="{call.name}">\n'
        + "".join(f'<parameter name="{key}">{text(value)}</parameter>\n' for key, value in call.arguments.items())
        + "</invoke>"
        for call in calls
    ]
    return "<minimax:tool_call>\n" + "\n".join(invoked) + "\n</minimax:tool_call>"


def results_of(body: Mapping[str, Any]) -> str:
    """All tool results in a request, on either surface."""
    found = []
    for message in body["messages"]:
        if message["role"] == "tool":
            found.append(str(message["content"]))
        elif isinstance(message.get("content"), list):
            found += [str(b["content"]) for b in message["content"] if b.get("type") == "tool_result"]
    return "\n".join(found)


def long_thought(step: Step) -> Step:
    """With enough of a thought to be cut in."""
    more = Think("This takes a while to think through, and the line may break. " * 8)
    return replace(step, blocks=tuple(more if isinstance(b, Think) else b for b in step.blocks))


def faulty() -> Drift:
    """R9: each of the first replies meets its faults, one after the other, and comes through at last.

    What can be tried again costs one of the six tries there are for it, so the faults are spread over three requests.
    """
    pieces = Shape(argument_piece=4, piece=16)

    def cut_short(step: Step) -> Step:
        calls = [replace(b, raw=json.dumps(b.arguments)[:-3]) for b in step.blocks if isinstance(b, Call)]
        return replace(step, blocks=(Think("Cut at the limit, in a call."), *calls[:1]), stop="max_tokens")

    faults: dict[tuple[int, int], Callable[[Step], Step]] = {
        (0, 0): lambda step: replace(step, fault=Fault(status=429, code=1002)),
        (0, 1): lambda step: replace(step, fault=Fault(status=500)),
        (0, 2): lambda step: replace(long_thought(step), fault=Fault(cut_in="thinking"), shape=pieces),
        (0, 3): lambda step: with_calls(step, lambda call: replace(call, raw=repr(dict(call.arguments)))),
        (1, 0): lambda step: replace(step, fault=Fault(status=529)),
        (1, 1): lambda step: replace(step, fault=Fault(cut_in="call", reset=True), shape=pieces),
        (1, 2): cut_short,
        (1, 3): lambda step: with_calls(step, lambda call: replace(call, id="call_function_samesamesame_1")),
    }

    def drift(step: Step, moment: Moment) -> Step:
        if not any(isinstance(block, Call) for block in step.blocks):
            return at_the_end(step, moment.again)
        return step if moment.mending else faults.get((moment.move, moment.again), whole)(step)

    return drift


def whole(step: Step) -> Step:
    return step


def at_the_end(step: Step, again: int) -> Step:
    """The last words: nothing at all, then cut at the limit, then whole."""
    if again == 0:
        return replace(step, blocks=())
    if again == 1:
        return replace(step, blocks=(Think("Nearly there."), Say("As I was sa")), stop="max_tokens")
    return step
