"""A database that answers, and will not do what it is asked to."""

import logging
import threading

import pytest

from switchbot_store import (
    FailoverStore,
    MigrationError,
    PostgresStore,
    StoreConfig,
    StoreConfigError,
    StoreUnavailableError,
    get_store,
)
from switchbot_store.failover import store as failover_store
from switchbot_store.postgres import connections
from switchbot_store.postgres.connecting import connected
from switchbot_store.testing import TcpProxy

REFUSED = (
    StoreConfigError("the password is refused", variable="POSTGRES_URL"),
    MigrationError("the database is newer"),
    TypeError("a mistake in the code"),
)


def raise_(error):
    raise error


class TestRefusals:
    def test_a_wrong_password_at_the_start_is_an_error(
        self, postgres_server_factory, make
    ):
        server = postgres_server_factory(password="right")
        wrong = server.url().replace("right", "wrong")
        store = make(PostgresStore(wrong))
        with pytest.raises(StoreConfigError, match="password"):
            store.open()
        # and the directory is free for the one that has it right
        make(PostgresStore(server.url())).set("a", {"n": 1})

    @pytest.mark.parametrize("error", REFUSED, ids=lambda each: type(each).__name__)
    def test_what_a_start_raises_is_not_told_as_an_outage_before(
        self, flaky, make, monkeypatch, caplog, error
    ):
        monkeypatch.setattr(flaky, "open", lambda: raise_(error))
        with caplog.at_level(logging.DEBUG), pytest.raises(type(error)):
            make(flaky).open()
        assert [each.message for each in caplog.records] == []

    @pytest.mark.parametrize("error", REFUSED, ids=lambda each: type(each).__name__)
    def test_a_refusal_that_comes_after_the_start_is_told(
        self, flaky, make, monkeypatch, until, error
    ):
        answer = threading.Event()
        monkeypatch.setattr(flaky, "open", lambda: answer.wait() and raise_(error))
        monkeypatch.setattr(failover_store, "_FIRST_READ_SECONDS", 0.0)
        store = make(flaky, background=False).open()
        assert store.status().last_error == "the primary did not answer yet"
        answer.set()
        until(lambda: str(error) in (store.status().last_error or ""))

    def test_a_password_rotated_while_running_degrades_and_says_so(
        self, postgres_server_factory, on_postgres, until, until_back
    ):
        server = postgres_server_factory(password="first")
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        with server.connect() as admin:
            admin.execute("ALTER USER postgres PASSWORD 'second'")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND usename = 'postgres'"
            )
            store.set("a", {"n": 2})
            assert store.get_entry("a").data == {"n": 2}
            until(lambda: "password" in (store.status().last_error or ""))
            assert store.status().degraded_since is not None
            assert "first" not in store.status().last_error
            admin.execute("ALTER USER postgres PASSWORD 'first'")
        until_back(store)
        with PostgresStore(server.url()) as other:
            assert other.get("a") == {"n": 2}

    def test_without_a_primary_there_is_no_lease(self, server, on_postgres):
        store = on_postgres(server.url())
        assert store.lease("engine", 30).token == 1
        server.stop("immediate")
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                store.lease("other", 30)

    @staticmethod
    def refused_to_new_sessions(server):
        """Tell whether the server has told those that it had, too: it does so first."""
        with server.connect() as fresh:
            setting = fresh.execute("SHOW default_transaction_read_only")
            return setting.fetchone() == ("on",)

    def test_a_read_only_server_takes_no_writes_from_us(
        self, server, on_postgres, until, until_back, caplog
    ):
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        with server.connect() as admin:
            admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            admin.execute("SELECT pg_reload_conf()")
        with caplog.at_level(logging.CRITICAL):
            until(lambda: self.refused_to_new_sessions(server))
            store.set("a", {"n": 2})
            assert store.status().pending == 1
            assert store.get_entry("a").data == {"n": 2}
        with server.connect() as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
            admin.execute("SELECT pg_reload_conf()")
        until_back(store)
        assert store.get("a") == {"n": 2}

    def test_unhealthy_is_what_strict_checks_call_degraded(self, server, tmp_path):
        url = server.url()
        store = FailoverStore(PostgresStore(url), tmp_path, strict_health_checks=True)
        with store:
            assert store.health_check()
            server.stop("immediate")
            store.get("a")
            assert not store.health_check()


class TestOddities:
    def test_a_database_with_a_full_disk_is_away(self, server, on_postgres, until_back):
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        with server.connect() as admin:
            admin.execute(
                """
                CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$;
                CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON json_store
                    EXECUTE FUNCTION fill()
                """
            )
            store.set("a", {"n": 2})
            revision = store.get_entry("a").revision
            store.compare_and_set("a", {"n": 3}, revision)
            threading.Event().wait(1)
            status = store.status()
            assert (status.pending, status.degraded_since is None) == (2, False)
            assert "could not extend file" in status.last_error
            admin.execute("DROP TRIGGER fill ON json_store")
        until_back(store)
        assert store.get("a") == {"n": 3}
        assert store.conflicts() == []

    def test_what_others_stored_and_is_no_document_stops_nothing(
        self, server, make, until_back
    ):
        with TcpProxy(server.port) as proxy:
            store = make(PostgresStore(server.url(port=proxy.port)))
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})
            proxy.refuse()
            proxy.reset()
            store.set("a", {"n": 2})
            store.set("b", {"n": 2})
            with server.connect() as admin:
                admin.execute("UPDATE json_store SET data = '[1]' WHERE kind = 'b'")
                admin.execute("INSERT INTO json_store (kind, data) VALUES ('c', '7')")
            proxy.accept()
            until_back(store)
            assert store.get("a") == {"n": 2}
            (conflict,) = store.conflicts()
            assert conflict.key == "b"
            assert {"n": 2} in (conflict.data, store.get("b")) or conflict.data == {
                "value": [1]
            }
            with pytest.raises(StoreUnavailableError, match="no JSON object"):
                store.get("c")
            assert store.status().degraded_since is None
            store.set("c", {"n": 1})
            assert store.get("c") == {"n": 1}
            store.close()


class TestFallbackRefuse:
    """Several hosts, or a disk that does not last: no journal takes a write."""

    def test_calls_fail_at_once_while_it_is_away_and_work_once_it_is_back(
        self, server, tmp_path, monkeypatch
    ):
        tried = []

        def counted(*arguments):
            tried.append(arguments)
            return connected(*arguments)

        monkeypatch.setattr(connections, "connected", counted)
        environ = {
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": server.url(),
            "STORE_FALLBACK": "refuse",
            "STORE_DIRECTORY": str(tmp_path),
        }

        def refused(call, *arguments):
            with pytest.raises(StoreUnavailableError, match="refused"):
                call(*arguments)

        with get_store(StoreConfig.from_env(environ)) as store:
            store.set("a", {"n": 1})
            for _ in range(2):
                server.stop("immediate")
                for call in (
                    (store.set, "a", {"n": 2}),
                    (store.get, "a"),
                    (get_store, StoreConfig.from_env(environ)),
                ):
                    tried.clear()
                    refused(*call)
                    # Nobody waits for it with a second attempt.
                    assert len(tried) == 1
                assert store.health_check() is False
                server.start()
                assert store.get("a") == {"n": 1}
        assert list(tmp_path.iterdir()) == []
