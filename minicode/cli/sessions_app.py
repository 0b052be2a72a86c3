"""The commands of `minicode sessions`. Bodies import what they need, as in `app`.

Annotations are real objects here: as texts, typer would evaluate each of them at every start.
"""

from pathlib import Path
from typing import Annotated

import typer

from minicode.cli.commands import Folder, Session
from minicode.errors import UsageError

sessions_app = typer.Typer(
    help="Saved sessions: find, show, check, rewind, fold, carry away and delete them.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
Force = Annotated[bool, typer.Option("--force", help="Also over files that somebody else changed since.")]


@sessions_app.command("list")
def sessions_list(
    folder: Folder = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Of all folders.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> int:
    """List this folder's sessions, the latest first."""
    from minicode.cli.sessions import list_

    return list_(folder, everywhere, as_json)


@sessions_app.command("show")
def sessions_show(
    session: Session,
    thinking: Annotated[bool, typer.Option("--thinking/--no-thinking", help="Show the thoughts.")] = True,
    repairs: Annotated[bool, typer.Option("--repairs", help="Count what had to be mended in M2's calls.")] = False,
) -> int:
    """Show a session as text, thoughts included."""
    from minicode.cli.sessions import show, show_repairs

    return show_repairs(session) if repairs else show(session, thinking)


@sessions_app.command("tree")
def sessions_tree(
    session: Session, as_json: Annotated[bool, typer.Option("--json", help="One message a line, as JSON.")] = False
) -> int:
    """Draw your messages as a tree: those of the live branch, and those that were rewound."""
    from minicode.cli.tree import tree

    return tree(session, as_json)


@sessions_app.command("rewind")
def sessions_rewind(
    session: Session,
    message: Annotated[str | None, typer.Argument(help="Id of your message; without it they are listed.")] = None,
    conversation: Annotated[bool, typer.Option("--conversation", help="Only the conversation goes back.")] = False,
    files: Annotated[bool, typer.Option("--files", help="Only the files go back.")] = False,
    both: Annotated[bool, typer.Option("--both", help="The conversation and the files go back.")] = False,
    force: Force = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    folder: Folder = None,
) -> int:
    """Go back before a message of yours; its text is printed. Nothing is deleted, `redo` undoes it."""
    from minicode.cli.rewind import Way, rewind

    if conversation + files + both > 1:
        raise UsageError("--conversation, --files and --both exclude each other: give one of them.")
    wanted = Way(not files, files or both, force) if conversation or files or both else None
    return rewind(session, message, wanted, yes, folder)


@sessions_app.command("switch")
def sessions_switch(
    session: Session, entry: Annotated[str, typer.Argument(help="Id or label of an entry on that branch.")]
) -> int:
    """Go on at the end of a branch that was left; files stay as they are. `redo` undoes it."""
    from minicode.cli.rewind import switch

    return switch(session, entry)


@sessions_app.command("redo")
def sessions_redo(session: Session, force: Force = False, folder: Folder = None) -> int:
    """Undo the last rewind, of files too, or switch, as long as nothing new was said."""
    from minicode.cli.rewind import redo

    return redo(session, force, folder)


@sessions_app.command("label")
def sessions_label(
    session: Session,
    entry: Annotated[str, typer.Argument(help="Id of an entry.")],
    text: Annotated[str, typer.Argument(help='The label; "" takes it away.')],
) -> int:
    """Put a label on an entry; `tree` shows it."""
    from minicode.cli.tree import label

    return label(session, entry, text)


@sessions_app.command("verify")
def sessions_verify(session: Session) -> int:
    """Check a session: damage, pairing, and that every request can be made again byte for byte, thoughts and all."""
    from minicode.cli.sessions import verify

    return verify(session)


@sessions_app.command("context")
def sessions_context(session: Session) -> int:
    """Show what the window is full of: system, tools, user, thinking, text, calls, tool output, folded."""
    from minicode.cli.context import context

    return context(session)


@sessions_app.command("fold")
def sessions_fold(
    session: Session, guidance: Annotated[str, typer.Argument(help="What the summary should care for.")] = ""
) -> int:
    """Let M2 write down what matters of the older part, to make room; nothing is deleted."""
    from minicode.cli.context import fold

    return fold(session, guidance)


@sessions_app.command("unfold")
def sessions_unfold(session: Session) -> int:
    """Undo the last fold."""
    from minicode.cli.context import unfold

    return unfold(session)


@sessions_app.command("recall")
def sessions_recall(
    session: Session,
    words: Annotated[list[str] | None, typer.Argument(help="Words that must all be there, or one /regex/.")] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="An entry or a range: e12, e20-e31.")] = None,
    around: Annotated[str, typer.Option(help="An entry, with its neighbours.")] = "",
    kind: Annotated[str, typer.Option(help="thinking, text, tool_output, call or user.")] = "any",
    limit: Annotated[int, typer.Option(help="How many quotes.")] = 8,
) -> int:
    """Quote what was said in a session, folded or not, long outputs included: what M2's own `recall` tool finds."""
    from minicode.cli.recall import look
    from minicode.context.recall import Quest

    return look(session, Quest(" ".join(words or ()), tuple(ids or ()), around, kind, limit))


