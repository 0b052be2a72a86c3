from __future__ import annotations

import pytest

from minicode.messages import Text, Thinking
from minicode.model.base import TextPart, ThinkingPart
from minicode.model.tags import Splitter, lost_call

CALL = '<minimax:tool_call>\n<invoke name="read">\n</invoke>\n</minimax:tool_call>'
READ = '<invoke name="read"></invoke>'
FUNCTION = "<function=read>\n<parameter=file_path>a.py</parameter>\n</function>"
TABLE = [
    ("plain", "Just words < 3.", "", "Just words < 3.", ""),
    ("thought", "<think>\nplan\n</think>\n\nDone.", "\nplan\n", "\n\nDone.", ""),
    ("missing opening", "plan\nmore</think>\n\nDone.", "plan\nmore", "\n\nDone.", ""),
    ("two thoughts", "<think>a</think>\nx\n<think>b</think>\ny", "ab", "\nx\n\ny", ""),
    ("thought only", "<think>plan", "plan", "", ""),
    ("call", f"Look.\n{CALL}", "", "Look.\n", CALL),
    ("thought and call", f"<think>p</think>{CALL} after", "p", "", f"{CALL} after"),
    ("fenced", f"See\n```xml\n{CALL}\n```\nok", "", f"See\n```xml\n{CALL}\n```\nok", ""),
    ("fenced, then real", f"```\n<invoke name=\n```\n{CALL}", "", "```\n<invoke name=\n```\n", CALL),
    ("quoted", "Use `<minimax:tool_call>` here", "", "Use `<minimax:tool_call>` here", ""),
    ("long fence", f"````md\n```\n{CALL}\n```\n````\nok", "", f"````md\n```\n{CALL}\n```\n````\nok", ""),
    ("two signs", f"~~~\n```\n~~~\n{CALL}", "", "~~~\n```\n~~~\n", CALL),
    ("fence in a list", f"- ```\n  {CALL}\n  ```\n", "", f"- ```\n  {CALL}\n  ```\n", ""),
    ("no end of a fence", f"```\n``` x\n{CALL}", "", f"```\n``` x\n{CALL}", ""),
    ("code in a line", "Say `a <tool_call> b` here", "", "Say `a <tool_call> b` here", ""),
    ("after code in a line", f"I use `read`: {CALL}", "", "I use `read`: ", CALL),
    ("quotation", f"> {READ}", "", f"> {READ}", ""),
    ("only mentioned", "M2 writes <minimax:tool_call> there.", "", "M2 writes <minimax:tool_call> there.", ""),
    ("function", f"Look.\n{FUNCTION}", "", "Look.\n", FUNCTION),
    (
        "calls of Claude",
        f"<function_calls>\n{READ}\n</function_calls>",
        "",
        "",
        f"<function_calls>\n{READ}\n</function_calls>",
    ),
    ("mentioned", "The tag <think> opens", "", "The tag <think> opens", ""),
    ("mentioned close", "<think>a</think>The tag </think> ends", "a", "The tag </think> ends", ""),
    ("almost a tag", "a <thin", "", "a <thin", ""),
    ("almost a call", "a <minimax:tool_cal>", "", "a <minimax:tool_cal>", ""),
    ("markup in thought", f"<think>{CALL}</think>x", CALL, "x", ""),
]


def split(splitter: Splitter, pieces: list[str]) -> tuple[str, str]:
    parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.close()
    thought = "".join(p.text for p in parts if isinstance(p, ThinkingPart))
    return thought, "".join(p.text for p in parts if isinstance(p, TextPart))


@pytest.mark.parametrize(("raw", "thought", "text", "markup"), [r[1:] for r in TABLE], ids=[r[0] for r in TABLE])
def test_the_table_cut_in_two_at_every_place_and_in_single_letters(
    raw: str, thought: str, text: str, markup: str
) -> None:
    for pieces in [list(raw), *([raw[:cut], raw[cut:]] for cut in range(len(raw)))]:
        splitter = Splitter()
        shown = split(splitter, pieces)
        assert splitter.raw == raw
        assert splitter.markup == markup
        if thought and not raw.startswith("<think>"):
            assert shown == ("", thought + text)  # nobody can know before the closing tag
        else:
            assert shown == (thought, text)
        blocks = splitter.blocks()
        assert "".join(b.text for b in blocks if isinstance(b, Thinking)) == thought.strip("\n")
        assert "".join(b.text for b in blocks if isinstance(b, Text)) == text
        assert "".join(str(b.keep.get("raw", b.text)) for b in blocks) == raw


def test_stray_tags_are_not_shown_once_thoughts_have_a_channel() -> None:
    splitter = Splitter()
    splitter.thinks = False
    assert split(splitter, ["</thi", "nk>", "Done.\n", "<think>\n", "</think>"]) == ("", "Done.\n\n")
    assert "".join(str(b.keep["raw"]) for b in splitter.blocks()) == "</think>Done.\n<think>\n</think>"


def test_markup_is_text_when_the_user_speaks_of_it() -> None:
    splitter = Splitter(watch=False)
    assert split(splitter, list(CALL)) == ("", CALL)


def test_text_in_the_place_of_markup_is_shown_and_sent_back() -> None:
    splitter = Splitter()
    split(splitter, [f"Look.\n{CALL}"])
    assert splitter.blocks(instead=" Next.") == [Text("Look.\n Next.")]


def test_a_quotation_is_shown_at_the_end() -> None:
    splitter = Splitter(quoted=lambda markup: "read" in markup)
    assert split(splitter, [f"Look.\n{CALL} so"]) == ("", f"Look.\n{CALL} so")
    assert (splitter.markup, splitter.blocks()) == ("", [Text(f"Look.\n{CALL} so")])


@pytest.mark.parametrize(
    ("thought", "lost"),
    [
        (f"I read it.\n{CALL}", True),
        ("I read it.\n<minimax:tool_call>\n<invoke name=", True),
        ("I read it.\n<minimax:tool_call>\n<invoke name='read'>\n<par", True),
        ("The file has a <tool_call> tag.", False),
        (f"It says:\n```\n{CALL}\n```\n", False),
        ("They use `<invoke name=x>`.", False),
    ],
)
def test_a_call_lost_in_a_thought_is_told_from_words_about_one(thought: str, lost: bool) -> None:
    assert lost_call(thought, lambda markup: False) is lost
    assert not lost_call(thought, lambda markup: True)
