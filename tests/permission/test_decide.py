"""The table of decisions: effects, modes, what holds the commands, and rules."""

from __future__ import annotations

import time
from typing import Any

import pytest

from minicode.permission.decide import decide
from minicode.permission.judge import judge
from minicode.permission.values import MODES, Decision, Rules, Standing, Wish
from minicode.sandbox.policy import LOOK, Grant

ALLOW, ASK, DENY = "allow", "ask", "deny"


def run(command: str, mode: str = "default", contained: str = "none", needs: str = "", **rules: str) -> Decision:
    """rules: allow, ask, deny, each one rule; network="on" opens it for all."""
    listed = Rules(**{kind: (rule,) for kind, rule in rules.items() if kind != "network"})
    arguments = {"command": command} | ({"needs": needs} if needs else {})
    standing = Standing(mode, listed, contained, network="network" in rules)  # type: ignore[arg-type]
    return decide(Wish("bash", "runs", arguments, sight=lambda name, deep: True), standing)


@pytest.mark.parametrize("mode", MODES)
def test_reads_and_notes_are_free(mode: str) -> None:
    for effect in ("reads", "state"):
        assert decide(Wish("x", effect, {}), Standing(mode, Rules(), "none")).verdict == ALLOW


@pytest.mark.parametrize(
    ("guarded", "verdicts"),
    [("", (DENY, ASK, ALLOW, ALLOW, ALLOW)), ("git lives there", (DENY, ASK, ASK, DENY, ALLOW))],
)
def test_writes(guarded: str, verdicts: tuple[str, ...]) -> None:
    for mode, verdict in zip(MODES, verdicts, strict=True):
        decision = decide(Wish("write", "writes", {}, "a", guarded), Standing(mode, Rules(allow=("x",)), "kernel"))
        assert (mode, decision.verdict) == (mode, verdict)
        assert decision.always == ("edit" if verdict == ASK and not guarded else "")
        assert verdict == ALLOW or decision.reason.endswith(".")


@pytest.mark.parametrize(
    ("contained", "command", "verdicts"),
    [
        ("kernel", "make > x", (ALLOW, ALLOW, ALLOW, ALLOW, ALLOW)),
        ("none", "ls", (ALLOW, ALLOW, ALLOW, ALLOW, ALLOW)),
        ("none", "make", (DENY, ASK, ASK, ASK, ALLOW)),
        ("waived", "ls", (ALLOW, ALLOW, ALLOW, ALLOW, ALLOW)),
        ("waived", "make", (DENY, ASK, ASK, ALLOW, ALLOW)),
    ],
)
def test_runs(contained: str, command: str, verdicts: tuple[str, ...]) -> None:
    for mode, verdict in zip(MODES, verdicts, strict=True):
        decision = run(command, mode, contained)
        assert (mode, decision.verdict) == (mode, verdict)
        assert decision.grant == (LOOK if contained == "kernel" and mode == "plan" else Grant())


@pytest.mark.parametrize("needs", ["network", "host"])
def test_more_than_the_sandbox_gives(needs: str) -> None:
    more = Grant(network=needs == "network", host=needs == "host")
    for mode, verdict in zip(MODES, (DENY, ASK, ASK, DENY, ALLOW), strict=True):
        decision = run("make x", mode, "kernel", needs)
        assert (mode, decision.verdict) == (mode, verdict)
        assert decision.grant == (Grant() if verdict == DENY else more)
    assert run("make x", "default", "kernel", needs, allow=f"{needs}(make x)")[:3:2] == (ALLOW, more)
    assert run("make x", "default", "kernel", needs, allow="bash").verdict == ASK
    assert run("make x", "bypassPermissions", "kernel", needs, deny=needs).verdict == DENY
    assert run("make x", "default", "waived", needs).grant == Grant()


def test_who_leaves_the_sandbox_has_the_network_too() -> None:
    assert run("curl x", "bypassPermissions", "kernel", "host", deny="network(curl:*)").verdict == DENY


def test_an_open_network_need_not_be_asked_for() -> None:
    assert run("curl x", "default", "kernel", "network", network="on") == Decision(ALLOW, grant=Grant(network=True))
    assert run("curl x", "default", "kernel", network="on").grant.network, "so that nobody is told there is none"


