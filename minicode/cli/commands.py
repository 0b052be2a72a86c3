"""The options that commands share, and the commands of the person at the terminal.

Annotations are real objects here: as texts, typer would evaluate each of them at every start.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minicode.cli.completion import models, one_of, sessions
from minicode.errors import UsageError

if TYPE_CHECKING:
    from minicode.plan import Plan

Folder = Annotated[Path | None, typer.Option("-C", "--cd", "--workdir", readable=False, help="Work in this folder.")]
AddDir = Annotated[list[Path] | None, typer.Option("--add-dir", help="Work here too; commands may write here.")]
Assignments = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a setting.")]
Continue = Annotated[bool, typer.Option("-c", "--continue", help="Go on in this folder's latest session.")]
Resume = Annotated[
    str | None,
    typer.Option(
        "-r", "--resume", "-s", "--session", help="Go on in this session: id, prefix or name.", autocompletion=sessions
    ),
]
Session = Annotated[str, typer.Argument(help="Session: id, prefix or name.", autocompletion=sessions)]
Fork = Annotated[
    bool, typer.Option("--fork", "--fork-session", help="Go on in a copy; the session of -c or -r stays as it is.")
]
Name = Annotated[str | None, typer.Option("-n", "--name", help="Name the session.")]
ModelId = Annotated[str | None, typer.Option("-m", "--model", help="Model id; any is accepted.", autocompletion=models)]
Trust = Annotated[bool, typer.Option("--trust", help="Use this folder's own .minicode, for this run only.")]
AllowedTools = Annotated[str | None, typer.Option("--allowed-tools", help="Only these, comma separated.")]
DisallowedTools = Annotated[str | None, typer.Option("--disallowed-tools", help="Never these.")]
SystemPrompt = Annotated[str | None, typer.Option("--system-prompt", help="Another system prompt: name or text.")]
AppendSystemPrompt = Annotated[
    str | None, typer.Option("--append-system-prompt", help="Text put after the system prompt.")
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--permission-mode",
        help="plan, default, acceptEdits, auto or bypassPermissions.",
        autocompletion=one_of("plan", "default", "acceptEdits", "auto", "bypassPermissions"),
    ),
]
Yolo = Annotated[
    bool, typer.Option("-y", "--yolo", "--dangerously-skip-permissions", help="Ask nothing: bypassPermissions.")
]
SandboxLevel = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        help="read-only, workspace-write or off; if named, it must be enforceable.",
        autocompletion=one_of("read-only", "workspace-write", "off"),
    ),
]
Network = Annotated[
    str | None,
    typer.Option("--network", help="on or off (the default) for commands.", autocompletion=one_of("on", "off")),
]


def plan_of(
    folder: Path | None,
    add_dir: list[Path] | None,
    resume: str | None,
    name: str | None,
    trust: bool,
    flags: Mapping[str, Any],
    assignments: list[str] | None,
    *,
    fork: bool = False,
    ephemeral: bool = False,
    asks: bool = False,
) -> "Plan":
    from minicode.plan import Plan

    return Plan(
        folder=folder,
        extra=tuple(add_dir or ()),
        resume=resume,
        fork=fork,
        name=name,
        ephemeral=ephemeral,
        trust=trust,
        asks=asks,
        flags=flags,
        assignments=tuple(assignments or ()),
    )


def which_session(continue_: bool, resume: str | None, fork: bool) -> str | None:
    """As `Plan.resume`. Raises UsageError for flags that contradict each other."""
    if continue_ and resume is not None:
        raise UsageError("-c and -r both say which session to go on in: give only one of them.")
    if resume is not None and not resume.strip():
        raise UsageError("-r needs the session's id, prefix or name. `minicode sessions list` shows which there are.")
    if fork and not continue_ and resume is None:
        raise UsageError("--fork needs a session to go on from: give -c for the latest one, or -r SESSION.")
    return "" if continue_ else resume


def chat(
    prompt: Annotated[str | None, typer.Argument(help="What to do first.")] = None,
    continue_: Continue = False,
    resume: Resume = None,
    fork: Fork = False,
    name: Name = None,
    model: ModelId = None,
    folder: Folder = None,
    add_dir: AddDir = None,
    allowed_tools: AllowedTools = None,
    disallowed_tools: DisallowedTools = None,
    permission_mode: Mode = None,
    yolo: Yolo = False,
    sandbox: SandboxLevel = None,
    network: Network = None,
    trust: Trust = False,
    assignments: Assignments = None,
    line_by_line: Annotated[bool, typer.Option("--plain", help="No screen: talk line by line.")] = False,
) -> int:
    """Work with M2 on the screen of this terminal; what needs a permission is asked."""
    flags = {
        "model": model,
        "allowed_tools": allowed_tools,
        "disallowed_tools": disallowed_tools,
        "permission_mode": "bypassPermissions" if yolo else permission_mode,
        "sandbox": sandbox,
        "network": network,
    }
    where = which_session(continue_, resume, fork)
    plan = plan_of(folder, add_dir, where, name, trust, flags, assignments, fork=fork, asks=True)
    if line_by_line:
        from minicode.cli.chat import talk

        return talk(plan, prompt)
    from minicode.cli.screen import screen

    return screen(plan, prompt)


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    folder: Folder = None,
) -> int:
    """Show the screen in a browser on this machine. Other options are those of `minicode` itself: minicode serve -c

    Each window of the browser has a session of its own. Only who has the address that is printed gets in.
    """
    from minicode.cli.serve import serve as show

    return show(context.args, port, folder, chat)


def trust(
    folder: Folder = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust it no more.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the folders that are trusted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Show what this folder's own .minicode would do, and trust it as it is now."""
    from minicode.cli.trust import trust as decide

    return decide(folder, revoke, listed, yes)


def login(
    region: Annotated[str | None, typer.Option("--region", help="international or china.")] = None,
) -> int:
    """Keep your API key: in the system's keyring if there is one, else in a file only you can read."""
    from minicode.cli.login import login as keep

    return keep(region)


def logout() -> int:
    """Forget the kept API key."""
    from minicode.cli.login import logout as forget

    return forget()
