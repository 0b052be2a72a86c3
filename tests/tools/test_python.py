"""python: what a session's interpreter keeps, tells, survives, and may not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import venv
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from minicode import safety
from minicode.events import CallSaid
from minicode.messages import Call
from minicode.permission.decide import decide
from minicode.permission.values import Decision, Rules, Standing
from minicode.sandbox import landlock
from minicode.sandbox.box import Backend, Sandbox, find_bwrap
from minicode.sandbox.places import host_sockets
from minicode.sandbox.policy import NOTHING, Grant, Policy
from minicode.show import Output
from minicode.toolbox import Toolbox
from minicode.toolkit import Result, Scope, Workspace
from minicode.workspace.environment import for_tools
from minicode.workspace.unread import find_unread

NEW = re.compile(r"; a new interpreter: Python 3\.\d+\.\d+\S* \(.*?\)")
GONE = "its variables are gone"
Py = Callable[..., Awaitable[Result]]


@pytest.fixture
async def scope(scope: Scope, root: Path, spilled: Path) -> AsyncIterator[Scope]:
    workspace = Workspace.at(root, readable=[spilled], environment=environment())
    yield replace(scope, workspace=workspace)
    await workspace.interpreter.close()
    workspace.processes.close()


def environment() -> dict[str, str]:
    """With the Python that runs the tests as the user's."""
    usual = for_tools(os.environ)
    return {**usual, "PATH": f"{Path(sys.executable).parent}:{usual['PATH']}"}


@pytest.fixture
def py(run) -> Py:
    """Runs code in the session's interpreter."""

    async def py(code: str, **more: object) -> Result:
        return await run("python", code=code, **more)

    return py


def body(result: Result) -> str:
    """Without the news of a new interpreter."""
    return NEW.sub("", result.text)


# What is kept and told.


async def test_variables_stay_and_the_last_value_is_told(py) -> None:
    first = await py("import math\nx = 40\nx + 2")
    assert not first.failed and body(first) == "42\n[ok]"
    assert first.text != body(first)  # it says that it is a new one, and which
    again = await py("x *= 2\nmath.floor(x / 3)")
    assert again.text == "26\n[ok]" and again.show == (Output("26"),)
    assert (await py("x = 1")).text.strip() == "[ok]"
    assert (await py("None")).text.strip() == "[ok]"


async def test_everything_printed_comes_in_order(py) -> None:
    result = await py(
        "import os, sys, subprocess\nprint('a')\nprint('b', file=sys.stderr)\nsubprocess.run(['echo', 'c'])\n"
        "sys.stdout.write('d')\nos.system('echo e >&2')\nprint('f', end='')\n'g'"
    )
    assert body(result) == "a\nb\nc\nde\nf\n'g'\n[ok]"


async def test_an_exception_names_the_line_of_the_code(py) -> None:
    await py("def share(n):\n    whole = 10\n    return whole / n")
    result = await py("for n in (1, 0):\n    share(n)")
    assert result.failed and result.text.endswith("ZeroDivisionError: division by zero\n[raised ZeroDivisionError]")
    assert 'File "<call 2>", line 2, in <module>\n    share(n)' in result.text
    assert 'File "<call 1>", line 3, in share\n    return whole / n' in result.text
    assert "interpreter_child" not in result.text
    chained = await py("try:\n    share(0)\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e")
    assert "direct cause" in chained.text and "interpreter_child" not in chained.text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\ny = (", 'File "<call 1>", line 2'),
        ("  x = 1", "IndentationError"),
        ("await x", "SyntaxError"),
        ("'\0'", "null bytes"),
        ("x = '\ud800'", "UnicodeEncodeError"),
        ("(" * 5000 + ")" * 5000, "raised"),
    ],
)
async def test_code_that_is_none(py, code: str, words: str) -> None:
    result = await py(code)
    assert result.failed and words in result.text and "interpreter_child" not in result.text
    assert (await py("1")).text == "1\n[ok]"


async def test_it_is_a_main_module(py) -> None:
    result = await py(
        "import pickle, sys\nif __name__ == '__main__':\n    class Point:\n        x = 7\n"
        "(pickle.loads(pickle.dumps(Point())).x, Point.__module__, sys.argv, '__file__' in dir())"
    )
    assert body(result) == "(7, '__main__', [''], False)\n[ok]"
    pool = await py(
        "import multiprocessing as m\ndef square(n):\n    return n * n\n"
        "with m.get_context('fork').Pool(2) as pool:\n    found = pool.map(square, range(4))\nfound"
    )
    assert pool.text == "[0, 1, 4, 9]\n[ok]"


