"""The rehearsal plays what the script says, in M2's forms, on both surfaces."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

import pytest

from minicode.lab.rehearsal import OVER, Call, Do, Expect, Fault, Rehearsal, Say, Script, Shape, Step, Think, steps
from minicode.messages import Usage

ROUND = (Think("Look first."), Say("\n\nLooking."), Do("shell", {"command": "ls"}))


def anthropic_blocks(events: list[Any]) -> list[Any]:
    """The blocks of a stream, put together."""
    blocks: list[Any] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"], json=""))
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            match delta["type"]:
                case "thinking_delta":
                    block["thinking"] += delta["thinking"]
                case "signature_delta":
                    block["signature"] = delta["signature"]
                case "text_delta":
                    block["text"] += delta["text"]
                case "input_json_delta":
                    block["json"] += delta["partial_json"]
    return blocks


def openai_deltas(events: list[Any]) -> list[Any]:
    return [e["choices"][0]["delta"] for e in events if e != "[DONE]" and e["choices"]]


def test_anthropic_stream_has_m2s_order_and_forms(client: Any, events: Any) -> None:
    with Rehearsal(steps(ROUND)) as server:
        status, body = client(server.url).send(stream=True)
    assert status == 200
    seen = events(body)
    kinds = [e["type"] for e in seen]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]
    assert kinds[-2:] == ["message_delta", "message_stop"]
    thought, text, call = anthropic_blocks(seen)
    assert thought["thinking"] == "Look first." and re.fullmatch("[0-9a-f]{64}", thought["signature"])
    assert text["text"] == "\n\nLooking."
    assert call["name"] == "sh" and json.loads(call["json"]) == {"command": "ls"}
    assert re.fullmatch(r"call_function_[a-z0-9]{12}_1", call["id"])
    assert re.fullmatch("[0-9a-f]{32}", seen[0]["message"]["id"])
    assert seen[-2]["delta"]["stop_reason"] == "tool_use"
    assert seen[0]["message"]["usage"]["input_tokens"] < seen[-2]["usage"]["input_tokens"]
    partials = [e["delta"]["partial_json"] for e in seen if e.get("delta", {}).get("type") == "input_json_delta"]
    assert partials[0] == ""


def test_the_same_reply_without_streaming(client: Any) -> None:
    with Rehearsal(steps(ROUND)) as server:
        data = client(server.url).ask()
    assert [b["type"] for b in data["content"]] == ["thinking", "text", "tool_use"]
    assert data["stop_reason"] == "tool_use" and data["content"][2]["input"] == {"command": "ls"}


@pytest.mark.parametrize("chunk", [1, 2, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_chunking_and_dialect_says_the_same(client: Any, events: Any, chunk: int, end: Any) -> None:
    shape = Shape(chunk=chunk, line_end=end, space=False, comments=True, pings=3, piece=2, argument_piece=1)
    script = Script((Step((Think("思考 🤔"), Call("sh", {"command": "é"}))),), shape=shape)
    with Rehearsal(script) as server:
        _, body = client(server.url).send(stream=True)
    assert end.encode() * 2 in body and b"data: " not in body and b": a comment" in body
    seen = events(body)
    thought, call = anthropic_blocks(seen)
    assert thought["thinking"] == "思考 🤔" and json.loads(call["json"]) == {"command": "é"}
    assert sum(e["type"] == "ping" for e in seen) == 3


def test_an_empty_stream(client: Any, events: Any) -> None:
    script = Script((Step(shape=Shape(without=("message_delta",))),))
    with Rehearsal(script) as server:
        _, body = client(server.url).send(stream=True)
    assert [e["type"] for e in events(body)] == ["message_start", "ping", "message_stop"]


@pytest.mark.parametrize("way", ["details", "cumulative", "both", "reasoning_content", "reasoning", "tags", "untagged"])
def test_openai_ways_of_thinking(client: Any, events: Any, way: Any) -> None:
    shape = Shape(reasoning=way, piece=3)
    with Rehearsal(Script((Step((Think("one two three"), Say("Done."))),), shape=shape)) as server:
        _, body = client(server.url, "openai").send(stream=True)
    deltas = openai_deltas(events(body))
    content = "".join(d.get("content") or "" for d in deltas)
    details = [d["reasoning_details"][0]["text"] for d in deltas if "reasoning_details" in d]
    fields = {k: "".join(d.get(k) or "" for d in deltas) for k in ("reasoning_content", "reasoning")}
    if way in ("tags", "untagged"):
        assert content == ("<think>" if way == "tags" else "") + "\none two three\n</think>\n\nDone."
        return
    assert content == "Done."
    if way == "cumulative":
        assert details[:2] == ["one", "one tw"] and details[-1] == "one two three"
    elif way in ("details", "both"):
        assert "".join(details) == "one two three" and len(details) > 1
    assert fields["reasoning_content"] == ("one two three" if way in ("both", "reasoning_content") else "")
    assert fields["reasoning"] == ("one two three" if way == "reasoning" else "")


def test_openai_without_reasoning_split_thinks_in_the_content(client: Any) -> None:
    with Rehearsal(steps((Think("hm"), Say("Yes.")))) as server:
        data = client(server.url, "openai", reasoning_split=False).ask()
    assert data["choices"][0]["message"]["content"] == "<think>\nhm\n</think>\n\nYes."


def test_openai_call_deltas_in_odd_shapes(client: Any, events: Any) -> None:
    shape = Shape(
        index_from=1, null_entry=True, interleave=True, argument_piece=1, finish="same", role="", usage="null"
    )
    calls = (Call("sh", {"command": "a"}), Call("sh", {"command": "b"}))
    script = Script((Step(calls, shape=Shape(**{**_fields(shape), "without": ("[DONE]",)})),))
    with Rehearsal(script) as server:
        _, body = client(server.url, "openai").send(stream=True)
    seen = events(body)
    assert "[DONE]" not in seen and seen[0]["usage"] is None
    deltas = openai_deltas(seen)
    assert deltas[0]["role"] == ""
    entries = [d["tool_calls"][0] for d in deltas if "tool_calls" in d]
    assert [e["index"] for e in entries[:4]] == [1, 2, 1, 2]
    assert [e["index"] for e in entries if "function" in e and e["function"].get("name", "") is None] == [1, 2]
    text = "".join(e["function"]["arguments"] for e in entries if e["index"] == 2)
    assert json.loads(text) == {"command": "b"}
    last = [e for e in seen if e["choices"]][-1]["choices"][0]
    assert last["finish_reason"] == "tool_calls" and last["delta"]["tool_calls"]


def _fields(shape: Shape) -> dict[str, Any]:
    return {name: getattr(shape, name) for name in shape.__dataclass_fields__}


def test_openai_object_arguments_split_signature_and_two_finishes(client: Any, events: Any) -> None:
    shape = Shape(object_arguments=True, split_signature=True, finish="twice", usage="zero")
    step = Step((Think("hm", signature="s" * 64), Call("sh", {"command": "a"})), shape=shape)
    with Rehearsal(Script((step,))) as server:
        _, body = client(server.url, "openai").send(stream=True)
    seen = events(body)
    deltas = openai_deltas(seen)
    details = [d["reasoning_details"][0] for d in deltas if "reasoning_details" in d]
    assert details[0]["text"] == "hm" and "signature" not in details[0]
    assert details[1]["signature"] == "s" * 64 and "text" not in details[1]
    assert [d["tool_calls"][0]["function"]["arguments"] for d in deltas if "tool_calls" in d] == [{"command": "a"}]
    assert [e["choices"][0]["finish_reason"] for e in seen if e != "[DONE]" and e["choices"]][-2:] == ["tool_calls"] * 2
    assert seen[0]["usage"] == {"total_tokens": 0} and seen[-2]["usage"]["total_tokens"] > 0 and seen[-1] == "[DONE]"


def test_stated_pieces_stop_usage_and_model(client: Any, events: Any) -> None:
    step = Step((Think(("a", "and the")),), stop="max_tokens", usage=Usage(5, 6, 7, 8), model="MiniMax-M2.7")
    with Rehearsal(Script((step,))) as server:
        _, body = client(server.url).send(stream=True)
    seen = events(body)
    assert [e["delta"]["thinking"] for e in seen if "thinking" in e.get("delta", {})] == ["a", "and the"]
    assert seen[0]["message"]["model"] == "MiniMax-M2.7"
    assert seen[-2]["delta"]["stop_reason"] == "max_tokens"
    assert seen[-2]["usage"] == {
        "input_tokens": 5,
        "output_tokens": 6,
        "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 8,
    }


def test_prefix_cache_and_marks(client: Any) -> None:
    with Rehearsal(steps(ROUND, ROUND, Say("end"))) as server:
        one = client(server.url)
        first = one.ask(system="s" * 4000)["usage"]
        one.answer_calls()
        second = one.ask(system="s" * 4000)["usage"]
        one.answer_calls()
        system = [{"type": "text", "text": "s" * 4000, "cache_control": {"type": "ephemeral"}}]
        marked = [*one.history[:-1], {"role": "user", "content": list(one.history[-1]["content"])}]
        marked[-1]["content"][-1] = marked[-1]["content"][-1] | {"cache_control": {"type": "ephemeral"}}
        one.history = marked
        third = one.ask(system=system)["usage"]
    assert first["cache_read_input_tokens"] == 0 and first["input_tokens"] > 1000
    assert abs(second["cache_read_input_tokens"] - first["input_tokens"]) <= 1
    assert third["cache_read_input_tokens"] >= second["cache_read_input_tokens"] + second["input_tokens"] - 1
    assert third["cache_creation_input_tokens"] > 0 and third["input_tokens"] <= 1


def test_after_the_script(client: Any) -> None:
    with Rehearsal(steps(Say("one"))) as server:
        one = client(server.url)
        one.ask()
        assert server.over
        one.history.append({"role": "user", "content": "More?"})
        assert one.ask()["content"] == [{"type": "text", "text": OVER}]
    with Rehearsal(Script((Step((Say("again"),)),), after="repeat")) as server:
        one = client(server.url)
        assert [one.ask()["content"][0]["text"] for _ in range(2)] == ["again", "again"]


def test_a_step_may_be_a_function_of_the_request(client: Any) -> None:
    with Rehearsal(Script((lambda asked: Step((Say(asked.said.upper()),)),))) as server:
        assert client(server.url).ask()["content"][0]["text"] == "GO."


def test_expectation_met_else_otherwise_else_loud(client: Any) -> None:
    script = Script(
        (
            Step(ROUND),
            Step((Say("fine"),), expect=Expect(results="passed", thoughts=1), otherwise=Step(ROUND)),
            Step((Say("fine"),), expect=Expect(results=("2", "passed"), matches=r"\d passed", absent="failed")),
        )
    )
    with Rehearsal(script) as server:
        one = client(server.url)
        one.ask()
        one.answer_calls("1 failed")
        assert one.ask()["stop_reason"] == "tool_use"
        one.answer_calls("2 passed, 1 failed")
        status, body = one.send()
        assert status == 400 and b"step 3: did not expect 'failed'" in body
        assert len(server.failures) == 1 and "'2 passed, 1 failed'" in server.failures[0]
        one.history.pop()
        one.answer_calls("2 passed")
        assert one.ask()["content"][0]["text"] == "fine"


def test_requests_are_recorded_and_connections_counted(client: Any) -> None:
    with Rehearsal(steps(ROUND, Say("end"))) as server:
        one = client(server.url)
        one.ask()
        one.answer_calls()
        one.ask()
        client(server.url).ask()
        assert server.wait(3).connection == 2
    first, second, third = server.requests
    assert (first.connection, second.connection, third.connection, server.connections) == (1, 1, 2, 2)
    assert first.ended is not None and first.arrived <= first.ended <= second.arrived
    assert json.loads(first.raw) == first.body and first.complete and (first.step, second.step) == (0, 1)
    assert second.raw.startswith(first.raw[:-2])


async def test_waiting_in_async_code() -> None:
    import asyncio

    async with Rehearsal(steps(Say("hi"))) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        message = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
        body = json.dumps(message).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n"
        writer.write(head.encode() + body + b"\r\n0\r\n\r\n")
        await server.finished()
        assert (await server.ended(1)).status == 200
        assert b'"text": "hi"' in await reader.read(4096)
        writer.close()


def test_keys_surfaces_lists_and_wrong_paths(client: Any) -> None:
    with Rehearsal(steps(Say("hi")), key="k", surfaces=("openai",)) as server:
        one = client(server.url, "openai")
        status, body = one.send()
        assert status == 401 and b"(1004)" in body
        assert one.send(headers={"Authorization": "Bearer k"})[0] == 200
        assert one.send("/anthropic/v1/messages") == (404, b"404 page not found")
        assert one.send("/v1/nothing") == (404, b"404 page not found")
        one.connection.request("GET", "/v1/models", headers={"x-api-key": "k"})
        assert "MiniMax-M2" in [m["id"] for m in json.loads(one.connection.getresponse().read())["data"]]
        assert not server.failures


def test_the_probe_costs_no_step(client: Any) -> None:
    with Rehearsal(steps(Say("hi"))) as server:
        one = client(server.url)
        status, body = one.send(raw=b"{}")
        assert status == 400
        assert json.loads(body)["error"]["message"] == "invalid params, messages must not be empty (2013)"
        assert server.played == 0 and not server.failures


TOOLS = (
    ("Bash", {"cmd": {}, "description": {"type": "string"}}, ["cmd", "description"]),
    ("run_tests", {"path": {"type": "string"}}, []),
    ("view", {"path": {}, "offset": {}}, ["path"]),
    ("str_replace", {"path": {}, "old_str": {}, "new_str": {}}, ["path", "old_str", "new_str"]),
    ("create_file", {"path": {}, "file_text": {}}, ["path", "file_text"]),
    ("Grep", {"pattern": {}, "path": {}}, ["pattern"]),
    (
        "TodoWrite",
        {"todos": {"items": {"properties": {"id": {"type": "string"}, "content": {}, "status": {}}}}},
        ["todos"],
    ),
    ("git", {"args": {"type": "array"}}, ["args"]),
)
DEEDS = (
    (Do("shell", {"command": "ls"}), "Bash", {"cmd": "ls", "description": "shell (description)"}),
    (Do("test", {"command": "pytest"}), "run_tests", {}),
    (Do("read", {"path": "a"}), "view", {"path": "a"}),
    (Do("edit", {"path": "a", "old": "b", "new": "c"}), "str_replace", {"path": "a", "old_str": "b", "new_str": "c"}),
    (Do("write", {"path": "a", "content": "b"}), "create_file", {"path": "a", "file_text": "b"}),
    (Do("grep", {"pattern": "x"}), "Grep", {"pattern": "x"}),
    (
        Do("todo", {"items": ["a", ["b", "done"]]}),
        "TodoWrite",
        {
            "todos": [
                {"id": "1", "content": "a", "status": "pending"},
                {"id": "2", "content": "b", "status": "completed"},
            ]
        },
    ),
    (Do("git", {"command": "diff --stat"}), "git", {"args": ["diff", "--stat"]}),
)


@pytest.mark.parametrize(("deed", "name", "arguments"), DEEDS, ids=[d[0].action for d in DEEDS])
def test_tools_are_found_by_schema(client: Any, deed: Do, name: str, arguments: Any) -> None:
    tools = [
        {"name": n, "input_schema": {"type": "object", "properties": p, "required": r}} for n, p, r in reversed(TOOLS)
    ]
    with Rehearsal(steps(deed)) as server:
        call = client(server.url, tools=tools).ask()["content"][0]
    assert (call["name"], call["input"]) == (name, arguments)


def test_without_a_fitting_tool_it_falls_back_or_is_loud(client: Any) -> None:
    with Rehearsal(steps(Do("git", {"command": "diff"}), Do("edit", {"path": "a", "old": "b", "new": "c"}))) as server:
        one = client(server.url)
        assert one.ask()["content"][0]["input"] == {"command": "git diff"}
        one.answer_calls()
        status, body = one.send()
        assert status == 400 and b"No tool of this request can do 'edit'; it offers sh." in body


def test_faults_of_status(client: Any) -> None:
    script = Script(
        (
            Step(fault=Fault(status=429, code=1002, headers={"Retry-After": "7"})),
            Step(fault=Fault(status=500, code=1008)),
            Step(fault=Fault(status=502, body="<html>Bad gateway</html>")),
            Step(fault=Fault(body={"base_resp": {"status_code": 1004, "status_msg": "no"}})),
        )
    )
    with Rehearsal(script) as server:
        one = client(server.url)
        one.connection.request("POST", one.path, json.dumps(one.options | {"messages": one.history}))
        answer = one.connection.getresponse()
        assert (answer.status, answer.getheader("retry-after")) == (429, "7")
        data = json.loads(answer.read())
        assert data["error"] == {"type": "rate_limit_error", "message": "rate limit exceeded (1002)"}
        assert json.loads(one.send()[1])["error"]["message"] == "insufficient balance (1008)"
        assert one.send() == (502, b"<html>Bad gateway</html>")
        assert json.loads(one.send()[1])["base_resp"]["status_code"] == 1004
        assert not server.failures and server.over


def test_error_event_wrong_type_and_json_to_a_stream(client: Any, events: Any) -> None:
    blocks = (Say("part one"), Say("part two"))
    script = Script(
        (
            Step(blocks, fault=Fault(error_after=1, code=1000, message="unknown error")),
            Step(blocks, fault=Fault(json=True)),
            Step(blocks, fault=Fault(content_type="text/plain")),
        )
    )
    for surface in ("anthropic", "openai"):
        with Rehearsal(script) as server:
            one = client(server.url, surface)
            seen = events(one.send(stream=True)[1])
            assert seen[-1]["error"]["message"] == "unknown error (1000)" and "part two" not in json.dumps(seen)
            assert isinstance(json.loads(one.send(stream=True)[1]), dict)
            one.connection.request(
                "POST", one.path, json.dumps(one.options | {"messages": one.history, "stream": True})
            )
            answer = one.connection.getresponse()
            assert answer.getheader("content-type") == "text/plain" and b"data:" in answer.read()


def test_connections_that_break_off(client: Any) -> None:
    script = Script(
        (
            Step((Say("x" * 500),), fault=Fault(cut=300)),
            Step((Say("x" * 500),), fault=Fault(cut=300, reset=True)),
            Step(fault=Fault(raw="nonsense\r\n\r\n")),
        )
    )
    with Rehearsal(script) as server:
        with pytest.raises(http.client.IncompleteRead):
            client(server.url).send(stream=True)
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            client(server.url).send(stream=True)
        with pytest.raises(http.client.BadStatusLine):
            client(server.url).send(stream=True)
    assert [e.complete for e in server.requests] == [False] * 3


@pytest.mark.parametrize("fault", [Fault(mute=True), Fault(stall=0), Fault(stall=40)])
def test_silence_until_the_client_leaves(client: Any, fault: Fault) -> None:
    with Rehearsal(Script((Step((Say("x"),), fault=fault),))) as server:
        one = client(server.url)
        one.connection.timeout = 0.2
        with pytest.raises(TimeoutError):
            one.send(stream=True)
        one.connection.close()
        assert not server.wait(1, ended=True, timeout=5).complete
