"""What a source file, or each file of a folder, defines."""

from pathlib import Path

from minicode.toolkit import (
    CAP,
    Line,
    Nested,
    Result,
    Scope,
    clean,
    code_of,
    count,
    list_files,
    nested,
    no_grammar,
    tool,
)

MOST_FILES = 500
# How much is told: how deep things lie, and whether variables are; less and less, until it fits.
DETAILS = ((99, True), (1, False), (0, False))


@tool(effect="reads")
async def outline(scope: Scope, path: str) -> Result:
    """List what a source file, or the files of a folder, define, with line numbers."""
    folder = scope.workspace.folder
    place = folder.resolve(path)
    notes = []
    if place.is_dir():
        listing = await list_files(scope.workspace, place)
        files = sorted(map(str, listing.files))
        if len(files) > MOST_FILES:
            notes.append(f"{MOST_FILES} of {count(len(files), 'file')}; outline a smaller folder")
        notes += [listing.note] if listing.note else []
    else:
        files = [str(scope.workspace.files.read(place).path)]
    code, more = await code_of(scope, files[:MOST_FILES])
    notes += more
    if not any(parsed.symbols for parsed in code.values()):
        notes = [note for note in (*notes, no_grammar(files)) if note]
        told = f"\n[{'; '.join(notes)}]" if notes else ""
        return Result(f"Nothing is defined in {folder.show(place)} as far as is seen; use read or grep.{told}")
    found = {folder.show(Path(name)): list(nested(code[name].symbols)) for name in sorted(code) if code[name].symbols}
    for depth, variables in DETAILS:
        parts = [told_of(name, symbols, depth, variables) for name, symbols in found.items()]
        if sum(len(part.encode("utf-8", "replace")) + 1 for part in parts) < CAP - 1000:
            break
    else:
        notes.append("too long to be shown whole; outline one file or a smaller folder")
    total = sum(map(len, found.values()))
    text = scope.fit("\n".join(parts), limit=CAP - 1000) + (f"\n[{'; '.join(notes)}]" if notes else "")
    return Result(text, (Line(f"{folder.show(place)}: {count(total, 'symbol')}"),))


def told_of(name: str, symbols: list[Nested], depth: int, variables: bool) -> str:
    lines = [f"{name}:"]
    for symbol, outer in symbols:
        if len(outer) <= depth and (variables or symbol.kind != "variable"):
            lines.append(f"{f'{symbol.first}-{symbol.last}':>9} {'  ' * len(outer)}{clean(symbol.text)}")
    return "\n".join(lines)
