"""npm, go, cargo, maven, make and JUnit XML: small programs print what the real ones print, byte for byte.

`runners/` holds what vitest 4.1, jest 30.5, mocha 12.0, node 20.20 (through our reporter), go 1.27 and cargo 1.95
wrote, but for the folder and the depth of stacks; the one of go 1.23 is from an issue of vscode-go, and the one of
surefire was written after its schema.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from types import FrameType

import pytest

from minicode.show import Line
from minicode.text import clip
from minicode.workspace.folder import Refused
from minicode.workspace.testing import junit, node
from minicode.workspace.testing.outcome import Outcome
from minicode.workspace.testing.run import Report, run_command, run_tests, shows_of, text_of
from minicode.workspace.workspace import Workspace

WROTE = Path(__file__).with_name("runners")
# Where npm's programs are told to put their report; node has it from its options.
FIND = """
report=${NODE_OPTIONS##*--test-reporter-destination=}
for word; do case $word in --outputFile*=*|output=*) report=${word#*=};; esac; done
"""


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(root: Path, bin_: Path) -> Workspace:
    return Workspace.at(root, environment={**os.environ, "PATH": f"{bin_}:/usr/bin:/bin"})


def stand_in(bin_: Path, name: str, body: str) -> None:
    """A program that notes what it was asked, one call a line."""
    asked = shlex.quote(str(bin_ / "asked"))
    (bin_ / name).write_text(f'#!/bin/sh\necho "$*" >> {asked}\n{body}\n')
    (bin_ / name).chmod(0o755)


def asked(bin_: Path) -> list[str]:
    return (bin_ / "asked").read_text().splitlines()


def wrote(root: Path, name: str) -> Path:
    """What a real one wrote, about this folder."""
    path = root.parent / name
    path.write_text((WROTE / name).read_text().replace("@ROOT@", str(root)))
    return path


def fill(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def numbered(lines: dict[int, str]) -> str:
    return "\n".join(lines.get(number, "") for number in range(1, max(lines) + 1))


def told(outcomes: tuple[Outcome, ...]) -> list[tuple[str, str, str]]:
    return [(one.test, one.place, one.message.split("\n")[0]) for one in outcomes]


# ── npm ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("script", "file", "counts", "failures"),
    [
        (
            "vitest run",
            "vitest.json",
            (1, 1),
            [
                ("broken.test.mjs", "", "Cannot find module './nope.mjs' imported from @ROOT@/broken.test.mjs"),
                (
                    "sum.test.mjs::sum::is (not) right",
                    "sum.test.mjs:6: the sixth line",
                    "AssertionError: expected { a: 1 } to deeply equal { a: 2 }",
                ),
            ],
        ),
        (
            "tsc --noEmit && NODE_ENV=test jest --ci",
            "jest.json",
            (1, 1),
            [
                (
                    "sum.test.js::sum::is (not) right",
                    "sum.test.js:5",
                    "Error: expect(received).toEqual(expected) // deep equality",
                ),
                ("broken.test.js", "", "Cannot find module './nope.js' from 'broken.test.js'"),
            ],
        ),
        (
            "mocha",
            "mocha.json",
            (1, 1),
            [
                (
                    "test/sum.js::sum is (not) right",
                    "test/sum.js:5",
                    "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:",
                ),
                ('test/sum.js::sum hooks "before all" hook for "never"', "test/sum.js:8", "Error: no"),
            ],
        ),
        (
            "node --test",
            "node.jsonl",
            (1, 1),
            [
                (
                    "sum.test.js::sum::is (not) right",
                    "sum.test.js:6",
                    "AssertionError: Expected values to be strictly equal:",
                )
            ],
        ),
    ],
)
async def test_npm_with_a_report(
    workspace: Workspace,
    root: Path,
    bin_: Path,
    script: str,
    file: str,
    counts: tuple[int, int],
    failures: list[tuple[str, str, str]],
) -> None:
    fill(
        root, {"package.json": f'{{"scripts": {{"test": "{script}"}}}}', "sum.test.mjs": "\n" * 5 + "  the sixth line"}
    )
    stand_in(bin_, "npm", f'{FIND}\ncat {wrote(root, file)} > "$report"; echo noise; exit 1')
    report = await run_tests(workspace)
    assert told(report.failures) == [(test, at, words.replace("@ROOT@", str(root))) for test, at, words in failures]
    assert (report.passed, report.skipped) == counts
    assert text_of(report).startswith(f"npm test: {len(failures)} failed, 1 passed, 1 skipped\nFAILED ")
    first, second = asked(bin_)  # those that have a name were tried again, by it
    assert first.startswith("test --silent") and r"is \(not\) right" in second


@pytest.mark.parametrize("script", ["vitest", "jest", "mocha"])
async def test_npm_with_a_test_that_passes_the_second_time(
    workspace: Workspace, root: Path, bin_: Path, script: str
) -> None:
    fill(root, {"package.json": f'{{"scripts": {{"test": "{script}"}}}}'})
    first = wrote(root, f"{script}.json")
    second = first.with_name("second")
    second.write_text(first.read_text().replace('"status": "failed"', '"status": "passed"'))
    if script == "mocha":
        test = {"fullTitle": "sum is (not) right", "file": f"{root}/test/sum.js", "err": {}}
        second.write_text(json.dumps({"tests": [test], "pending": [], "failures": [], "passes": [test]}))
    stand_in(
        bin_,
        "npm",
        f'{FIND}\n[ -e again ] && cat {second} > "$report" && exit\ntouch again; cat {first} > "$report"; exit 1',
    )
    report = await run_tests(workspace)
    assert [one.test.split("is")[-1] for one in report.flaky] == [" (not) right"] and len(report.failures) < 2
    assert "\nFLAKY " in text_of(report) and ", 1 flaky, 1 passed" in text_of(report)


async def test_npm_and_what_failed_the_last_time(workspace: Workspace, root: Path, bin_: Path, tmp_path: Path) -> None:
    fill(root, {"package.json": '{"scripts": {"test": "vitest run"}}'})
    (tmp_path / "memory").mkdir(mode=0o700)
    stand_in(bin_, "npm", f'{FIND}\ncat {wrote(root, "vitest.json")} > "$report"; exit 1')
    await run_tests(workspace, memory=tmp_path / "memory")
    await run_tests(workspace, memory=tmp_path / "memory", failed=True)
    words = asked(bin_)[2].partition("/report")[2].split(" ")
    assert words == ["", "broken.test.mjs", "sum.test.mjs"]  # a pattern would leave out the file that has no names


async def test_npm_whose_report_is_nonsense_is_read_from_what_it_prints(
    workspace: Workspace, root: Path, bin_: Path
) -> None:
    fill(root, {"package.json": '{"scripts": {"test": "jest"}}'})
    for report in ("", "{}", "[1]", '{"testResults": [1]}', "[" * 100_000, '{"testResults": [{"name": "a"}]}'):
        (root.parent / "report").write_text(report)
        said = r"printf '✕ breaks (3 ms)\nTests:       1 failed, 2 passed, 3 total\n'"
        stand_in(bin_, "npm", f'{FIND}\ncat {root.parent}/report > "$report"; {said}; exit 1')
        found = await run_tests(workspace)
        assert (found.failed, found.passed, found.counted) == (1, 2, False)
        assert "✕ breaks (3 ms)\nTests:" in text_of(found)  # then what it said is told as well


WILD = ("1e999", "-1e999", "NaN", "-1", "1" + "0" * 400, "9" * 5000, '"soon"', "null", "[]", '"1e999"', "true")


@pytest.mark.parametrize("wild", WILD, ids=[text[:8] for text in WILD])
@pytest.mark.parametrize(
    ("script", "name"),
    [("vitest run", "vitest.json"), ("jest", "jest.json"), ("mocha", "mocha.json"), ("node --test", "node.jsonl")],
)
async def test_numbers_that_cannot_be_do_no_harm(
    workspace: Workspace, root: Path, bin_: Path, script: str, name: str, wild: str
) -> None:
    """A test can have written them: of that report as much is used as makes sense, else what was printed."""
    fill(root, {"package.json": json.dumps({"scripts": {"test": script}})})
    report = wrote(root, name)
    number = r"(?<=[:,\[ ])-?\d[\d.]*(?=[,\]}\s])"
    text, count = re.subn(number, lambda _: wild, report.read_text())
    assert count > 5
    report.write_text(text)
    stand_in(bin_, "npm", f"""{FIND}\ncat {report} > "$report"; echo 'pass {"9" * 5000}'; echo 'x 2 passing'; exit 1""")
    found = await run_tests(workspace)
    assert not found.good and all(0 <= one.seconds < 1e7 for one in found.failures)
    assert text_of(found) and shows_of(found)


async def test_a_large_report_holds_nobody_up(workspace: Workspace, root: Path, bin_: Path) -> None:
    """It is read in another thread, and test by test: Python works in no thread beside one that parses."""
    assert next(node._items('{"testResults": [{"name": "a"}, not read yet', "testResults")) == {"name": "a"}
    fill(root, {"package.json": '{"scripts": {"test": "jest"}}'})
    test = {"ancestorTitles": ["a"], "title": "t", "status": "passed", "failureMessages": [], "duration": 1}
    suite = {"name": "a.js", "status": "passed", "assertionResults": [test] * 200}
    (root.parent / "large").write_text(json.dumps({"numTotalTests": 1, "testResults": [suite] * 100}))
    stand_in(bin_, "npm", f'{FIND}\ncat {root.parent}/large > "$report"')
    here: list[str] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == node.__file__:
            here.append(frame.f_code.co_name)

    sys.setprofile(watch)
    try:
        report = await run_tests(workspace)
    finally:
        sys.setprofile(None)
    assert report.counted and report.passed == 1
    assert "run" in here and not {"_ran", "_items", "_jest"} & set(here)


async def test_a_test_that_never_ends_under_node(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"package.json": '{"scripts": {"test": "node --test"}}'})
    lines = (WROTE / "node.jsonl").read_text().replace("@ROOT@", str(root)).splitlines(keepends=True)
    (root.parent / "torn").write_text("".join(lines[:7]) + '["test:pa')
    stand_in(bin_, "npm", f'{FIND}\ncat {root.parent}/torn > "$report"; exec sleep 100')
    report = await run_tests(workspace, seconds=2)
    assert (report.passed, report.unfinished) == (1, ("sum.test.js::sum::is (not) right",))
    assert "was stopped while it ran sum.test.js::sum::is (not) right." in text_of(report)


async def test_npm_without_its_runner(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"package.json": '{"scripts": {"test": "mocha"}}'})
    stand_in(bin_, "npm", "echo 'sh: 1: mocha: not found' >&2; exit 127")
    report = await run_tests(workspace)
    assert text_of(report) == "npm test ended with code 127.\nsh: 1: mocha: not found"


# ── go ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_go(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(
        root,
        {
            "go.mod": "module example.com/calc\n\ngo 1.22\n",
            "calc_test.go": numbered({9: '\tt.Errorf("got %d, want 3", 2)', 17: '\t\tt.Fatal("two")'}),
            "sub/sub_test.go": numbered({7: '\tm["a"] = 1'}),
        },
    )
    stand_in(bin_, "go", f"cat {wrote(root, 'go.jsonl')}; exit 1")
    report = await run_tests(workspace)
    assert told(report.failures) == [
        ("example.com/calc::TestBad", 'calc_test.go:9: t.Errorf("got %d, want 3", 2)', "calc_test.go:8: before"),
        ("example.com/calc::TestTable/two_x", 'calc_test.go:17: t.Fatal("two")', "calc_test.go:17: two"),
        ("example.com/calc/broken", "broken/b_test.go:5", "broken/b_test.go:5:28: undefined: undefined"),
        (
            "example.com/calc/sub::TestPanics",
            'sub/sub_test.go:7: m["a"] = 1',
            "panic: assignment to entry in nil map [recovered, repanicked]",
        ),
    ]
    assert (report.passed, report.skipped) == (2, 1) and '"Action"' not in report.said
    assert asked(bin_) == [
        "test -json ./...",
        "test -json -run ^(TestBad|TestTable|TestPanics)$ example.com/calc example.com/calc/sub",
    ]
    await run_tests(workspace, ["sub", "calc_test.go", "example.com/calc::TestTable/two_x", "-race"])
    assert asked(bin_)[2] == "test -json -run ^TestTable$/^two_x$ -race ./sub/... . example.com/calc"


async def test_go_before_builds_were_told_in_json(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"go.mod": "module test\n"})
    stand_in(bin_, "go", f"cat {wrote(root, 'go-1.23.jsonl')}; exit 1")
    report = await run_tests(workspace)
    assert told(report.failures) == [
        ("test", "test_test.go:5", "./test_test.go:5:27: 1 (untyped int constant) is not used")
    ]


async def test_a_go_test_that_hangs(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"go.mod": "module example.com/calc\n"})
    lines = wrote(root, "go.jsonl").read_text().splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if '"run"' in line and "TestLater" in line)
    (root.parent / "torn").write_text("".join(lines[: end + 1]))
    stand_in(bin_, "go", f"cat {root.parent}/torn; exec sleep 100")
    report = await run_tests(workspace, seconds=2)
    assert (report.passed, report.unfinished) == (1, ("example.com/calc::TestLater",))


async def test_go_that_finds_nothing(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"go.mod": "module test\n"})
    start = '{"Action":"start","Package":"test"}'
    none = r'{"Action":"output","Package":"test","Output":"?   \ttest\t[no test files]\n"}'
    stand_in(bin_, "go", f"cat <<'E'\n{start}\n{none}\n" + '{"Action":"skip","Package":"test","Elapsed":0}\nE')
    report = await run_tests(workspace)
    assert report.none and not report.good and text_of(report).startswith("go test found no tests.")


# ── cargo ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_cargo(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"Cargo.toml": "", "src/lib.rs": numbered({1: "/// ```", 16: "        assert_eq!(1, 2);"})})
    stand_in(bin_, "cargo", f"cat {wrote(root, 'cargo.txt')}; exit 101")
    report = await run_tests(workspace)
    assert told(report.failures) == [
        ("tests::bad", "src/lib.rs:16: assert_eq!(1, 2);", "assertion `left == right` failed: sums"),
        ("tests::other", "", 'Error: "oops"'),
        ("tests::panics", "src/lib.rs:30", "note: test did not panic as expected at src/lib.rs:30:8"),
        ("src/lib.rs - add (line 1)", "src/lib.rs:1: /// ```", "assertion `left == right` failed"),
    ]
    assert (report.passed, report.skipped) == (3, 1)  # two of the passed have one name
    assert asked(bin_)[1] == "test --no-fail-fast -- --exact tests::bad tests::other tests::panics"
    await run_tests(workspace, ["tests/it.rs"])
    await run_tests(workspace, ["src/lib.rs", "tests::bad", "--release"])
    assert asked(bin_)[2] == "test --no-fail-fast --test it"
    assert asked(bin_)[4] == "test --no-fail-fast --lib --bins --release -- tests::bad"


async def test_cargo_that_cannot_build(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"Cargo.toml": ""})
    stand_in(bin_, "cargo", f"cat {wrote(root, 'cargo-broken.txt')} >&2; exit 101")
    report = await run_tests(workspace)
    said = text_of(report).split("\n")
    assert said[:3] == [
        "cargo test ended with code 101.",
        "error: this file contains an unclosed delimiter",
        "  --> src/lib.rs:32:9",
    ]
    assert shows_of(report)[0] == Line("cargo test ended with code 101.")
    assert len(asked(bin_)) == 1  # there was nothing to try again


# ── JUnit XML ────────────────────────────────────────────────────────────────────────────────────────────────────────

SUREFIRE = [
    ("com.example.CalcTest::multiplies", "CalcTest.java:17", "expected: <4> but was: <5>"),
    ("com.example.CalcTest::divides", "CalcTest.java:22", "java.lang.ArithmeticException"),
]


async def test_maven(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"pom.xml": "", "target/surefire-reports/TEST-old.xml": '<testsuite><testcase name="old"/></testsuite>'})
    os.utime(root / "target/surefire-reports/TEST-old.xml", (1, 1))
    report = f"cp {wrote(root, 'surefire.xml')} target/surefire-reports/TEST-com.example.CalcTest.xml"
    stand_in(bin_, "mvn", f"{report}; echo '[ERROR] There are test failures.'; exit 1")
    found = await run_tests(workspace)
    assert told(found.failures) == SUREFIRE and (found.passed, found.skipped) == (1, 1)
    assert found.failures[0].seconds == 1002.5
    calc = "com.example.CalcTest"
    assert asked(bin_) == ["-B test", f"-B test -Dtest={calc}#multiplies,{calc}#divides"]


async def test_a_command_line_and_what_it_leaves(workspace: Workspace, root: Path) -> None:
    wrote(root, "surefire.xml")
    found = await run_command(workspace, "mkdir -p out/test-results && cp ../surefire.xml out/test-results/x.xml", 30)
    assert told(found.failures) == SUREFIRE and not found.good  # though it ended with 0
    assert text_of(found).startswith("`mkdir -p out/")
    assert (await run_command(workspace, "true", 30)).good is False  # the report of the moment before is still fresh
    os.utime(root / "out/test-results/x.xml", (1, 1))
    assert (await run_command(workspace, "true", 30)).good
    failed = await run_command(workspace, "echo no; exit 3", 30)
    assert text_of(failed) == "`echo no; exit 3` ended with code 3.\nno"


async def test_make_is_the_last_resort(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"Makefile": "all:\n"})
    stand_in(bin_, "make", "echo done")
    assert (await run_tests(workspace)).runner != "make test"
    fill(root, {"Makefile": "all:\n\ntest: all\n\ttrue\n"})
    found = await run_tests(workspace)
    assert found.good and text_of(found) == "make test: passed" and asked(bin_) == ["test"]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    '<testsuite><testcase name="&b;"/></testsuite>'
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (BOMB, "declares a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuite/>', "declares a document type"),
        ("<testsuite><testcase name='a'>", "not XML"),
        ("", "not XML"),
        ("<html/>", "not JUnit"),
        ("<testsuite>" + "<a>" * 100_000, "not XML"),
    ],
)
def test_xml_that_is_not_read(data: str, words: str) -> None:
    with pytest.raises(junit.Unfit, match=words):
        list(junit.outcomes(data.encode()))


def test_junit_of_many_hands() -> None:
    xml = """<testsuites><testsuite name="s">
    <testcase file="tests/ATest.php" line="12" name="testA" class="ATest" time="x">
    <failure type="E">first</failure><error message="second"/></testcase>
    <testsuite name="inner"><testcase name="b" status="notrun"/><testcase name="c"><system-err>x</system-err></testcase>
    </testsuite></testsuite></testsuites>"""
    for wild in WILD:
        took = [one.seconds for one in junit.outcomes(xml.replace('"x"', f"'{wild.strip(chr(34))}'").encode())]
        assert took == [0.0] * 3
    assert list(junit.outcomes(xml.encode())) == [
        Outcome("tests/ATest.php::testA", "failed", "tests/ATest.php:12", "E"),
        Outcome("b", "skipped"),
        Outcome("c", "passed"),
    ]


async def test_a_report_that_leads_elsewhere_is_not_read(workspace: Workspace, root: Path, tmp_path: Path) -> None:
    (tmp_path / "TEST-far.xml").write_text('<testsuite><testcase name="secret"/></testsuite>')
    (root / "TEST-link.xml").symlink_to(tmp_path / "TEST-far.xml")
    os.mkfifo(root / "TEST-pipe.xml")
    found = await run_command(workspace, f"touch {root}/x; printf '{BOMB}' > TEST-bomb.xml", 30)
    text = text_of(found)
    assert (
        "secret" not in text and found.passed == 0 and "TEST-bomb.xml was not read" in text and "TEST-pipe.xml" in text
    )


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_report_is_kept_whole(workspace: Workspace, root: Path, bin_: Path) -> None:
    fill(root, {"Cargo.toml": ""})
    names = [f"tests::t{number}" for number in range(60)]
    body = "\n".join([*(f"test {name} ... FAILED" for name in names), "noise " * 2000])
    (root.parent / "said").write_text(body)
    stand_in(bin_, "cargo", f"cat {root.parent}/said; exit 101")
    report = await run_tests(workspace)
    kept: list[bytes] = []

    def keep(data: bytes) -> str:
        kept.append(data)
        return "the-blob"

    text = text_of(report, lambda text, whole, limit: clip(text, limit), keep)
    assert text.count("FAILED tests::") == 10 and "\ntests::t39\nand 20 more\n" in text and "t40" not in text
    assert text.endswith("[all that it printed, 61 lines, is in the-blob]") and len(text) < 2000
    assert kept[0].decode() == body
    assert len(asked(bin_)) == 1  # so many are not tried again


async def test_nothing_from_outside_is_told_uncleaned(workspace: Workspace, root: Path) -> None:
    evil = "\x1b]0;x\x07\u202e\n"
    report = Report(
        "x", "x", (await run_command(workspace, "false", 9)).finished, failures=(Outcome(evil, "failed", evil, evil),)
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(text_of(report) + repr(shows_of(report)[0][3][0][0]))


async def test_a_runner_that_is_missing_is_said(workspace: Workspace, root: Path) -> None:
    fill(root, {"gradlew": "not a program", "build.gradle": ""})
    with pytest.raises(Refused, match="need gradle, which is not installed here"):
        await run_tests(workspace)
