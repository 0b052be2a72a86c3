"""The commands of `minicode sessions`. Bodies import what they need, as in `app`.

Annotations are real objects here: as texts, typer would evaluate each of them at every start.
"""

from typing import Annotated

import typer

from minicode.cli.commands import Folder

sessions_app = typer.Typer(help="List, show and verify saved sessions.", rich_markup_mode=None, no_args_is_help=True)
Session = Annotated[str, typer.Argument(help="Session: id, prefix or name.")]


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
) -> int:
    """Show a session as text, thoughts included."""
    from minicode.cli.sessions import show

    return show(session, thinking)


@sessions_app.command("verify")
def sessions_verify(session: Session) -> int:
    """Check a session: damage, pairing, and that every request can be made again byte for byte, thoughts and all."""
    from minicode.cli.sessions import verify

    return verify(session)