async def test_input_ends_at_once(py) -> None:
    result = await py("import sys\nprint(repr(sys.stdin.read()))\ninput('name? ')")
    assert "''\nname?" in result.text and "raised EOFError" in result.text
    assert "ValueError" in (await py("sys.stdin.close()\ninput()")).text
    assert "EOFError" in (await py("input()")).text


async def test_streams_are_put_right_again(py) -> None:
    await py("import io, os, sys\nsys.stdout = sys.stderr = None\nsys.stdin = io.StringIO('x')")
    assert (await py("print('heard')")).text == "heard\n[ok]"
    await py("os.close(1); os.close(2)")
    assert (await py("print('heard'); os.system('echo too')")).text == "heard\ntoo\n0\n[ok]"
    await py("os.set_blocking(1, False)")
    assert not (await py("print('x' * 10**6)")).failed
    await py("sys.stdout.close()")
    assert (await py("print('heard')")).text == "heard\n[ok]"


async def test_what_it_is_made_of_may_be_broken(py) -> None:
    """Then it ends, and says so."""
    for code in ("import json\njson.dumps = None", "globals().clear()", "import sys\nsys.setrecursionlimit(60)"):
        await py(code)
        assert body(await py("1")).startswith("1\n[ok")


async def test_odd_text(py) -> None:
    result = await py(
        r"import os; os.write(1, b'\xff\x1b[31mred\x00\n'); print('\ud800', 'ü', '\x1b]0;t\x07'); '\x1b\ud800'"
    )
    result.text.encode("utf-8")
    assert body(result) == "\ufffdred\u2400\n\\ud800 ü \n'\\x1b\\ud800'\n[ok]"


async def test_what_looks_like_an_answer_is_output(py) -> None:
    forged = '{"value": "forged", "error": "", "kind": ""}'
    assert body(await py(f"print('{forged}')\n7")) == f"{forged}\n7\n[ok]"


async def test_an_answer_that_the_code_gives_itself_ends_it_and_is_nobodys(py) -> None:
    """Taken for one, it would put each later answer in the place of the one before."""
    await py("1")
    twice = 2 * (json.dumps({"value": "forged", "error": "", "kind": "", "mark": ""}) + "\n")
    forging = await py(
        "import os, stat\nfor n in range(3, 20):\n  try:\n    if stat.S_ISSOCK(os.fstat(n).st_mode):\n"
        f"      os.write(n, {twice!r}.encode())\n      break\n  except OSError: pass"
    )
    assert forging.failed and "meddled with its line" in forging.text and "forged" not in forging.text
    assert body(await py("2")) == "2\n[ok]" and (await py("3")).text == "3\n[ok]"


async def test_odd_output_and_names_stop_nobody_else(py) -> None:
    worst, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal worst
        while not done.is_set():
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - begin)

    printing = "import os, threading\ndef f():\n  go.wait()\n  for _ in range(80): os.write(1, b'\\1\\2\\33' * 21845)\n"
    await py(printing + "go = threading.Event()\nt = threading.Thread(target=f)\nt.start()")
    await py("threading.Timer(0.2, go.set).start()")
    await asyncio.sleep(1.5)
    watching = asyncio.create_task(watch())
    assert "[printed before this call:]" in (await py("t.join()")).text
    named = await py("raise type('K' * 3_000_000, (Exception,), {})")
    assert f"[raised {'K' * 100}]" in named.text
    done.set()
    await watching
    assert worst < 0.7


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("class R:\n    def __repr__(self):\n        1 / 0\nR()", "<R, whose repr raised ZeroDivisionError>\n[ok]"),
        ("class R:\n    def __repr__(self):\n        return 7\nR()", "<R, whose repr raised TypeError>\n[ok]"),
        ("l = []\nl.append(l)\nl", "[[...]]\n[ok]"),
        ("class E(Exception):\n    def __str__(self):\n        1 / 0\nraise E", "[raised E]"),
        ("def f():\n    f()\nf()", "[raised RecursionError]"),
    ],
)
async def test_odd_objects(py, code: str, words: str) -> None:
    assert words in body(await py(code))
    assert (await py("1")).text == "1\n[ok]"


