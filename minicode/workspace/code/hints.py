"""What a glance at a text tells without a grammar: names that it probably defines, and names that it probably uses.

Parsing is many times dearer than that, so a map is ranked by hints, and only what it shows is parsed. A hint too many
is found out then; one that is missing is a definition that no map shows.

They seldom go back (`++`, `*+`), and what may run over many lines has an end to it: no text may cost much more than its
length.
"""

from __future__ import annotations

from typing import NamedTuple

_NAME = r"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*+"
_STARS = r"\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)"
_SLASHES = rf"/(?<!\S/)(?:/[^\n]*+|{_STARS})"  # not in "http://" or "src/*.c"
_SIGNS = r"#(?<!\S#)[^\n]*+"
_NO_TYPES = r"(?!(?:return|new|else|throw|await|case|goto|delete|typedef|using|yield|package|import|in|do|if)\b)"
_TYPES = r"[\w.<>\[\]?,&*:~]++[ \t]++"  # one word of what stands before a function's name


class Hints(NamedTuple):
    """Expressions over bytes. comments: what is not looked at. lines: a line's end and what is after it; its groups are
    names of definitions. before, after: what stands next to a name where it is used; one with a capital is used
    everywhere. lists: its group holds many that are used.
    """

    comments: str
    lines: str
    before: str = ""
    after: str = r"\("
    lists: str = ""