@pytest.mark.parametrize(
    "command", ["git pull", "/usr/bin/git pull", "env git pull", "make && git pull", "bash -c 'git x'"]
)
def test_no_rule_lets_git_out_of_the_sandbox(command: str) -> None:
    decision = run(command, "default", "kernel", "host", allow="host(*)")
    assert (decision.verdict, decision.always) == (ASK, "")
    assert run("git pull", "default", "kernel", "network", allow="network(git pull)").verdict == ALLOW


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("contained", ["kernel", "waived", "none"])
def test_deny_and_ask_hold_always(mode: str, contained: str) -> None:
    assert run("sudo rm x", mode, contained, deny="bash(rm:*)").verdict == DENY
    assert run("sudo rm x", mode, contained, deny="bash(rm:*)", ask="bash", allow="bash").verdict == DENY
    asked = run("ls", mode, contained, ask="bash(ls)", allow="bash")
    assert (asked.verdict, asked.rule, asked.always) == (ASK, "bash(ls)", "")
    hidden = "true && " * 60 + "rm x"
    assert run(hidden, mode, contained, deny="bash(rm:*)").verdict == DENY
    wish = Wish("edit", "writes", {}, "a/.ENV")
    assert decide(wish, Standing(mode, Rules(deny=("edit(.env)",)), "kernel")).verdict == DENY


@pytest.mark.parametrize(
    "command",
    ["$x a", "r{m,} a", "r? a", "/bin/r[m] a", "curl x | sh", "bash -c '$x'", "sudo r* a", "xargs sh", "x" * 30_000,
     "ld-linux-x86-64.so.2 /bin/rm x", "uv run rm x", "npx rm x", "ssh localhost rm x", "rbash -c 'rm x'",
     "csh -c 'rm x'", "mksh -c 'rm x'", "awk 'BEGIN{system(\"r\" \"m x\")}'", "perl -e 'unlink \"x\"'", "python -c 1",
     "sed '1e touch b' a", "sed 's/a/b/e' a", "sed -e 1etouch a", "tar --checkpoint-action=exec=./x -cf a b",
     "git -c alias.x='!./z' x", "git rebase -x ./z", "git bisect run ./z", ". ./s.sh", "source s.sh", "bash s.sh",
     "./copy a", "timeout 5 ./x", "find . -exec ./x {} +", "unlisted rm x", "unlisted 'a;rm x'", "cp /bin/rm foo",
     "cp /bin/r? foo", "make", "npm test", "sudo python x.py", "./ls",
     "bash -c \"bash -c \\\"bash -c '\\$x'\\\"\""],
)  # fmt: skip
def test_where_something_is_forbidden_what_cannot_be_seen_is_asked(command: str) -> None:
    assert run(command, "default", "kernel").verdict == ALLOW
    assert run(command, "default", "kernel", deny="bash(rm:*)").verdict == ASK


@pytest.mark.parametrize(
    "command",
    ["ls *.py", "pytest tests/test_*.py", "pytest -k 'a b'", "find . -name '*.py'", "git status", "cargo build",
     "git -C sub log", "git commit -m 'a form'", "echo 'rm x'", "grep -r rm .", "rmdir x", "mkdir -p a/b", "cp ./a b",
     "python -m pytest tests", "python --version", "sed -i 's/a/b/g' a", "timeout 60 pytest -q", "go test ./...",
     "pytest 2>&1 | tail", "pytest -q >/dev/null 2>&1 && echo ok", "cargo test &>/dev/null || true; ls 2>/dev/null",
     "find . -name '*.pyc' -delete", "cd src && ls", "/usr/bin/git status", "tar -cf a b"],
)  # fmt: skip
def test_what_can_be_seen_to_be_something_else_is_not(command: str) -> None:
    assert run(command, "default", "kernel", deny="bash(rm:*)").verdict == ALLOW


@pytest.mark.parametrize("command", ["rm x 2>&1", "ls 2>/dev/null | sudo rm x >/dev/null", ">/dev/null rm x"])
def test_a_stream_that_goes_nowhere_hides_nothing(command: str) -> None:
    assert run(command, "default", "kernel", deny="bash(rm:*)").verdict == DENY


def test_the_question_says_what_cannot_be_seen() -> None:
    said = {
        command: run(command, "auto", "kernel", deny="bash(rm:*)").reason for command in ("make", "npm test", "a > b")
    }
    assert all("`bash(rm:*)`" in reason for reason in said.values())
    assert "`make` may start" in said["make"] and "`npm` may" in said["npm test"] and "redirects" in said["a > b"]


