"""What libpq refuses by itself, whatever server it meets.

It is let connect to a stand-in on this host that takes everything: a value that it does
not know, two that exclude each other, a certificate that it cannot read stop it
nevertheless, before it says who it is. No list of settings or wordings has to be kept.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

_SECONDS: Final = 2.0
_HEAD: Final = struct.Struct("!ii")
_SSL_REQUEST: Final = 80877103
_GSS_REQUEST: Final = 80877104


def refuses(parameters: dict[str, Any]) -> bool:
    """Tell whether libpq would give up these parameters at the most willing server.

    False also where the stand-in cannot be had.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            return _gives_up(_moved(parameters, listener.getsockname()[1]), listener)
    except (OSError, psycopg.Error):
        return False


def _moved(parameters: dict[str, Any], port: int) -> str:
    """Return them for the stand-in, with as many hosts and ports as they name."""
    host = str(parameters.get("host") or "")
    addresses = str(parameters.get("hostaddr") or host)
    count = addresses.count(",") + 1
    moved = {
        **parameters,
        "hostaddr": ",".join(["127.0.0.1"] * count),
        "port": ",".join(
            [str(port)] * (str(parameters.get("port") or "").count(",") + 1)
        ),
    }
    if not host or host.startswith(("/", "@")):
        moved["host"] = ",".join(["localhost"] * count)
    return make_conninfo("", **moved)


def _gives_up(conninfo: str, listener: socket.socket) -> bool:
    connection = pq.PGconn.connect_start(conninfo.encode())
    server: socket.socket | None = None
    expires_at = time.monotonic() + _SECONDS
    status = pq.PollingStatus.WRITING
    try:
        if connection.status == pq.ConnStatus.BAD:
            return True
        while time.monotonic() < expires_at:
            with selectors.DefaultSelector() as selector:
                reading = status == pq.PollingStatus.READING
                selector.register(
                    connection.socket,
                    selectors.EVENT_READ if reading else selectors.EVENT_WRITE,
                )
                selector.register(server or listener, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in selector.select(_SECONDS)]
            if listener in ready:
                server = listener.accept()[0]
            elif server is not None and server in ready:
                further = _says_who_it_is(server)
                if further:
                    return False
                if further is None:  # it tries once more: without TLS, or another host
                    server.close()
                    server = None
            else:
                status = pq.PollingStatus(connection.connect_poll())
                if status == pq.PollingStatus.FAILED:
                    return True
        return False
    finally:
        connection.finish()
        if server is not None:
            server.close()


def _says_who_it_is(server: socket.socket) -> bool | None:
    """Agree to what it asks before that; tell whether it went further, None if it left."""
    try:
        head = server.recv(_HEAD.size, socket.MSG_PEEK)
        if not head:
            return None
        code = _HEAD.unpack(head)[1] if len(head) == _HEAD.size else 0
        if code not in {_SSL_REQUEST, _GSS_REQUEST}:
            return True
        server.recv(_HEAD.size)
        server.sendall(b"S" if code == _SSL_REQUEST else b"N")
    except OSError:
        return None
    return False
