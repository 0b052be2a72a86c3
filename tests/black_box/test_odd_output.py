"""R21: what a program may print, the session keeps and the model is told in a request that is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minicode.lab.rehearsal import Call, Expect, Say, Step, Think, steps

ODD = {
    "one line of 20 MB": "import sys; sys.stdout.write('x' * 20_000_000)",
    "no text": r"import os; os.write(1, b'\0\xff\xed\xa0\x80\xed\xb0\x80\xc3\x28\x80' * 1000 + b' end')",
    "codes": r"import os; os.write(1, b'\x1b]0;t\x07\x1b[2J\x9b31m\r\r\r\x08\x08' * 1000 + b' end')",
}


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "tty"])
@pytest.mark.parametrize("kind", list(ODD))
def test_any_output_can_be_sent_and_kept(program: Any, rehearse: Any, kind: str, tty: bool) -> None:
    (program.workspace / "odd.py").write_text(ODD[kind])
    call = Call("bash", {"command": "python3 odd.py", "tty": tty})
    server = rehearse(
        steps((Think("See."), call), Step((Think("Hm."), Say("Done.")), expect=Expect(results="exit code 0")))
    )
    ran = program("run", "--json", "go", server=server)
    assert ran.code == 0, ran.err
    assert len(server.requests[-1].raw) < 150_000
    [result] = [entry["text"] for entry in program.journal() if entry["kind"] == "result"]
    assert result.encode("utf-8") and not set(result) & {"\0", "\x1b", "\x9b", "\r", "\b"}
    assert ("x" * 1000 if kind == "one line of 20 MB" else " end") in result
    json.loads(server.requests[-1].raw)
