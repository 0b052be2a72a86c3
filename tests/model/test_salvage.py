from __future__ import annotations

import pytest

from minicode.messages import ToolSpec
from minicode.model.salvage import READ_FROM_TEXT, echoes, read

WRITE = ToolSpec(
    "write",
    "",
    {
        "type": "object",
        "properties": {
            "file_path": {"type": "string"},
            "content": {"type": "string"},
            "count": {"type": "integer"},
            "ratio": {"type": "number"},
            "all": {"type": "boolean"},
            "list": {"type": "array"},
        },
        "required": ["file_path"],
    },
)
TOOLS = {"write": WRITE}


def markup(*parameters: tuple[str, str], name: str = "write") -> str:
    inner = "".join(f'<parameter name="{k}">{v}</parameter>\n' for k, v in parameters)
    return f'<minimax:tool_call>\n<invoke name="{name}">\n{inner}</invoke>\n</minimax:tool_call>'


def arguments(text: str) -> list[dict[str, object]]:
    found = read(text, TOOLS)
    assert found is not None
    return [dict(call.arguments) for call in found[0]]


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("content", "\n  indented\n", "  indented"),
        ("content", "a file's last line\n", "a file's last line\n"),
        ("content", "7", "7"),
        ("content", "none", "none"),
        ("content", "a & <b> &amp;", "a & <b> &amp;"),
        ("count", " 7 ", 7),
        ("count", "many", "many"),
        ("ratio", "2.0", 2),
        ("ratio", "0.5", 0.5),
        ("all", "True", True),
        ("all", "1", True),
        ("all", "no", False),
        ("list", '["a"]', ["a"]),
        ("list", "[a", "[a"),
        ("other", "7", "7"),
    ],
)
def test_values_by_the_schema(name: str, raw: str, value: object) -> None:
    assert arguments(markup((name, raw))) == [{name: value}]


def test_a_null_is_left_out_unless_it_is_needed() -> None:
    assert arguments(markup(("file_path", "null"), ("content", "null"))) == [{"file_path": "null"}]


@pytest.mark.parametrize("hole", ["</parameter>", "</minimax:tool_call>", "</invoke>", "a</parameter>\n<b>"])
def test_closing_tags_inside_a_value_stay(hole: str) -> None:
    value = f"before {hole} after"
    found = read(markup(("content", value), ("count", "1")), TOOLS)
    assert found is not None
    assert found[0][0].arguments == {"content": value, "count": 1}
    assert any("may have been cut" in r for r in found[0][0].repairs) == ("</parameter>" in hole)


def test_several_calls_get_ids_of_their_own_and_the_text_between_is_kept() -> None:
    found = read(f"{markup(('count', '1'))}\nand\n{markup(('count', '2'))} end", TOOLS)
    assert found is not None
    calls, text = found
    assert [c.arguments for c in calls] == [{"count": 1}, {"count": 2}]
    assert len({c.id for c in calls}) == 2
    assert all(c.repairs == (READ_FROM_TEXT,) for c in calls)
    assert text.split() == ["and", "end"]


@pytest.mark.parametrize(
    "text",
    [
        "<invoke name='write'><parameter name=count>1</parameter></invoke>",
        "<tool_calls>\n<invoke name=write><parameter name='count'>1</parameter></invoke></tool_calls>",
        '<tool_call>\n{"name": "write", "arguments": {"count": 1}}\n</tool_call>',
        '<tool_calls>\n{"name": "write", "arguments": {"count": 1}}\n</tool_calls>',
        '<minimax:tool_call><invoke name="write"><parameter name="count">1</parameter></invoke>',
        '<minimax:tool_call><invoke name="write"><parameter name="count">1</invoke></minimax:tool_call>',
        '<function_calls>\n<invoke name="write"><parameter name="count">1</parameter></invoke>\n</function_calls>',
        "<function=write>\n<parameter=count>\n1\n</parameter>\n</function>",
        "<tool_call>\n<function=write>\n<parameter=count>1</parameter>\n</function>\n</tool_call>",
        '<invoke name="Write"><parameter name="count">1</parameter></invoke>',
        '<invoke name="functions.write"><parameter name="count">1</parameter></invoke>',
        '<invoke name="default_api:Write "><parameter name="count">1</parameter></invoke>',
        '<tool_call>{"name": "WRITE", "arguments": "{\'count\': 1}"}</tool_call>',
    ],
)
def test_older_and_broken_forms_are_read(text: str) -> None:
    assert arguments(text) == [{"count": 1}]


def test_a_value_without_end_stops_at_the_next_parameter() -> None:
    text = markup(("file_path", "a"), ("count", "1")).replace("a</parameter>", "a")
    assert arguments(text) == [{"file_path": "a", "count": 1}]


@pytest.mark.parametrize(
    "text",
    [
        markup(("count", "1"))[:-40],
        markup(("count", "1"), name="rm"),
        "<minimax:tool_call>\n</minimax:tool_call>",
        "<minimax:tool_call>",
        "<invoke name=",
        '<tool_call>{"name": "write", "arguments": {"count"',
        f'{markup(("count", "1"))}\n<minimax:tool_call>\n<invoke name="write">',
    ],
)
def test_what_is_not_whole_or_not_offered_is_not_run(text: str) -> None:
    assert read(text, TOOLS) is None


@pytest.mark.parametrize(
    ("told", "echo"),
    [
        (markup(("count", "1")), True),
        ("before\n" + markup(("count", "1")) + "\nafter", True),
        ("\n".join(f"  {n}\t{line}" for n, line in enumerate(markup(("count", "1")).split("\n"))), True),
        ("\n".join(f"src/a.md:{n}:{line}" for n, line in enumerate(markup(("count", "1")).split("\n"))), True),
        (markup(("count", "2")), False),
        ("count 1", False),
        ("", False),
    ],
)
def test_a_call_that_stands_in_what_it_was_told_is_a_quotation(told: str, echo: bool) -> None:
    assert echoes(markup(("count", "1")), ["other", told]) is echo


def test_what_is_no_call_is_no_quotation() -> None:
    assert not echoes("<minimax:tool_call>{}</minimax:tool_call>", ["{}"])
