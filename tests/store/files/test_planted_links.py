"""Where others may write, a link in the place of a file of ours leads nothing elsewhere."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    JsonStore,
    MemoryStore,
    SqliteHistory,
    StoreUnavailableError,
)
from switchbot_store.files.portable import NO_LINK
from switchbot_store.history.ingest.quarantine import Quarantine

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
SOMEBODYS = b"somebody's own\n"

pytestmark = pytest.mark.skipif(
    not NO_LINK, reason="this system can follow links alone"
)


def lives(directory):
    """Write once through everything here that makes files."""
    with JsonStore(directory / "plain") as store:
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
    with FailoverStore(MemoryStore(), directory / "kept") as store:
        store.set("settings", {"n": 1})
    rows = SqliteHistory(directory / "rows" / "rows.sqlite3")
    with HistoryService(rows) as history:
        history.record(HistorySample(NOON, temperature=20.0))
    Quarantine(directory / "aside" / "rows.jsonl").add("a row", "why", at=NOON)


def made_by(directory):
    lives(directory)
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path.relative_to(directory) for path in files]


def is_a_persons(name):
    """Documents and histories may lie elsewhere by a link: they are the person's own."""
    return (
        name.name[0] != "."
        and name.suffix in {".json", ".sqlite3"}
        and len(name.parts) == 2
    )


def test_no_file_of_ours_is_made_or_written_through_a_link(tmp_path):
    """Each file that a life leaves, one at a time, is a link to somebody's when it begins."""
    names = [name for name in made_by(tmp_path / "once") if not is_a_persons(name)]
    assert len(names) > 6
    for number, name in enumerate(names):
        place = tmp_path / str(number)
        (place / name).parent.mkdir(parents=True)
        victim = tmp_path / f"victim {number}"
        victim.write_bytes(SOMEBODYS)
        (place / name).symlink_to(victim)
        with suppress(StoreUnavailableError):  # it may be refused, and named
            lives(place)
        assert victim.read_bytes() == SOMEBODYS, name
