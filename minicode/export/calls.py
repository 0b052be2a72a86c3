"""A call on the page: what was asked, what came of it, the changes it made in colour."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from minicode.colours import Mark, basic, by_line, pieces
from minicode.export.figures import duration
from minicode.export.story import Action, Outcome
from minicode.show import Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean, count

_HEAD = 12  # lines of a long output that are seen before a click
_LONG = 20
_DIFF = 120  # lines of a change that is seen at once
_WIDE = 3_000  # characters that are long whatever their lines


def safe(text: str) -> str:
    """The text as text: no control or hidden characters, nothing that HTML would take for its own."""
    return escape(clean(text))


def call(action: Action) -> Iterator[str]:
    outcome = action.outcome
    diffs = [block for block in outcome.show if isinstance(block, Diff)] if outcome else []
    seen = 0 < sum(block.diff.count("\n") for block in diffs) <= _DIFF
    style = "call bad" if outcome and outcome.failed else "call" if outcome else "call none"
    mark = ("✗" if outcome.failed else "✓") if outcome else "–"
    gist = action.broken or _gist(action.telling or action.arguments)
    yield f"<details class='{style}'{' open' if seen else ''}><summary><span class=mark>{mark}</span>"
    yield f"<span class=tool>{safe(action.name)}</span><span class=args>{safe(gist)}</span>"
    yield f"<span class=fig>{_figure(outcome)}</span></summary><div class=in>"
    for remark in action.remarks:
        yield f"<div class=remark>{safe(remark)}</div>"
    yield from _asked(action)
    if outcome:
        yield from (_show(block) for block in outcome.show)
        if outcome.clipped:
            yield "<div class=remark>A fold shows M2 only the head and the tail of this by now.</div>"
        if not action.shown or outcome.failed:
            yield f"<div class=out>{foldable(outcome.text, _colours(outcome))}</div>"
    else:
        yield "<div class=remark>There is no result: it runs, or minicode was stopped.</div>"
    yield "</div></details>\n"


def foldable(text: str, colours: Sequence[Mark] = ()) -> str:
    """Text in fixed width; of a long one the head, until it is clicked. colours: as in `show.Output`."""
    text = text.rstrip("\n")
    if not text.strip():
        return "<span class=fig>no output</span>"
    lines = text.split("\n")
    if len(lines) <= _LONG and len(text) <= _WIDE:
        return f"<pre>{_painted(text, colours)}</pre>"
    head = "\n".join(lines[:_HEAD])[: _WIDE // 2]
    rest = f"all {len(lines):,} lines" if len(lines) > _HEAD else f"all {len(text):,} characters"
    return (
        f"<details class=long><summary><pre>{_painted(head, colours)}</pre><span class=more>{rest}</span></summary>"
        f"<pre>{_painted(text, colours)}</pre></details>"
    )


def _colours(outcome: Outcome) -> Sequence[Mark]:
    """Of what a program printed, with which the result begins."""
    printed = next((block for block in outcome.show if isinstance(block, Output)), None)
    return printed.colours if printed and outcome.text.startswith(f"{printed.text}\n") else ()


def _painted(text: str, colours: Sequence[Mark]) -> str:
    if not colours:
        return safe(text)
    marks = by_line(colours)
    lines = (pieces(line, marks.get(place, ())) for place, line in enumerate(text.split("\n")))
    return "\n".join("".join(_span(said, style) for said, style in line) for line in lines)


def _span(text: str, style: str) -> str:
    names = " ".join(f"o-{word}" for word in basic(style))
    return f"<span class='{names}'>{safe(text)}</span>" if names else safe(text)


def _figure(outcome: Outcome | None) -> str:
    if outcome is None:
        return "no result"
    tests = next((block for block in outcome.show if isinstance(block, Tests)), None)
    flaky = f", {tests.flaky} flaky" if tests and tests.flaky else ""
    said = f"{tests.passed} passed, {tests.failed} failed{flaky}" if tests else ""
    if not said and not any(isinstance(block, Diff) for block in outcome.show):
        said = count(outcome.text.strip("\n").count("\n") + 1, "line") if outcome.text.strip() else ""
    return safe(" · ".join(filter(None, (said, duration(outcome.seconds) if outcome.seconds >= 0.05 else ""))))


def _gist(arguments: Mapping[str, Any]) -> str:
    """The arguments on a line."""
    return " ".join(" ".join(_word(value)[:400] for value in arguments.values()).split())[:300]


def _word(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _asked(action: Action) -> Iterator[str]:
    rows = {"not readable": action.broken} if action.broken else action.telling
    if not rows or (action.shown and all(len(str(value)) < 100 for value in rows.values())):
        return  # the line above says it all
    yield "<dl class=arg>"
    for name, value in rows.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        yield f"<dt>{safe(name)}</dt><dd>{foldable(text)}</dd>"
    yield "</dl>"


def _show(block: Show) -> str:
    match block:
        case Diff(path, diff):
            return f"<div class=diff><div class=file>{safe(path)}</div><pre>{''.join(_changes(diff))}</pre></div>"
        case Tests(passed, failed, skipped, failures, flaky):
            skips = f", {flaky} flaky" * bool(flaky) + f", {skipped} skipped" * bool(skipped)
            lines = "".join(f"<pre>{safe(f'{test}: {why}')}</pre>" for test, why in failures)
            style = "tests bad" if failed or flaky else "tests"
            return f"<div class='{style}'><b>{passed} passed, {failed} failed{skips}</b>{lines}</div>"
        case Todos(items):
            signs = {"completed": "☑", "in_progress": "▶"}
            rows = (f"<li class={_state(state)}>{signs.get(state, '☐')} {safe(text)}" for text, state in items)
            return f"<ul class=ck>{''.join(rows)}</ul>"
        case Line() | Output():
            return ""  # the result says it, too


def _changes(diff: str) -> Iterator[str]:
    for line in diff.strip("\n").split("\n"):
        if line.startswith(("--- ", "+++ ")):
            continue  # the path stands above
        tag = {"+": "ins", "-": "del", "@": "i"}.get(line[:1], "span")
        yield f"<{tag}>{safe(line)}</{tag}>"


def _state(state: str) -> str:
    return state if state in ("completed", "in_progress") else "pending"
