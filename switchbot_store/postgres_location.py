"""Where PostgreSQL is, from the environment, as one libpq string."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from switchbot_store.errors import StoreConfigError
from switchbot_store.postgres_settings import SSL_MODES, connection_string

if TYPE_CHECKING:
    from switchbot_store.environment import Environment

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
                "ENVIRONMENT is 'test' and TEST_DATABASE_URL is not set; no other"
                " database is ever used for tests",
                variable=variable,
            )
    else:
        variable, conninfo = _ordinary(env)
    parameters = conninfo_to_dict(connection_string(conninfo, variable=variable))
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
            "TEST_DATABASE_URL names no database; write its name after the last slash",
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
            "STORE_BACKEND is 'postgres' and nothing says where it is; set"
            " POSTGRES_URL or DATABASE_URL to postgresql://user:password@host/name,"
            f" or some of {', '.join(_SAY_WHERE)}",
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
                f"POSTGRES_SSL_ROOT_CERT is {certificate!r}, which is no file;"
                " accepted: the path of a certificate file, or system",
                variable="POSTGRES_SSL_ROOT_CERT",
            )
        parameters["sslrootcert"] = certificate
        mode = mode or "verify-full"
    mode = mode or env.text("PGSSLMODE")
    if mode:
        parameters["sslmode"] = mode
    elif not is_local(_hosts(env, parameters), in_docker=in_docker):
        parameters.setdefault("sslmode", "require")


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
