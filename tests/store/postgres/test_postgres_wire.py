"""What PostgresStore says on the wire, and what it makes of lost answers."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import PostgresStore, StoreConflictError, StoreUnavailableError

WAIT_SECONDS = 30


@pytest.fixture
def store(proxied_store):
    return proxied_store


def bump(document):
    return {"n": document.get("n", 0) + 1}


def revisions(connection, key):
    query = "SELECT revision::text, recent::text[] FROM json_store WHERE kind = %s"
    current, recent = connection.execute(query, (key,)).fetchone()
    return [current, *recent]


OPERATIONS = {
    "get": lambda store: store.get("warm"),
    "get_entry": lambda store: store.get_entry("warm"),
    "get_many": lambda store: store.get_many(["warm", "cold"]),
    "set": lambda store: store.set("a", {"x": 1}),
    "set_many": lambda store: store.set_many({"a": {"x": 1}, "b": {"x": 2}}),
    "create": lambda store: store.compare_and_set("new", {"x": 1}, ""),
    "delete": lambda store: store.delete("warm"),
    "keys": lambda store: store.keys(),
    "health_check": lambda store: store.health_check(),
}


class TestTheWire:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_operation_is_one_statement_in_one_round_trip(
        self, store, proxy, operation
    ):
        OPERATIONS[operation](store)
        assert len(proxy.statements) == 1, proxy.statements
        assert proxy.transaction_statements == []
        assert proxy.round_trips == 1
        assert proxy.connections == 0

    def test_compare_and_set_is_one_round_trip_and_so_is_its_refusal(
        self, store, proxy
    ):
        revision = store.get_entry("warm").revision
        proxy.clear()
        store.compare_and_set("warm", {"x": 1}, revision)
        assert (len(proxy.statements), proxy.round_trips) == (1, 1)
        with pytest.raises(StoreConflictError):
            store.compare_and_set("warm", {"x": 1}, revision)
        assert (len(proxy.statements), proxy.round_trips) == (2, 2)

    def test_a_given_pool_costs_one_round_trip_too(self, proxied_url, proxy):
        with (
            ConnectionPool(proxied_url, min_size=1, open=True) as pool,
            PostgresStore(pool=pool) as store,
        ):
            store.set("a", {"x": 1})
            proxy.clear()
            store.set("a", {"x": 2})
            assert store.get("a") == {"x": 2}
            assert proxy.transaction_statements == []
            assert proxy.round_trips == 2

    def test_repeated_statements_are_prepared_once(self, store, proxy):
        for _ in range(20):
            store.get("warm")
        assert len(proxy.statements) == 20
        assert proxy.round_trips <= 21

    def test_a_lost_preparation_is_no_error(self, store, beside):
        for _ in range(10):
            store.get("warm")
        store._connections.call(lambda it: it.execute("DEALLOCATE ALL"))
        beside.execute("ALTER TABLE json_store ADD COLUMN remark text")
        for _ in range(10):
            assert store.get("warm") == {"up": True}

    def test_opening_an_up_to_date_database_changes_nothing(self, proxied_url, proxy):
        PostgresStore(proxied_url).open().close()
        proxy.clear()
        PostgresStore(proxied_url).open().close()
        # The latter settles the session, which ends with it.
        reading = ("SELECT", "WITH session")
        assert all(text.lstrip().startswith(reading) for text in proxy.statements)
        assert proxy.transaction_statements == []


class TestLostAnswers:
    """The server did it, or did not, and could not say so."""

    @pytest.mark.parametrize("fault", ["lose_reply_to", "cut_before"])
    def test_an_update_counts_once(self, store, proxy, beside, fault):
        store.update("n", bump)
        getattr(proxy, fault)("json_store SET")
        assert store.update("n", bump) == {"n": 2}
        assert store.get("n") == {"n": 2}
        assert len(revisions(beside, "n")) == 2

    @pytest.mark.parametrize("fault", ["lose_reply_to", "cut_before"])
    def test_a_write_happens_once(self, store, proxy, beside, fault):
        getattr(proxy, fault)("INSERT INTO json_store")
        store.set("a", {"x": 1})
        getattr(proxy, fault)("INSERT INTO json_store")
        store.set_many({"a": {"x": 2}, "b": {"x": 2}})
        getattr(proxy, fault)("INSERT INTO json_store")
        created = store.compare_and_set("c", {"x": 3}, "")
        assert store.get_entry("c").revision == created
        assert [len(revisions(beside, key)) for key in "abc"] == [2, 1, 1]

    def test_a_deletion_is_told_as_such(self, store, proxy):
        store.set("a", {"x": 1})
        proxy.lose_reply_to("DELETE")
        assert store.delete("a") is True
        assert store.keys() == ["warm"]

    def _meanwhile(self, proxy, statement, call, work):
        """Do `work` between the loss of an answer and the repetition of `call`."""
        with ThreadPoolExecutor(1) as pool:
            proxy.lose_reply_to(statement)
            # Whoever was cut off cannot come back before `work` is done.
            proxy.refuse()
            calling = pool.submit(call)
            work()
            proxy.accept()
            return calling.result(WAIT_SECONDS)

    def _other_write(self, beside, key, happened, count=1):
        """Write as another host would, once the lost write is there."""
        for _ in range(1000):
            query = "SELECT data FROM json_store WHERE kind = %s"
            if beside.execute(query, (key,)).fetchone()[0] == happened:
                break
        else:
            pytest.fail("the write whose answer is lost never happened")
        for number in range(count):
            beside.execute(
                "UPDATE json_store SET data = %s::jsonb, revision = %s,"
                " recent = (revision || recent)[1:16] WHERE kind = %s",
                (f'{{"n": {100 + number}}}', uuid.uuid4(), key),
            )

    def test_an_update_that_was_overwritten_meanwhile_is_not_repeated(
        self, store, proxy, beside
    ):
        store.set("n", {"n": 1})
        changed = self._meanwhile(
            proxy,
            "json_store SET",
            lambda: store.update("n", bump),
            lambda: self._other_write(beside, "n", {"n": 2}),
        )
        assert changed == {"n": 2}
        assert store.get("n") == {"n": 100}

    def test_a_set_that_was_overwritten_meanwhile_is_not_repeated(
        self, store, proxy, beside
    ):
        store.set("n", {"n": 1})
        self._meanwhile(
            proxy,
            "INSERT INTO",
            lambda: store.set("n", {"n": 2}),
            lambda: self._other_write(beside, "n", {"n": 2}),
        )
        assert store.get("n") == {"n": 100}

    def test_what_cannot_be_told_any_more_is_an_error_not_a_conflict(
        self, store, proxy, beside
    ):
        store.set("n", {"n": 1})
        with pytest.raises(StoreUnavailableError, match="may have been"):
            self._meanwhile(
                proxy,
                "json_store SET",
                lambda: store.update("n", bump),
                lambda: self._other_write(beside, "n", {"n": 2}, count=17),
            )
        assert store.get("n") == {"n": 116}
