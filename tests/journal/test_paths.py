from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minicode.errors import StorageError
from minicode.paths import PROJECT, Places, places, shipped, slug, write_private

FULL = """
import resource, signal, sys
from pathlib import Path
from minicode.errors import StorageError
from minicode.paths import write_private
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_private(Path(sys.argv[1]), b"new" * 1000)
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("env", "config", "state"),
    [
        ({"HOME": "/h"}, "/h/.minicode", "/h/.minicode"),
        ({"HOME": "/h", "MINICODE_HOME": "/m", "XDG_CONFIG_HOME": "/c"}, "/m", "/m"),
        ({"HOME": "/h", "MINICODE_HOME": "~/m"}, "/h/m", "/h/m"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "/c/minicode", "/h/.minicode"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/d"}, "/h/.minicode", "/d/minicode"),
        ({"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_DATA_HOME": "/d"}, "/c/minicode", "/s/minicode"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.minicode", "/h/.minicode"),
    ],
)
def test_the_home_is_where_the_environment_says(env: dict[str, str], config: str, state: str) -> None:
    assert places(env=env) == Places(Path(config), Path(state))


def test_a_flag_wins_and_is_made_absolute() -> None:
    assert places(Path("here"), {"MINICODE_HOME": "/m"}).state == Path.cwd() / "here"


def test_without_home_the_system_is_asked() -> None:
    import pwd

    assert places(env={}).state == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".minicode"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user the system does not know")
def test_an_unknown_user_without_home_gets_a_sentence() -> None:
    child = os.fork()
    if not child:
        os.setuid(54321)
        try:
            places(env={"HOME": ""})
        except StorageError as error:
            os._exit(0 if "MINICODE_HOME" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_slugs_are_readable_stable_and_different(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "my project!", tmp_path / "b" / "my project!"
    one.mkdir(parents=True)
    assert slug(one).startswith("my-project-")
    assert slug(one) == slug(one / ".." / one.name)
    assert slug(one) != slug(two)
    (tmp_path / "link").symlink_to(one)
    assert slug(tmp_path / "link") == slug(one)
    for odd in ("/", "/\udce9", "/..x", "/" + "y" * 250):
        name = slug(Path(odd))
        assert name.isascii()
        assert 10 < len(name) < 60
        assert not name.startswith(".")


def test_later_guests_win(tmp_path: Path) -> None:
    here = Places(tmp_path, tmp_path)
    assert here.guests("tools") == [shipped("tools"), tmp_path / "tools"]
    assert here.guests("tools", Path("/w"))[-1] == Path("/w") / PROJECT / "tools"
    assert here.sessions_of(Path("/w")).parent == here.sessions


@pytest.mark.parametrize("durable", [True, False])
def test_a_private_file_is_ours_alone(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "a" / "b" / "file.json"
    before = os.umask(0)
    try:
        write_private(file, b"one", durable=durable)
        file.chmod(0o666)
        file.parent.chmod(0o755)
        write_private(file, b"two", durable=durable)
    finally:
        os.umask(before)
    assert file.read_bytes() == b"two"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent, file.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert list(file.parent.iterdir()) == [file]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    file, other = tmp_path / "d" / "file", tmp_path / "other"
    other.write_bytes(b"theirs")
    file.parent.mkdir()
    file.symlink_to(other)
    write_private(file, b"ours")
    assert (file.is_symlink(), file.read_bytes(), other.read_bytes()) == (False, b"ours", b"theirs")


def test_a_disk_that_is_full_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    file = tmp_path / "d" / "file"
    write_private(file, b"old")
    done = subprocess.run([sys.executable, "-c", FULL, file], capture_output=True, text=True)
    assert done.stdout == f"{file} cannot be written: File too large.\n", done.stderr
    assert (file.read_bytes(), list(file.parent.iterdir())) == (b"old", [file])


def test_where_nothing_can_be_put_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "d" / "file").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"d/file cannot be written: Is a directory\.$"):
        write_private(tmp_path / "d" / "file", b"x")
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["file"]
    (tmp_path / "plain").write_text("")
    with pytest.raises(StorageError, match=r"plain"):
        write_private(tmp_path / "plain" / "file", b"x")


def test_many_write_at_once_and_every_reader_sees_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "d" / "file"
    write_private(file, b"0" * 50_000)
    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write_private, file, str(n % 10).encode() * 50_000, durable=False) for n in range(100)]
        while not all(writer.done() for writer in writers):
            seen = file.read_bytes()
            assert len(seen) == 50_000 and len(set(seen)) == 1
    for writer in writers:
        writer.result()
    assert list(file.parent.iterdir()) == [file]
