"""Looking back: what the model asks of its own history, quoted word for word. Pure, but for the time it may take."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from minicode.context import seek
from minicode.context.passages import KINDS, OPENING, Passage, passages
from minicode.context.quoting import ROOM, WHOLE, Found, Quote, told
from minicode.context.seek import Match
from minicode.journal.entry import Entry, entry_count
from minicode.text import clean_output, count

SECONDS = 5.0  # for one search
MOST = 50  # quotes of one answer
_BEST = 3  # so many may lack a word, if they are better than what has all, and are quoted in several places
_SAID = 200  # characters of the query that are said again
_REF = re.compile(r"(?P<entry>e[0-9a-z]+)(?P<part>\.[0-9]+)?(?:@(?P<offset>[0-9]+))?")
_PATTERN = re.compile(r"/(.+)/(i?)", re.DOTALL)
ReadBlob = Callable[[str], bytes | None]


class Quest(NamedTuple):
    """query: words, "a phrase", or /a regular expression/. ids: of entries (`e12`), of parts of them (`e12.2`), from a
    character on (`e12@4000`), or ranges (`e12-e20`). around: an id. kind: one of KINDS. limit: how many quotes."""

    query: str = ""
    ids: tuple[str, ...] = ()
    around: str = ""
    kind: str = "any"
    limit: int = 8


class _Hit(NamedTuple):
    passage: Passage
    match: Match


class _AskedWrongError(Exception):
    """What was asked makes no sense; the message says what would."""


def recall(branch: Sequence[Entry], quest: Quest, read_blob: ReadBlob, seconds: float = SECONDS) -> Found:
    """What the entries of a branch say to the quest. read_blob: a long output by its id, None if it is gone."""
    look = _Look(read_blob, time.monotonic() + seconds)
    try:
        if quest.kind not in KINDS:
            raise _AskedWrongError(f"There is no kind {quest.kind!r}; there are {', '.join(KINDS)}.")
        every = passages(branch)
        chosen, notes = _chosen(every, quest)
        if quest.kind != "any":
            chosen = [one for one in chosen if one[0].kind == quest.kind]
        limit = min(max(quest.limit, 1), MOST)
        if quest.query.strip():
            return _searched([one[0] for one in chosen], quest, limit, look, notes)
    except _AskedWrongError as error:
        return Found(f"{OPENING}: nothing.] {error}", str(error), failed=True)
    if not quest.ids:
        chosen = [one for one in chosen if not one[0].blob]
    if not chosen:
        return Found(f"{OPENING}: nothing of the kind {quest.kind} there.]", "nothing of that kind")
    if not (quest.ids or quest.around):  # the newest of a kind
        notes.append(f"{len(chosen)} in all, the newest last")
        chosen = chosen[-limit:]
    most = ROOM if quest.ids else WHOLE
    quotes = [Quote(_loaded(passage, look), offset=offset, most=most) for passage, offset in chosen]
    return told(quotes, count(len(quotes), "quote"), notes)


class _Look(NamedTuple):
    """What a search may use. until: by the monotonic clock."""

    read_blob: ReadBlob
    until: float

    def text(self, passage: Passage) -> str:
        if not passage.blob:
            return passage.text
        data = self.read_blob(passage.blob)
        return clean_output(data) if data else ""

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until


def _chosen(every: list[Passage], quest: Quest) -> tuple[list[tuple[Passage, int]], list[str]]:
    """Among which passages to look, each with the character to begin at; and what is to be said of that."""
    if quest.ids:
        return _by_ids(every, quest.ids, bool(quest.query.strip()))
    if quest.around:
        match = _REF.fullmatch(quest.around.strip().lower())
        entries = list(dict.fromkeys(p.entry for p in every))
        if not match or match["entry"] not in entries:
            raise _AskedWrongError(_unknown([quest.around], entries))
        at, side = entries.index(match["entry"]), max(min(quest.limit, MOST) // 2, 1)
        near = set(entries[max(at - side, 0) : at + side + 1])
        return [(p, 0) for p in every if p.entry in near], []
    if not quest.query.strip() and quest.kind == "any":
        raise _AskedWrongError('Say what to look for: query (words, "a phrase" or /regex/), ids, around, or a kind.')
    return [(p, 0) for p in every], []


def _by_ids(every: list[Passage], ids: Sequence[str], kept: bool) -> tuple[list[tuple[Passage, int]], list[str]]:
    """kept: long outputs too, though only the entry was named."""
    entries = list(dict.fromkeys(p.entry for p in every))
    chosen: dict[tuple[str, int], tuple[Passage, int]] = {}
    unknown = []
    for asked in [word for text in ids for word in re.split(r"[\s,\[\]]+", text.lower()) if word]:
        found: list[tuple[Passage, int]] = []
        if match := _REF.fullmatch(asked):
            named = {match["entry"] + (match["part"] or "")}
            of = [p for p in every if p.ref in named or (p.entry in named and (kept or not p.blob))]
            found = [(p, int(match["offset"] or 0)) for p in of]
        elif ends := re.fullmatch(r"(e[0-9a-z]+)(?:\.\.+|[-–:])(e[0-9a-z]+)", asked):
            first, last = sorted(map(entry_count, ends.groups()))
            of = [p for p in every if first <= entry_count(p.entry) <= last]
            found = [(p, 0) for p in of if kept or not p.blob]
        chosen.update(((one[0].ref, one[1]), one) for one in found)
        unknown += [] if found else [asked]
    if not chosen:
        raise _AskedWrongError(_unknown(unknown, entries))
    return list(chosen.values()), [_unknown(unknown, entries)] if unknown else []


def _unknown(asked: Sequence[str], entries: Sequence[str]) -> str:
    said = f"No entry of this branch that says something is called {', '.join(asked)}"
    wanted = entry_count(asked[0].strip()) if asked else 0
    nearest = sorted(entries, key=lambda id_: abs(entry_count(id_) - wanted))[:4]
    nearest.sort(key=entry_count)
    return f"{said}; the nearest are {', '.join(nearest)}." if nearest else f"{said}: there is none yet."


class _Answer(NamedTuple):
    """hits: in the order to tell them. order: which comes first. lacking: hits that lack a word; counts: of each."""

    hits: list[_Hit]
    order: str
    lacking: int = 0
    counts: str = ""


def _searched(chosen: list[Passage], quest: Quest, limit: int, look: _Look, notes: list[str]) -> Found:
    query = quest.query.strip()
    pattern = _PATTERN.fullmatch(query)
    said = query if len(query) <= _SAID else f"{query[:_SAID]}…"
    if pattern:
        answer = _by_pattern(chosen, pattern[1], look, notes, ignore_case=bool(pattern[2]))
    else:
        answer = _by_words(chosen, query, look, notes)
    if not answer.hits:
        where = f"{count(len(chosen), 'passage')} of kind {quest.kind}"
        hint = answer.counts or "Case counts, but not in /…/i."
        text = f"{OPENING}: nothing.] {said} is not in {where}. {hint} Try fewer or other words, or kind any."
        return Found(" ".join([text, *(f"[{note}]" for note in notes)]), f"{said}: nothing")
    gist = f"{count(len(answer.hits), 'hit')} for {said}, the {answer.order} first"
    if answer.lacking:
        all_of_them = answer.lacking == len(answer.hits)
        gist += ", none with all the words" if all_of_them else f", {answer.lacking} without all the words"
        notes.append(answer.counts)
    if left := answer.hits[limit:]:
        ids = ", ".join(hit.passage.ref for hit in left[:12])
        notes.append(f"{len(left)} more; narrow it, raise limit, or ask with ids: {ids}")
    quotes = [
        Quote(_loaded(hit.passage, look), hit.match.spots[: None if n < _BEST else 1], places=hit.match.places)
        for n, hit in enumerate(answer.hits[:limit])
    ]
    return told(quotes, gist, notes)


def _by_words(chosen: list[Passage], query: str, look: _Look, notes: list[str]) -> _Answer:
    words = seek.terms(query)
    every: list[_Hit] = []
    for done, passage in enumerate(reversed(chosen)):  # the newest first, should the time run out
        if look.over:
            notes.append(f"only the newest {done} of {len(chosen)} passages were searched in the time there is")
            break
        if match := seek.find_words(look.text(passage), words, passage.about):
            every.append(_Hit(passage, match))
    hits = _ranked(every, words, len(chosen))
    whole = (1 << len(words)) - 1
    lacking = sum(hit.match.terms != whole for hit in hits)
    if lacking == len(hits) and re.search(r"[\\|*^$\]]", query):
        try:
            if (answer := _by_pattern(chosen, query, look, notes, ignore_case=True)).hits:
                notes.append("not found as words, so read as a regular expression")
                return answer
        except _AskedWrongError:
            pass  # they were words, then
    having = [sum(hit.match.terms >> n & 1 for hit in every) for n in range(len(words))]
    counts = ", ".join(f"{word} {n}" for word, n in zip(words, having, strict=True))
    return _Answer(hits, "best", lacking, f"Passages with each word: {counts}.")


def _by_pattern(chosen: list[Passage], pattern: str, look: _Look, notes: list[str], *, ignore_case: bool) -> _Answer:
    hits: list[_Hit] = []
    newest = chosen[::-1]
    done = 0
    try:
        seconds = look.until - time.monotonic()
        for found in seek.find_pattern(pattern, ignore_case, _batches(newest, look), seconds):
            hits += [_Hit(p, match) for p, match in zip(newest[done:], found, strict=False) if match]
            done += len(found)
    except seek.BrokenPatternError as error:
        raise _AskedWrongError(
            f"The regular expression is broken at character {error.at + 1}: {error}. It was: {pattern[:200]}"
        ) from None
    except seek.OutOfTimeError:
        notes.append(
            f"too slow a pattern, make it simpler: only the newest {done} of {len(chosen)} passages were searched"
        )
    return _Answer(_once(sorted(hits, key=lambda hit: hit.passage.now)), "newest")


def _batches(chosen: list[Passage], look: _Look, size: int = 100_000) -> Iterator[list[str]]:
    batch: list[str] = []
    held = 0
    for passage in chosen:
        batch.append(look.text(passage))
        held += len(batch[-1])
        if held > size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _ranked(every: list[_Hit], words: list[str], texts: int) -> list[_Hit]:
    """Those with all the words, and of the others those that are better or would be missed; the best first."""
    worth = seek.rarities((hit.match for hit in every), len(words), texts)
    whole = (1 << len(words)) - 1

    def value(hit: _Hit) -> float:
        weight = 0.5 if hit.passage.now else 0.8 if hit.passage.kind == "fold" else 1.0
        return weight * seek.score(hit.match, worth)

    ranked = _once(sorted(every, key=lambda hit: (-value(hit), -hit.passage.place, bool(hit.passage.blob))))
    full = [hit for hit in ranked if hit.match.terms == whole]
    # The question just asked has them all; that must not hide what comes near to its answer.
    enough = max([0.7 * value(hit) for hit in full if not hit.passage.now], default=sum(worth) / 3)
    best = [hit for hit in ranked[:_BEST] if hit in full or (value(hit) >= enough and not hit.passage.now)]
    return best + [hit for hit in full if hit not in best]


def _once(hits: list[_Hit]) -> list[_Hit]:
    """A long output is looked at twice, as it was told and as it was kept: the better one stays."""
    kept: dict[str, _Hit] = {}
    for hit in hits:
        kept.setdefault(hit.passage.ref.removesuffix(".0"), hit)
    return list(kept.values())


def _loaded(passage: Passage, look: _Look) -> Passage:
    return passage._replace(text=look.text(passage)) if passage.blob else passage
