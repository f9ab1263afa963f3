"""The proxy that other tests believe: what it counts, delays and breaks."""

import ssl
from pathlib import Path
from time import perf_counter

import psycopg
import pytest

from switchbot_store.testing import TcpProxy


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def connect(postgres_server, proxy):
    connections = []

    def open_one(**parameters):
        url = postgres_server.url(port=proxy.port)
        parameters = {"autocommit": True, "connect_timeout": 5, **parameters}
        connections.append(psycopg.connect(url, **parameters))
        return connections[-1]

    yield open_one
    for connection in connections:
        connection.close()


def test_one_autocommit_statement_is_one_statement_and_one_round_trip(proxy, connect):
    connection = connect()
    proxy.clear()
    assert connection.execute("SELECT %s::int", [7]).fetchone() == (7,)
    assert (len(proxy.statements), proxy.round_trips) == (1, 1)
    assert proxy.transaction_statements == []


def test_an_explicit_transaction_shows_its_begin_and_commit(proxy, connect):
    connection = connect()
    proxy.clear()
    with connection.transaction():
        connection.execute("SELECT 1")
    assert proxy.statements == ["BEGIN", "SELECT 1", "COMMIT"]
    assert proxy.transaction_statements == ["BEGIN", "COMMIT"]
    assert proxy.round_trips == 3


def test_a_prepared_statement_is_counted_under_its_text(proxy, connect):
    connection = connect()
    for number in range(10):
        connection.execute("SELECT %s::int + 1", [number], prepare=True)
    assert proxy.statements == ["SELECT $1::int + 1"] * 10


def test_a_pipeline_counts_every_statement_and_one_round_trip(proxy, connect):
    connection = connect(prepare_threshold=None)
    proxy.clear()
    with connection.pipeline():
        for number in range(5):
            connection.execute("SELECT %s::int", [number])
    assert len(proxy.statements) == 5
    assert proxy.round_trips <= 2


def test_a_large_statement_and_result_arrive_unchanged(connect):
    text = "x" * 3_000_000
    assert connect().execute("SELECT %s::text", [text]).fetchone() == (text,)


def test_the_delay_applies_in_each_direction(proxy, connect):
    connection = connect()
    proxy.delay_seconds = 0.03
    began = perf_counter()
    connection.execute("SELECT 1")
    assert perf_counter() - began >= 0.06


def test_a_black_hole_is_silent_until_new_connections_may_pass(proxy, connect):
    connect()
    proxy.black_hole()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        connect(connect_timeout=2)
    proxy.pass_through()
    assert connect().execute("SELECT 1").fetchone() == (1,)


def test_reset_breaks_present_connections_only(proxy, connect):
    connection = connect()
    proxy.reset()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert connect().execute("SELECT 1").fetchone() == (1,)


def test_half_close_looks_like_a_server_that_hung_up(proxy, connect):
    connection = connect()
    proxy.half_close()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_refuse_and_accept_keep_the_port(proxy, connect):
    port = proxy.port
    proxy.refuse()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect()
    proxy.accept()
    assert proxy.port == port
    assert connect().execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("fault", "happened"), [("cut_before", 0), ("lose_reply_to", 1)]
)
def test_a_statement_can_be_cut_before_or_after_it_happened(
    database_url, postgres_server, fault, happened
):
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with (
        postgres_server.connect(name) as direct,
        TcpProxy(postgres_server.port) as proxy,
    ):
        direct.execute("CREATE TABLE t (n int)")
        url = postgres_server.url(name, port=proxy.port)
        with psycopg.connect(url, autocommit=True) as connection:
            getattr(proxy, fault)("INSERT INTO t")
            with pytest.raises(psycopg.OperationalError):
                connection.execute("INSERT INTO t VALUES (%s)", [1])
        assert direct.execute("SELECT count(*) FROM t").fetchone() == (happened,)


def test_encryption_is_offered_on_demand_and_refused_otherwise(postgres_server, proxy):
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        psycopg.connect(postgres_server.url(port=proxy.port, sslmode="require"))
    certificate = Path(__file__).parents[2] / "webhook_sender" / "loopback.pem"
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with TcpProxy(postgres_server.port, tls=tls) as encrypting:
        url = postgres_server.url(
            port=encrypting.port, sslmode="verify-full", sslrootcert=str(certificate)
        )
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.pgconn.ssl_in_use
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert encrypting.statements == ["SELECT 1"]