KEPT = {"deny": "read(**/*.pem)"}


def test_a_rule_about_reading_makes_looking_a_question() -> None:
    assert run("cat .env").verdict == ALLOW
    assert run("cat .env", deny="read(.env)").verdict == ASK


@pytest.mark.parametrize("mode", MODES)
def test_what_must_not_be_read_is_kept_from_held_commands(mode: str) -> None:
    held = run("cat a.pem", mode, "kernel", **KEPT)
    assert (held.verdict, held.grant) == (ALLOW, Grant(write=mode != "plan", unread=("**/*.pem",)))
    assert run("cat a.pem", mode, "kernel", deny="grep(**/*.pem)").grant.unread == ()
    wish = Wish("run_tests", "runs", {})
    assert decide(wish, Standing(mode, Rules(deny=("read(x/**)", "read(y)")), "kernel")).grant.unread == ("x/**", "y")


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_lets_a_command_read_it(mode: str) -> None:
    refused = DENY if mode == "plan" else ASK
    for contained in ("none", "waived"):
        assert run("cat x", mode, contained, **KEPT).verdict == refused
        assert run("cat x", mode, contained, **KEPT, allow="bash(cat:*)").verdict == (DENY if mode == "plan" else ALLOW)
    out = run("cat x", mode, "kernel", "host", **KEPT)
    assert out.verdict == (DENY if mode in ("plan", "auto") else ASK) and not out.grant.unread
    asked = run("cat x", "default", "none", **KEPT)
    assert "`read(**/*.pem)` cannot be enforced" in asked.reason
    assert run("cat x", "default", "kernel", "network", **KEPT, allow="network").grant.unread


@pytest.mark.parametrize("mode", MODES)
def test_what_is_too_much_to_look_through_is_asked(mode: str) -> None:
    wish = Wish("bash", "runs", {"command": "ls"}, finds=lambda globs: f"there are more than 7 {globs[0]}")
    decision = decide(wish, Standing(mode, Rules(deny=("read(a*)", "bash(rm:*)")), "kernel"))
    assert (decision.verdict, decision.rule, decision.grant.unread) == (ASK, "read(a*)", ())
    assert decision.reason == "There are more than 7 a*, so the rule `read(a*)` cannot be enforced on it."
    assert decide(wish, Standing(mode, Rules(), "kernel")).verdict == ALLOW


@pytest.mark.parametrize(
    "command", ["cat .env", "cp sub/.ENV x", "x --from=./.env", "bash -c 'ls' .env", "git show @:.env"]
)
def test_a_command_that_names_what_is_asked_for_is_asked(command: str) -> None:
    decision = run(command, "bypassPermissions", "kernel", ask="read(.env)")
    assert (decision.verdict, decision.rule) == (ASK, "read(.env)")
    assert run("cat .envrc; git show HEAD:env", "default", "kernel", ask="read(.env)").verdict == ALLOW


@pytest.mark.parametrize(
    "command", ["cat <.env", "F=.env; cat $F", "bash -c 'cat sub/.env'", "cat .e*", "cat .en?", "diff a <(cat .ENV)"]
)
def test_however_it_is_named(command: str) -> None:
    assert run(command, "auto", "kernel", ask="read(.env)").rule == "read(.env)"
    assert run("cat *; ls .envrc *.py", "auto", "kernel", ask="read(.env)").verdict == ALLOW


def test_what_is_allowed_by_name_does_not_go_before_what_is_kept() -> None:
    for contained, needs, allow in (("none", "", "bash(cat:*)"), ("waived", "", "bash"), ("kernel", "host", "host")):
        assert run("cat a", "default", contained, needs, deny="read(.env)", allow=allow).verdict == ALLOW
        asked = run("cat ./sub/../.env", "default", contained, needs, deny="read(.env)", allow=allow)
        assert (asked.verdict, asked.rule) == (ASK, "read(.env)")


def test_git_is_not_asked_for_what_it_stored() -> None:
    for command in ("git show HEAD:.env", "git -C sub cat-file -p @:x/.env", "env git show :0:.env | cat"):
        assert run(command, "auto", "kernel", deny="read(.env)").verdict == DENY
    for command in ("git show HEAD:a", "echo a:.env", "git log"):
        assert run(command, "auto", "kernel", deny="read(.env)").verdict == ALLOW


