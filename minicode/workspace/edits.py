"""Find the one place an edit is meant for, and change only that: pure functions that keep every line end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from minicode.workspace.folder import Refused


class Edit(NamedTuple):
    """text: the whole file after it. lines: where it begins in the old text, from 1, one number for each place.

    how: "" if the text was found as given, else what had to be overlooked.
    """

    text: str
    lines: tuple[int, ...]
    how: str = ""


def find_edit(text: str, old: str, new: str, *, everywhere: bool = False, name: str = "the file") -> Edit:
    """Replace `old` by `new`: as given; else by whole lines without regard to trailing blanks; else also to a common
    shift of indentation, by which the replacement is then shifted too.

    Line ends are no difference: those of the file are kept. Raises Refused, with line numbers, if the place is not
    unique and `everywhere` is false, or with the nearest lines if there is none.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise Refused("old_string is empty. Use write to make a new file, or give the lines next to the change.")
    if old == new:
        raise Refused("old_string and new_string are the same; nothing to change.")
    plain = text.replace("\r\n", "\n")
    spans = _occurrences(plain, old)
    if spans:
        if len(spans) > 1 and not everywhere:
            raise Refused(_ambiguous(name, [plain.count("\n", 0, start) + 1 for start, _ in spans]))
        return _apply(text, plain, [(start, end, new) for start, end in spans])
    for how, match in (("trailing blanks", _same_but_trailing), ("indentation", _same_but_shifted)):
        found = match(plain.split("\n"), old, new)
        if len(found) > 1:
            raise Refused(_ambiguous(name, [line + 1 for line, _ in found]) + f" (It was looked for ignoring {how}.)")
        if found:
            line, replacement = found[0]
            start = _line_start(plain, line)
            end = _line_start(plain, line + len(_lines(old))) - 1
            if plain[start:end] == replacement:
                raise Refused(f"Ignoring {how}, {name} already reads like new_string at line {line + 1}.")
            return _apply(text, plain, [(start, min(end, len(plain)), replacement)], how)
    raise Refused(_not_found(plain, old, new, name))


def _occurrences(text: str, needle: str) -> list[tuple[int, int]]:
    spans = []
    at = text.find(needle)
    while at >= 0:
        spans.append((at, at + len(needle)))
        at = text.find(needle, at + len(needle))
    return spans


def _lines(text: str) -> list[str]:
    """The lines of a block; a newline at its end ends the last line and does not begin another."""
    return text.removesuffix("\n").split("\n")


def _line_start(text: str, line: int) -> int:
    """Where line `line`, from 0, begins; one past the end of the text plus a newline for the line after the last."""
    at = 0
    for _ in range(line):
        end = text.find("\n", at)
        if end < 0:
            return len(text) + 1
        at = end + 1
    return at


def _same_but_trailing(lines: Sequence[str], old: str, new: str) -> list[tuple[int, str]]:
    wanted = [line.rstrip() for line in _lines(old)]
    if not any(wanted):
        return []
    bare = [line.rstrip() for line in lines]
    replacement = _block(old, new)
    return [(i, replacement) for i in _candidates(bare, wanted) if bare[i : i + len(wanted)] == wanted]


def _same_but_shifted(lines: Sequence[str], old: str, new: str) -> list[tuple[int, str]]:
    """Blocks that differ from `old` by one indentation put before, or taken from, every line."""
    wanted = [line.rstrip() for line in _lines(old)]
    bare_wanted = [line.strip() for line in wanted]
    if not any(bare_wanted):
        return []
    bare = [line.strip() for line in lines]
    found = []
    for i in _candidates(bare, bare_wanted):
        if bare[i : i + len(wanted)] != bare_wanted:
            continue
        pairs = [(_indent(lines[i + k]), _indent(line)) for k, line in enumerate(wanted) if line]
        theirs, ours = pairs[0]
        more = theirs.removesuffix(ours) if theirs.endswith(ours) else None
        less = ours.removesuffix(theirs) if ours.endswith(theirs) else None
        if more is not None and all(t == more + o for t, o in pairs):
            shifted = [more + line if line.strip() else line for line in _block(old, new).split("\n")]
        elif less is not None and all(less + t == o for t, o in pairs):
            shifted = [line.removeprefix(less) for line in _block(old, new).split("\n")]
        else:
            continue
        found.append((i, "\n".join(shifted)))
    return found


def _block(old: str, new: str) -> str:
    """The replacement for the lines of `old` without the newline that ends them."""
    return new.removesuffix("\n") if old.endswith("\n") else new


