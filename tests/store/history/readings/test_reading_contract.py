"""The one suite over every place for readings of devices."""

import pytest

from switchbot_store.history.postgres.readings import PostgresReadings
from switchbot_store.history.readings import SqliteReadings
from switchbot_store.testing.reading_contract import ReadingContract


class TestSqliteReadings(ReadingContract):
    @pytest.fixture
    def make_readings(self, tmp_path):
        return lambda: SqliteReadings(tmp_path / "config" / "readings.sqlite3")


class TestPostgresReadings(ReadingContract):
    @pytest.fixture
    def make_readings(self, database_url):
        return lambda: PostgresReadings(database_url)
