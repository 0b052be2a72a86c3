"""Cases 34 to 43: what goes wrong between the model's intention and a call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.events import CallStarted, Noted, TextDelta
from minicode.lab.rehearsal import Call, Do, Expect, Fault, Say, Script, Shape, Step, Think, steps

FILES = {"a.py": "1\n", "b.py": "2\n"}


def markup(*calls: tuple[str, dict[str, str]]) -> str:
    """Calls as M2 itself writes them."""
    invokes = "".join(
        f'<invoke name="{name}">\n'
        + "".join(f'<parameter name="{key}">{value}</parameter>\n' for key, value in parameters.items())
        + "</invoke>\n"
        for name, parameters in calls
    )
    return f"<minimax:tool_call>\n{invokes}</minimax:tool_call>"


READ = markup(("read", {"file_path": "a.py"}))


async def test_case_34_cut_while_thinking_goes_on_once_with_more_room(talk: Any, surface: str) -> None:
    cut = Step((Think("I think and think and"),), stop="max_tokens")
    t = await talk(steps(cut, (Think("Now I know."), Say("42."))), surface, flags={"output_tokens": 8192})
    ended = await t.say("Go")
    assert (ended.reason, ended.text) == ("done", "42.")
    assert t.body(1)["max_tokens"] == 8192
    assert t.body(2)["max_tokens"] > 8192
    assert (ended.returned, ended.issued) == (2, 2)


async def test_case_34_cut_again_and_again_is_never_done(talk: Any, surface: str) -> None:
    cut = Step((Think("I think and think and"),), stop="max_tokens")
    t = await talk(steps(cut, cut, Say("Here again.")), surface)
    ended = await t.say("Go")
    assert ended.reason == "failed"
    assert "output limit" in ended.error
    assert ended.exit_code == 1
    assert len(t.exchanges) == 2
    assert (await t.say("Shorter, please")).text == "Here again."


@pytest.mark.parametrize(
    "raw", ['{"file_path": "new.py", "content": "half', '{"file_path": "new.py", "content": ""}', ""]
)
async def test_case_35_a_call_cut_by_the_limit_is_not_run(talk: Any, surface: str, raw: str) -> None:
    cut = Step((Think("Long."), Call("write", {}, raw)), stop="max_tokens")
    whole = Step((Think("Again."), Do("write", {"path": "new.py", "content": "x = 1\n"})))
    t = await talk(steps(cut, Step(whole.blocks, expect=Expect(results="output limit")), Say("Done.")), surface)
    ended = await t.say("Go")
    assert [event.call.arguments for event in t.of(CallStarted)] == [{"file_path": "new.py", "content": "x = 1\n"}]
    assert (t.folder / "new.py").read_text() == "x = 1\n"
    assert ended.text == "Done."


REPAIRABLE = {
    "single quotes": "{'file_path': 'a.py', 'limit': 1}",
    "missing brace": '{"limit": 1, "file_path": "a.py"',
    "doubled": '{"file_path": "a.py", "limit": 1}{"file_path": "a.py", "limit": 1}',
    "trailing comma": '{"file_path": "a.py", "limit": 1,}',
    "fenced": '```json\n{"file_path": "a.py", "limit": 1}\n```',
    "encoded twice": json.dumps('{"file_path": "a.py", "limit": 1}'),
}


@pytest.mark.parametrize("raw", REPAIRABLE.values(), ids=REPAIRABLE)
async def test_case_36_unambiguous_json_is_mended_and_the_model_told(talk: Any, surface: str, raw: str) -> None:
    t = await talk(steps((Think("Read."), Call("read", {}, raw)), Say("One.")), surface, files=FILES)
    await t.say("Go")
    assert t.results(2)[0].startswith("1\t1\n[note: ")
    assert sent_arguments(t, 2) == {"file_path": "a.py", "limit": 1}


async def test_case_36_a_raw_line_break_in_a_string(talk: Any, surface: str) -> None:
    raw = '{"file_path": "new.py", "content": "one\n\ttwo\n"}'
    t = await talk(steps((Think("Write."), Call("write", {}, raw)), Say("Done.")), surface)
    await t.say("Go")
    assert (t.folder / "new.py").read_text() == "one\n\ttwo\n"
    assert sent_arguments(t, 2) == {"file_path": "new.py", "content": "one\n\ttwo\n"}


@pytest.mark.parametrize(
    "raw", ['{"file_path": "new.py", "content": "half', "new.py", "[1, 2]", '{"content": "a", "file_path": 1', "{{}"]
)
async def test_case_36_json_that_could_mean_anything_is_not_run(talk: Any, surface: str, raw: str) -> None:
    again = Step((Do("read", {"path": "a.py"}),), expect=Expect(results=("write", "not readable", '"file_path": text')))
    t = await talk(steps((Think("Write."), Call("write", {}, raw)), again, Say("Done.")), surface, files=FILES)
    ended = await t.say("Go")
    assert not (t.folder / "new.py").exists()
    assert raw[:20] in t.results(2)[0]
    assert sent_arguments(t, 2) == {}  # an object, or the session would be refused for ever after
    assert ended.text == "Done."


def sent_arguments(t: Any, number: int, place: int = 0) -> Any:
    """Of the first call of an assistant's message, as they were sent back."""
    message = t.assistant(number, place)
    if t.surface == "openai":
        return json.loads(message["tool_calls"][0]["function"]["arguments"])
    return next(block["input"] for block in message["content"] if block["type"] == "tool_use")


