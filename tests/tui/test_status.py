"""The status line: what it shows, what gives way, that it costs nothing while nothing runs; and git's part of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from minicode.cli.screen_repo import ScreenRepo
from minicode.tui.status import TICK, Figures, Status, dollars, fit, lasted, parts
from minicode.tui.themes import DARK, MONO, own
from minicode.workspace.workspace import Workspace

ALL = Figures(
    model="MiniMax-M2.7",
    mode="acceptEdits",
    sandbox="workspace, no network",
    context=0.43,
    thoughts=31,
    returned=25,
    folded=6,
    cached=0.914,
    cost=0.312,
    speed=86.4,
    branch="main",
    dirty=3,
    doing="bash",
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Line(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield Status(clock=self.clock)

    def on_mount(self) -> None:
        for theme in own():
            self.register_theme(theme)
        self.theme = DARK

    def on_status_clicked(self, event: Status.Clicked) -> None:
        self.asked.append(event.part)

    @property
    def status(self) -> Status:
        return self.query_one(Status)

    @property
    def line(self) -> str:
        return self.screen._compositor.render_strips()[0].text


def text(figures: Figures, width: int, since: float | None = 72.4) -> str:
    return "".join(span.text for span in fit(parts(figures, since, None), width)[0])


async def test_all_of_it() -> None:
    app = Line()
    async with app.run_test(size=(150, 1)) as pilot:
        app.status.figures = ALL
        app.status.run(True)
        app.clock.now += 65
        await pilot.pause()
        app.status.refresh()
        await pilot.pause()
        left, right = app.line.split("    ")[0], app.line.split("    ")[-1]
        assert left.strip()[1:] == " 1:05 · bash · MiniMax-M2.7 · acceptEdits · workspace, no network"
        assert right.strip() == "thought 25/31 (6 folded) · ━━─── 43% · cache 91% · $0.31 · 86 tok/s · main*3"
        app.status.run(False)
        await pilot.pause()
        assert app.line.startswith(" took 1:05 · MiniMax-M2.7 · ")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            150,
            "MiniMax-M2.7 · acceptEdits · workspace, no network thought 25/31 (6 folded) · ━━─── 43% · cache 91%",
        ),
        (140, "thought 25/31 (6 folded) · ━━─── 43% · cache 91% · $0.31 · main*3"),
        (130, "bash · MiniMax-M2.7 · acceptEdits · workspace, no network thought 25/31 (6 folded) · ━━─── 43% · $0.31"),
        (100, "MiniMax-M2.7 · acceptEdits · workspace, no network thought 25/31 · ━━─── 43%"),
        (80, "⠏ 1:12 · acceptEdits · workspace, no network thought 25/31 · 43%"),
        (50, "⠏ 1:12 · acceptEdits · workspace, no network 43%"),
        (20, "⠏ 1:12 · acceptEdits"),
        (12, "acceptEdits"),
    ],
)
def test_the_least_important_gives_way(width: int, shown: str) -> None:
    assert shown in " ".join(text(ALL, width).split())


@pytest.mark.parametrize("loose", [False, True])
def test_no_width_is_too_small_and_none_is_overrun(loose: bool) -> None:
    figures = ALL._replace(loose=loose, sandbox="no sandbox" if loose else ALL.sandbox)
    for width in range(12, 200):
        assert cell_len(text(figures, width)) <= width
        if loose:
            assert "no sandbox" in text(figures, width), "what does not hold is said to the last"
    assert text(figures, 1)
    assert text(Figures(), 80, None).strip() == ""


def test_what_is_wrong_is_coloured() -> None:
    def style(name: str, figures: Figures) -> str:
        return next(part for part in parts(figures, None, None) if part.name == name).spans[0].style

    assert style("thought", ALL) == "dim"
    assert style("thought", ALL._replace(folded=5)) == "warning", "a thought is missing"
    assert [style("context", ALL._replace(context=share)) for share in (0.5, 0.85, 0.99)] == ["dim", "warning", "bad"]
    assert [style("mode", ALL._replace(mode=mode)) for mode in ("default", "bypassPermissions")] == ["dim", "bad"]
    assert style("sandbox", ALL._replace(loose=True)) == "bad"


def test_names_from_outside_are_tame() -> None:
    line = text(Figures(model="m\x1b]0;x\x07\n" + "漢" * 90, branch="a\u202eb", sandbox="[red]x"), 200)
    assert "\x1b" not in line and "\n" not in line and "\u202e" not in line and "[red]x" in line
    assert line.count("漢") == 14 and "…" in line


def test_numbers_for_people() -> None:
    assert [lasted(seconds) for seconds in (0.4, 59.9, 65, 7209)] == ["0s", "59s", "1:05", "2:00:09"]
    assert [dollars(cost) for cost in (0.0042, 0.312, 12.4, 1234.5)] == ["$0.0042", "$0.31", "$12.40", "$1,234.50"]


async def test_the_mouse_asks_for_a_part() -> None:
    app = Line()
    async with app.run_test(size=(150, 1)) as pilot:
        app.status.figures = ALL
        await pilot.pause()
        for word in ("MiniMax", "acceptEdits", "thought", "workspace", "main"):
            await pilot.click(offset=(app.line.index(word), 0))
        await pilot.click(offset=(app.line.index("     ") + 2, 0))
        assert app.asked == ["model", "mode", "thought", "sandbox", "branch"]


async def test_idle_has_no_timer_and_figures_wait_for_the_tick_while_it_runs() -> None:
    app = Line()
    async with app.run_test(size=(80, 1)) as pilot:
        status = app.status
        assert not status._timers
        status.figures = ALL
        await pilot.pause()
        assert "acceptEdits" in app.line
        status.run(True)
        status.run(True)
        await pilot.pause()
        assert len(status._timers) == 1
        status.figures = ALL._replace(mode="plan")
        assert not status._repaint_required
        status.run(False)
        await pilot.pause()
        assert not [timer for timer in status._timers if timer._active.is_set() and timer._task]
        assert "plan" in app.line
        assert 1 / TICK <= 4


async def test_words_instead_of_signs_for_those_who_listen() -> None:
    app = Line()
    async with app.run_test(size=(160, 1)) as pilot:
        app.status.figures = ALL
        app.status.run(True)
        app.theme = MONO
        await pilot.pause()
        assert app.line.startswith(" working 0s · ")
        assert "context 43%" in app.line
        assert "main, 3 changed" in app.line


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1\n")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


async def test_branch_and_changes(repo: Path) -> None:
    look = ScreenRepo(Workspace.at(repo)).look
    assert await look() == ("main", 0)
    (repo / "a").write_text("2\n")
    (repo / "new\nline").write_text("")
    git(repo, "config", "core.quotePath", "false")
    (repo / "it\u2028# branch.ends").write_text("")
    (repo / "folder").mkdir()
    (repo / "folder" / "b").write_text("")
    (repo / "folder" / "c").write_text("")
    assert await look() == ("main", 4)
    git(repo, "checkout", "--detach")
    branch, dirty = await look() or ("", 0)
    assert len(branch) == 7 and dirty == 4


async def test_no_repository_no_git_no_commits(tmp_path: Path) -> None:
    assert await ScreenRepo(Workspace.at(tmp_path)).look() is None
    assert await ScreenRepo(Workspace.at(tmp_path, environment={"PATH": "/nowhere"})).look() is None
    git(tmp_path, "init")
    assert await ScreenRepo(Workspace.at(tmp_path)).look() == ("main", 0)


@pytest.mark.parametrize("setting", ["core.fsmonitor", "filter.x.clean"])
async def test_nothing_of_the_repository_is_run(repo: Path, setting: str) -> None:
    (repo / ".git" / "run").write_text(f"#!/bin/sh\ntouch {repo}/.git/ran\ncat\n")
    (repo / ".git" / "run").chmod(0o755)
    (repo / ".gitattributes").write_text("* filter=x\n")
    git(repo, "config", setting, str(repo / ".git" / "run"))
    (repo / "a").write_text("2\n")
    assert await ScreenRepo(Workspace.at(repo)).look() == ("main", 2)
    assert not (repo / ".git" / "ran").exists()
    git(repo, "status")
    assert (repo / ".git" / "ran").exists(), "git itself would have run it"


async def test_a_git_that_takes_too_long_is_given_up(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bin")
    (folder / "git").write_text(f"#!/bin/sh\necho $$ > {folder}/pid\nexec sleep 100\n")
    (folder / "git").chmod(0o755)
    workspace = Workspace.at(repo, environment={"PATH": f"{folder}:/usr/bin:/bin"})
    assert await ScreenRepo(workspace, seconds=1.0).look() is None
    gone = not Path("/proc", (folder / "pid").read_text().strip()).exists()
    assert gone, "and does not stay behind"
