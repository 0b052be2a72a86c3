"""A log of more than 100 kB that is pasted: told in part, said so, and whole in the prompt again."""

from __future__ import annotations

import json
import threading
from typing import Any

from minicode.lab.rehearsal import Asked, Say, Script, Step, Think

LOG = "".join(f"line {n} of the log: queue full\n" for n in range(3500))
SIZE = round(len(LOG) / 1000)


def test_it_is_kept_and_said_whether_it_begins_a_turn_or_steers_one(program: Any, rehearse: Any, tui: Any) -> None:
    goes_on = threading.Event()

    def answer(asked: Asked) -> Step:
        if len(asked.turns) == 1:
            assert goes_on.wait(30)
        return Step((Think("Well."), Say(f"Answer {len(asked.turns)}.")))

    server = rehearse(Script((answer,), after="repeat"))
    screen = tui(server=server)
    screen.waits_for("Ask M2")
    screen.paste(LOG.encode())
    screen.waits_for("3,500 lines")
    screen.type("\r")
    screen.waits_for(f"{SIZE} kB are kept whole")
    screen.paste(f"and {LOG}".encode())
    screen.type("\r")
    screen.waits_for("steer")
    goes_on.set()
    screen.waits_for("Answer 3.")
    assert screen.waits_for(f"Your {SIZE} kB are kept whole")
    bodies = [json.dumps(exchange.body) for exchange in server.requests]
    assert all("line 2000 of" not in body for body in bodies) and "and line 0 of" in bodies[-1]
    screen.type("\x1b[A\r")  # what was said last, again
    screen.waits_for("Answer 5.")
    assert len({path.read_bytes() for path in program.home.glob("**/*.blobs/*")}) == 2  # all of it, and once
    assert f"and {LOG}".strip().encode() in {path.read_bytes().strip() for path in program.home.glob("**/*.blobs/*")}
    screen.type("\x04")
    assert screen.exits() == 0