@pytest.mark.parametrize("as_json", [True, False])
async def test_case_37_arguments_as_an_object(talk: Any, surface: str, as_json: bool) -> None:
    call = Step((Think("Read."), Do("read", {"path": "a.py"})), fault=Fault(json=as_json))
    t = await talk(Script(steps(call, Say("One.")).steps, Shape(object_arguments=True)), surface, files=FILES)
    await t.say("Go")
    assert t.results(2) == ["1\t1"]
    assert sent_arguments(t, 2) == {"file_path": "a.py"}


async def test_case_37_arguments_as_an_empty_text(talk: Any, surface: str) -> None:
    t = await talk(steps((Think("Ping."), Call("ping", {}, "")), Say("Pong.")), surface, tools=("ping",))
    await t.say("Go")
    assert t.results(2) == ["pong"]
    assert sent_arguments(t, 2) == {}


async def test_case_37_an_entry_without_a_name_is_no_call(talk: Any) -> None:
    calls = (Do("read", {"path": "a.py"}), Do("read", {"path": "b.py"}))
    t = await talk(Script(steps(calls, Say("Both.")).steps, Shape(null_entry=True)), "openai", files=FILES)
    await t.say("Go")
    assert t.results(2) == ["1\t1", "1\t2"]


async def test_case_38_values_of_the_wrong_type_are_read_by_the_schema(talk: Any, surface: str) -> None:
    given = {"whole": "5", "yes": "true", "names": '["a", "b"]', "note": "none", "share": "0.25", "spare": "null"}
    t = await talk(steps((Think("Try."), Call("typed", given)), Say("Fine.")), surface, tools=("typed",))
    await t.say("Go")
    result, _, note = t.results(2)[0].partition("\n")
    assert json.loads(result) == [5, True, ["a", "b"], "none", 0.25, None]
    assert "whole" in note
    assert sent_arguments(t, 2) == given  # what M2 said is what M2 said


async def test_case_38_what_cannot_be_read_is_an_error_that_says_what_would_be_right(talk: Any, surface: str) -> None:
    given = {"whole": "some", "yes": "perhaps", "names": ["a"], "note": 7}
    t = await talk(steps((Think("Try."), Call("typed", given)), Say("I see.")), surface, tools=("typed",))
    await t.say("Go")
    result = t.results(2)[0]
    assert "`whole` must be a whole number" in result
    assert "`yes` must be true or false" in result
    assert '"names": [text, …]' in result


async def test_case_39_an_unknown_tool_is_answered_with_those_there_are(talk: Any, surface: str) -> None:
    calls = (Call("frobnicate", {"x": 1}), Call("Read", {"file_path": "a.py"}), Call("reed", {"file_path": "a.py"}))
    t = await talk(steps((Think("Try."), *calls), Say("I see.")), surface, files=FILES)
    await t.say("Go")
    unknown, cased, near = t.results(2)
    assert "no tool `frobnicate`" in unknown
    assert all(name in unknown for name in ("bash", "edit", "read", "write"))
    assert cased.startswith("1\t1")
    assert "Did you mean read" in near


def pieces_of(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[at : at + size] for at in range(0, len(text), size))


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_case_40_a_call_leaked_into_the_text_is_run_once_and_not_shown(
    talk: Any, surface: str, size: int
) -> None:
    leak = "I look at both.\n\n" + markup(
        ("read", {"file_path": "a.py"}), ("read", {"file_path": "b.py", "limit": "1"})
    )
    t = await talk(steps((Think("Look."), Say(pieces_of(leak, size))), Say("Seen.")), surface, files=FILES)
    ended = await t.say("Go")
    assert "".join(event.text for event in t.of(TextDelta)).split() == ["I", "look", "at", "both.", "Seen."]
    assert [result.partition("\n")[0] for result in t.results(2)] == ["1\t1", "1\t2"]
    assert "markup" in t.results(2)[0]
    assert "minimax" not in json.dumps(t.assistant(2))
    assert (ended.text, ended.returned, ended.issued) == ("Seen.", 1, 1)


@pytest.mark.parametrize(
    "leak",
    [
        READ[: READ.index("</parameter>")],
        READ[: READ.index("a.py")],
        markup(("frobnicate", {"x": "1"})),
        "<minimax:tool_call>\nread a.py\n</minimax:tool_call>",
    ],
    ids=["no end", "no value", "unknown tool", "no call"],
)
async def test_case_40_an_incomplete_leak_is_not_run_but_sent_back_for_correction(
    talk: Any, surface: str, leak: str
) -> None:
    again = Step((Think("Properly."), Do("read", {"path": "a.py"})), expect=Expect(said="as a real tool call"))
    t = await talk(steps((Think("Look."), Say(f"I look.\n{leak}")), again, Say("Seen.")), surface, files=FILES)
    ended = await t.say("Go")
    assert len(t.of(CallStarted)) == 1
    assert "invoke" not in t.shown
    assert "minimax" not in t.shown
    assert ended.text == "Seen."
    assert t.of(Noted)


