"""Lines of the journal: read without decoding their documents, by any release."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_store.codec import encode
from switchbot_store.failover.journal import DIRECTORY, FILE, Journal, read_pending
from switchbot_store.files.lines import LineFile, read_lines
from switchbot_store.handover import PendingWrite
from switchbot_store.testing.store_contract import documents

AT = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
NASTY = ('a,"data":{', '"', "]}", '{"sizes":[1],"writes":[', 'x\\",\\"data\\":', "é,")


def _writes(rows):
    return [
        PendingWrite(
            key,
            None if data is None else encode(data),
            "" if data is None else "r1",
            base,
            AT,
            tuple(tried),
            count,
            "mark" if data is None else "",
        )
        for key, data, base, tried, count in rows
    ]


TEXT = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
ROWS = st.lists(
    st.tuples(
        TEXT,
        st.none() | documents() | st.just({"data": [{"key": "k", "data": NASTY[0]}]}),
        TEXT,
        st.lists(TEXT, max_size=2),
        st.integers(1, 3),
    ),
    max_size=6,
    unique_by=lambda row: row[0],
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ROWS)
def test_what_was_recorded_together_is_read_as_it_was(tmp_path_factory, rows):
    place = tmp_path_factory.mktemp("journal")
    writes = _writes(rows)
    journal = Journal(place)
    journal.open()
    journal.record(writes)
    journal.close()
    assert read_pending(place) == {write.key: write for write in writes}
    # A release that knows nothing of sizes looks for these alone.
    (line,) = read_lines(str(place / DIRECTORY / FILE))
    assert [
        (row["key"], row.get("data"), tuple(row.get("tried", ())))
        for row in orjson.loads(line)["writes"]
    ] == [
        (
            write.key,
            None if write.encoded is None else orjson.loads(write.encoded),
            write.tried,
        )
        for write in writes
    ]


@pytest.mark.parametrize("key", NASTY)
def test_lines_of_an_earlier_release_are_read(tmp_path, key):
    row = {
        "key": key,
        "base": "b",
        "at": AT.isoformat(),
        "revision": "r",
        "data": {"n": 1},
    }
    gone = {"key": f"{key}2", "base": "b", "at": AT.isoformat(), "mark": "m"}
    path = tmp_path / DIRECTORY / FILE
    file = LineFile(str(path))
    file.open()
    file.append(orjson.dumps({"writes": [row, gone]}))
    file.append(orjson.dumps({"tried": {key: "r2"}}))
    file.close()
    assert read_pending(tmp_path) == {
        key: PendingWrite(key, b'{"n":1}', "r", "b", AT, ("r2",)),
        f"{key}2": PendingWrite(f"{key}2", None, "", "b", AT, mark="m"),
    }
