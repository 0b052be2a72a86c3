"""What was kept can be checked: the meter, the price of going on, any request again, and other models and surfaces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from minicode.lab.rehearsal import Call, Rehearsal, Say, Step, Think, steps

Rehearse = Callable[..., Rehearsal]


def two_turns(program: Any, server: Rehearsal) -> str:
    (program.workspace / "a").write_text("the word\n" * 200)
    session = str(program("run", "read a", "--json", server=server).result["session_id"])
    assert program("run", "-c", "and?", server=server).code == 0
    return session


def script() -> Any:
    return steps(
        (Think("look", signature="sig-1"), Call("read", {"file_path": "a"})),
        (Think("seen", signature="sig-2"), Say("it says the word")),
        (Think("again"), Say("still")),
        (Think("more"), Say("yes")),
    )


def test_the_meter_is_everywhere(program: Any, rehearse: Rehearse) -> None:
    server = rehearse(script())
    session = two_turns(program, server)
    last = program("run", "-c", "on", "--json", server=server)
    assert last.result["thinking"] == {"issued": 4, "returned": 4}
    assert "thought 4/4" in program("sessions", "context", session).out
    assert "thought 3/3" in program("sessions", "verify", session).out


def test_going_on_says_first_what_it_will_cost(program: Any, rehearse: Rehearse) -> None:
    server = rehearse(script())
    session = two_turns(program, server)
    ran = program("run", "-r", session, "on", "--json", server=server)
    [said] = [e["text"] for e in ran.of("notice") if "Going on" in e["text"]]
    found = re.search(rf"Going on in session {session}: about ([\d,]+) tokens, (\d+) % of them cached", said)
    assert found, said
    usage = ran.result["usage"]
    real = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    assert 0.95 < int(found[1].replace(",", "")) / real < 1.05
    assert int(found[2]) > 90
    before = program("trace", session, "--raw").out
    model = str(json.loads(before)["model"])
    assert f"it was {model}" not in said
    other = program("run", "-r", session, "-m", "MiniMax-M2", "on", server=server).err
    assert "0 % of them cached" in other
    assert f"session {session} with MiniMax-M2; it was {model}: about " in other


def test_a_request_and_what_another_adds(program: Any, rehearse: Rehearse) -> None:
    server = rehearse(script())
    session = two_turns(program, server)
    last = program("trace", session)
    assert last.code == 0 and "step 3 of 3" in last.err and "identical to what was sent" in last.err
    assert "tools then in force: " in last.err and re.search(
        r"counted [\d,]+ tokens, \d+ % of them from the cache", last.err
    )
    diff = program("trace", session, "1", "--diff", "2").out
    added = [line for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    removed = [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert any('"thinking": "look"' in line for line in added) and not any("look" in line for line in removed)
    assert program("trace", session, "1", "--diff", "9").code == 2


def test_another_surface_and_another_model_get_the_thoughts_too(program: Any, rehearse: Rehearse) -> None:
    """Same wire: word for word with signatures. Other wire: the words, and no foreign signature."""
    server = rehearse(script())
    session = two_turns(program, server)
    other = {"MINICODE_PROTOCOL": "openai", "MINIMAX_BASE_URL": f"{server.url}/v1"}
    ran = program("run", "-r", session, "-m", "MiniMax-M2", "and now?", "--json", env=other)
    assert ran.result["thinking"]["returned"] == 4
    sent = server.requests[-1]
    assert sent.surface == "openai" and sent.body["model"] == "MiniMax-M2"
    assert "look" in sent.raw.decode() and "seen" in sent.raw.decode() and "sig-1" not in sent.raw.decode()
    back = program(
        "run", "-r", session, "-m", "MiniMax-M2", "back", "--json", server=rehearse(steps(Step((Say("here"),))))
    )
    assert back.result["thinking"] == {"issued": 4, "returned": 4}
    assert any("0 % of them cached" in e["text"] for e in back.of("notice")), "what another surface was sent is not"
    assert program("sessions", "verify", session).code == 0
