"""The key: found, kept where only its owner reads it, forgotten, and out of sight of our own children."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from minicode import keys
from minicode.errors import ConfigError, StorageError

KEY = "sk-api-canary-0123456789"
ROOT = Path(__file__).resolve().parents[2]
LOGIN = """
import sys
from minicode.cli.login import login, logout
from minicode.errors import MinicodeError
try:
    sys.exit(logout() if sys.argv[1] == "logout" else login(*sys.argv[2:]))
except MinicodeError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""
# What the `keyring` package promises, kept in a file.
KEYRING = """
import os, pathlib
class Backend:
    priority = float(os.environ.get("PRIORITY", "5"))
def get_keyring(): return Backend()
FILE = pathlib.Path(os.environ["KEYRING_FILE"])
def _work():
    if os.environ.get("LOCKED"): raise RuntimeError("locked")
def set_password(service, user, secret): _work(); FILE.write_text(secret)
def get_password(service, user): _work(); return FILE.read_text() if FILE.exists() else None
def delete_password(service, user): _work(); FILE.unlink()
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "not" / "there" / "yet"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def python(code: str, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )


def test_nothing_is_nowhere(config: Path) -> None:
    assert keys.find({}, config) == ("", "") and keys.base_url(config) == "" and keys.forget(config) is False
    assert not config.exists()


def test_the_environment_goes_first(config: Path) -> None:
    keys.store("sk-kept-0123456789", config)
    assert keys.find({"MINIMAX_API_KEY": f" {KEY}\n"}, config) == (KEY, "$MINIMAX_API_KEY")
    assert keys.find({"MINIMAX_API_KEY": "  "}, config)[0] == "sk-kept-0123456789"


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_kept_for_its_owner_alone(config: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        where = keys.store(KEY, config, "https://api.minimaxi.com")
    finally:
        os.umask(before)
    assert where == str(config / "auth.json") and keys.find({}, config) == (KEY, where)
    assert keys.base_url(config) == "https://api.minimaxi.com"
    assert stat.S_IMODE(Path(where).stat().st_mode) == 0o600 and stat.S_IMODE(config.stat().st_mode) == 0o700
    keys.store("sk-other-0123456789", config)
    assert keys.find({}, config)[0] == "sk-other-0123456789" and keys.base_url(config) == ""
    assert names(config) == ["auth.json"]
    assert keys.forget(config) is True and keys.find({}, config) == ("", "")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o660])
def test_what_others_can_read_is_not_used(config: Path, mode: int) -> None:
    Path(keys.store(KEY, config)).chmod(mode)
    with pytest.raises(ConfigError, match=r"auth\.json can be read or changed by others .*chmod 600") as raised:
        keys.find({}, config)
    assert KEY not in str(raised.value)
    assert keys.find({"MINIMAX_API_KEY": KEY}, config)[0] == KEY
    assert keys.forget(config) is True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_others_made_is_not_used(config: Path) -> None:
    os.chown(keys.store(KEY, config), 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to another user"):
        keys.find({}, config)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "[" * 100_000, '{"key": 3}', "\0", '{"key": "a", "base_url": null}']
)
def test_a_damaged_file_is_a_sentence(config: Path, content: str) -> None:
    Path(keys.store(KEY, config)).write_text(content)
    for ask in (lambda: keys.find({}, config), lambda: keys.base_url(config)):
        with pytest.raises(ConfigError, match=r"damaged\. Run `minicode login`"):
            ask()


def test_a_pipe_or_a_folder_is_no_file(config: Path) -> None:
    config.mkdir(parents=True)
    os.mkfifo(config / "auth.json", 0o600)
    with pytest.raises(ConfigError, match="is no file"):
        keys.find({}, config)
    assert keys.forget(config)
    (config / "auth.json").mkdir()
    with pytest.raises(ConfigError, match="is no file"):
        keys.find({}, config)
    with pytest.raises(StorageError):
        keys.store(KEY, config)
    with pytest.raises(StorageError, match="still there"):
        keys.forget(config)
    assert names(config) == ["auth.json"]


@pytest.fixture
def ring(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "keyring.py").write_text(KEYRING)
    return {"PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}", "KEYRING_FILE": str(tmp_path / "ring")}


RING = """
import sys; from pathlib import Path; from minicode import keys; from minicode.errors import ConfigError
config = Path(sys.argv[2])
try:
    print(eval(sys.argv[1]))
except ConfigError as error:
    print(error)
