"""A log of 200 kB that is piped in, and what comes of it: short requests, and all of it there."""

from __future__ import annotations

import json
from typing import Any

from minicode.lab.rehearsal import Do, Say, Think, steps

LOG = "".join(f"line {n} of the log: queue full\n" for n in range(6500))
NOTE = "Your 213 kB are kept whole. M2 sees how they begin and end, 30 kB of them, and can read the rest."


def test_a_log_is_piped_in(program: Any, rehearse: Any) -> None:
    looks = (Think("The middle."), Do("recall", {"query": '"line 3000 of"'}))
    server = rehearse(steps(looks, (Think("Well."), Say("It is full."))))
    ran = program("run", "Why?", server=server, stdin=LOG.encode())
    assert ran.code == 0 and ran.out == "It is full.\n"
    assert ran.err.count(NOTE) == 1
    bodies = [json.dumps(exchange.body) for exchange in server.requests]
    assert all("Why?" in body and "line 6499 of" in body for body in bodies)
    assert "line 3000 of" not in bodies[0] and "line 3000 of the log" in bodies[1]
    [id_] = [row["id"] for row in map(json.loads, program("sessions", "list", "--json").out.splitlines())]
    assert program("sessions", "verify", id_).code == 0
    assert "line 3000 of the log" in program("sessions", "show", id_).out
    assert "line 3000 of the log" in program("sessions", "search", "3000").out.replace("[3000]", "3000")


def test_scripts_are_told(program: Any, rehearse: Any) -> None:
    ran = program("run", "--json", server=rehearse(steps((Think("Well."), Say("Full.")))), stdin=LOG.encode())
    assert [event["text"] for event in ran.of("notice")].count(NOTE) == 1 and ran.result["result"] == "Full."
