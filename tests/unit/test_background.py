"""Jobs on record: what somebody else wrote there does not keep a session from going on."""

from __future__ import annotations

from typing import Any

import pytest

from minicode.background import Background
from minicode.journal.writer import Journal
from minicode.workspace.jobs import Jobs


@pytest.mark.parametrize("forged", [{}, {"job": "7"}, {"job": None}, {"job": [1]}])
def test_a_forged_job_is_nobodys(forged: dict[str, Any]) -> None:
    journal = Journal.ephemeral({"folder": "/"})
    journal.append_many([("job", {"job": 2, "command": "sleep 9", "call_id": "c"}), ("job", forged)])
    jobs = Jobs()
    [news] = Background(jobs, journal).news()
    assert jobs.next_id == 3 and "2 (`sleep 9`)" in news
