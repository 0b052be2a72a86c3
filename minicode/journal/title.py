"""A title for a session from the user's own words: the first line that says something, cut well. Pure, no model."""

from __future__ import annotations

import re

from minicode.text import clean

LONGEST = 60
_READ = 20_000  # characters of the message that are looked at
_FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<[/!]?[A-Za-z][^<>\n]{0,200}>")
_MARKS = re.compile(r"^(?:[#>*+•–-]+|\d{1,3}[.)])\s+|[*_`]{1,3}")
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^)\s]{1,500}\)")
_LEAD = re.compile(
    r"(?:(?:hi|hello|hey|thanks|thank you|ok|okay|so|well|please|pls|kindly)\b[\s,.!:]*"
    r"|(?:can|could|would|will) you\b[\s,]*|i(?:'d| would) like you to\b\s*|i (?:want|need) you to\b\s*)+",
    re.IGNORECASE,
)
# What is pasted rather than said: code, diffs, logs, stack traces, prompts of a shell, lone paths and links.
_PASTED = re.compile(
    r"""\s*(?:
      [$%❯»]\s | >>>\s | @@\s | [+-]{3}\s | diff\s--git | Traceback\b | File\s" | at\s\S+\( | \#!
    | [\[(]?\d{2,4}[-:/.]\d\d[-:/.T]\d\d | \[?(?:DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|TRACE)\b\]?[:\s]
    | (?:def|class|import|from|function|const|let|var|public|private|static|return|package|fn|func)\s.*[;:{(=*]
    | from\s\S+\simport\s | import\s[\w.]+\s*$ | [\w.]+(?:Error|Exception):\s
    | (?:https?://|~?/|\.{1,2}/|[A-Za-z]:\\)\S+\s*$
    | .*(?:[{};]|=>|\)\s*\{)\s*$
    | [\w.\[\]]+\s*[-+*/|]?=\s
    )""",
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")
# Scripts that put no spaces between words; as a character class they would take longer to compile than all the rest.
_WIDE = ((0x0E00, 0x0E7F), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7AF))


def title(words: str) -> str:
    """At most LONGEST characters on one line; "" only for words that show nothing."""
    words = clean(words[:_READ])
    said = _FENCED.sub("\n", words)
    lines = said.splitlines() or [""]
    best = next((short for line in lines if not _PASTED.match(line) and _says(short := _plain(line))), "")
    if not best:
        best = next((short for line in words.splitlines() if (short := _plain(line))), "")
    return _cut(best)


def _plain(line: str) -> str:
    """Without marks of Markdown, tags and what politeness puts before it."""
    line = _LINK.sub(r"\1", _TAG.sub(" ", line.strip()))
    line = " ".join(_MARKS.sub("", line).split())
    rest = line[match.end() :] if (match := _LEAD.match(line)) else line
    if not _says(rest):
        return line
    return rest if rest == line else rest[0].upper() + rest[1:]


def _says(line: str) -> bool:
    """Does it say something: two words, or a few signs of a script without spaces?"""
    if len(_WORD.findall(line)) > 1:
        return True
    return not line.isascii() and sum(first <= ord(sign) <= last for sign in line for first, last in _WIDE) > 2


def _cut(line: str) -> str:
    """At the end of a sentence if it comes in time, else between words."""
    end = re.search(r"[.!?](?=\s)|[。！？]", line)
    if end and _says(line[: end.end()]) and (len(line) > LONGEST or end.end() == len(line)):
        line = line[: end.end()]
    line = line.rstrip(" .:,;。")
    if len(line) <= LONGEST:
        return line
    head = line[: LONGEST - 1]
    at = head.rfind(" ")
    return (head[:at] if at > LONGEST // 2 else head).rstrip(" .:,;-–") + "…"
