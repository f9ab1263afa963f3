"""What a store or history is made with, and what a history is asked, is named if wrong.

What a store is asked is part of `StoreContract`.
"""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    HomeStore,
    JsonStore,
    MemoryStore,
    PostgresStore,
    SqliteHistory,
    StoreConfigError,
    StoreDataError,
    StoreError,
    ThreadedStore,
    get_history,
    get_store,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(hours=3)
URL = "postgresql:///nowhere"
NO_NUMBERS = ("5", b"5", [5], True, float("nan"), -1)
NO_TIMES = (*NO_NUMBERS, float("inf"), 10**400)
NO_TEXTS = (5, b"x", ["x"], {}, 1.5, True, object())
NO_PATHS = (5, b"x", ["x"], {}, object(), "a\0b")
NO_STORES = (None, 5, "x", object())
NO_INSTANTS = (None, 5, "2026-01-01", START.replace(tzinfo=None), START.date())

MADE = [
    ("directory", NO_PATHS, JsonStore),
    ("paths", (5, "x", ["x"]), lambda it: JsonStore("x", paths=it)),
    ("paths['a']", NO_PATHS, lambda it: JsonStore("x", paths={"a": it})),
    ("POSTGRES_URL", NO_TEXTS, PostgresStore),
    ("max_size", (*NO_NUMBERS, 0), lambda it: PostgresStore(URL, max_size=it)),
    ("timeout_seconds", NO_TIMES, lambda it: PostgresStore(URL, timeout_seconds=it)),
    (
        "connect_timeout_seconds",
        NO_TIMES,
        lambda it: PostgresStore(URL, connect_timeout_seconds=it),
    ),
    ("primary", NO_STORES, lambda it: FailoverStore(it, "x")),
    ("local_directory", NO_PATHS, lambda it: FailoverStore(MemoryStore(), it)),
    ("store", NO_STORES, ThreadedStore),
    ("store", NO_STORES, lambda it: HomeStore(it, "1")),
    ("home", NO_TEXTS, lambda it: HomeStore(MemoryStore(), it)),
    ("config", (5, "x", {}, object()), get_store),
    ("config", (5, "x", {}, object()), get_history),
    ("path", NO_PATHS, SqliteHistory),
    *(
        (
            name,
            NO_TIMES
            if name in ("retention_days", "close_timeout_seconds")
            else NO_NUMBERS,
            lambda it, name=name: HistoryService(SqliteHistory("x"), **{name: it}),
        )
        for name in (
            "batch_size",
            "flush_interval_seconds",
            "retention_days",
            "max_buffered_rows",
            "max_buffered_bytes",
            "close_timeout_seconds",
        )
    ),
    ("path", NO_PATHS, lambda it: HistoryService(SqliteHistory("x"), spill=it)),
    (
        "quarantine",
        NO_PATHS,
        lambda it: HistoryService(SqliteHistory("x"), quarantine=it),
    ),
    (
        "timezone",
        (*NO_TEXTS, "Mars/Base"),
        lambda it: HistoryService(SqliteHistory("x"), timezone=it),
    ),
]
ASKED = [
    *(
        ("zone", NO_TEXTS, ask)
        for ask in (
            lambda h, it: h.query(START, END, zone=it),
            lambda h, it: list(h.pages(START, END, zone=it)),
            lambda h, it: h.latest(1, zone=it),
            lambda h, it: h.aggregates(1, zone=it),
            lambda h, it: h.move(START, END, timedelta(1), zone=it),
            lambda h, it: h.export("x.csv", START, END, zone=it),
        )
    ),
    *(
        ("start", NO_INSTANTS, ask)
        for ask in (
            lambda h, it: h.query(it, END),
            lambda h, it: list(h.pages(it, END)),
            lambda h, it: h.move(it, END, timedelta(1)),
            lambda h, it: h.export("x.csv", it, END),
        )
    ),
    ("fields", (5, "zone", ["x"]), lambda h, it: h.query(START, END, fields=it)),
    ("points", (*NO_NUMBERS, 0, 1.5), lambda h, it: h.query(START, END, points=it)),
    ("bucket", (*NO_TEXTS, "x"), lambda h, it: h.query(START, END, bucket=it)),
    (
        "page_rows",
        (*NO_NUMBERS, None, 0),
        lambda h, it: list(h.pages(START, END, page_rows=it)),
    ),
    ("n", (*NO_NUMBERS, None), lambda h, it: h.latest(it)),
    ("hours", (*NO_NUMBERS, None), lambda h, it: h.aggregates(it)),
    ("by", (None, 5, "1 d", timedelta()), lambda h, it: h.move(START, END, it)),
    (
        "target",
        (None, 5, [], object()),
        lambda h, it: h.export(it, START, END, format="csv"),
    ),
    (
        "format",
        (5, [], {}, "xlsx"),
        lambda h, it: h.export("x.csv", START, END, format=it),
    ),
    ("home", NO_TEXTS, lambda h, it: h.of_home(it)),
]


@pytest.mark.parametrize(("name", "wrongs", "make"), MADE)
def test_what_something_is_made_with(name, wrongs, make):
    for wrong in wrongs:
        with pytest.raises(StoreConfigError) as caught:
            make(wrong)
        assert caught.value.variable == name


@pytest.fixture
def history(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = SqliteHistory("history.sqlite")
    with HistoryService(rows, spill="spill.sqlite") as history:
        history.record(HistorySample(START, temperature=21.0))
        yield history


@pytest.mark.parametrize(("name", "wrongs", "ask"), ASKED)
def test_what_a_history_is_asked(history, tmp_path, name, wrongs, ask):
    for wrong in wrongs:
        with pytest.raises(StoreError) as caught:
            ask(history, wrong)
        error = caught.value
        assert isinstance(error, StoreConfigError | StoreDataError)
        named = error.variable if isinstance(error, StoreConfigError) else error.path
        assert named == name
    assert [row.temperature for row in history.latest(9)] == [21.0]
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("field", "wrongs"),
    [
        ("metadata", (5, "x", [("a", 1)], {1: 2}, float("nan"), object())),
        ("temperature", ("21", True, object(), 10**400)),
        ("timezone", (None, 5, b"UTC")),
        ("error_count", (None, "1", 1.5, 2**63)),
    ],
)
def test_a_sample_that_is_none_is_set_aside_and_holds_up_no_other(
    history, tmp_path, field, wrongs
):
    for wrong in wrongs:
        history.record(HistorySample(START, **{field: wrong}))
    history.record(HistorySample(END, temperature=22.0))
    history.flush()
    assert [row.temperature for row in history.latest(99)] == [21.0, 22.0]
    aside = (tmp_path / "spill.quarantine.jsonl").read_text().splitlines()
    assert len(aside) == len(wrongs)
    assert all(field in line for line in aside)