_MODIFIERS = r"(?:[a-z]++(?:\([^)\n]*+\))?[ \t]++)*?"  # public, pub(crate), async, export default
_VALUE = rf"(?:async\b|function\b|\(|{_NAME}[ \t]*+=>)"
_NO_CALL = r"(?!(?:if|for|while|switch|catch|function|return)\b)"
_PARAMETERS = r"\((?:[^();]{1,400}+|\((?:[^();]{1,400}+|\([^();]{0,400}+\)){0,9}+\)){0,9}+\)"
_SCRIPT_MODIFIERS = (
    r"(?:(?:export|default|declare|abstract|async|public|private|protected|static|readonly|override|get|set)[ \t]++)*+"
)
_SCRIPT = Hints(
    _SLASHES,
    rf"\n(?:(?:export[ \t]++)?(?:const|let)[ \t]++({_NAME})"
    rf"|[ \t]*+{_SCRIPT_MODIFIERS}(?:(?:function\*?|(?:const[ \t]++)?enum|class|interface|namespace)[ \t]++({_NAME})"
    rf"|type[ \t]++({_NAME})[ \t]*+[<=]|(?:const|let|var)[ \t]++({_NAME})[^=\n]*+=[ \t]*+{_VALUE}"
    rf"|\*?{_NO_CALL}(#?{_NAME})[?]?(?:<[^>\n]*+>)?"
    rf"(?:\([^()\n]*+\)[ \t]*+:|{_PARAMETERS}[ \t]*+(?::[^;{{}}\n]*+)?\{{|[ \t]*+=[ \t]*+{_VALUE})))",
    lists=r"import\s++([\w$, ]*+(?:\{[^}]{0,2000}+\})?+)",
)
_C_HEAD = r"\([^;{}]{0,800}\)[^;{}()=]{0,200}+"
_C_LIKE = (
    rf"\n(?:[ \t]*+(?:[\w]++[ \t]++)*?(?:struct|union|enum|class|namespace)[ \t]++({_NAME})[^;{{}}()=]{{0,400}}+\{{"
    rf"|[ \t]*+#[ \t]*+define[ \t]++({_NAME})\(|[ \t]*+using[ \t]++({_NAME})[ \t]*+="
    rf"|[ \t]*+\}}[ \t]*+({_NAME})[ \t]*+;|typedef\b[^;{{}}\n]*?({_NAME})(?:\[[^\]]*+\])?;"
    rf"|[A-Za-z_][\w \t*]*?[ \t*]({_NAME})(?:\[[^\]\n]*+\])*+[ \t]*+=(?!=)"
)
_C_USES = r"\(| (?:\*|(?=\w++ ?[;,)=\[]))"  # called, or a type
_MANAGED = rf"|[ \t]*+{_NO_TYPES}(?:{_TYPES})+({_NAME})(?:<[^>\n]*+>)?[ \t]*+(?:\("
_OUTER = r"(?:\w++[.:])*+"
HINTS = {
    "Python": Hints(
        rf"\"\"\"(?:[^\"]++|\"(?!\"\"))*+\"\"\"|'''(?:[^']++|'(?!''))*+'''|{_SIGNS}",
        rf"\n(?:[ \t]*+(?:async[ \t]++)?(?:def|class)[ \t]++({_NAME})|({_NAME})[ \t]*+(?::[^\n=]*+)?=(?!=))",
        before="@",
        lists=r"import[ \t]++(\([^)]{0,4000}+\)|[^\n(]++)",
    ),
    "JavaScript": _SCRIPT,
    "TypeScript": _SCRIPT,
    "TSX": _SCRIPT,
    "Go": Hints(
        _SLASHES,
        rf"\n(?:(?:func|type|var|const)[ \t]++(?:\([^)\n]*+\)[ \t]*+)?({_NAME})"
        rf"|\t([A-Z]\w*+)(?:(?=\n)|[ \t]++(?:[\w.*\[\]]++[ \t]++)?=)|\t({_NAME})[ \t]++(?:struct|interface|func)\b)",
        before="*&]",
        after=r"[({]",
    ),
    "Rust": Hints(
        _SLASHES,
        rf"\n[ \t]*+{_MODIFIERS}(?:(?:fn|struct|enum|union|trait|type|mod|macro_rules!|const|static)[ \t]++"
        rf"(?:mut[ \t]++)?({_NAME})|impl\b(?:[^\n{{;]*\bfor[ \t]++|<[^>\n]*+>|[ \t])[ \t]*+({_NAME}))",
        after=r"!?\(|::",
        lists=r"use\s++([^;]{1,2000}+);",
    ),
    "Java": Hints(
        _SLASHES, rf"\n(?:[ \t]*+{_MODIFIERS}(?:class|interface|enum|record|@interface)[ \t]++({_NAME}){_MANAGED}))"
    ),
    "C": Hints(
        _SLASHES,
        rf"{_C_LIKE}|{_NO_TYPES}(?:{_TYPES})*[*&]*+({_NAME})[ \t]*+{_C_HEAD}\{{)",
        after=_C_USES,
    ),
    "C++": Hints(
        _SLASHES,
        rf"{_C_LIKE}|[ \t]*+{_NO_TYPES}(?:{_TYPES})*[*&]*+{_NO_CALL}({_NAME})[ \t]*+{_C_HEAD}\{{"
        rf"|[ \t]++{_NO_TYPES}(?:{_TYPES})+[*&]*+({_NAME})[ \t]*+{_C_HEAD};)",
        after=_C_USES,
    ),
    "C#": Hints(
        _SLASHES,
        rf"\n(?:[ \t]*+{_MODIFIERS}(?:class|interface|enum|record|struct|namespace)[ \t]++({_NAME})"
        rf"{_MANAGED}|\s*+\{{|=>))",
    ),
    "Ruby": Hints(
        _SIGNS,
        rf"\n(?:[ \t]*+{_MODIFIERS}(?:class|module|def)[ \t]++(?:self\.)?({_NAME}[?!]?)|([A-Z]\w*+)[ \t]*+=(?!=))",
        before=".",
        after=r"[?!]?(?:\(| (?=[\w:\"'@\[]))",
    ),
    "PHP": Hints(
        rf"{_SLASHES}|{_SIGNS}",
        rf"\n[ \t]*+{_MODIFIERS}(?:class|interface|trait|enum|function)[ \t]++&?({_NAME})",
    ),
    "Bash": Hints(
        _SIGNS,
        r"\n(?:[ \t]*+(?:function[ \t]++)?([\w:.-]++)[ \t]*+\(\)|[ \t]*+function[ \t]++([\w:.-]++)"
        r"|(?:declare|export|readonly|typeset)[ \t]++(?:-\w++[ \t]++)*+(\w++)=)",
        before="\n \t;(`",
    ),
    "Lua": Hints(
        r"--(?:\[\[[\s\S]*?\]\]|[^\n]*+)",
        rf"\n[ \t]*+(?:(?:local[ \t]++)?function[ \t]++{_OUTER}({_NAME})"
        rf"|{_OUTER}({_NAME})[ \t]*+=[ \t]*+function\b)",
        after=r" ?[({\"']",
    ),
    "Kotlin": Hints(
        _SLASHES,
        rf"\n(?:[ \t]*+{_MODIFIERS}(?:class|interface|object|typealias|fun)[ \t]++(?:<[^>\n]*+>[ \t]*+)?"
        rf"(?:[\w<>?]++\.)*+({_NAME})|{_MODIFIERS}va[lr][ \t]++({_NAME}))",
        after=r" ?[({]",
    ),
    "Swift": Hints(
        _SLASHES,
        rf"\n(?:[ \t]*+{_MODIFIERS}(?:class|struct|enum|actor|protocol|func|typealias|extension)[ \t]++({_NAME})"
        rf"|{_MODIFIERS}(?:let|var)[ \t]++({_NAME})|[ \t]++{_MODIFIERS}(init)[?]?\()",
        after=r" ?[({]",
    ),
}
