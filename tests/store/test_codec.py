"""What may be stored and read is decided before anything goes through it level by level."""

import gzip
import hashlib
import json
import logging
import sys
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_store import (
    HistorySample,
    HistoryService,
    JsonStore,
    MemoryStore,
    SqliteHistory,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.backup import restore
from switchbot_store.backup.format import FORMAT, VERSION
from switchbot_store.codec import (
    MAX_DEPTH,
    UnreadableError,
    decode,
    encode,
    encode_of_others,
)

TOO_DEEP = [300, 900, 1020, 5000, 200_000]
"""Beyond what is written, what orjson reads, and what Python may recurse."""
AT = datetime(2026, 1, 10, tzinfo=UTC)


def nested(levels):
    outer = inner = []
    for _ in range(levels):
        inner.append([])
        inner = inner[0]
    return {"a": outer}


def text(levels):
    return '{"a":' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize("levels", TOO_DEEP)
class TestTooDeep:
    def test_it_is_not_written(self, levels):
        with pytest.raises(StoreDataError, match="levels deep"):
            encode(nested(levels))

    def test_it_is_not_read(self, levels):
        for encoded in (text(levels), text(levels).encode()):
            with pytest.raises(UnreadableError, match=r"levels deep|no JSON"):
                decode(encoded, key="settings")

    def test_a_file_of_it_is_a_persons_mistake(self, levels, tmp_path):
        path = tmp_path / "settings.json"
        with JsonStore(tmp_path) as store:
            store.set("settings", {"n": 1})
            path.write_text(text(levels))
            entry = store.get_entry("settings")
            assert entry.data == {"n": 1}
            assert entry.problem is not None
            with pytest.raises(StoreDataError):
                store.set("settings", {"n": 2})
        assert path.read_text() == text(levels)

    @pytest.mark.parametrize("kind", ["document", "row"])
    def test_a_backup_of_it_is_damaged(self, levels, kind, tmp_path):
        deep = text(levels)
        body = (
            f'{{"key":"settings","updated_at":null,"data":{deep}}}'
            if kind == "document"
            else f'{{"timestamp":"2026-01-10T00:00:00Z","metadata":{deep}}}'
        )
        lines = [
            f'{{"format":"{FORMAT}","version":{VERSION}}}',
            f'{{"{kind}":{body}}}',
        ]
        content = "".join(f"{line}\n" for line in lines).encode()
        counts = {"documents": 0, "rows": 0, "hours": 0, f"{kind}s": 1}
        end = {"end": counts, "sha256": hashlib.sha256(content).hexdigest()}
        path = tmp_path / "home.backup"
        path.write_bytes(gzip.compress(content + json.dumps(end).encode() + b"\n"))
        with pytest.raises(StoreDataError, match="line 2"):
            restore(MemoryStore(), None, path)

    def test_a_row_of_it_is_set_aside(self, levels, tmp_path):
        path = tmp_path / "history.sqlite3"
        aside = tmp_path / "aside.jsonl"
        with HistoryService(SqliteHistory(path), quarantine=aside) as history:
            history.record(HistorySample(AT, metadata=nested(levels)))
            history.record(HistorySample(AT, zone="b"))
            history.flush()
            assert history.status().quarantined == 1
            assert history.status().written == 1
        assert aside.stat().st_mode & 0o777 == 0o600


def test_all_that_is_written_is_read():
    deep = nested(MAX_DEPTH - 2)
    assert decode(encode(deep), key="a") == deep
    wide = {"a": [{"b": [[]]} for _ in range(1000)], "text": "[{" * 1000}
    assert decode(encode(wide), key="a") == wide


def test_what_is_longer_than_any_document_is_not_parsed(monkeypatch):
    monkeypatch.setattr("switchbot_store.codec._LONGEST", 100)
    with pytest.raises(StoreUnavailableError, match="at most"):
        decode(b'{"a": "' + b"x" * 100 + b'"}', key="a")


def test_no_recursion_is_needed_for_any_of_it(caplog):
    """A host may leave little of the stack."""
    caplog.set_level(logging.CRITICAL)

    def down(levels):
        if levels:
            down(levels - 1)
        else:
            decode(encode(nested(MAX_DEPTH - 2)), key="a")
            with pytest.raises(StoreDataError):
                encode(nested(5000))

    limit, used = sys.getrecursionlimit(), 0
    frame = sys._getframe()
    while frame is not None:
        frame, used = frame.f_back, used + 1
    down(limit - used - 80)


@pytest.mark.parametrize("indent", [False, True])
def test_what_is_kept_of_a_document_takes_no_more_memory_than_it_is_long(indent):
    document = {"text": "x" * 1000}
    length = len(encode(document, indent=indent))
    tracemalloc.start()
    try:
        before, _peak = tracemalloc.get_traced_memory()
        kept = [
            *(encode(document, indent=indent) for _ in range(100)),
            *(encode_of_others(document) for _ in range(100)),
        ]
        after, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(kept) < 1.1 * length


class Words(StrEnum):
    WARM = "warm"


SCALARS = st.sampled_from(
    [
        *(None, True, 0, -(2**63), 2**63 - 1, 1.5, -0.0, 9.9e15, -9.9e15, 5e-324),
        *("", "a", "\\u0000", 'a"\\b', "grün"),
    ]
)
ODD = st.sampled_from(
    [
        *(2**63, 2**64 - 1, 2**64, -(2**63) - 1, 1e16, -1e16, 1.7e308),
        *(float("nan"), float("inf"), float("-inf"), "\0", "a\ud800"),
        *((), (1, 2), b"a", {1}, Words.WARM, UUID(int=1), AT, Decimal(1)),
        orjson.Fragment(b"{}"),
    ]
)


def nested_in(value):
    """Return a document that has the value somewhere, among others that are fine."""
    fine = st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
        ),
        max_leaves=8,
    )
    return st.recursive(
        value,
        lambda inner: (
            st.tuples(fine, inner, fine).map(list)
            | st.builds(lambda one, two: {"a": one, "b": two, "c": one}, fine, inner)
        ),
        max_leaves=4,
    ).map(lambda within: {"x": within})


