"""grep and glob as the model sees them."""

from __future__ import annotations

from pathlib import Path


async def test_grep(run, root: Path) -> None:
    (root / "src").mkdir()
    (root / "src/a.py").write_text("import os\n\ndef main():\n    pass\n")
    (root / "b.md").write_text("main\n" + "x" * 5000 + "main\n")
    assert (await run("grep", pattern=r"def \w+")).text == "src/a.py:3:def main():"
    assert (await run("grep", pattern="main", output_mode="files_with_matches")).text == "b.md\nsrc/a.py"
    assert (await run("grep", pattern="main", output_mode="count")).text == "b.md:2\nsrc/a.py:1"
    assert (await run("grep", pattern="MAIN", ignore_case=True, glob="*.py")).text == "src/a.py:3:def main():"
    assert (await run("grep", pattern="main", path="src")).text == "src/a.py:3:def main():"
    assert len((await run("grep", pattern="main", glob="*.md")).text) < 600
    assert (await run("grep", pattern="nowhere")).text == "No matches."
    limited = await run("grep", pattern="main", limit=1)
    assert limited.text == "b.md:1:main\n[1 of 3 rows; narrow the search or raise limit]"
    bad = await run("grep", pattern="(")
    assert bad.failed and "unclosed" in bad.text
    assert (await run("grep", pattern="x", path="..")).failed


async def test_glob(run, root: Path) -> None:
    for name in ("a.py", "src/b.py", "src/c.js"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    assert set((await run("glob", pattern="*.py")).text.split("\n")) == {"a.py", "src/b.py"}
    assert (await run("glob", pattern="*.js", path="src")).text == "src/c.js"
    assert (await run("glob", pattern=f"{root}/src/*.js")).text == "src/c.js"
    assert (await run("glob", pattern="*.go")).text == "No file matches *.go."
    assert "1 of 3 files" in (await run("glob", pattern="*", limit=1)).text
    assert (await run("list_directory", path="src")).text.count("\n") == 2  # two files, and the note on the name
    assert (await run("glob", pattern="*", path="none")).failed
    assert "`[z-a]` is not a glob pattern" in (await run("glob", pattern="[z-a]")).text
