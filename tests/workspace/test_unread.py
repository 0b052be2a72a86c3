"""What rules keep from being read, found on a real disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minicode.workspace import unread
from minicode.workspace.glob import covers, pathspecs
from minicode.workspace.unread import find_unread

FILES = """.env sub/.ENV sub/.envrc secrets/a secrets/deep/b src/secrets/c src/key.PEM src/deep/key.pem src/key.pem.txt
    conf/a.key conf/b.crt .git/objects/x.pem README.md other/README.md [x]/a"""


@pytest.fixture
def tree(root: Path) -> Path:
    for name in FILES.split():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    return root


def names(root: Path, *patterns: str) -> set[str]:
    found = find_unread((root,), patterns)
    assert found.trouble == ""
    return {str(path.relative_to(root)) for path in found.places}


@pytest.mark.parametrize(
    ("patterns", "places"),
    [
        (".env", ".env sub/.ENV"),
        ("**/*.pem", "src/key.PEM src/deep/key.pem"),
        ("*.pem", "src/key.PEM src/deep/key.pem"),
        ("secrets/**", "secrets"),
        ("Secrets/*", "secrets"),
        ("/secrets/", "secrets src/secrets"),
        ("secrets", "secrets src/secrets"),
        ("./secrets/deep/b", "secrets/deep/b"),
        ("src/**/key.pem", "src/key.PEM src/deep/key.pem"),
        ("conf/*.{key,pem}", "conf/a.key"),
        ("[[]x]/a", "[x]/a"),
        (".git/objects/*", ".git/objects"),
        ("nothing/here", ""),
        ("README.md secrets/**", "README.md other/README.md secrets"),
    ],
)
def test_what_patterns_are_about(tree: Path, patterns: str, places: str) -> None:
    found = names(tree, *patterns.split())
    assert found == set(places.split())
    # The tools are bound by the very same.
    covered = covers(patterns.split())
    every = {name for name in FILES.split() if not name.startswith(".git/") or ".git" in patterns}
    assert {name for name in every if covered(name)} == {
        name for name in every if any(f"{name}/".startswith(f"{place}/") for place in found)
    }


def test_a_link_is_judged_by_what_it_leads_to(tree: Path) -> None:
    (tree / "link.pem").symlink_to("README.md")
    (tree / "l").symlink_to("secrets")
    assert names(tree, "link.pem", "l/**") == set()


def test_other_folders_are_named_by_their_whole_path(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "added"
    (other / "secrets").mkdir(parents=True)
    for name in ("key.pem", "secrets/a"):
        (other / name).touch()
    patterns = ["*.pem", "secrets/**", f"{other}/secrets/**", str(tmp_path / "outside")]
    (tmp_path / "outside").touch()
    (tmp_path / "no.pem").touch()
    places = find_unread((tree, other), patterns).places
    assert {path for path in places if not path.is_relative_to(tree)} == {
        other / "key.pem",
        other / "secrets",
        tmp_path / "outside",
    }


def test_what_cannot_be_listed_is_kept_whole(tree: Path) -> None:
    if os.geteuid() == 0:
        code = (
            "import os, sys\nfrom pathlib import Path\nfrom minicode.workspace.unread import find_unread\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "print(*find_unread((Path(sys.argv[1]),), ['**/*.pem']).places)"
        )
        tree.chmod(0o777)
        for folder in tree.parents:
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        (tree / "src").chmod(0o711)
        (tree / "conf").chmod(0o644)
        (tree / "conf" / "c.pem").touch()
        ran = subprocess.run([sys.executable, "-c", code, str(tree)], capture_output=True, text=True, check=False)
        assert set(ran.stdout.split()) == {str(tree / "src"), str(tree / "conf")}, ran.stderr
        return
    (tree / "src").chmod(0o311)
    (tree / "conf" / "c.pem").touch()
    (tree / "conf").chmod(0o644)
    try:
        assert names(tree, "**/*.pem") == {"src", "conf"}
    finally:
        (tree / "src").chmod(0o755)
        (tree / "conf").chmod(0o755)


def test_there_is_an_end_to_looking(tree: Path) -> None:
    for number in range(unread.MOST_KEPT + 1):
        (tree / "conf" / f"{number}.pem").touch()
    found = find_unread((tree,), ["*.pem"])
    assert f"more than {unread.MOST_KEPT}" in found.trouble
    assert find_unread((tree,), ["secrets/**"]).trouble == "", "elsewhere is not looked"
    found = find_unread((tree,), [".env"], most=20)
    assert "more than 20 files" in found.trouble and str(tree) in found.trouble


@pytest.mark.parametrize(
    "pattern",
    [".env", "**/*.pem", "secrets/**", "/secrets", "conf/*.{key,pem}", "{secrets,conf}/**", "a**b", "src/k[e]y*"],
)
def test_git_leaves_out_no_less(tree: Path, pattern: str) -> None:
    git = ["git", "-C", str(tree)]
    subprocess.run([*git, "init", "-q"], check=True)
    (tree / ".git" / "objects" / "x.pem").unlink()
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--others", "--", *pathspecs([pattern])], capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]
    covered = covers([pattern])
    every = {name for name in FILES.split() if not name.startswith(".git/")}
    assert not any(map(covered, listed))
    assert pattern == "a**b" or set(listed) == {name for name in every if not covered(name)} != set()
