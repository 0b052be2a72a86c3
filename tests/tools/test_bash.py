"""bash: what the model and the human are told of a command."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from minicode import safety
from minicode.events import CallSaid
from minicode.messages import Call
from minicode.permission.decide import decide
from minicode.permission.values import Rules, Standing
from minicode.sandbox.policy import Grant, Held, Launch
from minicode.show import Output
from minicode.toolbox import Toolbox
from minicode.toolkit import Scope, Workspace
from minicode.workspace.folder import Folder

NO_RULES = Rules()


async def test_output_and_exit_code(run, root: Path) -> None:
    assert (await run("bash", command="pwd")).text == f"{root}\n[exit code 0]"
    failed = await run("bash", command="echo no >&2; exit 3")
    assert failed.failed and failed.text == "no\n[exit code 3]"
    assert failed.show == (Output("no"),)
    assert (await run("bash", command="true")).text.strip() == "[exit code 0]"
    assert "signal 9" in (await run("bash", command="kill -9 $$")).text


async def test_long_output_is_cut_and_kept(run, spilled: Path) -> None:
    result = await run("bash", command="seq 100000")
    assert len(result.text.encode()) <= 30_500
    assert result.text.startswith("1\n2\n") and "\n100000\n[exit code 0]" in result.text
    (kept,) = spilled.iterdir()
    assert str(kept) in result.text
    assert kept.read_text() == "".join(f"{n}\n" for n in range(1, 100_001))
    assert (await run("read", file_path=str(kept), offset=50_000, limit=1)).text.startswith("50000\t50000")


async def test_garbage_is_sendable(run) -> None:
    result = await run(
        "bash", command=r"printf '\x1b[31m\xff\xed\xa0\x80\x00a\r50%%\rdone\n'; head -c 200000 /dev/zero"
    )
    result.text.encode("utf-8")
    assert result.text.startswith("done\n") and "\x1b" not in result.text and "\0" not in result.text


async def test_timeout_in_seconds_or_milliseconds(run) -> None:
    result = await run("bash", command="echo before; sleep 100", timeout=1)
    assert result.failed and result.text == "before\n[stopped after 1 s (timeout); the output so far is above]"
    quick = await run("bash", command="sleep 100", timeout_ms=1000)
    assert "stopped after 1 s" in quick.text
    patient = await run("bash", command="sleep 1.9; echo done", timeout=1801)
    assert patient.text == "done\n[exit code 0]"


async def test_what_was_left_behind_is_told(run) -> None:
    result = await run("bash", command="sleep 321 & echo hi")
    assert result.text == f"hi\n[exit code 0; stopped in the background: sleep 321; {KEEPS}]"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        *(
            (command, True)
            for command in (
                "sleep 9 &",
                "true & echo hi",
                "echo 'R & D' & echo",
                "(true &)",
                "true & disown",
                "a && b &\necho",
            )
        ),
        *(
            (command, False)
            for command in (
                "true && true",
                "echo x >&2 2>&1 &>/dev/null",
                "true & wait",
                "echo a?b&c",
                "echo 'R & D' \"it's & all\" R \\& D",
            )
        ),
    ],
)
async def test_where_the_sandbox_ends_it_without_a_word_it_is_told_too(
    toolbox: Toolbox, root: Path, command: str, told: bool
) -> None:
    scope = Scope(Workspace.at(root, box=Passing()))
    result = await toolbox.run(toolbox.prepare(Call("c", "bash", {"command": command})), scope)
    assert result.text.endswith(f"; {KEEPS}]") == told, result.text


async def test_progress_is_told_while_it_runs(toolbox: Toolbox, scope: Scope) -> None:
    said: list[CallSaid] = []
    prepared = toolbox.prepare(Call("c", "bash", {"command": "sleep 0.25; echo one; sleep 0.25; echo two"}))
    await toolbox.run(prepared, scope, said.append)
    assert said[0] == CallSaid("c", "one\n")


KEEPS = "what a shell leaves in the background is stopped with it: run_in_background keeps a command"


class Passing:
    """A box that holds nothing, but is there, and says what it would hold."""

    def __init__(self, held: Held = Held()) -> None:  # noqa: B008 - a plain value
        self._held = held

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        if grant.host:
            return Launch(tuple(argv), environment)
        held = self._held._replace(write=self._held.write and grant.write)
        return Launch(("/usr/bin/env", *argv), environment, held=held)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("curl: (6) Could not resolve host: example.com", 'needs="network"'),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", 'needs="network"'),
        ("touch: cannot touch '/etc/x': Read-only file system", 'needs="host"'),
        ("fatal: Unable to create '/w/.git/index.lock': Read-only file system", "git tool"),
        ("mount: Operation not permitted", 'needs="network" or "host"'),
        ("AssertionError", ""),
    ],
)
async def test_the_sandbox_in_the_way_is_told_once(toolbox: Toolbox, root: Path, said: str, hint: str) -> None:
    boxed = Workspace.at(root, box=Passing())

    async def last_line(workspace: Workspace, code: int = 1) -> str:
        command = {"command": f'echo "{said}"; exit {code}'}
        result = await toolbox.run(toolbox.prepare(Call("c", "bash", command)), Scope(workspace))
        return result.text.rpartition("\n")[2]

    told = await last_line(boxed)
    assert (hint in told) if hint else told == "[exit code 1]"
    assert await last_line(boxed, 0) == "[exit code 0]"
    assert await last_line(boxed.granting(Grant(host=True))) == "[exit code 1]"
    assert await last_line(Workspace.at(root)) == "[exit code 1]"


async def test_nothing_is_promised_in_plan_mode(toolbox: Toolbox, root: Path) -> None:
    planning = Workspace.at(root, box=Passing()).granting(Grant(write=False))
    command = {"command": "echo 'touch: x: Read-only file system'; exit 1"}
    result = await toolbox.run(toolbox.prepare(Call("c", "bash", command)), Scope(planning))
    assert result.text.endswith("\n[exit code 1; in plan mode the sandbox writes only in /tmp]")


CLOSED, OFFLINE, REFUSED = "touch: x: Read-only file system", "Could not resolve host: x.y", "Operation not permitted"


@pytest.mark.parametrize(
    ("held", "grant", "said", "told"),
    [
        (
            Held(write=False),
            Grant(),
            CLOSED,
            'the sandbox writes only in /tmp; if it must be, call again with needs="host"',
        ),
        (Held(write=False), Grant(), ".git/x: Read-only file system", "the sandbox writes only in /tmp; if"),
        (
            Held(write=False, tmp="$TMPDIR"),
            Grant(),
            REFUSED,
            "the sandbox has no network and writes only in $TMPDIR; if",
        ),
        (Held(tmp="$TMPDIR"), Grant(), CLOSED, "the sandbox writes only in the workspace and $TMPDIR; if it must be"),
        (Held(unread=True), Grant(), CLOSED, "in the workspace and /tmp, and rules keep files from being read; if"),
        (Held(network=True), Grant(), REFUSED, "the sandbox writes only in the workspace and /tmp; if"),
        (Held(network=True), Grant(), OFFLINE, "[exit code 1]"),
        (Held(), Grant(write=False), OFFLINE, "; in plan mode the sandbox has no network]"),
        (Held(network=True), Grant(write=False), REFUSED, "; in plan mode the sandbox writes only in /tmp]"),
    ],
)
async def test_what_is_said_of_the_sandbox_is_so(
    toolbox: Toolbox, root: Path, held: Held, grant: Grant, said: str, told: str
) -> None:
    workspace = Workspace.at(root, box=Passing(held)).granting(grant)
    result = await toolbox.run(
        toolbox.prepare(Call("c", "bash", {"command": f"echo '{said}'; exit 1"})), Scope(workspace)
    )
    assert told in result.text.rpartition("\n")[2]


async def test_where_it_ended_is_told_and_does_not_last(run, root: Path) -> None:
    (root / "sub").mkdir()
    again = "the next call starts in the root again"
    assert (await run("bash", command="cd sub")).text.strip() == (
        f'[exit code 0; it ended in sub: {again}, unless you give cwd="sub"]'
    )
    assert (await run("bash", command="pwd")).text == f"{root}\n[exit code 0]"
    assert (await run("bash", command="cd sub; pwd", cwd=".")).text.endswith(' unless you give cwd="sub"]')
    assert (await run("bash", command="cd ../sub; pwd", cwd="sub")).text == f"{root}/sub\n[exit code 0]"
    assert (await run("bash", command="cd ..", workdir="sub")).text.startswith("[exit code 0]")
    assert (await run("bash", command="cd /")).text.strip() == f"[exit code 0; {again}]"
    outside = await run("bash", command="pwd", cwd="..")
    assert outside.failed and "is outside the workspace" in outside.text


async def test_variables_as_others_give_them_are_in_the_line(toolbox: Toolbox, run) -> None:
    def line(**arguments: object) -> object:
        prepared = toolbox.prepare(Call("c", "bash", {"command": "echo $A", **arguments}))
        return prepared.error or prepared.arguments["command"]

    assert line(env={"A": "x y", "B": 1}) == "export A='x y' B=1; echo $A"
    assert line(environment='{"LD_PRELOAD": "./x.so"}') == "export LD_PRELOAD=./x.so; echo $A"
    assert line(env={}) == line(env=None) == "echo $A"
    assert "cannot be the name of a variable" in str(line(env={"A; rm -rf ~; B": "x"}))
    told = (await run("bash", command="echo $A", env={"A": "it's"})).text
    assert told == "it's\n[exit code 0]\n[note: read `env` as an `export` before the command]"


class TestPermission:
    """A folder and variables are judged as the line that says the same."""

    @staticmethod
    def verdict(toolbox: Toolbox, folder: Folder, contained: str, rules: Rules = NO_RULES, **arguments: object) -> str:
        prepared = toolbox.prepare(Call("c", "bash", arguments))
        wish = safety.look(folder, prepared)
        return decide(wish, Standing("default", rules, contained, asks=True)).verdict  # type: ignore[arg-type]

    def test_another_folder(self, toolbox: Toolbox, root: Path) -> None:
        (root / "sub").mkdir()
        folder = Folder.at(root)
        look = {"command": "ls", "cwd": "sub"}
        assert self.verdict(toolbox, folder, "none", command="ls") == "allow"
        assert self.verdict(toolbox, folder, "none", command="ls", cwd=".") == "allow"
        assert self.verdict(toolbox, folder, "none", **look) == "ask", "names mean other files there"
        assert self.verdict(toolbox, folder, "kernel", **look) == "allow"
        one, both = Rules(allow=("bash(make)",)), Rules(allow=("bash(make)", "bash(cd sub)"))
        assert self.verdict(toolbox, folder, "none", one, command="make", cwd="sub") == "ask"
        assert self.verdict(toolbox, folder, "none", both, command="make", cwd="./sub/") == "allow"
        no = Rules(deny=("bash(git push *)",))
        assert self.verdict(toolbox, folder, "kernel", no, command="git push x", cwd="sub") == "deny"
        wish = safety.look(folder, toolbox.prepare(Call("c", "bash", {"command": "a; b", "cwd": "../x y"})))
        assert wish.arguments["command"] == "cd '../x y' && a; b" and "cwd" not in wish.arguments

    @pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "BASH_ENV", "GIT_EXTERNAL_DIFF", "A"])
    def test_variables(self, toolbox: Toolbox, root: Path, name: str) -> None:
        folder = Folder.at(root)
        assert self.verdict(toolbox, folder, "none", command="ls", env={name: "./x"}) == "ask"
        rules = Rules(allow=("bash(make)",), deny=("bash(rm *)",))
        assert self.verdict(toolbox, folder, "none", rules, command="make", env={name: "./x"}) == "ask"
        assert self.verdict(toolbox, folder, "kernel", rules, command="rm x", env={name: "./x"}) == "deny"


async def test_vi_may_do_what_it_is_told_without_a_terminal(run, root: Path) -> None:
    (root / "f").write_text("one\n")
    result = await run("bash", command="vi -c 's/one/two/' -c wq f", timeout=20)
    assert (root / "f").read_text() == "two\n" and not result.failed


async def test_a_terminal(run) -> None:
    said = await run("bash", command="test -t 1 && printf '\\033[31mred\\033[0m\\r\\nsecond\\033[1;1HR'", tty=True)
    assert said.text == "Red\nsecond\n[exit code 0]" and said.show == (Output("Red\nsecond"),)
    late = await run("bash", command="printf 'Name? '; read x", tty=True, timeout=1)
    assert late.failed and late.text == "Name? \n[stopped after 1 s (timeout); the output so far is above]"
    failed = await run("bash", command="exit 3", tty=True)
    assert failed.failed and failed.text.strip() == "[exit code 3]"


@pytest.mark.parametrize(
    "command",
    [
        *(
            "cat",
            "read x",
            "python3 -c 'input()'",
            "less f",
            "vi f",
            "sudo -S true",
            "ssh -o ConnectTimeout=2 127.0.0.1",
        ),
        "git clone -q http://127.0.0.1:1/x",
        "git -c credential.helper= fetch https://127.0.0.1:1/private",
    ],
)
async def test_what_waits_for_a_person_ends_at_once(run, root: Path, command: str) -> None:
    """R24: none of them gets a terminal, or words, by whatever way."""
    (root / "f").write_text("text\n")
    begin = time.monotonic()
    result = await run("bash", command=command, timeout=20)
    assert time.monotonic() - begin < 10 and re.search("exit code|ended by", result.text), result.text
    assert ("call again with tty" in result.text) == command.startswith("vi"), result.text


async def test_needs_is_for_the_one_who_decides(toolbox: Toolbox, run) -> None:
    assert (await run("bash", command="echo hi", needs="network")).text == "hi\n[exit code 0]"
    spec = next(spec for spec in toolbox.specs if spec.name == "bash")
    assert "needs" not in spec.schema["required"]


async def test_a_change_to_what_only_the_user_may_change_raises_an_alarm(toolbox: Toolbox, root: Path) -> None:
    await Workspace.at(root).shell("git init -q")
    before = (root / ".git/config").read_bytes()
    alarms: list[str] = []

    async def run(workspace: Workspace, command: str) -> str:
        alarms.clear()
        scope = Scope(workspace, alarm=alarms.append)
        return (await toolbox.run(toolbox.prepare(Call("c", "bash", {"command": command})), scope)).text

    mending = Workspace.at(root, box=Passing(), mends=True)
    attack = "git config core.pager x; mkdir .minicode; echo x > .minicode/config.toml"
    text = await run(mending, attack)
    assert alarms == ["The command changed .git/config, .minicode, which was put back as it was."]
    assert alarms[0] in text
    assert (root / ".git/config").read_bytes() == before and not (root / ".minicode").exists()
    assert "look at it first" in await run(mending.granting(Grant(host=True)), attack)
    assert (root / ".minicode").exists() and (root / ".git/config").read_bytes() != before
    await run(mending, "echo x > a; git add a; git commit -qm x")
    assert alarms == []
