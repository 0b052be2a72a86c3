from __future__ import annotations

import os
from pathlib import Path

import pytest

from minicode.errors import StorageError
from minicode.paths import PROJECT, Places, places, shipped, slug


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
