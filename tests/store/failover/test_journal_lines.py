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


LAST = b'{"a b":"c\xc3\xa9"}'


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("number", [1, 2])
def test_a_changed_bit_of_any_line_keeps_the_file_aside(tmp_path, number, bit):
    path = tmp_path / "lines"
    file = LineFile(str(path))
    file.open()
    file.append(b"{}")
    first = path.stat().st_size
    file.append(LAST)
    file.close()
    whole = path.read_bytes()
    begin, end = (0, first) if number == 1 else (first, len(whole))
    for place in range(begin, end):
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << bit
        path.write_bytes(spoiled)
        file.open()
        file.append(b"more")
        file.close()
        (evidence,) = tmp_path.glob("*.corrupt-*")
        assert evidence.read_bytes() == spoiled, place
        assert read_lines(str(path))[-1] == b"more"
        evidence.unlink()


@pytest.mark.parametrize("cut", range(1, len(LAST) + 10))
@pytest.mark.parametrize("nul", [0, 1, 600])
def test_a_line_that_was_never_finished_is_no_damage(tmp_path, cut, nul):
    path = tmp_path / "lines"
    file = LineFile(str(path))
    file.open()
    file.append(b"{}")
    good = path.read_bytes()
    file.append(LAST)
    file.close()
    path.write_bytes(path.read_bytes()[:-cut] + b"\0" * nul)
    lines = file.open()
    file.close()
    assert (lines.payloads, lines.torn, lines.damaged) == ([b"{}"], True, False)
    assert path.read_bytes() == good
    assert [each.name for each in tmp_path.iterdir()] == ["lines"]
