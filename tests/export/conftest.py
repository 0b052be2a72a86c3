"""A session with all that can be in one, and one that means harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minicode.journal.writer import Journal

PLANNER = """--- a/planner.py
+++ b/planner.py
@@ -10,3 +10,3 @@
 def merge(spans):
-    end = spans[-1]
+    end = max(spans[-1], 0)
"""
HARM = (
    "</details></script><script>alert(1)</script> ]]> <img src=x onerror=alert(2)> \x1b]0;own\x07\x1b[31mred "
    "\u202egnirts\u202c zero\u200bwidth & `</code>` ``` ~~~~ javascript:alert(3) ![x](http://evil.invalid/x.png)\n"
    "# You\n\n```\n"
    "</pre>\n~~~\n````\n<b>\n\nYou\n---\n| a | b |\n|---|---|\n| <i> | ' onload=' |\n- ```\n  ```\n<script>\n"
)


class Author:
    """Writes a session the way minicode does."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.steps = 0

    @property
    def path(self) -> Path:
        assert self.journal.path is not None
        return self.journal.path

    def put(self, kind: str, **data: Any) -> str:
        return self.journal.append(kind, data).id

    def says(self, text: str) -> str:
        return self.put("user", text=text)

    def reply(self, *blocks: dict[str, Any], model: str = "MiniMax-M2.7") -> str:
        """A request and the whole reply to it."""
        self.steps += 1
        self.put("request", wire="anthropic", options={}, sha256="0" * 64, bytes=1, thinking=0, params={"model": model})
        tokens = {"input_tokens": 1000 * self.steps, "output_tokens": 200, "cache_read_input_tokens": 3000}
        stop = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
        return self.put("reply", content=list(blocks), stop=stop, usage=tokens, wire="anthropic", model=model)

    def result(self, call_id: str, text: str, failed: bool = False, seconds: float = 0.0, *show: dict[str, Any]) -> str:
        name = "tool"
        return self.put(
            "result", call_id=call_id, name=name, text=text, failed=failed, show=list(show), seconds=seconds
        )


def think(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": "c2ln"}


def say(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def do(id_: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "here-0123456789ab"


@pytest.fixture
def author(folder: Path) -> Iterator[Author]:
    journal = Journal.create(folder, {"folder": "/home/ada/planner", "minicode": "0.1.0", "name": None})
    yield Author(journal)
    journal.close()


@pytest.fixture
def rich(author: Author) -> Author:
    tool = {"name": "bash", "description": "Run.", "input_schema": {"type": "object", "properties": {}}}
    author.put("system", prompt="You are minicode.", tools=[tool], facts={})
    author.put("title", title="A planner that forgets")
    asked = author.says("The planner forgets the *end* of a day.\nFind out why.")
    author.put("label", entry=asked, text="the beginning")
    author.reply(
        think("Look first; a guess is worth little.\n\nThe tests say what it promises."),
        say("I'll look."),
        do("c1", "bash", command="cd planner && python -m pytest -q --maxfail=3"),
        do("c2", "todo", items=["find", "mend"]),
    )
    author.put("intent", call_id="c1", name="bash", effect="runs")
    author.put("permission", call_id="c1", name="bash", verdict="allow", by="user", reason="It runs a command.")
    long = "\n".join(f"tests/test_planner.py::test_{n} PASSED" for n in range(60))
    shortened = author.result("c1", long, False, 2.34)
    todos = {"show": "todos", "items": [["find it", "completed"], ["mend it", "in_progress"], ["tell", "pending"]]}
    author.result("c2", "3 todos", False, 0.0, todos)
    author.put("aside", by="user", text="mind the leap days")
    last = author.reply(
        think("There it is: `merge` takes the last end."),
        do("c3", "edit", file_path="planner.py", old_string="end = spans[-1]", new_string="end = max(spans[-1], 0)"),
        do("c4", "run_tests"),
    )
    author.result(
        "c3", "Changed planner.py at line 11.", False, 0.05, {"show": "diff", "path": "planner.py", "diff": PLANNER}
    )
    failures = [["test_leap", "AssertionError: 28 != 29"]]
    tests = {"show": "tests", "passed": 3, "failed": 1, "skipped": 0, "failures": failures}
    author.result("c4", "1 failed, 3 passed\nE  28 != 29", True, 71.0, tests)
    author.reply(think("One left."), say("Mended, **but** `test_leap` fails still.\n\n1. see it\n2. mend it"))
    author.put("end", reason="done")
    fold = {"upto": author.journal.leaf, "text": "# Goal\nMend the planner.\n# Decided\nmax, as [e5] says."}
    author.put("fold", **fold, clipped=[shortened], head=1, tail=1, mark="…", guidance="keep names", thoughts=2)
    author.says("Go on with the leap day.")
    author.put("partial", thinking="Leap days are ev", text="", why="cancelled")
    author.put("end", reason="cancelled")
    author.put("hologram", beam="of a later version")
    author.journal.append("leaf", {"to": last})
    back = author.journal.entries[-1].data["to"]
    assert back == last
    author.result(
        "c3", "Changed planner.py at line 11.", False, 0.05, {"show": "diff", "path": "planner.py", "diff": PLANNER}
    )
    author.result("c4", "1 failed, 3 passed", True, 0.2, tests)
    author.reply(think("Another way."), say("Done otherwise."), model="elsewhere-1")
    author.put("end", reason="done")
    return author


@pytest.fixture
def hostile(author: Author) -> Author:
    author.put("system", prompt=HARM, tools=[{"name": HARM, "description": HARM, "input_schema": {}}], facts={})
    author.put("title", title=HARM)
    author.put("label", entry=author.says(HARM), text=HARM)
    author.reply(think(HARM), say(HARM), do("c'1", HARM, **{HARM: HARM, "deep": [{HARM: HARM}]}), model=HARM)
    diff = {"show": "diff", "path": HARM, "diff": HARM}
    todos = {"show": "todos", "items": [[HARM, HARM]]}
    odd: list[Any] = [
        {"show": "diff", "path": 7, "diff": None},
        {"show": "todos", "items": [["x"]]},
        {"show": []},
        "text",
        None,
    ]
    author.put("alarm", call_id="c'1", text=HARM)
    author.result("c'1", HARM, True, 1.0, diff, todos, *odd)
    author.put("note", level="info", text=HARM)
    author.put("partial", thinking=HARM, text=HARM, why=HARM)
    author.put("fold", upto=author.journal.leaf, text=HARM, guidance=HARM, clipped=[HARM, 7])
    author.put("end", reason=HARM, error=HARM)
    author.put("user", text=7)
    author.put("reply", content=[None, 7, {"type": "thinking"}, {"type": "tool_use", "id": 1}], usage=[])
    author.put("reply")
    author.put("result", call_id="nothing", seconds="long")
    return author
