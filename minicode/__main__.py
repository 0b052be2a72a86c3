"""The entry point: `--version` answers at once, everything else goes to the command line proper."""

from __future__ import annotations

import os
import sys

# What people of other agents type, in our words.
_ALIASES = {"exec": "run", "session": "sessions"}
# All of them, hidden ones too; to ask typer for them would cost every start.
COMMANDS = (
    "chat", "completion", "config", "demo", "doctor", "login", "logout", "models", "rehearse", "run", "serve",
    "sessions", "tools", "trace", "trust",
)  # fmt: skip
_TALK = {(): None, ("-c",): "", ("--continue",): ""}  # the plainest ways to begin, and the session they mean
_PRINT = ("-p", "--print")
_COMPLETES = "_MINICODE_COMPLETE"  # set where a shell asks how a line could go on
_TOP = ("-h", "--help", "-V", "--version", "--debug")


def main() -> None:
    occupy_standard_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"], ["-v"], ["version"]):
        from minicode import __version__

        print(f"minicode {__version__}")
        return
    if os.environ.get(_COMPLETES):
        from minicode.cli.completion import as_talk

        as_talk()
        arguments = ["completion"]  # looked at only: the line is in the environment
    elif tuple(arguments) in _TALK and os.isatty(0) and os.isatty(1):
        leave(talk(_TALK[tuple(arguments)]))
    arguments = in_our_words(arguments)
    try:
        from minicode.cli.app import call

        leave(call(arguments))
    except KeyboardInterrupt:  # while it was still being imported
        leave(130)


def talk(resume: str | None) -> int:
    """What `chat` of the command line does, without loading that: its options would cost a twelfth of the start.
    resume: as in `Plan`. Returns the exit code."""
    from io import TextIOWrapper

    from minicode.cli.screen import screen
    from minicode.plan import Plan

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what is printed is the same whatever the locale can say
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        return screen(Plan(resume=resume, asks=True), None)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # why: the last wall before the user, which stands in the command line
        from minicode.cli.app import tell

        return tell(error)


def leave(code: int) -> None:
    """End the process at once. All is written and closed by now, and taking the interpreter apart would cost an eighth
    of a whole run of one turn."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


def in_our_words(arguments: list[str]) -> list[str]:
    """`exec` is run, and so are flags with -p or --print among them: `minicode -m M2 -p "…"`. Other flags, and words
    that can be no command, are for the talk: `minicode -c`, `minicode "why does it fail?"`, `minicode hello`."""
    first = arguments[0] if arguments else ""
    if arguments == ["help"]:
        return ["--help"]
    if first in _ALIASES:
        return [_ALIASES[first], *arguments[1:]]
    if first.startswith("-") and (found := [a for a in arguments if a in _PRINT]):
        arguments.remove(found[0])
        return ["run", *arguments]
    if (first.startswith("-") and first not in _TOP) or " " in first or _is_prompt(*arguments[:2]):
        return ["chat", *arguments]
    return arguments


def _is_prompt(first: str = "-", second: str = "-") -> bool:
    """Is it one word, alone or before flags, that nobody can have meant as a command?"""
    if first in COMMANDS or not first or first.startswith("-") or not second.startswith("-"):
        return False
    from difflib import get_close_matches  # as typer does, whose sentence names what was meant

    return not get_close_matches(first.lower(), (*COMMANDS, *_ALIASES))


def occupy_standard_streams() -> None:
    """Else the first file we open takes the number of a closed stream, and what is printed lands in it."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


if __name__ == "__main__":
    main()
