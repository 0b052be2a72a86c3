"""What has changed in the files, on the screen: diffs that are folded and opened file by file."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from minicode.lab.rehearsal import Do, Say, Think, steps
from minicode.show import Diff, Line
from minicode.tui.blocks import Look
from minicode.tui.changed import Changed, blocks_of
from minicode.tui.rows import lay

WRITES = (
    Think("Both."),
    Do("write", {"file_path": "new.py", "content": "def f():\n    return 1\n"}),
    Do("edit", {"file_path": "old.py", "old_string": "x = 1", "new_string": "x = 2"}),
)
BIG = "".join(f"line {number}\n" for number in range(300))


def rows(block: Changed, width: int = 80, **look: Any) -> list[str]:
    drawn = lay(block.lines(width, Look(**look)), width)
    return ["".join(span.text for span in row.spans).rstrip() for row in drawn]


def git(folder: Path, *lines: str) -> None:
    for line in lines:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y.z", *line.split(" ")], cwd=folder, check=True)


def changed(d: Any) -> list[Changed]:
    return [block for block in d.main.transcript.blocks if isinstance(block, Changed)]


async def test_what_the_session_changed_is_shown_file_by_file(drive: Any) -> None:
    files = {"old.py": "x = 1\ny = 2\n"}
    async with drive(steps(WRITES, Say("Done.")), files=files, flags={"permission_mode": "acceptEdits"}) as d:
        await d.runs("/diff")
        assert "not in a git repository" in d.told and not changed(d)
        await d.say("write it")
        await d.tells("Done.")
        await d.still()
        (d.folder / "by hand \u202e.txt").write_bytes(b"\x1b[2Jhere\r\n")
        (d.folder / "deep" / "down").mkdir(parents=True)
        (d.folder / "deep" / "data").write_bytes(b"\0\1")
        (d.folder / "new.py").chmod(0o755)
        await d.runs("/diff")
        assert "Since the session began:" in d.told and "deep/data: binary, added" in d.told
        assert "deep/down: nothing → folder" in d.told and "deep: " not in d.told
        found = {block.change.path: block for block in changed(d)}
        assert set(found) == {"new.py", "old.py", "by hand \u202e.txt"}
        assert "old.py  +1 -1" in d.text and "1 - x = 1" in d.text and "1 + x = 2" in d.text
        assert "(the file is new)" in d.text and "here␍" in d.text
        assert not {"\x1b", "\u202e"} & set(d.text)
        before = len(changed(d))
        await d.runs("/diff old.py")
        assert [block.change.path for block in changed(d)[before:]] == ["old.py"]
        last = changed(d)[-1]
        d.main.transcript.mark(last)
        d.main.transcript.action_open_marked()
        await d.pilot.pause()
        assert not last.open and "▸ old.py" in d.text
        await d.runs("/diff nowhere")
        assert "Nothing has changed there since the session began." in d.told
        await d.runs("/diff ../..")
        assert "outside" in d.told.splitlines()[-1]


async def test_without_a_snapshot_it_is_what_git_says(drive: Any) -> None:
    async with drive(steps(), files={"a b.py": "x = 1\n", "gone": "z\n", "same": "\n"}) as d:
        git(d.folder, "init -q", "add .", "commit -q -m x")
        await d.runs("/diff")
        assert "Nothing differs from the last commit." in d.told
        (d.folder / "a b.py").write_text("x = 2\n")
        (d.folder / "gone").unlink()
        (d.folder / "new").write_text("")
        (d.folder / "same").chmod(0o755)
        await d.runs("/diff")
        assert [block.change.path for block in changed(d)] == ["a b.py", "gone", "same"]
        assert "new: new" in d.told and "(the file is deleted)" in d.text and "new mode 100755" in d.text


def test_of_much_only_the_first_files_are_open() -> None:
    small, big = (
        Diff("s.py", "@@ -1 +1 @@\n-x = 1\n+x = 2"),
        Diff("b", f"@@ -0,0 +1,300 @@\n+{BIG[:-1].replace(chr(10), chr(10) + '+')}"),
    )
    found = blocks_of([small, Line("other"), big, small])
    assert [block.open for block in found] == [True, False, False]
    assert rows(found[1]) == ["▸ b  +300 -0"]
    assert rows(found[1], signs=False) == ["folded b  +300 -0"]
    assert found[1].toggle(Look()) and len(rows(found[1])) == 301 == found[1].guess(80, Look()) - found[1].gap
    assert rows(found[0])[1:] == ["    1 - x = 1", "    1 + x = 2"]
    assert "- x = 1" in (row := rows(found[0], 140, diff="split")[1]) and "│ 1 + x = 2" in row


def test_what_is_searched_for_is_opened() -> None:
    (block,) = blocks_of([Diff("b", f"+{BIG}")])
    assert not block.open and block.follow("line 299") and block.open and not block.follow("line 299")
    assert "line 299" in block.words()
