"""A policy goes by what came of its moves, with whatever tools there are; and answers are cut where they should be."""

from __future__ import annotations

import http.client
from dataclasses import replace
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Fault, Rehearsal, Script, Shape, Step, Think
from minicode.lab.rehearsal.conversation import Tool
from minicode.lab.rehearsal.policy import Moment, Move, Policy
from minicode.lab.rehearsal.tools import call_for


def shell(command: str) -> Do:
    return Do("shell", {"command": command})


MOVES = (Move((shell("one"),), ("^done$",), mends=(Move((shell("mend"),), ("mended",)),)), Move((shell("two"),)))


def called(data: dict[str, Any]) -> list[str]:
    return [block["input"]["command"] for block in data["content"] if block["type"] == "tool_use"]


def test_it_mends_what_failed_and_tries_again(client: Any) -> None:
    policy = Policy(MOVES, "All done.")
    with Rehearsal(policy.script()) as server:
        talk = client(server.url)
        for command, result in (
            ("one", "it failed"),
            ("mend", "no"),
            ("mend", "mended"),
            ("one", "x\ndone\ny"),
            ("two", "whatever"),
        ):
            assert called(talk.ask()) == [command] and not policy.done
            talk.answer_calls(result)
        assert talk.ask()["content"][-1]["text"] == "All done."
    assert policy.done and server.failures == []


def test_a_reply_that_was_lost_is_the_same_move_again(client: Any) -> None:
    seen: list[tuple[int, int]] = []

    def drift(step: Step, moment: Moment) -> Step:
        seen.append((moment.move, moment.again))
        return replace(step, fault=Fault(status=529)) if moment.again == 0 else step

    with Rehearsal(Policy((MOVES[1],), "Done.", drift).script()) as server:
        talk = client(server.url)
        assert talk.send()[0] == 529
        assert called(talk.ask()) == ["two"]
        talk.answer_calls()
        assert talk.send()[0] == 529
        talk.ask()
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_it_does_not_try_for_ever(client: Any) -> None:
    with Rehearsal(Policy((Move((shell("one"),), ("never",)),), "Done.", tries=3).script()) as server:
        talk = client(server.url)
        for _ in range(3):
            talk.ask()
            talk.answer_calls()
        assert talk.send()[0] == 400
    assert "move 1 was tried 3 times" in server.failures[0]


def test_a_want_that_no_tool_can_do_is_a_failure(client: Any) -> None:
    with Rehearsal(Policy((Move((Do("fetch", {"url": "x"}),)),), "Done.").script()) as server:
        assert client(server.url).send()[0] == 400
    assert "No tool of this request can do 'fetch'" in server.failures[0]


def opaque(number: int, told: str, *names: str) -> Tool:
    schema = {"type": "object", "properties": {key: {"type": "string"} for key in names}, "required": list(names)}
    return Tool(f"fn_{number}", schema, told)


def test_a_tool_with_a_name_that_says_nothing_is_known_by_what_is_said_of_it() -> None:
    tools = (
        opaque(0, "List the symbols of a file.", "path"),
        opaque(1, "List files by name.", "pattern"),
        opaque(2, "Read a text file.", "path"),
        opaque(3, "Search file contents.", "pattern"),
        opaque(4, "Read a web page.", "url"),
    )
    for action, given, name in (
        ("read", {"path": "a"}, "fn_2"),
        ("glob", {"pattern": "*"}, "fn_1"),
        ("grep", {"pattern": "x"}, "fn_3"),
        ("fetch", {"url": "u"}, "fn_4"),
    ):
        assert call_for(action, given, tools) == (name, given)
    with pytest.raises(LookupError, match="todo"):
        call_for("todo", {"items": ["a"]}, tools)


@pytest.mark.parametrize("surface", ["anthropic", "openai"])
@pytest.mark.parametrize("kind", ["thinking", "call"])
def test_it_is_cut_amid_a_block(client: Any, surface: str, kind: str) -> None:
    blocks = (Think("a thought of some length, in many pieces"), shell("a command of some length, in many pieces"))
    whole = Step(blocks, shape=Shape(piece=4, argument_piece=4))
    with Rehearsal(Script((whole, replace(whole, fault=Fault(cut_in=kind))))) as server:  # type: ignore[arg-type]
        talk = client(server.url, surface)
        assert talk.send(stream=True)[0] == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            talk.send(stream=True)
    text = cut.value.partial.decode()
    pieces = [text.count('"partial_json"') + text.count('"arguments"'), text.count('"thinking_delta"')]
    pieces[1] += text.count('"reasoning_details"')
    assert pieces[1] > 2 and (pieces[0] > 2 if kind == "call" else pieces[0] == 0)


def test_there_is_nothing_to_be_cut_in(client: Any) -> None:
    with Rehearsal(Script((Step((Think("only"),), fault=Fault(cut_in="call")),))) as server:
        assert client(server.url).send(stream=True)[0] == 400
    assert "no call to be cut in" in server.failures[0]
