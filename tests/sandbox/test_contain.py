"""Which homes and whose secrets are closed to the commands of a session."""

from __future__ import annotations

import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from minicode import paths
from minicode.errors import ConfigError
from minicode.safety import Contained, contain
from minicode.sandbox.places import secret_places, secrets_of_others
from minicode.settings import Layered, Settings


def contained(folder: Path, *hidden: str) -> Contained:
    settings = replace(Settings(), sandbox="off", hidden=hidden)
    return contain(Layered(settings, {"hidden": "/x/config.toml:3"}), folder, [], paths.places(), "test")


def test_without_home_the_one_of_the_password_database_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    for value in ("", "relative"):
        monkeypatch.setenv("HOME", value)
        assert real / ".ssh" in contained(tmp_path).policy.hidden
    monkeypatch.delenv("HOME")
    assert real / ".ssh" in contained(tmp_path).policy.hidden


def test_a_home_behind_a_link_is_protected(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(home)
    (home / ".bashrc").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "link"))
    held = contained(home)
    assert home / ".bashrc" in held.box.protected().others
    assert home / ".ssh" in held.policy.hidden


def test_root_reads_no_other_home_either(tmp_path: Path) -> None:
    homes = [Path(entry.pw_dir) for entry in (pwd.getpwall() if os.getuid() == 0 else [pwd.getpwuid(os.getuid())])]
    there = {home / ".ssh" for home in homes if home != Path("/") and os.access(home / ".ssh", os.F_OK)}
    assert there <= set(secrets_of_others())
    assert {path.resolve() for path in there} <= set(contained(tmp_path).policy.hidden)
    assert all(path.exists() for path in secrets_of_others())


def test_settings_that_were_moved_are_hidden_too(tmp_path: Path) -> None:
    moved = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d"), "XDG_CACHE_HOME": "no"}
    found = secret_places(tmp_path, tmp_path / "m", tmp_path / "m", (), moved)
    assert {tmp_path / "c/gh", tmp_path / "d/keyrings", tmp_path / ".config/gh"} <= set(found)


@pytest.mark.parametrize(("name", "said"), [("a\0b", "holds a NUL"), ("~nosuchuser-here/x", "no such user")])
def test_a_path_that_cannot_be_is_a_mistake_of_the_settings(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        contained(tmp_path, "fine", name)
    assert str(caught.value).startswith(f"/x/config.toml:3: hidden: {name!r}")
