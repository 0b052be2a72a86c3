"""`minicode rehearse`: play a script on a loopback endpoint, for whoever tests tools against M2."""

from pathlib import Path
from typing import Annotated

import typer


def rehearse(
    script: Annotated[Path, typer.Argument(help="The script, a .json or .toml file.", show_default=False)],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    key: Annotated[str | None, typer.Option(help="Refuse every other key with 401.", show_default=False)] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when the script is over.")] = False,
) -> None:
    """Play a scripted M2 on this machine: prints the base URL, then logs each request.

    Ends with Ctrl-C; exit code 1 if a request was not as the script or M2's rules want it.
    """
    from minicode.lab.rehearsal.files import load
    from minicode.lab.rehearsal.serve import serve_forever

    def started(url: str) -> None:
        typer.echo(url)
        typer.echo(f"Set MINIMAX_BASE_URL={url} and work as usual. Ctrl-C ends it.", err=True)

    failures = serve_forever(
        load(script), port=port, key=key, once=once, started=started, log=lambda line: typer.echo(line, err=True)
    )
    if failures:
        raise typer.Exit(1)