async def test_long_values_and_output_are_bounded(py, spilled: Path) -> None:
    value = await py("list(range(10**6))")
    assert len(value.text.encode()) <= 30_500 and value.text.startswith("[0, 1, 2") and "999999]" in value.text
    output = await py("for n in range(10000): print('row', n)")
    assert len(output.text.encode()) <= 30_500 and "row 0\n" in output.text and "row 9999\n[ok]" in output.text
    kept = [path for path in spilled.iterdir() if str(path) in output.text]
    assert kept and kept[0].read_text().count("\n") >= 9999
    deep = await py("class E(Exception): pass\nraise E('x' * 10**6)")
    assert len(deep.text) < 10_000 and "characters left out" in deep.text


async def test_all_that_was_printed_is_in_the_result(py) -> None:
    """Also what lies in the pipe when the answer comes, as much as that holds."""
    for _ in range(3):
        assert body(await py("import os\nos.write(1, b'.' * 2**16)")).endswith("65536\n[ok]")


async def test_live_output(toolbox: Toolbox, scope: Scope) -> None:
    said: list[CallSaid] = []
    prepared = toolbox.prepare(Call("c", "python", {"code": "import time\nprint('soon')\ntime.sleep(0.5)"}))
    await toolbox.run(prepared, scope, said.append)
    assert said == [CallSaid("c", "soon\n")]


# What goes on after a call.


async def test_what_is_left_running_is_heard_later(py, root: Path) -> None:
    os.mkfifo(root / "go")
    os.mkfifo(root / "done")
    await py(
        "import threading\ndef later():\n    open('go').read()\n    print('from the thread')\n"
        "    open('done', 'w').close()\n"
        "threading.Thread(target=later).start()"
    )
    await asyncio.to_thread((root / "go").write_text, "")
    await asyncio.to_thread((root / "done").read_text)
    result = await py("'now'")
    assert result.text == "[printed before this call:]\nfrom the thread\n[and now:]\n'now'\n[ok]"
    assert (await py("1")).text == "1\n[ok]"


async def test_programs_left_running_are_ended_with_it(py, root: Path) -> None:
    started = await py("import subprocess\nsubprocess.Popen(['sleep', '543']).pid")
    pid = int(body(started).split("\n")[0])
    assert (await py("1")).text == "1\n[ok]" and Path(f"/proc/{pid}").exists()
    assert "was restarted, asked for" in (await py("2", restart=True)).text
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return "sleep" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


async def test_a_fork_does_not_answer(py) -> None:
    code = "import os\nif os.fork():\n    os.wait()\n    print('parent')\nelse:\n    print('child')\n5"
    assert body(await py(code)) == "child\nparent\n5\n[ok]"
    assert (await py("6")).text == "6\n[ok]"


# Ends and interrupts.


async def test_restart(py) -> None:
    await py("x = 1")
    again = await py("'x' in dir()", restart=True)
    assert not again.failed and body(again) == f"False\n[ok; the interpreter was restarted, asked for: {GONE}]"
    assert (await py("3")).text == "3\n[ok]"


async def test_a_meant_end_keeps_the_variables(py) -> None:
    await py("import sys\nx = 1")
    ended = await py("print('bye')\nsys.exit()")
    assert not ended.failed and ended.text == "bye\n[sys.exit was called, the interpreter goes on]"
    failed = await py("exit('no way')")
    assert failed.failed and "SystemExit: no way" in failed.text
    assert (await py("x")).text == "1\n[ok]"


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        ("import os\nos._exit(3)", "exit code 3"),
        ("import ctypes\nctypes.string_at(0)", "killed by SIGSEGV"),
        ("import os\nos.kill(os.getpid(), 9)", "killed by SIGKILL, perhaps for want of memory"),
    ],
)
async def test_an_end_is_told_and_the_next_call_works(py, code: str, fate: str) -> None:
    result = await py(f"print('before')\n{code}", timeout=2)
    assert result.failed and result.text.startswith("before\n")
    assert f"the interpreter ended ({fate}): {GONE}; the next call starts a new one]" in result.text
    after = await py("1")
    assert body(after) == "1\n[ok]" and "a new interpreter" in after.text


