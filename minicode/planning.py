"""Plan mode: M2 is told when it begins and ends, and the user agrees to a plan or not."""

from __future__ import annotations

from minicode.events import Picked, Questioned
from minicode.parts import Parts
from minicode.questions import Tell
from minicode.records import Record
from minicode.show import Line
from minicode.toolkit import Result

MODE = "plan"
EXIT = "exit_plan_mode"
# What may be picked, and the mode it leads to.
_OPTIONS = (("No, keep planning", ""), ("Yes, ask as usual", "default"), ("Yes, accept edits", "acceptEdits"))


def news(parts: Parts) -> tuple[str, Record] | None:
    """What M2 has not been told of plan mode yet, and the record that it is told now. It is told where it hears other
    remarks too, so that what was sent before stays as it is; a fold that takes the telling away has it told again."""
    told, mode = parts.history.facts.get("mode", ""), parts.gate.standing.mode
    if (told == MODE) == (mode == MODE):
        return None
    if mode != MODE:
        return f"plan mode is off. From now on you work in {mode} mode.", ("told", {"mode": mode})
    offered = {spec.name for spec in parts.history.tools or parts.toolbox.specs}
    way = f"call {EXIT} with it" if EXIT in offered and parts.gate.standing.asks else "give it as your answer"
    text = f"plan mode is on. Look around, think and ask, but change nothing. When the plan is complete, {way}."
    return text, ("told", {"mode": mode})


async def propose(parts: Parts, call_id: str, tell: Tell, plan: str) -> Result:
    """Show the user a plan. If they agree, the mode is another when this returns; what M2 is told of it."""
    gate = parts.gate
    if gate.standing.mode != MODE:
        return Result("You are not in plan mode: nothing keeps you from the work, so go on.")
    if not plan.strip():
        return Result("There is no plan in it. Write the whole of it into `plan`.", failed=True)
    if not gate.standing.asks:
        text = "Nobody can be asked here, and in plan mode nothing is changed: give the plan as your final answer."
        return Result(text)
    options = tuple(words for words, _ in _OPTIONS)
    picked = await parts.questions.put(Questioned(call_id, plan.strip(), options, plan=True), tell)
    mode = _mode(picked)
    if not mode:
        words = f": {picked.words}" if picked.words else "."
        stays = "\nPlan mode stays on: go on planning." if gate.standing.mode == MODE else ""
        return Result(f"The user did not agree{words}{stays}", (Line(f"not yet{words}"),))
    parts.write([("permission", {"call_id": call_id, "name": EXIT, "verdict": "allow", "by": "user", "mode": mode})])
    gate.become(mode)
    return Result("The user agreed. Carry the plan out.", (Line(f"agreed: {mode} mode from now on"),))


def _mode(picked: Picked) -> str:
    return _OPTIONS[picked.places[0]][1] if picked.places else ""
