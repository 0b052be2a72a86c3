"""Against a real model, by hand only: MINICODE_LIVE_URL names a llama.cpp server; without it all of this is skipped.

llama-server -m SMALL_MODEL.gguf --jinja --port 8091                                      # dictated edit
llama-server -m ANY_MODEL.gguf --jinja --chat-template-file MiniMax-M2.jinja --port 8092  # M2's own template
MINICODE_LIVE_URL=http://127.0.0.1:8091 MINICODE_TEMPLATE_URL=http://127.0.0.1:8092 python -m pytest tests/live
"""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def live_url() -> str:
    url = os.environ.get("MINICODE_LIVE_URL", "")
    return url or pytest.skip("MINICODE_LIVE_URL is not set")


@pytest.fixture(scope="session")
def template_url() -> str:
    """A llama.cpp server that was started with its MiniMax-M2 template; the model behind it does not matter."""
    url = os.environ.get("MINICODE_TEMPLATE_URL", "")
    return url or pytest.skip("MINICODE_TEMPLATE_URL is not set")
