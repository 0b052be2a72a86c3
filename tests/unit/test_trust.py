"""Trust is given to exact bytes in an exact folder, and to nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minicode.cli.trust import trust
from minicode.errors import ConfigError, StorageError, UsageError
from minicode.paths import Places
from minicode.trust import KEPT, LARGEST, accept, before, identity, judge, listed, look, revoke, stand

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ".minicode/config.toml"
TOOL = ".minicode/tools/shout.py"


@pytest.fixture
def places(home: Path) -> Places:
    return Places(home / ".minicode", home / ".minicode")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    put(folder, CONFIG, "max_turns = 3\n")
    put(folder, TOOL, "first\nsecond\nthird\n")
    return folder


def put(folder: Path, name: str, text: str = "x") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def trusted(folder: Path, places: Places) -> None:
    accept(look(folder, places), places)
    assert stand(folder, places).trusted


def test_a_folder_is_not_trusted_until_the_user_says_so(folder: Path, places: Places) -> None:
    judged = stand(folder, places)
    assert (judged.trusted, judged.present, judged.changed) == (False, (CONFIG, TOOL), ())
    assert judged.why == f"{folder} is not trusted."
    assert judged.pinned == {}
    assert not places.state.exists(), "a look writes nothing"
    accept(look(folder, places), places)
    judged = stand(folder, places)
    assert (judged.trusted, judged.present, judged.changed, judged.why) == (True, (CONFIG, TOOL), (), "")
    assert judged.pinned[CONFIG] == hashlib.sha256(b"max_turns = 3\n").hexdigest()
    assert revoke(folder, places)
    assert not stand(folder, places).trusted
    assert not revoke(folder, places)


def test_once_is_for_once(folder: Path, places: Places) -> None:
    assert stand(folder, places, once=True).trusted
    assert not stand(folder, places).trusted
    assert not places.state.exists()


def test_everything_that_needs_trust_is_found(folder: Path, places: Places) -> None:
    names = {
        CONFIG,
        TOOL,
        ".mcp.json",
        ".minicode/prompts/system.md",
        ".minicode/commands/ship.md",
        ".minicode/agents/deep/one.md",
        ".minicode/skills/x/SKILL.md",
        ".minicode/skills/x/.hidden.sh",
        ".minicode/hooks/check.sh",
        ".minicode/tools/_own.py",
    }
    for name in names:
        put(folder, name)
    for name in (".minicode/tools/__pycache__/shout.cpython-312.pyc", ".minicode/notes", "AGENTS.md", ".env", "a.py"):
        put(folder, name)
    assert set(stand(folder, places).present) == names


def test_nothing_offered_is_nothing_to_trust(tmp_path: Path, places: Places) -> None:
    put(tmp_path, "README.md")
    judged = stand(tmp_path, places, once=True)
    assert (judged.trusted, judged.present, judged.why) == (False, (), "")


@pytest.mark.parametrize(
    ("change", "name", "mark"),
    [
        (lambda f: put(f, CONFIG, "max_turns = 4\n"), CONFIG, "changed"),
        (lambda f: put(f, ".mcp.json"), ".mcp.json", "new"),
        (lambda f: put(f, ".minicode/tools/other.py"), ".minicode/tools/other.py", "new"),
        (lambda f: (f / TOOL).unlink(), TOOL, "gone"),
    ],
)
def test_any_change_ends_it(folder: Path, places: Places, change: Callable[[Path], None], name: str, mark: str) -> None:
    trusted(folder, places)
    change(folder)
    judged = stand(folder, places)
    assert (judged.trusted, judged.changed, judged.pinned) == (False, (name,), {})
    assert judged.why == f"What {folder} offers has changed since it was trusted: {name} ({mark})."
    assert stand(folder, places, once=True).trusted


def test_all_gone_is_not_trusted_either(folder: Path, places: Places) -> None:
    trusted(folder, places)
    (folder / CONFIG).unlink()
    (folder / TOOL).unlink()
    judged = stand(folder, places)
    assert (judged.trusted, judged.present, judged.changed) == (False, (), (CONFIG, TOOL))


def test_what_is_loaded_must_be_what_was_judged(folder: Path, places: Places) -> None:
    trusted(folder, places)
    judged = stand(folder, places)
    judged.verify(folder / CONFIG, b"max_turns = 3\n")
    put(folder, ".minicode/tools/late.py", "late")
    for path, data in (
        (folder / CONFIG, b"max_turns = 4\n"),
        (folder / TOOL, b"max_turns = 3\n"),
        (folder / ".minicode/tools/late.py", b"late"),
        (folder.parent / CONFIG, b"max_turns = 3\n"),
    ):
        with pytest.raises(ConfigError, match="this is not what was trusted") as caught:
            judged.verify(path, data)
        assert str(path) in str(caught.value)


def test_what_is_trusted_is_what_was_shown(folder: Path, places: Places) -> None:
    offer = look(folder, places)
    put(folder, TOOL, "swapped while the user was reading\n")
    accept(offer, places)
    assert stand(folder, places).changed == (TOOL,)


def test_a_moved_or_replaced_folder_is_not_trusted(folder: Path, places: Places) -> None:
    trusted(folder, places)
    moved = folder.rename(folder.parent / "moved")
    assert stand(moved, places).why == f"{moved} is not trusted."
    put(folder, CONFIG, "max_turns = 3\n")
    put(folder, TOOL, "first\nsecond\nthird\n")
    judged = stand(folder, places)
    assert (judged.trusted, judged.changed) == (False, ())
    assert "moved here or made anew" in judged.why


def test_a_linked_name_of_a_folder_is_the_folder(folder: Path, places: Places) -> None:
    trusted(folder, places)
    (folder.parent / "link").symlink_to(folder)
    assert stand(folder.parent / "link", places).trusted
    assert identity(folder.parent / "link") == identity(folder)
    with pytest.raises(UsageError, match="cannot be opened"):
        identity(folder / "nowhere")


def test_git_has_no_say(folder: Path, places: Places) -> None:
    (folder / ".git").mkdir()
    trusted(folder, places)
    other = folder.parent / "other"
    put(other, CONFIG, "max_turns = 3\n")
    put(other, TOOL, "first\nsecond\nthird\n")
    (other / ".git").write_text(f"gitdir: {folder}/.git\n")
    assert not stand(other, places).trusted
    (other / ".git").unlink()
    put(other, ".git/commondir", f"{folder}/.git")
    put(other, ".git/HEAD", "ref: refs/heads/main")
    assert not stand(other, places).trusted
    put(folder, "below/" + CONFIG, "max_turns = 3\n")
    assert not stand(folder / "below", places).trusted, "a folder below is another folder"


def link_out(folder: Path) -> str:
    put(folder.parent, "secret.py", "outside")
    (folder / ".minicode/tools/l.py").symlink_to(folder.parent / "secret.py")
    return ".minicode/tools/l.py is a symbolic link"


def link_inside(folder: Path) -> str:
    (folder / ".minicode/tools/l.py").symlink_to("shout.py")
    return ".minicode/tools/l.py is a symbolic link"


def linked_folder(folder: Path) -> str:
    (folder / ".minicode").rename(folder.parent / "elsewhere")
    (folder / ".minicode").symlink_to(folder.parent / "elsewhere")
    return ".minicode is a symbolic link"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / ".mcp.json")
    return ".mcp.json is neither a file nor a folder."


def too_big(folder: Path) -> str:
    with (folder / ".mcp.json").open("wb") as file:
        file.truncate(LARGEST + 1)
    return ".mcp.json is too big"


def too_many(folder: Path) -> str:
    for number in range(1001):
        put(folder, f".minicode/agents/{number}.md")
    return "is too much: there may be 1,000 files and folders."


def too_deep(folder: Path) -> str:
    put(folder, ".minicode/skills/" + "d/" * 20 + "x.md")
    return "/d lies too deep."


def bad_name(folder: Path) -> str:
    (folder / ".minicode/skills").mkdir()
    (folder / ".minicode/skills/\x1b[2J\n\u202eevil").symlink_to("x")
    return ".minicode/skills/\u240a<U+202E>evil is a symbolic link"


@pytest.mark.parametrize("offence", [link_out, link_inside, linked_folder, pipe, too_big, too_many, too_deep, bad_name])
def test_an_offence_cannot_be_trusted(folder: Path, places: Places, offence: Callable[[Path], str]) -> None:
    trusted(folder, places)
    words = offence(folder)
    for once in (False, True):
        judged = stand(folder, places, once)
        assert not judged.trusted
        assert words in judged.why
    with pytest.raises(ConfigError, match=r"neither|link|too"):
        accept(look(folder, places), places)
    with pytest.raises(ConfigError, match="cannot be trusted as it is"):
        trust(folder, revoke=False, list_=False, yes=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_cannot_be_trusted(folder: Path, places: Places) -> None:
    (folder / TOOL).chmod(0)
    assert "cannot be read (Permission denied)" in stand(folder, places).why


def test_the_users_own_folder_is_no_project(home: Path, places: Places) -> None:
    put(home, CONFIG, 'network = "on"')
    put(home, ".mcp.json")
    assert stand(home, places).present == (".mcp.json",)
    apart = Places(home / ".minicode", home / "state")
    assert stand(home, apart).present == (".mcp.json",)
    assert CONFIG in stand(home, Places(home / "c", home / "s")).present


def test_what_is_kept_is_private_and_bounded(folder: Path, places: Places) -> None:
    put(folder, ".mcp.json", "x" * (KEPT + 1))
    old = os.umask(0)
    try:
        trusted(folder, places)
    finally:
        os.umask(old)
    kept = {path: path.stat().st_mode & 0o777 for path in places.state.rglob("*")}
    assert {mode for path, mode in kept.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in kept.items() if path.is_dir()} == {0o700}
    assert places.state.stat().st_mode & 0o777 == 0o700
    offer = look(folder, places)
    assert before(offer, places) == {CONFIG: b"max_turns = 3\n", TOOL: b"first\nsecond\nthird\n", ".mcp.json": None}
    revoke(folder, places)
    assert list((places.state / "trusted").iterdir()) == []
    assert before(offer, places) == {}


DAMAGES = ["", "[]", "{", "{}", '{"folders": [{}]}', '{"folders": 3}', "[" * 100_000, "\x00\xff", '{"folders": [3]}']


@pytest.mark.parametrize("damage", DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_store_is_not_believed(folder: Path, places: Places, damage: str) -> None:
    trusted(folder, places)
    store = places.state / "trust.json"
    store.write_bytes(damage.encode("latin-1"))
    judged = stand(folder, places)
    assert not judged.trusted
    assert judged.why == f"{store} is damaged, so it is not believed and no folder is trusted."
    assert listed(places) == ((), judged.why)
    trusted(folder, places)
    assert (places.state / "trust.damaged").read_bytes() == damage.encode("latin-1"), "nothing is lost"


def test_half_a_record_is_damage(folder: Path, places: Places) -> None:
    trusted(folder, places)
    store = places.state / "trust.json"
    whole = json.loads(store.read_text())
    for key in ("path", "device", "inode", "at", "files"):
        for value in (None, [], {"a": 3}):
            store.write_text(json.dumps({"folders": [{**whole["folders"][0], key: value}]}))
            assert "damaged" in stand(folder, places).why, (key, value)
    store.write_text(json.dumps(whole))
    assert stand(folder, places).trusted


def test_a_store_that_others_can_write_is_not_believed(folder: Path, places: Places) -> None:
    trusted(folder, places)
    store = places.state / "trust.json"
    store.chmod(0o666)
    assert "could have been written by others" in stand(folder, places).why
    store.chmod(0o600)
    store.rename(folder / "store")
    store.symlink_to(folder / "store")
    assert "cannot be read" in stand(folder, places).why


def test_a_store_that_cannot_be_written_is_said(folder: Path, places: Places) -> None:
    places.state.parent.mkdir(exist_ok=True)
    places.state.write_text("a file in its place")
    with pytest.raises(StorageError):
        accept(look(folder, places), places)


def test_many_at_once_lose_nothing(tmp_path: Path, places: Places) -> None:
    folders = [tmp_path / str(number) for number in range(8)]
    for folder in folders:
        put(folder, CONFIG, f"# {folder.name}")
    code = (
        "import sys; from pathlib import Path; from minicode.paths import places; from minicode.trust import *\n"
        "for f in sys.argv[1:]: accept(look(Path(f), places()), places())"
    )

    def run(some: list[Path]) -> int:
        command = [sys.executable, "-c", code, *map(str, some)]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(run, [folders[:4], folders[4:]])) == [0, 0]
    assert [record.identity.path for record in listed(places)[0]] == list(map(str, folders))
    assert all(stand(folder, places).trusted for folder in folders)


def command(folder: Path, *, revoke: bool = False, list_: bool = False, yes: bool = False) -> int:
    return trust(folder, revoke=revoke, list_=list_, yes=yes)


def test_the_command_shows_asks_and_remembers(folder: Path, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder, TOOL, "print('hi')\n\x1b]0;title\x07 Trust it? [y/N] y\n")
    with pytest.raises(UsageError, match="nobody to ask"):
        command(folder)
    shown = capsys.readouterr().out
    assert f"{folder} is not trusted." in shown
    assert "  │ max_turns = 3\n" in shown
    assert "  │  Trust it? [y/N] y\n" in shown
    assert "\x1b" not in shown
    assert not stand(folder, places).trusted
    assert command(folder, yes=True) == 0
    assert stand(folder, places).trusted
    capsys.readouterr()
    assert command(folder) == 0
    assert "trusted already, and nothing has changed" in capsys.readouterr().out
    assert command(folder, list_=True) == 0
    assert f"2 files  {folder}\n" in capsys.readouterr().out
    assert command(folder, revoke=True) == 0
    assert not stand(folder, places).trusted
    assert command(folder, list_=True) == 0
    assert capsys.readouterr().out.endswith("No folder is trusted.\n")


def test_the_command_shows_what_has_changed(folder: Path, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder, ".minicode/agents/a.md", "gone soon")
    trusted(folder, places)
    put(folder, TOOL, "first\nSECOND\nthird\n")
    put(folder, ".mcp.json", "{}")
    (folder / ".minicode/agents/a.md").unlink()
    assert command(folder, yes=True) == 0
    shown = capsys.readouterr().out
    assert "  │ -second\n  │ +SECOND\n" in shown
    assert f"{CONFIG}: as it was trusted\n" in shown
    assert ".mcp.json: new (2 bytes)\n  │ {}\n" in shown
    assert ".minicode/agents/a.md: no longer there\n" in shown
    assert "max_turns" not in shown


def test_the_command_shows_the_head_of_what_is_long(
    folder: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder, TOOL, "line\n" * 500 + "the end")
    (folder / ".mcp.json").write_bytes(b"\x00\xff")
    assert command(folder, yes=True) == 0
    shown = capsys.readouterr().out
    assert shown.count("  │ line\n") == 60
    assert "the end" not in shown
    assert f"2,208 characters are NOT shown; read them in {folder / TOOL}\n" in shown
    assert "(not text)" in shown


def test_the_command_where_nothing_needs_trust(
    tmp_path: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path, yes=True) == 0
    assert capsys.readouterr().out == f"There is nothing in {tmp_path} that needs trust.\n"
    assert listed(places) == ((), "")


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1), ("n\n", 1), ("\x04", 1)])
def test_the_question_on_a_terminal(folder: Path, places: Places, answer: str, code: int) -> None:
    program = (
        "import sys; from pathlib import Path; from minicode.cli.trust import trust\n"
        "sys.exit(trust(Path(sys.argv[1]), False, False, False))"
    )
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=slave,
        stdout=slave,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        os.close(slave)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(master, 4096)
        os.write(master, answer.encode())
        assert process.wait(30) == code
    os.close(master)
    assert stand(folder, places).trusted == (code == 0)


def test_a_judgement_reads_the_folder_once(folder: Path, places: Places) -> None:
    offer = look(folder, places)
    put(folder, CONFIG, "max_turns = 4\n")
    judged = judge(offer, places, once=True)
    assert judged.pinned == offer.digests
    with pytest.raises(ConfigError):
        judged.verify(folder / CONFIG, (folder / CONFIG).read_bytes())
