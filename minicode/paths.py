"""Where things are: the user's folders, a project's, what minicode ships; and how private files are put there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from minicode.errors import StorageError, UsageError

HERE = Path(__file__).resolve().parent
PROJECT = ".minicode"
SLUG_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Places:
    """config: what the user writes. state: what minicode writes. Both are absolute and may not exist yet."""

    config: Path
    state: Path

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def sessions(self) -> Path:
        return self.state / "sessions"

    @property
    def spill(self) -> Path:
        """Big tool output of sessions that keep nothing themselves."""
        return self.state / "spill"

    def sessions_of(self, workspace: Path) -> Path:
        return self.sessions / slug(workspace)

    def guests(self, kind: str, workspace: Path | None = None) -> list[Path]:
        """The folders of "tools", "prompts", … in which later wins: shipped, the user's, the project's.

        Pass `workspace` only if it is trusted.
        """
        folders = [shipped(kind), self.config / kind]
        return [*folders, workspace / PROJECT / kind] if workspace else folders


def places(home: Path | None = None, env: Mapping[str, str] = os.environ) -> Places:
    """`home` (a flag), else MINICODE_HOME, else XDG where its variables are set, else ~/.minicode.

    Raises StorageError if none of them says where, as for a user the system does not know.
    """
    if home is None and env.get("MINICODE_HOME"):
        home = Path(env["MINICODE_HOME"])
        if home.parts[:1] == ("~",):
            home = _user_home(env).joinpath(*home.parts[1:])
    if home is not None:
        home = home.absolute()
        return Places(home, home)
    config = _xdg(env, "XDG_CONFIG_HOME")
    state = _xdg(env, "XDG_STATE_HOME") or _xdg(env, "XDG_DATA_HOME")
    if config and state:
        return Places(config, state)
    default = _user_home(env) / ".minicode"
    return Places(config or default, state or default)


def _xdg(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name, "")
    return Path(value) / "minicode" if value.startswith("/") else None  # the XDG rule: ignore what is not absolute


def _user_home(env: Mapping[str, str]) -> Path:
    if env.get("HOME", "").startswith("/"):
        return Path(env["HOME"])
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise StorageError(
            f"No home folder is known: HOME is not set and user {os.getuid()} has no entry in the password database. "
            "Set MINICODE_HOME to a folder of yours."
        ) from None


def typed(path: str | Path) -> Path:
    """A path as the user gave it, with `~` read as a home folder. Raises UsageError if there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(f"{path}: there is no such user here. Write the whole path.") from None


def work_folder(folder: Path | None, flag: str = "-C") -> Path:
    """The folder to work in: the one named, or the current one. Raises UsageError if it cannot be worked in."""
    try:
        where = Path.cwd() if folder is None else typed(folder).absolute()
    except FileNotFoundError:
        raise UsageError("The current folder no longer exists. Change to another one, or name one with -C.") from None
    if not where.exists():
        raise UsageError(f"There is no folder {where}. Name one that exists with {flag}.")
    if not where.is_dir():
        raise UsageError(f"{where} is not a folder. Name one with {flag}.")
    if not os.access(where, os.R_OK | os.X_OK):
        raise UsageError(f"The folder {where} cannot be read. Check its permissions, or name another one with {flag}.")
    return where.resolve()


def slug(workspace: Path) -> str:
    """A folder name for a workspace: readable, the same in every process, different for different folders."""
    import hashlib

    real = os.path.realpath(workspace)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in Path(real).name)
    name = name.strip("-.")[:SLUG_LENGTH] or "root"
    return f"{name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}"


def shipped(kind: str) -> Path:
    """The shipped "tools" or "prompts": inside the package in a wheel, beside it in a checkout."""
    packed = HERE / "_shipped" / kind
    return packed if packed.is_dir() else HERE.parent / kind


def private_dir(path: Path) -> Path:
    """Make sure `path` is a folder of ours that nobody else can look into (0700), missing parents too.

    Raises StorageError with path and reason if it cannot be made or belongs to somebody else.
    """
    try:
        _make_private(path)
        info = path.stat()
        if info.st_uid != os.geteuid():
            raise StorageError(
                f"{path} belongs to another user (uid {info.st_uid}), so sessions are not written there. "
                "Set MINICODE_HOME to a folder of yours."
            )
        if info.st_mode & stat.S_ISVTX:
            raise StorageError(f"{path} is shared with other users. Set MINICODE_HOME to a folder of yours.")
        if info.st_mode & 0o077:
            path.chmod(stat.S_IMODE(info.st_mode) & 0o700)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be used to keep sessions: {error.strerror}. Set MINICODE_HOME to a folder you can write to."
        ) from error
    return path


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put a file of ours in its place, whole or not at all, that only we can read (0600), in a `private_dir`.

    durable: it must outlive a power cut. Raises StorageError with path and reason; what was there before stays then.
    """
    folder = private_dir(path.parent)
    half = folder / f".{path.name}.{os.urandom(6).hex()}"
    try:
        try:
            fd = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(fd)
            half.replace(path)
        except BaseException:  # why: whatever ended it, half a file must not stay
            with suppress(OSError):
                half.unlink()
            raise
        if durable:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def _make_private(path: Path) -> None:
    # Path.mkdir(parents=True) would give the parents the default mode.
    try:
        path.mkdir(mode=0o700)
    except FileNotFoundError:
        if path.parent == path:
            raise
        _make_private(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        if not path.is_dir():
            raise