async def test_an_end_between_calls_is_told(py, root: Path, scope: Scope) -> None:
    os.mkfifo(root / "go")
    await py("import os, threading\nthreading.Thread(target=lambda: (open('go').read(), os._exit(5))).start()")
    process = scope.workspace.interpreter._process
    await asyncio.to_thread((root / "go").write_text, "")
    while process.running:
        await asyncio.wait({process._task})
    assert body(await py("1")) == f"1\n[ok; the interpreter ended since the last call (exit code 5): {GONE}]"


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("import ctypes\ndef f(): ctypes.string_at(0)\nf()", "Fatal Python error: Segmentation fault"),
        ("import os\nos.abort()", "Fatal Python error: Aborted"),
        (
            "import traceback\ndef f(): traceback.print_stack()\nf()\nprint('    after')",
            '  File "<call 1>", line 3, in',
        ),
        ("import faulthandler\nfaulthandler.dump_traceback()\nprint('    after')", "Current thread"),
        ("raise KeyboardInterrupt", "Traceback"),
        ("def f():\n    f()\nf()", "Traceback"),
        ("import asyncio\nasync def f(): raise ValueError\nasyncio.run(f())", "Traceback"),
        ("class A:\n    def __repr__(self): raise KeyboardInterrupt\nA()", "Traceback"),
        ("try: 1 / 0\nexcept Exception as error: raise ValueError from error", "Traceback"),
    ],
)
async def test_a_traceback_begins_in_the_code(py, code: str, first: str) -> None:
    result = await py(code)
    said = body(result)
    assert said.startswith(first) and "interpreter_child" not in result.text, result.text
    frames = [line for line in said.split("\n") if line.startswith("  File ")]
    assert "<call 1>" in (frames[0] if first != "Fatal Python error: Segmentation fault" else frames[-1])
    assert ("    after" in said) == ("after" in code)


@pytest.mark.parametrize("code", ["def f():\n    while True: pass\nf()", "import time\ntime.sleep(60)"])
async def test_so_does_that_of_a_timeout(py, code: str) -> None:
    lines = body(await py(code, timeout=1)).split("\n")
    assert lines[0] == "Traceback (most recent call last):" and lines[-2] == "KeyboardInterrupt"
    assert all('"<call 1>"' in line for line in lines if line.startswith("  File"))


async def test_a_timeout_interrupts_and_keeps_the_variables(py) -> None:
    result = await py("x = 8\nprint('on it')\nimport subprocess\nsubprocess.run(['sleep', '100'])", timeout=1)
    assert result.failed and result.text.startswith("on it\n") and "KeyboardInterrupt" in result.text
    assert "not ended after 1 s (timeout), so it was interrupted; the variables are kept]" in result.text
    assert (await py("x")).text == "8\n[ok]"


async def test_a_repr_that_hangs_is_interrupted(py) -> None:
    result = await py("x = 8\nclass R:\n    def __repr__(self):\n        while True: pass\nR()", timeout=1)
    assert result.failed and "the variables are kept" in result.text
    assert (await py("x")).text == "8\n[ok]"


async def test_who_does_not_heed_an_interrupt_is_ended(py) -> None:
    deaf = "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException:\n        pass"
    result = await py(deaf, timeout=1)
    assert result.failed and "killed, as it did not heed an interrupt" in result.text and GONE in result.text
    after = await py("1")
    assert body(after) == "1\n[ok]"


async def test_a_cancelled_call_keeps_the_variables(toolbox: Toolbox, scope: Scope, py, root: Path) -> None:
    os.mkfifo(root / "begun")
    code = "x = 9\nopen('begun', 'w').close()\nprint('half')\nimport time\ntime.sleep(100)"
    call = asyncio.create_task(toolbox.run(toolbox.prepare(Call("c", "python", {"code": code})), scope))
    await asyncio.to_thread((root / "begun").read_text)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    assert call.cancelled()
    after = await py("x")
    assert after.text.endswith("9\n[ok]") and "new interpreter" not in after.text


async def test_a_cancelled_call_that_is_deaf_is_ended(toolbox: Toolbox, scope: Scope, py, root: Path) -> None:
    os.mkfifo(root / "begun")
    code = (
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "open('begun', 'w').write(str(os.getpid()))\ntime.sleep(100)"
    )
    call = asyncio.create_task(toolbox.run(toolbox.prepare(Call("c", "python", {"code": code})), scope))
    pid = int(await asyncio.to_thread((root / "begun").read_text))
    call.cancel()
    await asyncio.wait({call}, timeout=0.1)
    call.cancel()  # an impatient user
    with suppress(asyncio.CancelledError):
        await call
    assert not Path(f"/proc/{pid}").exists()
    assert "the interpreter ended since the last call" in (await py("1")).text


