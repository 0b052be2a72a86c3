"""Behind Landlock and seccomp: every way out is tried by a real process, as ourselves and, as root, as nobody too."""

from __future__ import annotations

import json
import marshal
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from minicode.sandbox import landlock
from minicode.sandbox.policy import LOOK, Grant, Policy

VERSION = landlock.available()
ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
CANARY = "canary-4cf1"
OPEN = Grant()
pytestmark = pytest.mark.skipif(VERSION < 6, reason=f"Landlock 6 or newer is needed, this kernel has {VERSION}")


class World(NamedTuple):
    """Folders under /tmp, which is closed: `work` is the root, `seen` may be read but for `seen/keys`."""

    base: Path
    nobody: bool
    python: str

    @property
    def work(self) -> Path:
        return self.base / "work"

    @property
    def seen(self) -> Path:
        return self.base / "seen"

    @property
    def policy(self) -> Policy:
        hidden = (self.seen / "keys", self.base / "private", Path("/etc/shadow"), self.work / "later")
        tools = tuple({Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()})
        return Policy("workspace-write", False, (self.work,), self.base / "tmp", hidden, (self.seen, *tools))

    def run(
        self,
        *argv: str,
        grant: Grant = OPEN,
        policy: Policy | None = None,
        environment: Mapping[str, str] = {},
        fds: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.base / "tmp"), "LANG": "C.UTF-8", **environment}
        launch = landlock.launch(argv, self.work, environment, policy or self.policy, grant)
        # The interpreter that runs the tests may lie where nobody cannot go.
        start: Sequence[str] = (self.python, *launch.argv[1:]) if self.nobody else launch.argv
        who: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if self.nobody else {}
        try:
            return subprocess.run(
                start,
                cwd=self.work,
                env=launch.environment,
                pass_fds=(*launch.fds, *fds),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=60,
                start_new_session=True,
                **who,
            )
        finally:
            for descriptor in launch.fds:
                os.close(descriptor)

    def script(self, text: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Python inside."""
        return self.run(self.python, "-I", "-c", text, *arguments, **more)

    def own(self) -> None:
        """Give what was made to the user who will use it."""
        if self.nobody:
            for path in (self.base, *self.base.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@pytest.fixture(scope="module", params=["self", "nobody"])
def user(request: pytest.FixtureRequest) -> str:
    if request.param == "nobody":
        if os.getuid() != 0:
            pytest.skip("only root can become nobody; we are an ordinary user already")
        if not Path("/usr/bin/python3").exists():
            pytest.skip("nobody needs a Python that everybody may run")
    return str(request.param)


def build(user: str) -> World:
    python = "/usr/bin/python3" if user == "nobody" else os.path.realpath(sys.executable)
    world = World(Path(tempfile.mkdtemp(dir="/tmp")).resolve(), user == "nobody", python)
    for name in ("work/sub", "tmp", "seen/keys", "seen/folder", "private"):
        (world.base / name).mkdir(parents=True)
    for name in ("work/mine", "seen/file", "seen/keys/key", "private/key"):
        (world.base / name).write_text(f"{CANARY} {name}")
    (world.seen / "shortcut").symlink_to("keys")
    world.own()
    return world


@pytest.fixture
def world(user: str) -> Iterator[World]:
    world = build(user)
    yield world
    shutil.rmtree(world.base)


# Each is an expression that is tried inside, with the functions of INSIDE at hand: every one must be refused.
REFUSED = {
    "write": "put(seen + '/file')",
    "append": "put(seen + '/file', 'a')",
    "truncate": "os.truncate(seen + '/file', 0)",
    "create": "put(seen + '/new')",
    "unlink": "os.unlink(seen + '/file')",
    "mkdir": "os.mkdir(seen + '/new')",
    "rmdir": "os.rmdir(seen + '/folder')",
    "fifo": "os.mkfifo(seen + '/new')",
    "move out": "os.rename(work + '/mine', seen + '/new')",
    "move in": "os.rename(seen + '/file', work + '/taken')",
    "hard link in": "os.link(seen + '/file', work + '/hard')",
    "hard link out": "os.link(work + '/mine', seen + '/new')",
    "write by symlink": "put(link(seen + '/file'))",
    "write by linked folder": "put(link(seen) + '/new')",
    "write by dots": "put(work + '/../seen/new')",
    "write by cwd": "put('/proc/self/cwd/../seen/new')",
    "write by descriptor": "put('/proc/self/fd/%d' % os.open(seen + '/file', os.O_RDONLY))",
    "write by a child": "subprocess.run(['/bin/sh', '-c', f'echo x >{seen}/new'], check=True, stderr=-3)",
    "write to etc": "put('/etc/minicode-was-here')",
    "write to tmp": "put('/tmp/minicode-was-here')",
    "write to the kernel": "put('/proc/sys/kernel/core_pattern', 'a')",
    "read a key": "get(seen + '/keys/key')",
    "read a private folder": "get(base + '/private/key')",
    "read by symlink": "get(link(seen + '/keys') + '/key')",
    "read by an old link": "get(seen + '/shortcut/key')",
    "read by root": "get('/proc/self/root' + seen + '/keys/key')",
    "read by hard link": "os.link(seen + '/keys/key', work + '/key')",
    "read by moving": "os.rename(seen + '/keys', work + '/keys')",
    "list keys": "os.listdir(seen + '/keys')",
    "list a private folder": "os.listdir(base + '/private')",
    "passwords": "get('/etc/shadow')",
    "list tmp": "os.listdir('/tmp')",
    "list run": "os.listdir('/run')",
    "list terminals": "os.listdir('/dev/pts')",
    "TCP": "call(socket.AF_INET, ('127.0.0.1', tcp))",
    "TCP 6": "call(socket.AF_INET6, ('::1', tcp))",
    "UDP": "call(socket.AF_INET, ('127.0.0.1', udp), socket.SOCK_DGRAM)",
    "DNS": "socket.getaddrinfo('example.com', 80)",
    "packets": "socket.socket(17, 3)",
    "Unix": "call(socket.AF_UNIX, work + '/host')",
    "Unix datagram": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "abstract": "call(socket.AF_UNIX, chr(0) + canary)",
    "signal": "os.kill(parent, 0)",
    "environment": "get(f'/proc/{parent}/environ')",
    "memory": "get(f'/proc/{parent}/mem')",
    "maps": "get(f'/proc/{parent}/maps')",
    "root of another": "os.listdir(f'/proc/{parent}/root/')",
    "trace": "done(libc.ptrace(16, parent, 0, 0))",
    "mount": "done(libc.mount(b'none', work.encode(), b'tmpfs', 0, None))",
    "umount": "done(libc.umount(b'/proc'))",
    "user namespace": "done(libc.unshare(0x10000000))",
    "mount namespace": "done(libc.unshare(0x20000))",
    "chroot": "os.chroot(work)",
    "device": "os.mknod(work + '/disk', 0o60600, os.makedev(8, 0))",
    "another user": "os.setuid(0 if os.getuid() else 12345)",
}
ALLOWED = {
    "no other descriptors": "len(os.listdir('/proc/self/fd')) == 4",
    "make": "[put(work + '/new'), os.rename(work + '/new', work + '/sub/new'), get(work + '/sub/new')][2] == 'x'",
    "private": "put(os.environ['TMPDIR'] + '/t') or os.rename(os.environ['TMPDIR'] + '/t', work + '/t') or True",
    "temporary": "tempfile.mkstemp()[1].startswith(base + '/tmp/')",
    "seen": "get(seen + '/file') == canary + ' seen/file'",
    "list": "'mine' in os.listdir(work)",
    "devices": "put('/dev/null') or len(open('/dev/urandom', 'rb').read(4)) == 4",
    "run": "subprocess.check_output(['/bin/echo', 'hi']) == b'hi\\n'",
    "socket pair": "[p := socket.socketpair(), p[0].send(b'x'), p[1].recv(1)][2] == b'x'",
    "own environment": "'TMPDIR' in get('/proc/self/environ')",
    "no new privileges": "'NoNewPrivs:\\t1' in get('/proc/self/status')",
    "capabilities": "{line.split()[1] for line in get('/proc/self/status').splitlines() if line[:6] in "
    "('CapPrm', 'CapEff', 'CapInh', 'CapAmb')} <= {'0' * 16, '0' * 15 + 'b'}",
    "no canary in any environment": "not holders()",
}
INSIDE = """
import ctypes, errno, json, os, socket, subprocess, sys, tempfile
base, tcp, udp, parent, canary, tries = json.loads(sys.argv[1])
work, seen = base + "/work", base + "/seen"
libc = ctypes.CDLL(None, use_errno=True)
def done(result):
    if result < 0: raise OSError(ctypes.get_errno(), "")
def put(path, mode="w"):
    with open(path, mode) as file: file.write("x")
def get(path):
    with open(path) as file: return file.read()
def call(kind, where, type=socket.SOCK_STREAM):
    with socket.socket(kind, type) as s: s.connect(where), s.send(b"out")
def link(target):
    path = tempfile.mktemp(dir=work); os.symlink(target, path); return path
def holders():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try: found += [pid] if canary in get(f"/proc/{pid}/environ") else []
        except (OSError, UnicodeDecodeError): pass
    return found
out = {}
for name, text in tries.items():
    try: out[name] = repr(eval(text))
    except OSError as error: out[name] = "refused: " + errno.errorcode.get(error.errno, str(error))
    except subprocess.CalledProcessError as error: out[name] = "refused: " + str(error)
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def tried(user: str) -> Iterator[tuple[World, dict[str, str]]]:
    """What became of the attempts, all made by one process."""
    world = build(user)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(world.work / "host"))
        abstract.bind(f"\0{CANARY}")
        for server in (unix, abstract):
            server.listen()
        world.own()
        # The one to be spied on and signalled is a process of the same user, with the canary in its environment.
        who: dict[str, Any] = {"user": NOBODY, "group": NOBODY} if world.nobody else {}
        with subprocess.Popen(["sleep", "600"], env={**os.environ, "KEY": CANARY}, **who) as victim:
            try:
                facts = [str(world.base), tcp.getsockname()[1], udp.getsockname()[1], victim.pid, CANARY]
                done = world.script(INSIDE, json.dumps([*facts, ALLOWED | REFUSED]))
            finally:
                victim.kill()
        assert done.returncode == 0, done.stderr
        heard = [s for s in (tcp, udp, unix, abstract) if select.select([s], [], [], 0)[0]]
        assert not heard
    yield world, json.loads(done.stdout)
    shutil.rmtree(world.base)


