"""The shipped tools in other clothes: tool files as a user writes them, under other names, with other parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from minicode.paths import shipped


class Dress(NamedTuple):
    """name: that the tool goes by. says, after: put around its description. backwards: its parameters the other way
    round. extra: optional parameters it takes and does not heed. fails: how often it fails before it works."""

    name: str = ""
    says: str = ""
    after: str = ""
    backwards: bool = False
    extra: tuple[str, ...] = ()
    fails: int = 0


FILE = '''"""A shipped tool in other clothes."""

import importlib.util
import inspect
import sys

from minicode.toolkit import tool

_spec = importlib.util.spec_from_file_location({module!r}, {path!r})
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)
_shipped = _module.{ours}
_extra = {extra!r}
_failures = [None] * {fails}


async def {name}(**given):
    if _failures:
        _failures.pop()
        raise OSError(5, "Input/output error")
    return await _shipped.function(**{{key: value for key, value in given.items() if key not in _extra}})


_parameters = list(inspect.signature(_shipped.function).parameters.values())
_parameters += [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default="", annotation=str) for n in _extra]
if {backwards!r}:
    _parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in reversed(_parameters)]
{name}.__doc__ = {says!r} + inspect.cleandoc(_shipped.function.__doc__) + {after!r}
{name}.__signature__ = inspect.Signature(_parameters)
{name}.__annotations__ = {{p.name: p.annotation for p in _parameters}}
{name} = tool(effect=_shipped.effect, harmless=_shipped.harmless)({name})
'''


def names() -> tuple[str, ...]:
    """Of the shipped tools."""
    return tuple(sorted(path.stem for path in shipped("tools").glob("[!_]*.py")))


def dress(folder: Path, dresses: Mapping[str, Dress]) -> None:
    """Write tool files for shipped tools, by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for ours, one in dresses.items():
        name = one.name or ours
        text = FILE.format(
            module=f"dressed_{folder.parent.name.strip('.')}_{ours}",
            path=str(shipped("tools") / f"{ours}.py"),
            ours=ours,
            name=name,
            says=one.says,
            backwards=one.backwards,
            after=one.after,
            extra=one.extra,
            fails=one.fails,
        )
        (folder / f"{name}.py").write_text(text)
