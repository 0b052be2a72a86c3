"""What a list of sessions shows of one, folded together from its entries."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

from minicode.journal.entry import Entry
from minicode.journal.tree import typed
from minicode.messages import Json

TOLD = frozenset({"user", "name", "title", "listing", "shell"})  # the kinds a gist is made of
_CLIP = 200


@dataclass(frozen=True, slots=True)
class Gist:
    """first, last: what the user typed, on one line of at most 200 characters. turns: how often the user spoke. ran: a
    command of the user's own, the last that the model hears of."""

    name: str = ""
    title: str = ""
    first: str = ""
    last: str = ""
    turns: int = 0
    ran: str = ""

    def after(self, entry: Entry) -> Gist:
        """The gist once `entry` has been read too."""
        match entry.kind:
            case "user":
                text = _one_line(typed(entry))
                return replace(self, first=self.first or text, last=text, turns=self.turns + 1)
            case "name" | "session" if "name" in entry.data:
                return replace(self, name=_one_line(entry.data["name"]))
            case "title":
                return replace(self, title=_one_line(entry.data.get("title")))
            case "shell" if entry.data.get("text"):
                return replace(self, ran=_one_line(entry.data.get("command")))
            case "listing":
                known = {f.name for f in fields(self)}
                return Gist(**{k: v for k, v in entry.data.items() if k in known})
        return self

    def data(self) -> Json:
        return asdict(self)


def _one_line(text: object) -> str:
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 4 * _CLIP].split())
    return line if len(line) <= _CLIP else line[: _CLIP - 1] + "…"
