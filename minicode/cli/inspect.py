"""What is in force: settings and where they came from, models, tools."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from minicode.ground import Ground, ground, load_tools, untrusted
from minicode.model import catalogue
from minicode.plain import stderr_colour
from minicode.settings import FIELDS, Settings, dotted
from minicode.toolbox import Toolbox


def config(folder: Path | None, trust: bool, assignments: tuple[str, ...]) -> int:
    for line in config_lines(ground(folder, trust, None, assignments)):
        print(line)
    return 0


def config_lines(base: Ground) -> Iterator[str]:
    for name, field in FIELDS.items():
        value, origin = getattr(base.settings, name), base.layered.origins.get(name, "shipped")
        yield f"{dotted(name)} = {_shown(value)}  # {origin}; {field.metadata['help']}"
    yield f"# user's file: {base.places.config_file}"
    if base.judged.present and not base.judged.trusted:
        yield f"# not read: {', '.join(base.judged.present)}; {untrusted(base)}"


def differences(base: Ground, running: Settings) -> Iterator[str]:
    """The settings with which a session was started and that would be others now."""
    for name in FIELDS:
        if (value := getattr(running, name)) != getattr(base.settings, name):
            yield f"{dotted(name)} = {_shown(value)}"


def _shown(value: object) -> str:
    return repr(",".join(map(str, value)) if isinstance(value, tuple) else value)


def models() -> int:
    for line in model_lines():
        print(line)
    return 0


def model_lines(current: str = "") -> Iterator[str]:
    """current: the id that is marked."""
    mark = "  " if current else ""
    yield f"{mark}{'id':26} {'context':>9} {'output':>8}  USD per million: in / out / cache read / cache write"
    for model in catalogue.models():
        price = "unknown"
        if p := model.price:
            price = f"{p.input:g} / {p.output:g} / {p.cache_read:g} / {p.cache_write:g}"
        here = "● " if current and model == catalogue.look_up(current) else mark
        yield f"{here}{model.id:26} {model.context:9,} {model.output:8,}  {price}"
    yield f"Prices as read in {catalogue.prices_read()}. Any other id is accepted; it gets safe limits and no price."


def tools(folder: Path | None, trust: bool) -> int:
    """Exit 1 if a tool file is broken."""
    toolbox = load_tools(ground(folder, trust))
    for line in tool_lines(toolbox):
        print(line)
    red, plain = ("\x1b[31m", "\x1b[0m") if stderr_colour() else ("", "")
    for line in broken_lines(toolbox):
        print(f"{red}{line}{plain}", file=sys.stderr)
    return 1 if toolbox.broken else 0


def tool_lines(toolbox: Toolbox) -> Iterator[str]:
    for tool in toolbox.tools.values():
        first = tool.spec.description.split("\n")[0]
        over = f" (in place of the one that is {', '.join(tool.replaces)})" if tool.replaces else ""
        yield f"{tool.spec.name:10} {tool.origin:8} {tool.effect:7} {first}{over}"


def broken_lines(toolbox: Toolbox) -> Iterator[str]:
    for broken in toolbox.broken:
        yield f"broken     {broken.origin:8} {broken.path}: {broken.reason}"
