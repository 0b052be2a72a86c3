"""What must not leave: secrets, and where and who the user is. Every text of an entry goes through here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from minicode.journal.entry import Entry
from minicode.journal.reader import Loaded
from minicode.redact import Redactor

# Names that are words, or the same on many machines: they tell of nobody, and to replace them would garble the text.
_ANYBODY = (
    "root admin administrator user users guest nobody home test dev developer build builder runner ci app web www "
    "node git ubuntu debian fedora ec2-user vagrant docker vscode codespace jovyan"
)


class Redaction:
    """Takes secrets out and shortens the home folder to ~. counts: how often, by kind."""

    def __init__(self, known: Iterable[str], homes: Iterable[str], user: str = "") -> None:
        """known: secrets to the letter. homes: absolute paths of the user's home. user: its login name."""
        self.counts: Counter[str] = Counter()
        self._redactor = Redactor(known)
        self._places = [look for home in homes for look in _places(home)]
        if user and user.casefold() not in _ANYBODY.split():
            self._places.append(_person(user))

    def loaded(self, loaded: Loaded) -> Loaded:
        return replace(loaded, header=self.entry(loaded.header), entries=[self.entry(e) for e in loaded.entries])

    def entry(self, entry: Entry) -> Entry:
        return replace(entry, data=self.value(entry.data))

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it redacted, names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(item) for name, item in value.items()}
        return value

    def text(self, text: str) -> str:
        parts: list[str] = []
        done = 0
        for start, end, kind in self._redactor.spans(text):
            self.counts[kind] += 1
            parts += (text[done:start], f"‹redacted:{kind}›")
            done = end
        text = "".join((*parts, text[done:]))
        for look in self._places:
            text, found = look.subn("~", text)
            self.counts["home or user name"] += found
        return text

    def summary(self) -> str:
        """`3 api-key, 12 home or user name`, "" if nothing was found."""
        return ", ".join(f"{number:,} {kind}" for kind, number in self.counts.most_common() if number)


def _places(home: str) -> list[re.Pattern[str]]:
    """The home folder as a path, as in a URL, and as some programs make a file name of it."""
    home = home.rstrip("/")
    if not home.startswith("/"):
        return []
    forms = [re.escape(home.replace("/", sign)) for sign in ("/", "%2F", "%2f")]
    # A full stop may follow, another name may not. Each begins with plain letters, which makes the search a fast one.
    looks = [rf"{form}(?![A-Za-z0-9_.-]*[A-Za-z0-9_-])" for form in forms]
    if home.count("/") > 1:  # -home-alice-project; `-root-` could be anything
        looks.append(rf"{re.escape(home.replace('/', '-'))}(?![A-Za-z0-9_])")
    return [re.compile(look) for look in looks]


def _person(user: str) -> re.Pattern[str]:
    """The login name where it is one: in a path, after ~, before @, as `id` and `ls -l` print it, as value of USER."""
    name = re.escape(user)
    values = "|".join(f"(?<={variable}={name})" for variable in ("USER", "LOGNAME", "USERNAME"))
    owner = rf"(?:(?<=[0-9] {name})|(?<= {name} {name}))(?= )"
    return re.compile(rf"{name}(?![A-Za-z0-9_-])(?:(?<=[/\\~(]{name})|{values}|(?<![A-Za-z0-9_.-]{name})(?=@)|{owner})")
