"""The hourly summary by parts of the zones: nobody waits for all homes."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import HistorySample, PostgresHistory

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
EDGE = NOON + timedelta(hours=3)
LATER = EDGE + timedelta(minutes=30)
ZONES = [f"{home}/living" for home in range(40)]


@pytest.fixture
def rows(database_url):
    made = PostgresHistory(database_url)
    made.open()
    with closing(made):
        record(made, ZONES)
        yield made


def record(rows, zones, at=NOON):
    samples = [
        HistorySample(at + timedelta(minutes=20 * step), zone, 20.0 + step)
        for zone in zones
        for step in range(3)
    ]
    rows.write(samples, now=at + timedelta(hours=1))


def all_rolled_up(rows, now=LATER):
    steps = 0
    while rows.roll_up(now=now):
        steps += 1
    return steps


def hours(url):
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT zone, bucket, count FROM state_history_hourly WHERE count > 0"
        ).fetchall()
    return {(zone, bucket.astimezone(UTC)): count for zone, bucket, count in found}


def through(url):
    query = "SELECT nullif(through, '-infinity') FROM state_history_rollup"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone()[0]


def part_of(connection, zone):
    return connection.execute("SELECT hashtext(%s) & 15", [zone]).fetchone()[0]


def test_whoever_is_at_some_zones_holds_nobody_up(rows, database_url):
    """The others are done meanwhile, and counted as done for all once they are."""
    with psycopg.connect(database_url) as other:
        part = part_of(other, ZONES[0])
        other.execute(
            "SELECT FROM state_history_parts WHERE part = %s FOR UPDATE", [part]
        )
        theirs = {zone for zone in ZONES if part_of(other, zone) == part}
        all_rolled_up(rows)
        done = {zone for zone, _ in hours(database_url)}
        assert done == set(ZONES) - theirs
        assert through(database_url) is None
        # Until then what is read is read from rows.
        assert len(rows.latest(1, zone=ZONES[0])) == 1
        other.rollback()
    all_rolled_up(rows)
    assert hours(database_url) == dict.fromkeys(((zone, NOON) for zone in ZONES), 3)
    assert through(database_url) == EDGE


def test_late_rows_of_zones_that_somebody_is_at_wait_for_him_alone(rows, database_url):
    all_rolled_up(rows)
    late = [HistorySample(NOON + timedelta(minutes=50), zone, 25.0) for zone in ZONES]
    rows.write(late, now=LATER)
    with psycopg.connect(database_url) as other:
        part = part_of(other, ZONES[0])
        other.execute(
            "SELECT FROM state_history_parts WHERE part = %s FOR UPDATE", [part]
        )
        theirs = {zone for zone in ZONES if part_of(other, zone) == part}
        all_rolled_up(rows)
        counted = hours(database_url)
        for zone in ZONES:
            assert counted[zone, NOON] == (3 if zone in theirs else 4)
        other.rollback()
    all_rolled_up(rows)
    assert hours(database_url) == dict.fromkeys(((zone, NOON) for zone in ZONES), 4)


def test_several_at_once_make_what_one_makes(rows, database_url):
    many = [f"{home}/bedroom" for home in range(300)]
    record(rows, many)
    others = [PostgresHistory(database_url) for _ in range(4)]
    threads = [threading.Thread(target=all_rolled_up, args=[each]) for each in others]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for each in others:
        each.close()
    all_rolled_up(rows)
    wanted = dict.fromkeys(((zone, NOON) for zone in [*ZONES, *many]), 3)
    assert hours(database_url) == wanted
    assert through(database_url) == EDGE


def test_a_step_has_some_hundred_zones_and_of_a_single_home_all(rows, database_url):
    assert all_rolled_up(rows) == 1
    record(rows, [f"{home}/attic" for home in range(4000)], NOON + timedelta(hours=4))
    rows.roll_up(now=NOON + timedelta(hours=6))
    done = sum(1 for zone, _ in hours(database_url) if zone.endswith("/attic"))
    assert 0 < done < 1000
    all_rolled_up(rows, NOON + timedelta(hours=6))
    done = sum(1 for zone, _ in hours(database_url) if zone.endswith("/attic"))
    assert done == 4000


def test_zones_that_others_wrote_by_themselves_are_known_at_once_and_summarised(
    rows, database_url
):
    written = ["77/hall", "77/attic", "77-x/hall", "7/hall"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.cursor().executemany(
            "INSERT INTO state_history (zone, timestamp, temperature) VALUES (%s, %s, 18)",
            [(zone, NOON) for zone in written],
        )
    assert rows.zones("77/") == ["77/attic", "77/hall"]
    assert rows.zones("7") == sorted({*written, "7/living"})
    assert rows.zones("78/") == []
    # Beside many, those that stand together are found without looking at all.
    record(rows, [f"5{number:04}/living" for number in range(100)])
    assert rows.zones("77/") == ["77/attic", "77/hall"]
    all_rolled_up(rows)
    assert rows.zones("77/") == ["77/attic", "77/hall"]
    assert ("77/hall", NOON) in hours(database_url)


def test_names_that_a_collation_parts_are_found_where_zones_are_few(database_url):
    """Of `a`, `á` and `b`, one that knows languages puts `á` between the others."""
    with closing(PostgresHistory(database_url)) as rows:
        rows.open()
        with psycopg.connect(database_url, autocommit=True) as connection:
            for zone in ("a%/x", "A/x", "á/x", "a/y", "a-b/x", "a/", "ab/x"):
                connection.execute(
                    "INSERT INTO state_history (zone, timestamp) VALUES (%s, %s)",
                    [zone, NOON],
                )
        assert rows.zones("a/") == ["a/", "a/y"]
        assert rows.zones("a%") == ["a%/x"]


def test_tables_that_were_made_anew_are_rolled_up_from_the_beginning(
    rows, database_url
):
    all_rolled_up(rows)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM state_history_rollup")
        connection.execute("DELETE FROM state_history_hourly")
    all_rolled_up(rows)
    assert len(hours(database_url)) == len(ZONES)


def test_tables_that_were_dropped_beside_those_of_parts_lose_no_hour(
    rows, database_url
):
    all_rolled_up(rows)
    rows.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "DROP TABLE state_history, state_history_hourly, state_history_late,"
            " state_history_rollup, state_history_blocks, switchbot_store_migrations"
        )
    rows.open()
    record(rows, ZONES)
    all_rolled_up(rows)
    assert hours(database_url) == dict.fromkeys(((zone, NOON) for zone in ZONES), 3)


def test_a_zone_that_is_deleted_waits_for_who_is_at_it_and_stays_deleted(
    rows, database_url
):
    all_rolled_up(rows)
    assert rows.delete_zone(ZONES[0]) == 3
    assert rows.zones("0/") == []
    assert rows.zones("1/") == ["1/living"]
    record(rows, ZONES[1:], NOON + timedelta(hours=4))
    all_rolled_up(rows, NOON + timedelta(hours=6))
    assert not [zone for zone, _ in hours(database_url) if zone == ZONES[0]]
