"""Where PostgreSQL is, from the environment, as one libpq string.

And how to connect to one that sleeps, restarts and sits behind a pooler.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from psycopg import capabilities
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from switchbot_store.arguments import no_setting
from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import worded
from switchbot_store.postgres.urls import (
    ENCRYPTED,
    SSL_MODES,
    parameters_from,
    several_hosts,
)

if TYPE_CHECKING:
    from switchbot_store.environment import Environment


APPLICATION_NAME: Final = "switchbot_store"
POOL_CONNECT_SECONDS: Final = 10


_NEON: Final = ".neon.tech"
_TAKES_WRITES: Final = (None, "any", "read-write", "primary")


def connection_string(conninfo: str | None, *, variable: str = "POSTGRES_URL") -> str:
    """Return what libpq reads, from any of the usual forms of URL; see `urls`.

    None stands for the ``PG*`` variables. Of several hosts the one that takes writes is
    meant, unless the string or ``PGTARGETSESSIONATTRS`` says otherwise. Raises
    StoreConfigError naming `variable`, without repeating what could be a password.
    """
    if conninfo is not None and not isinstance(conninfo, str):
        raise no_setting("a URL or a libpq string", conninfo, variable)
    parameters = parameters_from(conninfo or "", variable=variable)
    parameters.setdefault("application_name", APPLICATION_NAME)
    parameters["client_encoding"] = "UTF8"
    if parameters.get("sslrootcert") == "system":
        parameters.setdefault("sslmode", "verify-full")
    elif parameters.get("sslnegotiation") == "direct":
        parameters.setdefault("sslmode", "require")
    if several_hosts(parameters) and not os.environ.get("PGTARGETSESSIONATTRS"):
        # A standby, or what was the primary, would be stayed with for ever.
        parameters.setdefault("target_session_attrs", "read-write")
    return make_conninfo("", **parameters)


_OPENS_NO_KEY: Final = "none"
"""For `sslpassword`: a key that is not locked is read all the same."""


def connection_options(conninfo: str, *, pooler: bool | None) -> dict[str, Any]:
    """Return the keyword arguments of `psycopg.connect`.

    `pooler` says that a transaction pooler lies between; a new connection finds that out
    by itself otherwise, see `sessions`.
    """
    options: dict[str, Any] = {"autocommit": True}
    parameters = conninfo_to_dict(conninfo)
    host = str(parameters.get("host", ""))
    if "connect_timeout" not in parameters:
        options["connect_timeout"] = POOL_CONNECT_SECONDS
    if (
        host.endswith(_NEON)
        and parameters.get("sslmode") in ENCRYPTED
        and "sslnegotiation" not in parameters
        and capabilities.has_send_close_prepared()  # that is, libpq >= 17
    ):
        # One round trip less when connecting.
        options["sslnegotiation"] = "direct"
    if (
        not parameters.keys() & {"sslpassword", "service"}
        and "PGSERVICE" not in os.environ
    ):
        # Without any OpenSSL asks whoever sits at the terminal, for as long as that takes.
        options["sslpassword"] = _OPENS_NO_KEY
    if pooler:
        # The next statement may meet another server connection, which knows nothing of
        # the first one's prepared statements, or another client's of the same name.
        options["prepare_threshold"] = None
    return options


def parameters_of(conninfo: str | None) -> dict[str, str]:
    """Return the parameters that a connection string, as made here, names."""
    return {
        name: str(value) for name, value in conninfo_to_dict(conninfo or "").items()
    }


def described(conninfo: str) -> str:
    """Return host and database, never a secret."""
    parameters = conninfo_to_dict(conninfo)
    host = parameters.get("host") or parameters.get("hostaddr") or "the default host"
    return f"database {parameters.get('dbname', 'of the user')!s} on {host!s}"


_SSL_MODES: Final = {mode: mode for mode in SSL_MODES}
# https://www.postgresql.org/docs/current/libpq-envars.html
_LIBPQ_VARIABLES: Final = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGSERVICE": "service",
    "PGSERVICEFILE": "servicefile",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGCHANNELBINDING": "channel_binding",
}
_SAY_WHERE: Final = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGUSER")
_DEFAULT_PORT: Final = "5432"
"""Also inside the compose network; the port that the host publishes may be another."""

DEVELOPMENT_SERVICE: Final = "postgres"
TEST_SERVICE: Final = "postgres-test"


def conninfo_from(env: Environment, *, testing: bool, in_docker: bool) -> str:
    """Return the connection string that the variables describe.

    Raises StoreConfigError naming the variable at fault, never its value.
    """
    if testing:
        variable, conninfo = "TEST_DATABASE_URL", env.text("TEST_DATABASE_URL")
        if not conninfo:
            raise StoreConfigError(
                worded(
                    "ENVIRONMENT is 'test' and TEST_DATABASE_URL is not set; no "
                    "other database is ever used for tests"
                ),
                variable=variable,
            )
    else:
        variable, conninfo = _ordinary(env)
    parameters = conninfo_to_dict(connection_string(conninfo, variable=variable))
    if parameters.get("target_session_attrs") not in _TAKES_WRITES:
        raise StoreConfigError(
            worded(
                "{variable} has no usable target_session_attrs; accepted: "
                "read-write, primary, any: a standby takes no writes",
                variable=variable,
            ),
            variable=variable,
        )
    if testing:
        _pin(env, parameters)
    host = str(parameters.get("host") or "")
    if in_docker and _is_loopback(host):
        parameters["host"] = TEST_SERVICE if testing else DEVELOPMENT_SERVICE
        parameters["port"] = _DEFAULT_PORT
    _apply_tls(env, parameters, in_docker=in_docker)
    return make_conninfo("", **parameters)


def is_local(hosts: str, *, in_docker: bool) -> bool:
    """Tell whether nothing on the way could listen."""
    return all(
        _is_socket(host)
        or _is_loopback(host)
        or (in_docker and "." not in host and ":" not in host)
        for host in hosts.split(",")
    )


def _pin(env: Environment, parameters: dict[str, str | int | None]) -> None:
    """Leave nothing for libpq to fill in from variables of another database."""
    if not parameters.get("dbname") and (
        env.text("PGDATABASE") or env.text("PGSERVICE")
    ):
        raise StoreConfigError(
            worded(
                "TEST_DATABASE_URL names no database; write its name after the "
                "last slash"
            ),
            variable="TEST_DATABASE_URL",
        )
    for name, default in (("host", ""), ("hostaddr", ""), ("port", _DEFAULT_PORT)):
        if env.text(f"PG{name.upper()}") or env.text("PGSERVICE"):
            parameters.setdefault(name, default)


def _ordinary(env: Environment) -> tuple[str, str]:
    for variable in ("POSTGRES_URL", "DATABASE_URL"):
        if env.text(variable):
            return variable, env.text(variable)
    if not any(env.text(variable) for variable in _SAY_WHERE):
        raise StoreConfigError(
            worded(
                "STORE_BACKEND is 'postgres' and nothing says where it is; set "
                "POSTGRES_URL or DATABASE_URL to "
                "postgresql://user:password@host/name, or some of {say_where}",
                say_where=", ".join(_SAY_WHERE),
            ),
            variable="POSTGRES_URL",
        )
    parameters = {
        parameter: env.text(variable)
        for variable, parameter in _LIBPQ_VARIABLES.items()
        if env.text(variable)
    }
    return "PG*", make_conninfo("", **parameters)


def _apply_tls(
    env: Environment, parameters: dict[str, str | int | None], *, in_docker: bool
) -> None:
    mode = env.choice("POSTGRES_SSL_MODE", _SSL_MODES, "")
    certificate = env.text("POSTGRES_SSL_ROOT_CERT")
    if certificate:
        if certificate != "system" and not Path(certificate).is_file():
            raise StoreConfigError(
                worded(
                    "POSTGRES_SSL_ROOT_CERT is {certificate!r}, which is no file; "
                    "accepted: the path of a certificate file, or system",
                    certificate=certificate,
                ),
                variable="POSTGRES_SSL_ROOT_CERT",
            )
        parameters["sslrootcert"] = certificate
        mode = mode or "verify-full"
    elif "sslmode" not in parameters and env.text("PGSSLROOTCERT") == "system":
        mode = mode or env.text("PGSSLMODE") or "verify-full"
    mode = mode or env.text("PGSSLMODE")
    if mode:
        parameters["sslmode"] = mode
    elif not is_local(_hosts(env, parameters), in_docker=in_docker):
        parameters.setdefault("sslmode", "require")
    roots = parameters.get("sslrootcert") or env.text("PGSSLROOTCERT")
    if roots == "system" and parameters.get("sslmode") != "verify-full":
        raise StoreConfigError(
            worded(
                "the roots of the system (sslrootcert=system) go with sslmode "
                "verify-full alone: set POSTGRES_SSL_MODE=verify-full"
            ),
            variable="POSTGRES_SSL_MODE",
        )


def _hosts(env: Environment, parameters: dict[str, str | int | None]) -> str:
    """Return where libpq will go: addresses before names, variables last."""
    for name, variable in (("hostaddr", "PGHOSTADDR"), ("host", "PGHOST")):
        hosts = parameters.get(name, env.text(variable))
        if hosts:
            return str(hosts)
    return ""


def _is_socket(host: str) -> bool:
    return not host or host.startswith(("/", "@"))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
