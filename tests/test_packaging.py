"""What is shipped: the wheel, the wheel made from the sdist, and an editable install all find tools and prompts."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOVED = {"tools": "minicode/_shipped/tools", "prompts": "minicode/_shipped/prompts"}
ASK = """
from minicode import paths, prompts
from minicode.toolbox import Toolbox
box = Toolbox.load([("shipped", paths.shipped("tools"))])
assert not box.broken, box.broken
print(paths.HERE, *sorted(box.tools), sorted(p.stem for p in paths.shipped("prompts").glob("*.md")))
"""


def backend(hook: str, source: Path, target: Path) -> Path:
    """Call the build backend as pip does, with the hatchling that is installed; returns what it made."""
    code = f"import hatchling.build; print('made', hatchling.build.{hook}({str(target)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split("made ")[-1].strip()


def expected() -> set[str]:
    """Every file of the three folders, under its name in a wheel."""
    names = set()
    for top in ("minicode", "tools", "prompts"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                relative = path.relative_to(ROOT).as_posix()
                names.add(relative.replace(top, MOVED.get(top, top), 1))
    return names


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def asked(folder: Path, *before: str) -> str:
    """What a Python that finds minicode in `folder`, started elsewhere, says of itself."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*before, ASK])], cwd=folder.parent, env=env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = backend("build_sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    with tarfile.open(made) as archive:
        archive.extractall(made.parent, filter="data")
    return made.parent / made.name.removesuffix(".tar.gz")


def test_a_wheel_holds_everything_and_nothing_else(tmp_path: Path) -> None:
    wheel = backend("build_wheel", ROOT, tmp_path)
    assert names(wheel) == expected()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    said = asked(tmp_path / "site")
    assert str(tmp_path / "site" / "minicode") in said
    tools = " ".join(sorted(path.stem for path in (ROOT / "tools").glob("[!_]*.py")))
    prompts = sorted(path.stem for path in (ROOT / "prompts").glob("*.md"))
    assert "web_fetch" in tools and f" {tools} {prompts}" in said


def test_the_wheel_from_the_sdist_is_the_same(sdist: Path, tmp_path: Path) -> None:
    assert names(backend("build_wheel", sdist, tmp_path)) == expected()
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "AGENTS.md", "tests/test_house.py"):
        assert (sdist / name).is_file(), f"{name} is not in the sdist"


def test_an_editable_install_points_at_the_checkout(tmp_path: Path) -> None:
    wheel = backend("build_editable", ROOT, tmp_path)
    assert not any(name.endswith((".py", ".md")) for name in names(wheel)), "nothing is copied"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    said = asked(tmp_path / "site", f"import site; site.addsitedir({str(tmp_path / 'site')!r})")
    assert str(ROOT / "minicode") in said


def test_the_console_script_is_there(tmp_path: Path) -> None:
    wheel = backend("build_wheel", ROOT, tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        script = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "minicode = minicode.__main__:main" in archive.read(script).decode()