def test_who_may_not_read_may_not_edit() -> None:
    for tool in ("edit", "write", "apply_patch"):
        for verdict in (DENY, ASK):
            listed = Rules(**{verdict: ("read(.env)",)}, allow=("edit",))
            assert decide(Wish(tool, "writes", {}, "sub/.ENV"), Standing("auto", listed, "kernel")).verdict == verdict
            assert decide(Wish(tool, "writes", {}, "a"), Standing("auto", listed, "kernel")).verdict == ALLOW
        assert decide(Wish(tool, "writes", {}, "a"), Standing("auto", Rules(deny=("read",)), "kernel")).verdict == ALLOW


def test_git_leaves_out_what_is_not_to_be_read_or_asked_for() -> None:
    listed = Rules(ask=("read(a)",), deny=("read(b)", "edit(c)"))
    assert decide(Wish("git", "reads", {}), Standing("auto", listed, "none")).grant.unread == ("b", "a")
    assert decide(Wish("todo", "state", {}), Standing("auto", listed, "none")) == Decision(ALLOW)


@pytest.mark.parametrize("command", ["make x", "rm '*'", "rm *", r"a \\* b", "ls | make 'a b'", "echo x | tee 'a:*'"])
@pytest.mark.parametrize(
    ("contained", "needs"), [("none", ""), ("waived", ""), ("kernel", "network"), ("kernel", "host")]
)
def test_always_saves_what_fits_this_and_nothing_else(command: str, contained: str, needs: str) -> None:
    always = run(command, "default", contained, needs).always
    assert always.startswith(f"{needs or 'bash'}(")
    assert run(command, "default", contained, needs, allow=always).verdict == ALLOW
    for other in (
        f"{command} y",
        f"x{command}",
        f"{command}; rm y",
        command.replace("'", ""),
        command.replace("*", "z"),
    ):
        if other != command:
            assert run(other, "default", contained, needs, allow=always).verdict == ASK


@pytest.mark.parametrize("command", ["make; rm x", "make > x", "git status", "make $x", ""])
def test_always_is_not_offered_for_what_one_rule_cannot_say(command: str) -> None:
    assert run(command).always == ""


def test_other_tools_that_run() -> None:
    wish = Wish("run_tests", "runs", {"command": "rm x"})
    asked = decide(wish, Standing("default", Rules(allow=("bash",)), "none"))
    assert (asked.verdict, asked.always) == (ASK, "run_tests")
    assert decide(wish, Standing("default", Rules(allow=("run_tests",)), "none")).verdict == ALLOW
    assert decide(wish, Standing("plan", Rules(), "none")).verdict == DENY
    assert decide(wish, Standing("default", Rules(deny=("bash(rm:*)",)), "kernel")).verdict == ALLOW
    assert decide(wish, Standing("default", Rules(deny=("Run_Tests",)), "kernel")).verdict == DENY


@pytest.mark.parametrize(
    "command", ["a | " * 200_000, "xargs " + "a " * 9_000, "bash -c 'a b' " * 1_000, "sudo 'a b' " * 90]
)
def test_bombs_are_decided_at_once(command: str) -> None:
    rules = Rules(allow=("bash(*x*y)",), ask=("bash(*z*z)", "network(*a*z)"), deny=("bash(rm *)", "host(*rm *)"))
    began = time.monotonic()
    decide(Wish("bash", "runs", {"command": command, "needs": "host"}), Standing("default", rules, "kernel"))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("contained", ["kernel", "waived", "none"])
@pytest.mark.parametrize("effect", ["state", "reads", "writes", "runs"])
@pytest.mark.parametrize("guarded", ["", "it is an agent's"])
@pytest.mark.parametrize("arguments", [{}, {"command": "ls"}, {"command": "rm x"}, {"command": "x", "needs": "host"}])
def test_the_quick_answers_are_those_of_the_table(
    mode: str, contained: Any, effect: str, guarded: str, arguments: dict[str, Any]
) -> None:
    for tool in ("bash", "edit", "mine"):
        wish = Wish(tool, effect, arguments, "a", guarded)
        standing = Standing(mode, Rules(), contained)
        assert decide(wish, standing) == judge(wish, standing)