@settings(max_examples=150, deadline=None)
@given(document=nested_in(SCALARS), indent=st.booleans())
def test_what_fits_is_written_and_comes_back(document, indent):
    assert decode(encode(document, indent=indent), key="a") == document


@settings(max_examples=150, deadline=None)
@given(document=nested_in(ODD), indent=st.booleans())
def test_what_does_not_come_back_equal_is_refused_wherever_it_is(document, indent):
    with pytest.raises(StoreDataError):
        encode(document, indent=indent)


def test_indenting_makes_no_document_too_long(monkeypatch):
    document = {"a": [[1, 2], [3, 4]]}
    limit = len(encode(document))
    monkeypatch.setattr("switchbot_store.codec.MAX_DOCUMENT_BYTES", limit)
    assert len(encode(document, indent=True)) > limit
    monkeypatch.setattr("switchbot_store.codec.MAX_DOCUMENT_BYTES", limit - 1)
    for indent in (False, True):
        with pytest.raises(StoreDataError, match=f"this one {limit}"):
            encode(document, indent=indent)


@pytest.mark.parametrize(
    "document",
    [
        {"URL": float("nan")},
        {"a": [{"URL": {"URL": {1, 2}}}]},
        {"URL\0": 1},
        {"a": {"URL\ud800": 1}},
        {"URL": {5: 1}},
    ],
    ids=repr,
)
def test_a_name_that_is_a_url_is_not_told_of_what_cannot_be_stored(document):
    """A slip puts one there, and the path of a webhook is its password."""
    slipped = "https://u:Zquser@h.example/Zqpath"

    def named(value):
        if isinstance(value, list):
            return [named(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key.replace("URL", slipped) if isinstance(key, str) else key: named(each)
            for key, each in value.items()
        }

    with pytest.raises(StoreDataError) as refused:
        encode(named(document))
    assert "Zq" not in f"{refused.value!r} {refused.value} {refused.value.path}"
