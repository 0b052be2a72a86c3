"""A title by the model, for those who set `titles = "model"`: one small request of its own, apart from the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minicode import turn
from minicode.errors import MinicodeError
from minicode.journal import tree
from minicode.journal.title import title
from minicode.messages import User, reply_from_json, usage_to_json
from minicode.session import Session

SECONDS = 10.0
_TOKENS = 2000  # M2 thinks first
_READ = 4000  # characters of the words and of the answer


async def entitle(session: Session, prompt: Callable[[], str]) -> None:
    """Ask once a session, at the end of a process whose last turn was done.

    Silent: if it goes wrong, the title from the user's words stays. The request shares no prefix with the
    session's, which stays in the server's cache.
    """
    journal = session.journal
    said = tree.said(journal.branch)
    ended = next((entry for entry in reversed(journal.branch) if entry.kind == "end"), None)
    titled = any(entry.kind == "title" and entry.data.get("by") == "model" for entry in journal.entries)
    if not said or titled or journal.gist.name or ended is None or ended.data.get("reason") != "done":
        return
    replies = [entry for entry in journal.branch if entry.kind == "reply"]
    answer = reply_from_json(dict(replies[-1].data)).text if replies else ""
    asked = f"<user>\n{said[0].text[:_READ]}\n</user>\n<agent>\n{answer[:_READ]}\n</agent>"
    try:
        request = session.parts.request._replace(system=prompt(), tools=(), messages=(User(asked),), max_tokens=_TOKENS)
        async with asyncio.timeout(SECONDS):
            reply = await turn.ask(session.model, request, lambda event: None)
        if text := title(reply.text.strip().strip("\"'“”*#")):
            journal.append("title", {"title": text, "by": "model", "usage": usage_to_json(reply.usage)})
    except (MinicodeError, TimeoutError):
        return
