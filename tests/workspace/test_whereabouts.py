"""Where a shell ended: told when it can be known, without a trace in what the command sees and does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minicode.sandbox.policy import Grant
from minicode.workspace.folder import Refused
from minicode.workspace.workspace import Workspace


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        ("cd sub", "sub"),
        ("cd sub && true; cd ..", "."),
        ("cd sub; exit 3", "sub"),
        ("cd sub; set -Cxeu; false", "sub"),
        ("pushd sub >/dev/null; popd >/dev/null; pushd sub", "sub"),
        ("(cd sub)", "."),
        ("if cd sub; then kill -TERM $$; fi", "sub"),
        ("cd /", "/"),
        ("echo cd", "."),
        ("cd 'a b$(x)\"'", 'a b$(x)"'),
        ("cd sub; pwd() { echo evil; }; command() { echo evil; }", ""),
        ("cd sub; exec true", ""),
        ("cd sub; trap 'echo mine' EXIT", ""),
        ("cd sub; rmdir $PWD", ""),
        ("true", ""),
        ("cd sub; if", "."),
    ],
)
async def test_where_it_ends(root: Path, command: str, ends: str) -> None:
    for name in ("sub", 'a b$(x)"'):
        (root / name).mkdir()
    scratch = root.parent / "scratch 'n' dirs"
    scratch.mkdir()
    workspace = Workspace.at(root, scratch=scratch)
    finished = (await workspace.command(command, seconds=20)).finished
    assert finished and finished.folder == (os.path.normpath(root.resolve() / ends) if ends else "")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "cd sub; echo one; false",
        "cd sub; echo $LINENO $0 $# $BASH_EXECUTION_STRING",
        "cd sub\nnosuch\nexit 9",
        "cd sub; set -x; env > ../e; grep -v -e MINICODE -e '^_=' ../e; exit 4",
        "set -eu; cd sub; echo $nosuch",
        "cd sub; echo ((",
        "cd sub; bash -c 'env; trap' | grep -e BASH_ENV -e minicode-",
        "cd sub; trap 'echo bye $?' EXIT; exit 5",
        "cd sub; exec bash -c 'exit 6'",
        "cd sub; kill -TERM $$",
        "cd sub; ls /proc/self/fd",
        "cd nosuch || exit",
    ],
)
async def test_the_command_notices_nothing(root: Path, command: str) -> None:
    (root / "sub").mkdir()
    workspace = Workspace.at(root)
    job = await workspace.command(command, seconds=20)
    bare = await workspace.processes.run(["/bin/bash", "-c", command], root)
    assert job.finished and (job.finished.code, job.finished.output) == (bare.code, bare.output)


@pytest.mark.parametrize("lie", ["ln -sf ~/.secret $F", "rm $F; mkfifo $F", "rm $F", "echo no path > $F", "yes / > $F"])
async def test_a_lie_hangs_nothing_and_shows_nothing(root: Path, home: Path, lie: str) -> None:
    (home / ".secret").write_text("/a secret\n")
    command = f"cd /; F=$(trap | grep -o '/[^ ]*/minicode-[^ ]*'); trap - EXIT; {lie.replace('yes', 'timeout 0.1 yes')}"
    finished = (await Workspace.at(root, scratch=root.parent).command(command, seconds=20)).finished
    assert finished and not finished.ended and finished.folder == ""


async def test_what_runs_outside_reads_and_writes_nothing_that_others_could_have_put_there(root: Path) -> None:
    workspace = Workspace.at(root, scratch=root).granting(Grant(host=True))
    command = "cd /; ls -A $OLDPWD; trap | grep -o '/[^ ]*/minicode-[^ ]*'"
    finished = (await workspace.command(command, seconds=20)).finished
    assert finished and finished.folder == "/"
    [file] = finished.output.decode().split()
    assert not Path(file).is_relative_to(root.parent) and not Path(file).exists()


async def test_no_room_for_it(root: Path) -> None:
    finished = (await Workspace.at(root, scratch=root / "nowhere").command("cd /; pwd", seconds=20)).finished
    assert finished and (finished.output, finished.folder) == (b"/\n", "")


async def test_a_folder_of_its_own(root: Path, tmp_path: Path) -> None:
    (root / "sub dir").mkdir()
    (root / "file").touch()
    (root / "out").symlink_to("/")
    other = tmp_path / "other"
    other.mkdir()
    workspace = Workspace.at(root, extra=[other])
    for cwd, where in (("sub dir", root / "sub dir"), (str(other), other), (".", root), ("", root), ("./", root)):
        job = await workspace.command("pwd", seconds=20, cwd=cwd)
        assert job.finished and job.finished.output.decode() == f"{where.resolve()}\n"
    assert (await workspace.background("pwd", cwd="sub dir")).command == "cd 'sub dir' && pwd"
    for cwd, why in (
        *(("..", "outside"), ("/", "outside"), ("~", "outside"), ("out", "outside"), ("sub dir/../..", "outside")),
        *(("file", "is no folder"), ("nosuch", "is no folder"), ("a\0b", "NUL")),
    ):
        with pytest.raises(Refused, match=why):
            await workspace.command("pwd", seconds=20, cwd=cwd)
