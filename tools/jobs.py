"""Look after commands in the background."""

from typing import Annotated, Literal

from minicode.toolkit import Job, Line, Result, Scope, clean, count, in_the_way, tool

LONGEST = 1800  # seconds


@tool(
    effect="runs",
    harmless=lambda asked: asked.get("action") != "send" or (asked.get("text") is None and not asked.get("keys")),
)
async def jobs(
    scope: Scope,
    action: Literal["list", "read", "wait", "send", "stop"] = "list",
    id: int = 0,
    pattern: Annotated[str, "wait: until a line holds this text or simple regex"] = "",
    text: Annotated[str | None, "send: a line of input; none closes stdin"] = None,
    keys: Annotated[str, "send, to a tty: keys like `down down enter` or `ctrl-c`"] = "",
    seconds: Annotated[int, "wait: at most so long"] = 120,
) -> Result:
    """Background jobs: read what is new, wait (for the end, or a pattern) instead of polling, send input, stop."""
    known = scope.workspace.jobs
    if action == "list":
        return Result("\n".join(map(_line, known)) or "There are no background jobs.")
    job = known.get(id)
    notes = []
    if action == "send":
        typed = await job.typed(text, keys)
        if lost := job.send(typed, scope.workspace.processes.grant):
            notes.append(f"{count(lost, 'byte')} of the input did not fit: it does not read them")
        await job.wait("", 0.5)  # for an answer
    elif action == "stop":
        await job.stop()
    elif action == "wait":
        job.listeners.add(scope.live)
        try:
            if not await known.wait(job, pattern, min(max(seconds, 0), LONGEST)):
                notes.append(f"{'the pattern did not come' if pattern else 'it did not end'} within {seconds} s")
        finally:
            job.listeners.discard(scope.live)
    return await _told(scope, job, notes, torn=action in ("send", "stop") or bool(pattern))


async def _told(scope: Scope, job: Job, notes: list[str], *, torn: bool) -> Result:
    output = await scope.workspace.jobs.news(job, torn=torn)
    notes.insert(0, f"job {job.id} {_state(job)}")
    notes += job.alarms
    if job.finished and (blocked := in_the_way(job.finished, job.grant)):
        notes.append(blocked)
    printed = await scope.printed(output, notes)
    return Result(printed.text, (Line("; ".join(notes)), *(printed.show if output else ())))


def _line(job: Job) -> str:
    unread = f"; {count(job.unread, 'byte')} unread" if job.unread else ""
    return f"{job.id}: {' '.join(clean(job.command).split())[:100]} ({_state(job)}{unread})"


def _state(job: Job) -> str:
    return f"ended after {job.seconds:.0f} s: {job.fate}" if job.fate else f"has run for {job.seconds:.0f} s"
