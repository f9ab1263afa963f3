"""The history that the environment asks for."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    StoreConfig,
    StoreConfigError,
    get_history,
)

NOW = datetime.now(UTC)


def test_files_keep_it_in_the_directory(tmp_path):
    config = StoreConfig(directory=tmp_path / "config")
    with get_history(config) as history:
        history.record(HistorySample(NOW, temperature=20.5))
    assert {file.name for file in (tmp_path / "config").iterdir()} == {
        "history.sqlite3"
    }
    with get_history(config) as history:
        assert history.latest()[0].temperature == 20.5
        assert history.status().backend == "sqlite"


def test_postgres_keeps_it_in_the_database(tmp_path, database_url):
    config = StoreConfig(backend="postgres", conninfo=database_url, directory=tmp_path)
    with get_history(config) as history:
        history.record(HistorySample(NOW, temperature=20.5))
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT temperature FROM state_history").fetchall()
    assert found == [(20.5,)]


def test_memory_keeps_it_until_it_is_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with get_history(StoreConfig(backend="memory")) as history:
        history.record(HistorySample(NOW))
        assert len(history.latest(5)) == 1
    assert list(tmp_path.iterdir()) == []


def test_rows_wait_on_disk_for_a_database_that_is_away(
    tmp_path, postgres_server_factory, caplog
):
    server = postgres_server_factory()
    config = StoreConfig(backend="postgres", conninfo=server.url(), directory=tmp_path)
    server.stop()
    with get_history(config) as history:
        assert "for now" in caplog.text
        history.record(HistorySample(NOW, temperature=20.5))
    server.start()
    with get_history(config) as history:
        history.flush()
        assert [row.temperature for row in history.latest(5)] == [20.5]


def test_a_wrong_password_is_an_error(tmp_path, postgres_server_factory):
    server = postgres_server_factory(password="right")
    url = server.url().replace("right", "wrong")
    with pytest.raises(StoreConfigError):
        get_history(StoreConfig(backend="postgres", conninfo=url, directory=tmp_path))


def test_economy_journals_each_row_and_lets_the_database_sleep(tmp_path):
    config = StoreConfig(directory=tmp_path, profile="economy")
    with get_history(config) as history:
        for number in range(100):
            history.record(HistorySample(NOW + timedelta(seconds=number)))
        status = history.status()
        assert (status.spilled, status.buffered, status.written) == (100, 0, 0)
        assert 800 < history._writer._due_in() <= 900
    with get_history(replace(config, profile="interactive")) as history:
        assert len(history.latest(200)) == 100


def test_retention_comes_from_the_environment(tmp_path):
    config = StoreConfig.from_env(
        {"STORE_DIRECTORY": str(tmp_path), "HISTORY_RETENTION_DAYS": "30"}
    )
    with get_history(config) as history:
        now = datetime.now(UTC)
        for days in (31, 29, 25, 20, 15, 10, 5, 0):
            history.record(HistorySample(now - timedelta(days=days)))
        assert history.cleanup() == 1


def test_the_password_is_never_told(tmp_path, postgres_server_factory, caplog):
    caplog.set_level(logging.DEBUG)
    server = postgres_server_factory(password="s3cret-word")
    config = StoreConfig(backend="postgres", conninfo=server.url(), directory=tmp_path)
    with get_history(config) as history:
        history.record(HistorySample(NOW))
        history.flush()
        server.kill()
        history.record(HistorySample(NOW))
        history.flush()
        told = f"{history.status()} {history.backend!r} {caplog.text}"
        assert "s3cret-word" not in told
        server.start()
