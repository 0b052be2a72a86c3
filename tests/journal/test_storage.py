"""When the disk says no: full, limited, not a folder, not ours; and when many write at once."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from minicode.errors import StorageError
from minicode.journal.reader import load
from minicode.journal.writer import Journal
from minicode.paths import private_dir

Start = Callable[..., subprocess.Popen[str]]
HEADER = {"folder": "/home/me/here", "minicode": "0.1.0", "name": None}

FILL = """
import json, resource, subprocess, sys
from pathlib import Path
from minicode.errors import StorageError
from minicode.journal.reader import load
from minicode.journal.writer import Journal
folder, way = Path(sys.argv[1]), sys.argv[2]
if way == "tmpfs":
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder]).returncode:
        sys.exit(77)
journal = Journal.create(folder / "sessions", {"folder": "/w", "minicode": "0", "name": None})
journal.append("user", {"text": "fill it"})
if way == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
errors = []
for _ in range(2):
    try:
        while True:
            journal.append("result", {"call_id": "c", "name": "bash", "text": "x" * 3000})
    except StorageError as error:
        errors.append(str(error))
loaded = load(journal.path)
again = Journal.fork(folder, {}, journal.path)
print(json.dumps({
    "errors": errors, "damaged": loaded.damaged, "torn": loaded.torn, "same": loaded.entries == journal.entries,
    "kinds": [e.kind for e in loaded.entries], "size": journal.path.stat().st_size, "path": str(journal.path),
}))
"""

APPEND = """
import sys
from pathlib import Path
from minicode.journal.entry import Entry, to_line
from minicode.journal.log import Log
log = Log(Path(sys.argv[1]), new=False)
sys.stdin.readline()
for number in range(60):
    size = 70_000 if number % 6 == 0 else 200
    log.append(to_line(Entry(f"{sys.argv[2]}-{number}", None, "", "note", {"text": "x" * size})))
log.sync()
"""


def test_a_full_disk_stops_the_session_with_a_whole_file_and_last_words(tmp_path: Path, python: Start) -> None:
    process = python(FILL, tmp_path, "tmpfs", wrapper=("unshare", "--mount", "--map-root-user"))
    out, err = process.communicate(timeout=60)
    if process.returncode == 77 or "unshare" in err:
        pytest.skip(f"no tmpfs can be mounted here: {err.strip()}")
    assert process.returncode == 0, err
    found = json.loads(out)
    for error in found["errors"]:
        assert found["path"] in error
        assert "MB free there" in error
    assert (found["damaged"], found["torn"], found["same"]) == (0, False, True)
    assert found["kinds"].count("note") == 2
    assert "note" in found["kinds"][-2:]


def test_a_file_size_limit_leaves_a_whole_file(tmp_path: Path, python: Start) -> None:
    out, err = python(FILL, tmp_path, "limit").communicate(timeout=60)
    found = json.loads(out or err)
    assert len(found["errors"]) == 2
    assert found["path"] in found["errors"][0]
    assert (found["damaged"], found["torn"], found["same"]) == (0, False, True)
    assert 90_000 < found["size"] <= 100_000


def test_six_processes_append_to_one_file_and_nothing_is_damaged(session: Journal, python: Start) -> None:
    assert session.path
    writers = [python(APPEND, session.path, name) for name in "uvwxyz"]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, err = writer.communicate(timeout=60)
        assert writer.returncode == 0, err
    loaded = load(session.path)
    assert (len(loaded.entries), loaded.damaged) == (2 + 6 * 60, 0)


def test_a_file_in_place_of_the_folder_is_a_sentence_and_the_words_are_still_there(folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("in the way")
    journal = Journal.create(folder, HEADER)
    with pytest.raises(StorageError, match=rf"{folder} cannot be used to keep sessions: .*MINICODE_HOME"):
        journal.append("user", {"text": "hello"})
    folder.parent.unlink()
    journal.append("user", {"text": "hello"})
    assert journal.path
    assert [e.data for e in load(journal.path).entries] == [{"text": "hello"}]
    journal.close()


def test_a_system_folder_that_takes_no_files_is_a_sentence() -> None:
    with pytest.raises(StorageError, match=r"^/proc/minicode cannot be used"):
        private_dir(Path("/proc/minicode"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(StorageError, match=r"belongs to another user \(uid 12345\)"):
        private_dir(theirs)


def test_a_shared_folder_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(StorageError, match="shared with other users"):
        private_dir(shared)
    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_a_folder_others_may_look_into_is_closed(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir(mode=0o755)
    assert private_dir(loose).stat().st_mode & 0o777 == 0o700
