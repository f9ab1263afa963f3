"""A server that refuses the connection in a language that is not English."""

import contextlib
import socket
import struct
import threading

import pytest
from psycopg import pq

from switchbot_store import (
    FailoverStore,
    PostgresStore,
    StoreConfigError,
    StoreUnavailableError,
)

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
