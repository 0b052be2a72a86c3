"""Every test gets a home of its own: the real one, its key and its sessions are never touched."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

OURS = (
    "MINIMAX_API_KEY",
    "MINIMAX_BASE_URL",
    "MINICODE_MODEL",
    "MINICODE_PROTOCOL",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
)


@pytest.fixture(autouse=True, scope="session")
def heed_signals() -> None:
    """A signal that is ignored here, as in a shell's background job, would be ignored by all we start."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new HOME and MINICODE_HOME; git knows an author and reads no other configuration."""
    home = tmp_path_factory.mktemp("home")
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MINICODE_HOME", str(home / ".minicode"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Test\n\temail = test@example.invalid\n[init]\n\tdefaultBranch = main\n"
    )
    return home