def _candidates(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Where the block could begin: told by its longest line, so that a common line such as `}` costs nothing."""
    key = max(range(len(wanted)), key=lambda k: len(wanted[k]))
    last = len(lines) - len(wanted)
    return [i - key for i, line in enumerate(lines) if line == wanted[key] and 0 <= i - key <= last]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _apply(text: str, plain: str, changes: Sequence[tuple[int, int, str]], how: str = "") -> Edit:
    """Make changes, given in positions of the text without CR, in the text as it is."""
    crlf = [match.start() for match in re.finditer("\r\n", text)] if len(text) != len(plain) else []
    parts: list[str] = []
    done = passed = 0
    for start, end, new in changes:
        # Each CRLF before a position moves it by one; positions only grow, so each is passed once.
        while passed < len(crlf) and crlf[passed] - passed < start:
            passed += 1
        begin = start + passed
        while passed < len(crlf) and crlf[passed] - passed < end:
            passed += 1
        finish = end + passed
        parts += [text[done:begin], _with_line_ends(text, begin, finish, new) if crlf else new]
        done = finish
    parts.append(text[done:])
    lines = tuple(plain.count("\n", 0, start) + 1 for start, _, _ in changes[:100])
    return Edit("".join(parts), lines, how)


def _with_line_ends(text: str, begin: int, end: int, new: str) -> str:
    """The replacement with the line ends of what it replaces; new lines get those of their neighbours."""
    old = text[begin:end].split("\n")
    fresh = new.split("\n")
    ends = ["\r\n" if line.endswith("\r") else "\n" for line in old[:-1]]
    bare = [line.removesuffix("\r") for line in old[:-1]] + old[-1:]
    head = 0
    while head < min(len(ends), len(fresh) - 1) and bare[head] == fresh[head]:
        head += 1
    tail = 0
    while tail < min(len(ends), len(fresh) - 1) - head and bare[-1 - tail] == fresh[-1 - tail]:
        tail += 1
    if not ends:
        following = text.find("\n", end)
        nearby = following if following >= 0 else text.rfind("\n", 0, begin)
        ends = ["\r\n" if nearby > 0 and text[nearby - 1] == "\r" else "\n"]
    count = len(fresh) - 1
    chosen = []
    for i in range(count):
        if i >= count - tail:
            chosen.append(ends[len(ends) - (count - i)])
        else:
            chosen.append(ends[min(i, len(ends) - 1)])
    return "".join(line + stop for line, stop in zip(fresh, [*chosen, ""], strict=True))


def _ambiguous(name: str, lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:10])) + (f" and {len(lines) - 10} more" if len(lines) > 10 else "")
    return (
        f"old_string is in {name} {len(lines)} times, at lines {shown}; nothing was changed. Give more of the lines "
        "around the one you mean, or set replace_all."
    )


def _not_found(text: str, old: str, new: str, name: str) -> str:
    message = f"old_string is not in {name}; nothing was changed."
    if new.strip() and new in text:
        return f"{message} new_string is already there, at line {text.count(chr(10), 0, text.index(new)) + 1}."
    near = _nearest(text.split("\n"), _lines(old))
    if near is None:
        return f"{message} Nothing in the file is like it; read the file again."
    first, lines = near
    quoted = "\n".join(f"{first + i + 1}\t{line[:200]}" for i, line in enumerate(lines))
    return f"{message} The nearest lines are:\n{quoted}"


def _nearest(lines: Sequence[str], wanted: Sequence[str]) -> tuple[int, Sequence[str]] | None:
    """The block that shares most lines with `wanted`; else the one around the line most like its longest."""
    keys = {line.strip() for line in wanted if len(line.strip()) > 2}
    hits = [line.strip() in keys for line in lines]
    size = min(len(wanted), 12)
    if any(hits):
        score = best = sum(hits[:size])
        start = 0
        for i in range(1, len(lines) - size + 1):
            score += hits[i + size - 1] - hits[i - 1]
            if score > best:
                best, start = score, i
        # Several windows hold the same lines; the one wanted has its first hit where the block has that line.
        first = hits.index(True, start)
        start = max(first - [line.strip() for line in wanted].index(lines[first].strip()), 0)
        return start, lines[start : start + size]
    from difflib import get_close_matches

    key = max((line.strip() for line in wanted), key=len)[:200]
    places = {line.strip()[:200]: i for i, line in reversed(list(enumerate(lines[:5000]))) if line.strip()}
    near = get_close_matches(key, places, n=1, cutoff=0.6)
    if not near:
        return None
    start = max(places[near[0]] - 1, 0)
    return start, lines[start : start + size + 2]


def unified(name: str, before: str, after: str) -> str:
    """The change as a unified diff with three lines of context. Costs little however long the unchanged rest is."""
    from difflib import unified_diff

    old, new = _bare_lines(before), _bare_lines(after)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    skip = max(head - 3, 0)
    keep = max(tail - 3, 0)
    rows = list(
        unified_diff(old[skip : len(old) - keep], new[skip : len(new) - keep], f"a/{name}", f"b/{name}", lineterm="")
    )
    return "\n".join(_moved(row, skip) if row.startswith("@@") else row for row in rows)


def _bare_lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def _moved(header: str, lines: int) -> str:
    return re.sub(r"([-+])(\d+)", lambda m: f"{m[1]}{int(m[2]) + lines}", header)