async def test_a_flood_is_stopped(py) -> None:
    result = await py("import os\nblock = b'x' * 2**16\nwhile True: os.write(1, block)", timeout=100)
    assert result.failed and "it printed more than 500 MB" in result.text and len(result.text) < 31_000


async def test_nonsense_in_the_channel(py) -> None:
    code = "import os, socket\nfor fd in range(3, 20):\n    try: os.write(fd, b'nonsense\\n')\n    except OSError: pass"
    result = await py(code)
    assert result.failed and GONE in result.text
    assert body(await py("1")) == "1\n[ok]"
    await py(
        "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'[' * 100000 + b'\\n')\n    except OSError: pass"
    )
    assert body(await py("1")).endswith("1\n[ok]")


async def test_closing_ends_it_and_lets_it_write(py, scope: Scope, root: Path) -> None:
    started = await py("import os\nfile = open('unsaved.txt', 'w')\nfile.write('all of it')\nos.getpid()")
    pid = int(body(started).split("\n")[0])
    await scope.workspace.interpreter.close()
    assert (root / "unsaved.txt").read_text() == "all of it" and not Path(f"/proc/{pid}").exists()


def test_it_ends_with_minicode(root: Path) -> None:
    """However that ends."""
    program = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom minicode.toolkit import Workspace\n"
        "async def main():\n    w = Workspace.at(Path(sys.argv[1]))\n"
        "    r = await w.interpreter.run(w.processes, w.folder, 'import os; os.getpid()', seconds=60)\n"
        "    print(r.done.answer.value, flush=True)\n    os.kill(os.getpid(), 9)\nasyncio.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], capture_output=True, cwd=Path(__file__).parents[2], timeout=60
    )
    pid = int(done.stdout)
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    import select

    assert select.select([fd], [], [], 20)[0]
    os.close(fd)


# Which Python, and what it loads.


async def test_the_projects_modules_do_not_break_it(py, root: Path) -> None:
    for name in ("json", "ast", "tokenize", "traceback", "linecache", "types", "io", "socket"):
        (root / f"{name}.py").write_text("raise SystemExit('shadowed')")
    (root / "mine.py").write_text("value = 5")
    assert body(await py("import mine\nmine.value")) == "5\n[ok]"
    failed = await py("1 / 0")
    assert "ZeroDivisionError" in failed.text
    assert (await py("import glob\n'minicode' in glob.__file__")).text == "False\n[ok]"
    assert "shadowed" in (await py("import socket")).text  # as in any Python


async def test_the_projects_own_python(py, root: Path) -> None:
    venv.create(root / ".venv")
    result = await py("import sys\nsys.prefix")
    assert result.text.startswith(f"'{root}/.venv'\n") and "(.venv/bin/python)" in result.text


async def test_a_python_that_does_not_work_is_told(py, root: Path) -> None:
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 7\n")
    python.chmod(0o755)
    result = await py("1")
    assert result.failed and "does not work as an interpreter: exit code 7. no such library" in result.text
    python.unlink()
    assert body(await py("1")) == "1\n[ok]"


# In the sandbox: what a process may see is settled when it starts.


@pytest.fixture(params=["bwrap", "landlock"])
async def held(request: pytest.FixtureRequest, root: Path, tmp_path: Path, home: Path) -> AsyncIterator[Workspace]:
    program = find_bwrap() if request.param == "bwrap" else None
    if program is None if request.param == "bwrap" else not landlock.available():
        pytest.skip(f"no {request.param} here")
    (tmp_path / "tmp").mkdir()
    (root / "sub").mkdir()
    (home / ".netrc").write_text("secret")
    policy = Policy("workspace-write", False, (root,), tmp_path / "tmp", (home / ".netrc", home / ".aws"), (home,))
    backend = Backend(request.param, program)
    box = Sandbox(policy, NOTHING, backend, home, lambda globs: find_unread((root,), globs).places)
    workspace = Workspace.at(root, environment=environment(), box=box, hidden=policy.hidden)
    yield workspace
    await workspace.interpreter.close()


@pytest.fixture
def inside(held: Workspace, toolbox: Toolbox) -> Py:
    """Runs code with a grant."""

    async def inside(code: str, grant: Grant = Grant(), **more: object) -> Result:  # noqa: B008 - a plain value
        call = toolbox.prepare(Call("c", "python", {"code": code, **more}))
        return await toolbox.run(call, Scope(held.granting(grant)))

    return inside


