"""What may run without anybody to ask: modes, rules, hooks, and all that looks like reading and is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Expect, Fault, Say, Step, Think, steps

ANSWER = (Think("That is all."), Say("Done."))
HIDDEN: dict[str, str | None] = {"MINICODE_SANDBOX_BACKENDS": "none"}
HELD: dict[str, dict[str, str | None]] = {"any": {}, "landlock": {"MINICODE_SANDBOX_BACKENDS": "landlock"}}
NOBODY = 65534
ORDINARY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
QUIET: dict[str, Any] = {"capture_output": True, "cwd": Path(__file__).parents[2]}

# By row of the safety bar; ⏎ stands for a newline.
ASKED = {
    "S13": ["echo x > f", "echo x >| f", "echo x &> f", "echo x | tee f", "ls 2> f", "echo x >> a.py", "cat < a.py"],
    "S14": [
        "find . -exec rm {} +",
        "find . -delete",
        "find . -fprintf F x",
        "find . -fprint F",
        "sed -i s/a/b/ a.py",
        "sed -n 'w F' a.py",
        "sed '1e touch F' a.py",
        "awk 'BEGIN{system(\"touch F\")}'",
        "sort -o F a.py",
        "sort --compress-program=./x.sh a.py",
        "uniq a.py F",
        "xxd a.py F",
        "tar -cf F --checkpoint=1 '--checkpoint-action=exec=touch G' a.py",
        "env -S 'touch F'",
        "echo F | xargs touch",
        "BASH_ENV=x.sh bash -c true",
    ],
    "S15": [
        "echo $(touch c)",
        "echo `touch c`",
        "echo ${x:=$(touch c)}",
        "cat <(touch c)",
        "echo >(touch c)",
        "echo $((x[$(touch c)]))",
        "a='x[$(touch c)]'; [[ $a -eq 0 ]]",
        "printf -v 'a[$(touch c)]' 1",
        "test -v 'a[$(touch c)]'",
        "head $HOME/.ssh/id_rsa",
    ],
    "S16": [
        "LD_PRELOAD=./x.so ls",
        "GIT_EXTERNAL_DIFF=./x.sh git diff",
        "PATH=.:$PATH ls",
        "export PATH=.:$PATH; ls",
        "shopt -s expand_aliases; alias ls='touch F'; ls",
        "ls() { touch F; }; ls",
        "cat x > .git/hooks/pre-commit",
        "sort -o $HOME/.bashrc a.py",
        "echo hi > $HOME/.bashrc",
    ],
    "S17": [
        "ls⏎touch F",
        "ls\rtouch F",
        "ls \\⏎-la; touch F",
        "ls\u00a0-la",
        "ls\uff1btouch F",
        "l\u200bs",
        "echo \u202etxt.exe",
    ],
    "S18": [
        "git status",
        "git log -1",
        "git diff --output=F",
        "git -c alias.x='!touch F' x",
        "git grep -O./x.sh first",
        "rg --pre ./x.sh first",
        "rg --hostname-bin ./x.sh first",
    ],
    "S19": [" && ".join(["true"] * 60 + ["touch F"]), "echo 'never closed; touch F", "echo " + "a" * 1_000_000],
}


def tree(*folders: Path) -> dict[str, bytes | str]:
    """Everything in folders but our own state, for comparison."""
    found: dict[str, bytes | str] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if ".minicode" in path.relative_to(folder).parts:
                continue
            found[str(path)] = (
                str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
            )
    return found


def shell(*commands: str, **more: Any) -> Step:
    return Step((Think("Run it."), *(Do("shell", {"command": one, **more}) for one in commands)))


def settings(program: Any, text: str) -> None:
    file: Path = program.home / ".minicode" / "config.toml"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)


def said(ran: Any) -> list[tuple[str, bool]]:
    return [(event["text"], event["is_error"]) for event in ran.of("tool_result")]


@pytest.fixture
def sources(program: Any) -> Path:
    """A workspace with something to lose, and a program that leaves a mark if anything runs it."""
    folder: Path = program.workspace
    (folder / "a.py").write_text("first\nsecond\nthird\n")
    (folder / "x.sh").write_text("#!/bin/sh\ntouch RAN\n")
    (folder / "x.sh").chmod(0o755)
    (folder / ".git" / "hooks").mkdir(parents=True)
    (folder / ".git" / "config").write_text("[core]\n\tfsmonitor = ./x.sh\n")
    (program.home / ".bashrc").write_text("# mine\n")
    return folder


@pytest.mark.parametrize("row", ASKED)
def test_s13_to_s19_unheld_and_with_nobody_to_ask_it_is_denied(
    program: Any, rehearse: Any, sources: Path, row: str
) -> None:
    commands = [command.replace("⏎", "\n") for command in ASKED[row]]
    before = tree(sources, program.home)
    server = rehearse(steps(shell(*commands), Step(ANSWER, expect=Expect(results="Nobody can be asked"))))
    ran = program("run", "--json", "go", server=server, env=HIDDEN)
    denied = {event["input"]["command"]: event["by"] for event in ran.of("permission")}
    assert denied == dict.fromkeys(commands, "nobody")
    assert tree(sources, program.home) == before
    assert (ran.code, ran.result["subtype"]) == (58, "error_permission_denied")
    assert [one["tool_input"]["command"] for one in ran.result["permission_denials"]] == commands
    assert ran.result["duration_ms"] < 10_000, "however long the command, it is judged at once"


def test_s13_what_plainly_only_reads_runs_unheld(program: Any, rehearse: Any, sources: Path) -> None:
    server = rehearse(
        steps(shell("ls && cat a.py | head -2"), Step(ANSWER, expect=Expect(results="first\nsecond", absent="third")))
    )
    ran = program("run", "--json", "go", server=server, env=HIDDEN)
    assert (ran.code, ran.of("permission"), ran.result["permission_denials"]) == (0, [], [])
    [start] = ran.of("init")
    assert (start["permission_mode"], start["sandbox"]["enforced"]) == ("auto", False)


def test_looking_around_after_a_denial_is_no_way_of_doing_it(program: Any, rehearse: Any, sources: Path) -> None:
    server = rehearse(steps(shell("touch F"), shell("ls"), ANSWER))
    ran = program("run", "--json", "go", server=server, env=HIDDEN)
    assert (ran.code, (sources / "F").exists()) == (58, False)


def test_unheld_but_waived_on_the_command_line_it_runs(program: Any, rehearse: Any, sources: Path) -> None:
    for flag in (("-y",), ("--sandbox", "off")):
        server = rehearse(steps(shell("touch F"), ANSWER))
        ran = program("run", "--json", *flag, "go", server=server, env=HIDDEN)
        assert (ran.code, (sources / "F").exists()) == (0, True), flag
        (sources / "F").unlink()


# --- where file tools may write ---------------------------------------------------------------------------------------


@pytest.fixture(params=["self", "ordinary"])
def places(request: pytest.FixtureRequest, program: Any) -> Iterator[tuple[Path, Path, dict[str, Any]]]:
    """(a workspace, a folder beside it, how to run there): as ourselves, and as an ordinary user if we are root."""
    if request.param == "ordinary" and os.geteuid() != 0:
        pytest.skip("we are an ordinary user already")
    if request.param == "ordinary" and subprocess.run([*ORDINARY, *program.command, "--version"], **QUIET).returncode:
        pytest.skip("other users cannot run this interpreter")
    base = Path(tempfile.mkdtemp()).resolve()
    workspace, out, home = (base / name for name in ("ws", "ws-evil", "home"))
    for folder in (workspace / "sub", out, home):
        folder.mkdir(parents=True)
    (out / "f").write_text("theirs\n")
    (workspace / "f").write_text("mine\n")
    shutil.copy(program.home / ".gitconfig", home)
    how: dict[str, Any] = {"cwd": workspace}
    if request.param == "ordinary":
        for path in (base, *base.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        own: dict[str, str | None] = {"HOME": str(home), "MINICODE_HOME": str(home / ".minicode")}
        how |= {"before": ORDINARY, "env": own}
    yield workspace, out, how
    shutil.rmtree(base)


def edits(names: list[str]) -> Step:
    """An edit and a write of each name."""
    calls = [Do("edit", {"path": name, "old": "theirs", "new": "taken"}) for name in names]
    return Step((Think("Change."), *calls, *(Do("write", {"path": name, "content": "taken\n"}) for name in names)))


def test_s05_s06_s07_files_outside_are_refused(
    program: Any, rehearse: Any, places: tuple[Path, Path, dict[str, Any]]
) -> None:
    workspace, out, how = places
    links = {"l": "../ws-evil/f", "d": "../ws-evil", "gone": "../ws-evil/new", "c2": "l", "c3": "c2"}
    for name, target in links.items():
        (workspace / name).symlink_to(target)
    names = ["../ws-evil/f", str(out / "f"), "sub/../../ws-evil/f", "l", "d/f", "gone", "d/new", "c3"]
    names += [f"{workspace}-evil/f"]
    server = rehearse(
        steps(edits(names), Step((Think("Then mine."), Do("edit", {"path": "f", "old": "mine", "new": "m"}))), ANSWER)
    )
    for flags in ((), ("--permission-mode", "bypassPermissions")):
        ran = program("run", "--json", *flags, "go", server=rehearse(server.script), **how)
        *refused, mine = said(ran)
        assert len(refused) == 2 * len(names) and all(failed for _, failed in refused)
        assert all("outside the workspace" in text for text, _ in refused)
        assert (ran.code, mine[1], (workspace / "f").read_text()) == (0, False, "m\n"), "it does work inside"
        (workspace / "f").write_text("mine\n")
        assert {path.name: path.read_text() for path in out.iterdir()} == {"f": "theirs\n"}
        assert {name: str((workspace / name).readlink()) for name in links} == links


def test_s08_git_is_not_edited_as_files(program: Any, rehearse: Any, places: tuple[Path, Path, dict[str, Any]]) -> None:
    workspace, _, how = places
    (workspace / ".git" / "hooks").mkdir(parents=True)
    (workspace / ".git" / "config").write_text("theirs\n")
    if "before" in how:
        for path in (workspace / ".git", *(workspace / ".git").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    names = [".git/config", ".git/hooks/pre-commit", ".GIT/config", "sub/../.git/config", ".Git/hooks/post-checkout"]
    before = tree(workspace)
    for flags in ((), ("-y",)):
        ran = program("run", "--json", *flags, "go", server=rehearse(steps(edits(names), ANSWER)), **how)
        assert len(said(ran)) == 2 * len(names) and all(failed for _, failed in said(ran)), said(ran)
        assert tree(workspace) == before


# --- modes, one by one, held by whatever sandbox there is -------------------------------------------------------------


@pytest.fixture(params=HELD)
def held(request: pytest.FixtureRequest, program: Any) -> dict[str, str | None]:
    """The environment that leaves this sandbox; skipped where it does not hold."""
    env = HELD[request.param]
    from minicode.sandbox.probe import enforcement

    os.environ.update({k: v for k, v in env.items() if v})
    try:
        found, _ = enforcement(program.home / ".minicode")
    finally:
        for name in env:
            del os.environ[name]
    if not found.holds:
        pytest.skip(f"not enforceable here: {' '.join(found.missing)}")
    return env


def by(ran: Any) -> list[tuple[str, str]]:
    return [(event["name"], event["by"]) for event in ran.of("permission")]


def test_mode_plan_changes_nothing(program: Any, rehearse: Any, sources: Path, held: Any) -> None:
    before = tree(sources)
    write = Step((Think("Write."), Do("write", {"path": "new", "content": "x"}), Do("shell", {"command": "touch F"})))
    server = rehearse(steps(shell("head -1 a.py"), write, ANSWER))
    ran = program("run", "--json", "--permission-mode", "plan", "go", server=server, env=held)
    assert by(ran) == [("write", "mode")] and tree(sources) == before
    assert [failed for _, failed in said(ran)] == [False, True, True] and "first" in said(ran)[0][0]
    assert (ran.code, ran.of("init")[0]["permission_mode"]) == (0, "plan")


def test_mode_default_asks_for_edits_and_lets_held_commands_run(
    program: Any, rehearse: Any, sources: Path, held: Any
) -> None:
    write = Do("write", {"path": "new", "content": "x"})
    server = rehearse(steps(shell("touch F"), (Think("Write."), write), ANSWER))
    ran = program("run", "--json", "--permission-mode", "default", "go", server=server, env=held)
    assert (ran.code, by(ran)) == (58, [("write", "nobody")])
    assert (sources / "F").exists() and not (sources / "new").exists()


def test_mode_accept_edits_asks_only_for_what_is_protected(
    program: Any, rehearse: Any, sources: Path, held: Any
) -> None:
    writes = [Do("write", {"path": name, "content": "x"}) for name in ("new", ".envrc", "sub/.VSCODE/tasks.json")]
    ran = program(
        *("run", "--json", "--permission-mode", "acceptEdits", "go"),
        server=rehearse(steps((Think("Write."), *writes), ANSWER)),
        env=held,
    )
    assert (ran.code, by(ran)) == (58, [("write", "nobody")] * 2)
    assert (sources / "new").exists() and not (sources / ".envrc").exists() and not (sources / "sub").exists()


def test_mode_auto_refuses_escapes(program: Any, rehearse: Any, sources: Path, held: Any) -> None:
    outside = sources.parent / "outside"
    server = rehearse(
        steps(
            shell(f"touch {outside}", needs="host"),
            shell("true", needs="network"),
            (
                Think("Write."),
                Do("write", {"path": ".envrc", "content": "x"}),
                Do("write", {"path": "n", "content": "x"}),
            ),
            shell(f"touch {outside}"),
            ANSWER,
        )
    )
    ran = program("run", "--json", "go", server=server, env=held)
    assert by(ran) == [("bash", "nobody"), ("bash", "nobody"), ("write", "nobody")]
    assert not outside.exists() and not (sources / ".envrc").exists() and (sources / "n").exists()
    assert ran.code == 0


def test_mode_bypass_permissions_asks_nothing(program: Any, rehearse: Any, sources: Path, held: Any) -> None:
    outside = sources.parent / "outside"
    write = Do("write", {"path": ".envrc", "content": "x"})
    server = rehearse(
        steps(shell(f"touch {outside}"), shell(f"touch {outside}-asked", needs="host"), (Think("W."), write), ANSWER)
    )
    ran = program("run", "--json", "--permission-mode", "bypassPermissions", "go", server=server, env=held)
    assert (ran.code, ran.of("permission")) == (0, [])
    assert not outside.exists(), "what does not ask to leave the sandbox stays in it"
    assert Path(f"{outside}-asked").exists() and (sources / ".envrc").exists()


# --- rules and hooks of the user --------------------------------------------------------------------------------------


def test_rules_deny_goes_before_allow_and_before_yolo(program: Any, rehearse: Any, sources: Path) -> None:
    settings(
        program, '[permissions]\nallow = ["bash", "write"]\ndeny = ["bash(rm:*)", "write(*.lock)", "read(.env)"]\n'
    )
    (sources / ".env").write_text("PASS=1\n")
    for flags in ((), ("-y",), ("--sandbox", "off")):
        calls = (
            *(
                Do("shell", {"command": one})
                for one in ("rm a.py", "true && rm a.py", "sh -c 'rm a.py'", "env rm a.py")
            ),
            Do("write", {"path": "sub/x.LOCK", "content": "x"}),
            Do("read", {"path": "./.env"}),
        )
        server = rehearse(steps((Think("Go."), *calls), Step(ANSWER, expect=Expect(absent="PASS"))))
        ran = program("run", "--json", *flags, "go", server=server)
        assert by(ran)[0] == ("bash", "rule") and {name for name, _ in by(ran)} == {"bash", "write", "read"}
        assert len(by(ran)) == len(calls) and (sources / "a.py").exists(), flags
        assert (ran.code == 0) == all(whose == "rule" for _, whose in by(ran))


def test_rules_ask_is_a_denial_without_anybody(program: Any, rehearse: Any, sources: Path) -> None:
    settings(program, '[permissions]\nask = ["bash(touch:*)"]\nallow = ["bash(touch:*)"]\n')
    ran = program("run", "--json", "go", server=rehearse(steps(shell("touch F", "touch\tF"), ANSWER)))
    assert (ran.code, by(ran), (sources / "F").exists()) == (58, [("bash", "nobody")] * 2, False)


def test_rules_allow_by_name_what_would_be_asked(program: Any, rehearse: Any, sources: Path) -> None:
    settings(program, '[permissions]\nallow = ["bash(touch F)"]\n')
    server = rehearse(steps(shell("touch G"), shell("touch F"), ANSWER))
    ran = program("run", "--json", "go", server=server, env=HIDDEN)
    assert by(ran) == [("bash", "nobody")]
    assert (ran.code, (sources / "F").exists(), (sources / "G").exists()) == (0, True, False), "it found another way"


def test_a_rule_that_is_not_understood_is_wrong_configuration(program: Any) -> None:
    settings(program, '[permissions]\ndeny = ["bash(rm"]\n')
    ran = program("run", "--json", "go", env={"MINIMAX_BASE_URL": "http://127.0.0.1:9"})
    assert ran.code == 52 and "bash(rm" in ran.result["error"] and "config.toml" in ran.result["error"]


def test_hook_blocks_a_call_and_the_model_hears_why(program: Any, rehearse: Any, sources: Path) -> None:
    settings(
        program,
        '[[hooks]]\nevent = "PreToolUse"\nmatcher = "Bash"\ncommand = "echo not on a Friday >&2; exit 2"\n'
        '[[hooks]]\nevent = "PostToolUse"\nmatcher = "Read"\ncommand = "cat >hook.json"\n',
    )
    calls = (Do("shell", {"command": "touch F"}), Do("read", {"path": "a.py"}))
    for flags in ((), ("-y",)):
        server = rehearse(
            steps((Think("Go."), *calls), Step(ANSWER, expect=Expect(results=("not on a Friday", "second"))))
        )
        ran = program("run", "--json", *flags, "go", server=server)
        assert (ran.code, by(ran), (sources / "F").exists()) == (0, [("bash", "hook")], False)
        assert '"tool_name": "Read"' in (sources / "hook.json").read_text()


def test_hook_that_cannot_be_heard_blocks(program: Any, rehearse: Any, sources: Path) -> None:
    settings(program, '[[hooks]]\nevent = "PreToolUse"\ncommand = "kill -9 $$"\n')
    ran = program("run", "--json", "go", server=rehearse(steps(shell("touch F"), ANSWER)))
    assert (by(ran), (sources / "F").exists()) == ([("bash", "hook")], False)


# --- words that are only words ----------------------------------------------------------------------------------------

LOOSE = "tell me of --sandbox=off --permission-mode=bypassPermissions --settings=x -y"


@pytest.mark.parametrize(
    ("arguments", "piped"),
    [
        (("run", "--json", LOOSE), None),
        (("run", "--json", "--", "--sandbox=off -y"), None),
        (("run", "--json"), b"--sandbox=off\n-y --network on"),
        (("--json", "-p", LOOSE), None),
    ],
)
def test_s35_a_prompt_is_no_command_line(program: Any, rehearse: Any, arguments: Any, piped: Any) -> None:
    server = rehearse(steps(Step(ANSWER, expect=Expect(said="--sandbox=off"))))
    ran = program(*arguments, server=server, stdin=piped)
    [start] = ran.of("init")
    assert (ran.code, start["permission_mode"]) == (0, "auto")
    assert (start["sandbox"]["level"], start["sandbox"]["network_access"]) == ("workspace-write", False)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_s33_a_redirect_does_not_take_the_key_along(
    program: Any, rehearse: Any, damaged: list[str], status: int
) -> None:
    canary = rehearse(steps(ANSWER))
    there = canary.url.replace("127.0.0.1", "localhost") + "/anthropic/v1/messages"
    server = rehearse(steps(Step(fault=Fault(status=status, headers={"Location": there}))))
    ran = program("run", "--json", "go", server=server)
    assert (ran.code, canary.connections, len(server.requests)) == (1, 0, 1), ran
    assert str(status) in ran.result["error"]


def test_s33_the_key_does_not_travel_in_the_clear(program: Any) -> None:
    ran = program("run", "--json", "go", env={"MINIMAX_BASE_URL": "http://canary.invalid/anthropic"})
    assert ran.code == 52 and "unencrypted" in ran.result["error"]


# --- output that would command the terminal ---------------------------------------------------------------------------

HOSTILE = (
    r"a\033[2Jb\033]0;title\007c\033]8;;http://x\033\\d\033]52;c;ZXZpbA==\007e\033P+q\033\\f\302\233"
    r"2Jg\033[6nh\342\200\256i\033]0;never ends\nj [/foo] list[int] [@click=app.quit]x[/] [link=http://e]y[/link]\n"
)
MARKUP = "[/foo] list[int] [@click=app.quit]x[/] [link=http://e]y[/link]"


def test_s25_s26_tool_output_in_plain_text(program: Any, rehearse: Any, sources: Path) -> None:
    server = rehearse(
        steps(shell(f"printf '{HOSTILE}'"), Step(ANSWER, expect=Expect(results=MARKUP, absent=("\x1b", "ZXZp"))))
    )
    ran = program("run", "go", server=server)
    assert (ran.code, ran.out) == (0, "Done.\n")
    shown = ran.out + ran.err
    assert MARKUP in shown
    assert not [char for char in shown if char != "\n" and (ord(char) < 32 or 0x7F <= ord(char) < 0xA0)]
    assert "\u202e" not in shown and "<U+202E>" in shown
    assert not any(code in server.requests[-1].raw for code in (b"\\u001b", b"\\u009b", b"\xc2\x9b", b"\\u202e"))


# --- rules that need the kernel, or an understanding ------------------------------------------------------------------


def test_a_read_rule_that_nothing_enforces_is_asked_even_where_all_is_free(
    program: Any, rehearse: Any, sources: Path
) -> None:
    settings(program, '[permissions]\ndeny = ["read(a.py)"]\n')
    for flags, env in ((("-y",), HIDDEN), (("--sandbox", "off"), {}), (("-y", "--sandbox", "off"), {})):
        server = rehearse(steps(shell("cat a*.py"), Step(ANSWER, expect=Expect(absent="second"))))
        ran = program("run", "--json", *flags, "go", server=server, env=env)
        assert (ran.code, by(ran)) == (58, [("bash", "nobody")]), flags
        assert "`read(a.py)` keeps from being read, and no sandbox would hold it" in said(ran)[0][0], flags


def test_a_deny_rule_for_commands_leaves_plain_lines_alone(
    program: Any, rehearse: Any, sources: Path, held: Any
) -> None:
    settings(program, '[permissions]\ndeny = ["bash(rm:*)"]\n')
    fine = ["cat a.py 2>&1 | tail -1", "ls >/dev/null 2>&1 && echo fine", "cat none 2>/dev/null || echo none"]
    asked = ["make 2>&1 | tail", "sh x.sh", "echo x > F"]
    denied = ["ls 2>/dev/null; rm a.py 2>&1"]
    ran = program("run", "--json", "go", server=rehearse(steps(shell(*fine, *asked, *denied), ANSWER)), env=held)
    told = [text for text, _ in said(ran)]
    assert [event["by"] for event in ran.of("permission")] == ["nobody"] * 3 + ["rule"]
    assert ["third" in told[0], "fine" in told[1], "none" in told[2]] == [True] * 3
    assert "`make` may start what is not named here" in told[3] and "`sh` may start" in told[4]
    assert (sources / "a.py").exists() and not (sources / "F").exists()


def test_an_open_network_is_not_denied_in_words(program: Any, rehearse: Any, sources: Path, held: Any) -> None:
    server = rehearse(steps(shell("echo Could not resolve host >&2; false"), ANSWER))
    for flags, words in (((), True), (("--network", "on"), False)):
        ran = program("run", "--json", *flags, "go", server=rehearse(server.script), env=held)
        assert ("has no network" in said(ran)[0][0]) is words