Tried = tuple[World, dict[str, str]]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tried: Tried, name: str) -> None:
    assert tried[1][name].startswith("refused: "), tried[1][name]


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(tried: Tried, name: str) -> None:
    assert tried[1][name] == "True"


def test_nothing_outside_has_changed(tried: Tried) -> None:
    world = tried[0]
    assert sorted(p.name for p in world.seen.iterdir()) == ["file", "folder", "keys", "shortcut"]
    assert (world.seen / "file").read_text() == f"{CANARY} seen/file"
    assert not Path("/etc/minicode-was-here").exists() and not Path("/tmp/minicode-was-here").exists()


@pytest.mark.parametrize("code", [0, 7, 255])
def test_the_exit_code_is_that_of_the_command(world: World, code: int) -> None:
    assert world.run("sh", "-c", f"exit {code}").returncode == code


def test_a_signal_ends_the_command_as_it_would_outside(world: World) -> None:
    assert world.run("sh", "-c", "kill -KILL $$").returncode == -signal.SIGKILL
    # Python ignores PIPE; what it starts must not.
    assert world.run("sh", "-c", "kill -PIPE $$").returncode == -signal.SIGPIPE


def test_arguments_and_environment_arrive_as_they_are(world: World) -> None:
    odd = ["", "two words", "new\nline", "\udcff", "漢", "-I", "'\"$x"]
    done = world.run("printf", "%s\\0", *odd, environment={"ODD": "a=b\n\udcfe"})
    assert done.stdout.split("\0")[:-1] == odd
    lines = world.run("env", "-0", environment={"ODD": "a=b\n\udcfe", "LANG": "C"}).stdout.split("\0")
    assert "ODD=a=b\n\udcfe" in lines and not any(line.startswith("LC_CTYPE=") for line in lines)


