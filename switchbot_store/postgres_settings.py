"""How to connect to a PostgreSQL that sleeps, restarts and sits behind a pooler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import capabilities
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from switchbot_store.errors import StoreConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

APPLICATION_NAME: Final = "switchbot_store"
POOL_CONNECT_SECONDS: Final = 10

POOL_SETTINGS: Final[Mapping[str, Any]] = {
    # No connection is kept for its own sake: an idle one dies when a database sleeps,
    # and one that is renewed in the background would wake it.
    "min_size": 0,
    # Under the five minutes after which hosted databases suspend.
    "max_idle": 120.0,
    "max_lifetime": 1800.0,
    # With the default of 300 s the pool needs 23 s to notice the end of an outage.
    "reconnect_timeout": 3.0,
    "num_workers": 1,
    # No `check`: on an error the pool is drained and the call repeated, which recovers
    # as fast without a round trip per call.
    "check": None,
}

SSL_MODES: Final = (
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
)
_LAST_PORT: Final = 65535
_NEON: Final = ".neon.tech"
_ENCRYPTED: Final = ("require", "verify-ca", "verify-full")
_URL_SCHEME: Final = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")


def _are_ports(text: str) -> bool:
    """Tell whether each host has a port, or none and thereby the default."""
    return all(
        not port or (port.isascii() and port.isdigit() and 0 < int(port) <= _LAST_PORT)
        for port in map(str.strip, text.split(","))
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_CHECKED: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "port": (_are_ports, f"1 to {_LAST_PORT}, several with commas"),
    "connect_timeout": (_is_number, "a number of seconds"),
    "sslmode": (SSL_MODES.__contains__, ", ".join(SSL_MODES)),
}


def connection_string(conninfo: str | None, *, variable: str = "POSTGRES_URL") -> str:
    """Return what libpq reads, from any of the usual forms of URL.

    None stands for the ``PG*`` variables. Raises StoreConfigError naming `variable`,
    without repeating the string, which holds the password.
    """
    text = (conninfo or "").strip()
    if _URL_SCHEME.match(text):
        text = _URL_SCHEME.sub("postgresql://", text, count=1)
    parameters = _parsed(text)
    if parameters is None:
        # Not from within the handler: libpq quotes the string, password and all.
        raise StoreConfigError(
            f"{variable} is no connection string; accepted:"
            " postgresql://user:password@host/name, or key=value pairs as libpq reads"
            " them",
            variable=variable,
        )
    for name, (accepts, words) in _CHECKED.items():
        # libpq would only say so when it connects, which looks like an outage. What is
        # there may be half of a password with a colon in it.
        if parameters.get(name) and not accepts(str(parameters[name])):
            raise StoreConfigError(
                f"{variable} has no usable {name}; accepted: {words}", variable=variable
            )
    parameters.setdefault("application_name", APPLICATION_NAME)
    parameters["client_encoding"] = "UTF8"
    return make_conninfo("", **parameters)


def connection_options(conninfo: str, *, pooler: bool | None) -> dict[str, Any]:
    """Return the keyword arguments of `psycopg.connect`.

    `pooler` says whether a transaction pooler lies between; None asks the host's name,
    which has ``-pooler`` at Neon.
    """
    options: dict[str, Any] = {"autocommit": True}
    parameters = conninfo_to_dict(conninfo)
    host = str(parameters.get("host", ""))
    if "connect_timeout" not in parameters:
        options["connect_timeout"] = POOL_CONNECT_SECONDS
    if (
        host.endswith(_NEON)
        and parameters.get("sslmode") in _ENCRYPTED
        and "sslnegotiation" not in parameters
        and capabilities.has_send_close_prepared()  # that is, libpq >= 17
    ):
        # One round trip less when connecting.
        options["sslnegotiation"] = "direct"
    if pooler or (pooler is None and "-pooler" in host):
        # The next statement may meet another server connection, which knows nothing of
        # the first one's prepared statements.
        options["prepare_threshold"] = None
    return options


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return dict(conninfo_to_dict(text))
    except (psycopg.Error, ValueError):
        return None


def described(conninfo: str) -> str:
    """Return host and database, never a secret."""
    parameters = conninfo_to_dict(conninfo)
    host = parameters.get("host") or parameters.get("hostaddr") or "the default host"
    return f"database {parameters.get('dbname', 'of the user')!s} on {host!s}"
