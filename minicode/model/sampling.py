"""The sampling fields of a request, inside what the models take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicode.messages import Json, Request

LEAST = 0.01  # M2 refuses 0
SELF_HOSTED: Mapping[str, Any] = {"top_k": 40, "top_p": 0.95}  # what MiniMax advises; hosts without it lose languages


def temperature(request: Request) -> float:
    """In (0, 1]; the M3 family goes up to 2."""
    most = 2.0 if "m3" in request.model.lower() else 1.0
    return min(most, max(LEAST, request.temperature))


def sampling(request: Request, options: Mapping[str, Any]) -> Json:
    """temperature, top_p, top_k; None for what is left to the server."""
    return {
        "temperature": temperature(request),
        "top_p": request.top_p if request.top_p is not None else options.get("top_p"),
        "top_k": request.top_k if request.top_k is not None else options.get("top_k"),
    }
