"""`minicode login` and `minicode logout`: keep the API key where only the user can read it, or forget it."""

from __future__ import annotations

import os
import sys

from minicode import keys, paths
from minicode.errors import UsageError
from minicode.model.endpoint import CHINA, INTERNATIONAL

REGIONS = {"international": INTERNATIONAL, "china": CHINA}
_SHORTEST = 10


def login(region: str | None = None) -> int:
    """Take the key from a hidden prompt, or from stdin if that is no terminal, and keep it. It is never shown.

    region: one of REGIONS; None asks on a terminal, and elsewhere keeps to the shipped endpoint. Raises UsageError
    for what cannot be a key, StorageError if it cannot be kept.
    """
    if region is not None and region not in REGIONS:
        raise UsageError(f"--region {region}: there is no such region. It is international or china.")
    asks = sys.stdin is not None and sys.stdin.isatty()
    key = plausible(_asked() if asks else _piped())
    if region is None and asks:
        region = _asked_region()
    where = keys.store(key, paths.places().config, REGIONS[region] if region else "")
    print(f"The key is kept in {where}. `minicode doctor` checks that it works.")
    if os.environ.get(keys.VARIABLE):
        print(f"{keys.VARIABLE} is set as well and goes first: unset it to use the key you kept.", file=sys.stderr)
    return 0


def logout() -> int:
    """Forget the kept key. Raises StorageError if it cannot be removed."""
    config = paths.places().config
    gone = keys.forget(config)
    print("The key is forgotten." if gone else f"There was no key kept in {config}.")
    if os.environ.get(keys.VARIABLE):
        print(f"{keys.VARIABLE} is still set in this shell: unset it too.", file=sys.stderr)
    return 0


def _asked() -> str:
    from getpass import getpass

    try:
        return getpass("MiniMax API key (it is not shown): ")
    except EOFError:
        raise UsageError("No key was given; nothing was kept.") from None


def _piped() -> str:
    text = sys.stdin.read(100_000) if sys.stdin is not None else ""
    if not text.strip():
        raise UsageError("No key came on stdin. Pipe it in, or run `minicode login` on a terminal.")
    return text


def plausible(text: str) -> str:
    """The key without the white space around it. A refusal does not repeat it."""
    key = text.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError("That is no key: a key has no spaces, line ends or odd letters inside. Nothing was kept.")
    if len(key) < _SHORTEST:
        raise UsageError(f"That is no key: it has {len(key)} letters, and a key is longer. Nothing was kept.")
    return key


def _asked_region() -> str:
    while True:
        try:
            said = input("Region of your account, international or china? [international] ").strip().lower()
        except EOFError:
            return "international"
        found = [region for region in REGIONS if region.startswith(said)]
        if found:
            return found[0]
        print("Please say international or china.")
