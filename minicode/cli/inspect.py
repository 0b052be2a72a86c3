"""What is in force: settings and where they came from, models, tools."""

from __future__ import annotations

import sys
from pathlib import Path

from minicode.ground import ground, load_tools, untrusted
from minicode.model import catalogue
from minicode.plain import stderr_colour
from minicode.settings import FIELDS, dotted


def config(folder: Path | None, trust: bool, assignments: tuple[str, ...]) -> int:
    base = ground(folder, trust, None, assignments)
    for name, field in FIELDS.items():
        value = getattr(base.settings, name)
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
        shipped = base.layered.origins.get(name, "shipped")
        print(f"{dotted(name)} = {shown!r}  # {shipped}; {field.metadata['help']}")
    print(f"# user's file: {base.places.config_file}")
    if base.judged.present and not base.judged.trusted:
        print(f"# not read: {', '.join(base.judged.present)}; {untrusted(base)}")
    return 0


def models() -> int:
    print(f"{'id':26} {'context':>9} {'output':>8}  USD per million: in / out / cache read / cache write")
    for model in catalogue.models():
        price = "unknown"
        if p := model.price:
            price = f"{p.input:g} / {p.output:g} / {p.cache_read:g} / {p.cache_write:g}"
        print(f"{model.id:26} {model.context:9,} {model.output:8,}  {price}")
    print(f"Prices as read in {catalogue.prices_read()}. Any other id is accepted; it gets safe limits and no price.")
    return 0


def tools(folder: Path | None, trust: bool) -> int:
    """Exit 1 if a tool file is broken."""
    toolbox = load_tools(ground(folder, trust))
    for tool in toolbox.tools.values():
        first = tool.spec.description.split("\n")[0]
        over = f" (in place of the one that is {', '.join(tool.replaces)})" if tool.replaces else ""
        print(f"{tool.spec.name:10} {tool.origin:8} {tool.effect:7} {first}{over}")
    red, plain = ("\x1b[31m", "\x1b[0m") if stderr_colour() else ("", "")
    for broken in toolbox.broken:
        print(f"{red}broken     {broken.origin:8} {broken.path}: {broken.reason}{plain}", file=sys.stderr)
    return 1 if toolbox.broken else 0
