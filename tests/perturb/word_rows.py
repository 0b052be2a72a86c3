"""The axes of words: what the system prompt and the user say, and how often they say something else."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from minicode.events import CallStarted, Event, Folded, TurnEnded
from minicode.lab.rehearsal import Call, Do
from minicode.lab.rehearsal.policy import Move
from tests.perturb.play import Row, once
from tests.perturb.scenes import below_a_root, taken_out
from tests.perturb.stage import Stage
from tests.perturb.tasks import Task

SOME = ("rename function", "edit JSON", "answer a question without edits")
# Some 20,000 tokens.
RULES = "\n".join(f"Rule {n}: in the month of June, forms of the colour {n % 7} are filed twice." for n in range(1200))
TABS, SPACES = "Indent with tabs. Never run tests.\n", "Indent with four spaces.\n"
LOG = "".join(f"\x1b[3{n % 8}mworker {n}\x1b[0m\t{n * 37 % 997}\tqueue full\x1b[K\r\n" for n in range(5500))
CHANGE_OF_MIND = "No, forget that. Do this instead: "


def system_of(body: dict[str, Any]) -> str:
    if "system" in body:
        system = body["system"]
        return system if isinstance(system, str) else "".join(block["text"] for block in system)
    return str(body["messages"][0]["content"])


def rules_are_there(stage: Stage) -> Iterator[str]:
    if any(RULES not in system_of(body) for body in stage.bodies):
        yield "the rules were not in each request"
    if any(isinstance(event, Folded) for event in stage.events):
        yield "the session was folded for the length of its rules"


def nearest_last(stage: Stage) -> Iterator[str]:
    system = system_of(stage.bodies[0])
    if not 0 <= system.find(TABS.strip()) < system.find(SPACES.strip()):
        yield "the rules of the folder itself do not come after those of the root"
    if system.count(TABS.strip()) != 1 or system.count(SPACES.strip()) != 1:
        yield "rules were told more than once"


async def and_then_forget(stage: Stage) -> TurnEnded:
    """A run as any, and then its last request once more as a harness would send it that drops thoughts."""
    ended = await once(stage)
    body = stage.bodies[-1]
    before = len(stage.server.failures)
    status = await post(stage, body)
    if (status, len(stage.server.failures)) != (200, before):
        stage.wrong.append(f"the request as it was is not accepted: {status} {stage.server.failures[before:]}")
    for number in thinking(body):
        status = await post(stage, forget(body, number))
        told = stage.server.failures[before:]
        del stage.server.failures[before:]
        if status != 400 or not any("did not come back" in failure for failure in told):
            stage.wrong.append(f"thought {number + 1} was dropped and nobody noticed: {status} {told}")
    if not thinking(body):
        stage.wrong.append("there was no thought to be dropped")
    return ended


async def post(stage: Stage, body: dict[str, Any]) -> int:
    """Send it as it is, and give the status of the answer."""

    def send() -> int:
        connection = http.client.HTTPConnection(urlsplit(stage.server.url).netloc, timeout=30)
        path = stage.server.requests[-1].path
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    return await asyncio.to_thread(send)


def thinking(body: dict[str, Any]) -> list[int]:
    """The numbers of the messages that hold a thought."""
    return [number for number, message in enumerate(body["messages"]) if forgotten(message) != message]


def forget(body: dict[str, Any], number: int) -> dict[str, Any]:
    """The request without the thoughts of that message."""
    messages = list(body["messages"])
    messages[number] = forgotten(messages[number])
    return {**body, "messages": messages}


def forgotten(message: dict[str, Any]) -> dict[str, Any]:
    if message["role"] != "assistant":
        return message
    rest = {key: value for key, value in message.items() if not key.startswith("reasoning")}
    match rest.get("content"):
        case str(text) if "</think>" in text:
            after = text.partition("</think>")[2].strip()
            return {**rest, "content": after} if after else {k: v for k, v in rest.items() if k != "content"}
        case list(blocks):
            return {**rest, "content": [block for block in blocks if block.get("type") != "thinking"]}
    return rest


async def change_of_mind(stage: Stage) -> TurnEnded:
    """The user asks for something else, and says what is meant while a tool runs."""
    started = stage.begin()
    words = [CHANGE_OF_MIND + stage.said]

    def steer(event: Event) -> None:
        if isinstance(event, CallStarted) and words:
            started.session.steer(words.pop())

    try:
        return await stage.say(started, "Delete all files of this folder.", steer)
    finally:
        await started.close()


def look_round_first(task: Task) -> tuple[Move, ...]:
    """And do what is asked for then only once the words are there."""
    return (Move((Do("glob", {"pattern": "*"}),), (CHANGE_OF_MIND,)), *task.moves)


def stored_once(stage: Stage) -> Iterator[str]:
    [journal] = stage.home.glob("sessions/*/*.jsonl")
    kept = [path for path in journal.with_suffix(".blobs").glob("*") if b"worker 4321" in path.read_bytes()]
    if len(kept) != 1 or not kept[0].read_bytes().endswith(LOG.encode()):
        yield "the pasted log is not kept whole, once"
        return
    if "worker 4321" in journal.read_text():
        yield "the middle of the pasted log is in the journal, too"
    for number, body in enumerate(map(json.dumps, stage.bodies), 1):
        if "worker 4321" in body:
            yield f"request {number} holds the pasted log whole"
        if any(words not in body for words in ("worker 0\\", "worker 5499\\", f"the whole is in {kept[0]} ")):
            yield f"request {number} lacks an end of the pasted log, or where the whole is"


def ask_first(task: Task) -> tuple[Move, ...]:
    question = Call("ask_user", {"question": "Which of them do you mean?"})
    return (Move((question,), ("(?i)nobody|no one|not? (?:be )?asked",)), *task.moves)


WORD_ROWS: tuple[Row, ...] = (
    Row(
        "S4",
        "20,000 tokens of rules that are of no use",
        flags=lambda stage: {"append_system_prompt": RULES},
        remarks=rules_are_there,
    ),
    Row(
        "S5",
        "AGENTS.md files that contradict each other",
        scene=below_a_root({"": TABS, "packages/one": SPACES}),
        undo=taken_out({"AGENTS.md": SPACES.encode()}),
        remarks=nearest_last,
        tasks=SOME,
        why="what is told is settled before the first request, whatever the task",
    ),
    Row("S8", "control: a thought dropped from the history is noticed", talk=and_then_forget),
    Row(
        "U5",
        "the goal changes while a tool runs",
        talk=change_of_mind,
        moves=look_round_first,
        tasks=SOME,
        why="steering has one road, whatever the task",
    ),
    Row(
        "U6",
        "a pasted log of 200 KB with colours and tabs",
        said=lambda text: f"{text}\n\n{LOG}",
        remarks=stored_once,
        tasks=SOME,
        why="a prompt has one road, whatever the task",
    ),
    Row(
        "U7",
        "an ambiguous request, and nobody who could be asked",
        moves=ask_first,
        tasks=SOME,
        why="a question has one answer here, whatever the task",
    ),
)
