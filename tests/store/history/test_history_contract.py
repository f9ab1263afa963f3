"""The one suite over every place for history."""

import pytest

from switchbot_store import PostgresHistory, SqliteHistory
from switchbot_store.testing import HistoryContract


class TestSqliteHistory(HistoryContract):
    @pytest.fixture
    def make_backend(self, tmp_path):
        return lambda: SqliteHistory(tmp_path / "config" / "history.sqlite3")


class TestPostgresHistory(HistoryContract):
    @pytest.fixture
    def make_backend(self, migrated_database_url):
        return lambda: PostgresHistory(migrated_database_url)
