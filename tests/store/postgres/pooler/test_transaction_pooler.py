"""Behind PgBouncer in transaction mode, as hosted PostgreSQL gives by default."""

import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    PostgresHistory,
    PostgresStore,
    StoreConfig,
    StoreConfigError,
    get_history,
    get_store,
    migrate,
)
from switchbot_store.doctor.inspection import Inspection
from switchbot_store.doctor.local import examine
from switchbot_store.ops import analyze_db_health
from switchbot_store.postgres.schema.migrations import load_migrations
from switchbot_store.testing import PostgresServer
from switchbot_store.testing.pgbouncer import PgBouncer

CLIENTS = 6
OPERATIONS_EACH = 300


def all_at_once(work, count=CLIENTS):
    """Run `work(number)` in threads of their own; return what they raised."""
    errors = []
    start = threading.Barrier(count)

    def run(number):
        try:
            start.wait(30)
            work(number)
        except Exception as error:  # noqa: BLE001 - every one of them is counted
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_the_pooler_gives_each_transaction_another_connection(pgbouncer):
    """What the other tests of this file stand on."""
    with (
        psycopg.connect(pgbouncer, autocommit=True, prepare_threshold=None) as first,
        psycopg.connect(pgbouncer, autocommit=True, prepare_threshold=None) as second,
    ):
        first.execute("SET application_name = 'seen by others'")
        with first.transaction():
            first.execute("SELECT 1")
            answers = {
                second.execute("SELECT pg_backend_pid()").fetchone()[0]
                for _ in range(3)
            }
            own = first.execute("SELECT pg_backend_pid()").fetchone()[0]
    assert own not in answers


