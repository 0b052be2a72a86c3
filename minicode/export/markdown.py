"""A session as Markdown that reads well as text and rendered. Nothing said in it can pass for a part of the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from minicode.export.figures import cached, clock, duration, moment, money, tokens
from minicode.export.story import Action, Cut, Fold, Moment, Remark, Said, Side, Step, Story
from minicode.messages import Text, Thinking
from minicode.show import Diff, Line, Output, Show, Tests, Todos
from minicode.text import clean, count

_LONG = 25  # lines of output that are shown without a click
_SPECIAL = r"[\\`*_\[\]<>#|~&!]"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})((?<=~).*|[^`]*)")
_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)([^`]{1,2000})(?<!`)\1(?!`)")
_RUNS = re.compile(r"`+")


def markdown(story: Story) -> Iterator[str]:
    """The page, in pieces; each ends with a newline."""
    yield f"# {_plain(story.heading or story.id)}\n\n"
    yield from _head(story)
    for one in story.moments:
        yield from _moment(story, one)
    for side in story.sides:
        yield from _side(story, side)


def _head(story: Story) -> Iterator[str]:
    totals = story.totals
    rows = [
        ("Session", f"`{story.id}`, minicode {_plain(story.version)}"),
        ("Folder", _code(story.folder)),
        ("Begun", moment(story.at)),
        ("Model", ", ".join(map(_plain, totals.models))),
        ("Work", f"{count(totals.steps, 'step')}, {count(totals.thoughts, 'thought')}, {count(totals.calls, 'call')}"),
        ("Time", f"{duration(totals.asking)} for the model, {duration(totals.working)} for tools"),
        ("Tokens", f"{totals.usage.context:,} in ({cached(totals.usage)} cached), {totals.usage.output:,} out"),
        ("Cost", money(totals.cost)),
    ]
    yield "| | |\n|---|---|\n"
    yield from (f"| {name} | {value} |\n" for name, value in rows if value.strip("`"))
    yield "\n"
    if story.damage:
        yield _note(f"**Damaged.** {_plain(story.damage)}")


def _side(story: Story, side: Side) -> Iterator[str]:
    yield f"---\n\n## A branch that was left, from {f'`{side.base}`' if side.base else 'the start'}\n\n"
    for one in side.moments:
        yield from _moment(story, one)


def _moment(story: Story, one: Moment) -> Iterator[str]:
    past = " · folded" if one.id in story.past else ""
    if label := story.labels.get(one.id):
        yield f"**Label:** {_plain(label)}\n\n"
    match one:
        case Said(id_, at, by, text):
            who = "You" if by == "you" else "minicode asks M2 to go on"
            yield f"## {who}\n\n<sub>{id_} · {clock(at)}{past}</sub>\n\n{_quote(text)}\n\n"
        case Step():
            yield from _step(one, past)
        case Fold():
            yield from _fold(one)
        case Cut(id_, at, thinking, text, why):
            yield f"### Cut off ({_plain(why)})\n\n<sub>{id_} · {clock(at)} · M2 never saw this again</sub>\n\n"
            if thinking:
                yield _details("∴ Thought, cut off", _quote(thinking))
            yield f"{_quote(text)}\n\n" if text else ""
        case Remark(text=text):
            yield _note(f"**Note.** {_plain(text)}")


def _step(step: Step, past: str) -> Iterator[str]:
    usage = step.usage
    figures = [
        step.id,
        clock(step.at),
        duration(step.seconds) if step.seconds is not None else "",
        f"{tokens(usage.context)} in ({cached(usage)} cached)" if usage.context else "",
        f"{tokens(usage.output)} out" if usage.output else "",
        money(step.cost) if step.cost is not None else "",
        "" if step.stop in ("", "end_turn", "tool_use") else f"stopped: {_plain(step.stop)}",
    ]
    yield f"### Step {step.number}\n\n<sub>{' · '.join(filter(None, figures))}{past}</sub>\n\n"
    for part in step.parts:
        match part:
            case Thinking(text):
                yield _details("∴ Thought", _quote(text))
            case Text(text) if text.strip():
                yield f"{tame(text)}\n\n"
            case Action():
                yield from _action(part)


def _action(action: Action) -> Iterator[str]:
    outcome = action.outcome
    mark, took = "…", ", no result"
    if outcome:
        mark = "✗" if outcome.failed else "✓"
        took = f", {duration(outcome.seconds)}" if outcome.seconds >= 0.05 else ""
    yield f"**{mark} {_plain(action.name)}**{took}\n\n"
    if action.broken:
        yield fence(action.broken)
    else:
        yield from _arguments(action)
    for remark in action.remarks:
        yield _note(_plain(remark))
    if outcome:
        yield from (_show(block) for block in outcome.show)
        if not action.shown or outcome.failed:
            yield _output(outcome.text, outcome.clipped)


def _arguments(action: Action) -> Iterator[str]:
    """Short ones in one block of JSON; a text of several lines in a block of its own, as it is."""
    long = {name: v for name, v in action.telling.items() if isinstance(v, str) and "\n" in v}
    short = {name: v for name, v in action.telling.items() if name not in long}
    if short:
        yield fence(json.dumps(short, ensure_ascii=False, indent=2), "json")
    for name, value in long.items():
        yield f"{_code(name)}\n\n{_folded(value, fence(value))}"


def _output(text: str, clipped: bool) -> str:
    note = "> A fold shows M2 only the head and the tail of this by now.\n\n" if clipped else ""
    return note + _folded(text, fence(text)) if text.strip() else f"*no output*\n\n{note}"


def _show(block: Show) -> str:
    match block:
        case Diff(_, diff):
            return fence(diff, "diff")
        case Tests(passed, failed, skipped, _, flaky):
            more = f", {flaky} flaky" if flaky else ""
            return f"Tests: {passed} passed, {failed} failed{more}, {skipped} skipped\n\n"
        case Todos(items):
            boxes = (f"- [{'x' if state == 'completed' else ' '}] {_plain(text)}\n" for text, state in items)
            return "".join(boxes) + "\n"
        case Line() | Output():
            return ""  # the result says it, too


def _fold(fold: Fold) -> Iterator[str]:
    what = f"all from `{fold.first}` to `{clean(fold.upto)}`" if fold.upto else ""
    short = f"{count(fold.clipped, 'output')} shortened" if fold.clipped else ""
    undone = " (undone later)" if fold.undone else ""
    yield f"### Folded{undone}\n\n<sub>{fold.id} · {clock(fold.at)}</sub>\n\n"
    said = "; ".join(filter(None, (f"A summary stands for {what}" if what else "", short)))
    yield f"> {said or 'Nothing was folded'}. The entries themselves are all here.\n\n"
    if fold.guidance:
        yield _note(f"Guidance: {_plain(fold.guidance)}")
    yield from (_details("∴ Thought", _quote(thought)) for thought in fold.thoughts)
    if fold.text:
        yield _details("The summary", _quote(fold.text))


def tame(text: str) -> str:
    """Markdown from outside that stays within its place: no HTML, no headings like ours, no pictures from elsewhere,
    and every fence is closed. Fences begin a line, so that all renderers see the same ones as we do."""
    blocks: list[str] = []
    lines = clean(text).strip("\n").split("\n")
    at = 0
    while at < len(lines):
        mark = _FENCE.fullmatch(lines[at])
        fenced = mark is not None
        end = _fence_end(lines, at + 1, mark[1]) if mark else _run_end(lines, at)
        if mark:
            words = re.sub(r"[^\w+#.-]", "", mark[2].strip().partition(" ")[0])
            before = [""] if blocks and blocks[-1] else []
            after = [""] if end + 1 < len(lines) and lines[end + 1].strip() else []
            blocks += [*before, fence("\n".join(lines[at + 1 : end]), words).rstrip("\n"), *after]
        else:
            blocks += _tame_run(lines[at:end])
        at = end + fenced
    return "\n".join(blocks)


def _fence_end(lines: list[str], at: int, mark: str) -> int:
    while at < len(lines) and not (lines[at].strip().startswith(mark) and not lines[at].strip().strip(mark[0])):
        at += 1
    return at


def _run_end(lines: list[str], at: int) -> int:
    """The end of the lines in which a code span may begin and end."""
    at += 1
    while at < len(lines) and lines[at].strip() and not _FENCE.fullmatch(lines[at]):
        at += 1
    return at


def _tame_run(lines: list[str]) -> list[str]:
    """Code spans may keep their letters, if there is no doubt about where they are."""
    plain = all("`" not in _SPAN.sub("", line) and "\\`" not in line for line in lines)
    return [_tame_line(line, plain) for line in lines]


def _tame_line(line: str, spans: bool) -> str:
    if re.fullmatch(r" {0,3}(=+|-+)[ \t]*", line):  # it would make a heading of the line above
        return f"\\{line.strip()}"
    line = re.sub(r"^((?:[ \t]|(?:[>*+-]|\d{1,9}[.)])(?=[ \t]))*)#{1,4}(?=[ \t]|$)", r"\1#####", line)
    parts: list[str] = []
    done = 0
    for span in _SPAN.finditer(line) if spans else ():
        parts += (_tame_text(line[done : span.start()]), span[0])
        done = span.end()
    return "".join((*parts, _tame_text(line[done:])))


def _tame_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\\[")


def fence(text: str, language: str = "text") -> str:
    """A block that nothing in the text can end."""
    text = clean(text)
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    ticks = "`" * max(3, longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{ticks}{language}\n{text}{end}{ticks}\n\n"


def _folded(text: str, block: str) -> str:
    lines = text.count("\n") + 1
    return block if lines <= _LONG else _details(count(lines, "line"), block.rstrip("\n"))


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>\n\n"


def _note(words: str) -> str:
    return f"> {words}\n\n"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in tame(text).split("\n"))


def _plain(text: str) -> str:
    """Text on a line, as it is: no mark in it means anything."""
    return re.sub(_SPECIAL, _entity, " ".join(clean(text).split()))


def _entity(match: re.Match[str]) -> str:
    return {"<": "&lt;", "&": "&amp;"}.get(match[0], f"\\{match[0]}")


def _code(text: str) -> str:
    text = " ".join(clean(text).split())
    ticks = "`" * (max((len(run) for run in _RUNS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}".replace("|", "\\|")
