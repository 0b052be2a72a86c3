"""The user's own commands, as workers of the app: `!`, `/verify` and the like, which Esc and the end stop."""

from __future__ import annotations

from textual.app import App
from textual.worker import Worker

NAME = "command"  # of such a worker


def stop(app: App[int]) -> list[Worker[object]]:
    """Those that run; they may still put something on record."""
    found = [worker for worker in app.workers if worker.name == NAME and not worker.is_finished]
    for worker in found:
        worker.cancel()
    return found
