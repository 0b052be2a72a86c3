"""The rehearsal server: M2 played from a script, over real HTTP, on both of its surfaces.

async with Rehearsal(steps((Think("Look first."), Do("read", {"path": "a.py"})), Say("Done."))) as server:
    ...  # point a client at server.url
assert not server.failures
"""

from minicode.lab.rehearsal.conversation import Asked
from minicode.lab.rehearsal.script import Call, Do, Expect, Fault, Say, Script, Shape, Step, Think, steps
from minicode.lab.rehearsal.server import OVER, Exchange, Rehearsal

__all__ = [
    "OVER",
    "Asked",
    "Call",
    "Do",
    "Exchange",
    "Expect",
    "Fault",
    "Rehearsal",
    "Say",
    "Script",
    "Shape",
    "Step",
    "Think",
    "steps",
]