async def test_held_it_keeps_variables_and_dies_as_told(inside) -> None:
    assert body(await inside("x = 1\nx")) == "1\n[ok]"
    late = await inside("import time\nprint('on it')\ntime.sleep(100)", timeout=1)
    assert late.text.startswith("on it\n") and "the variables are kept" in late.text
    assert (await inside("x")).text == "1\n[ok]"
    crashed = await inside("import ctypes\nctypes.string_at(0)")
    assert "killed by SIGSEGV" in crashed.text
    pool = await inside(
        "import multiprocessing as m\ndef square(n): return n * n\n"
        "with m.get_context('fork').Pool(2) as pool: found = pool.map(square, range(4))\nfound"
    )
    assert body(pool) == "[0, 1, 4, 9]\n[ok]"


async def test_held_it_may_not_go_out(inside, root: Path, home: Path) -> None:
    assert body(await inside("open('new.txt', 'w').write('12')")) == "2\n[ok]" and (root / "new.txt").exists()
    outside = await inside(f"open({str(home / 'x')!r}, 'w')")
    assert outside.failed and 'call again with needs="host" in bash' in outside.text and not (home / "x").exists()
    offline = await inside("import urllib.request\nurllib.request.urlopen('http://example.invalid/')")
    assert 'call again with needs="network" in bash' in offline.text
    assert (await inside(f"open({str(home / '.netrc')!r}).read()")).failed


async def test_ordinary_changes_do_not_restart_it(inside, root: Path, home: Path) -> None:
    secret = Grant(unread=("*.key",))
    (root / "a.key").write_text("secret")
    sockets = set(host_sockets())
    assert body(await inside("x = 1\nx", secret)) == "1\n[ok]"
    (root / "b.txt").write_text("new")
    (home / "c.txt").write_text("new")
    (root / "a.key").unlink()
    (home / ".netrc").unlink()
    # A socket that came to this machine meanwhile is a reason to restart it.
    assert (await inside("x", secret)).text == "1\n[ok]" or set(host_sockets()) - sockets


RESTARTED = f"the interpreter was restarted, as {{}}: {GONE}"
LESS = RESTARTED.format("what it may do has changed")
NEWLY = RESTARTED.format("there is something new that it must not see or change")


async def test_what_a_rule_forbids_later_is_not_read(inside, root: Path) -> None:
    """The file is there first and the rule comes; the rule is there first and the file comes."""
    (root / "a.key").write_text("secret")
    assert body(await inside("x = 1\nopen('a.key').read()")) == "'secret'\n[ok]"
    ruled = await inside("open('a.key').read()", Grant(unread=("*.key",)))
    assert LESS in ruled.text and (ruled.failed or "''" in ruled.text) and "secret" not in ruled.text
    (root / "sub" / "b.key").write_text("secret")
    again = await inside("open('sub/b.key').read()", Grant(unread=("*.key",)))
    assert NEWLY in again.text and "secret" not in again.text
    back = await inside("open('a.key').read()")
    assert LESS in back.text and body(back).startswith("'secret'")


async def test_what_it_may_change_is_the_calls(inside, root: Path) -> None:
    await inside("x = 1")
    planned = await inside("open('new.txt', 'w')", Grant(write=False))
    assert planned.failed and LESS in planned.text and not (root / "new.txt").exists()
    changed = await inside("open('new.txt', 'w').close()")
    assert not changed.failed and LESS in changed.text


async def test_network_that_is_withdrawn_is_gone(inside) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    reach = f"import socket\nsocket.create_connection({listening.getsockname()!r}, 5).close()"
    with listening:
        assert not (await inside(reach, Grant(network=True))).failed
        withdrawn = await inside(reach)
        assert withdrawn.failed and LESS in withdrawn.text


async def test_secrets_and_settings_that_come_later_are_closed(inside, root: Path, home: Path) -> None:
    await inside("x = 1")
    (home / ".aws").mkdir()
    (home / ".aws" / "key").write_text("secret")
    closed = await inside(f"open({str(home / '.aws' / 'key')!r}).read()")
    assert closed.failed and NEWLY in closed.text and "secret" not in closed.text
    (root / ".vscode").mkdir()
    (root / ".vscode" / "tasks.json").write_text("{}")
    assert NEWLY in (await inside("1")).text


# What is protected, and what is asked.


