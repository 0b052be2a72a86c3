"""Cases 14 to 24: the dialects of the OpenAI surface, hosted and self-hosted."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.events import CallForming
from minicode.lab.rehearsal import Do, Fault, Say, Script, Shape, Step, Think, steps
from minicode.messages import User
from minicode.model.base import ThinkingPart

THOUGHT = "First I look at the file.\nThen I decide: 漢字 🙂."
FILES = {"a.py": "1\n", "b.py": "2\n", "c.py": "3\n"}


def one_round(**shape: Any) -> Script:
    """A thought with words and a call, then an answer."""
    look = (Think(THOUGHT), Say("I look."), Do("read", {"path": "a.py"}))
    return Script(steps(look, (Think("Seen."), Say("It is 1."))).steps, Shape(**shape))


def detail(text: str) -> dict[str, Any]:
    """The one entry of a thought."""
    form = "MiniMax-response-v1"
    return {"type": "reasoning.text", "id": "reasoning-text-1", "format": form, "index": 0, "text": text}


@pytest.mark.parametrize("hosted", [True, False])
async def test_case_14_incremental_details_come_back_as_one_entry(talk: Any, hosted: bool) -> None:
    t = await talk(one_round(reasoning="details", piece=3), "openai", files=FILES, hosted=hosted)
    await t.say("Go")
    assert t.body(1)["reasoning_split"] is True
    assert t.body(2)["reasoning_split"] is True
    assert t.thought == THOUGHT + "Seen."
    sent = t.assistant(2)
    assert sent["reasoning_details"] == [detail(THOUGHT)]
    assert set(sent) == {"role", "content", "reasoning_details", "tool_calls"}


async def test_case_15_snapshots_are_not_repeated(talk: Any) -> None:
    t = await talk(one_round(reasoning="cumulative", cumulative_content=True, piece=7), "openai", files=FILES)
    ended = await t.say("Go")
    assert t.thought == THOUGHT + "Seen."
    assert t.shown == "I look.It is 1."
    assert ended.text == "It is 1."
    assert t.assistant(2)["reasoning_details"] == [detail(THOUGHT)]
    assert t.assistant(2)["content"] == "I look."


@pytest.mark.parametrize(
    "pieces",
    [
        ("a", "and the"),
        ("a", "and the", "and the end"),
        ("I", "I am", "I am here"),
        ("so it is", "so it is, and on", "."),
    ],
)
async def test_case_16_a_piece_that_begins_like_what_came_before_is_not_a_snapshot(
    wire: Any, pieces: tuple[str, ...]
) -> None:
    script = Script(steps((Think(pieces), Say(pieces)), Say("Done.")).steps, Shape(reasoning="details"))
    w = await wire(script, "openai")
    parts = await w.ask("Go.")
    assert w.said(parts, ThinkingPart) == "".join(pieces)
    assert w.said(parts) == "".join(pieces)
    await w.ask(User("Go."), parts[-1].reply, User("On."))
    assert w.assistant(2)["reasoning_details"] == [detail("".join(pieces))]
    assert w.assistant(2)["content"] == "".join(pieces)


async def test_case_17_a_thought_in_two_fields_is_told_once(talk: Any) -> None:
    t = await talk(one_round(reasoning="both", piece=5), "openai", files=FILES)
    await t.say("Go")
    assert t.thought == THOUGHT + "Seen."
    assert t.assistant(2)["reasoning_details"] == [detail(THOUGHT)]
    assert "reasoning_content" not in t.assistant(2)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("</think>\n\nIt is 1.", "It is 1."),
        ("The tag </think> ends a thought.", "The tag </think> ends a thought."),
        ("<think>\nIt is 1.", "It is 1."),
    ],
    ids=["stray end", "quoted", "stray beginning"],
)
@pytest.mark.parametrize("reasoning", ["both", "reasoning"])
async def test_case_17_after_a_thought_in_its_own_field_tags_in_the_content_are_debris_or_text(
    talk: Any, reasoning: Any, said: str, shown: str
) -> None:
    script = Script(steps((Think(THOUGHT), Say(said)), Say("Yes.")).steps, Shape(reasoning=reasoning, piece=4))
    t = await talk(script, "openai")
    ended = await t.say("Go")
    assert (t.thought, ended.text) == (THOUGHT, shown)
    assert t.shown.strip() == shown
    await t.say("Sure?")
    assert t.assistant(2)["content"] == said
    assert (ended.returned, ended.issued) == (1, 1)


async def test_case_18_tags_split_anywhere_are_a_thought_to_show_and_content_to_send_back(wire: Any) -> None:
    content = "<think>\nWhat if x < 3?\n</think>\n\nIt is <b>less</b>."
    script = Script(tuple(Step((Say((content[:n], content[n:])),)) for n in range(len(content))))
    w = await wire(script, "openai")
    for number in range(len(content)):
        parts = await w.ask("Is it?")
        assert w.said(parts, ThinkingPart).strip("\n") == "What if x < 3?", f"cut at {number}"
        assert w.said(parts).strip("\n") == "It is <b>less</b>.", f"cut at {number}"
        assert [thought.text for thought in parts[-1].reply.thinking] == ["What if x < 3?"]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 8, 32])
async def test_case_18_tagged_content_comes_back_to_the_letter(talk: Any, piece: int) -> None:
    t = await talk(one_round(reasoning="tags", piece=piece), "openai", files=FILES)
    ended = await t.say("Go")
    assert t.thought.replace("\n", "") == (THOUGHT + "Seen.").replace("\n", "")
    assert t.shown.split() == ["I", "look.", "It", "is", "1."]
    assert t.assistant(2)["content"] == f"<think>\n{THOUGHT}\n</think>\n\nI look."
    assert (ended.text, ended.returned, ended.issued) == ("It is 1.", 2, 2)


@pytest.mark.parametrize("piece", [1, 4, 400])
async def test_case_19_text_before_a_lone_closing_tag_is_a_thought(talk: Any, piece: int) -> None:
    t = await talk(one_round(reasoning="untagged", piece=piece), "openai", files=FILES)
    ended = await t.say("Go")
    assert t.assistant(2)["content"] == f"\n{THOUGHT}\n</think>\n\nI look."
    assert (ended.text, ended.returned, ended.issued) == ("It is 1.", 2, 2)


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
async def test_case_20_a_thought_goes_back_in_the_field_it_came_in(talk: Any, name: str) -> None:
    t = await talk(one_round(reasoning=name, piece=6), "openai", files=FILES)
    await t.say("Go")
    assert t.thought == THOUGHT + "Seen."
    assert t.assistant(2)[name] == THOUGHT
    assert {"reasoning", "reasoning_content", "reasoning_details"} & set(t.assistant(2)) == {name}


@pytest.mark.parametrize(
    "shape",
    [
        {"interleave": True, "argument_piece": 4},
        {"interleave": True, "argument_piece": 1, "finish": "same"},
        {"finish": "twice", "without": ("[DONE]",)},
        {"finish": "same", "without": ("[DONE]", "usage")},
    ],
    ids=["interleaved", "finish in the last piece", "finish twice, no DONE", "nothing after the finish"],
)
async def test_case_21_parallel_calls_however_they_are_sent(talk: Any, shape: dict[str, Any]) -> None:
    calls = [Do("read", {"path": name}) for name in FILES]
    script = Script(steps((Think("All three."), *calls), Say("1, 2, 3.")).steps, Shape(**shape))
    t = await talk(script, "openai", files=FILES)
    ended = await t.say("Go")
    assert t.results(2) == ["1\t1", "1\t2", "1\t3"]
    assert [c["function"]["arguments"] for c in t.assistant(2)["tool_calls"]] == [
        f'{{"file_path": "{name}"}}' for name in FILES
    ]
    assert {event.number for event in t.of(CallForming)} == {0, 1, 2}
    assert ended.text == "1, 2, 3."


@pytest.mark.parametrize(
    "shape",
    [
        {"index_from": 1},
        {"role": ""},
        {"role": None},
        {"usage": "null"},
        {"usage": "zero"},
        {"usage": "none"},
        {"extra": {"input_sensitive": False, "base_resp": {"status_code": 0, "status_msg": ""}, "new": {"a": [1]}}},
    ],
    ids=lambda shape: "-".join(f"{k} {v}" for k, v in shape.items())[:24],
)
async def test_case_22_oddities_of_hosts_change_nothing(talk: Any, shape: dict[str, Any]) -> None:
    script = Script(
        steps((Think("Both."), Do("read", {"path": "a.py"}), Do("read", {"path": "b.py"})), Say("Yes.")).steps
    )
    t = await talk(Script(script.steps, Shape(**shape)), "openai", files=FILES)
    ended = await t.say("Go")
    assert t.results(2) == ["1\t1", "1\t2"]
    assert ended.text == "Yes."
    assert (ended.usage.output > 0) == (shape.get("usage") != "none")


async def test_case_23_one_json_answer_to_a_streaming_request(talk: Any, surface: str) -> None:
    look = Step((Think(THOUGHT), Say("I look."), Do("read", {"path": "a.py"})), fault=Fault(json=True))
    done = Step((Think("Seen."), Say("It is 1.")), fault=Fault(json=True, content_type="text/plain"))
    t = await talk(steps(look, done), surface, files=FILES)
    ended = await t.say("Go")
    assert t.body(1)["stream"] is True
    assert t.thought == THOUGHT + "Seen."
    assert t.results(2) == ["1\t1"]
    assert (ended.text, ended.returned, ended.issued) == ("It is 1.", 2, 2)
    assert ended.usage.output > 0


async def test_case_24_append_think_servers_keep_the_thought_in_the_content(talk: Any) -> None:
    """As a vLLM or SGLang server started the way MiniMax's guide says: no other field ever holds a thought."""
    rounds = [(Think(f"Thought {n}."), Do("read", {"path": name})) for n, name in enumerate(FILES)]
    script = Script(steps(*rounds, (Think("End."), Say("Six."))).steps, Shape(reasoning="tags", role=None))
    t = await talk(script, "openai", files=FILES)
    ended = await t.say("Go")
    for n in range(3):
        assert t.assistant(4, n)["content"] == f"<think>\nThought {n}.\n</think>\n\n"
        assert set(t.assistant(4, n)) == {"role", "content", "tool_calls"}
    assert (ended.text, ended.returned, ended.issued) == ("Six.", 4, 4)
    assert t.body(1)["top_k"] == 40