def test_no_descriptor_comes_along(world: World) -> None:
    descriptor = os.open(world.seen, os.O_RDONLY)
    try:
        assert world.run("sh", "-c", f"test -e /proc/self/fd/{descriptor}", fds=(descriptor,)).returncode != 0
    finally:
        os.close(descriptor)


def test_tcp_is_closed_without_a_filter_too() -> None:
    """On a machine whose system calls seccomp.py does not know there is none."""
    anything = {"look": ["/"], "change": [], "names": []}
    text = "import socket\nwith socket.socket() as s: s.bind(('127.0.0.1', 0))"
    rest = {"devices": [], "folder": "/", "network": False, "filters": [], "coerced": False}
    orders = {"argv": [sys.executable, "-I", "-c", text], **anything, **rest}
    with tempfile.TemporaryFile() as file:
        file.write(marshal.dumps(orders))
        file.seek(0)
        argv = [sys.executable, "-I", "-S", str(ROOT / "minicode/sandbox/confine.py"), str(file.fileno())]
        done = subprocess.run(argv, pass_fds=(file.fileno(),), capture_output=True, text=True)
    assert done.returncode == 1 and "PermissionError" in done.stderr, done.stderr


def test_what_is_hidden_stays_so_if_it_is_made_later(world: World) -> None:
    policy = world.policy._replace(hidden=(world.seen / "later",))
    os.mkfifo(world.work / "go")
    world.own()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(world.run, "sh", "-c", "read x <go; cat ../seen/file ../seen/later", policy=policy)
        with (world.work / "go").open("w") as go:  # waits until the command is there
            (world.seen / "later").write_text("secret")
            (world.seen / "later").chmod(0o644)
            go.write("x\n")
    assert done.result().stdout == f"{CANARY} seen/file" and "Permission denied" in done.result().stderr


