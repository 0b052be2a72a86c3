"""A session as a trajectory in the Agent Trajectory Interchange Format, ATIF v1.8: one step per call of the model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from minicode.errors import SessionError
from minicode.export.story import Action, Cut, Fold, Moment, Remark, Said, Step, Story
from minicode.messages import Json, ToolSpec, Usage
from minicode.text import count

SCHEMA = "ATIF-v1.8"


def trajectory(story: Story) -> Json:
    """The live branch. Raises SessionError if nothing was said in it yet: a trajectory has a step at least."""
    steps = list(_steps(story))
    if not steps:
        raise SessionError(f"Session {story.id} holds nothing yet that could be a step of a trajectory.")
    totals = story.totals
    agent: Json = {"name": "minicode", "version": story.version or "unknown"}
    if totals.models:
        agent["model_name"] = totals.models[0]
    if story.tools:
        agent["tool_definitions"] = [_tool(spec) for spec in story.tools]
    final: Json = {**_tokens(totals.usage, "total_"), "total_steps": len(steps)}
    if totals.cost is not None:
        final["total_cost_usd"] = totals.cost
    data: Json = {"schema_version": SCHEMA, "session_id": story.id, "agent": agent, "steps": steps}
    if notes := " ".join(_notes(story)):
        data["notes"] = notes
    return data | {"final_metrics": final}


def _steps(story: Story) -> Iterator[Json]:
    usual = next(iter(story.totals.models), "")
    told = list(_told(story, usual))
    if story.system and told:
        told.insert(0, {"source": "system", "message": story.system})
    for number, step in enumerate(told, 1):
        yield {"step_id": number} | step


def _told(story: Story, usual: str) -> Iterator[Json]:
    """Steps without their numbers. What was said while tools ran goes where M2 read it: with their results."""
    last: Json = {}
    for moment in story.moments:
        if isinstance(moment, Remark) and moment.kind == "aside" and "observation" in last:
            last["observation"]["results"].append({"content": moment.text})
        elif step := _step(moment, usual):
            last = _stamp(moment.at) | step
            yield last


def _step(moment: Moment, usual: str) -> Json:
    match moment:
        case Said():
            more = {"extra": {"by": moment.by}} if moment.by != "you" else {}
            return {"source": "user", "message": moment.text} | more
        case Step():
            return _reply(moment, usual)
        case Fold() if moment.upto:
            folded = {"kind": "fold", "entry": moment.id, "upto": moment.upto, "undone": moment.undone}
            return {"source": "system", "message": moment.text, "extra": folded}
        case Fold() | Cut() | Remark():
            return {}


def _reply(step: Step, usual: str) -> Json:
    data: Json = {"source": "agent"}
    if step.model and step.model != usual:
        data["model_name"] = step.model
    data["message"] = step.text
    if step.thoughts:
        data["reasoning_content"] = "\n\n".join(step.thoughts)
    if step.actions:
        data["tool_calls"] = [_call(action) for action in step.actions]
    results = [
        {"source_call_id": action.id, "content": action.outcome.text} for action in step.actions if action.outcome
    ]
    if results:
        data["observation"] = {"results": results}
    metrics: Json = _tokens(step.usage)
    if step.cost is not None:
        metrics["cost_usd"] = step.cost
    return data | {"metrics": metrics, "llm_call_count": 1, "extra": {"entry": step.id}}


def _call(action: Action) -> Json:
    data: Json = {
        "tool_call_id": action.id,
        "function_name": action.name,
        "arguments": dict(action.arguments),
    }
    if action.broken:
        data["extra"] = {"unreadable_arguments": action.broken}
    return data


def _tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": dict(spec.schema)}
    return {"type": "function", "function": function}


def _tokens(usage: Usage, prefix: str = "") -> Json:
    """prompt_tokens counts what came from the cache, too."""
    return {
        f"{prefix}prompt_tokens": usage.context,
        f"{prefix}completion_tokens": usage.output,
        f"{prefix}cached_tokens": usage.cache_read,
    }


def _stamp(at: str) -> Json:
    try:
        datetime.fromisoformat(at)
    except ValueError:
        return {}
    return {"timestamp": at}


def _notes(story: Story) -> Iterator[str]:
    if story.damage:
        yield story.damage
    if unpriced := story.totals.unpriced:
        yield f"Costs leave out {count(unpriced, 'step')} of a model whose price is not known."
    if any(isinstance(moment, Fold) for moment in story.moments):
        yield "Steps before a fold are told whole, as they were; its own model call counts in final_metrics only."
