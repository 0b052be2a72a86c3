"""Programs: they end, all of them, and their output is bounded and true."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

import pytest

from minicode.workspace.environment import for_tools
from minicode.workspace.folder import Refused
from minicode.workspace.processes import HEAD, TAIL
from minicode.workspace.workspace import Workspace


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_output_code_and_order(workspace: Workspace) -> None:
    finished = await workspace.shell("echo out; echo err >&2; echo out again; exit 3")
    assert (finished.code, finished.output) == (3, b"out\nerr\nout again\n")
    finished = await workspace.shell("kill -9 $$")
    assert finished.code == -9


async def test_stdin_is_empty_and_there_is_no_terminal(workspace: Workspace) -> None:
    finished = await workspace.shell("cat; read x; echo [$x]; python3 -c 'input()' 2>&1 | tail -1; (: < /dev/tty) 2>&1")
    assert b"[]\nEOFError" in finished.output
    assert finished.code != 0
    assert finished.seconds < 10


async def test_wants_of_a_person_end_at_once(workspace: Workspace) -> None:
    finished = await workspace.shell(
        "echo text > f; less f; git -c core.askPass= clone https://127.0.0.1:1/x 2>&1; ssh -V"
    )
    assert b"text" in finished.output and finished.seconds < 10


@pytest.mark.parametrize(
    "start",
    [
        "sleep 300 & echo $!",
        "sleep 300 >/dev/null 2>&1 & echo $!",
        "setsid sleep 300 & sleep 0.2; pgrep -n -f 'sleep 300' || echo $!",
        "setsid sh -c 'sleep 300 & echo $!; wait' & sleep 0.3",
    ],
)
async def test_what_is_left_in_the_background_ends_with_the_shell(workspace: Workspace, start: str) -> None:
    finished = await workspace.shell(start)
    pid = int(finished.output.split()[-1])
    assert finished.seconds < 4
    assert any("sleep 300" in line for line in finished.left)
    assert not alive(pid)


async def test_timeout_ends_the_whole_tree_and_keeps_the_output(workspace: Workspace, root: Path) -> None:
    deaf = "trap '' TERM; echo $$; {} sleep 100; sleep 100\n"
    (root / "third").write_text(deaf.format(""))
    (root / "second").write_text(deaf.format("setsid bash third &"))
    (root / "first").write_text(deaf.format("bash second &"))
    finished = await workspace.shell("bash first", seconds=1)
    assert finished.ended == "time"
    pids = [int(word) for word in finished.output.split()]
    assert len(pids) == 3
    assert not any(map(alive, pids))
    assert finished.seconds < 7


async def test_cancel_ends_it(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "ready")
    task = asyncio.create_task(workspace.shell("echo $$ > ready; sleep 300"))
    pid = int(await asyncio.to_thread((root / "ready").read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)


async def test_parallel_calls_do_not_end_each_other(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "go")
    slow = asyncio.create_task(workspace.shell("setsid sh -c 'cat go'; echo slow"))
    quick = await workspace.shell("sleep 300 & echo quick")
    assert quick.output == b"quick\n" and len(quick.left) == 1
    await asyncio.to_thread((root / "go").write_text, "went\n")
    assert (await slow).output == b"went\nslow\n"


async def test_much_output_is_bounded(workspace: Workspace) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    finished = await workspace.shell("echo first; yes 0123456789012345 | head -c 100000000; echo last")
    assert finished.total > 100_000_000
    assert len(finished.output) < HEAD + TAIL + 2**17
    assert finished.output.startswith(b"first\n") and finished.output.endswith(b"last\n")
    assert b"bytes were not kept" in finished.output
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


async def test_endless_output_is_stopped(workspace: Workspace) -> None:
    finished = await workspace.shell("yes", seconds=60)
    assert finished.ended == "flood" and finished.seconds < 50


async def test_no_zombies_and_no_descriptors_are_left(workspace: Workspace) -> None:
    await workspace.shell("true")
    before = descriptors()
    for _ in range(5):
        await workspace.shell("(sleep 0.01 &) ; true")
    await asyncio.gather(*(workspace.shell("true") for _ in range(5)))
    assert descriptors() == before
    with pytest.raises(Refused):
        await workspace.processes.run(["/no/such/program"], workspace.root)
    assert descriptors() == before


async def test_a_removed_folder_is_a_sentence(workspace: Workspace, root: Path) -> None:
    root.rmdir()
    with pytest.raises(Refused, match="does not exist any more"):
        await workspace.shell("true")


async def test_it_costs_little(workspace: Workspace) -> None:
    await workspace.shell("true")
    ours, bare = [], []
    for _ in range(15):
        begun = time.perf_counter()
        process = await asyncio.create_subprocess_exec("/bin/bash", "-c", "true", stdin=-3, stdout=-1, stderr=-2)
        await process.communicate()
        bare.append(time.perf_counter() - begun)
        ours.append((await workspace.shell("true")).seconds)
    assert min(ours) - min(bare) < 0.005


def test_environment() -> None:
    ours = {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "VIRTUAL_ENV": "/v",
        "GOPATH": "/go",
        "JAVA_HOME": "/j",
        "CFLAGS": "-O2",
        "MINIMAX_API_KEY": "sk-canary",
        "COPY_OF_PATH": "x-sk-canary",
        "GITHUB_TOKEN": "t",
        "NPM_TOKEN": "t",
        "PIP_PASSWORD": "p",
        "npm_config__auth": "a",
        "OPENAI_API_KEY": "k",
        "UV_PUBLISH_TOKEN": "t",
        "SSH_AUTH_SOCK": "/s",
        "LD_PRELOAD": "/evil.so",
        "BASH_ENV": "/evil",
        "WHATEVER": "w",
    }
    passed = for_tools(ours)
    assert {name: passed[name] for name in ours if name in passed} == {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "VIRTUAL_ENV": "/v",
        "GOPATH": "/go",
        "JAVA_HOME": "/j",
        "CFLAGS": "-O2",
    }
    assert passed["GIT_TERMINAL_PROMPT"] == "0" and passed["PAGER"] == "cat"


async def test_a_program_gets_no_secret(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "sk-canary-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-2")
    finished = await Workspace.at(root).shell("env")
    assert b"PATH=" in finished.output and b"canary" not in finished.output


SECRET = "canary-0123456789abcdef"


@pytest.mark.parametrize("line", [f"a line with {SECRET} in it\n", f"{SECRET} ", f'"key":"{SECRET}",', f"{SECRET}\0"])
@pytest.mark.parametrize("shift", range(0, 24, 5))
async def test_where_output_is_cut_no_word_is(workspace: Workspace, root: Path, line: str, shift: int) -> None:
    code = f"import sys; sys.stdout.write('.' * {shift} + {line!r} * {3 * 2**20 // len(line)})"
    finished = await workspace.processes.run([sys.executable, "-c", code], root, keep=2**16)
    head, note, tail = finished.output.partition(b"\n[... ")
    assert note and len(head) == finished.beginning > 2**15 and len(tail) > 2**19
    missing = int(tail.split(b" ", 1)[0])
    end = tail.partition(b"...]\n")[2]
    assert len(head) + missing + len(end) == finished.total
    assert (head + b"\n" + end).count(SECRET[:4].encode()) == (head + b"\n" + end).count(SECRET.encode())
    assert (head + b"\n" + end).count(SECRET[-4:].encode()) == (head + b"\n" + end).count(SECRET.encode())
