"""Where secrets lie, what runs programs later, and which sockets lead out: looked up, never changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SECRETS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".config/glab-cli", ".config/hub",
    ".config/rclone", ".config/op", ".config/doctl", ".oci", ".netrc", "_netrc", ".docker",
    ".config/containers/auth.json",
    ".kube", ".config/helm/registry", ".terraform.d/credentials.tfrc.json", ".vault-token", ".pypirc", ".npmrc",
    ".yarnrc.yml", ".git-credentials", ".config/git/credentials", ".cargo/credentials", ".cargo/credentials.toml",
    ".gem/credentials", ".m2/settings.xml", ".gradle/gradle.properties", ".composer/auth.json",
    ".config/composer/auth.json", ".nuget/NuGet/NuGet.Config", ".config/pypoetry/auth.toml", ".pgpass", ".my.cnf",
    ".password-store", ".local/share/keyrings", ".local/share/kwalletd", ".config/keepassxc", "Library/Keychains",
    ".cache/huggingface/token", ".config/sops", ".config/age", ".age",
    # browsers and mail
    ".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware",
    ".config/microsoft-edge", ".config/vivaldi", ".config/opera", ".cache/mozilla", ".var/app", "snap/firefox",
    "snap/chromium", "Library/Application Support/Google/Chrome", "Library/Application Support/Firefox",
    "Library/Safari", "Library/Cookies", "Library/Messages", "Library/Mail",
    # what was typed
    ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".sh_history", ".local/share/fish/fish_history",
    ".python_history", ".node_repl_history", ".psql_history", ".mysql_history", ".sqlite_history", ".rediscli_history",
    ".lesshst", ".viminfo",
    # other agents
    ".claude", ".claude.json", ".codex", ".gemini", ".vibe", ".kimi", ".cursor", ".aider", ".continue", ".qwen",
    ".config/opencode", ".local/share/opencode", ".config/github-copilot", ".copilot", ".pi", ".config/goose",
    ".minicode",
)  # fmt: skip
_XDG = (("XDG_CONFIG_HOME", ".config/"), ("XDG_DATA_HOME", ".local/share/"), ("XDG_CACHE_HOME", ".cache/"))
_PEOPLE = 1000
_SYSTEM_SECRETS = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d",
    "/etc/ssl/private", "/etc/krb5.keytab", "/etc/docker/key.json", "/etc/rancher", "/etc/kubernetes",
    "/etc/wireguard", "/etc/NetworkManager/system-connections", "/var/lib/docker", "/var/lib/sss/secrets",
)  # fmt: skip
# What is run, or lets something run, by an agent, an editor, a shell or a build service that is started later.
PROTECTED = frozenset({
    ".minicode", ".claude", ".codex", ".cursor", ".gemini", ".vibe", ".kimi", ".qwen", ".opencode", ".continue",
    ".aider.conf.yml", ".mcp.json", "opencode.json", ".vscode", ".idea", ".zed", ".devcontainer", ".envrc", ".husky",
    ".pre-commit-config.yaml", "lefthook.yml", ".npmrc", ".yarnrc.yml", ".gitmodules", ".gitlab-ci.yml", ".travis.yml",
    "Jenkinsfile", ".circleci", ".github/workflows", ".github/actions",
})  # fmt: skip
PROTECTED_AT_HOME = PROTECTED | {
    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".inputrc", ".zshrc",
    ".zprofile", ".zshenv", ".zlogin", ".zlogout", ".cshrc", ".tcshrc", ".kshrc", ".xprofile", ".xinitrc", ".xsession",
    ".gitconfig", ".config/git", ".config/fish", ".config/autostart", ".config/systemd", ".config/environment.d",
    ".local/share/applications", ".vimrc", ".vim", ".config/nvim", ".emacs", ".emacs.d", ".tmux.conf",
    ".config/direnv", ".ssh", ".gnupg", ".pip", ".config/pip", ".cargo/config.toml", ".local/bin", "bin",
    "Library/LaunchAgents",
}  # fmt: skip
# Inside a git folder that may be written: what would run programs, or make git look elsewhere.
GIT_KEPT = ("config", "config.worktree", "hooks", "info/attributes", "commondir", "gitdir")
_DEPTH, _FOLDERS = 3, 2000
_UNWALKED = frozenset({
    "node_modules", ".venv", "venv", ".tox", ".nox", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
    "site-packages", "target", "build", "dist", ".cache", "vendor",
})  # fmt: skip
_SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/run"))


class Protected(NamedTuple):
    """git: folders of repositories, and the `.git` files that lead to them. others: folders and files by PROTECTED.

    All exist and are real paths. They may lie anywhere: what a repository points to was written by a stranger.
    """

    git: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


def secret_places(
    home: Path, config: Path, state: Path, more: Sequence[Path] = (), environment: Mapping[str, str] = os.environ
) -> tuple[Path, ...]:
    """What commands may not read, as real paths; many of them do not exist here."""
    moved = [
        f"{folder}/{name.removeprefix(usual)}"
        for variable, usual in _XDG
        if (folder := environment.get(variable, "")).startswith("/")
        for name in _SECRETS
        if name.startswith(usual)
    ]
    named: list[str | Path] = [*(f"{home}/{name}" for name in _SECRETS), *moved, config, state, *_SYSTEM_SECRETS, *more]
    return real_paths(named)


def secrets_of_others() -> list[Path]:
    """Those there are in the homes of the password database that we may read: ours, and as root everybody's."""
    import pwd

    try:
        entries = pwd.getpwall()[:_PEOPLE] if os.geteuid() == 0 else [pwd.getpwuid(os.geteuid())]
    except KeyError:
        return []
    found = []
    for home in dict.fromkeys(entry.pw_dir for entry in entries if entry.pw_dir.strip("/")):
        try:
            there = set(os.listdir(home))  # noqa: PTH208  (names are compared)
        except OSError:
            continue
        named = [Path(home, name) for name in _SECRETS if name.split("/")[0] in there]
        found += [path for path in named if path.exists()]
    return found