@sessions_app.command("search")
def sessions_search(
    words: Annotated[list[str], typer.Argument(help="Words that must all be there; quoted ones side by side.")],
    within: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="KIND", help="Only in thinking, text, tools or user (repeatable)."),
    ] = None,
    folder: Folder = None,
    everywhere: Annotated[
        bool, typer.Option("--all/--project", help="In all folders' sessions, or this one's.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Not older than 7d (m, h, w), or a date.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many hits.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    regex: Annotated[
        bool, typer.Option("--regex", help="Regular expressions; `(?i)` ignores case. Slower: every session is read.")
    ] = False,
) -> int:
    """Search every session, thoughts included: words that stand together first, then the latest."""
    from minicode.cli.find import search

    return search(words, within or [], folder, everywhere, since, limit, as_json, regex)


@sessions_app.command("export")
def sessions_export(
    session: Session,
    form: Annotated[str, typer.Option("--format", "-f", help="md, html, json, jsonl or atif.")] = "md",
    out: Annotated[
        str, typer.Option("-o", "--output", metavar="FILE", help="- for stdout; else <session>.<format> here.")
    ] = "",
    branch: Annotated[str, typer.Option("--branch", help="live, or all: those that were left, too.")] = "live",
    thinking: Annotated[bool, typer.Option("--thinking/--no-thinking", help="With the thoughts.")] = True,
    raw: Annotated[bool, typer.Option("--raw", help="Redact nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> int:
    """Write a session to a file for others: a page, Markdown, JSON, its records or an ATIF trajectory.

    Secrets, your user name and your home folder are taken out.
    """
    from minicode.cli.export import export

    return export(session, form, out, branch, thinking, raw, force)


@sessions_app.command("import")
def sessions_import(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE|DIR", help="A session of another program, or a folder of them.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only list what those programs have of this folder.")] = False,
    program: Annotated[
        str | None,
        typer.Option("--from", metavar="PROGRAM", help="claude, codex, kimi or vibe; else told by its looks."),
    ] = None,
    folder: Folder = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was imported before.")] = False,
) -> int:
    """Take over sessions of Claude Code, Codex, Kimi or Mistral Vibe, thinking included, to go on with them here.

    Theirs stay as they are. Secrets are redacted.
    """
    from minicode.cli.foreign import import_

    return import_(path, listed, program, folder, again)


@sessions_app.command("rename")
def sessions_rename(
    session: Session, name: Annotated[str, typer.Argument(help='The new name; "" takes it away.')]
) -> int:
    """Name a session, so that it is found by that too."""
    from minicode.cli.keep import rename

    return rename(session, name)


@sessions_app.command("delete")
def sessions_delete(
    sessions: Annotated[list[str], typer.Argument(metavar="SESSION...", help="Sessions: ids, prefixes or names.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Move sessions to the trash."""
    from minicode.cli.keep import delete

    return delete(sessions, yes)


@sessions_app.command("trash")
def sessions_trash(
    empty: Annotated[bool, typer.Option("--empty", help="Delete all of it for good.")] = False,
    restore: Annotated[str | None, typer.Option("--restore", metavar="SESSION", help="Bring this one back.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """List the deleted sessions. They stay until you empty the trash."""
    from minicode.cli.keep import trash

    return trash(empty, restore, yes)
