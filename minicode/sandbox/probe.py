"""The proof: breaks out of each sandbox on offer, as far as it lets itself, and says which one is used."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from minicode.errors import StorageError
from minicode.paths import write_private
from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.policy import NOTHING, Enforcement, Grant, Policy

OFFER = "MINICODE_SANDBOX_BACKENDS"
CACHE = "enforcement.json"
_TRIED = Path(__file__).with_name("tried.py")
_SECONDS = 15.0
_SOCKET_PATH = 100  # bytes; the kernel takes 107
# What may turn user namespaces off, and so bwrap for ordinary users.
_SWITCHES = (
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
)
_INSTALL = (
    "bubblewrap is not installed at a place of the system: `apt install bubblewrap`, `dnf install bubblewrap`, "
    "`pacman -S bubblewrap` or `apk add bubblewrap` gives the full sandbox."
)
_NO_LANDLOCK = "This kernel does not offer Landlock, or something refuses it."
_PRIVILEGED = ("mount", "setting", "tiocsti", "remount", "unmount", "namespace", "ptrace")
_SAID = {
    "writes": "Commands can write outside the workspace.",
    "protected": "`.git` and the settings of agents in the workspace can be changed by commands; changes are only "
    "detected.",
    "hidden": "Commands can read keys and passwords on this disk.",
    "network": "Commands can reach the network.",
    "sockets": "Commands can talk to services of this machine through Unix sockets.",
    "processes": "Commands can see or signal other processes of this user.",
    "environ": "Commands can read the environment of other processes of this user.",
    "privileges": "Commands can use privileged system calls: mount, ptrace, kernel settings or the user's terminal.",
}


class _Scene(NamedTuple):
    """A throw-away workspace with things around it that must not be touched. listeners: nobody may reach them."""

    policy: Policy
    orders: dict[str, Any]
    outside: Path
    git: Path
    listeners: dict[str, socket.socket]


def enforcement(
    state: Path, *, fresh: bool = False, environ: Mapping[str, str] = os.environ
) -> tuple[Enforcement, Backend]:
    """What holds commands here, and how well. Measured once per boot, kernel, backend, user and version of minicode.

    state: an existing private folder. The environment variable MINICODE_SANDBOX_BACKENDS restricts what is on offer:
    names from bwrap, landlock and seatbelt with commas between, or "none".
    """
    offered = environ.get(OFFER)
    names = None if offered is None else {name.strip() for name in offered.split(",")}
    backends = [backend for backend in _backends() if names is None or backend.kind in names]
    key = _key(backends)
    if not fresh and (known := _recall(state / CACHE, key)) is not None:
        return known
    reasons: list[str] = []
    if sys.platform == "linux" and (names is None or "bwrap" in names) and not any(b.program for b in backends):
        reasons.append(_INSTALL)
    if sys.platform == "linux" and (names is None or "landlock" in names) and Backend("landlock") not in backends:
        reasons.append(_NO_LANDLOCK)
    for backend in backends:
        measured, trouble = measure(backend, state)
        if measured.backend != "none":
            measured = measured._replace(missing=(*reasons, *measured.missing))
            if measured.holds:
                _remember(state / CACHE, key, measured, backend)
            return measured, backend
        reasons.append(trouble)
    return NOTHING._replace(missing=(*reasons, "Commands are held by nothing.")), Backend()


def measure(backend: Backend, state: Path) -> tuple[Enforcement, str]:
    """Try to break out of one backend. If it cannot even start a command: NOTHING and a sentence that says why."""
    with _scene(state) as scene:
        sandbox = Sandbox(scene.policy, NOTHING, backend, home=scene.outside.parent)
        argv = [sys.executable, "-I", "-S", str(_TRIED)]
        launch = sandbox.launch(argv, scene.policy.roots[0], {"PATH": os.defpath}, Grant())
        try:
            done = subprocess.run(
                launch.argv,
                env=launch.environment,
                cwd=scene.policy.roots[0],
                pass_fds=launch.fds,
                input=json.dumps(scene.orders).encode(),
                capture_output=True,
                timeout=_SECONDS,
                start_new_session=True,
            )
            seen = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            words = done.stderr.decode(errors="replace").strip() if isinstance(error, ValueError) else str(error)
            return NOTHING, f"{backend.kind} is there but cannot hold a command: {words or error}.{_namespaces_hint()}"
        finally:
            for fd in launch.fds:
                os.close(fd)
        if not seen["inside"]:
            return NOTHING, f"{backend.kind} does not let a command write in its workspace."
        return _judge(backend.kind, seen, scene), ""


def _judge(kind: str, seen: Mapping[str, bool], scene: _Scene) -> Enforcement:
    """Put together what was seen inside and what happened outside."""
    reached = {name: _was_reached(listener) for name, listener in scene.listeners.items()}
    changed = scene.outside.read_bytes() != b"" or scene.outside.with_name(scene.outside.name + ".new").exists()
    on_paths = [was for name, was in reached.items() if name not in ("tcp", "udp")]
    broken = {
        "writes": [changed],
        "protected": [(scene.git / "config").read_bytes() != b""],
        "hidden": [seen["hidden"]],
        "network": [reached["tcp"], reached["udp"], seen["route"]],
        "sockets": on_paths,
        "processes": [seen["seen"], seen["touched"]],
        "environ": [seen["environ"]],
        "privileges": [seen.get(name, False) for name in _PRIVILEGED],
    }
    words = {field: _word(answers) for field, answers in broken.items()}
    missing = [_SAID[field] for field, word in words.items() if word != "enforced"]
    if scene.outside.stat().st_mode & 0o777 != 0o600:
        missing.append("Commands can change permissions and times of files outside the workspace.")
    if not seen["loopback"]:
        missing.append("Servers on 127.0.0.1 do not work inside; commands that need one have to ask for the network.")
    return Enforcement(kind, **words, loopback=seen["loopback"], missing=tuple(missing))


def _word(answers: list[bool]) -> str:
    return "none" if all(answers) else "partly" if any(answers) else "enforced"


@contextmanager
def _scene(state: Path) -> Iterator[_Scene]:
    import shutil
    import tempfile

    with ExitStack() as stack:
        base = Path(tempfile.mkdtemp(prefix="probe-", dir=state)).resolve()
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        workspace, tmp, secret = base / "workspace", base / "tmp", base / "secret"
        git = workspace / ".git"
        for folder in (workspace, tmp, secret, git):
            folder.mkdir(mode=0o700)
        canary = os.urandom(16).hex()
        outside = base / "outside"
        for file, text in ((outside, ""), (git / "config", ""), (secret / "key", canary)):
            file.write_text(text)
            file.chmod(0o600)
        listeners = {
            "tcp": stack.enter_context(socket.create_server(("127.0.0.1", 0))),
            "udp": stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        }
        listeners["udp"].bind(("127.0.0.1", 0))
        shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="minicode-", dir="/tmp")))
        for path in (str(shared / "s"), str(base / "s")):
            if len(os.fsencode(path)) < _SOCKET_PATH:
                listeners[path] = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                listeners[path].bind(path)
                listeners[path].listen()
        bystander = stack.enter_context(_bystander(canary, base.name))
        for listener in listeners.values():
            listener.setblocking(False)
        orders = {
            "canary": canary,
            "name": base.name + "-bystander",
            "pid": bystander,
            "inside": str(workspace / "file"),
            "outside": str(outside),
            "node": str(workspace / "node"),
            "git": str(git),
            "hidden": str(secret / "key"),
            "tcp": listeners["tcp"].getsockname(),
            "udp": listeners["udp"].getsockname(),
            "sockets": [name for name in listeners if name not in ("tcp", "udp")],
        }
        policy = Policy("workspace-write", False, (workspace,), tmp, hidden=(secret,))
        yield _Scene(policy, orders, outside, git, listeners)


@contextmanager
def _bystander(canary: str, name: str) -> Iterator[int]:
    """A process of the host with something to find in its environment: its number."""
    with subprocess.Popen(
        [name + "-bystander"],
        executable="/bin/cat",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"CANARY": canary},
        bufsize=0,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"\n")
        process.stdout.read(1)  # only now is its environment in place
        yield process.pid  # it ends with its stdin


def _was_reached(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_DGRAM:
            listener.recv(16)
        else:
            listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _backends() -> list[Backend]:
    """What this machine seems to have, the best first."""
    if sys.platform == "darwin":
        return [Backend("seatbelt", Path("/usr/bin/sandbox-exec"))]
    found = []
    if (program := find_bwrap()) is not None:
        found += [Backend("bwrap", program), Backend("bwrap", program, proc=False)]
    from minicode.sandbox import landlock

    return [*found, Backend("landlock")] if landlock.available() else found


def _namespaces_hint() -> str:
    for name in _SWITCHES:
        value = _text(name)
        if value == ("1" if "apparmor" in name else "0"):
            return f" User namespaces are off for ordinary users: {name} is {value}; an administrator can change it."
    return ""


def _key(backends: list[Backend]) -> list[Any]:
    """All that the answer depends on; whatever of it changes, it is measured again."""
    import minicode

    programs = [Path(program).stat() for program in {b.program for b in backends if b.program}]
    return [
        minicode.__version__,
        os.getuid(),
        list(os.uname()[2:]),
        _text("/proc/sys/kernel/random/boot_id"),
        sys.executable,
        [_text(name) for name in _SWITCHES],
        [[b.kind, str(b.program), b.proc] for b in backends],
        [[about.st_mtime_ns, about.st_size, about.st_ino] for about in programs],
    ]


def _text(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except OSError:
        return ""


def _recall(path: Path, key: list[Any]) -> tuple[Enforcement, Backend] | None:
    try:
        kept = json.loads(path.read_bytes())
        if kept["key"] != key or path.stat().st_uid != os.getuid():
            return None
        fields, (kind, program, proc) = kept["enforcement"], kept["backend"]
        measured = Enforcement(**{**fields, "missing": tuple(fields["missing"])})
        return measured, Backend(kind, Path(program) if program else None, proc)
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not there, or not ours: it is measured again


def _remember(path: Path, key: list[Any], measured: Enforcement, backend: Backend) -> None:
    program = str(backend.program) if backend.program else None
    kept = {"key": key, "enforcement": measured._asdict(), "backend": [backend.kind, program, backend.proc]}
    with suppress(StorageError):  # without it the next start measures again
        write_private(path, json.dumps(kept).encode(), durable=False)
