"""What M2 asks of the user: the waiting for an answer, and what M2 is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from minicode.events import Event, Picked, Questioned
from minicode.gate import Gate
from minicode.show import Line
from minicode.toolkit import Result

Tell = Callable[[Event], None]
_NOBODY = (
    "Nobody can be asked here: decide by yourself, take the safest reading, and say in your answer what you assumed."
)
_SILENT = "The user did not answer: decide by yourself, and say in your answer what you assumed."


class Questions:
    """One session's questions: the user hears of one only when the one before is answered."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._one = asyncio.Lock()
        self._waiting: dict[str, asyncio.Future[Picked]] = {}

    def reply(self, call_id: str, picked: Picked) -> None:
        """The user's answer to a Questioned. Harmless if that call does not wait any more."""
        waiting = self._waiting.get(call_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(picked)

    async def ask(self, call_id: str, tell: Tell, text: str, options: Sequence[str], several: bool) -> Result:
        """What the model is told of the answer. Where nobody can be asked, that; it waits for nothing then."""
        if not text.strip():
            return Result("There is no question in it. Say in `question` what you want to know.", failed=True)
        if not self._gate.standing.asks:
            return Result(_NOBODY)
        offered = tuple(dict.fromkeys(option.strip() for option in options if option.strip()))
        picked = await self.put(Questioned(call_id, text.strip(), offered, several), tell)
        chosen = [offered[place] for place in picked.places]
        words = [picked.words] if picked.words else []
        if not chosen and not words:
            return Result(_SILENT, (Line("no answer: M2 decides"),))
        said = [*(f"The user chose: {option}" for option in chosen), *(f"The user says: {text}" for text in words)]
        return Result("\n".join(said), (Line("; ".join([*chosen, *words])),))

    async def put(self, question: Questioned, tell: Tell) -> Picked:
        """The answer, when it is there. tell: where the question goes."""
        async with self._one:
            waiting = self._waiting[question.call_id] = asyncio.get_running_loop().create_future()
            what = "M2 has a plan for you to agree to." if question.plan else question.text
            told = asyncio.create_task(self._gate.hooks.notify("permission_prompt", what))
            tell(question)
            try:
                picked = await waiting
            finally:
                del self._waiting[question.call_id]
                told.cancel()
        places = tuple(place for place in picked.places if 0 <= place < len(question.options))
        return Picked(places if question.several else places[:1], picked.words.strip())
