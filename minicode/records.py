"""What a session writes: the data of its journal entries, made from the values they record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minicode.events import CallDone, Verified
from minicode.journal.entry import Entry
from minicode.journal.tree import in_full
from minicode.messages import Request
from minicode.model.base import Encoded
from minicode.show import show_to_json

Record = tuple[str, dict[str, Any]]
_RAN = "\n]"  # ends what the model is told of a command of the user's


def params(request: Request) -> dict[str, Any]:
    """What a journal must hold, beside the entries themselves, to make this request again."""
    return {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
    }


def request(asked: Request, encoded: Encoded, given: int, issued: int) -> Record:
    """given: thoughts in it. issued: thoughts M2 had on this branch."""
    data = {
        "wire": encoded.wire,
        "options": dict(encoded.options),
        "sha256": encoded.sha256,
        "bytes": len(encoded.body),
        "thinking": given,
        "issued": issued,
        "params": params(asked),
    }
    return "request", data


def result(done: CallDone) -> Record:
    told = done.result
    data: dict[str, Any] = {"call_id": told.call_id, "name": told.name, "text": told.text, "failed": told.failed}
    if done.show:
        data["show"] = [show_to_json(block) for block in done.show]
    data["seconds"] = round(done.seconds, 3)
    return "result", data


def verified(said: Verified) -> Record:
    """Its claim is on record, in the reply."""
    return "verify", {name: value for name, value in said._asdict().items() if name != "claim"}


def end(reason: str, error: str) -> Record:
    return "end", {"reason": reason, **({"error": error} if error else {})}


def shell(command: str, code: int, output: str | None) -> Record:
    """A command of the user's own. text: as the model is told of it; "" if it is not to hear of it."""
    text = "" if output is None else f"{_ran(command, code)}{output}{_RAN}"
    return "shell", {"text": text, "command": command, "code": code}


def unheard(branch: Sequence[Entry]) -> list[str]:
    """What the user ran on a branch that no message of theirs has told the model yet, oldest first."""
    found: list[str] = []
    for entry in branch:
        text = entry.data.get("text")
        if entry.kind == "shell" and isinstance(text, str) and text:
            found.append(text)
        elif entry.kind == "user" and found:
            told = in_full(entry)
            found = [one for one in found if one not in told]
    return found


def printed(command: str, code: int, text: str) -> str:
    """The output again, out of the text of such a record."""
    return text.removeprefix(_ran(command, code)).removesuffix(_RAN)


def _ran(command: str, code: int) -> str:
    return f"[The user ran `{command}`: exit code {code}.\n"


def unmet(tools: list[str]) -> str:
    """The sentence of a turn that could not get a permission it needed."""
    names = ", ".join(dict.fromkeys(tools))
    return (
        f"A permission that was needed could not be asked for ({names}), and the task was not done another way. "
        "Allow it with a rule in config.toml, a looser --permission-mode, or -y."
    )
