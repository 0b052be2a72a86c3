"""Bad input gets a sentence that says what is wrong and what to do, the right exit code, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest

from minicode.lab.rehearsal import Do, Expect, Say, Step, Think, steps

ANSWER = (Think("That is all."), Say("Done."))
# Permissions do not bind root; without these two rights they do.
MORTAL = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
STRANGER = ("unshare", "--map-user=54321")


ENVIRONMENTS: list[tuple[dict[str, str | None], int, str]] = [
    ({"MINIMAX_API_KEY": None}, 41, "no key"),
    ({"MINIMAX_BASE_URL": "http://example.com"}, 52, "unencrypted"),
    ({"MINIMAX_BASE_URL": "ftp://example.com"}, 52, "no web address"),
    ({"MINIMAX_BASE_URL": "http://[::1"}, 52, "no web address"),
    ({"MINICODE_PROTOCOL": "smoke"}, 52, "auto, anthropic, openai"),
]


def test_an_environment_that_cannot_work(program: Any) -> None:
    runs = program.each((("run", "--json", "go"), env) for env, _, _ in ENVIRONMENTS)
    for (env, code, words), ran in zip(ENVIRONMENTS, runs, strict=True):
        [(name, value)] = env.items()
        assert (ran.code, words in ran.result["error"]) == (code, True), (env, ran)
        assert name in ran.result["error"] or value in ran.result["error"], "it says what to change"


def test_a_wrong_key(program: Any, rehearse: Any) -> None:
    server = rehearse(steps(ANSWER), key="another")
    ran = program("run", "go", server=server)
    assert (ran.code, ran.out) == (41, "") and "key is refused" in ran.err and "MINIMAX_API_KEY" in ran.err


COMMAND_LINES = [
    (("run", "--output-format", "xml", "go"), 2, "text, json, stream-json, not 'xml'"),
    (("run", "--max-turns", "many", "go"), 2, "'many' is not a valid int"),
    (("run", "--timeout", "nan", "go"), 2, "--timeout"),
    (("run", "--set", "tempurature=1", "go"), 2, "Did you mean `temperature`?"),
    (("run", "--colour", "go"), 2, "No such option"),
    (("sesions",), 2, "Did you mean 'sessions'?"),
    (("hello",), 2, "minicode run"),
    (("run", "-C", "/no/such/folder", "go"), 2, "There is no folder /no/such/folder"),
    (("run", "-o", "/no/such/folder/last.md", "go"), 2, "there is no folder /no/such/folder"),
    (("run", "--json-schema", "{", "go"), 2, "--json-schema {"),
    (("run", "--json-schema", '{"type": "text"}', "go"), 2, "not a valid schema"),
    (("run", "--system-prompt", "sistem", "go"), 52, "system"),
    (("run", "--allowed-tools", "raed", "go"), 2, "there is no tool 'raed'"),
    (("run", "-r", "nobody", "go"), 1, "sessions list"),
    (("run", "-c", "go"), 1, "without -c"),
    (("runn",), 2, "runn"),
    ((), 2, "minicode run"),
    (("sessions", "show", "nobody"), 1, "sessions list"),
    (("rehearse", "/no/such.json"), 2, "/no/such.json cannot be read"),
]


def test_a_command_line_that_makes_no_sense(program: Any) -> None:
    env: dict[str, str | None] = {"MINIMAX_BASE_URL": "http://127.0.0.1:9/anthropic"}
    runs = program.each((arguments, env) for arguments, _, _ in COMMAND_LINES)
    for (arguments, code, words), ran in zip(COMMAND_LINES, runs, strict=True):
        assert (ran.code, words in " ".join(ran.err.split())) == (code, True), (arguments, ran)
    assert program.journals == []


SETTINGS = [
    (b'model = "x"\ntimeouts.connect = 3\nmodle = "y"\n', ":3:", "unknown key `modle`. Did you mean `model`?"),
    (b"[timeouts]\nidle = 1\nfrist_byte = 2\n", ":3:", "timeouts.frist_byte"),
    (b'max_turns = "ten"\n', ":1:", "`max_turns` must be a whole number, not 'ten'"),
    (b"\n\ntemperature = = 1\n", ":3:", "not valid TOML"),
    (b"model = 'ok'\nprotocol = '\xff'\n", ":2:", "not UTF-8"),
]


def test_a_settings_file_with_a_mistake(program: Any) -> None:
    homes = [program.home / str(number) for number in range(len(SETTINGS))]
    for home, (text, _, _) in zip(homes, SETTINGS, strict=True):
        home.mkdir()
        (home / "config.toml").write_bytes(text)
    runs = program.each((("run", "--json", "go"), {"MINICODE_HOME": str(home)}) for home in homes)
    for home, (_, where, words), ran in zip(homes, SETTINGS, runs, strict=True):
        told = ran.result["error"]
        assert ran.code == 52 and told.startswith(f"{home}/config.toml{where}") and words in told, ran
        assert told in ran.err


def test_no_git_and_no_repository(program: Any, rehearse: Any) -> None:
    """A PATH with a shell and no git, in a folder that is no repository; the tools say so, the run goes on."""
    bin_ = program.workspace.parent / "bin"
    bin_.mkdir()
    for name in ("bash", "sh", "cat", "ls"):
        (bin_ / name).symlink_to(shutil.which(name) or "")
    server = rehearse(
        steps(
            (Think("State?"), Do("git", {"command": "status"}), Do("shell", {"command": "cat a.txt"})),
            Step(
                (Think("No git."), Do("git", {"command": "diff"})), expect=Expect(matches="(?i)git.*not", results="AAA")
            ),
            Step(ANSWER, expect=Expect(matches="(?i)not a git repository")),
        )
    )
    (program.workspace / "a.txt").write_text("AAA\n")
    path = {"PATH": str(bin_)}
    ran = program("run", "--max-turns", "1", "go", server=server, env=path)
    assert ran.code == 53 and "Git branch: none" in str(server.requests[0].body["system"])
    assert program("run", "-c", "go on", server=server).code == 0
    demo = program("demo", env=path)
    assert demo.code == 1 and "git was not found" in demo.err


def test_a_folder_that_goes_away(program: Any, rehearse: Any) -> None:
    """Before the start: a sentence. During a run: the tools say so, the session is elsewhere and stays whole."""
    gone = program.workspace / "gone"
    gone.mkdir()
    shell = ("sh", "-c", 'cd gone && rmdir ../gone && exec "$@"', "sh")
    before = program("run", "--json", "go", before=shell)
    assert before.code == 2 and "no longer exists" in before.result["error"]
    gone.mkdir()
    (gone / "a.txt").write_text("A\n")
    server = rehearse(
        steps(
            (Think("Oops."), Do("shell", {"command": 'rm -r "$PWD"'})),
            (
                Think("And?"),
                Do("shell", {"command": "ls"}),
                Do("read", {"path": "a.txt"}),
                Do("grep", {"pattern": "A"}),
            ),
            Step((Think("Gone."), Do("test"), Do("write", {"path": "b.txt", "content": "B"}))),
            ANSWER,
        )
    )
    during = program("run", "--sandbox", "off", "go", cwd=gone, server=server)
    assert (during.code, during.out) == (0, "Done.\n"), during.err
    results = [e for e in program.journal() if e["kind"] == "result"]
    assert all(result["failed"] for result in results[1:3]) and "does not exist" in results[1]["text"]
    assert program("sessions", "verify", program.journals[0].stem).code == 0


@pytest.mark.skipif(bool(MORTAL) and not shutil.which("setpriv"), reason="permissions do not bind root")
def test_what_may_not_be_read_or_written(program: Any, rehearse: Any) -> None:
    """A folder that cannot be read, a home that cannot be written, a file that cannot be read."""
    server = rehearse(steps((Think("Read."), Do("read", {"path": "secret"})), ANSWER))
    closed, secret = program.workspace / "closed", program.workspace / "secret"
    closed.mkdir(mode=0)
    secret.touch(mode=0)
    shutil.rmtree(program.home / ".minicode", ignore_errors=True)
    program.home.chmod(0o500)
    try:
        ran = program("run", "-C", str(closed), "go", server=server, before=MORTAL)
        assert ran.code == 2 and f"The folder {closed} cannot be read" in ran.err
        ran = program("run", "--json", "go", server=server, before=MORTAL)
        assert ran.code == 60 and "Permission denied" in ran.result["error"]
        assert "Set MINICODE_HOME" in ran.result["error"] and server.requests == []
        # Without a session it needs no home.
        ran = program("run", "--json", "--ephemeral", "go", server=server, before=MORTAL)
        [result] = ran.of("tool_result")
        assert ran.code == 0 and result["is_error"] and "ermission" in result["text"]
    finally:
        for path in (closed, secret, program.home):
            path.chmod(0o700)


def test_nobody_knows_a_home(program: Any) -> None:
    """HOME unset and a user the system does not know; a home that is below a file."""
    if subprocess.run([*STRANGER, "true"], capture_output=True).returncode == 0:
        ran = program("run", "go", before=STRANGER, env={"HOME": None, "MINICODE_HOME": None})
        assert ran.code == 60 and "Set MINICODE_HOME" in ran.err
    file = program.workspace / "file"
    file.touch()
    ran = program("run", "go", env={"MINICODE_HOME": str(file / "home")})
    assert ran.code == 52 and f"{file}/home/config.toml: cannot be read (Not a directory)" in ran.err


def test_a_home_on_a_read_only_disk(program: Any) -> None:
    home = "/proc/minicode"
    ran = program("run", "--json", "go", env={"MINICODE_HOME": home})
    assert ran.code == 60 and home in ran.result["error"]


def test_python_is_started_without_much(program: Any, rehearse: Any) -> None:
    """An ASCII locale, no TERM, few open files, names that are not UTF-8."""
    odd = program.workspace / os.fsdecode(b"caf\xe9 \xff.txt")
    odd.write_text("found\n")
    server = rehearse(
        steps(
            (
                Think("Names."),
                Do("shell", {"command": "ls"}),
                Do("glob", {"pattern": "*.txt"}),
                Do("grep", {"pattern": "found"}),
            ),
            ANSWER,
        )
    )
    env = {"LANG": "C", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    ran = program("run", "--json", "go — 去", server=server, env=env, before=("prlimit", "--nofile=64"))
    assert ran.code == 0, ran
    assert "found" in str(ran.of("tool_result"))
    assert program("sessions", "verify", program.journals[0].stem, env=env).code == 0
    shown = program("sessions", "show", program.journals[0].stem, env=env)
    assert shown.code == 0, shown
