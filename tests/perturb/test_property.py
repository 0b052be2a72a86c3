"""Any plan under any stack of perturbations ends in the state that the plan alone leads to.

The same examples each time: whether a change may land is no matter of luck. `PERTURB_EXAMPLES=2000 pytest
--hypothesis-seed=7 tests/perturb/test_property.py` looks further.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minicode.lab.rehearsal import Do, Fault, Shape, Step
from minicode.lab.rehearsal.policy import Drift, Moment, Move, as_meant
from tests.perturb import drifts
from tests.perturb.drifts import every, stacked
from tests.perturb.play import Row, perform, wrong
from tests.perturb.stage import Stage
from tests.perturb.tasks import Task, change, look
from tests.perturb.tool_rows import backwards, by_new_names, renamed, with_extra

FILES = {"a.txt": "one\ntwo\n", "b/ü.txt": "three\n", "c.json": '{"four": 4}\n'}
Files = dict[str, str]
Fault_ = tuple[int, int, str]


def plan(choices: Sequence[tuple[str, str, str]]) -> tuple[tuple[Move, ...], Files]:
    """Moves, and the files as they are after them. Each choice is what to do, with which file, and some text."""
    files: Files = dict(FILES)
    moves: list[Move] = []
    for number, (what, name, text) in enumerate(choices):
        line = f"{number}: {text}\n"
        if what == "edit":
            first = files[name].split("\n")[0] + "\n"
            moves += [look(name), change(name, first, first + line)]
            files[name] = files[name].replace(first, first + line, 1)
        elif what == "write":
            new = f"{number}/{name}"
            done = "^Made |has this content already"
            moves.append(Move((Do("write", {"path": new, "content": line}),), (done,)))
            files[new] = line
        elif what == "shell":
            command = f"test -e {number}.done || echo {number} >> a.txt; touch {number}.done; echo did {number}"
            moves.append(Move((Do("shell", {"command": command}),), (f"did {number}",)))
            files["a.txt"] += f"{number}\n"
            files[f"{number}.done"] = ""
        else:
            moves.append(Move((Do("grep", {"pattern": f"absent{number}|o", "count": 9}),), (":",)))
    return tuple(moves), files


def struck(faults: Sequence[Fault_]) -> Drift:
    """Answers that fail on their way: (move, time, what)."""
    kinds: Mapping[str, Fault] = {
        "429": Fault(status=429, code=1002),
        "500": Fault(status=500),
        "529": Fault(status=529),
        "cut": Fault(cut_in="thinking"),
        "reset": Fault(cut=300, reset=True),
        "error": Fault(error_after=1),
        "garbage": Fault(body="<html>502 Bad Gateway</html>", status=502),
    }
    at = {(move, again): kinds[kind] for move, again, kind in faults}

    def drift(step: Step, moment: Moment) -> Step:
        fault = at.get((moment.move, moment.again))
        return replace(step, fault=fault) if fault else step

    return drift


CALLS: Mapping[str, Callable[[Any, Moment], Any]] = {
    "named otherwise": drifts.named_otherwise,
    "reordered": drifts.reordered,
    "retyped": drifts.retyped,
    "adorned": drifts.adorned,
    "misnamed": drifts.misnamed,
    "one id": drifts.one_id,
}
LAST: Mapping[str, Drift] = {"": as_meant, "broken": every(drifts.broken), "leaked": drifts.leaked()}
SCENES: Mapping[str, Callable[[Stage], None]] = {
    "": lambda stage: None,
    "renamed": renamed,
    "backwards": backwards,
    "extra": with_extra,
}
WORDS = st.text("abc äé€😀'\"\\{}<>[]$%", max_size=12)
CHOICES = st.lists(
    st.tuples(st.sampled_from(["edit", "write", "shell", "grep"]), st.sampled_from(sorted(FILES)), WORDS),
    min_size=1,
    max_size=5,
)
FAULTS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 1),
        st.sampled_from(["429", "500", "529", "cut", "reset", "error", "garbage"]),
    ),
    max_size=4,
)


@settings(
    max_examples=int(os.environ.get("PERTURB_EXAMPLES", "30")),
    derandomize="PERTURB_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(
    choices=CHOICES,
    stack=st.lists(st.sampled_from(sorted(CALLS)), unique=True, max_size=4),
    last=st.sampled_from(sorted(LAST)),
    scene=st.sampled_from(sorted(SCENES)),
    faults=FAULTS,
    wire=st.sampled_from(["anthropic", "openai"]),
    chunk=st.sampled_from([None, None, 1000, 61]),
)
@pytest.mark.timeout(600)
def test_any_plan_under_any_stack(
    tmp_path_factory: pytest.TempPathFactory,
    measured: Path,
    choices: list[tuple[str, str, str]],
    stack: list[str],
    last: str,
    scene: str,
    faults: list[Fault_],
    wire: str,
    chunk: int | None,
) -> None:
    moves, files = plan(choices)
    task = Task("any", FILES, "Do it.", moves, "Done.", files)
    calls = [every(CALLS[name]) for name in stack]
    row = Row(
        "any",
        "a stack",
        scene=SCENES[scene],
        drift=lambda stage: stacked(*calls, LAST[last], struck(faults)),
        flags=by_new_names if scene == "renamed" else lambda stage: {},
        shape=Shape(chunk=chunk, argument_piece=chunk and 9),
    )
    ran = asyncio.run(perform(row, task, tmp_path_factory.mktemp("any") / "run", wire, measured))
    assert wrong(task, ran) == []
