"""The sandbox of macOS: a policy in the profile language of sandbox-exec. Never run on macOS by us.

Written to the documented language: everything is allowed but writes and the network, and of the rules that fit a path
the last one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from minicode.sandbox.policy import Grant, Launch, Policy

PROGRAM = "/usr/bin/sandbox-exec"
_BEGIN = """\
(version 1)
(allow default)
(deny file-write*)
(deny appleevent-send lsopen job-creation)
(deny signal process-info*)
(allow signal process-info* (target same-sandbox))
(allow file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/dtracehelper"))
"""
_NO_NETWORK = "(deny network*)\n"
# Programs of the user listen on Unix sockets and would act for a command; names are looked up through one of them.
_NETWORK = """\
(deny network-outbound (remote unix-socket))
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
"""
_OPEN = "(allow file-read* file-write* (subpath {}))\n"
_SHOW = "(allow file-read* (subpath {}))\n"
# That it is there may be seen: the way to what is open below must be passable.
_HIDE = "(deny file-read-data file-read-xattr file-write* (subpath {}))\n"
_PROTECT = "(deny file-write* (subpath {}))\n"
_STAY = "(deny file-write-unlink (literal {}))\n"


def profile(policy: Policy, grant: Grant, protected: Iterable[Path] = ()) -> str:
    """The text for `sandbox-exec -p`. protected: what may not be written although it lies in a root, present or not.

    Rules go from the shallow path to the deep one, so that a root in a hidden folder is open and something hidden in a
    root is hidden. The protected come last, and with them that no folder above one may be moved away.
    """
    write = grant.write and policy.level != "read-only"
    rules = dict.fromkeys(policy.hidden, _HIDE) | dict.fromkeys(policy.shown, _SHOW)
    rules |= dict.fromkeys(policy.roots, _OPEN if write else _SHOW)
    rules |= dict.fromkeys((path for path in (policy.tmp, policy.cache) if path is not None), _OPEN)
    opened = [path for path, rule in rules.items() if rule is _OPEN]
    protected = sorted(protected)
    fixed = {
        above
        for path in (*policy.hidden, *protected)
        for above in path.parents
        if any(above.is_relative_to(place) for place in opened)
    }
    lines = [_BEGIN, _NETWORK if policy.network or grant.network else _NO_NETWORK]
    lines += [rules[path].format(_quoted(path)) for path in sorted(rules, key=lambda path: (len(path.parts), path))]
    lines += [_PROTECT.format(_quoted(path)) for path in protected]
    lines += [_STAY.format(_quoted(path)) for path in sorted(fixed)]
    return "".join(lines)


def launch(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    policy: Policy,
    grant: Grant,
    protected: Iterable[Path] = (),
) -> Launch:
    """Start `argv` behind sandbox-exec. It is started in `folder` by the caller; TMPDIR is the private folder."""
    private = str(policy.tmp)
    return Launch(
        (PROGRAM, "-p", profile(policy, grant, protected), "--", *argv),
        {**environment, "TMPDIR": private, "TMP": private, "TEMP": private},
    )


def _quoted(path: Path) -> str:
    """As a string of the profile language, where only the backslash and the quote mean something."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
