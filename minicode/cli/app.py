"""The typer app. Command bodies import what they need, so that a light command stays light.

Annotations are real objects here: as texts, typer would evaluate each of them at every start.
"""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from minicode.cli.commands import (
    AddDir,
    AllowedTools,
    AppendSystemPrompt,
    Assignments,
    Continue,
    DisallowedTools,
    Folder,
    Fork,
    Mode,
    ModelId,
    Name,
    Network,
    Resume,
    SandboxLevel,
    Session,
    SystemPrompt,
    Trust,
    Yolo,
    chat,
    login,
    logout,
    plan_of,
    serve,
    trust,
    which_session,
)
from minicode.cli.completion import completion, one_of
from minicode.cli.rehearse import rehearse
from minicode.errors import MinicodeError, UsageError

app = typer.Typer(
    name="minicode",
    help="The terminal coding agent for MiniMax M2.",
    epilog="Without a command it talks with you in this terminal: `minicode chat -h` tells its options, which need no "
    "`chat`. `minicode -c` goes on where you were.",
    no_args_is_help=False,
    add_completion=bool(os.environ.get("_MINICODE_COMPLETE")),  # else all it would do is to add options of its own
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def call(arguments: Sequence[str]) -> int:
    """Run a command line; returns the exit code. No error leaves as a traceback, unless `--debug` was given."""
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what is printed is the same whatever the locale can say
            stream.reconfigure(encoding="utf-8", errors="replace")
    if arguments[:1] != ["run"]:  # whose start should not pay for what it is not
        from minicode.cli.sessions_app import sessions_app

        app.add_typer(sessions_app, name="sessions")
    try:
        code = app(args=arguments, prog_name="minicode", standalone_mode=False)
        sys.stdout.flush()  # here, where it can still be said that nobody got it
        return code if isinstance(code, int) else 0
    except typer.Exit as leave:
        return leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except SystemExit as leave:  # typer's own way out when it meets a closed pipe
        return 141 if isinstance(leave.__context__, BrokenPipeError) else int(leave.code or 0)
    except Exception as error:  # why: the last wall before the user; --debug takes it down
        if debug:
            raise
        return tell(error)


def tell(error: Exception) -> int:
    """Say what went wrong, in a sentence. Returns the exit code."""
    if isinstance(error, MinicodeError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes stdout once more on its way out
        if isinstance(error, BrokenPipeError):
            return 141
        _complain(f"{error.filename or 'the output'}: {error.strerror}.")
        return 1
    show = getattr(error, "show", None)
    if callable(show) and isinstance(getattr(error, "exit_code", None), int):  # typer's own usage errors
        show()
        return int(error.exit_code)  # type: ignore[attr-defined]
    _complain(f"internal error: {type(error).__name__}: {error}. Run it again with --debug to see where.")
    return 1


def _complain(text: str) -> None:
    with suppress(OSError):  # nobody may be listening; the exit code says it too
        print(f"minicode: {text}", file=sys.stderr)


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("-V", "--version", help="Show the version and exit.")] = False,
) -> None:
    """The terminal coding agent for MiniMax M2."""
    if version:
        from minicode import __version__

        print(f"minicode {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        if os.isatty(0) and os.isatty(1):
            raise typer.Exit(chat())
        print(context.get_help())
        _complain('say what to do: `minicode run "…"`, or see it work: `minicode demo`.')
        raise typer.Exit(2)


@app.command()
def run(
    prompt: Annotated[str | None, typer.Argument(help="What to do. Text on stdin is appended.")] = None,
    continue_: Continue = False,
    resume: Resume = None,
    fork: Fork = False,
    name: Name = None,
    model: ModelId = None,
    folder: Folder = None,
    add_dir: AddDir = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--output-format",
            help="text, json (one result) or stream-json (every event).",
            autocompletion=one_of("text", "json", "stream-json"),
        ),
    ] = "text",
    json_lines: Annotated[bool, typer.Option("--json", help="Same as --output-format stream-json.")] = False,
    last_message: Annotated[
        Path | None, typer.Option("-o", "--output-last-message", help="Write the final answer to this file.")
    ] = None,
    json_schema: Annotated[
        str | None,
        typer.Option("--json-schema", "--output-schema", help="The answer must be JSON that fits: text or @FILE."),
    ] = None,
    max_turns: Annotated[int | None, typer.Option("--max-turns", help="Most model calls (a task: at most 50).")] = None,
    max_budget_usd: Annotated[float | None, typer.Option("--max-budget-usd", help="Most money.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="Most tokens, cached ones included.")] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", help="Most seconds.")] = None,
    verify: Annotated[
        str | None,
        typer.Option("--verify", metavar="COMMAND", help="Must pass before M2 is done; auto: the project's tests."),
    ] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep no session.")] = False,
    allowed_tools: AllowedTools = None,
    disallowed_tools: DisallowedTools = None,
    system_prompt: SystemPrompt = None,
    append_system_prompt: AppendSystemPrompt = None,
    permission_mode: Mode = None,
    yolo: Yolo = False,
    sandbox: SandboxLevel = None,
    network: Network = None,
    trust: Trust = False,
    assignments: Assignments = None,
) -> int:
    """Do a task without a screen and exit: for scripts, pipes and CI. Also: minicode -p, --print, exec."""
    from minicode.cli.run import Job, headless

    if verify is not None and not verify.strip():
        raise UsageError("--verify is empty, so nothing would be checked. Name a command, or leave it out.")
    flags = {
        "model": model,
        "max_turns": max_turns,
        "max_budget_usd": max_budget_usd,
        "max_tokens": max_tokens,
        "timeout": timeout,
        "verify": verify,
        "allowed_tools": allowed_tools,
        "disallowed_tools": disallowed_tools,
        "system_prompt": system_prompt,
        "append_system_prompt": append_system_prompt,
        "permission_mode": "bypassPermissions" if yolo else permission_mode,
        "sandbox": sandbox,
        "network": network,
    }
    return headless(
        Job(
            plan_of(
                folder,
                add_dir,
                which_session(continue_, resume, fork),
                name,
                trust,
                flags,
                assignments,
                fork=fork,
                ephemeral=ephemeral,
            ),
            prompt=prompt,
            output_format="stream-json" if json_lines else output_format,
            last_message=last_message,
            json_schema=json_schema,
        )
    )


