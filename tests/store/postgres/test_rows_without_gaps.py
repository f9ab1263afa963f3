"""A table that is made here loses no bytes between its columns, of millions of rows."""

import psycopg
import pytest

from switchbot_store import migrate

WIDTHS = {"c": 1, "s": 2, "i": 4, "d": 8}
"""By `pg_type.typalign`, https://www.postgresql.org/docs/current/catalog-pg-type.html."""
MADE_HERE = (
    "SELECT a.attname, t.typlen, t.typalign::text"
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
    " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped"
    " ORDER BY a.attnum"
)


@pytest.mark.parametrize("table", ["state_history", "device_readings"])
def test_no_column_of_whole_words_follows_one_of_any_length(database_url, table):
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(MADE_HERE, [table]).fetchall()
    varying = None
    for name, length, alignment in columns:
        # A short text stands at any byte; what has a fixed length stands at a multiple.
        assert varying is None or length < 0 or WIDTHS[alignment] == 1, (
            f"{table}: up to {WIDTHS[alignment] - 1} bytes are lost between"
            f" {varying} and {name}"
        )
        if length < 0:
            varying = name
