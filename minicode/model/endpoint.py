"""What a base URL means: where each surface is, whether a key is needed, whether MiniMax itself is behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from minicode.errors import ConfigError

INTERNATIONAL = "https://api.minimax.io"
CHINA = "https://api.minimaxi.com"

_MINIMAX = ("minimax.io", "minimaxi.com", "minimax.cn", "minimaxi.chat", "minimax.chat")
_HOST = re.compile(r"[\w.:%-]+")
_MESSAGES = "/v1/messages"
_CHAT = "/v1/chat/completions"
# ending of a given address: the surface it settles ("" leaves it open). Longest first.
_ENDINGS = (
    ("/anthropic/v1/messages", "anthropic"),
    ("/v1/chat/completions", "openai"),
    ("/chat/completions", "openai"),
    ("/v1/text/chatcompletion_v2", "openai"),
    ("/anthropic/v1", "anthropic"),
    ("/v1/messages", "anthropic"),
    ("/anthropic", "anthropic"),
    ("/v1", ""),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """root: scheme, host and path before any known ending. surfaces: (wire, URL) in the order to be tried; if there is
    one, nothing needs to be probed. hosted: MiniMax's own. loopback: on this machine, where no key is needed."""

    root: str
    surfaces: tuple[tuple[str, str], ...]
    hosted: bool
    loopback: bool

    @property
    def host(self) -> str:
        return urlsplit(self.root).netloc

    def url(self, wire: str) -> str:
        """The first address of that surface."""
        return next(url for name, url in self.surfaces if name == wire)

    @property
    def models_url(self) -> str:
        """Where the list of models is, in OpenAI's shape."""
        return f"{self.root}/v1/models"


def endpoint(base_url: str = "", protocol: str = "auto") -> Endpoint:
    """Understand a base URL: a bare root, …/anthropic, …/v1, or the full path of a surface. "" is MiniMax's own.

    protocol: "auto", "anthropic" or "openai". Raises ConfigError for what is no usable address.
    """
    given = base_url.strip() or INTERNATIONAL
    if "://" not in given:
        scheme = "http" if _is_loopback(_host_of(f"//{given}")) else "https"
        given = f"{scheme}://{given}"
    if protocol not in ("auto", "anthropic", "openai"):
        raise ConfigError(f"Protocol {protocol!r} is unknown. Use auto, anthropic or openai.")
    host = _host_of(given)
    if not given.lower().startswith(("http://", "https://")) or not _HOST.fullmatch(host):
        raise ConfigError(f"The base URL {base_url!r} is no web address. It looks like {INTERNATIONAL}.")
    parts = urlsplit(given)
    if parts.username or parts.password:
        raise ConfigError("The base URL holds a user name or password. Put the key into MINIMAX_API_KEY instead.")
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ConfigError(
            f"The base URL {base_url!r} would send your key and your code unencrypted. "
            "Use https://, or a tunnel to an address on this machine (http://127.0.0.1:PORT)."
        )
    path, settled = _split_path(parts.path)
    root = f"{parts.scheme}://{parts.netloc}{path}"
    hosted = host in _MINIMAX or host.endswith(tuple(f".{name}" for name in _MINIMAX))
    return Endpoint(root, _surfaces(root, parts.path.rstrip("/"), settled, hosted, protocol), hosted, loopback)


def _surfaces(root: str, path: str, settled: str, hosted: bool, protocol: str) -> tuple[tuple[str, str], ...]:
    spoken = settled if protocol == "auto" else protocol
    chat = ("openai", f"{root}{_CHAT}")
    if path.endswith("/chat/completions") and not path.endswith(_CHAT):
        chat = ("openai", f"{root}/chat/completions")
    official = ("anthropic", f"{root}/anthropic{_MESSAGES}")
    plain = ("anthropic", f"{root}{_MESSAGES}")
    if spoken == "openai":
        return (chat,)
    if hosted or (settled == "anthropic" and "/anthropic" in path[len(path) - 22 :]):
        messages: tuple[tuple[str, str], ...] = (official,)
    elif settled == "anthropic":
        messages = (plain,)
    else:
        messages = (plain, official)
    return messages if spoken == "anthropic" or hosted else (*messages, chat)


def _split_path(path: str) -> tuple[str, str]:
    path = path.rstrip("/")
    for ending, wire in _ENDINGS:
        if path.endswith(ending):
            return path[: -len(ending)], wire
    return path, ""


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
        return (parts.hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    numbers = host.split(".")
    return numbers[0] == "127" and len(numbers) == 4 and all(n.isdigit() and int(n) < 256 for n in numbers)
