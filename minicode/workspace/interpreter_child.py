"""The Python that keeps its variables between calls: runs one piece of code after the other.

Started by `interpreter.py` with any Python from 3.8 on, the standard library alone, and standard input as a socket:
for each line of JSON that comes, {"name": what its frames are called, "code": text, "mark"}, one goes back, {"value":
repr of the last expression, "error": traceback, "kind": of the exception, "mark": the same}. What is printed goes to
standard output, be it by the code, by its threads or by its programs. SIGINT interrupts the code and keeps the
variables.
"""

from __future__ import annotations

import os
import sys

_SAFE_PATH = getattr(sys.flags, "safe_path", False)
if not _SAFE_PATH:
    del sys.path[0]  # this folder: its modules would stand before those of the standard library

import ast  # noqa: E402 - as said
import faulthandler  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import linecache  # noqa: E402
import signal  # noqa: E402
import tokenize  # noqa: E402, F401 - what a traceback needs is loaded before the project's modules can stand in its place
import traceback  # noqa: E402
import types  # noqa: E402
from typing import Any, BinaryIO, TextIO  # noqa: E402

_VALUE, _ERROR = 400_000, 8_000  # characters that are told of a repr and of a traceback


def main() -> None:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(0), "wb")
    streams = _Streams(os.dup(1))
    module = types.ModuleType("__main__")  # a real one, where pickle finds what the code defines
    sys.modules["__main__"] = module
    sys.argv = [""]
    if not _SAFE_PATH:
        sys.path.insert(0, "")
    signal.signal(signal.SIGINT, _unheard)
    streams.restore()
    faulthandler.enable()  # says on which line it crashed
    pid = os.getpid()
    _send(replies, {"version": sys.version.split()[0]})
    for line in requests:
        job = json.loads(line)
        streams.restore()
        answer = perform(job["name"], job["code"], module.__dict__)
        streams.flush()
        if os.getpid() != pid:  # the code has forked, and this is the child
            os._exit(0)
        _send(replies, {**answer, "mark": job["mark"]})


def _send(replies: BinaryIO, answer: dict[str, str]) -> None:
    replies.write(json.dumps(answer).encode() + b"\n")
    replies.flush()


def _unheard(*_: object) -> None:
    """For SIGINT while no code runs. To ignore it would be inherited by programs."""


class _Streams:
    """The standard streams, put right again before each call, whatever the last one did to them."""

    def __init__(self, out: int) -> None:
        self._out, self._null = out, os.open(os.devnull, os.O_RDWR)
        self._in: TextIO = self._open(0)
        self._written: list[TextIO] = [self._open(1), self._open(2)]

    def restore(self) -> None:
        for number, to in enumerate((self._null, self._out, self._out)):
            os.dup2(to, number)
        os.set_blocking(self._out, True)  # some programs leave it otherwise
        if self._in.closed:
            self._in = self._open(0)
        self._written = [self._open(n) if s.closed else s for n, s in enumerate(self._written, 1)]
        sys.stdin, (sys.stdout, sys.stderr) = self._in, self._written

    def flush(self) -> None:
        for stream in {sys.stdout, sys.stderr, *self._written}:
            try:
                stream.flush()
            except Exception:  # why: the code may have put anything there, None too
                continue

    @staticmethod
    def _open(number: int) -> TextIO:
        raw = io.FileIO(number, "w" if number else "r", closefd=False)
        if not number:
            return io.TextIOWrapper(io.BufferedReader(raw), "utf-8")
        # Without a buffer: what a program prints in between comes where it belongs.
        return io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)


def perform(name: str, code: str, names: dict[str, Any]) -> dict[str, str]:
    """Run it; whatever it raises is told."""
    answer = {"value": "", "error": "", "kind": ""}
    try:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            answer["value"] = _shown(_run(name, code, names))
        except BaseException as error:  # why: the interpreter outlives what the code does
            answer["kind"] = type(error).__name__
            answer["error"] = _told(error, name)
        finally:
            signal.signal(signal.SIGINT, _unheard)
    except KeyboardInterrupt:  # while the other was told
        answer["kind"] = answer["kind"] or "KeyboardInterrupt"
        answer["error"] = answer["error"] or answer["kind"]
    signal.signal(signal.SIGINT, _unheard)
    return answer


def _run(name: str, code: str, names: dict[str, Any]) -> object:
    """The value of its last expression; None if it ends with something else."""
    linecache.cache[name] = len(code), None, [f"{line}\n" for line in code.split("\n")], name
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec", dont_inherit=True), names)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), names)


def _shown(value: object) -> str:
    if value is None:
        return ""
    try:
        return _cut(repr(value), _VALUE)
    except Exception as error:  # why: it is the code's own
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _told(error: BaseException, name: str) -> str:
    """The traceback from the code on: our own frames say nothing. "" for an end that was meant, as by `sys.exit(0)`."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != name:
        frame = frame.tb_next
    try:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return ""
        return _cut("".join(traceback.format_exception(type(error), error, frame)).rstrip("\n"), _ERROR)
    except Exception:  # why: what is formatted is the code's own
        return f"{type(error).__name__} (its traceback cannot be shown)"


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n[… {len(text) - most:,} characters left out …]\n{text[-(most // 2) :]}"


if __name__ == "__main__":
    main()
