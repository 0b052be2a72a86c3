"""Cases 1 to 13: what is normal. Most of it is the same on both surfaces, and asked of both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from minicode.events import ReplyDone
from minicode.lab.rehearsal import Call, Do, Expect, Say, Script, Shape, Step, Think, steps
from minicode.messages import Usage
from minicode.model.base import ThinkingPart

ID = "call_function_ab12cd34ef56_{}"


def as_sent(surface: str, *blocks: Think | Say | Call) -> dict[str, Any]:
    """The assistant's message that must come back for these blocks, written out by hand."""
    if surface == "anthropic":
        content: list[dict[str, Any]] = []
        for block in blocks:
            match block:
                case Think(text, None):
                    content.append({"type": "thinking", "thinking": text})
                case Think(text, signature):
                    content.append({"type": "thinking", "thinking": text, "signature": signature})
                case Say(text):
                    content.append({"type": "text", "text": text})
                case Call(name, arguments, _, id_):
                    content.append({"type": "tool_use", "id": id_, "name": name, "input": arguments})
        return {"role": "assistant", "content": content}
    message: dict[str, Any] = {"role": "assistant"}
    form = "MiniMax-response-v1"
    thoughts = [block for block in blocks if isinstance(block, Think)]
    message["reasoning_details"] = [
        {"type": "reasoning.text", "id": f"reasoning-text-{n + 1}", "format": form, "index": n, "text": thought.text}
        | ({} if thought.signature in (None, "auto") else {"signature": thought.signature})
        for n, thought in enumerate(thoughts)
    ]
    if said := "".join(str(block.text) for block in blocks if isinstance(block, Say)):
        message["content"] = said
    if calls := [block for block in blocks if isinstance(block, Call)]:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.raw}} for c in calls
        ]
    return message


SIGNATURE = "5f" * 32


async def test_case_01_thinking_and_text_are_shown_and_kept(talk: Any, surface: str) -> None:
    said = (Think("They greet me.\n\n  I greet back. ", SIGNATURE), Say("Hello."))
    t = await talk(steps(said, Say("Still here.")), surface)
    ended = await t.say("Hi")
    assert (ended.reason, ended.text, ended.exit_code) == ("done", "Hello.", 0)
    assert t.thought == "They greet me.\n\n  I greet back. "
    assert t.shown == "Hello."
    ended = await t.say("And now?")
    assert t.assistant(2) == as_sent(surface, *said)
    assert (ended.returned, ended.issued) == (1, 1)


async def test_case_02_a_call_comes_back_with_all_that_stood_before_it(talk: Any, surface: str) -> None:
    call = Call("read", {"file_path": "a.py"}, '{"file_path": "a.py"}', ID.format(1))
    said = (Think("Look at it first.", SIGNATURE), Say("\n\nReading."), call)
    t = await talk(steps(said, Say("It is one.")), surface, files={"a.py": "one = 1\n"})
    await t.say("What is one?")
    assert t.assistant(2) == as_sent(surface, *said)
    assert t.results(2) == ["1\tone = 1"]
    *_, last = t.plain(2)["messages"]
    if surface == "anthropic":
        assert last == {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": ID.format(1), "content": "1\tone = 1"}],
        }
    else:
        assert last == {"role": "tool", "tool_call_id": ID.format(1), "content": "1\tone = 1"}


