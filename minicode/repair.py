"""Read a call as it was meant: pure, total, and with a word for everything that was mended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from minicode import dialects, surroundings
from minicode.aliases import INSTEAD, PARAMETER_ROWS, TOOL_ALIASES, fold
from minicode.coercion import coerced, from_json, short, word
from minicode.messages import ToolSpec
from minicode.model.schema import NAMESPACE

Schema = Mapping[str, Any]
# What templates of other models leave behind a name: `bash:0`, `bash<|channel|>commentary`, `bash()`.
_SUFFIX = re.compile(r"(?::\d+|<\|.*|\(\s*\)|[>\"'`,;:.\s]+)$", re.DOTALL)
_WRAPPERS = ("arguments", "args", "input", "parameters", "params", "kwargs", "toolinput", "toolarguments", "payload")
_OPEN = re.compile(r"<parameter\b[^<>]*(?<!/)>")
_CALL_ENDS = re.compile(r"\s*</parameter>\s*</invoke>\s*(?:</(?:minimax:)?tool_calls?>\s*)?$")
_SWALLOWED = re.compile(r"(?:\s*</parameter>)?\s*<parameter\s+name=[\"']?([^\"'<>]+?)[\"']?\s*>")

# Kinds of repairs, each with words that all phrases of the kind have, the more special first.
KINDS: tuple[tuple[str, str], ...] = (
    ("leaked into the text", "tool-call markup in the text"),
    ("id used twice", "id of another call"),
    ("may be cut", "may have been cut"),
    ("other tool name", "was read as the tool"),
    ("unknown parameter", "unknown parameter"),
    ("broken JSON", "JSON"),
    ("broken JSON", "object came"),
    ("broken JSON", "objects came"),
    ("broken JSON", "were escaped"),
    ("broken JSON", "were doubled"),
    ("broken JSON", "were added"),
    ("wrapped arguments", "was unwrapped"),
    ("markup in a value", "markup"),
    ("other parameter name", "read `"),
    ("other type", "was read as"),
)
OTHER = "said in another way"
NOT_RUN = "not run: "
_REFUSALS = (
    (f"{NOT_RUN}no such tool", "There is no tool `"),
    (f"{NOT_RUN}broken JSON", "were not readable as a JSON object"),
    (f"{NOT_RUN}arguments", " was not run: "),
)


class Mended(NamedTuple):
    """name: of the tool, "" if there is none. repairs: a phrase each. error: why it cannot run, and what would."""

    name: str
    arguments: dict[str, Any]
    repairs: tuple[str, ...] = ()
    error: str | None = None


def mend(name: str, arguments: Any, schemas: Mapping[str, Schema]) -> Mended:
    """The tool and the arguments that were meant. Never raises, whatever it is given.

    schemas: of the tools there are, by name.
    """
    if not isinstance(arguments, Mapping):
        arguments = {}
    arguments = {str(key): value for key, value in arguments.items()}
    repairs: list[str] = []
    try:
        found, given = _find(name, arguments, schemas, repairs)
    except dialects.UntranslatableError as error:
        ours = _target(_bare(name, schemas), schemas) or name
        return Mended(ours if ours in schemas else "", {}, (), f"{short(ours)} was not run: {error}.")
    if found is None:
        return _near(name, arguments, schemas) or Mended("", given, (), _unknown(name, schemas))
    if found != name:
        repairs.insert(0, f"`{short(name)}` was read as the tool `{found}`")
    return _fitted(found, given, schemas[found], repairs)


def shape(spec: ToolSpec) -> str:
    """How a call looks: `read({"file_path": text, "offset"?: a whole number})`."""
    required = spec.schema.get("required", ())
    parts = [
        f'"{name}"{"" if name in required else "?"}: {word(schema)}'
        for name, schema in spec.schema.get("properties", {}).items()
    ]
    return f"{spec.name}({{{', '.join(parts)}}})"


def kind_of(phrase: str) -> str:
    """What sort of repair a phrase tells of, to be counted by."""
    return next((kind for kind, words in KINDS if words in phrase), OTHER)


def refusal_of(text: str) -> str:
    """Why a failed result says that the call could not even be read; "" if it says something else."""
    return next((kind for kind, words in _REFUSALS if words in text[:200]), "")


def _fitted(name: str, given: dict[str, Any], schema: Schema, repairs: list[str]) -> Mended:
    """The arguments under their names and of their types."""
    properties = schema.get("properties") or {}
    given = _unmarked(_unwrapped(given, schema, repairs), schema, repairs)
    key, folder = surroundings.place_of(given, properties) if name == "bash" else ("", "")
    given = _named(given, schema, repairs)
    final, problems = coerced(given, schema, repairs, _named)
    if folder and isinstance(final.get("command"), str):
        final["command"] = surroundings.there(folder, final["command"])
        repairs.append(f"read `{short(key)}` as a `cd` before the command")
    repairs += [
        f"`{key}` ends behind an open <parameter> and may have been cut at its closing tag: check the end"
        for key, value in final.items()
        if isinstance(value, str) and _is_cut(value)
    ]
    error = None
    if problems:
        error = f"{name} was not run: {'; '.join(problems)}. Right would be: {shape(ToolSpec(name, '', schema))}"
    return Mended(name, final, tuple(repairs), error)


def _bare(name: str, schemas: Mapping[str, Schema]) -> str:
    """The name without what other templates put around it."""
    bare = name.strip().strip("`\"'")
    while bare not in schemas:
        shorter = _SUFFIX.sub("", NAMESPACE.sub("", bare))
        if shorter == bare or not shorter:
            break
        bare = shorter
    return bare


def _target(name: str, schemas: Mapping[str, Schema]) -> str:
    """Our tool of that name or of one that others give it; "" if there is none."""
    if name in schemas:
        return name
    ours = TOOL_ALIASES.get(fold(name), "")
    return next((known for known in schemas if fold(known) == fold(name)), ours if ours in schemas else "")


def _find(
    name: str, arguments: dict[str, Any], schemas: Mapping[str, Schema], repairs: list[str]
) -> tuple[str | None, dict[str, Any]]:
    """The tool that is meant, by its name, else by how others call it; and the arguments in its manner."""
    bare = _bare(name, schemas)
    folded = {fold(known): known for known in schemas}
    direct = bare if bare in schemas else folded.get(fold(bare))
    if direct is not None and direct not in TOOL_ALIASES.values():
        return direct, arguments  # a tool of the user's own: its parameters are nobody else's
    known = schemas.get(direct or _target(bare, schemas), {}).get("properties") or {}
    renamed, rewritten = dialects.rewrite(bare, arguments, repairs, known)
    if direct is not None:
        return direct, rewritten
    return _target(renamed, schemas) or None, rewritten


def _near(name: str, arguments: dict[str, Any], schemas: Mapping[str, Schema]) -> Mended | None:
    """A tool whose name is a slip of the pen away, if the arguments are just its own: then nothing else was meant."""
    from difflib import SequenceMatcher

    said = fold(_bare(name, schemas))[:100]
    near = [
        known
        for known in schemas
        if len(said) > 2
        and (sorted(fold(known)) == sorted(said) or SequenceMatcher(None, fold(known), said).ratio() >= 0.85)
    ]
    if len(near) != 1:
        return None
    mended = _fitted(near[0], dict(arguments), schemas[near[0]], [])
    if mended.error is not None or mended.repairs or not arguments:
        return None
    return mended._replace(repairs=(f"`{short(name)}` was read as the tool `{near[0]}`",))


def _unknown(name: str, schemas: Mapping[str, Schema]) -> str:
    from difflib import get_close_matches

    said = fold(_bare(name, schemas))[:100]
    near = get_close_matches(said, [fold(known) for known in schemas], n=3, cutoff=0.6)
    names = sorted((known for known in schemas if fold(known) in near), key=lambda known: near.index(fold(known)))
    meant = f" Did you mean {' or '.join(names)}?" if names else ""
    instead = f" {INSTEAD[said]}" if said in INSTEAD else ""
    return f"There is no tool `{short(name)}`.{instead}{meant} The tools are: {', '.join(schemas) or '(none)'}."


def _unwrapped(given: dict[str, Any], schema: Schema, repairs: list[str]) -> dict[str, Any]:
    """`{"arguments": {…}}` is what is in it, unless the tool has such a parameter."""
    if len(given) == 1:
        (key, value), *_ = given.items()
        if fold(key) in _WRAPPERS and key not in schema.get("properties", {}):
            inner = from_json(value) if isinstance(value, str) else value
            if isinstance(inner, Mapping):
                repairs.append(f"`{key}` was unwrapped")
                return {str(k): v for k, v in inner.items()}
    return given


def _unmarked(given: dict[str, Any], schema: Schema, repairs: list[str]) -> dict[str, Any]:
    """Markup of the call itself that a server's parser left in a value: the call's end, or a parameter that is missing.

    Only what can be nothing else is taken out, for a file may well be about such markup.
    """
    missing = [name for name in schema.get("required", ()) if name not in given]
    clean = dict(given)
    for key, value in given.items():
        if not isinstance(value, str) or "<" not in value:
            continue
        if "<invoke" not in value and (end := _CALL_ENDS.search(value)):
            value = clean[key] = value[: end.start()]
            repairs.append(f"the markup of the call's end was taken off `{short(key)}`")
        inner = next((m for m in _SWALLOWED.finditer(value) if m[1] in missing), None)
        if inner is not None:
            clean[key], clean[inner[1]] = value[: inner.start()], value[inner.end() :].removesuffix("</parameter>")
            missing.remove(inner[1])
            repairs.append(f"the markup of `{inner[1]}` was found inside `{short(key)}` and taken out")
    return clean


def _is_cut(value: str) -> bool:
    """Servers end a value at the first </parameter>, even if it is part of a file."""
    ends = [match.end() for match in _OPEN.finditer(value)]
    return bool(ends) and "</parameter>" not in value[ends[-1] :]


def _named(given: dict[str, Any], schema: Schema, repairs: list[str], where: str = "") -> dict[str, Any]:
    """Every key under the name the schema has for it; what has none is left out."""
    known = schema.get("properties")
    if known is None:
        return given  # an object of any keys
    named = {key: value for key, value in given.items() if key in known}
    for key, value in given.items():
        if key in known:
            continue
        meant = _parameter(key, [p for p in known if p not in named])
        if meant is None:
            repairs.append(f"unknown parameter `{where}{short(key)}` was ignored")
        else:
            named[meant] = value
            repairs.append(f"read `{where}{short(key)}` as `{where}{meant}`")
    return named


def _parameter(key: str, free: list[str]) -> str | None:
    folded = {fold(p): p for p in free}
    name = fold(key)
    if name in folded:
        return folded[name]
    for row in PARAMETER_ROWS:
        if name in row:
            for other in row:
                if other in folded:
                    return folded[other]
    from difflib import get_close_matches

    near = get_close_matches(name[:100], folded, n=1, cutoff=0.8)
    return folded[near[0]] if near else None
