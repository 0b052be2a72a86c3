"""Hooks: real commands are told the event, and what they say back is understood, bounded and never overheard."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from minicode.hooks import Hooks, Said
from minicode.redact import Redactor
from minicode.sandbox.policy import Grant, Launch
from minicode.settings import Hook
from minicode.workspace.processes import Processes

KEEP = "cat > told.json"


class Telling(NamedTuple):
    """A box that holds nothing, and tells the program what it was granted."""

    def launch(self, argv: Sequence[str], folder: Path, environment: dict[str, str], grant: Grant) -> Launch:
        return Launch(tuple(argv), {**environment, "GRANT": repr(grant)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    return root


def hooks_at(root: Path, *hooks: Hook) -> Hooks:
    common = {"session_id": "s1", "transcript_path": "/t/s1", "cwd": str(root), "permission_mode": "default"}
    return Hooks(hooks, Processes(box=Telling()), common)


async def ask(root: Path, event: str, *commands: str, tool: str = "", **payload: Any) -> Said:
    return await hooks_at(root, *(Hook(event, command) for command in commands)).run(event, tool, **payload)


def answer(**said: Any) -> str:
    return f"printf %s {shlex.quote(json.dumps(said))}"


def ruling(decision: Any, reason: str = "", **more: Any) -> str:
    return answer(
        hookSpecificOutput={"permissionDecision": decision, "permissionDecisionReason": reason, **more},
    )


@pytest.mark.parametrize(
    ("event", "tool", "payload"),
    [
        ("PreToolUse", "Bash", {"tool_input": {"command": "ls\x00\udcff"}, "tool_use_id": "c1"}),
        ("PostToolUse", "Edit", {"tool_input": {"file_path": "a"}, "tool_use_id": "c1", "tool_response": "done"}),
        ("PermissionRequest", "Write", {"tool_input": {"file_path": "a", "content": "ä"}}),
        ("UserPromptSubmit", "", {"prompt": "do it"}),
        ("Stop", "", {"stop_hook_active": True}),
        ("SessionStart", "", {"source": "resume"}),
        ("SessionEnd", "", {"reason": "exit"}),
        ("PreCompact", "", {"trigger": "auto"}),
        ("Notification", "", {"message": "look"}),
    ],
)
async def test_a_hook_is_told_the_event(root: Path, event: str, tool: str, payload: dict[str, Any]) -> None:
    assert await ask(root, event, KEEP, tool=tool.lower(), **payload) == Said()
    told = json.loads((root / "told.json").read_text())
    common = {"session_id": "s1", "transcript_path": "/t/s1", "cwd": str(root), "permission_mode": "default"}
    assert told == {**common, "hook_event_name": event, **({"tool_name": tool} if tool else {}), **payload}


async def test_a_tool_without_a_name_over_there_keeps_its_own(root: Path) -> None:
    await ask(root, "PreToolUse", KEEP, tool="run_tests", tool_input={})
    assert json.loads((root / "told.json").read_text())["tool_name"] == "run_tests"


@pytest.mark.parametrize("response", ["x" * 300_000, {"stdout": "x" * 300_000}])
async def test_a_long_result_is_told_in_part(root: Path, response: Any) -> None:
    await ask(root, "PostToolUse", KEEP, tool="bash", tool_response=response)
    told = json.loads((root / "told.json").read_text())["tool_response"]
    assert 50_000 < len(told) <= 100_000 and "left out" in told


async def test_where_and_with_what_a_hook_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAX_API_KEY", "sk-very-secret")
    await ask(root, "Stop", "env > env.txt; pwd > pwd.txt")
    environment = (root / "env.txt").read_text()
    assert f"CLAUDE_PROJECT_DIR={root}\n" in environment and f"MINICODE_PROJECT_DIR={root}\n" in environment
    assert "sk-very-secret" not in environment
    assert (root / "pwd.txt").read_text().strip() == str(root)


@pytest.mark.parametrize(
    ("hook", "grant"),
    [
        (Hook("Stop", "echo $GRANT > grant"), Grant()),
        (Hook("Stop", "echo $GRANT > grant", sandbox=False), Grant(host=True)),
        (Hook("Stop", "echo $GRANT > grant", sandbox=False, trusted_fully=False), Grant()),
    ],
)
async def test_only_the_users_own_hook_leaves_the_sandbox(root: Path, hook: Hook, grant: Grant) -> None:
    await hooks_at(root, hook).run("Stop")
    assert (root / "grant").read_text().strip() == repr(grant)


async def test_the_payload_follows_what_the_session_changes(root: Path) -> None:
    common = {"cwd": str(root), "permission_mode": "default"}
    hooks = Hooks([Hook("Stop", KEEP)], Processes(), common)
    common["permission_mode"] = "plan"
    await hooks.run("Stop")
    assert json.loads((root / "told.json").read_text())["permission_mode"] == "plan"


# Exit codes


async def test_exit_2_blocks_and_stderr_is_the_reason(root: Path) -> None:
    command = f"{ruling('allow')}; printf 'not on \\033[31mmain\\n' >&2; exit 2"
    assert await ask(root, "PreToolUse", command, tool="bash") == Said("[PreToolUse hook: not on main]", "deny")
    for event in ("PostToolUse", "UserPromptSubmit", "Stop", "PreCompact"):
        assert await ask(root, event, "echo no >&2; exit 2", tool="bash") == Said(f"[{event} hook: no]")
    silent = await ask(root, "Stop", "exit 2")
    assert silent.blocked == "The Stop hook `exit 2` blocked this and gave no reason."


@pytest.mark.parametrize("event", ["SessionStart", "SessionEnd", "Notification"])
async def test_what_cannot_be_blocked_is_only_noted(root: Path, event: str) -> None:
    said = await ask(root, event, "echo no >&2; exit 2")
    assert said == Said(notes=(f"The {event} hook `echo no >&2; exit 2` wanted to block, which {event} cannot: no.",))


async def test_any_other_exit_code_is_a_note(root: Path) -> None:
    said = await ask(root, "PreToolUse", "echo first >&2; echo second >&2; exit 1", "exit 3", tool="bash")
    assert (said.blocked, said.verdict) == ("", "")
    assert said.notes[0].endswith("ended with exit code 1: first.")
    assert said.notes[1] == "The PreToolUse hook `exit 3` ended with exit code 3 and no word why."


async def test_a_missing_command_is_a_note(root: Path) -> None:
    said = await ask(root, "PreToolUse", "./no-such-guard", tool="bash")
    assert not said.blocked and "exit code 127" in said.notes[0] and "no-such-guard" in said.notes[0]


async def test_a_hook_that_cannot_be_heard_blocks_calls_only(root: Path) -> None:
    slow = "sleep 300"
    for event in ("PreToolUse", "PermissionRequest"):
        said = await hooks_at(root, Hook(event, slow, timeout=0.2)).run(event, "bash")
        assert said.verdict == "deny"
        assert "took more than 0.2 s and was stopped; until it answers, the call is not allowed." in said.blocked
    said = await hooks_at(root, Hook("Stop", slow, timeout=0.2)).run("Stop")
    assert said == Said(notes=("The Stop hook `sleep 300` took more than 0.2 s and was stopped.",))
    for killed in ("kill -9 $$", "sh -c 'kill -9 $$'; exit $?"):
        said = await ask(root, "PreToolUse", killed, tool="bash")
        assert "was ended by signal 9" in said.blocked
    gone = await ask(root / "gone", "PreToolUse", "true", tool="bash")
    assert gone.verdict == "deny" and "does not exist any more" in gone.blocked


# What they print


async def test_plain_words_are_context_where_the_prompt_is(root: Path) -> None:
    for event in ("UserPromptSubmit", "SessionStart"):
        assert await ask(root, event, "echo on branch x") == Said(context=f"[{event} hook: on branch x]")
        assert await ask(root, event, "echo '{not json'") == Said(context=f"[{event} hook: {{not json]")
        assert await ask(root, event, "true") == Said()
    for event in ("PreToolUse", "PostToolUse", "Stop", "SessionEnd"):
        assert await ask(root, event, "echo on branch x", tool="bash") == Said()


@pytest.mark.parametrize(
    ("command", "verdict", "words"),
    [
        (answer(decision="block", reason="no"), "deny", "[PreToolUse hook: no]"),
        (answer(decision="approve", reason="fine"), "allow", "says allow: fine"),
        (ruling("deny", "no"), "deny", "[PreToolUse hook: no]"),
        (ruling("allow", "fine"), "allow", "says allow: fine"),
        (ruling("ask", "sure?"), "ask", "says ask: sure?"),
        (answer(decision="approve", hookSpecificOutput={"permissionDecision": "deny"}), "deny", "gave no reason"),
        (answer(hookSpecificOutput={"decision": {"behavior": "deny", "message": "no"}}), "deny", "hook: no]"),
        (answer(hookSpecificOutput={"decision": {"behavior": "allow"}}), "allow", ""),
        (answer(decision=None), "", ""),
        (answer(hookSpecificOutput=[1], systemMessage=7, reason=[]), "", ""),
        (ruling("allow", updatedInput={"command": "ls"}), "ask", "wanted to change the call's input"),
        (answer(**{"continue": False, "stopReason": "late"}), "deny", "[PreToolUse hook: late]"),
        # What cannot be understood is not a yes.
        (ruling("Deny"), "deny", 'gave the decision "Deny", which minicode does not know'),
        (ruling(["deny"]), "deny", "which minicode does not know"),
        ('echo \'{"decision": "block"\'', "deny", "cannot be read"),
        ('printf \'{"reason": "%070000d"}\' 1', "deny", "cannot be read"),
        ("yes '{\"a\":' | tr -d '\\n' | head -c 60000", "deny", "cannot be read"),
    ],
)
async def test_a_decision_about_a_call(root: Path, command: str, verdict: str, words: str) -> None:
    said = await ask(root, "PreToolUse", command, tool="bash")
    assert said.verdict == verdict
    assert bool(said.blocked) == (verdict == "deny")
    assert words in said.blocked + "".join(said.notes)


async def test_a_decision_about_something_else(root: Path) -> None:
    command = answer(decision="block", reason="tests fail")
    assert await ask(root, "Stop", command) == Said("[Stop hook: tests fail]")
    assert await ask(root, "Stop", ruling("deny")) == Said()
    more = answer(hookSpecificOutput={"additionalContext": "lint: ok"}, systemMessage="linted")
    assert await ask(root, "PostToolUse", more, tool="edit") == Said(
        context="[PostToolUse hook: lint: ok]", notes=("[PostToolUse hook: linted]",)
    )
    assert (await ask(root, "Stop", answer(**{"continue": False}))).stop.endswith("said to stop.")
    assert await ask(root, "Stop", answer(**{"continue": True})) == Said()


async def test_the_strictest_counts_and_the_rest_is_kept_in_order(root: Path) -> None:
    said = await ask(root, "PreToolUse", ruling("allow"), ruling("ask"), ruling("allow"), tool="bash")
    assert said == Said(verdict="ask")
    said = await ask(
        root,
        "PreToolUse",
        ruling("deny", "one", additionalContext="a"),
        ruling("ask", "two", additionalContext="b"),
        "echo three >&2; exit 2",
        answer(systemMessage="m", **{"continue": False}),
        tool="bash",
    )
    assert said.verdict == "deny"
    assert said.blocked.startswith("[PreToolUse hook: one]\n[PreToolUse hook: three]\n")
    assert said.context == "[PreToolUse hook: a]\n[PreToolUse hook: b]"
    assert "says ask: two." in said.notes[0] and said.notes[1] == "[PreToolUse hook: m]"
    assert said.stop.endswith("said to stop.")


async def test_a_projects_hook_can_only_tighten(root: Path) -> None:
    for event in ("PreToolUse", "PermissionRequest"):
        said = await hooks_at(root, Hook(event, ruling("allow"), trusted_fully=False)).run(event, "bash")
        assert said.verdict == "" and "its yes was not counted" in said.notes[0]
        said = await hooks_at(root, Hook(event, ruling("deny", "no"), trusted_fully=False)).run(event, "bash")
        assert said == Said(f"[{event} hook: no]", "deny")


async def test_words_are_cleaned_and_bounded(root: Path) -> None:
    said = await ask(root, "Stop", answer(decision="block", reason="a\x1b]0;title\x07b\u202e", systemMessage="\x1b[2J"))
    assert said == Said("[Stop hook: ab<U+202E>]")
    said = await ask(root, "UserPromptSubmit", "yes | head -c 5000000")
    assert 5_000 < len(said.context) < 11_000 and "left out" in said.context
    said = await ask(root, "Stop", "yes no | head -c 5000000 >&2; exit 2")
    assert 5_000 < len(said.blocked) < 11_000
    long = await ask(root, "Stop", f"exit 1 # {'x' * 500}\x1b[2J")
    assert len(long.notes[0]) < 150 and "\x1b" not in long.notes[0]


async def test_a_hook_need_not_read(root: Path) -> None:
    assert await ask(root, "UserPromptSubmit", "exec 0<&-; echo heard", prompt="x" * 3_000_000) == Said(
        context="[UserPromptSubmit hook: heard]"
    )


# Which of them


@pytest.mark.parametrize(
    ("matcher", "tool", "runs"),
    [
        ("", "bash", True),
        ("*", "run_tests", True),
        ("bash", "bash", True),
        ("Bash", "bash", True),
        ("BASH", "bash", False),
        ("Edit|MultiEdit|Write", "write", True),
        ("Edit|MultiEdit|Write", "read", False),
        ("Ba", "bash", False),
        ("run_.*", "run_tests", True),
        ("Run_tests", "run_tests", False),
    ],
)
async def test_matchers(root: Path, matcher: str, tool: str, runs: bool) -> None:
    for event in ("PreToolUse", "PostToolUse", "PermissionRequest"):
        said = await hooks_at(root, Hook(event, "echo ran >&2; exit 2", matcher)).run(event, tool)
        assert bool(said.blocked) == runs
    said = await hooks_at(root, Hook("PostToolUse", "exit 2")).run("PreToolUse", tool)
    assert said == Said()


async def test_matchers_of_other_events(root: Path) -> None:
    hooks = hooks_at(root, Hook("SessionStart", "echo ran", "startup|clear"), Hook("Stop", "exit 2", "whatever"))
    assert (await hooks.run("SessionStart", source="startup")).context
    assert not (await hooks.run("SessionStart", source="resume")).context
    assert (await hooks.run("Stop", stop_hook_active=False)).blocked


async def test_who_was_waited_for_too_long_is_told(root: Path) -> None:
    hooks = hooks_at(root, Hook("Notification", KEEP, "idle_prompt"), Hook("Notification", "exit 3", "permission.*"))
    early = asyncio.create_task(hooks.idle(300))
    assert await hooks.idle(0) == Said()
    told = json.loads((root / "told.json").read_text())
    assert (told["notification_type"], told["title"]) == ("idle_prompt", "minicode")
    assert told["message"] == "minicode is waiting for your input."
    assert early.cancel()


async def test_what_a_hook_prints_before_a_fold_is_to_be_heeded(root: Path) -> None:
    hooks = hooks_at(root, Hook("PreCompact", "echo keep the port", "auto"), Hook("PreCompact", "exit 2", "manual"))
    folding = {"custom_instructions": "", "trigger": "auto"}
    assert await hooks.run("PreCompact", **folding) == Said(context="[PreCompact hook: keep the port]")
    assert (await hooks.run("PreCompact", **{**folding, "trigger": "manual"})).blocked


async def test_a_broken_matcher_is_told_and_guards_all_the_same(root: Path) -> None:
    said = await hooks_at(root, Hook("PreToolUse", "touch ran", "Bash(")).run("PreToolUse", "read")
    assert said.verdict == "deny" and "has a matcher that is not a regular expression" in said.blocked
    said = await hooks_at(root, Hook("PostToolUse", "touch ran", "Bash(")).run("PostToolUse", "read")
    assert not said.blocked and "has a matcher that is not a regular expression" in said.notes[0]
    assert not (root / "ran").exists()


def test_without_a_hook_nothing_is_awaited(root: Path) -> None:
    asked = hooks_at(root, Hook("Stop", "true")).run("PreToolUse", "bash", tool_input={})
    with pytest.raises(StopIteration) as done:
        asked.send(None)
    assert done.value.value == Said()


async def test_hooks_run_side_by_side(root: Path) -> None:
    """Each waits for the next at a named pipe, which only ends if all three are there at once."""
    for name in ("ab", "bc", "ca"):
        os.mkfifo(root / name)
    commands = ("echo a > ab; cat ca", "cat ab; echo b > bc", "cat bc; echo c > ca")
    said = await hooks_at(root, *(Hook("SessionStart", c, timeout=60) for c in commands)).run("SessionStart")
    assert said == Said(context="[SessionStart hook: c]\n[SessionStart hook: a]\n[SessionStart hook: b]")


async def test_an_interrupt_ends_them(root: Path) -> None:
    os.mkfifo(root / "here")
    hook = Hook("PreToolUse", "echo $$ > here; exec sleep 300")
    asked = asyncio.create_task(hooks_at(root, hook, hook._replace(command="sleep 301")).run("PreToolUse", "bash"))
    pid = int(await asyncio.to_thread((root / "here").read_text))
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# Secrets

SECRET = "canary-0123456789abcdef"
MARK = "‹redacted:secret›"


@pytest.mark.parametrize(
    ("event", "command"),
    [
        ("PreToolUse", f"echo {SECRET} >&2; exit 2"),
        ("PreToolUse", f"echo {SECRET} >&2; exit 1"),
        ("PreToolUse", ruling("deny", SECRET)),
        ("PreToolUse", ruling("ask", SECRET)),
        ("PreToolUse", ruling([SECRET])),
        ("PostToolUse", answer(hookSpecificOutput={"additionalContext": SECRET}, systemMessage=f"so {SECRET}")),
        ("Stop", answer(**{"continue": False, "stopReason": f"\x1b[1m{SECRET[:9]}\x1b[0m{SECRET[9:]}"})),
        ("SessionStart", f"echo {SECRET}"),
        ("SessionStart", f"printf '%9990s{SECRET}%9000s' x y"),  # where long words are cut
        ("SessionStart", f"printf '%65520s{SECRET}%2000000s' x y"),  # where the rest is not kept
        ("Stop", f"exit 3 # {'x' * 35} {SECRET}"),  # where a long command is cut
    ],
)
async def test_what_a_hook_says_holds_no_secret(root: Path, event: str, command: str) -> None:
    common = {"cwd": str(root)}
    hooks = Hooks([Hook(event, command)], Processes(), common, hide=Redactor([SECRET]).text)
    said = await hooks.run(event, "bash")
    assert SECRET[:9] not in repr(said)
    assert MARK in repr(said) or "%" in command or "exit 3" in command