async def test_case_03_three_calls_have_three_results_in_their_order(talk: Any, surface: str, tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    held = os.open(pipe, os.O_RDWR)  # so that neither end has to wait for the other to open
    calls = (
        Call("meet", {"pipe": str(pipe), "role": "wait"}, id=ID.format(1)),
        Call("read", {"file_path": "missing.py"}, id=ID.format(2)),
        Call("meet", {"pipe": str(pipe), "role": "come"}, id=ID.format(3)),
    )
    t = await talk(steps((Think("All at once."), Say("Three."), *calls), Say("Done.")), surface, tools=("meet",))
    await t.say("Go")
    *_, before, last = t.asked(2).turns
    if surface == "anthropic":
        assert [id_ for id_, _ in last.results] == [ID.format(n) for n in (1, 2, 3)]
        assert before.calls == tuple(ID.format(n) for n in (1, 2, 3))
    else:
        assert [t.body(2)["messages"][n]["tool_call_id"] for n in (-3, -2, -1)] == [ID.format(n) for n in (1, 2, 3)]
    os.close(held)
    met, missing, came = t.results(2)
    assert (met, came) == ("met you", "came")
    assert "missing.py" in missing


async def test_case_04_after_five_rounds_every_thought_is_still_there(talk: Any, surface: str) -> None:
    thoughts = ["First. ", "Second\n", "  Third 漢字", "Fourth 🙂\n\n", "Fifth."]
    rounds = [(Think(text), Do("read", {"path": f"{n}.py"})) for n, text in enumerate(thoughts)]
    last = Step((Think("Sixth."), Say("Done.")), expect=Expect(thoughts=5))
    t = await talk(steps(*rounds, last), surface, files={f"{n}.py": "1\n" for n in range(5)})
    ended = await t.say("Go")
    assert ended.text == "Done."
    assert [thought for turn in t.asked(6).turns for thought in turn.thoughts] == thoughts
    for number in range(1, 6):
        assert t.prefix(number + 1).startswith(t.prefix(number))


async def test_case_05_a_new_turn_begins_with_the_very_same_prefix(talk: Any, surface: str) -> None:
    script = steps((Think("Look."), Do("read", {"path": "a.py"})), (Think("Seen."), Say("One.")), Say("Again one."))
    t = await talk(script, surface, files={"a.py": "1\n"})
    await t.say("What is it?")
    await t.say("Sure?")
    assert t.prefix(3).startswith(t.prefix(2))
    assert [thought for turn in t.asked(3).turns for thought in turn.thoughts] == ["Look.", "Seen."]
    assert t.asked(3).said == "Sure?"


async def test_case_06_usage_is_what_the_end_of_the_stream_says(talk: Any, surface: str) -> None:
    written = 64 if surface == "anthropic" else 0  # the other surface does not tell
    first, second = Usage(7403, 120, 1792, written), Usage(11, 5, 9259, 0)
    script = steps(
        Step((Think("Hm."), Do("read", {"path": "a.py"})), usage=first),
        Step((Say("One."),), usage=second),
    )
    t = await talk(script, surface, files={"a.py": "1\n"})
    ended = await t.say("Go")
    assert [event.reply.usage for event in t.of(ReplyDone)] == [first, second]
    assert first.context == 7403 + 1792 + written
    assert ended.usage == first + second


@pytest.mark.parametrize("empty_first", [True, False])
@pytest.mark.parametrize("piece", [None, 1, 5])
async def test_case_07_arguments_in_any_pieces(talk: Any, surface: str, piece: int | None, empty_first: bool) -> None:
    content = 'say = "ü 漢 🙂 \\n"\n\tif {"a": [1, 2]}:\n'
    script = Script(
        steps((Think("Write."), Call("write", {"file_path": "new.py", "content": content})), Say("Done.")).steps,
        Shape(argument_piece=piece, empty_first=empty_first),
    )
    t = await talk(script, surface)
    await t.say("Go")
    assert (t.folder / "new.py").read_text() == content


async def test_case_08_a_call_without_text_and_text_after_blank_lines(talk: Any, surface: str) -> None:
    call = Call("read", {"file_path": "a.py"}, '{"file_path": "a.py"}', ID.format(1))
    silent, said = (Think("Silent.", SIGNATURE), call), (Think("Loud.", SIGNATURE), Say("\n\nIt is 1.\n"))
    t = await talk(steps(silent, said, Say("Yes.")), surface, files={"a.py": "1\n"})
    ended = await t.say("Go")
    assert ended.text == "It is 1."
    await t.say("Sure?")
    assert t.assistant(3, 0) == as_sent(surface, *silent)
    assert t.assistant(3, 1) == as_sent(surface, *said)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
async def test_case_09_a_stream_cut_at_every_byte(wire: Any, surface: str, line_end: Any) -> None:
    said = (Think("é🙂"), Say("漢\u2028字"))
    shape = {"line_end": line_end, "space": False, "comments": True, "pings": 3}
    # Size 1 cuts at every byte of the 1,800 or so; the others leave longer pieces whole on both sides of a cut.
    sizes = [*range(1, 64), *(range(64, 1800, 4) if line_end == "\r\n" else ())]
    script = Script(tuple(Step(said, shape=Shape(chunk=n, **shape)) for n in sizes), strict_thinking=False)
    w = await wire(script, surface)
    for size in sizes:
        parts = await w.ask()
        assert (w.said(parts, ThinkingPart), w.said(parts)) == ("é🙂", "漢\u2028字"), f"pieces of {size} bytes"
    assert w.server.connections == 1


async def test_case_10_two_thoughts_in_one_reply_keep_their_order(talk: Any, surface: str) -> None:
    call = Call("read", {"file_path": "a.py"}, '{"file_path": "a.py"}', ID.format(1))
    said = (Think("One thought.", SIGNATURE), Say("A word."), Think("Another.", "a0" * 32), call)
    t = await talk(steps(said, Say("Done.")), surface, files={"a.py": "1\n"})
    ended = await t.say("Go")
    assert t.assistant(2) == as_sent(surface, *said)
    # The entries of one message's `reasoning_details` are one thought to us, sent back entry by entry.
    assert (ended.returned, ended.issued) == ((2, 2) if surface == "anthropic" else (1, 1))


@pytest.mark.parametrize(
    "thought", [Think("", SIGNATURE), Think("", None), Think("Unsigned.", None)], ids=["empty", "bare", "unsigned"]
)
async def test_case_11_an_empty_or_unsigned_thought_comes_back_as_it_was(
    talk: Any, surface: str, thought: Think
) -> None:
    call = Call("read", {"file_path": "a.py"}, '{"file_path": "a.py"}', ID.format(1))
    t = await talk(steps((thought, call), Say("Done.")), surface, files={"a.py": "1\n"})
    ended = await t.say("Go")
    assert t.assistant(2) == as_sent(surface, thought, call)
    assert ended.reason == "done"


async def test_case_12_a_call_without_arguments(talk: Any, surface: str) -> None:
    t = await talk(steps((Think("Ping."), Call("ping", {})), Say("It answers.")), surface, tools=("ping",))
    await t.say("Go")
    assert t.results(2) == ["pong"]
    if surface == "anthropic":
        assert t.assistant(2)["content"][-1]["input"] == {}
    else:
        assert t.assistant(2)["tool_calls"][0]["function"]["arguments"] == "{}"


async def test_case_13_the_cache_is_marked_and_its_prefix_never_moves(talk: Any) -> None:
    one = (Think("Look."), Do("read", {"path": "a.py"}), Do("read", {"path": "b.py"}))
    script = steps(one, one, (Think("Seen."), Say("One.")), one, (Think("End."),), Say("Yes."), Say("Again."))
    first = await talk(script, "anthropic", files={"a.py": "1\n", "b.py": "2\n"})
    first.whole_script = False
    await first.say("Go")
    await first.say("Sure?")
    await first.close()
    second = await talk(script, "anthropic", server=first.server, resume="")
    await second.say("And in a new process?")

    assert len(first.exchanges) == 7
    heads = {first.prefix(n).partition('{"role": "user"')[0] for n in range(1, 8)}
    assert len(heads) == 1
    for number in range(1, 8):
        body = first.body(number)
        assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
        assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
        blocks = [block for message in body["messages"] for block in message["content"]]
        assert not [b for b in blocks if b["type"] == "thinking" and "cache_control" in b]
        assert first.exchanges[number - 1].raw.count(b'"cache_control"') <= 4  # more are refused
        if number > 1:
            assert first.prefix(number).startswith(first.prefix(number - 1))
            # The end of the last request is marked too: from the new end, the cache looks back 20 blocks only.
            marked = [n for n, message in enumerate(body["messages"]) if "cache_control" in message["content"][-1]]
            assert marked == [len(first.body(number - 1)["messages"]) - 1, len(body["messages"]) - 1]
