"""Make the terminal on stdin that of this process and of all that comes from it, then become the command.

Run as `python -I -S onto_terminal.py KEEP COMMAND…` inside the sandbox: only there is the process that leads the
session, and so may have a terminal, the command's own. To do it between fork and exec would be unsafe beside threads.
"""

import fcntl
import os
import sys
import termios
from _signal import SIG_DFL, SIGINT, SIGPIPE, SIGQUIT, SIGXFSZ, signal  # type: ignore[import-not-found]


def main() -> None:
    if sys.argv[1] == "0":
        os.environ.pop("LC_CTYPE", None)  # Python put it there, not the caller
    # Python ignores the first two, and whoever runs us in the background the others: a terminal heeds its keys.
    for number in (SIGPIPE, SIGXFSZ, SIGINT, SIGQUIT):
        signal(number, SIG_DFL)
    try:
        if os.getsid(0) != os.getpid():
            os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.execv(sys.argv[2], sys.argv[2:])
    except OSError as error:
        os.write(2, f"minicode: the command did not run, it could get no terminal: {error}.\n".encode())
        os._exit(126)


if __name__ == "__main__":
    main()
