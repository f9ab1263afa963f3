"""Why a server's certificate is not believed, which libpq does not say.

Its words are ``certificate verify failed``, whether the authority is another or the
certificate ran out last night. The first is a setting to correct; the second is not, and
passes: somebody renews it, or this host, which has no battery, is told the time. So the
server is asked for its certificate once more, by Python's own OpenSSL, which says why.

The beginning of the conversation is described in
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_ALPN: Final = "postgresql"
_USUAL_ROOT: Final = "~/.postgresql/root.crt"
_OF_DATES: Final = frozenset({9, 10, 11, 12})
"""OpenSSL's X509_V_ERR_: of a certificate, or a list of those taken back, whose time has
not come or is over."""


class Unbelieved(NamedTuple):
    """Why a certificate is not believed; `by_date`: by this host's clock alone."""

    reason: str
    by_date: bool


def unbelieved(parameters: dict[str, Any], timeout_seconds: float) -> Unbelieved | None:
    """Ask the server of libpq's `parameters` for its certificate, and OpenSSL of it.

    None where it is believed, or nothing of it is to be found out in time.
    """
    host = str(parameters.get("hostaddr") or parameters.get("host") or "")
    if not host or host.startswith(("/", "@")):
        return None
    with suppress(OSError, ValueError):  # an SSLError is an OSError
        context = _context(parameters)
        address = host, int(parameters.get("port") or 5432)
        with socket.create_connection(address, timeout_seconds) as connection:
            connection.settimeout(timeout_seconds)
            if parameters.get("sslnegotiation") != "direct":
                connection.sendall(_SSL_REQUEST)
                if connection.recv(1) != b"S":
                    return None
            name = str(parameters.get("host") or "") or None
            try:
                context.wrap_socket(connection, server_hostname=name).close()
            except ssl.SSLCertVerificationError as error:
                by_date = error.verify_code in _OF_DATES
                return Unbelieved(error.verify_message, by_date)
    return None


def _context(parameters: dict[str, Any]) -> ssl.SSLContext:
    """Return what believes as libpq does. Raises OSError where a file cannot be read."""
    named = parameters.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # of names libpq says what is wrong
    context.set_alpn_protocols([_ALPN])
    context.load_verify_locations(Path(str(named or _USUAL_ROOT)).expanduser())
    return context