@app.command()
def demo(
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Make the repository here and leave it.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw what was shown into this file.")
    ] = None,
) -> int:
    """See it work without key or network: a scripted model mends a real bug in a real repository."""
    from minicode.cli.demo import demo as show

    return show(keep, svg)


@app.command()
def doctor(folder: Folder = None, model: ModelId = None, assignments: Assignments = None) -> int:
    """Check Python, git, key, endpoint, whether thinking comes back, and what this system can contain."""
    from minicode.cli.doctor import doctor as check

    return check(folder, {"model": model}, tuple(assignments or ()))


@app.command()
def config(folder: Folder = None, trust: Trust = False, assignments: Assignments = None) -> int:
    """Show every setting and where its value came from."""
    from minicode.cli.inspect import config as show

    return show(folder, trust, tuple(assignments or ()))


@app.command()
def models() -> int:
    """List the models minicode knows: context, output limit, price. Any other id works too."""
    from minicode.cli.inspect import models as show

    return show()


@app.command()
def tools(folder: Folder = None, trust: Trust = False) -> int:
    """List the tools, where each came from, and the broken ones with the reason."""
    from minicode.cli.inspect import tools as show

    return show(folder, trust)


@app.command()
def trace(
    session: Session,
    step: Annotated[int | None, typer.Argument(help="Which request, from 1; the last if left out.")] = None,
    other: Annotated[
        int | None, typer.Option("--diff", metavar="STEP", help="Show what is different in this step's request.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print the exact bytes of the request only.")] = False,
) -> int:
    """Show the exact request the model got at a step, rebuilt from the journal and compared with its recorded hash."""
    from minicode.cli.trace import trace as show

    return show(session, step, other, raw)


for command in (rehearse, trust, login, logout, completion):
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(serve)
app.command(hidden=True)(chat)  # what `minicode` alone does