def test_eighteen_hundred_operations_from_six_clients_without_an_error(pgbouncer):
    stores = [PostgresStore(pgbouncer) for _ in range(CLIENTS)]

    def work(number):
        store = stores[number]
        for step in range(OPERATIONS_EACH // 6):
            store.set(f"own/{number}", {"step": step})
            assert store.get(f"own/{number}") == {"step": step}
            store.update("shared", lambda data: {"n": data.get("n", 0) + 1})
            store.set_many({f"a/{number}": {"s": step}, f"b/{number}": {"s": step}})
            found = store.get_many([f"a/{number}", f"b/{number}"])
            assert {entry.data["s"] for entry in found.values()} == {step}
            assert f"own/{number}" in store.keys()  # noqa: SIM118 - a store is no dict

    assert all_at_once(work) == []
    with PostgresStore(pgbouncer) as store:
        assert store.get("shared") == {"n": CLIENTS * OPERATIONS_EACH // 6}
    for store in stores:
        store.close()


def test_clients_that_prepare_would_fail_there(pgbouncer):
    """That nothing is prepared is what makes the difference, not luck."""

    def work(_number):
        with psycopg.connect(pgbouncer, autocommit=True, prepare_threshold=0) as client:
            for _ in range(50):
                client.execute("SELECT 1")

    errors = all_at_once(work)
    assert any("prepared statement" in str(error) for error in errors)


@pytest.mark.parametrize("pooler", [None, True, False])
@pytest.mark.parametrize("make", [PostgresStore, PostgresHistory])
def test_whatever_was_said_of_it_nothing_is_prepared(
    pgbouncer, database_url, make, pooler
):
    clients = [make(pgbouncer, pooler=pooler) for _ in range(CLIENTS)]
    for client in clients:
        client.open()
    now = datetime.now(UTC)

    def work(number):
        client = clients[number]
        for step in range(20):
            if make is PostgresHistory:
                sample = HistorySample(now - timedelta(seconds=step), f"zone-{number}")
                assert client.write([sample], now=now) == 1
                assert client.latest(1, zone=f"zone-{number}")
            else:
                client.set(f"own/{number}", {"step": step})
                assert client.get(f"own/{number}") == {"step": step}

    assert all_at_once(work) == []
    with psycopg.connect(pgbouncer, prepare_threshold=None) as other:
        prepared = "SELECT count(*) FROM pg_prepared_statements"
        assert other.execute(prepared).fetchone() == (0,)
        # Nor does another client find its session changed.
        path = "SELECT source FROM pg_settings WHERE name = 'TimeZone'"
        assert other.execute(path).fetchone()[0] != "session"
    for client in clients:
        client.close()


def test_ten_clients_migrate_an_empty_database_at_once(pgbouncer, database_url):
    stores = [PostgresStore(pgbouncer) for _ in range(10)]
    assert all_at_once(lambda number: stores[number].open(), count=10) == []
    for store in stores:
        store.close()
    with psycopg.connect(database_url) as connection:
        query = "SELECT count(*) FROM switchbot_store_migrations"
        assert connection.execute(query).fetchone()[0] >= 2


def test_a_dashboards_table_is_adopted_once_by_several(pgbouncer, database_url):
    with psycopg.connect(database_url, autocommit=True) as dashboard:
        dashboard.execute(
            "CREATE TABLE state_history (id serial PRIMARY KEY, temperature decimal(4,1),"
            " timestamp timestamptz DEFAULT now(), api_requests_today integer);"
            "CREATE INDEX ON state_history (temperature);"
            "INSERT INTO state_history (timestamp, temperature)"
            " SELECT timestamptz '2026-01-05 12:00Z' + n / 2 * interval '30 seconds', 20.5"
            " FROM generate_series(1, 20000) AS n"
        )
        applied, told = [], []

        def progress(_part, what):
            told.append(what)
            dashboard.execute("INSERT INTO state_history (temperature) VALUES (19.5)")

        def adopt(_number):
            applied.extend(migrate(pgbouncer, progress=progress))

        assert all_at_once(adopt, count=3) == []
        assert sorted(applied) == [each.version for each in load_migrations()]
        counted = "SELECT count(*) FROM state_history WHERE zone = 'default'"
        assert dashboard.execute(counted).fetchone() == (20000 + len(told),)
        left = "SELECT to_regclass('state_history_adoption')"
        assert dashboard.execute(left).fetchone() == (None,)
    history = PostgresHistory(pgbouncer)
    assert history.latest(1)[0].temperature == 19.5
    history.close()


def test_history_small_and_large_goes_through(pgbouncer):
    history = PostgresHistory(pgbouncer)
    now = datetime.now(UTC)
    start = now - timedelta(days=3)
    samples = [
        HistorySample(start + timedelta(minutes=n), temperature=20.0 + n % 5)
        for n in range(3000)
    ]
    for first in range(0, 100, 4):
        assert history.write(samples[first : first + 4], now=now) == 4
    assert history.write(samples, now=now) == 2900  # by COPY, the others are there
    while history.roll_up(now=now):
        pass
    assert len(history.rows(start, now)) == 3000
    history.close()


def test_a_lease_has_one_holder(pgbouncer):
    stores = [PostgresStore(pgbouncer) for _ in range(CLIENTS)]
    leases = [None] * CLIENTS

    def work(number):
        leases[number] = stores[number].lease("engine", 60)

    assert all_at_once(work) == []
    held = [lease for lease in leases if lease is not None]
    assert len(held) == 1
    for _ in range(10):
        assert held[0].renew()
    first = held[0].token
    held[0].release()
    again = stores[3].lease("engine", 60)
    assert again.token > first
    assert not held[0].renew()
    for store in stores:
        store.close()


@pytest.fixture
def environment(monkeypatch, pgbouncer, tmp_path):
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    monkeypatch.delenv("POSTGRES_POOLER", raising=False)
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", pgbouncer)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize("word", ["", "transaction"])
def test_every_kind_is_served_whoever_mentions_it_or_not(environment, word):
    environment.setenv("POSTGRES_POOLER", word)
    now = datetime.now(UTC)
    with get_store() as store, get_history() as history:
        for step in range(20):
            store.set("settings", {"step": step})
            assert store.get("settings") == {"step": step}
            history.record(HistorySample(now - timedelta(seconds=step), "room"))
        history.flush()
        assert history.latest(1)[0].zone == "room"
        lease = store.lease("engine", 60)
        assert lease is not None
        assert lease.renew()
        lease.release()
        assert store.status().degraded_since is None
        assert history.status().degraded_since is None
    for _ in range(8):
        report = analyze_db_health(StoreConfig.from_env().conninfo)
        assert "prepared statement" not in str(report)


def test_the_doctor_says_that_a_pooler_answers(environment):
    with PostgresStore(StoreConfig.from_env().conninfo):
        pass
    assert Inspection(StoreConfig.from_env().conninfo).facts().through_pooler
    for word, level in (("", "ok"), ("transaction", "ok"), ("none", "warning")):
        environment.setenv("POSTGRES_POOLER", word)
        found = [each for each in examine() if each.check == "pooler"]
        assert [each.level for each in found] == [level]


@pytest.mark.usefixtures("bouncer")  # or skipped
def test_a_pooler_of_single_statements_is_a_setting_to_correct(
    postgres_server, database_url, environment, tmp_path
):
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with PgBouncer(postgres_server, "statement") as single:
        url = single.url(name)
        with pytest.raises(StoreConfigError, match="statement pooling mode"):
            PostgresStore(url).open()
        store = FailoverStore(PostgresStore(url), tmp_path / "config")
        with pytest.raises(StoreConfigError):  # no journal for ever
            store.open()
        environment.setenv("POSTGRES_URL", url)
        advice = [each.advice for each in examine() if each.check == "pooler"]
        assert any("pool_mode" in each for each in advice)


@pytest.mark.usefixtures("bouncer")  # or skipped
def test_a_pooler_that_is_led_to_a_promoted_standby_is_followed(tmp_path):
    with (
        PostgresServer() as primary,
        primary.standby() as standby,
        PgBouncer(primary) as bouncer,
        FailoverStore(PostgresStore(bouncer.url()), tmp_path / "config") as store,
    ):
        migrate(primary.url())  # which takes longer than a call may, on a busy machine
        primary.wait_for(standby)
        store.set("state", {"n": 1})
        assert store.status().degraded_since is None
        primary.kill()
        store.set("state", {"n": 2})
        assert store.status().degraded_since is not None
        standby.promote()
        bouncer.stop()
        bouncer.lead_to(standby)
        bouncer.start()
        give_up_at = time.monotonic() + 60
        while store.status().degraded_since is not None:
            assert time.monotonic() < give_up_at
            threading.Event().wait(0.05)
        store.set("other", {"n": 3})
        with standby.connect() as connection:
            query = "SELECT data FROM json_store WHERE kind IN ('state', 'other')"
            found = connection.execute(f"{query} ORDER BY kind").fetchall()
        assert found == [({"n": 3},), ({"n": 2},)]


def test_options_are_refused_and_the_doctor_says_so(environment, pgbouncer):
    environment.setenv("POSTGRES_POOLER", "transaction")
    environment.setenv(
        "POSTGRES_URL", f"{pgbouncer}?options=-c%20statement_timeout%3D5s"
    )
    with pytest.raises(StoreConfigError, match="startup parameter"):
        PostgresStore(StoreConfig.from_env().conninfo).open()
    problems = [each for each in examine() if each.level == "problem"]
    assert {each.check for each in problems} == {"pooler"}
    assert any("PGOPTIONS" in each.advice for each in problems)


@pytest.mark.parametrize("word", ["schema", "currentSchema"])
def test_a_schema_of_the_url_where_the_role_has_it(pgbouncer, database_url, word):
    """PgBouncer refuses the option in which libpq would send it."""
    url = f"{pgbouncer}?{word}=home"
    with psycopg.connect(database_url, autocommit=True) as direct:
        direct.execute("CREATE SCHEMA home")
        with pytest.raises(StoreConfigError, match=r"ALTER ROLE .* search_path = home"):
            PostgresStore(url).open()
        name = direct.info.dbname
        direct.execute(f'ALTER DATABASE "{name}" SET search_path = home')
        # The pooler's sessions of before are as they were.
        direct.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with PostgresStore(url) as store:
            store.set("heating", {"target": 21})
        tables = "SELECT schemaname FROM pg_tables WHERE tablename = 'json_store'"
        assert direct.execute(tables).fetchall() == [("home",)]
        direct.execute(f'ALTER DATABASE "{name}" RESET search_path')


def test_a_pooler_that_passes_over_options_does_not_hide_the_schema(
    installed, postgres_server, database_url
):
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with (
        PgBouncer(
            postgres_server, settings=("ignore_startup_parameters=options",)
        ) as it,
        psycopg.connect(database_url, autocommit=True) as direct,
    ):
        direct.execute("CREATE SCHEMA home")
        with pytest.raises(StoreConfigError, match="search_path = home"):
            PostgresStore(f"{it.url(name)}?schema=home").open()
