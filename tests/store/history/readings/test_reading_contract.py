"""The one suite over every place for readings of devices."""

import pytest

from switchbot_store.history.postgres.readings import PostgresReadings
from switchbot_store.history.readings import SqliteReadings
from switchbot_store.postgres import migrate
from switchbot_store.postgres.schema.partitioning import partition
from switchbot_store.testing.reading_contract import ReadingContract


class TestSqliteReadings(ReadingContract):
    @pytest.fixture
    def make_readings(self, tmp_path):
        return lambda: SqliteReadings(tmp_path / "config" / "readings.sqlite3")


class TestPostgresReadings(ReadingContract):
    @pytest.fixture
    def make_readings(self, migrated_database_url):
        return lambda: PostgresReadings(migrated_database_url)


class TestPostgresReadingsInParts(ReadingContract):
    """A fleet's readings are most of its rows; they are parted with everything else."""

    @pytest.fixture
    def make_readings(self, database_url):
        migrate(database_url)
        parts = {each.table: each.parts for each in partition(database_url, 3)}
        assert parts["device_readings"] == parts["device_readings_hourly"] == 3
        return lambda: PostgresReadings(database_url)
