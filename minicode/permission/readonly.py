"""Commands that only look: known programs with known options, and nothing that names a place outside the workspace.

The list saves questions where no sandbox holds; where one does, the kernel decides and nobody asks here. An option not
listed is unknown, never harmless: a list of bad ones would be beaten by the next abbreviation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from minicode.permission.shell import Line, parse
from minicode.permission.values import Sight

_ALL = 1_000_000


class _Shape(NamedTuple):
    """flags: letters without a value. valued: letters with one. words, given: the same for long options; one in both
    has its value after a `=` or none. digits: `-5` is a count. text: how many operands are text before files come.
    pattern: options that replace that text. most: how many operands there may be. No value may name a file.
    """

    flags: str = ""
    valued: str = ""
    words: str = ""
    given: str = ""
    digits: bool = False
    text: int = 0
    pattern: tuple[str, ...] = ()
    most: int = _ALL


_GREP = _Shape(
    "inlrRLcvwxoHhsqEFGPa",
    "eABCm",
    "ignore-case line-number recursive files-with-matches files-without-match count invert-match word-regexp"
    " only-matching line-regexp with-filename no-filename no-messages quiet extended-regexp fixed-strings text color",
    "regexp include exclude exclude-dir after-context before-context context max-count color",
    digits=True,
    text=1,
    pattern=("e", "regexp", "C", "context"),  # not every grep takes the next word for the value of these two
)
_SHAPES = {
    "basename": _Shape("az", "s", text=_ALL),
    "cat": _Shape("nbsAETv", words="number"),
    "cmp": _Shape("sl"),
    "column": _Shape("t", "s"),
    "cut": _Shape("s", "dfcb", given="delimiter fields"),
    "df": _Shape("hTPki"),
    "diff": _Shape("urqNwbBiyacs", "U", "brief recursive unified color", "unified color"),
    "dirname": _Shape("z", text=_ALL),
    "du": _Shape("hsackmbx", "d", "summarize human-readable", "max-depth"),
    "egrep": _GREP,
    "false": _Shape(text=_ALL),
    "fgrep": _GREP,
    "file": _Shape("bi", words="brief mime mime-type mime-encoding"),
    "grep": _GREP,
    "head": _Shape("qv", "nc", "quiet", "lines bytes", digits=True),
    "id": _Shape("unGgr", most=0),
    "ls": _Shape(
        "laA1RhtrSdFiskpGogn", words="all almost-all recursive human-readable reverse directory color", given="color"
    ),
    "md5sum": _Shape(),
    "nl": _Shape("", "b"),
    "pwd": _Shape("LP", most=0),
    "readlink": _Shape("fen"),
    "realpath": _Shape("ems"),
    "rev": _Shape(),
    "rg": _Shape(
        "inlcvwxoHINSsFUuqPp",
        "eABCmgtT",
        "ignore-case line-number files-with-matches count invert-match word-regexp only-matching fixed-strings hidden"
        " no-ignore files no-heading smart-case case-sensitive multiline stats json no-messages type-list",
        "regexp after-context before-context context max-count glob type type-not max-depth sort color",
        text=1,
        pattern=("e", "regexp", "files", "type-list"),
    ),
    "sha1sum": _Shape(),
    "sha256sum": _Shape(),
    "sort": _Shape("nrufbhVgMdisc", "kt", "numeric-sort reverse unique", "key field-separator"),
    "stat": _Shape("Lft", "c", given="format"),
    "tac": _Shape(),
    "tail": _Shape("qv", "nc", "quiet", "lines bytes", digits=True),
    "tr": _Shape("dscC", text=_ALL),
    "true": _Shape(text=_ALL),
    "type": _Shape("tapPf", text=_ALL),
    "uname": _Shape("asnrvmpio", most=0),
    "wc": _Shape("lwcmL", words="lines words bytes chars"),
    "which": _Shape("a", text=_ALL),
    "whoami": _Shape(most=0),
}
_FIND_ALONE = "! ( ) -not -a -and -o -or , -empty -print -print0 -prune -ls -readable -writable -executable"
_FIND_GIVEN = (
    "-name -iname -path -ipath -wholename -iwholename -regex -iregex -type -xtype -maxdepth -mindepth -size "
    "-mtime -mmin -ctime -cmin -atime -amin -perm -user -group -links"
)
_SED = re.compile(r"(?:\d+(?:,(?:\d+|\$))?|\$)p")
# `%n` would set a variable of the shell, PATH for one; `%(…)T` and `*` take more than text.
_PRINTF = re.compile(r"(?:[^%]|%%|%[-+ #0]*\d*(?:\.\d+)?[bcdiosuxXeEfgGq])*", re.DOTALL)
_DEEP = ("diff", "du", "rg")  # they go into folders, and `diff` through links, without being told to
_TESTS = "-e -f -d -s -r -w -x -L -h -n -z"


def plainly_read_only(command: str) -> bool:
    """Whether all it does is look around, as far as its words tell. Not for deciding whether it may run."""
    line = parse(command)
    if not line.plain or any(stem is not None for stem in line.stems):
        return False
    return all(only_looks(argv) or (argv[0] == "cd" and _cd(argv[1:])) for argv in line.commands)


def harmless_at(line: Line, at: int, sight: Sight | None) -> bool:
    """Does one command of a line only read, and only what may be seen? sight: None if nothing may.

    One whose words the shell would still change is not harmless: a file may be called like an option, and where one
    file is read (`uniq a*`) a second may be written.
    """
    if sight is None or line.stems[at] is not None:
        return False
    reads = _reads(line.commands[at])
    # Who reads nothing is looked up among the programs all the same.
    return reads is not None and all(sight(name, reads.deep) for name in reads.names or ".")


def only_looks(argv: Sequence[str]) -> bool:
    """Whether this program with these literal words only reads, be it what it may."""
    return _reads(argv) is not None


class _Reads(NamedTuple):
    """names: what it reads, from the folder it runs in. deep: with what lies below."""

    names: Sequence[str] = ()
    deep: bool = False

    def __bool__(self) -> bool:
        return True


def _reads(argv: Sequence[str]) -> _Reads | None:
    """What this program with these literal words reads; None if that is not all, or not only below the folder.

    No git: it runs programs that the repository names. No `cd`: what follows would name other files than it seems to.
    """
    if not argv:
        return None
    name, words = argv[0], list(argv[1:])
    if name == "echo":
        return _Reads()
    if name == "printf":
        plain = bool(words) and not words[0].startswith("-") and _PRINTF.fullmatch(words[0]) is not None
        return _Reads() if plain else None
    special = {"test": _test, "find": _find, "sed": _sed, "uniq": _uniq, "date": _date}.get(name)
    if special is not None:
        return special(words)
    shape = _SHAPES.get(name)
    return _fits(shape, words, name) if shape is not None else None


def _fits(shape: _Shape, words: Sequence[str], name: str = "") -> _Reads | None:
    """What is read, if every option is known and every file named is below the folder."""
    operands: list[str] = []
    seen: set[str] = set()
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands.extend(rest)
        elif not word.startswith("-") or word == "-":
            operands.append(word)
        elif shape.digits and re.fullmatch(r"-[0-9]+", word):
            continue
        elif not (_long if word.startswith("--") else _letters)(shape, word, rest, seen):
            return None
    text = 0 if seen.intersection(shape.pattern) else shape.text
    names = operands[text:]
    if len(operands) > shape.most or not all(map(_below, names)):
        return None
    told = not seen.isdisjoint(("r", "R", "recursive"))
    deep = name in _DEEP or (told and name in ("ls", "grep", "egrep", "fgrep"))
    if deep and text < shape.text:
        names.append(".")  # the first may have been the pattern after all
    return _Reads(names or ["."], deep)


def _long(shape: _Shape, word: str, rest: Iterator[str], seen: set[str]) -> bool:
    key, sign, _ = word[2:].partition("=")
    seen.add(key)
    if sign or key in shape.words.split():
        return key in (shape.given if sign else shape.words).split()
    return key in shape.given.split() and next(rest, None) is not None


def _letters(shape: _Shape, word: str, rest: Iterator[str], seen: set[str]) -> bool:
    for at, letter in enumerate(word[1:], 2):
        seen.add(letter)
        if letter in shape.valued:
            return at < len(word) or next(rest, None) is not None
        if letter not in shape.flags:
            return False
    return True


def _below(word: str) -> bool:
    return not word.startswith(("/", "~")) and ".." not in word.split("/")


def _find(words: Sequence[str]) -> _Reads | None:
    names: list[str] = []
    rest = iter(words)
    places = True
    for word in rest:
        places = places and not (word.startswith("-") or word in ("!", "(", ")", ","))
        if places:
            if not _below(word):
                return None
            names.append(word)
        elif word in _FIND_GIVEN.split():
            if next(rest, None) is None:
                return None
        elif word not in _FIND_ALONE.split():
            return None
    return _Reads(names or ["."], deep=True)


def _uniq(words: Sequence[str]) -> _Reads | None:
    """The second operand is written, and some systems take what follows the first one for it."""
    operands = [word for word in words if not word.startswith("-")]
    if operands and operands != list(words[-1:]):
        return None
    return _fits(_Shape("cdui", words="count repeated unique ignore-case", most=1), words)


def _test(words: Sequence[str]) -> _Reads | None:
    if len(words) == 3:
        return _Reads() if words[1] in ("=", "==", "!=") else None
    if len(words) != 2 or words[0] not in _TESTS.split():
        return None
    if words[0] in ("-n", "-z"):
        return _Reads()
    return _Reads(words[1:]) if _below(words[1]) else None


def _sed(words: Sequence[str]) -> _Reads | None:
    if len(words) < 2 or words[0] != "-n" or not _SED.fullmatch(words[1]):
        return None
    names = words[2:]
    return _Reads(names) if all(_below(name) and not name.startswith("-") for name in names) else None


def _cd(words: Sequence[str]) -> bool:
    """`cd` alone goes home, `cd -` back."""
    return len(words) == 1 and words[0] != "" and not words[0].startswith("-") and _below(words[0])


def _date(words: Sequence[str]) -> _Reads | None:
    """Any other operand sets the clock."""
    return _Reads() if all(word.startswith("+") or word in ("-u", "-R", "-I", "--utc") for word in words) else None
