import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from switchbot_store import HistorySample, SqliteHistory, StoreUnavailableError
from switchbot_store.cli.app import application

pytest.register_assert_rewrite("switchbot_store.testing.history_contract")

WAIT_SECONDS = 30


class BreakableHistory(SqliteHistory):
    """A real SQLite history whose way there can be cut or stopped."""

    def __init__(self, path):
        super().__init__(path)
        self.away = False
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.entered = threading.Event()
        self.wrote = threading.Semaphore(0)
        self.batches = []

    def write(self, samples, *, now):
        self.entered.set()
        self.open_gate.wait(WAIT_SECONDS)
        if self.away:
            raise StoreUnavailableError("the way is cut")
        added = super().write(samples, now=now)
        self.batches.append(len(samples))
        self.wrote.release()
        return added


class HandClock:
    """Both clocks of a service, moved by hand."""

    def __init__(self):
        self.moment = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self):
        return self.moment

    def monotonic(self):
        return self.seconds

    def advance(self, seconds):
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.fixture
def backend(tmp_path):
    others = threading.enumerate()
    backend = BreakableHistory(tmp_path / "history.sqlite3")
    yield backend
    backend.open_gate.set()
    for thread in threading.enumerate():
        if thread.name == "history writer" and thread not in others:
            thread.join(WAIT_SECONDS)  # one that hung and was left behind
    backend.close()  # `stored` opened it once more


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def moments():
    start = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    return [start + timedelta(seconds=number) for number in range(5000)]


@pytest.fixture
def samples(moments):
    return [
        HistorySample(moment, temperature=20 + number / 100, error_count=number)
        for number, moment in enumerate(moments)
    ]


@pytest.fixture
def stored(backend):
    """Return the `error_count` of every row that the backend has, in order."""

    def read():
        return [row.error_count for row in backend.rows(_FIRST, _LAST)]

    return read


@pytest.fixture
def history(monkeypatch, tmp_path):
    """Run `switchbot-store history ...` on the files below `tmp_path`."""
    for name in list(os.environ):
        if name.startswith(("STORE_", "POSTGRES_", "PG", "HISTORY_")):
            monkeypatch.delenv(name)
    for name in ("DATABASE_URL", "ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "config"))

    def run(*arguments, code=0):
        words = ["history", *(str(each) for each in arguments)]
        result = CliRunner().invoke(application, words)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def on_postgres(history, monkeypatch, database_url):
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", database_url)
    return history


_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
