"""Cases 44 to 60: what the endpoint and the way to it get wrong, and what the user is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from minicode.errors import AuthError, ModelError, TemporaryError
from minicode.events import CallDone, Noted, Retrying, TextDelta, Withdrawn
from minicode.lab.rehearsal import Do, Expect, Fault, Rehearsal, Say, Script, Shape, Step, Think, steps
from minicode.messages import Request, User
from minicode.model.client import EndpointModel
from minicode.model.clocks import Clocks
from minicode.model.endpoint import endpoint

FILES = {"a.py": "1\n", "b.py": "2\n"}
GOOD = Step((Think("Fine."), Say("Here.")))


def faulty(*faults: Fault, then: Step = GOOD) -> Script:
    """Each fault in its turn, then a good answer."""
    return steps(*(Step(then.blocks, fault=fault) for fault in faults), then)


def reported(*faults: Fault) -> Script:
    """A fault that ends the turn, and a good answer to the next."""
    return faulty(*faults, then=Step((Say("Back."),)))


async def fails(t: Any) -> Any:
    """The end of a failed turn, after which the session goes on."""
    ended = await t.say("Go")
    assert ended.reason == "failed"
    assert ended.error.strip()
    back = await t.say("And now?")
    assert (back.reason, back.text) == ("done", "Back.")
    return ended


async def test_case_44_a_rate_limit_is_waited_out(talk: Any, surface: str) -> None:
    limit = Fault(status=429, code=1002, message="rate limit exceeded(RPM)")
    schedule = {"base": 1.0, "cap": 60.0, "chance": lambda: 0.5}
    t = await talk(faulty(limit, limit, limit), surface, schedule=schedule)
    ended = await t.say("Go")
    assert (ended.reason, ended.text) == ("done", "Here.")
    assert t.waits.seconds == [0.5, 1.0, 2.0]
    assert [(event.attempt, event.wait) for event in t.of(Retrying)] == [(1, 0.5), (2, 1.0), (3, 2.0)]
    assert "Too many requests" in t.of(Retrying)[0].reason
    assert len({exchange.raw for exchange in t.exchanges}) == 1


async def test_case_44_retry_after_is_obeyed(talk: Any, surface: str) -> None:
    limits = [Fault(status=429, code=1002, headers={"Retry-After": seconds}) for seconds in ("7", "0")]
    t = await talk(faulty(*limits), surface, schedule={"chance": lambda: 0.25})
    assert (await t.say("Go")).text == "Here."
    assert t.waits.seconds == [7.0, 0.5]


async def test_case_44_a_wait_that_is_too_long_is_left_to_the_user(talk: Any, surface: str) -> None:
    t = await talk(reported(Fault(status=429, code=1002, headers={"Retry-After": "7200"})), surface)
    ended = await fails(t)
    assert t.waits.seconds == []
    assert "2.0 h" in ended.error
    assert ended.exit_code == 75


async def test_case_45_a_used_up_plan_stops_and_names_the_time(talk: Any, surface: str) -> None:
    words = "usage limit exceeded, 5-hour usage limit reached, resets at 2026-10-05T18:00:00Z"
    t = await talk(reported(Fault(status=429, code=2056, message=words)), surface)
    ended = await fails(t)
    assert t.waits.seconds == []
    assert "resets at 2026-10-05T18:00:00Z" in ended.error
    assert ended.exit_code == 75


@pytest.mark.parametrize(
    ("status", "code", "hint", "exit_code"),
    [
        (500, 1008, "Top it up", 1),
        (429, 1008, "Top it up", 1),
        (500, 2061, "--model", 1),
        (401, 1004, "MINIMAX_API_KEY", 41),
        (401, 2049, "region", 41),
        (400, 2013, "does not accept the request", 1),
    ],
)
async def test_case_46_what_no_retry_can_mend_is_not_retried(
    talk: Any, surface: str, status: int, code: int, hint: str, exit_code: int
) -> None:
    fault = Fault(status=status, code=code, message="invalid params" if code == 2013 else "the server's words")
    t = await talk(reported(fault), surface)
    ended = await fails(t)
    assert len(t.exchanges) == 2
    assert t.waits.seconds == []
    assert hint in ended.error
    assert str(code) in ended.error
    assert "Request id: " in ended.error
    assert ended.exit_code == exit_code


PAGE = "<html><head><title>Bad gateway</title></head><body><h1>nginx</h1></body></html>"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, code=1000, message="unknown error, 999"),
        Fault(status=500, code=1033, message="system error"),
        Fault(status=529, message="High traffic detected, please try again later"),
        Fault(status=502, body=PAGE),
        Fault(status=503, body=PAGE),
        Fault(status=504, body=PAGE),
        Fault(status=400, code=2013, message="tools with type function. Not yet implemented"),
    ],
    ids=["1000", "1033", "529", "502", "503", "504", "not yet implemented"],
)
async def test_case_47_trouble_that_passes_is_retried_with_jitter(talk: Any, surface: str, fault: Fault) -> None:
    chances = iter([0.9, 0.1])
    t = await talk(faulty(fault, fault), surface, schedule={"chance": lambda: next(chances)})
    ended = await t.say("Go")
    assert (ended.reason, ended.text) == ("done", "Here.")
    assert t.waits.seconds == [0.9, 0.2]
    first, _ = t.of(Retrying)
    assert (first.attempt, first.wait) == (1, 0.9)
    assert first.tries >= 6
    assert "<" not in first.reason
    assert t.shown == "Here."


async def test_case_47_a_wait_can_be_cancelled(talk: Any, surface: str) -> None:
    t = await talk(faulty(Fault(status=529)), surface)
    t.waits.hold = asyncio.Event()
    ended = await t.say("Go", lambda event: isinstance(event, Retrying) and t.session.cancel())
    assert ended.reason == "cancelled"
    assert len(t.exchanges) == 1
    assert (await t.say("Now")).text == "Here."


async def test_a_turn_that_is_cancelled_before_its_first_step_ends(talk: Any, surface: str) -> None:
    t = await talk(steps(Say("Here.")), surface)
    saying = asyncio.ensure_future(t.say("Go"))
    await asyncio.sleep(0)
    assert t.session.running
    t.session.cancel()
    assert (await asyncio.wait_for(saying, 10)).reason == "cancelled"
    assert (await t.say("Now")).reason == "done"


async def test_case_47_patience_ends(talk: Any, surface: str) -> None:
    busy = [Fault(status=503, body=PAGE)] * 3
    t = await talk(reported(*busy), surface, schedule={"tries": 3})
    ended = await fails(t)
    assert len(t.waits.seconds) == 2
    assert ended.exit_code == 75
    assert "The endpoint failed" in ended.error


@pytest.mark.parametrize("code", [1000, 1033, 0])
async def test_case_48_an_error_in_the_stream_voids_what_came_before(talk: Any, surface: str, code: int) -> None:
    blocks = (Think("Half a thought."), Say("Half a word."), Do("read", {"path": "a.py"}))
    broken = Step(blocks, fault=Fault(error_after=2, code=code))
    t = await talk(steps(broken, (Think("Whole."), Say("Here.")), Say("Yes.")), surface, files=FILES)
    ended = await t.say("Go")
    assert "".join(event.text for event in t.of(TextDelta)) == "Half a word.Here."
    assert t.shown == "Here."
    assert len(t.of(Withdrawn)) == 1
    assert t.exchanges[0].raw == t.exchanges[1].raw
    assert (ended.text, ended.returned, ended.issued) == ("Here.", 1, 1)
    await t.say("Sure?")
    assert b"Half" not in t.exchanges[2].raw
    assert not t.of(CallDone)


SOON = Clocks(first=0.25, idle=0.25, progress=0.5)
BROKEN = {
    "closed before the answer": Fault(raw=b""),
    "closed in the head": Fault(raw=b"HTTP/1.1 200 OK\r\nContent-"),
    "not HTTP": Fault(raw=b"SSH-2.0-OpenSSH_9.6\r\n"),
    "reset before the first byte": Fault(cut=0, reset=True),
    "reset in the middle": Fault(cut=700, reset=True),
    "closed in the middle": Fault(cut=700),
    "a whole frame short": Fault(cut=2000),
    "mute": Fault(mute=True),
    "silent at once": Fault(stall=0),
    "silent in the middle": Fault(stall=700),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_case_49_a_broken_or_silent_connection_is_tried_again(talk: Any, surface: str, fault: Fault) -> None:
    # Long enough that the cuts fall into it on both surfaces.
    blocks = (Think("A thought that goes on for a while. " * 60), Say("Here."))
    t = await talk(faulty(fault, then=Step(blocks)), surface, clocks=SOON)
    ended = await t.say("Go")
    assert (ended.reason, ended.text, ended.issued) == ("done", "Here.", 1)
    assert len(t.of(Retrying)) == 1
    assert t.exchanges[0].raw == t.exchanges[1].raw


async def test_case_49_a_stream_that_stops_without_its_end_is_tried_again(talk: Any, surface: str) -> None:
    """HTTP says that all is well, and yet nobody said that the reply was over."""
    end = ("message_delta", "message_stop", "finish", "usage", "[DONE]")
    short = Step((Think("Half."), Say("Half a"), Do("read", {"path": "a.py"})), shape=Shape(without=end))
    t = await talk(steps(short, GOOD), surface, files=FILES)
    ended = await t.say("Go")
    assert (ended.text, ended.issued) == ("Here.", 1)
    assert "cut off" in t.of(Retrying)[0].reason
    assert not t.of(CallDone)


@pytest.mark.parametrize("end", ["message_delta", "message_stop", "usage", "[DONE]"])
async def test_case_49_one_sign_of_the_end_is_enough(talk: Any, surface: str, end: str) -> None:
    t = await talk(steps(Step(GOOD.blocks, shape=Shape(without=(end,)))), surface)
    assert (await t.say("Go")).text == "Here."


async def test_case_49_pings_alone_do_not_keep_a_stream_alive(talk: Any, surface: str) -> None:
    pings = Shape(pings=1000, pause=0.01)
    t = await talk(
        steps(Step((Say("Late."),), shape=pings), GOOD), surface, clocks=Clocks(first=0.25, idle=0.25, progress=0.3)
    )
    ended = await t.say("Go")
    assert ended.text == "Here."
    assert "sent nothing of the reply" in t.of(Retrying)[0].reason


async def test_case_49_nobody_there(talk: Any, surface: str) -> None:
    t = await talk(steps(GOOD), surface, schedule={"tries": 2})
    t.whole_script = False
    await t.server.__aexit__(None, None, None)
    ended = await t.say("Go")
    assert ended.reason == "failed"
    assert "nothing listens at 127.0.0.1" in ended.error
    assert ended.exit_code == 75


@pytest.mark.parametrize("without", [(), ("message_delta", "finish", "usage")], ids=["with an end", "without"])
async def test_case_50_an_empty_answer_is_asked_for_again_and_then_reported(
    talk: Any, surface: str, without: tuple[str, ...]
) -> None:
    empty = Step((), shape=Shape(without=without))
    t = await talk(steps(empty, empty, GOOD, empty, empty, empty, Say("Back.")), surface)
    assert (await t.say("Go")).text == "Here."
    assert len(t.of(Retrying)) == 2
    ended = await fails(t)
    assert ended.exit_code == 75
    assert "answered with nothing" in ended.error


@pytest.mark.parametrize("code", [1004, 2049])
async def test_case_51_an_error_inside_a_200_is_an_error(talk: Any, surface: str, code: int) -> None:
    body = {"base_resp": {"status_code": code, "status_msg": "login fail"}}
    t = await talk(reported(Fault(body=body)), surface)
    ended = await fails(t)
    assert t.waits.seconds == []
    assert ended.exit_code == 41
    assert "login fail" in ended.error


async def test_case_52_a_full_context_is_said_and_the_session_stays_usable(talk: Any, surface: str) -> None:
    full = Fault(status=400, code=2013, message="invalid params, context window exceeds limit")
    t = await talk(reported(full), surface)
    ended = await fails(t)
    assert len(t.exchanges) == 2
    assert "longer than the model's context" in ended.error
    assert "/compact" in ended.error
    assert ended.exit_code == 1


async def test_case_52_a_window_that_fills_up_in_the_middle_of_the_work(talk: Any, surface: str) -> None:
    """The server counts for itself: what is too long is made shorter, and asked once more."""
    script = Script(steps((Think("Big."), Do("shell", {"command": "seq 4000"})), Say("Fine.")).steps, window=5000)
    t = await talk(script, surface)
    ended = await t.say("Go")
    t.refusals = 1
    assert (ended.reason, ended.text) == ("done", "Fine.")
    assert (ended.returned, ended.issued) == (1, 1)
    assert [e.data["clipped"] for e in t.session.journal.branch if e.kind == "fold"]


async def test_case_52_the_kind_is_there_for_who_can_fold(wire: Any, surface: str) -> None:
    full = Fault(status=400, code=2013, message="invalid params, context window exceeds limit")
    w = await wire(steps(Step(fault=full)), surface)
    with pytest.raises(ModelError) as caught:
        await w.ask()
    assert caught.value.kind == "context"
    assert not isinstance(caught.value, TemporaryError)


LOST = "invalid params, tool result's tool id(call_function_x_1) not found"


async def test_case_53_a_server_that_misses_a_pair_is_asked_once_more(talk: Any, surface: str) -> None:
    look = (Think("Look."), Do("read", {"path": "a.py"}))
    lost = Step(fault=Fault(status=400, code=2013, message=LOST))
    t = await talk(steps(look, lost, (Think("Fine."), Say("Here."))), surface, files=FILES)
    ended = await t.say("Go")
    assert (ended.reason, ended.text, ended.returned) == ("done", "Here.", 2)
    assert t.results(3) == ["1\t1"]
    assert t.of(Noted)


async def test_case_53_and_then_it_is_reported_with_the_request_id(talk: Any, surface: str) -> None:
    look = (Think("Look."), Do("read", {"path": "a.py"}))
    lost = Step(fault=Fault(status=400, code=2013, message=LOST))
    t = await talk(steps(look, lost, lost, Say("Back.")), surface, files=FILES)
    ended = await fails(t)
    assert len(t.exchanges) == 4
    assert "not found" in ended.error
    assert "Request id: " in ended.error


@pytest.mark.parametrize("words", ["invalid signature in thinking block", "thinking blocks cannot be modified"])
async def test_case_54_refused_signatures_are_left_out_and_the_thoughts_kept(talk: Any, words: str) -> None:
    look = (Think("Look."), Do("read", {"path": "a.py"}))
    refused = Step(fault=Fault(status=400, code=2013, message=f"invalid params, messages.1: {words}"))
    script = Script(steps(look, refused, look, Say("Here.")).steps, strict_signatures=False)
    t = await talk(script, "anthropic", files=FILES)
    ended = await t.say("Go")
    assert ended.text == "Here."
    assert "signature" in t.assistant(2)["content"][0]
    assert t.assistant(3)["content"][0] == {"type": "thinking", "thinking": "Look."}
    assert "signature" not in t.assistant(4)["content"][0]  # it is not tried again at every step
    assert [thought for turn in t.asked(4).turns for thought in turn.thoughts] == ["Look.", "Look."]
    assert t.waits.seconds == []
    assert "signature" in t.of(Retrying)[0].reason


@pytest.mark.parametrize("code", [1026, 1027])
@pytest.mark.parametrize("status", [400, 500])
async def test_case_55_the_content_filter_ends_the_turn_with_an_explanation(
    talk: Any, surface: str, status: int, code: int
) -> None:
    t = await talk(reported(Fault(status=status, code=code, message="new_sensitive")), surface)
    ended = await fails(t)
    assert t.waits.seconds == []
    assert "content filter" in ended.error
    assert ended.exit_code == 1


@pytest.mark.parametrize("blocks", [(), (Think("Hm."),), (Think("Hm."), Say("I was about to"))], ids=len)
async def test_case_55_so_does_a_reply_that_was_broken_off_by_it(
    talk: Any, surface: str, blocks: tuple[Any, ...]
) -> None:
    stop = "content_filter" if surface == "openai" else "refusal"
    t = await talk(steps(Step(blocks, stop=stop), Say("Back.")), surface)
    ended = await fails(t)
    assert "content filter" in ended.error
    assert ended.exit_code == 1


async def test_case_56_a_wrong_path_hints_at_the_right_ones(talk: Any, surface: str) -> None:
    t = await talk(reported(Fault(status=404, body="404 page not found")), surface)
    ended = await fails(t)
    assert t.waits.seconds == []
    assert "MINIMAX_BASE_URL" in ended.error
    assert "/anthropic" in ended.error
    assert "/v1" in ended.error


ADDRESSES = ["", "/", "/anthropic", "/anthropic/", "/anthropic/v1", "/anthropic/v1/messages", "/v1", "/v1/"]
ADDRESSES += ["/v1/messages", "/v1/chat/completions"]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("protocol", ["auto", "anthropic", "openai"])
async def test_case_56_every_way_to_write_the_address_finds_the_surface(path: str, protocol: str) -> None:
    async with Rehearsal(steps(Say("Here."))) as server:
        model = EndpointModel(endpoint(server.url + path, protocol))
        parts: list[Any] = [part async for part in model.stream(Request("MiniMax-M2.7", "", (), (User("Go."),)))]
        await model.close()
        assert parts[-1].reply.text == "Here."
        if protocol != "auto":
            assert server.requests[-1].surface == protocol
        assert not server.failures


@pytest.mark.parametrize("served", ["anthropic", "openai"])
async def test_case_56_a_server_with_one_surface_is_understood(served: str) -> None:
    async with Rehearsal(steps(Say("Here."), Say("There.")), surfaces=(served,)) as server:
        memory: dict[str, str] = {}
        for text in ("Here.", "There."):
            place = endpoint(server.url)
            model = EndpointModel(place, recall=memory.get, remember=memory.__setitem__)
            parts: list[Any] = [part async for part in model.stream(Request("MiniMax-M2.7", "", (), (User("Go."),)))]
            await model.close()
            assert parts[-1].reply.text == text
        assert {e.surface for e in server.requests if e.status == 200} == {served}
        assert server.requests[-2].status == 200  # the second client had nothing to find out


async def test_case_57_the_same_call_again_and_again_is_told_then_stopped(talk: Any, surface: str) -> None:
    same = Step((Think("Once more."), Do("read", {"path": "a.py"})))
    t = await talk(Script((same,), after="repeat"), surface, files=FILES)
    ended = await t.say("Go")
    assert ended.reason == "loop"
    assert len(t.exchanges) == 5
    told = [n for n, result in enumerate(t.results(5), 1) if "this very call" in result]
    assert told == [3, 4]
    assert len([event for event in t.of(CallDone) if not event.result.failed]) == 4
    assert ended.error.strip()


async def test_case_57_other_arguments_are_no_loop(talk: Any, surface: str) -> None:
    looks = [(Think(f"Look {n}."), Do("read", {"path": "a.py", "limit": n})) for n in range(1, 7)]
    t = await talk(steps(*looks, Say("Here.")), surface, files=FILES)
    ended = await t.say("Go")
    assert ended.text == "Here."
    assert not [result for result in t.results(7) if "very call" in result]


async def test_case_58_a_step_announced_and_not_taken_is_asked_for_once(talk: Any, surface: str) -> None:
    plan = (Think("Plan."), Do("todo", {"items": [("Read it", "done"), ("Write it", "in_progress")]}))
    stop = (Think("Next."), Say("It is read.\n\nNow I will write it."))
    t = await talk(steps(plan, stop, Step(stop, expect=Expect(said="Write it", thoughts=2))), surface)
    ended = await t.say("Go")
    assert len(t.exchanges) == 3
    assert (ended.reason, ended.text) == ("done", "It is read.\n\nNow I will write it.")


async def test_case_58_an_answer_is_not_nudged(talk: Any, surface: str) -> None:
    plan = (Think("Plan."), Do("todo", {"items": [("Read it", "done"), ("Write it", "pending")]}))
    t = await talk(steps(plan, (Think("Ask."), Say("Shall I use tabs or spaces?"))), surface)
    assert (await t.say("Go")).text == "Shall I use tabs or spaces?"
    assert len(t.exchanges) == 2


async def test_case_59_another_model_than_asked_for_is_said_once(talk: Any, surface: str) -> None:
    other = [Step((Think(f"{n}."), Say("Here.")), model="MiniMax-M2.1") for n in range(2)]
    t = await talk(steps(*other, Step((Say("Here."),), model="minimax-m2.7")), surface)
    await t.say("Go")
    assert [event.text for event in t.of(Noted)] == ["MiniMax-M2.1 answered, though MiniMax-M2.7 was asked for."]
    for _ in range(2):
        await t.say("And?")
        assert not t.of(Noted)


# Case 60 is about the search endpoint, which no tool calls yet: here is what its answers have in common with M2's.


@pytest.mark.parametrize(
    ("code", "kind", "error"),
    [
        (1004, "auth", AuthError),
        (2038, "verification", ModelError),
        (1002, "rate", TemporaryError),
        (4711, "unknown", ModelError),
        ("1008", "balance", ModelError),
    ],
)
async def test_case_60_base_resp_is_read_wherever_it_comes(
    wire: Any, surface: str, code: Any, kind: str, error: type[ModelError]
) -> None:
    body = {"base_resp": {"status_code": code, "status_msg": "the server's words"}}
    once = {"tries": 1}
    event = Fault(body=f"data: {json.dumps(body)}\n\n", content_type="text/event-stream")
    w = await wire(steps(Step(fault=Fault(body=body)), Step(fault=event)), surface, schedule=once)
    for _ in range(2):
        with pytest.raises(error) as caught:
            await w.ask()
        assert (caught.value.kind, caught.value.code) == (kind, int(code))
        assert "the server's words" in str(caught.value)


ODD_BODIES: dict[str, Any] = {
    "nothing": {},
    "success and no more": {"base_resp": {"status_code": 0, "status_msg": "success"}},
    "nulls": {"id": None, "choices": None, "content": None, "type": None, "usage": None},
    "empty lists": {"type": "message", "content": [], "choices": [], "usage": {}},
    "other types": {"type": "message", "content": [], "choices": {"a": 1}, "usage": [], "base_resp": "x", "model": ""},
    "a list": "[]",
    "half": '{"type": "message", "content": [{"type": "te',
    "a page": PAGE,
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
async def test_case_60_an_answer_without_an_answer_is_a_clear_failure(talk: Any, surface: str, body: Any) -> None:
    t = await talk(reported(Fault(body=body)), surface, schedule={"tries": 1})
    ended = await fails(t)
    assert len(ended.error) < 400
    assert "Traceback" not in ended.error


@pytest.mark.parametrize("as_json", [True, False])
async def test_case_60_five_megabytes_are_no_trouble(wire: Any, surface: str, as_json: bool) -> None:
    text = "0123456789abcde\n" * 327_680
    step = Step((Say(text),), fault=Fault(json=as_json), shape=Shape(piece=1 << 20))
    w = await wire(steps(step), surface)
    assert (await w.reply()).text == text


async def test_case_60_five_megabytes_of_error_are_one_sentence(talk: Any, surface: str) -> None:
    t = await talk(reported(Fault(status=400, body="no " * 1_700_000)), surface)
    ended = await fails(t)
    assert len(ended.error) < 800
