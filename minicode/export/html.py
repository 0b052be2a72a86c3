"""A session as one page: no scripts, nothing from elsewhere, and all that was said in it is text and nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from minicode.export.calls import call, foldable, safe
from minicode.export.figures import cached, clock, duration, moment, money, tokens
from minicode.export.prose import prose
from minicode.export.story import Action, Cut, Fold, Moment, Remark, Said, Side, Step, Story
from minicode.messages import Text, Thinking
from minicode.text import clean, count

_GIST = 160  # characters of a thought that are shown while it is folded
_BAD = frozenset({"end", "refused"})


class Turn(NamedTuple):
    """What the user said, and what came of it; None before the first words."""

    said: Said | None
    after: list[Moment]


def page(story: Story) -> Iterator[str]:
    """The page, in pieces."""
    style = Path(__file__).with_name("page.css").read_text("utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    turns = _turns(story.moments)
    yield (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
        f"<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'\">\n"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        "<meta name=referrer content=no-referrer><meta name=color-scheme content='light dark'>\n"
        f"<title>{safe(story.heading or story.id)}</title>\n<style>{style}</style></head>\n<body><div class=frame>\n"
    )
    yield from _contents(story, turns)
    yield "<main>\n"
    yield from _head(story)
    for turn in turns:
        yield from _turn(story, turn)
    for number, side in enumerate(story.sides):
        yield from _side(story, side, number)
    yield (
        f"<footer>Session {safe(story.id)}, told by minicode. Times are UTC; costs are list prices, an estimate."
        "</footer>\n</main></div></body></html>\n"
    )


def _turns(moments: tuple[Moment, ...]) -> list[Turn]:
    turns = [Turn(None, [])]
    for one in moments:
        if isinstance(one, Said) and one.by == "you":
            turns.append(Turn(one, []))
        else:
            turns[-1].after.append(one)
    return [turn for turn in turns if turn.said or turn.after]


def _contents(story: Story, turns: list[Turn]) -> Iterator[str]:
    yield "<nav aria-label=Contents><p class=brand>minicode</p>"
    yield "<input type=checkbox id=contents><label for=contents>Contents</label><ol>\n"
    for turn in turns:
        said = _line(turn.said.text, 120) if turn.said else "Before the first words"
        target = turn.said.id if turn.said else turn.after[0].id
        yield f"<li><a class=turn href='#{safe(target)}'>{safe(said)}</a><ol>"
        for one in turn.after:
            if isinstance(one, Step):
                failed = any(action.outcome and action.outcome.failed for action in one.actions)
                style = " class=bad" if failed else ""
                yield f"<li><a{style} href='#{safe(one.id)}'>{one.number} · {safe(_does(one))}</a>"
            elif isinstance(one, Fold):
                yield f"<li><a href='#{safe(one.id)}'>folded</a>"
        yield "</ol>\n"
    for number in range(len(story.sides)):
        yield f"<li><a class=turn href='#side{number}'>A branch that was left</a>"
    yield "</ol></nav>\n"


def _does(step: Step) -> str:
    """A step in a word or two."""
    names = dict.fromkeys(action.name for action in step.actions)
    return ", ".join(names) or ("answer" if step.text.strip() else "thought")


def _head(story: Story) -> Iterator[str]:
    totals, usage = story.totals, story.totals.usage
    about = [moment(story.at), story.folder, ", ".join(totals.models), story.version and f"minicode {story.version}"]
    yield f"<header><h1>{safe(story.heading or story.id)}</h1><p class=meta>"
    yield f"{' · '.join(safe(one) for one in about if one)}<br>{safe(story.id)}"
    yield f", forked from {safe(story.origin)}</p>" if story.origin else "</p>"
    price = "at list price" if not totals.unpriced else f"{count(totals.unpriced, 'step')} of unknown price"
    failed = f", {totals.failed} failed" if totals.failed else ""
    tiles = [
        ("Steps", str(totals.steps), f"{count(totals.calls, 'call')}{failed}"),
        ("Thoughts", str(totals.thoughts), "word for word" if totals.thoughts else ""),
        ("Time", safe(duration(totals.asking + totals.working)), safe(f"{duration(totals.asking)} for the model")),
        ("Tokens in", tokens(usage.context), f"{cached(usage)} from the cache"),
        ("Tokens out", tokens(usage.output), "thoughts included"),
        ("Cost", money(totals.cost), price if totals.steps else ""),
    ]
    yield "<dl class=sum>"
    for name, value, more in tiles:
        yield f"<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>"
    yield "</dl>"
    if story.damage:
        yield f"<p class=warn>{safe(story.damage)}</p>"
    yield "</header>\n"


def _turn(story: Story, turn: Turn) -> Iterator[str]:
    yield "<section class=turn>\n"
    if turn.said:
        yield _said(story, turn.said)
    steps = [one.id for one in turn.after if isinstance(one, Step)]
    for one in turn.after:
        yield from _moment(story, one, bool(steps) and one.id == steps[-1])
    yield "</section>\n"


def _side(story: Story, side: Side, number: int) -> Iterator[str]:
    base = f"<a href='#{safe(side.base)}'>{safe(side.base)}</a>" if side.base else "the start"
    yield f"<section class=side id=side{number}><h2>A branch that was left, from {base}</h2>\n"
    for one in side.moments:
        yield from _moment(story, one, False)
    yield "</section>\n"


def _moment(story: Story, one: Moment, last: bool) -> Iterator[str]:
    match one:
        case Said():
            yield _said(story, one)
        case Step():
            yield from _step(story, one, last)
        case Fold():
            yield from _fold(one)
        case Cut():
            yield f"<div class='beside bad' id='{safe(one.id)}'>Cut off ({safe(one.why)}). M2 never saw this again."
            yield f"{_thought(one.thinking)}<div class=said dir=auto>{safe(one.text)}</div></div>\n"
        case Remark():
            style = "beside bad" if one.kind in _BAD else "beside"
            yield f"<div class='{style}' id='{safe(one.id)}'><div class=said dir=auto>{safe(one.text)}</div></div>\n"


def _said(story: Story, said: Said) -> str:
    who, style = ("You", "you") if said.by == "you" else ("minicode asks M2 to go on", "you own")
    return (
        f"<div class='{style}' id='{safe(said.id)}'><div class=who><span>{who}</span>"
        f"<span>{_tags(story, said.id)} <span class=at>{clock(said.at)}</span></span></div>"
        f"<div class=said dir=auto>{safe(said.text.strip())}</div></div>\n"
    )


def _step(story: Story, step: Step, last: bool) -> Iterator[str]:
    traits = {"last": last, "answer": not step.actions, "past": step.id in story.past}
    styles = " ".join(["step", *(trait for trait, has in traits.items() if has)])
    usage = step.usage
    figures = [
        clock(step.at),
        duration(step.seconds) if step.seconds is not None else "",
        f"{tokens(usage.context)} in, {cached(usage)} cached" if usage.context else "",
        f"{tokens(usage.output)} out" if usage.output else "",
        money(step.cost) if step.cost is not None else "",
        step.model if len(story.totals.models) > 1 else "",
        "" if step.stop in ("", "end_turn", "tool_use") else f"stopped: {step.stop}",
    ]
    yield f"<article class='{styles}' id='{safe(step.id)}'><span class=no></span><div class=bar>"
    yield f"<a class=n href='#{safe(step.id)}'>Step {step.number}</a>"
    yield f"<span class=fig>{safe(' · '.join(filter(None, figures)))}</span>{_tags(story, step.id)}</div>\n"
    for part in step.parts:
        match part:
            case Thinking(text):
                yield _thought(text)
            case Text(text) if text.strip():
                yield f"<div class=words dir=auto>{prose(clean(text))}</div>\n"
            case Action():
                yield from call(part)
    yield "</article>\n"


def _thought(text: str) -> str:
    if not text.strip():
        return ""
    gist = safe(_line(text, _GIST))
    return (
        f"<details class=thought><summary><span class=gist>{gist}</span></summary>"
        f"<div class=said dir=auto>{safe(text.strip())}</div></details>\n"
    )


def _fold(fold: Fold) -> Iterator[str]:
    yield f"<div class=fold id='{safe(fold.id)}'>"
    yield f"<div class=who><b>Folded</b><span class=at>{clock(fold.at)}</span></div>"
    if fold.upto:
        yield f"<p>From here on M2 reads a summary instead of all since <a href='#{safe(fold.first)}'>the start</a>. "
        yield "Nothing is gone: it stands above, whole, and M2 can recall it.</p>"
    if fold.clipped:
        yield f"<p>{count(fold.clipped, 'long output')} shortened to head and tail for M2.</p>"
    if fold.undone:
        yield "<p>This fold was undone later.</p>"
    if fold.guidance:
        yield f"<p>Guidance: {safe(fold.guidance)}</p>"
    if fold.cost is not None:
        yield f"<p>It cost {money(fold.cost)}.</p>"
    yield from map(_thought, fold.thoughts)
    if fold.text:
        yield f"<details><summary>The summary</summary>{foldable(fold.text)}</details>"
    yield "</div>\n"


def _tags(story: Story, id_: str) -> str:
    label = _line(story.labels.get(id_, ""), 60)
    tags = [label, "folded" if id_ in story.past else ""]
    return "".join(f"<span class=tag>{safe(tag)}</span>" for tag in tags if tag)


def _line(text: str, limit: int) -> str:
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
