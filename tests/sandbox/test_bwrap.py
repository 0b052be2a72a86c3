"""S02 S03 S04 S09 S10 S12: what a command in the sandbox tries, and what is left of it on the host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.bwrap import Seen, plan
from minicode.sandbox.places import Protected
from minicode.sandbox.policy import COMMIT, LOOK, NOTHING, Grant, Launch, Policy


def test_a_command_works_in_the_workspace_and_in_tmp(run, place: Path) -> None:
    done = run("echo a > file && echo b > /tmp/b && cat file /tmp/b && pwd")
    assert (done.returncode, done.stdout) == (0, f"a\nb\n{place}\n"), done.stderr
    assert (place / "file").read_text() == "a\n"
    assert run("cat /tmp/b").stdout == "b\n", "what one command leaves in /tmp the next one finds"
    assert not Path("/tmp/b").exists()


def test_nothing_outside_can_be_written(run, place: Path, home: Path) -> None:
    (home / ".bashrc").write_text("")
    done = run(
        "for f in ~/.bashrc ~/.profile ~/.gitconfig ~/.ssh/authorized_keys ../x /etc/x; do echo x >>$f || echo no; done"
    )
    assert done.stdout.count("no\n") >= 5, done.stderr  # ../x may lie in the private /tmp
    assert (home / ".bashrc").read_text() == ""
    assert "x\n" not in (home / ".gitconfig").read_text()
    assert sorted(p.name for p in (home / ".ssh").iterdir()) == ["id"]
    assert not (place.parent / "x").exists()


def test_secrets_cannot_be_read(run) -> None:
    done = run("cat ~/.ssh/id; cat ~/.netrc; cat /etc/shadow; ls ~/.ssh")
    assert done.stdout == ""


@pytest.mark.parametrize(
    "attack",
    [
        "echo x > .git/config",
        "echo x > .git/hooks/pre-commit",
        "git config core.pager x",
        "mv .git g",
        "rm -rf .git",
        "echo x > .claude/settings.json",
        "mv .claude c",
        'mount -o remount,rw,bind "$PWD/.git"',
        "umount .git",
        "mknod n c 1 3",
        "echo x > /proc/sys/kernel/core_pattern",
        "unshare -Urm true",
        "echo x > sub/.git/config",
    ],
)
def test_what_is_protected_stays(run, place: Path, attack: str) -> None:
    subprocess.run(["git", "init", "-q", str(place / "sub")], check=True)
    before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    assert run(attack).returncode != 0
    assert {p: p.read_bytes() for p in place.rglob("*") if p.is_file()} == before


def test_a_link_does_not_bring_back_what_is_hidden_or_outside(run, place: Path, home: Path) -> None:
    (place / ".vscode").symlink_to(home / ".ssh")
    (place / ".envrc").symlink_to(home / ".netrc")
    done = run("cat .vscode/id .envrc ~/.ssh/id; echo x > .vscode/new")
    assert "secret" not in done.stdout
    assert not (home / ".ssh" / "new").exists()


def test_a_commit_may_write_git_but_not_what_runs_programs(run, place: Path) -> None:
    done = run("echo a > f && git add f && git commit -qm a && git log --format=%s", COMMIT)
    assert (done.returncode, done.stdout) == (0, "a\n"), done.stderr
    for attack in ("git config a.b c", "echo x > .git/hooks/pre-commit", "mv .git/hooks .git/h", "mv .git/config x"):
        assert run(attack, COMMIT).returncode != 0, attack


def test_a_commit_works_in_a_worktree_but_a_forged_one_opens_nothing(run, place: Path, policy: Policy) -> None:
    git = ["git", "-C", str(place)]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    tree = place.parent / "tree"
    subprocess.run([*git, "worktree", "add", "-q", str(tree)], check=True)
    inside = policy._replace(roots=(tree,))
    done = run("git commit -q --allow-empty -m second && git log --format=%s", COMMIT, inside)
    assert (done.returncode, done.stdout) == (0, "second\nfirst\n"), done.stderr
    victim, forged = place.parent / "victim", place.parent / "forged"
    victim.mkdir()
    forged.mkdir()
    (forged / ".git").write_text(f"gitdir: {victim}\n")
    assert run(f"touch {victim}/x", COMMIT, policy._replace(roots=(forged,))).returncode != 0
    assert not list(victim.iterdir())


def test_looking_changes_nothing(run, place: Path, policy: Policy) -> None:
    assert run("touch x", LOOK).returncode != 0
    assert run("touch x", policy=policy._replace(level="read-only")).returncode != 0
    assert run("touch /tmp/x", LOOK).returncode == 0
    assert not (place / "x").exists()


def test_no_secret_in_any_environment(run) -> None:
    environment = {**os.environ, "CANARY": "c4n4ry-value"}
    pipe = subprocess.PIPE
    with subprocess.Popen(["cat"], stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.read(1)  # only now is its environment in place
        host = Path(f"/proc/{process.pid}/environ").read_bytes()
        done = run("env; cat /proc/*/environ; echo; ls -d /proc/[0-9]* | wc -l")
    assert b"c4n4ry-value" in host, "the canary is there to be found"
    assert "c4n4ry-value" not in done.stdout
    assert int(done.stdout.split("\n")[-2]) < 10


NETWORK = """
import socket, sys
for attempt in (
    lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2),
    lambda: socket.getaddrinfo("example.com", 80),
    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
):
    try: attempt()
    except OSError: print("no")
    else: print("yes")
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(sys.argv[2])))
with socket.create_server(("127.0.0.1", 0)) as server: socket.create_connection(server.getsockname()); print("inside")
"""


def test_the_network_is_closed_but_loopback_works(run, place: Path) -> None:
    (place / "n.py").write_text(NETWORK)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        ports = f"{tcp.getsockname()[1]} {udp.getsockname()[1]}"
        for listener in (tcp, udp):
            listener.setblocking(False)
        done = run(f"{sys.executable} n.py {ports}")
        assert done.stdout == "no\nno\nno\ninside\n", done.stderr
        with pytest.raises(BlockingIOError):
            udp.recv(1)
        opened = run(f"{sys.executable} n.py {ports}", Grant(network=True))
        assert opened.stdout.startswith("yes\n"), opened.stderr
        assert udp.recv(1) == b"x"


def test_unix_sockets_of_the_host_are_out_of_reach(run, place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    script = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print('reached')"
    for path in (place / "s", place.parent / "s"):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            done = run(f'{sys.executable} -c "{script}" {path}', Grant(network=True))
            assert "Refused" in done.stderr or "No such file" in done.stderr or "Permission" in done.stderr
            assert "reached" not in done.stdout


def test_a_planted_link_in_the_private_tmp_does_not_lead_mounts_astray(run, place: Path, policy: Policy) -> None:
    first = place.parts[2] if place.is_relative_to("/tmp") else "elsewhere"
    (policy.tmp / first).symlink_to("/etc")
    done = run("pwd && touch made")
    assert (done.returncode, (place / "made").exists()) == (0, True), done.stderr


def test_nothing_is_left_on_the_host(run, place: Path) -> None:
    before = sorted(place.rglob("*"))
    assert run("true").returncode == 0
    assert sorted(place.rglob("*")) == before


def test_deeper_places_win_and_masks_go_over_gifts() -> None:
    state = Path("/home/u/.minicode")
    policy = Policy("workspace-write", False, (Path("/home/u"), state / "w"), state / "tmp")
    seen = Seen((state, Path("/home/u/.ssh")), protected=Protected((Path("/home/u/.ssh/x"),)))
    words = " ".join(plan(policy, Grant(), seen).words)
    order = ["--bind /home/u /home/u", f"--tmpfs {state}", f"--bind {state}/w", f"--remount-ro {state}", "--cap-drop"]
    assert [words.index(part) for part in order] == sorted(words.index(part) for part in order)
    assert "/home/u/.ssh/x" not in words, "what is hidden is not bound again to protect it"


def test_off_and_host_are_left_as_they_are(policy: Policy, home: Path) -> None:
    backend = Backend("bwrap", Path("/usr/bin/bwrap"))
    boxed = Sandbox(policy, NOTHING, backend, home)
    off = Sandbox(policy._replace(level="off"), NOTHING, backend, home)
    for launch in (boxed.launch(["a"], home, {"X": "y"}, Grant(host=True)), off.launch(["a"], home, {"X": "y"})):
        assert launch == Launch(("a",), {"X": "y"})


def test_bwrap_is_taken_from_the_system_only(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "bwrap").write_text("#!/bin/sh\necho ok\n")
    (place / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.chdir(place)
    assert find_bwrap() in (None, Path("/usr/bin/bwrap"), Path("/usr/local/bin/bwrap"))
    assert find_bwrap([Path("/")]) is None, "what lies in a root is not taken"
