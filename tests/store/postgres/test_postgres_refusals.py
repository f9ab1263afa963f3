"""A server that refuses the connection in a language that is not English."""

import contextlib
import socket
import struct
import threading
import time

import psycopg
import pytest
from psycopg import pq

from switchbot_store import (
    FailoverStore,
    PostgresStore,
    SlowConnectionError,
    StoreConfigError,
    StoreUnavailableError,
)
from switchbot_store.postgres import connecting, dry_run
from switchbot_store.postgres.errors import is_for_good

LONG_SECONDS = 20.0
"""Nothing of libpq's own takes so long, however busy the machine is."""
needs_trace = pytest.mark.skipif(
    pq.version() < 180000,
    reason="before 18 libpq does not tell the code of a refused connection",
)
SSL_REQUEST = struct.pack("!i", 80877103)


@pytest.fixture
def refusing():
    """Give `refusing(sqlstate, text)`: the URL of a server that answers with that."""
    with contextlib.ExitStack() as stack:

        def start(sqlstate, text):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            answering = threading.Thread(
                target=answer_all, args=(listener, sqlstate, text), daemon=True
            )
            answering.start()
            port = listener.getsockname()[1]
            return f"postgresql://postgres:geheim@127.0.0.1:{port}/home"

        yield start


def answer_all(listener, sqlstate, text):
    fields = f"SFATALE\0VFATAL\0C{sqlstate}\0M{text}\0Fauth.c\0\0".encode()
    refusal = b"E" + struct.pack("!i", len(fields) + 4) + fields
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the test ended
        with (
            client,
            contextlib.suppress(ConnectionError),
            client.makefile("rb") as read,
        ):
            for _ in range(2):
                (length,) = struct.unpack("!i", read.read(4))
                if read.read(length - 4)[:4] != SSL_REQUEST:
                    break
                client.sendall(b"N")
            client.sendall(b"R" + struct.pack("!ii", 8, 3))  # the password, please
            read.read(1)
            read.read(struct.unpack("!i", read.read(4))[0] - 4)
            client.sendall(refusal)


@pytest.fixture
def closed_port():
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@needs_trace
@pytest.mark.parametrize(
    ("sqlstate", "text"),
    [
        ("28P01", 'autenticazione con password fallita per l\'utente "postgres"'),
        ("28000", 'al ruolo "postgres" non è consentito effettuare il login'),
        ("3D000", 'il database "home" non esiste'),
        ("42501", 'permesso negato per il database "home"'),
    ],
)
def test_what_only_another_setting_helps_against_is_told_from_the_code(
    refusing, sqlstate, text
):
    with pytest.raises(StoreConfigError, match=text) as caught:
        PostgresStore(refusing(sqlstate, text)).open()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "told",
    [
        "ssl/tls alert certificate expired",
        "sslv3 alert certificate revoked",
        "sslv3 alert bad certificate",
        "tlsv1 alert unknown ca",
        "tlsv13 alert certificate required",
    ],
)
def test_what_a_server_says_of_this_hosts_certificate_is_there_to_stay(told):
    """It comes before any word, and so any code, of PostgreSQL's."""
    assert is_for_good(
        f'connection to server at "db", port 5432 failed: SSL error: {told}'
    )


@needs_trace
def test_at_the_start_no_fallback_hides_it(refusing, tmp_path):
    url = refusing("28P01", "autenticazione con password fallita")
    with pytest.raises(StoreConfigError, match="autenticazione"):
        FailoverStore(PostgresStore(url), tmp_path).open()


def test_a_server_that_is_full_is_merely_away(refusing, tmp_path):
    url = refusing("53300", "spiacente, troppi client già connessi")
    with pytest.raises(StoreUnavailableError, match="spiacente"):
        PostgresStore(url).open()
    with FailoverStore(PostgresStore(url), tmp_path) as store:
        store.set("a", {"n": 1})
        assert store.get("a") == {"n": 1}


NEVER_SENT = {
    "sslmode": "sslmode=sometimes",
    "gssencmode": "gssencmode=no",
    "target_session_attrs": "target_session_attrs=rw",
    "require_auth": "require_auth=foo",
    "keepalives_idle": "keepalives_idle=abc",
    "channel_binding": "channel_binding=on",
    "load_balance_hosts": "load_balance_hosts=yes",
    "sslnegotiation": "sslnegotiation=directt sslmode=require",
    "TLS version": "ssl_min_protocol_version=TLSv9",
    "service": "service=nosuch",
    "hostaddr": "hostaddr=127.0.0.1,127.0.0.1",
    "root certificate": "sslmode=verify-full sslrootcert=/nope/ca.pem",
    "system roots": "sslmode=require sslrootcert=system",
}
if pq.version() < 170000:
    del NEVER_SENT["sslnegotiation"]  # it has none