def test_a_root_is_found_in_a_folder_that_cannot_be_listed(world: World) -> None:
    blind = world.seen / "blind"
    (blind / "root").mkdir(parents=True)
    (blind / "keys").write_text("secret")
    world.own()
    blind.chmod(0o311)
    policy = world.policy._replace(hidden=(blind / "keys",), roots=(world.work, blind / "root"))
    done = world.run("sh", "-c", "echo x >../seen/blind/root/new && echo made; cat ../seen/blind/keys", policy=policy)
    blind.chmod(0o755)
    assert done.stdout == "made\n"


def test_what_cannot_be_started_is_told_in_a_sentence(world: World) -> None:
    done = world.run("no-such-program-here")
    assert done.returncode == 125
    assert done.stderr.startswith("minicode: the command did not run") and len(done.stderr.splitlines()) == 1


def test_orders_that_cannot_be_read_run_nothing(world: World) -> None:
    script = ROOT / "minicode/sandbox/confine.py"
    for orders in ("99", "none"):
        done = subprocess.run([sys.executable, "-I", "-S", script, orders], capture_output=True, text=True)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (125, "", 1)


def test_a_kernel_without_landlock_runs_nothing(world: World) -> None:
    """Inside a sandbox whose filter says ENOSYS to the calls of Landlock, as an old kernel would."""
    deny = f"""if 1:
        import ctypes, os, struct
        steps = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (6, 0, 0, 0x00050026), (6, 0, 0, 0x7fff0000)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *s) for s in steps))
        class Program(ctypes.Structure): _fields_ = [("n", ctypes.c_ushort), ("f", ctypes.c_void_p)]
        libc = ctypes.CDLL(None)
        libc.prctl(38, 1, 0, 0, 0)
        assert libc.prctl(22, 2, ctypes.byref(Program(4, ctypes.addressof(code))), 0, 0) == 0
        from minicode.sandbox import landlock
        from minicode.sandbox.policy import Grant, Policy
        from pathlib import Path
        assert landlock.available() == 0
        work = Path({str(world.work)!r})
        start = landlock.launch(["touch", "ran"], work, dict(os.environ), Policy("off", False, (work,), work), Grant())
        os.set_inheritable(start.fds[0], True)
        os.execve(start.argv[0], start.argv, start.environment)
    """
    done = subprocess.run([sys.executable, "-c", deny], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 125 and "no Landlock" in done.stderr, done.stderr
    assert not (world.work / "ran").exists()


@pytest.mark.parametrize("how", ["grant", "level"])
def test_only_looking_leaves_the_private_folder_writable(world: World, how: str) -> None:
    policy = world.policy._replace(level="read-only") if how == "level" else world.policy
    grant = LOOK if how == "grant" else Grant()
    done = world.run("sh", "-c", "cat mine; echo x >$TMPDIR/x && echo kept; echo x >mine", policy=policy, grant=grant)
    assert done.stdout == f"{CANARY} work/minekept\n" and done.returncode != 0
    assert (world.work / "mine").read_text() == f"{CANARY} work/mine"


def test_hidden_in_a_root_and_open_in_what_is_hidden(world: World) -> None:
    """The deeper place wins; beside something hidden the files that are there can be worked on and listed."""
    for name in ("work/state/deep", "work/state/skills"):
        (world.base / name).mkdir(parents=True)
    for name in ("work/state/journal", "work/state/deep/file", "work/state/skills/skill"):
        (world.base / name).write_text("text")
    world.own()
    state = world.work / "state"
    policy = world.policy._replace(
        hidden=(state,), shown=(*world.policy.shown, state / "skills"), roots=(world.work, state / "deep")
    )
    done = world.run(
        "sh",
        "-c",
        "ls; echo x >sub/new && echo x >mine && echo x >state/deep/new && cat state/skills/skill;"
        "cat state/journal; echo x >state/skills/skill; mv state elsewhere; echo x >state/new; ln state/journal sub/j",
        policy=policy,
    )
    assert done.stdout.split() == ["mine", "state", "sub", "text"]
    assert sorted(p.name for p in state.iterdir()) == ["deep", "journal", "skills"]
    assert (state / "skills/skill").read_text() == "text" and (world.work / "mine").read_text() == "x\n"
    assert done.returncode != 0 and not (world.work / "sub/j").exists()


def test_with_the_network_other_servers_can_be_reached_but_not_unix_sockets(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(world.work / "host"))
        unix.listen()
        world.own()
        text = (
            "import socket, sys\nwith socket.create_connection(('127.0.0.1', int(sys.argv[1]))): pass\n"
            "with socket.create_server(('127.0.0.1', 0)): print('up')\nsocket.socket(socket.AF_UNIX)"
        )
        done = world.script(text, str(tcp.getsockname()[1]), grant=Grant(network=True))
        assert done.stdout == "up\n" and "PermissionError" in done.stderr
        assert select.select([tcp], [], [], 10)[0] and not select.select([unix], [], [], 0)[0]


def test_git_works(world: World) -> None:
    done = world.run(
        "sh",
        "-ec",
        "git init -q; git add mine; git -c user.name=a -c user.email=a@b commit -qm one; git status --short",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_python_at_work(world: World) -> None:
    (world.work / "test_it.py").write_text(
        "import asyncio, multiprocessing, subprocess, sys, unittest\n"
        "async def output():\n"
        "    p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=subprocess.PIPE)\n"
        "    return (await p.communicate())[0]\n"
        "class T(unittest.TestCase):\n"
        "    def test_asyncio(self): self.assertEqual(asyncio.run(output()), b'hi\\n')\n"
        "    def test_pool(self):\n"
        "        with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "            self.assertEqual(pool.map(abs, [-1, -2]), [1, 2])\n"
    )
    world.own()
    done = world.run(world.python, "-m", "unittest")
    assert done.returncode == 0 and "Ran 2 tests" in done.stderr, done.stderr


def test_the_command_dies_with_the_one_who_started_it(world: World) -> None:
    if world.nobody:
        pytest.skip("the starter needs this interpreter and the sources; as ourselves it is tried")
    text = f"""if 1:
        import os, subprocess, sys
        from pathlib import Path
        from minicode.sandbox import landlock
        from minicode.sandbox.policy import Grant, Policy
        work = Path({str(world.work)!r})
        policy = Policy("workspace-write", False, (work,), work)
        start = landlock.launch(["sh", "-c", "echo up; exec sleep 600"], work, dict(os.environ), policy, Grant())
        subprocess.run(start.argv, env=start.environment, pass_fds=start.fds)
    """
    with subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        with suppress(OSError):
            assert starter.stdout.readline() == b"up\n"
        starter.kill()
        assert select.select([starter.stdout], [], [], 20)[0], "the command lives on"
        assert starter.stdout.read() == b""
