"""read, write and edit on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minicode.show import Diff
from minicode.toolkit import Result, Scope


async def test_read_numbers_lines_and_says_what_is_left(run, root: Path) -> None:
    (root / "a.txt").write_text("".join(f"line {n}\n" for n in range(1, 101)))
    whole = await run("read", file_path="a.txt")
    assert whole.text.startswith("1\tline 1\n2\tline 2\n") and whole.text.endswith("\n100\tline 100")
    part = await run("read", file_path="a.txt", offset=10, limit=2)
    assert part.text == "10\tline 10\n11\tline 11\n[lines 10-11 of 100; go on with offset 12]"
    end = await run("read", file_path="a.txt", offset=-1)
    assert end.text == "100\tline 100\n[lines 100-100, the end of the file]"
    beyond = await run("read", file_path="a.txt", offset=101)
    assert beyond.failed and "only 100 lines" in beyond.text


async def test_read_is_bounded(run, root: Path) -> None:
    (root / "long").write_text("x" * 20_000_000)
    (root / "many").write_text("some words\n" * 100_000)
    for name in ("long", "many"):
        result = await run("read", file_path=name)
        assert len(result.text.encode()) <= 30_000
    assert "more characters" in (await run("read", file_path="long")).text
    assert "go on with offset" in (await run("read", file_path="many")).text


async def test_read_of_odd_files(run, root: Path) -> None:
    (root / "empty").touch()
    assert (await run("read", file_path="empty")).text == "[empty is empty]"
    (root / "crlf").write_bytes(b"a\r\nb\r\n")
    assert (await run("read", file_path="crlf")).text == "1\ta\n2\tb\n[CRLF line ends, kept by edit]"
    (root / "latin").write_bytes(b"gr\xfcn\n")
    assert (await run("read", file_path="latin")).text == "1\tgrün\n[encoding latin-1]"
    (root / "esc").write_bytes(b"\x1b[2Jevil\x1b]52;c;x\x07")
    assert (await run("read", file_path="esc")).text.startswith("1\tevil\n[escape codes")
    (root / "prog").write_bytes(b"\x7fELF\0")
    os.mkfifo(root / "pipe")
    for name in ("prog", "pipe", ".", "none", "../secret", "/etc/passwd"):
        result = await run("read", file_path=name)
        assert result.failed and "Traceback" not in result.text


CASES = {
    "plain": b"one WORD two\n",
    "latin": b"gr\xfcn WORD\n",
    "bom": b"\xef\xbb\xbfWORD \xc3\xbc\n",
    "utf16": "\ufeffgrün WORD\r\nx\n".encode("utf-16-le"),
    "crlf": b"a\r\nWORD\r\nb\r\n",
    "mixed": b"a\r\nWORD\nb\r\n\n",
    "no end": b"a\nWORD",
    "invalid": b"\xff\xfe\xfd WORD \x80",
}


@pytest.mark.parametrize("case", CASES)
async def test_edit_changes_the_word_and_no_other_byte(run, root: Path, case: str) -> None:
    file = root / case
    data = CASES[case]
    file.write_bytes(data)
    file.chmod(0o755)
    result = await run("edit", file_path=case, old_string="WORD", new_string="Word")
    if result.failed:
        assert file.read_bytes() == data and case == "invalid"
        return
    width = "utf-16-le" if case == "utf16" else "ascii"
    assert file.read_bytes() == data.replace("WORD".encode(width), "Word".encode(width))
    assert file.stat().st_mode & 0o777 == 0o755


async def test_edit_puts_no_unknown_bytes_into_an_unknown_encoding(run, root: Path) -> None:
    (root / "latin").write_bytes(b"gr\xfcn\n")
    refused = await run("edit", file_path="latin", old_string="grün", new_string="größer")
    assert refused.failed and (root / "latin").read_bytes() == b"gr\xfcn\n"
    kept = await run("edit", file_path="latin", old_string="grün", new_string="ergrünt")
    assert not kept.failed and (root / "latin").read_bytes() == b"ergr\xfcnt\n"


async def test_edit_shows_what_it_did(run, root: Path) -> None:
    (root / "a.py").write_text("def f():\n    return 1\n")
    exact = await run("edit", file_path="a.py", old_string="return 1", new_string="return 2")
    assert exact.text == "Changed a.py at line 2."
    assert exact.show == (
        Diff("a.py", "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n def f():\n-    return 1\n+    return 2"),
    )
    loose = await run("edit", file_path="a.py", old_string="def f():  \n    return 2", new_string="x = 2")
    assert "ignoring trailing blanks" in loose.text and "+x = 2" in loose.text


async def test_stale_files_are_not_overwritten(run, root: Path) -> None:
    file = root / "a.py"
    file.write_text("one = 1\n")
    await run("read", file_path="a.py")
    times = file.stat()
    file.write_text("two = 1\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    for call in (("edit", {"old_string": "= 1", "new_string": "= 2"}), ("write", {"content": "x"})):
        result = await run(call[0], file_path="a.py", **call[1])
        assert result.failed and "ead it again" in result.text
    assert file.read_text() == "two = 1\n"
    await run("read", file_path="a.py")
    assert not (await run("edit", file_path="a.py", old_string="= 1", new_string="= 2")).failed
    assert not (await run("edit", file_path="a.py", old_string="= 2", new_string="= 3")).failed


async def test_write(run, root: Path) -> None:
    made = await run("write", file_path="new/deep/a.txt", content="a\nb\n")
    assert made.text == "Made new/deep/a.txt (2 lines, 4 bytes)."
    (root / "theirs").write_bytes(b"x\r\ny\r\n")
    blind = await run("write", file_path="theirs", content="z")
    assert blind.failed and "have not read it" in blind.text
    same = await run("write", file_path="theirs", content="x\r\ny\r\n")
    assert not same.failed and "nothing was written" in same.text
    await run("read", file_path="theirs")
    assert not (await run("write", file_path="theirs", content="z\nw\n")).failed
    assert (root / "theirs").read_bytes() == b"z\r\nw\r\n"
    assert (await run("write", file_path=".git/hooks/x", content="evil")).failed
    assert (await run("write", file_path="bad", content="\ud800")).failed
    assert not (root / "bad").exists()


async def test_a_spilled_output_can_be_read_but_not_written(run, scope: Scope) -> None:
    place = scope.spill(b"kept\n")
    assert (await run("read", file_path=place)).text == "1\tkept"
    assert (await run("edit", file_path=place, old_string="kept", new_string="x")).failed


async def test_a_removed_workspace(run, root: Path) -> None:
    root.rmdir()
    for result in (await run("read", file_path="a"), await run("bash", command="true"), await run("glob", pattern="*")):
        assert isinstance(result, Result) and result.failed


async def test_several_edits_are_one(run, root: Path) -> None:
    (root / "a.py").write_text("one = 1\ntwo = 2\n")
    more = [{"old_string": "two = 2", "new_string": "two = 3"}, {"old_string": "two = 3", "new_string": "three = 3"}]
    done = await run("edit", file_path="a.py", old_string="one = 1", new_string="one = 0", edits=more)
    assert done.text == "Changed a.py in 3 places."
    assert (root / "a.py").read_text() == "one = 0\nthree = 3\n"
    more[1] = {"old_string": "four", "new_string": "five"}
    more[0] = {"old_string": "three = 3", "new_string": "four = 4"}
    more.append({"old_string": "six", "new_string": "seven"})
    none = await run("edit", file_path="a.py", old_string="one = 0", new_string="one = 9", edits=more)
    assert none.failed and none.text.startswith("Edit 4 of 4, and with it the others: old_string is not in a.py")
    assert (root / "a.py").read_text() == "one = 0\nthree = 3\n"


async def test_edits_alone_as_others_give_them(run, root: Path) -> None:
    (root / "a").write_text("x y\n")
    edits = [{"old_string": "x", "new_string": "1"}, {"old_string": "y", "new_string": "2"}]
    assert not (await run("MultiEdit", file_path="a", edits=edits)).failed
    assert (root / "a").read_text() == "1 2\n"
    undone = [{"old_string": "1", "new_string": "3"}, {"old_string": "3", "new_string": "1"}]
    assert (await run("edit", file_path="a", edits=undone)).failed


async def test_every_replacement_is_counted(run, root: Path) -> None:
    (root / "a").write_text("x\n" * 150)
    result = await run("edit", file_path="a", old_string="x", new_string="y", replace_all=True)
    assert result.text == "Changed a in 150 places."


@pytest.mark.parametrize("tool", ["edit", "write", "apply_patch"])
async def test_a_new_syntax_error_is_told_and_not_blocked(run, root: Path, tool: str) -> None:
    (root / "a.py").write_text("def f():\n    return 1\n")
    await run("read", file_path="a.py")
    wrong = "def f(:\n    return 1\n"
    arguments = {
        "edit": {"file_path": "a.py", "old_string": "f()", "new_string": "f("},
        "write": {"file_path": "a.py", "content": wrong},
        "apply_patch": {"patch": "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-def f():\n+def f(:\n     return 1\n"},
    }
    result = await run(tool, **arguments[tool])
    assert not result.failed and (root / "a.py").read_text() == wrong
    told = "a.py has a new syntax error (Python): line 1: "
    assert told in result.text
    assert isinstance(result.show[0], Diff) and result.show[1].text.startswith(told)
    again = await run("edit", file_path="a.py", old_string="1", new_string="2")
    assert not again.failed and "syntax" not in again.text


async def test_look_alikes_stay_where_they_are_not_changed(run, root: Path) -> None:
    (root / "a.txt").write_text("He said “one”\u00a0– then “two”.\n")
    result = await run("edit", file_path="a.txt", old_string='said "one" - then', new_string='said "one" - and then')
    assert "ignoring look-alike characters" in result.text and "+He said" in result.text
    assert (root / "a.txt").read_text() == "He said “one”\u00a0– and then “two”.\n"


async def test_a_symbolic_link_and_a_read_only_file(run, root: Path) -> None:
    (root / "real").write_text("a\n")
    (root / "link").symlink_to("real")
    assert not (await run("edit", file_path="link", old_string="a", new_string="b")).failed
    assert (root / "link").is_symlink() and (root / "real").read_text() == "b\n"
    (root / "real").chmod(0o444)
    refused = await run("edit", file_path="real", old_string="b", new_string="c")
    assert refused.failed and "read-only" in refused.text and (root / "real").read_text() == "b\n"


async def test_odd_files_are_left_alone_at_once(run, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    (root / "prog").write_bytes(b"\x7fELF\0a")
    (root / "sparse").touch()
    os.truncate(root / "sparse", 5 * 2**30)
    (root / "link").symlink_to("/dev/zero")
    for name in ("pipe", "loop", "prog", "sparse", "link", ".", "none"):
        patch = f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+b\n"
        for call in (
            ("edit", {"file_path": name, "old_string": "a", "new_string": "b"}),
            ("write", {"file_path": name, "content": "b"} if name != "none" else {"file_path": "pipe", "content": "b"}),
            ("apply_patch", {"patch": patch}),
        ):
            result = await run(call[0], **call[1])
            assert result.failed and "Traceback" not in result.text, (call, result.text)


async def test_one_long_line(run, root: Path) -> None:
    (root / "min.js").write_text(f"{'x=1;' * 1_250_000}y=2;\n")
    result = await run("edit", file_path="min.js", old_string="y=2", new_string="y=3")
    assert result.text == "Changed min.js at line 1." and (root / "min.js").read_text().endswith("x=1;y=3;\n")
    assert len(result.show[0].diff) < 5000