REFUSED = {
    "an option of the server": "options='-c nosuchsetting=1'",
    "a value of such an option": "options='-c statement_timeout=soon'",
    "channel binding": "channel_binding=require",
    "authentication": "require_auth=scram-sha-256",
    "TLS": "sslmode=require",
}


class TestWhereItArose:
    """Not by its words: what nothing but another setting helps against."""

    @pytest.mark.parametrize("name", [*NEVER_SENT, *REFUSED])
    @pytest.mark.parametrize("fallback", [True, False])
    def test_it_is_a_setting(self, database_url, tmp_path, name, fallback):
        wrong = {**NEVER_SENT, **REFUSED}[name]
        url = psycopg.conninfo.make_conninfo(
            database_url, **psycopg.conninfo.conninfo_to_dict(wrong)
        )

        def open_it():
            store = PostgresStore(url)
            (FailoverStore(store, tmp_path) if fallback else store).open()

        with pytest.raises(StoreConfigError) as caught:
            open_it()
        assert caught.value.variable

    @pytest.mark.parametrize(
        "options", ["nosuchsetting=1", "statement_timeout=soon", "role=nobody_at_all"]
    )
    def test_what_is_asked_of_a_session_is_one_for_who_hears_no_code(
        self, database_url, monkeypatch, options
    ):
        monkeypatch.setattr(connecting, "_TRACES_CONNECTING", 10**9)
        url = psycopg.conninfo.make_conninfo(database_url, options=f"-c {options}")
        with pytest.raises(StoreConfigError):
            PostgresStore(url).open()

    def test_a_state_that_passes_is_none_though_something_is_asked_of_a_session(
        self, refusing, monkeypatch
    ):
        monkeypatch.setattr(connecting, "_TRACES_CONNECTING", 10**9)
        url = refusing("57P03", "in parole sconosciute")
        with pytest.raises((StoreUnavailableError, SlowConnectionError)):
            PostgresStore(f"{url}?options=-c%20a.b%3D1").open()

    @pytest.mark.parametrize("name", NEVER_SENT)
    def test_also_where_no_server_is(self, closed_port, name):
        url = f"host=127.0.0.1 port={closed_port} dbname=home {NEVER_SENT[name]}"
        with pytest.raises(StoreConfigError):
            PostgresStore(url).open()

    @pytest.mark.parametrize(
        "fine",
        [
            "sslmode=prefer",
            "sslmode=require",
            "gssencmode=disable",
            "target_session_attrs=read-write",
            "require_auth=scram-sha-256,none",
            "keepalives_idle=30",
            "channel_binding=prefer",
        ],
    )
    def test_an_outage_stays_one_whatever_is_set(self, closed_port, fine):
        url = f"host=127.0.0.1 port={closed_port} dbname=home {fine}"
        with pytest.raises(StoreUnavailableError, match="refused"):
            PostgresStore(url).open()

    def test_a_second_try_without_tls_is_not_waited_for(
        self, closed_port, tmp_path, monkeypatch
    ):
        """What cannot be read is given up by libpq, by default, for a plain connection."""
        monkeypatch.setattr(dry_run, "_SECONDS", LONG_SECONDS)
        (tmp_path / "unreadable").write_text("no certificate")
        (tmp_path / "unreadable").chmod(0o600)
        certificate = {"sslcert": "unreadable", "sslkey": "unreadable"}
        paths = {name: str(tmp_path / each) for name, each in certificate.items()}
        url = psycopg.conninfo.make_conninfo(
            f"host=127.0.0.1 port={closed_port} dbname=home", **paths
        )
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="refused"):
            PostgresStore(url).open()
        assert time.monotonic() - began < LONG_SECONDS

    def test_a_standby_where_a_primary_is_wanted_is_an_outage(self, database_url):
        url = psycopg.conninfo.make_conninfo(
            database_url, target_session_attrs="standby"
        )
        with pytest.raises(StoreUnavailableError, match="failed"):
            PostgresStore(url).open()

    @pytest.mark.parametrize("state", ["57P03", "53300", "08006", "XX000", "58030"])
    @needs_trace
    def test_a_state_that_passes_is_an_outage(self, refusing, state):
        with pytest.raises((StoreUnavailableError, SlowConnectionError)):
            PostgresStore(refusing(state, "in parole sconosciute")).open()

    @pytest.mark.parametrize("state", ["22023", "42704", "0A000", "28000", "3D000"])
    @needs_trace
    def test_any_other_is_there_to_stay(self, refusing, state):
        with pytest.raises(StoreConfigError):
            PostgresStore(refusing(state, "in parole sconosciute")).open()
