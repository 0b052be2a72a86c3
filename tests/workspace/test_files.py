"""Files: what is not meant to change does not, and what cannot be handled is refused, quickly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from minicode.workspace.charset import decode
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def replace(workspace: Workspace, name: str, data: bytes) -> None:
    path = workspace.folder.resolve(name, write=True)
    workspace.files.write(path, data, workspace.files.read_if_there(path))


def test_mode_owner_and_attributes_are_kept(workspace: Workspace, root: Path) -> None:
    file = root / "run.sh"
    file.write_bytes(b"old")
    file.chmod(0o4755)
    tagged = True
    try:
        os.setxattr(file, "user.note", b"kept")
    except OSError:
        tagged = False  # a file system without them
    if os.getuid() == 0:
        os.chown(file, 12345, 54321)
        file.chmod(0o4755)
    old = file.stat()
    replace(workspace, "run.sh", b"new")
    new = file.stat()
    assert file.read_bytes() == b"new"
    assert (new.st_mode, new.st_uid, new.st_gid) == (old.st_mode, old.st_uid, old.st_gid)
    if tagged:
        assert os.getxattr(file, "user.note") == b"kept"
    assert names(root) == ["run.sh"]


def test_an_edit_within_the_second_is_seen_by_python(workspace: Workspace, root: Path) -> None:
    file = root / "a.py"
    file.write_text("x = 1\n")
    times = [int(file.stat().st_mtime)]
    for number in (2, 3, 4):
        replace(workspace, "a.py", b"x = %d\n" % number)
        times.append(int(file.stat().st_mtime))
    assert times == sorted(set(times)), "each version has a second of its own"


def test_a_link_stays_a_link(workspace: Workspace, root: Path) -> None:
    (root / "real").write_bytes(b"old")
    (root / "link").symlink_to("real")
    replace(workspace, "link", b"new")
    assert (root / "link").is_symlink() and (root / "real").read_bytes() == b"new"


def test_hard_links_are_refused(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"shared")
    (root / "inside").hardlink_to(tmp_path / "outside")
    with pytest.raises(Refused, match="2 names"):
        replace(workspace, "inside", b"new")
    assert (tmp_path / "outside").read_bytes() == b"shared"


def test_read_only_files_are_refused(workspace: Workspace, root: Path) -> None:
    (root / "fixed").write_bytes(b"old")
    (root / "fixed").chmod(0o444)
    with pytest.raises(Refused, match="chmod"):
        replace(workspace, "fixed", b"new")
    assert (root / "fixed").read_bytes() == b"old"


def test_new_files_get_folders_and_the_umask(workspace: Workspace, root: Path) -> None:
    before = os.umask(0o027)
    try:
        replace(workspace, "a/b/c.txt", b"x")
    finally:
        os.umask(before)
    assert (root / "a/b/c.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("way", ["fifo", "device", "folder", "huge", "missing"])
def test_what_is_no_plain_file_is_refused_at_once(workspace: Workspace, root: Path, way: str) -> None:
    thing = root / "thing"
    match way:
        case "fifo":
            os.mkfifo(thing)
        case "device":
            if os.getuid() != 0:
                pytest.skip("only root can make a device")
            os.mknod(thing, 0o20666, os.makedev(1, 5))
        case "folder":
            thing.mkdir()
        case "huge":
            with thing.open("wb") as file:
                file.truncate(5 * 2**30)
    with pytest.raises(Refused):
        workspace.files.read(thing)


def test_a_missing_file_is_told_with_its_neighbours(workspace: Workspace, root: Path) -> None:
    (root / "Config.py").touch()
    with pytest.raises(Refused, match=r"Near it: Config\.py"):
        workspace.files.read(root / "confg.py")


def test_a_change_in_between_is_noticed(workspace: Workspace, root: Path) -> None:
    file = root / "a"
    file.write_bytes(b"one")
    content = workspace.files.read(file)
    workspace.files.remember(content)
    assert workspace.files.seen(content) is True
    times = (content.stamp.mtime_ns, content.stamp.mtime_ns)
    file.write_bytes(b"two")
    os.utime(file, ns=times)  # same size, same time, other content
    assert workspace.files.seen(workspace.files.read(file)) is False


def test_a_change_after_the_look_is_noticed(workspace: Workspace, root: Path) -> None:
    file = root / "a"
    file.write_bytes(b"one")
    content = workspace.files.read(file)
    file.write_bytes(b"theirs")
    with pytest.raises(Refused, match="another program"):
        workspace.files.write(file, b"ours", content)
    assert file.read_bytes() == b"theirs"
    with pytest.raises(Refused, match="appeared"):
        workspace.files.write(file, b"ours", None)
    file.unlink()
    with pytest.raises(Refused, match="removed"):
        workspace.files.write(file, b"ours", content)
    assert names(root) == []


def test_a_full_disk_leaves_the_old_file(workspace: Workspace, root: Path) -> None:
    import resource

    (root / "a").write_bytes(b"old")
    content = workspace.files.read(root / "a")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(Refused, match="nothing was changed"):
            workspace.files.write(root / "a", b"x" * 5000, content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (root / "a").read_bytes() == b"old"
    assert names(root) == ["a"]


WRITER = """
import sys
from pathlib import Path
from minicode.workspace.workspace import Workspace
workspace = Workspace.at(Path(sys.argv[1]))
path = workspace.folder.resolve("a", write=True)
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    workspace.files.write(path, (b"x", b"y")[turn % 2] * 3_000_000, workspace.files.read_if_there(path))
"""


def test_killed_in_the_middle_it_is_old_or_new(workspace: Workspace, root: Path) -> None:
    leftovers = 0
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        while not (root / "a").exists():
            assert writer.poll() is None
        writer.kill()
        writer.wait()
        writer.stdout.close()
        data = (root / "a").read_bytes()
        assert data in (b"x" * 3_000_000, b"y" * 3_000_000)
        leftovers += len(names(root)) - 1
    replace(workspace, "b", b"")
    assert names(root) == ["a", "b"], f"of {leftovers} half-written files some stayed"


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        ("grün\n".encode(), "utf-8"),
        (b"\xef\xbb\xbfgr\xc3\xbcn\n", "utf-8"),
        ("\ufeffgrün\n".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffgrün\n".encode("utf-16-be"), "utf-16-be"),
        ("grün\n".encode("latin-1"), "latin-1"),
    ],
)
def test_encodings_come_back_as_the_same_bytes(data: bytes, codec: str) -> None:
    decoded = decode(data, "f")
    assert (decoded.text, decoded.codec) == ("grün\n", codec)
    assert decoded.encode(decoded.text) == data


def test_binary_is_refused() -> None:
    with pytest.raises(Refused, match="binary"):
        decode(b"\x7fELF\0\0\1", "prog")


@pytest.mark.parametrize("make", ["fifo", "link", "dangling"])
def test_a_new_name_that_is_taken_meanwhile(root: Path, tmp_path: Path, make: str) -> None:
    workspace = Workspace.at(root)
    path = workspace.folder.resolve("new", write=True)
    (tmp_path / "victim").write_text("theirs")
    if make == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / ("victim" if make == "link" else "none"))
    with pytest.raises(Refused, match="appeared meanwhile"):
        workspace.files.write(path, b"mine", None)
    assert (tmp_path / "victim").read_text() == "theirs" and not (tmp_path / "none").exists()
