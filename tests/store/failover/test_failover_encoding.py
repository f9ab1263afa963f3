"""A document is checked and encoded once, and the same bytes go everywhere."""

from types import SimpleNamespace

import orjson
import pytest

from switchbot_store import PostgresStore, StoreDataError, StoreUnavailableError, codec
from switchbot_store.files.lines import read_lines

DATA = {"b": 1, "a": {"text": "ü", "list": [1.5, None, True]}}
BYTES = '{"b":1,"a":{"text":"ü","list":[1.5,null,true]}}'.encode()


class Listening(PostgresStore):
    """PostgreSQL that keeps what it was sent, and can be away."""

    away = False

    def __init__(self, url):
        super().__init__(url)
        self.sent = []

    def _call(self, work):
        if self.away:
            raise StoreUnavailableError("PostgreSQL is away")
        return super()._call(work)

    def _write(self, statement, *values):
        self.sent.append(values)
        return super()._write(statement, *values)

    def _carry_over(self, statement, value):
        self.sent.append((value,))
        return super()._carry_over(statement, value)


@pytest.fixture
def primary(database_url):
    return Listening(database_url)


@pytest.fixture
def store(make, primary):
    store = make(primary, "host", background=False)
    store.set("old", {"n": 1})
    return store


@pytest.fixture
def encodings(store, monkeypatch):
    """Every document that was turned into JSON to be stored, from now on."""
    seen = []

    def dumps(data, **options):
        seen.append(data)
        return orjson.dumps(data, **options)

    spy = SimpleNamespace(**{**vars(orjson), "dumps": dumps})
    monkeypatch.setattr(codec, "orjson", spy)
    return seen


def _set(store):
    store.set("new", DATA)
    return 1


def _set_many(store):
    store.set_many({"new": DATA, "other": {"n": 2}, "third": {"n": 3}})
    return 3


def _set_many_of_one(store):
    store.set_many({"new": DATA})
    return 1


def _create(store):
    store.compare_and_set("new", DATA, "")
    return 1


def _replace(store):
    store.compare_and_set("old", DATA, store.get_entry("old").revision)
    return 1


def _update(store):
    store.update("old", lambda _: DATA)
    return 1


WAYS = [_set, _set_many, _set_many_of_one, _create, _replace, _update]
ways = pytest.mark.parametrize("write", WAYS)


@ways
def test_a_write_to_the_primary_is_encoded_once(store, primary, encodings, write):
    count = write(store)
    assert store.status().degraded_since is None
    assert len(encodings) == count
    assert any(BYTES in value for values in primary.sent for value in values)
    key = "old" if write in (_replace, _update) else "new"
    assert store._life.local.mirror.get(key).encoded == BYTES
    assert primary.get(key) == DATA


@ways
def test_a_write_to_the_journal_is_encoded_once(store, primary, encodings, write):
    primary.away = True
    count = write(store)
    assert store.status().pending == count
    assert len(encodings) == count
    key = "old" if write in (_replace, _update) else "new"
    assert store._life.local.journal.pending[key].encoded == BYTES
    journal = store.directory / ".journal" / "journal.jsonl"
    assert any(BYTES in line for line in read_lines(str(journal)))


def test_a_replay_sends_the_bytes_of_the_journal(store, primary, encodings):
    primary.away = True
    store.set("new", DATA)
    primary.away = False
    primary.sent.clear()
    assert store.resync()
    assert len(encodings) == 1
    assert any(BYTES in value for values in primary.sent for value in values)


@pytest.mark.parametrize("away", [False, True])
def test_what_cannot_be_stored_gets_nowhere(store, primary, encodings, away):
    primary.away = away
    primary.sent.clear()
    for write in (
        lambda: store.set("new", {"n": float("nan")}),
        lambda: store.set_many({"new": DATA, "bad": {"n": float("nan")}}),
        lambda: store.compare_and_set("new", {"n": float("nan")}, ""),
    ):
        with pytest.raises(StoreDataError):
            write()
    assert primary.sent == []
    assert store.status().pending == 0
    assert store._life.local.mirror.get("new") is None
