"""What a command may do, and what of that the kernel was seen to enforce: plain values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

LEVELS = ("read-only", "workspace-write", "off")


class Policy(NamedTuple):
    """What the commands of a session may do. All paths are real ones, chosen by the user, never by the model.

    level: one of LEVELS. roots: may be written. hidden: may not be read, those that do not exist yet included. shown:
    may be read although they lie under something hidden. tmp: a private folder, which commands see as /tmp as well.
    cache: a private folder for the caches of build tools, None for none.
    """

    level: str
    network: bool
    roots: tuple[Path, ...]
    tmp: Path
    hidden: tuple[Path, ...] = ()
    shown: tuple[Path, ...] = ()
    cache: Path | None = None


class Grant(NamedTuple):
    """What one call may do more, or less, than the policy says.

    network: it may talk to the network. host: it runs outside the sandbox. write: False if nothing but the private
    folders may be changed. git: the repository's `.git` may be written, save what would run programs later. unread:
    globs of files that rules keep from being read; what they are about is looked up for each command.
    """

    network: bool = False
    host: bool = False
    write: bool = True
    git: bool = False
    unread: tuple[str, ...] = ()


LOOK = Grant(write=False)
COMMIT = Grant(git=True)


class Held(NamedTuple):
    """What the sandbox really lets a command do, as far as it needs to be told. network: may it talk to that? write:
    may it change the roots? unread: are there files that rules keep from it? tmp: what it may write in any case."""

    network: bool = False
    write: bool = True
    unread: bool = False
    tmp: str = "/tmp"


class Launch(NamedTuple):
    """How a program is really started. fds: passed on to it, and to be closed here. held: None if nothing holds it.

    monitor: the first process is the sandbox's own and must not be sent TERM: all inside would die without a grace.
    status: which of the fds is a file where bwrap tells what became of the program, -1 for none.
    """

    argv: tuple[str, ...]
    environment: dict[str, str]
    fds: tuple[int, ...] = ()
    monitor: bool = False
    status: int = -1
    held: Held | None = None

    def began(self, code: int | None) -> bool:
        """Was the program itself started, as far as one can tell? code: how the first process ended, None if not."""
        if self.status < 0 or code is None or code <= 0:
            return True
        return b'"exit-code"' in os.pread(self.status, 4096, 0)  # it is not told of what could not be started

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)


class Enforcement(NamedTuple):
    """What was *measured* at start by trying to break out. Each field but the first: "enforced", "partly" or "none".

    backend: "bwrap", "landlock", "seatbelt" or "none". writes: outside the roots. protected: `.git` and agents'
    settings inside them. hidden: secrets on disk. network: TCP, UDP and DNS. sockets: Unix sockets of the host by
    path. processes: those of the host can be neither seen nor touched. environ: our environment cannot be read.
    privileges: mount, ptrace, kernel settings. loopback: does 127.0.0.1 work inside? missing: sentences, what is not
    enforced and why, and what would mend it.
    """

    backend: str
    writes: str = "none"
    protected: str = "none"
    hidden: str = "none"
    network: str = "none"
    sockets: str = "none"
    processes: str = "none"
    environ: str = "none"
    privileges: str = "none"
    loopback: bool = True
    missing: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Is it enough to let commands run unasked: no writes outside, no secrets, no network?"""
        return (
            self.backend != "none"
            and self.writes == self.hidden == self.network == self.environ == self.privileges == "enforced"
        )


NOTHING = Enforcement("none")