def protected_places(roots: Iterable[Path], home: Path, *, deep: bool = True) -> Protected:
    """What commands may not change although it lies in a root. deep: repositories below the roots as well."""
    git: dict[Path, None] = {}
    others: dict[Path, None] = {}
    for root in roots:
        git.update(dict.fromkeys(git_places(root, _DEPTH if deep else 0)))
        names = PROTECTED_AT_HOME if root == home else PROTECTED
        try:
            there = set(os.listdir(root))  # noqa: PTH208  (names are compared, for each command)
        except OSError:
            continue
        named = [f"{root}/{name}" for name in sorted(names) if name.split("/")[0] in there]
        others.update({Path(os.path.realpath(name)): None for name in named if os.path.exists(name)})  # noqa: PTH110
    return Protected(tuple(git), tuple(others))


def git_places(root: Path, depth: int = _DEPTH) -> tuple[Path, ...]:
    """The git folders of the root and of those below it, as far as a short walk finds them; real paths."""
    found: dict[Path, None] = {}
    for path in _dot_gits(root, depth) if depth else [root / ".git"]:
        found.update(dict.fromkeys(_git_folders(path)))
    return tuple(found)


def _dot_gits(root: Path, depth: int) -> Iterator[Path]:
    folders, walked = [(str(root), 0)], 0
    while folders and walked < _FOLDERS:
        folder, level = folders.pop(0)
        walked += 1
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == ".git":
                        yield Path(entry.path)
                    elif level < depth and entry.name not in _UNWALKED and entry.is_dir(follow_symlinks=False):
                        folders.append((entry.path, level + 1))
        except OSError:
            continue  # a folder that cannot be read here cannot be read by the command either


def _git_folders(dot_git: Path) -> Iterator[Path]:
    """What a `.git` stands for: itself, the folder it names, and the common folder that one names."""
    real = _real(dot_git)
    if not real.exists():
        return
    yield real
    folder: Path | None = real
    if real.is_file():
        folder = _named(real, "gitdir:", dot_git.parent)
        if folder is not None:
            yield folder
    if folder is not None and (common := _named(folder / "commondir", "", folder)) is not None:
        yield common


def _named(file: Path, prefix: str, base: Path) -> Path | None:
    """The folder that the first line of a small file names after the prefix, if there is such a folder."""
    line = _beginning(file).split("\n")[0].strip()
    name = line.removeprefix(prefix).strip()
    if not line.startswith(prefix) or not name or "\0" in name:
        return None
    folder = _real(base / name)
    return folder if folder.is_dir() else None


def worktree_links_back(dot_git: Path, folder: Path) -> bool:
    """Does a worktree's git folder know the `.git` file that names it? A stranger can write one side only."""
    name = _beginning(folder / "gitdir").strip()
    return name != "" and "\0" not in name and _real(Path(name)) == dot_git


def _beginning(file: Path) -> str:
    """Of a plain file; of anything else, which a stranger may have put there to hang or mislead us, nothing."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return os.fsdecode(os.read(fd, 4096)) if stat.S_ISREG(os.fstat(fd).st_mode) else ""
        finally:
            os.close(fd)
    except OSError:
        return ""


def host_sockets() -> tuple[Path, ...]:
    """Unix sockets with an absolute path that processes of this machine hold."""
    try:
        lines = Path("/proc/net/unix").read_bytes().split(b"\n")
    except OSError:
        return ()
    named = {fields[7] for line in lines if len(fields := line.split(None, 7)) == 8}
    # A busy machine has hundreds with one name, and this is done for each command.
    real = {os.path.realpath(os.fsdecode(name)) for name in named if name.startswith(b"/")}
    return tuple(Path(name) for name in sorted(real) if os.path.exists(name))  # noqa: PTH110


def programs_in_tmp(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Folders of programs that lie where commands see an empty folder: on PATH, this Python, this package."""
    import sys

    named = [*environment.get("PATH", "").split(":"), environment.get("VIRTUAL_ENV", "")]
    # A folder on PATH is one of a program's: bin next to lib.
    folders = [*(os.path.dirname(name) for name in named[:-1]), named[-1], sys.prefix, sys.base_prefix]  # noqa: PTH120
    folders.append(str(Path(__file__).parents[2]))
    real = dict.fromkeys(_real(Path(name)) for name in folders if name.startswith("/"))
    return tuple(path for path in real if is_below(path, _SHARED) and path not in _SHARED and path.is_dir())


def is_below(path: Path, places: Iterable[Path]) -> bool:
    """Is it one of the places, or inside one? Compared by the parts of the path, not by its text."""
    return any(path.is_relative_to(place) for place in places)


def is_real(path: Path) -> bool:
    """Is it there, without a link on the way?"""
    try:
        return os.path.realpath(path, strict=True) == str(path)
    except OSError:
        return False


def real_paths(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """The real paths of absolute ones, each once. There are hundreds at every start, and few folders they lie in."""
    known = {"/": "/", "//": "/"}

    def real(name: str) -> str:
        if name not in known:
            folder, last = os.path.split(name)
            inside = os.path.join(real(folder), last) if last not in ("", ".") else real(folder)  # noqa: PTH118
            known[name] = os.path.realpath(inside) if last == ".." or os.path.islink(inside) else inside  # noqa: PTH114
        return known[name]

    return tuple(map(Path, dict.fromkeys(real(os.fspath(path)) for path in paths)))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
