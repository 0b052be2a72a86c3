"""The API key: where it comes from, where it is kept, and how it is taken out of sight of our own children."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from minicode import paths
from minicode.errors import ConfigError, StorageError

VARIABLE = "MINIMAX_API_KEY"
SEARCH = ("BRAVE_API_KEY", "TAVILY_API_KEY")  # of those who search the web for us
FILE = "auth.json"
KEYRING = "the system keyring"
_SERVICE, _USER = "minicode", "minimax"
_BIGGEST = 100_000  # bytes of the file


def find(environ: Mapping[str, str], config: Path) -> tuple[str, str]:
    """(key, where it comes from): the environment, else what `store` kept. Two empty texts if there is none.

    Raises ConfigError if what was kept cannot be read, or could have been read or made by others.
    """
    if key := environ.get(VARIABLE, "").strip():
        return key, f"${VARIABLE}"
    kept = _read(config / FILE)
    if kept.get("kept_in") == "keyring":
        key = _from_keyring()
        if not key:
            raise ConfigError(
                f"The key is kept in {KEYRING}, which does not give it out now. Unlock the keyring, "
                f"set {VARIABLE}, or keep the key anew with `minicode login`."
            )
        return key, KEYRING
    key = kept.get("key", "")
    return (key, str(config / FILE)) if key else ("", "")


def base_url(config: Path) -> str:
    """The endpoint chosen at `minicode login`, to be used where no other one is set; "" if none was. Raises as find."""
    return _read(config / FILE).get("base_url", "")


def store(key: str, config: Path, base_url: str = "") -> str:
    """Keep the key in the system's keyring if there is one, else in a file only we can read. Returns where it is.

    base_url: the endpoint to remember with it. Raises StorageError if the file cannot be written.
    """
    in_keyring = _into_keyring(key)
    kept = {"kept_in": "keyring"} if in_keyring else {"key": key}
    if base_url:
        kept["base_url"] = base_url
    file = config / FILE
    try:
        paths.write_private(file, json.dumps(kept).encode())
    except StorageError as error:
        raise StorageError(f"{error} The key was not kept.") from None
    return KEYRING if in_keyring else str(file)


def forget(config: Path) -> bool:
    """Remove the kept key, from the keyring too. Returns whether there was one. Raises StorageError if it stays."""
    file = config / FILE
    try:
        if not (kept := _read(file)):
            return False
        in_keyring = kept.get("kept_in") == "keyring"
    except ConfigError:
        in_keyring = True  # nobody knows, so both places are cleared
    if in_keyring:
        _out_of_keyring()
    try:
        file.unlink()
    except OSError as error:
        raise StorageError(f"{file} cannot be removed: {error.strerror}. The key is still there.") from None
    return True


def hide(environ: MutableMapping[str, str]) -> bool:
    """Overwrite the keys in this process's initial environment, so that /proc/<pid>/environ shows them no more.

    environ: os.environ; it loses VARIABLE, and keeps what SEARCH names for a later session of this process. Other
    variables with the same values are overwritten too. Returns whether the keys are out of sight; False if the system
    has no way to do or to check it, which harms nothing. What it cannot do: hide the environment of a parent (the
    shell that exported the key), nor our memory from a debugger.
    """
    secrets = {key for name in (VARIABLE, *SEARCH) if (key := environ.get(name, ""))}
    if not secrets:
        return True
    try:
        import ctypes

        getenv = ctypes.CDLL(None).getenv
        getenv.argtypes, getenv.restype = (ctypes.c_char_p,), ctypes.c_void_p
        for name, value in environ.items():
            # What libc has is asked, not what Python believes: only those bytes may be written to.
            at = getenv(os.fsencode(name)) if value in secrets else None
            if at and ctypes.string_at(at) == os.fsencode(value):
                ctypes.memset(at, 0, len(os.fsencode(value)))
        environ.pop(VARIABLE, None)
        shown = Path("/proc/self/environ").read_bytes()
        return not any(os.fsencode(key) in shown for key in secrets)
    except (ImportError, AttributeError, OSError, ValueError):  # no ctypes, no libc of that kind, no /proc
        environ.pop(VARIABLE, None)
        return False


def _read(file: Path) -> dict[str, str]:
    """What `store` wrote; nothing if there is no file. Raises ConfigError."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"{file} with your key cannot be read: {error.strerror}. Check whose it is.") from None
    try:
        _check(file, os.fstat(fd))
        raw = os.read(fd, _BIGGEST)
    finally:
        os.close(fd)
    try:
        kept = json.loads(raw)
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        raise ConfigError(f"{file} is damaged. Run `minicode login` to keep your key anew.")
    return kept


def _check(file: Path, info: os.stat_result) -> None:
    """Raises ConfigError unless it is a file which nobody else could have read or made."""
    if not stat.S_ISREG(info.st_mode):
        raise ConfigError(f"{file} is no file. Remove it and run `minicode login`.")
    if info.st_uid != os.geteuid():
        raise ConfigError(
            f"{file} belongs to another user (uid {info.st_uid}), so the key in it is not used. "
            "Remove it and run `minicode login`."
        )
    if info.st_mode & 0o077:
        raise ConfigError(
            f"{file} can be read or changed by others (mode {stat.S_IMODE(info.st_mode):04o}), so the key in it "
            f"is not used. Run `chmod 600 {file}`; if others use this machine, get a new key too."
        )


def _keyring() -> Any:
    """The `keyring` package if it is installed and has somewhere safe to keep a secret, else None."""
    try:
        import keyring

        backend = keyring.get_keyring()
        # Its plain-text files are no better than ours, and its stand-ins keep nothing.
        real = backend.priority > 0 and not type(backend).__module__.startswith("keyrings.alt")
    except Exception:  # why: keyrings fail in every way there is, and a file does as well
        return None
    return keyring if real else None


def _into_keyring(key: str) -> bool:
    keyring = _keyring()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE, _USER, key)
        return bool(keyring.get_password(_SERVICE, _USER) == key)
    except Exception:  # why: a locked or broken keyring must not keep anyone from logging in
        return False


def _from_keyring() -> str:
    keyring = _keyring()
    try:
        return str(keyring.get_password(_SERVICE, _USER) or "") if keyring else ""
    except Exception:  # why: the caller says in a sentence that the keyring did not give it out
        return ""


def _out_of_keyring() -> None:
    keyring = _keyring()
    if keyring is not None:
        with suppress(Exception):  # why: it may be gone already; the file that points to it goes in any case
            keyring.delete_password(_SERVICE, _USER)
