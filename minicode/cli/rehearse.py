"""`minicode rehearse`: play a script on a loopback endpoint, for whoever tests tools against M2."""

from pathlib import Path
from typing import Annotated

import typer

from minicode.errors import UsageError


def rehearse(
    script: Annotated[
        Path | None, typer.Argument(help="The script, a .json or .toml file.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    key: Annotated[str | None, typer.Option(help="Refuse every other key with 401.", show_default=False)] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when the script is over.")] = False,
    example: Annotated[bool, typer.Option("--example", help="Print a script that shows what one may hold.")] = False,
) -> None:
    """Play a scripted M2 on this machine: prints the base URL, then logs each request.

    To begin: minicode rehearse --example > script.toml, then minicode rehearse script.toml.

    Ends with Ctrl-C; exit code 1 if a request was not as the script or M2's rules want it.
    """
    from minicode.lab.rehearsal.files import EXAMPLE, load
    from minicode.lab.rehearsal.serve import serve_forever

    if example:
        typer.echo(EXAMPLE.read_text("utf-8"), nl=False)
        return
    if script is None:
        raise UsageError("Name a script. `minicode rehearse --example` prints one to begin with.")

    def started(url: str) -> None:
        typer.echo(url)
        typer.echo(f"Set MINIMAX_BASE_URL={url} and work as usual. Ctrl-C ends it.", err=True)

    failures = serve_forever(
        load(script), port=port, key=key, once=once, started=started, log=lambda line: typer.echo(line, err=True)
    )
    if failures:
        raise typer.Exit(1)
