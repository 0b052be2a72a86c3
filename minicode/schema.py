"""The JSON schema of a tool, read from the signature of its function; the same bytes in every process."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from minicode.toolkit import Scope

Schema = dict[str, Any]
_PLAIN: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


class UnfitError(Exception):
    """The function cannot be a tool; the message is a sentence that says why."""


class Signature(NamedTuple):
    """description: what the model is told. schema: of the arguments. scope: the parameter that gets the Scope, or "".

    models: parameters whose value is made by a pydantic model.
    """

    description: str
    schema: Schema
    scope: str = ""
    models: Mapping[str, Any] = {}


def signature_of(function: Callable[..., Any]) -> Signature:
    """Raises UnfitError if a parameter has no type or one that the model cannot be told of."""
    if not inspect.iscoroutinefunction(function):
        raise UnfitError(f"`{function.__name__}` must be an `async def` function.")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise UnfitError(f"The annotations of `{function.__name__}` cannot be read: {error}.") from None
    description = inspect.cleandoc(function.__doc__ or "")
    if not description:
        raise UnfitError(f"`{function.__name__}` needs a docstring: it is what the model is told.")
    scope, properties, required, models = "", {}, [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise UnfitError(f"Parameter `{name}` must be a plain named one, without * or /.")
        if name not in hints:
            raise UnfitError(f"Parameter `{name}` needs a type.")
        if hints[name] is Scope:
            scope = name
            continue
        kind = _without_none(hints[name])
        if _is_model(kind):
            models[name] = kind
        properties[name] = _schema(hints[name], f"Parameter `{name}`")
        if parameter.default is parameter.empty:
            required.append(name)
        elif parameter.default is not None and _admits_none(hints[name]):
            raise UnfitError(f"Parameter `{name}` may be None, so its default must be None.")
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return Signature(description, schema, scope, models)


def _schema(kind: Any, where: str) -> Schema:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        schema = _schema(arguments[0], where)
        texts = [text for text in arguments[1:] if isinstance(text, str)]
        return {**schema, "description": texts[0]} if texts else schema
    if origin in (Union, types.UnionType):
        rest = [a for a in arguments if a is not type(None)]
        if len(rest) != 1 or len(rest) == len(arguments):
            raise UnfitError(f"{where} has a choice of types ({kind}); give it one, or `T | None = None`.")
        return _schema(rest[0], where)
    if origin is Literal:
        names = {_PLAIN.get(type(a)) for a in arguments}
        if len(names) != 1 or None in names:
            raise UnfitError(f"{where}: the values of a Literal must be all texts or all numbers.")
        return {"type": names.pop(), "enum": list(arguments)}
    if kind is list or origin is list:
        return {"type": "array", "items": _schema(arguments[0], where)} if arguments else {"type": "array"}
    if origin is dict:
        return {"type": "object"}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if typing.is_typeddict(kind):
        return _typed_dict(kind, where)
    if _is_model(kind):
        return _model(kind, where)
    raise UnfitError(
        f"{where} has the type {getattr(kind, '__name__', kind)}, which the model cannot be told of; use str, int, "
        "float, bool, Literal, list, dict, a flat TypedDict or a pydantic model."
    )


def _typed_dict(kind: Any, where: str) -> Schema:
    properties, required = {}, []
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        wanted = name in kind.__required_keys__
        if get_origin(hint) in (typing.Required, typing.NotRequired):
            wanted, hint = get_origin(hint) is typing.Required, get_args(hint)[0]
        properties[name] = _schema(hint, f"{where}, key `{name}`")
        if wanted:
            required.append(name)
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _without_none(hint: Any) -> Any:
    kind = _bare(hint)
    if get_origin(kind) in (Union, types.UnionType):
        kind = next((a for a in get_args(kind) if a is not type(None)), kind)
    return kind


def _admits_none(hint: Any) -> bool:
    return type(None) in get_args(_bare(hint))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate")


def _model(kind: Any, where: str) -> Schema:
    """The schema of a pydantic model with its references written out and its nullable fields made plain."""
    whole = kind.model_json_schema()
    definitions = whole.get("$defs", {})

    def flat(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [flat(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name in inside:
                raise UnfitError(f"{where}: the model {name} contains itself, which cannot be written out.")
            return {**flat(definitions[name], (*inside, name)), **flat(_but(node, "$ref"), inside)}
        if "anyOf" in node:
            rest = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
            if len(rest) != 1:
                raise UnfitError(f"{where}: a field has a choice of types; give it one.")
            return flat({**_but(node, "anyOf", "default"), **rest[0]}, inside)
        # A key of `properties` is a name, not a word of the schema, so "title" may be one there.
        return {
            key: {name: flat(item, inside) for name, item in value.items()}
            if key == "properties"
            else flat(value, inside)
            for key, value in _but(node, "$defs", "title").items()
        }

    flattened: Schema = flat(whole, (kind.__name__,))
    return flattened


def _but(node: Mapping[str, Any], *keys: str) -> Schema:
    return {key: value for key, value in node.items() if key not in keys}
