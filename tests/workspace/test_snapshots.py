"""Snapshots of real files: what is kept, what is not, what comes back, and that nothing else is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from minicode.errors import StorageError
from minicode.workspace.snapshots.restore import ChangedSince
from minicode.workspace.snapshots.rules import Ignored, Limits
from minicode.workspace.snapshots.scan import Stopped
from minicode.workspace.snapshots.snapshots import Snapshots
from minicode.workspace.snapshots.store import Gone
from minicode.workspace.snapshots.survey import TooLarge


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "state" / "snapshots" / "work-1"


@pytest.fixture
def snapshots(root: Path, store: Path) -> Snapshots:
    return Snapshots(store, [root])


def kinds(snapshots: Snapshots, before: str, after: str, root: Path) -> dict[str, str]:
    return {str(Path(change.path).relative_to(root)): change.kind for change in snapshots.diff(before, after)}


def test_bytes_modes_links_empty_folders_come_back(root: Path, snapshots: Snapshots) -> None:
    (root / "odd\udcff name").write_bytes(b"\0\r\n\xff$Id$")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "closed").mkdir()
    (root / "closed" / "inner").write_text("x")
    (root / "closed").chmod(0o555)
    (root / "empty").mkdir()
    (root / "link").symlink_to("../outside")
    before = snapshots.take()
    (root / "closed").chmod(0o755)
    for path in ("odd\udcff name", "closed/inner", "link"):
        (root / path).unlink()
    (root / "run.sh").chmod(0o644)
    (root / "empty").rmdir()
    (root / "closed").rmdir()
    after = snapshots.take()
    assert kinds(snapshots, before.tree, after.tree, root) == {
        "odd\udcff name": "removed",
        "run.sh": "mode",
        "closed": "removed",
        "closed/inner": "removed",
        "empty": "removed",
        "link": "removed",
    }
    gone = snapshots.restore(before.tree, after.tree)
    assert gone.after == before.tree
    assert gone.before == after.tree
    assert (root / "odd\udcff name").read_bytes() == b"\0\r\n\xff$Id$"
    assert (root / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (root / "closed").stat().st_mode & 0o777 == 0o555
    assert (root / "link").readlink() == Path("../outside")
    assert (root / "empty").is_dir()
    redone = snapshots.restore(gone.before, gone.after)
    assert redone.after == after.tree
    (root / "closed").exists() and (root / "closed").chmod(0o755)


def test_a_repository_is_not_touched_and_a_nested_one_is_kept(root: Path, snapshots: Snapshots) -> None:
    hook = "#!/bin/sh\ntouch ran\n"
    for folder in (root, root / "nested"):
        folder.mkdir(exist_ok=True)
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        (folder / ".gitattributes").write_text("* text=auto eol=crlf filter=evil ident\n")
        (folder / "file.txt").write_bytes(b"a\nb\r\n$Id$\n")
        subprocess.run(["git", "config", "filter.evil.clean", "touch ran; cat"], cwd=folder, check=True)
        subprocess.run(["git", "config", "core.fsmonitor", "touch ran"], cwd=folder, check=True)
        (folder / ".git" / "hooks" / "post-checkout").write_text(hook)
    git_before = {path: path.read_bytes() for path in sorted(root.rglob(".git/**/*")) if path.is_file()}
    before = snapshots.take()
    for folder in (root, root / "nested"):
        (folder / "file.txt").write_bytes(b"changed")
    after = snapshots.take()
    assert set(kinds(snapshots, before.tree, after.tree, root)) == {"file.txt", "nested/file.txt"}
    snapshots.restore(before.tree, after.tree)
    assert (root / "file.txt").read_bytes() == (root / "nested/file.txt").read_bytes() == b"a\nb\r\n$Id$\n"
    assert {path: path.read_bytes() for path in sorted(root.rglob(".git/**/*")) if path.is_file()} == git_before
    assert not list(root.rglob("ran"))


def test_what_is_left_out_stays_and_is_told_once(root: Path, store: Path) -> None:
    limits = Limits(file=1000, ignored_file=100, ignored_files=3)
    (root / ".gitignore").write_text("*.env\n.env.local\n/out/\n/few/\n/many/\n")
    (root / ".env.local").write_text("A=1\n")
    (root / "large.env").write_text("x" * 101)
    (root / "data.bin").write_text("x" * 1001)
    for name in ("node_modules/a/index.js", "out/a.o", "few/a", "many/1", "many/2", "many/3", "many/4", "secret/key"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "env").mkdir()
    (root / "env" / "pyvenv.cfg").touch()
    snapshots = Snapshots(store, [root], hidden=[root / "secret"], limits=limits)
    before = snapshots.take()
    assert len(before.notes) == 2
    assert "data.bin" in before.notes[0] and "large.env" in before.notes[0]
    assert "many" in before.notes[1]
    assert snapshots.take() == before._replace(notes=(), read=snapshots.take().read)
    kept = b"".join(path.read_bytes() for path in store.iterdir())
    assert b"secret/key" not in kept
    untouched = ("data.bin", "large.env", "node_modules/a/index.js", "out/a.o", "many/4", "secret/key", "env/x")
    for name in (*untouched, ".env.local", "few/a"):
        (root / name).write_text("y" * 2000 if "." in name and "/" not in name[1:] and name[0] != "." else "new")
    after = snapshots.take()
    gone = snapshots.restore(before.tree, after.tree)
    assert (root / ".env.local").read_text() == "A=1\n"
    assert (root / "few/a").read_text() == "few/a"
    assert (root / "many/4").read_text() == (root / "env/x").read_text() == (root / "secret/key").read_text() == "new"
    assert len((root / "data.bin").read_text()) == 2000
    assert any("data.bin" in note for note in gone.notes)


def test_a_file_that_grew_too_large_is_not_deleted(root: Path, store: Path) -> None:
    snapshots = Snapshots(store, [root], limits=Limits(file=1000))
    (root / "log").write_text("small")
    (root / "new-big").parent.mkdir(exist_ok=True)
    before = snapshots.take()
    (root / "log").write_text("x" * 2000)
    (root / "new-big").write_text("x" * 2000)
    gone = snapshots.restore(before.tree, snapshots.take().tree)
    assert len((root / "log").read_text()) == len((root / "new-big").read_text()) == 2000
    assert "log" in gone.notes[-1]


def test_what_the_user_changed_is_refused_or_kept(root: Path, snapshots: Snapshots) -> None:
    for name in ("ours", "both", "users"):
        (root / name).write_text("start")
    start = snapshots.take().tree
    for name in ("ours", "both"):
        (root / name).write_text("model")
    (root / "made").mkdir()
    (root / "made" / "file").write_text("model")
    last = snapshots.take().tree
    (root / "both").write_text("user")
    (root / "users").write_text("user")
    (root / "made" / "notes").write_text("user")
    assert snapshots.conflicts(start, last) == (str(root / "both"),)
    with pytest.raises(ChangedSince, match=r"nothing was put back: both\.") as caught:
        snapshots.restore(start, last)
    assert caught.value.paths == (str(root / "both"),)
    assert (root / "ours").read_text() == "model"
    gone = snapshots.restore(start, last, force=True)
    assert (root / "ours").read_text() == (root / "both").read_text() == "start"
    assert (root / "users").read_text() == (root / "made/notes").read_text() == "user"
    assert not (root / "made/file").exists()
    assert "made" in gone.notes[-1]
    snapshots.restore(gone.before, gone.after)
    assert (root / "both").read_text() == "user"
    assert (root / "made/file").read_text() == "model"


def test_no_way_out_by_a_link(root: Path, tmp_path: Path, snapshots: Snapshots) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    (root / "folder").mkdir()
    (root / "folder" / "file").write_text("ours")
    before = snapshots.take().tree
    shutil.rmtree(root / "folder")
    (root / "folder").symlink_to(outside)
    after = snapshots.take().tree
    snapshots.restore(before, after)
    assert (root / "folder" / "file").read_text() == "ours"
    assert not (root / "folder").is_symlink()
    assert (outside / "file").read_text() == "theirs"


def test_a_change_within_the_same_tick_and_size_is_seen(root: Path, snapshots: Snapshots) -> None:
    (root / "file").write_text("one")
    trees = []
    for text in ("two", "six", "ten"):
        info = (root / "file").stat()
        (root / "file").write_text(text)
        os.utime(root / "file", ns=(info.st_atime_ns, info.st_mtime_ns))
        trees.append(snapshots.take().tree)
    assert len(set(trees)) == 3
    assert snapshots.take().read == 1, "a clock that ticks slowly would not tell of a change since"
    snapshots.restore(trees[0])
    assert (root / "file").read_text() == "two"


def test_only_what_changed_is_read(root: Path, store: Path) -> None:
    for number in range(50):
        (root / f"{number}").write_text("x")
    snapshots = Snapshots(store, [root], limits=Limits(tick=0))
    assert snapshots.take().read == 50
    again = Snapshots(store, [root], limits=Limits(tick=0))
    assert again.take().read == 0
    (root / "7").write_text("y")
    assert again.take().read == 1
    assert Snapshots(store, [root], hidden=[root / "3"], limits=Limits(tick=0)).take().read == 49


def test_what_a_failed_snapshot_saw_is_seen_by_the_next(root: Path, store: Path) -> None:
    snapshots = Snapshots(store, [root], limits=Limits(tick=0, files=3))
    (root / "sub").mkdir()
    (root / "sub" / "file").write_text("one")
    before = [snapshots.take().tree, snapshots.take().tree][1]
    (root / "sub" / "file").write_text("two")
    for number in range(3):
        (root / str(number)).touch()
    for _ in range(3):
        with pytest.raises(TooLarge):
            snapshots.take()
    for number in range(3):
        (root / str(number)).unlink()
    after = snapshots.take().tree
    assert kinds(snapshots, before, after, root) == {"sub/file": "changed"}


def test_several_roots_and_one_that_goes_away(root: Path, tmp_path: Path, store: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (root / "a").write_text("1")
    (other / "b").write_text("1")
    snapshots = Snapshots(store, [root, other, root / "."])
    before = snapshots.take().tree
    (root / "a").write_text("2")
    (other / "b").write_text("2")
    after = snapshots.take().tree
    assert {change.path for change in snapshots.diff(before, after)} == {str(root / "a"), str(other / "b")}
    alone = Snapshots(store, [root])
    alone.restore(before, after)
    assert ((root / "a").read_text(), (other / "b").read_text()) == ("1", "2")
    shutil.rmtree(other)
    assert snapshots.restore(before).changes == ()


def test_the_difference_can_be_read(root: Path, snapshots: Snapshots) -> None:
    (root / "text").write_text("one\ntwo\n")
    (root / "picture").write_bytes(b"\0\1")
    (root / "run").write_text("")
    before = snapshots.take().tree
    (root / "text").write_text("one\n\x1b[31mthree\n")
    (root / "picture").write_bytes(b"\0\1\2")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("text")
    text = snapshots.show(before, snapshots.take().tree)
    assert "-two" in text and "three" in text and "\x1b" not in text
    assert "picture: binary, changed, 2 → 3 bytes" in text
    assert "link: nothing → link to text" in text
    assert "→ 755" in text
    assert len(snapshots.show(before, snapshots.take().tree, limit=60)) < 200


def test_the_oldest_are_evicted_and_that_is_told(root: Path, store: Path) -> None:
    limits = Limits(store=600_000)
    snapshots = Snapshots(store, [root], limits=limits)
    (root / "stays").write_bytes(os.urandom(50_000))
    trees, notes = [], []
    for _ in range(12):
        (root / "data").write_bytes(os.urandom(100_000))
        taken = snapshots.take()
        trees.append(taken.tree)
        notes += taken.notes
    assert any("dropped" in note for note in notes)
    assert sum(path.stat().st_size for path in store.iterdir()) < 800_000
    with pytest.raises(Gone, match="evicted"):
        snapshots.restore(trees[0])
    assert snapshots.restore(trees[-1]).after == trees[-1]
    assert Snapshots(store, [root], limits=limits).restore(trees[-2]).after == trees[-2]
    assert snapshots.evict(0) > 0
    assert snapshots.take().read == 0 or snapshots.take().tree == trees[-2]


@pytest.mark.parametrize("harm", ["rubbish", "cut", "removed", "index"])
def test_a_damaged_store_is_begun_anew_and_said(root: Path, store: Path, harm: str) -> None:
    (root / "file").write_bytes(os.urandom(30_000))
    first = Snapshots(store, [root])
    tree = first.take().tree
    first.close()
    database = store / "objects.db"
    if harm == "rubbish":
        database.write_bytes(b"rubbish" * 5000)
    elif harm == "cut":
        os.truncate(database, database.stat().st_size // 2 // 4096 * 4096)
    elif harm == "removed":
        database.unlink()
    else:
        for index in store.glob("index-*"):
            index.write_bytes(index.read_bytes()[:-7] + b"rubbish")
    snapshots = Snapshots(store, [root])
    taken = snapshots.take()
    assert taken.tree == tree
    assert bool([note for note in taken.notes if "damaged" in note]) == (harm in ("rubbish", "cut"))
    (root / "file").write_bytes(b"")
    snapshots.restore(tree)
    assert (root / "file").stat().st_size == 30_000


def test_a_flipped_bit_is_never_put_back(root: Path, snapshots: Snapshots, store: Path) -> None:
    import sqlite3

    (root / "a").write_text("a" * 40)
    (root / "b").write_text("b" * 40)
    tree = snapshots.take().tree
    with sqlite3.connect(store / "objects.db") as database:
        database.execute("UPDATE objects SET data = ? WHERE data = ?", (b"c" * 40, b"b" * 40))
    database.close()
    (root / "a").write_text("new")
    (root / "b").write_text("new")
    with pytest.raises(Gone, match="damaged"):
        snapshots.restore(tree)
    assert (root / "a").read_text() == (root / "b").read_text() == "new"


def test_too_many_files_is_said(root: Path, store: Path) -> None:
    for number in range(20):
        (root / str(number)).touch()
    with pytest.raises(TooLarge, match="more than 10 files"):
        Snapshots(store, [root], limits=Limits(files=10)).take()


def test_the_largest_files_go_if_all_are_too_much(root: Path, store: Path) -> None:
    for size in (10, 100, 1000):
        (root / str(size)).write_bytes(os.urandom(size))
    taken = Snapshots(store, [root], limits=Limits(tree=200)).take()
    assert "1000" in taken.notes[0] and "100," not in taken.notes[0]


def test_the_store_is_private(root: Path, snapshots: Snapshots, store: Path) -> None:
    (root / "file").touch()
    snapshots.take()
    assert store.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in store.iterdir()} == {0o600}


def test_a_store_in_the_root_is_not_kept(root: Path) -> None:
    (root / "file").touch()
    snapshots = Snapshots(root / "state" / "snapshots", [root])
    assert snapshots.take().tree == snapshots.take().tree


def test_threads_of_two_sessions_share_a_store(root: Path, store: Path) -> None:
    for number in range(200):
        (root / str(number)).write_text(str(number))
    trees: list[str] = []
    sessions = [Snapshots(store, [root]) for _ in range(4)]
    threads = [threading.Thread(target=lambda s=session: trees.append(s.take().tree)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trees) == 4 and len(set(trees)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
def test_what_cannot_be_read_is_told_and_left(root: Path, snapshots: Snapshots) -> None:
    (root / "closed").mkdir(mode=0o000)
    (root / "file").touch(mode=0o000)
    taken = snapshots.take()
    assert "closed" in taken.notes[0] and "file" in taken.notes[0]
    assert snapshots.take().notes == ()
    (root / "closed").chmod(0o700)


def test_a_store_that_cannot_be_made_is_a_sentence(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        Snapshots(tmp_path / "file" / "snapshots", [root]).take()


def test_gitignore_is_read_as_git_reads_it(root: Path) -> None:
    patterns = "*.log\n!keep.log\n/top\nsub/inner\nfolder/\n**/deep\na/**/b\n[ab].txt\n#c\n\\#d\nx*y*z\ntail/**\n"
    (root / ".gitignore").write_text(patterns)
    names = (
        *("a.log", "keep.log", "top", "s/top", "sub/inner", "s/sub/inner", "folder", "s/deep", "a/b", "a/c/d/b"),
        *("a.txt", "c.txt", "#d", "#c", "xAyBz", "xy/z", "tail/q", "tail", "s/x1y2z"),
    )
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=root,
        input="\0".join(names).encode(),
        capture_output=True,
        check=False,
    )
    ignored = Ignored(str(root))
    assert {name for name in names if ignored(f"{root}/{name}", folder=False)} == {
        name for name in asked.stdout.decode().split("\0") if name
    }
    assert ignored(f"{root}/folder", folder=True)


def test_a_take_can_be_stopped(root: Path, snapshots: Snapshots) -> None:
    """Nothing of it is kept, and the next one is as if it had not been."""
    for number in range(50):
        (root / f"f{number}").write_text(str(number))
    goes_on = iter([True] * 20)
    with pytest.raises(Stopped):
        snapshots.take(lambda: not next(goes_on, False))
    taken = snapshots.take()
    assert taken.read >= 50
    (root / "f7").unlink()
    snapshots.restore(taken.tree)
    assert (root / "f7").read_text() == "7"
