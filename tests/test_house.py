"""The house stands: floors, no circles, sizes, banned imports. What can be checked by a machine is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Every room and its floor. An import points down, or sideways within its own group; deferred ones are no exception.
GROUND = (
    *("minicode", "messages", "events", "show", "errors", "text", "colours", "redact", "keys", "outward"),
    *("paths", "settings", "settings_file", "trust", "prompts"),
)
FLOORS: list[dict[str, tuple[str, ...]]] = [
    {"ground": GROUND},
    {"sandbox": ("sandbox",)},
    {"model": ("model",), "journal": ("journal",), "workspace": ("workspace",)},
    {"web": ("web",)},
    {
        "hands": ("toolkit", "schema", "aliases", "surroundings", "dialects", "coercion", "repair", "live", "toolbox"),
        "permission": ("permission",),
        "hooks": ("hooks",),
        "context": ("context",),
        "export": ("export",),
        "foreign": ("foreign",),
    },
    {
        "loop": (
            "turn",
            "guards",
            "background",
            "limits",
            "records",
            "gate",
            "checkpoints",
            "parts",
            "pasting",
            "questions",
            "planning",
            "folding",
            "resuming",
            "replay",
            "rewinding",
            "running",
            "sending",
            "verifying",
        )
    },
    {"session": ("session",)},
    {"faces": ("plain", "printing", "jsonl", "tui"), "lab": ("lab",)},
    {"top": ("plan", "start", "outfit", "delegating", "overseeing", "opening", "safety", "ground", "cli", "__main__")},
]
FACES = ("plain", "printing", "jsonl", "tui")
FACES_MAY = ("session", "events", "messages", "show", "settings", "text", "colours")
LAB_MAY = ("lab", "messages", "errors", "minicode")
# Dear to import: allowed only inside the function that needs them. The screen is built of two, and itself loaded late.
DEAR = (
    *("httpx", "pydantic", "textual", "rich", "git", "tree_sitter", "tree_sitter_bash"),
    *("json_repair", "jsonschema", "truststore", "keyring", "httpcore", "bs4", "markdownify", "ddgs"),
)
OF_THE_SCREEN = ("textual", "rich")
ONLY = {"httpx": ("model/remote.py",), "httpcore": ("model/remote.py", "web/wire.py")}
LINES, FUNCTION_LINES = 350, 60


@cache
def sources(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(name: str) -> str:
    """minicode.model.sse → model; minicode itself → minicode."""
    return name.split(".")[1] if "." in name else name


def place(name: str) -> tuple[int, str]:
    for floor, groups in enumerate(FLOORS):
        for group, rooms in groups.items():
            if room(name) in rooms:
                return floor, group
    raise AssertionError(f"{name} has no place in tests/test_house.py: put it on its floor")


@cache
def all_modules() -> frozenset[str]:
    return frozenset(module(p) for p in sources("minicode"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    tree = parsed(path)
    modules = all_modules()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in modules else base


@pytest.mark.parametrize("path", sources("minicode"), ids=module)
def test_imports_point_down(path: Path) -> None:
    here, group = place(module(path))
    for name in imports(path):
        if name.split(".")[0] != "minicode":
            continue
        there, other = place(name)
        assert there < here or (there == here and other == group), f"{module(path)} must not know {name}"
        if room(module(path)) in FACES:
            assert room(name) in (*FACES_MAY, *FACES), f"a face must not know {name}"
        if room(module(path)) == "lab":
            assert room(name) in LAB_MAY, f"the lab is an independent reading of the protocol: {name}"


def test_no_circles() -> None:
    graph = {
        module(p): {n for n in imports(p) if n.startswith("minicode.") and n != module(p)} for p in sources("minicode")
    }
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, "circle: " + " → ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in graph.get(name, ()):
                walk(other, (*way, name))
            done.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("path", sources("minicode"), ids=module)
def test_dear_packages_are_imported_late(path: Path) -> None:
    for name in imports(path, top_only=True):
        if room(module(path)) == "tui" and name.split(".")[0] in OF_THE_SCREEN:
            continue
        assert name.split(".")[0] not in DEAR, f"{module(path)} imports {name} at the top; do it where it is needed"
    for name in imports(path):
        allowed = ONLY.get(name.split(".")[0])
        assert allowed is None or str(path.relative_to(ROOT / "minicode")) in allowed, f"{name} in {path}"
        assert name.split(".")[0] not in ("tools", "prompts"), "tools and prompts are found, not imported"


@pytest.mark.parametrize("path", sources("tools"), ids=lambda p: p.stem)
def test_tools_know_only_the_toolkit(path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] != "minicode" or name == "minicode.toolkit", f"{path.name} must not know {name}"


@pytest.mark.parametrize("path", sources("minicode", "tools"), ids=module)
def test_sizes(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    assert len(lines) <= LINES, f"{path} has {len(lines)} lines: split it by duty"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and path.name != "app.py":
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{path}: {node.name} has {length} lines"
        if isinstance(node, ast.ExceptHandler) and _broad(node):
            assert "# why:" in lines[node.lineno - 1], f"{path}:{node.lineno}: a broad except says why"


def _broad(node: ast.ExceptHandler) -> bool:
    names = [n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)] if node.type else [""]
    return any(name in ("", "Exception", "BaseException") for name in names)


@pytest.mark.parametrize("path", sources("minicode", "tools"), ids=module)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{path} has no docstring"
