"""Answers that must be JSON: a bad schema is refused before it costs a token, an answer is judged by it alone."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from minicode.cli.structured import check, instruction, repair, sound
from minicode.errors import UsageError

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ([1], "must be a JSON object"),
        (True, "must be a JSON object"),
        ({"type": "integr"}, "'integr' is not valid under any of the given schemas"),
        ({"required": "x"}, "not a valid schema"),
        ({"pattern": "["}, "not a valid schema"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": []}, "not a valid schema"),
    ],
)
def test_what_is_no_schema(schema: Any, words: str) -> None:
    with pytest.raises(UsageError, match=r"^--json-schema ") as caught:
        sound(schema)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [{}, POINT, {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}],
)
def test_what_is_a_schema(schema: Any) -> None:
    assert sound(schema) is schema


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"x": 1}', {"x": 1}),
        ('\n {"x": 1} \n', {"x": 1}),
        ('```json\n{"x": 1}\n```', {"x": 1}),
        ('\n```\n{"x":\n1}\n```\n', {"x": 1}),
        ('{"x": 1, "y": "```"}', {"x": 1, "y": "```"}),
    ],
)
def test_an_answer_that_fits(text: str, value: Any) -> None:
    assert check(text, POINT) == (value, "")


@pytest.mark.parametrize(
    ("text", "schema", "trouble"),
    [
        ("", POINT, "it is not JSON ("),
        ('Here it is: {"x": 1}', POINT, "it is not JSON ("),
        ('{"x": 1} {"x": 2}', POINT, "it is not JSON ("),
        ('{"x": NaN}', {}, "it is not JSON (NaN is not JSON)."),
        ("[-Infinity]", {}, "it is not JSON (-Infinity is not JSON)."),
        ("[" * 100_000, {}, "it is not JSON ("),
        ('{"x": "1"}', POINT, "$.x: '1' is not of type 'integer'."),
        ("{}", POINT, "$: 'x' is a required property."),
        ("[]", POINT, "$: [] is not of type 'object'."),
    ],
)
def test_an_answer_that_does_not_fit(text: str, schema: Any, trouble: str) -> None:
    value, found = check(text, schema)
    assert value is None
    assert found.startswith(trouble)


def test_null_can_be_the_answer() -> None:
    assert check("null", {"type": ["object", "null"]}) == (None, "")


def test_the_draft_that_a_schema_names_counts() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert check("[1]", schema)[1] == "$[0]: 1 is not of type 'string'."


def test_references_inside_the_schema_are_followed() -> None:
    schema = {"$ref": "#/$defs/point", "$defs": {"point": POINT}}
    assert check('{"x": 1}', schema) == ({"x": 1}, "")
    assert check("{}", schema)[1] == "$: 'x' is a required property."


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/$defs/none"}, "refers to '/$defs/none', which it does not hold"),
        ({"$ref": "#"}, "refers to itself without end"),
    ],
)
def test_references_that_lead_nowhere(schema: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check("{}", sound(schema))
    assert words in str(caught.value)


def test_a_reference_to_the_network_is_not_followed() -> None:
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            with pytest.raises(UsageError, match="which it does not hold"):
                check("{}", {"$ref": f"http://127.0.0.1:{server.server_port}/schema.json"})
        finally:
            server.shutdown()
    assert asked == []


def test_the_model_is_told_the_schema_and_the_trouble() -> None:
    text = instruction({"title": "Größe", **POINT})
    assert json.loads(text.splitlines()[-1]) == {"title": "Größe", **POINT}
    assert "Größe" in text
    assert "$.x: wrong." in repair("$.x: wrong.")