@pytest.mark.parametrize("size", [3, 10_000])
async def test_case_40_markup_in_a_code_fence_is_text(talk: Any, surface: str, size: int) -> None:
    said = f"M2 writes calls so:\n```xml\n{READ}\n```\nThat is all."
    t = await talk(steps((Think("Explain."), Say(pieces_of(said, size)))), surface, files=FILES)
    ended = await t.say("How does M2 write calls?")
    assert t.shown == said
    assert (ended.reason, ended.text) == ("done", said)
    assert not t.of(CallStarted)


async def test_case_40_markup_that_the_user_asked_about_is_text(talk: Any, surface: str) -> None:
    said = f"It reads a.py:\n{READ}"
    t = await talk(steps((Think(f"They ask about {READ}."), Say(said))), surface, files=FILES)
    ended = await t.say(f"What does this do?\n{READ}")
    assert (ended.reason, ended.text, t.shown) == ("done", said, said)
    assert not t.of(CallStarted)


@pytest.mark.parametrize("words", [(), (Say("I look at it now."),)], ids=["silent", "with words"])
async def test_case_41_a_call_inside_a_thought_is_asked_for_again(
    talk: Any, surface: str, words: tuple[Say, ...]
) -> None:
    lost = Step((Think(f"I read it.\n{READ}"), *words))
    again = Step(
        (Think("Properly."), Do("read", {"path": "a.py"})), expect=Expect(said="as a real tool call", thoughts=1)
    )
    t = await talk(steps(lost, again, Say("Seen.")), surface, files=FILES)
    ended = await t.say("Go")
    assert len(t.of(CallStarted)) == 1
    assert (ended.reason, ended.text, ended.returned) == ("done", "Seen.", 2)


async def test_case_41_a_model_that_never_makes_the_call_has_not_finished(talk: Any, surface: str) -> None:
    lost = (Think(f"I read it.\n{READ}"),)
    t = await talk(steps(lost, lost, lost), surface)
    ended = await t.say("Go")
    assert (ended.reason, ended.exit_code) == ("failed", 1)
    assert "plain text" in ended.error


@pytest.mark.parametrize(
    "content",
    ["<p>\n<parameter name='x'>1</parameter>\n</p>\n", "a = '</minimax:tool_call>'\n"],
    ids=["parameter", "tool_call"],
)
async def test_case_42_a_value_that_holds_closing_tags_is_kept_whole(talk: Any, surface: str, content: str) -> None:
    leak = markup(("write", {"file_path": "page.html", "content": content}))
    t = await talk(steps((Think("Write."), Say(leak)), Say("Done.")), surface)
    await t.say("Go")
    assert (t.folder / "page.html").read_text() == content
    assert ("may have been cut" in t.results(2)[0]) == ("</parameter>" in content)


async def test_case_42_a_value_that_holds_the_end_of_a_call_is_not_written_half(talk: Any, surface: str) -> None:
    leak = markup(("write", {"file_path": "page.html", "content": "one</parameter>\n</invoke>\ntwo\n"}))
    again = Step((Do("write", {"path": "page.html", "content": "whole\n"}),), expect=Expect(said="as a real tool call"))
    t = await talk(steps((Think("Write."), Say(leak)), again, Say("Done.")), surface)
    await t.say("Go")
    assert len(t.of(CallStarted)) == 1
    assert (t.folder / "page.html").read_text() == "whole\n"


NESTED = "def one():\n    if True:\n        return 1\n\n\ndef two():\n    if True:\n        return 2\n"


async def test_case_43_a_needle_without_its_indentation_finds_the_one_place(talk: Any, surface: str) -> None:
    change = Do("edit", {"path": "a.py", "old": "if True:\n    return 2", "new": "if True:\n    return 3"})
    t = await talk(
        steps((Do("read", {"path": "a.py"})), (Think("Edit."), change), Say("Done.")), surface, files={"a.py": NESTED}
    )
    await t.say("Go")
    assert (t.folder / "a.py").read_text() == NESTED.replace("return 2", "return 3")
    assert "+        return 3" in t.results(3)[1]


async def test_case_43_an_ambiguous_needle_changes_nothing(talk: Any, surface: str) -> None:
    change = Do("edit", {"path": "a.py", "old": "if True:", "new": "if False:"})
    t = await talk(
        steps((Do("read", {"path": "a.py"})), (Think("Edit."), change), Say("I see.")), surface, files={"a.py": NESTED}
    )
    await t.say("Go")
    assert (t.folder / "a.py").read_text() == NESTED
    assert "2" in t.results(3)[1]
    assert t.session.history.messages()[-2].results[0].failed