async def test_changed_settings_are_told(run, py, root: Path, toolbox: Toolbox, scope: Scope) -> None:
    alarms: list[str] = []
    call = toolbox.prepare(Call("c", "python", {"code": "import os\nos.mkdir('.vscode')"}))
    result = await toolbox.run(call, replace(scope, alarm=alarms.append))
    assert alarms == ["The code changed .vscode, which can start programs later: look at it first."]
    assert alarms[0] in result.text


async def test_what_changed_between_calls_is_told_where_nothing_protects(
    toolbox: Toolbox, scope: Scope, root: Path
) -> None:
    alarms: list[str] = []
    scope = replace(scope, workspace=replace(scope.workspace, mends=True), alarm=alarms.append)

    async def py(code: str) -> Result:
        return await toolbox.run(toolbox.prepare(Call("c", "python", {"code": code})), scope)

    os.mkfifo(root / "go")
    os.mkfifo(root / "done")
    await py(
        "import os, threading\ndef later():\n    open('go').read()\n    os.mkdir('.vscode')\n"
        "    open('done', 'w').close()\nthreading.Thread(target=later).start()"
    )
    await asyncio.to_thread((root / "go").write_text, "")
    await asyncio.to_thread((root / "done").read_text)
    assert not alarms and "left running, or somebody since then, changed .vscode" in (await py("1")).text
    assert len(alarms) == 1 and (await py("1")).text == "1\n[ok]"


def judged(toolbox: Toolbox, root: Path, code: str, standing: Standing) -> Decision:
    prepared = toolbox.prepare(Call("c", "python", {"code": code}))
    return decide(safety.look(Workspace.at(root).folder, prepared), standing)


def rules(**listed: str) -> Rules:
    return Rules(**{kind: (rule,) for kind, rule in listed.items()})


def test_in_the_sandbox_it_is_not_asked_for(toolbox: Toolbox, root: Path) -> None:
    for standing in (Standing("default", Rules(), "kernel"), Standing("default", rules(allow="edit"), "kernel")):
        decision = judged(toolbox, root, "1", standing)
        assert (decision.verdict, decision.grant) == ("allow", Grant())
    plan = judged(toolbox, root, "1", Standing("plan", Rules(), "kernel"))
    assert (plan.verdict, plan.grant) == ("allow", Grant(write=False))
    kept = judged(toolbox, root, "1", Standing("default", rules(deny="read(.env)"), "kernel"))
    assert (kept.verdict, kept.grant.unread) == ("allow", (".env",))


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "auto"])
def test_without_one_it_is_asked_for_and_no_rule_is_offered(toolbox: Toolbox, root: Path, mode: str) -> None:
    for code in ("1", ""):
        decision = judged(toolbox, root, code, Standing(mode, Rules(), "none"))  # type: ignore[arg-type]
        assert decision.verdict == "ask" and not decision.always
    assert judged(toolbox, root, "1", Standing("plan", Rules(), "none")).verdict == "deny"


@pytest.mark.parametrize(
    ("listed", "verdict"),
    [
        (rules(deny="bash(git push:*)"), "ask"),
        (rules(ask="bash(rm:*)"), "ask"),
        (rules(deny="bash"), "deny"),
        (rules(ask="bash"), "ask"),
        (rules(deny="python"), "deny"),
        (rules(ask="read(.env)"), "ask"),
        (rules(ask="read(other)"), "allow"),
        (rules(deny="network(curl:*)"), "allow"),
        (rules(allow="bash(ls)"), "allow"),
    ],
)
def test_rules_for_commands_are_not_got_round(toolbox: Toolbox, root: Path, listed: Rules, verdict: str) -> None:
    for mode in ("default", "bypassPermissions"):
        standing = Standing(mode, listed, "kernel")  # type: ignore[arg-type]
        assert judged(toolbox, root, "open('.env')", standing).verdict == verdict


def test_a_rule_about_reading_is_kept_without_a_sandbox(toolbox: Toolbox, root: Path) -> None:
    both = Rules(allow=("python",), deny=("read(.env)",))
    assert judged(toolbox, root, "1", Standing("default", Rules(allow=("python",)), "none")).verdict == "allow"
    for mode in ("default", "bypassPermissions"):
        decision = judged(toolbox, root, "1", Standing(mode, both, "none"))  # type: ignore[arg-type]
        assert decision.verdict == "ask" and "`read(.env)` cannot be enforced" in decision.reason
