"""Look at the history and change it, in the ways that are safe."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from minicode.toolkit import Output, Refused, Result, Scope, clean_output, git_problem, run_git, tool

# The subcommands there are, and what each is always given.
DIFFS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")
GIVEN: Mapping[str, Sequence[str]] = {
    "status": ("--ignore-submodules=dirty",),
    "diff": DIFFS,
    "log": ("--no-ext-diff", "--no-textconv"),
    "show": ("--no-ext-diff", "--no-textconv"),
    "blame": ("--no-textconv",),
    "add": (),
    "commit": ("--no-verify",),
    "branch": (),
    "restore": (),
    "stash": (),
    "switch": (),
}
READS = frozenset(("status", "diff", "log", "show", "blame"))
# What only lists: all words must be of these.
LISTING = frozenset(
    ("-a", "-r", "-v", "-vv", "-l", "--all", "--remotes", "--verbose", "--list", "--show-current", "--no-color")
)
# Options that start programs, open an editor, or reach files outside the repository. git takes any unambiguous
# beginning of a long option, so a beginning is refused too.
REFUSED_LONG = (
    *("ext-diff", "textconv", "show-signature", "gpg-sign", "trailer", "edit", "edit-description", "interactive"),
    *("output", "no-index", "file", "template", "contents", "pathspec-from-file", "ignore-revs-file"),
    # A submodule has a configuration of its own, with programs in it that nobody has looked up.
    *("submodule", "recurse-submodules", "ignore-submodules"),
)
REFUSED_SHORT: Mapping[str, str] = {"commit": "eFtSpi", "add": "epi", "blame": "S", "restore": "p", "stash": "p"}
TAKE_A_VALUE = "mCcuLsn"  # the rest of a word of short options is the value


def split(args: object) -> list[str]:
    """The words of a call, without `git` itself. Raises ValueError for an open quote."""
    import shlex

    words = [word for word in args if isinstance(word, str)] if isinstance(args, list) else []
    if len(words) == 1:
        words = shlex.split(words[0])
    return words[1:] if words[:1] == ["git"] else words


def changes(name: str, rest: Sequence[str]) -> bool:
    if name == "branch":
        return not LISTING.issuperset(rest)
    if name == "stash":
        return rest[:1] not in (["list"], ["show"])
    return name not in READS


def only_looks(arguments: Mapping[str, Any]) -> bool:
    """Does the call change nothing?"""
    try:
        words = split(arguments.get("args"))
    except ValueError:
        return False
    return bool(words) and not changes(words[0], words[1:])


@tool(effect="writes", harmless=only_looks)
async def git(
    scope: Scope,
    args: Annotated[list[str], 'As on the command line, such as ["commit", "-m", "Fix it"]'],
) -> Result:
    """Run git: status, diff, log, show, blame, add, commit (with -m), branch, switch, restore, stash. Hooks do not
    run. For any other git command use bash."""
    try:
        words = split(args)
    except ValueError as error:
        raise Refused(f"args cannot be split into words: {error}.") from None
    name = words[0] if words else ""
    if name not in GIVEN:
        asked = f"git {name} is not done by this tool" if name else "args is empty"
        raise Refused(f"{asked}. It does: {', '.join(GIVEN)}. Use bash for anything else.")
    rest = words[1:]
    check(scope, name, rest)
    words = [name, *given(name, rest), *rest]
    finished = await run_git(scope.workspace, words, writes=changes(name, rest), by_rules=True)
    if finished.code or finished.ended:
        return Result(git_problem(finished), (Output(clean_output(finished.errors)),), failed=True)
    text = clean_output(finished.output + finished.errors).rstrip("\n")
    body = scope.fit(text) or f"(git {name}: done, nothing to show)"
    return Result(body, (Output(body),))


def given(name: str, rest: Sequence[str]) -> Sequence[str]:
    if name == "log" and not any(word.startswith(("-n", "--max-count")) or word[1:].isdigit() for word in rest):
        return (*GIVEN[name], "-n", "50")
    return GIVEN[name]


def check(scope: Scope, name: str, rest: Sequence[str]) -> None:
    """Raises Refused for what this tool does not do."""
    options = True
    value = False
    message = False
    for word in rest:
        if value:
            value = False
        elif options and word == "--":
            options = False
        elif options and word.startswith("--"):
            _check_long(name, word)
            value = word == "--message"
            message = message or word.startswith(("--message", "--fixup", "--no-edit", "--reuse-message"))
        elif options and word.startswith("-"):
            last = _check_short(name, word)
            value = last == "m" and word.endswith("m")
            message = message or last in ("m", "C")
        elif word.startswith(("/", "~")) or ".." in word.split("/"):
            # git compares any two files on the disk if one of them is outside the repository.
            scope.workspace.folder.resolve(word)
        elif "/" in word:
            # A link to a folder may lead outside; a link to a file is itself what git shows.
            scope.workspace.folder.resolve(word.rpartition("/")[0])
    if name == "commit" and not message:
        raise Refused('git commit needs a message: ["commit", "-m", "What and why"].')


def _check_long(name: str, word: str) -> None:
    option = word.removeprefix("--").partition("=")[0]
    hits = [bad for bad in REFUSED_LONG if bad.startswith(option)]
    if hits and option != "text":
        raise Refused(f"git {name} --{hits[0]} is not done here: it can start a program or reach outside.")


def _check_short(name: str, word: str) -> str:
    """Gives the last letter that is an option."""
    letter = ""
    for letter in word[1:]:
        if letter in REFUSED_SHORT.get(name, ""):
            raise Refused(f"git {name} -{letter} is not done here: it wants an editor, an answer or a file.")
        if letter in TAKE_A_VALUE:
            break
    return letter
