"""Runs as a process of its own, which can be stopped: one question to DuckDuckGo by the package ddgs.

stdin: JSON {library: a folder to import from, query, most, seconds, proxy: a URL or "", trust: a file of certificates
or ""}. stdout: JSON {hits: [{title, href, body}]}, or {trouble: a clause}.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main() -> None:
    job = json.load(sys.stdin)
    sys.path.append(job["library"])
    print(json.dumps(searched(job)))


def searched(job: dict[str, Any]) -> dict[str, Any]:
    from ddgs import DDGS
    from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

    begin = time.monotonic()
    late = {"trouble": f"no answer within {job['seconds']} s"}
    try:
        found = DDGS(job["proxy"] or None, job["seconds"], verify=job["trust"] or True)
        # By itself it asks others, too: the user was asked about this one.
        return {"hits": found.text(job["query"], max_results=job["most"], backend="duckduckgo")}
    except RatelimitException:
        return {"trouble": "too many requests. Ask again later, or less"}
    except TimeoutException:
        return late
    except DDGSException as error:
        if "No results" not in str(error):
            return {"trouble": str(error)}
        # It does not wait for what takes longer, and calls that nothing.
        return late if time.monotonic() - begin > job["seconds"] * 0.95 else {"hits": []}


if __name__ == "__main__":
    main()