"""


def test_the_keyring_is_used_where_there_is_one(config: Path, ring: dict[str, str]) -> None:
    assert python(RING, f"keys.store({KEY!r}, config, 'https://x')", str(config), **ring).stdout == f"{keys.KEYRING}\n"
    assert json.loads((config / "auth.json").read_text()) == {"kept_in": "keyring", "base_url": "https://x"}
    assert Path(ring["KEYRING_FILE"]).read_text() == KEY
    assert KEY in python(RING, "keys.find({}, config)", str(config), **ring).stdout
    assert "Unlock" in python(RING, "keys.find({}, config)", str(config), **ring, LOCKED="1").stdout
    assert python(RING, "keys.forget(config)", str(config), **ring).stdout == "True\n"
    assert not Path(ring["KEYRING_FILE"]).exists() and names(config) == []


@pytest.mark.parametrize("trouble", [{"LOCKED": "1"}, {"PRIORITY": "0"}, {"PRIORITY": "none"}])
def test_a_keyring_that_keeps_nothing_is_passed_over(
    config: Path, ring: dict[str, str], trouble: dict[str, str]
) -> None:
    assert python(RING, f"keys.store({KEY!r}, config)", str(config), **ring, **trouble).stdout.strip().endswith(".json")
    assert keys.find({}, config)[0] == KEY and not Path(ring["KEYRING_FILE"]).exists()


def test_a_start_without_keyring_does_not_import_it(config: Path, ring: dict[str, str]) -> None:
    keys.store(KEY, config)
    code = "(keys.find({}, config)[0], 'keyring' in sys.modules, 'ctypes' in sys.modules)"
    assert python(RING, code, str(config), **ring).stdout == f"{(KEY, False, False)}\n"


HIDE = """
import os, subprocess, sys
from minicode import keys
look = ["cat", f"/proc/{os.getpid()}/environ"]
print(os.environ["MINIMAX_API_KEY"] in subprocess.run(look, capture_output=True, text=True).stdout)
print(keys.hide(os.environ), "MINIMAX_API_KEY" in os.environ, keys.hide(os.environ))
shown = subprocess.run([*look, "/proc/self/environ"], capture_output=True, text=True).stdout
print(sys.argv[1] in shown, "KEPT_ONE=kept" in shown, "KEPT_TWO=also kept" in shown)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_the_key_leaves_our_environment_block() -> None:
    environ = {"KEPT_ONE": "kept", "MINIMAX_API_KEY": KEY, "KEPT_TWO": "also kept", "SAME_AGAIN": KEY}
    ran = python(HIDE, KEY, **environ)
    assert ran.stdout == "True\nTrue False True\nFalse True True\n", ran.stderr


def test_a_key_that_was_put_there_later_goes_too() -> None:
    environ = {"MINIMAX_API_KEY": KEY}
    assert keys.hide(environ) is (Path("/proc/self/environ").exists()) and environ == {}


@pytest.mark.parametrize(
    ("stdin", "arguments", "url"),
    [
        (f"  {KEY}\r\n", (), ""),
        (KEY, ("china",), "https://api.minimaxi.com"),
        (KEY, ("international",), "https://api.minimax.io"),
    ],
)
def test_login_from_a_pipe(home: Path, stdin: str, arguments: tuple[str, ...], url: str) -> None:
    ran = python(LOGIN, "login", *arguments, stdin=stdin)
    config = home / ".minicode"
    assert ran.returncode == 0 and "minicode doctor" in ran.stdout and str(config) in ran.stdout
    assert KEY not in ran.stdout + ran.stderr and not ran.stderr
    assert keys.find({}, config)[0] == KEY and keys.base_url(config) == url
    assert "goes first" in python(LOGIN, "login", stdin=stdin, MINIMAX_API_KEY="x").stderr
    assert python(LOGIN, "logout").stdout == "The key is forgotten.\n"
    again = python(LOGIN, "logout", MINIMAX_API_KEY="x")
    assert again.returncode == 0 and "no key kept" in again.stdout and "still set" in again.stderr


@pytest.mark.parametrize(
    ("stdin", "arguments", "said"),
    [
        ("", (), "No key came on stdin"),
        (" \n", (), "No key came on stdin"),
        ("short", (), "5 letters"),
        ("two words-0123456789", (), "no spaces"),
        (f"{KEY}\n{KEY}", (), "no spaces"),
        (f"{KEY}\x1b[A", (), "no spaces"),
        ("clé-0123456789", (), "no spaces"),
        (KEY, ("mars",), "international or china"),
    ],
)
def test_nonsense_is_refused(home: Path, stdin: str, arguments: tuple[str, ...], said: str) -> None:
    ran = python(LOGIN, "login", *arguments, stdin=stdin)
    assert (ran.returncode, ran.stdout) == (2, "") and said in ran.stderr and "Traceback" not in ran.stderr
    assert KEY not in ran.stderr and not (home / ".minicode").exists()


@pytest.mark.parametrize(
    ("region", "url"), [("", "https://api.minimax.io"), ("mars\nchina", "https://api.minimaxi.com")]
)
def test_login_on_a_terminal_shows_nothing(home: Path, region: str, url: str) -> None:
    ours, theirs = pty.openpty()
    code = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" + LOGIN
    process = subprocess.Popen(
        [sys.executable, "-c", code, "login"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(theirs)
    shown = ""
    try:
        for prompt, answer in (("not shown): ", KEY), ("[international] ", region)):
            shown += _until(ours, prompt)
            os.write(ours, f"{answer}\n".encode())
        shown += _until(ours, "checks that it works.")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert KEY not in shown and ("Please say" in shown) is bool(region)
    config = home / ".minicode"
    assert keys.find({}, config)[0] == KEY and keys.base_url(config) == url


def _until(terminal: int, words: str) -> str:
    """What is shown until the words come. They come, or the test's own time is up."""
    shown = b""
    while words.encode() not in shown:
        assert select.select([terminal], [], [], 60)[0], shown
        shown += os.read(terminal, 4096)
    return shown.decode()
