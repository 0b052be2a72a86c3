"""The first run: a key is taken in and never seen again, a server of one's own, the demo, and the way out."""

from __future__ import annotations

import os
import stat
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from minicode import keys
from minicode.cli.screen_sessions import KeptAccounts, needs_key
from minicode.ground import ground
from minicode.tui.firstrun import FirstRun
from minicode.tui.sheet import Enquiry

KEY = "sk-test-0123456789"
NOTHING = "never dismissed"


@pytest.fixture
def config(home: Path) -> Path:
    return home / ".minicode"


class Screens(App[Any]):
    def __init__(self, config: Path) -> None:
        super().__init__()
        self.first = FirstRun(KeptAccounts(config))
        self.took: Any = NOTHING
        self.seen: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(self.first, self.take)

    def take(self, took: Any) -> None:
        self.took = took


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, f"it never came to be:\n{screen(pilot.app)}"
        await pilot.pause()


def screen(app: App[Any]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


@pytest.mark.parametrize(("down", "host"), [(0, "api.minimax.io"), (1, "api.minimaxi.com")])
async def test_a_key_is_kept_and_not_shown(config: Path, down: int, host: str) -> None:
    app = Screens(config)
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.pause()
        assert "Paste a MiniMax key" in screen(app) and "Watch the demo" in screen(app)
        await pilot.press(*["down"] * down, "enter")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press(*KEY)
        assert KEY not in screen(app) and "•" * len(KEY) in screen(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.took != NOTHING)
        assert KEY not in screen(app)
    assert app.took == "key"
    assert keys.find({}, config)[0] == KEY and host in keys.base_url(config)
    assert stat.S_IMODE((config / keys.FILE).stat().st_mode) == 0o600
    assert not needs_key(ground(Path.home()))


async def test_what_is_no_key_is_refused_without_repeating_it(config: Path) -> None:
    app = Screens(config)
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        await pilot.press(*"my secret", "enter")
        await until(pilot, lambda: "That is no key" in screen(app))
        assert "my secret" not in screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.first)
    assert app.took == NOTHING and not (config / keys.FILE).exists()


async def test_a_key_that_cannot_be_kept_is_told_of(config: Path) -> None:
    config.write_text("a file where the folder should be")
    app = Screens(config)
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        app.screen.query_one(Input).value = KEY
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be used to keep" in screen(app))
        assert KEY not in screen(app) and app.took == NOTHING


async def test_a_server_on_this_machine(config: Path) -> None:
    config.mkdir(mode=0o700)
    (config / "config.toml").write_text('# mine\nmodel = "other"\n[keep]\n')
    (config / "config.toml").chmod(0o600)
    app = Screens(config)
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Enquiry))
        box = app.screen.query_one(Input)
        for wrong, says in {
            "": "Write where the server is",
            "ftp://127.0.0.1": "is no web address",
            "http://example.com": "unencrypted",
            "https://example.com": "it needs a key",
        }.items():
            box.value = wrong
            await pilot.press("enter")
            await pilot.pause()
            assert says in " ".join(screen(app).split()), wrong
        box.value = " http://localhost:8000/v1 "
        await pilot.press("enter")
        await until(pilot, lambda: app.took != NOTHING)
    assert app.took == "local"
    text = (config / "config.toml").read_text()
    assert tomllib.loads(text)["base_url"] == "http://localhost:8000/v1"
    assert text.endswith('# mine\nmodel = "other"\n[keep]\n')


async def test_an_address_that_is_set_already_stays(config: Path) -> None:
    config.mkdir(mode=0o700)
    (config / "config.toml").write_text('base_url = "https://mine.example"\n')
    (config / "config.toml").chmod(0o600)
    with pytest.raises(ValueError, match=r"config.toml:1: an address is set there already"):
        await KeptAccounts(config).keep_address("127.0.0.1:8000")
    assert (config / "config.toml").read_text() == 'base_url = "https://mine.example"\n'


@pytest.mark.parametrize(
    ("pressed", "took"), [((*["down"] * 3, "enter"), "demo"), (("end", "enter"), None), (("escape",), None)]
)
async def test_the_demo_and_the_way_out(config: Path, pressed: tuple[str, ...], took: str | None) -> None:
    app = Screens(config)
    async with app.run_test(size=(30, 9)) as pilot:
        await pilot.press(*pressed)
        await until(pilot, lambda: app.took != NOTHING)
    assert app.took == took


def test_who_needs_a_key(home: Path) -> None:
    assert needs_key(ground(home), {})
    assert not needs_key(ground(home), {keys.VARIABLE: KEY})
    assert not needs_key(ground(home, flags={"base_url": "http://127.0.0.1:8000"}), {})
    assert os.environ.get(keys.VARIABLE) is None
