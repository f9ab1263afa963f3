"""What a pasted connection string says: the forms of hosters and of other programs.

libpq reads a URL strictly, takes the first ``@`` for the end of the password, and finds
a wrong value only when it connects, which looks like an outage. Here each is understood
as its writer meant it, or refused by the name of what is wrong. A password is never
repeated, nor what could be a part of one.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SSL_MODES: Final = (
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
)
ENCRYPTED: Final = ("require", "verify-ca", "verify-full")
_LAST_PORT: Final = 65535
_BYTE_ORDER_MARK: Final = "\ufeff"
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile")

# What surrounds a URL where it was copied: a command, an assignment, quotes, a driver.
_WRAPPED: Final = re.compile(r"(?:psql\s+|(?:export\s+)?[A-Z][A-Z0-9_]*\s*=\s*|jdbc:)")
_SCHEME: Final = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
_ANY_SCHEME: Final = re.compile(r"\w[\w+.-]*://")
# Where the password ends is told by what follows it: hosts, a name, parameters.
_AFTER_PASSWORD: Final = re.compile(
    r"""
    (?P<place>
        (?:\[[^\]@/?]*\] | [\w.%-]*) (?::[^@/?,:\s]*)?
        (?:, (?:\[[^\]@/?]*\] | [\w.%-]*) (?::[^@/?,:\s]*)? )*
        (?:/[^@?\s]*)?
    )
    (?:\?(?P<query> (?:[\w.-]+=[^&\s]*)? (?:&(?:[\w.-]+=[^&\s]*)?)* ))?
    """,
    re.VERBOSE,
)
_PLACEHOLDER: Final = re.compile(r"[\[<{(]?YOUR[-_ ]?PASSWORD[\]>})]?", re.IGNORECASE)
_SCHEMA_NAME: Final = re.compile(r"[A-Za-z_]\w*")

# Parameters that tell another program how to work and PostgreSQL nothing. Whether there
# is a pooler is found out at the first connection.
_OF_OTHERS: Final = frozenset(
    {
        # Hosters and Node
        *("pgbouncer", "supa", "workaround", "statement_cache_size", "uselibpqcompat"),
        # Prisma
        *("connection_limit", "pool_timeout", "socket_timeout"),
        "single_use_connections",
        # SQLAlchemy with asyncpg
        *("pool_size", "max_overflow", "pool_recycle", "pool_pre_ping"),
        *("prepared_statement_cache_size", "prepared_statement_name_func"),
        "async_fallback",
        # JDBC
        *("prepareThreshold", "preparedStatementCacheQueries", "preferQueryMode"),
        *("reWriteBatchedInserts", "tcpKeepAlive", "loginTimeout", "socketTimeout"),
        "ApplicationName",
        # pgx
        *("default_query_exec_mode", "description_cache_capacity", "pool_max_conns"),
        *("pool_min_conns", "pool_max_conn_lifetime", "pool_max_conn_idle_time"),
        # TablePlus, misspelt as it is there
        *("statusColor", "env", "enviroment", "name", "tLSMode", "usePrivateKey"),
        *("safeModeLevel", "advancedSafeModeLevel", "driverVersion", "lazyload"),
    }
)
_SCHEMA_WORDS: Final = ("schema", "currentSchema", "search_path")
_TLS_WORDS: Final = {
    ("ssl", "true"): "require",
    ("ssl", "1"): "require",
    ("ssl", "on"): "require",
    ("ssl", "yes"): "require",
    ("ssl", "false"): "disable",
    ("ssl", "0"): "disable",
    ("ssl", "off"): "disable",
    ("ssl", "no"): "disable",
    ("ssl", "no-verify"): "require",
    ("sslmode", "no-verify"): "require",
    ("sslaccept", "strict"): "verify-full",
    ("sslaccept", "accept_invalid_certs"): "require",
}


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


def _is_whole(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?\d{1,9}\s*", text, re.ASCII))


def _are_addresses(text: str) -> bool:
    """Tell whether each is a number, as libpq has to have it, or left to the name."""
    try:
        for each in filter(None, text.split(",")):
            socket.getaddrinfo(each, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return False
    return True


def _one_of(*words: str) -> tuple[Callable[[str], bool], str]:
    return words.__contains__, ", ".join(words)


_A_WHOLE: Final = (_is_whole, "a whole number")
_PROTOCOLS: Final = _one_of("3.0", "3.2", "latest")
_TLS_VERSIONS: Final = _one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_WAYS: Final = ("password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none")
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_CHECKED: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "port": (_are_ports, f"1 to {_LAST_PORT}, several with commas"),
    "hostaddr": (_are_addresses, "numeric addresses; a name goes into host"),
    "connect_timeout": (_is_number, "a number of seconds"),
    "sslmode": _one_of(*SSL_MODES),
    "channel_binding": _one_of("disable", "prefer", "require"),
    "gssencmode": _one_of("disable", "prefer", "require"),
    "sslnegotiation": _one_of("postgres", "direct"),
    "sslcertmode": _one_of("disable", "allow", "require"),
    "load_balance_hosts": _one_of("disable", "random"),
    "target_session_attrs": _one_of(
        *("any", "read-write", "primary", "read-only", "standby", "prefer-standby")
    ),
    "require_auth": (
        lambda text: all(way.strip().lstrip("!") in _WAYS for way in text.split(",")),
        f"{', '.join(_WAYS)}; several with commas",
    ),
    "replication": (
        lambda text: text.lower() in {"false", "off", "no", "0"},
        "none: documents and history need an ordinary connection",
    ),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
    "min_protocol_version": _PROTOCOLS,
    "max_protocol_version": _PROTOCOLS,
    "keepalives": _A_WHOLE,
    "keepalives_idle": _A_WHOLE,
    "keepalives_interval": _A_WHOLE,
    "keepalives_count": _A_WHOLE,
    "tcp_user_timeout": _A_WHOLE,
}


def parameters_from(text: str, *, variable: str) -> dict[str, str]:
    """Return what libpq is to be told, by name.

    Raises StoreConfigError naming `variable` and the parameter at fault.
    """
    text = _unwrapped(text)
    if "\0" in text or "%00" in text:
        # libpq would take what is in front of it, silently.
        raise StoreConfigError(
            worded(
                "{variable} has a NUL in it, which PostgreSQL takes nowhere; it "
                "was probably copied with it",
                variable=variable,
            ),
            variable=variable,
        )
    if _SCHEME.match(text):
        parameters = _from_url(text, variable)
    elif _ANY_SCHEME.match(text):
        raise StoreConfigError(
            worded(
                "{variable} does not begin like a URL of PostgreSQL; write "
                "postgresql://user:password@host/name",
                variable=variable,
            ),
            variable=variable,
        )
    else:
        parameters = _from_pairs(text, variable)
    _check(parameters, variable)
    # What is left of it says what is so without it, and poolers refuse even that.
    parameters.pop("replication", None)
    return parameters | _at_home(parameters, variable)


def _at_home(parameters: Mapping[str, str], variable: str) -> dict[str, str]:
    """Return the files that are named from somebody's home, by their whole paths.

    No shell reads what is in a URL, and libpq takes the ~ for a directory's name.
    """
    named = {name: parameters.get(name, "") for name in _FILES}
    found: dict[str, str] = {}
    for name, text in named.items():
        if text.startswith("~"):
            try:
                found[name] = str(Path(text).expanduser())
            except RuntimeError:
                raise _refused(name, "a file by its whole path", variable) from None
    return found


def _unwrapped(text: str) -> str:
    text = text.strip().lstrip(_BYTE_ORDER_MARK)
    while True:
        inner = text
        if inner[:1] in {'"', "'"} and inner[-1:] == inner[:1]:
            inner = inner[1:-1].strip()
        wrapped = _WRAPPED.match(inner)
        if wrapped:
            # Not a pair of key and value: only before what is a URL itself.
            rest = inner[wrapped.end() :].strip()
            if _SCHEME.match(rest.lstrip("'\"")) or wrapped[0].startswith("psql"):
                inner = rest
        if inner == text:
            return text
        text = inner


def _from_url(text: str, variable: str) -> dict[str, str]:
    rest = _SCHEME.sub("", text, count=1)
    user_info, found = "", _AFTER_PASSWORD.fullmatch(rest)
    for at in re.finditer("@", rest):
        if found is not None:
            break
        user_info, found = rest[: at.start()], _AFTER_PASSWORD.fullmatch(rest, at.end())
    parameters = None if found is None else _parsed(f"postgresql://{found['place']}")
    if found is None or parameters is None:
        raise StoreConfigError(
            worded(
                "{variable} is no URL that can be read; accepted: "
                "postgresql://user:password@host:port/name, where in the "
                "password @ is written %40, / as %2F, ? as %3F, # as %23 and % "
                "as %25",
                variable=variable,
            ),
            variable=variable,
        )
    user, colon, password = user_info.partition(":")
    if user:
        parameters["user"] = _decoded(user, variable)
    if colon:
        parameters["password"] = _decoded(password, variable)
    pairs = [pair.partition("=") for pair in (found["query"] or "").split("&") if pair]
    # An @ further on may mean that all this is a password.
    sure = "@" not in (found["query"] or "")
    for name, _, value in pairs:
        _take(parameters, name, _decoded(value, variable), variable, sure=sure)
    return parameters


def _from_pairs(text: str, variable: str) -> dict[str, str]:
    parameters = _parsed(text)
    if parameters is None:
        names = set(re.findall(r"(\w+)\s*=", text)) - set(_known())
        named = [
            f"; {name!r} is no parameter of PostgreSQL{_nearest(name)}"
            for name in sorted(names)
            if name in _OF_OTHERS or name in _SCHEMA_WORDS or _nearest(name)
        ]
        # Not from within the handler: libpq quotes the string, password and all.
        raise StoreConfigError(
            worded(
                "{variable} is no connection string{named}; accepted: "
                "postgresql://user:password@host/name, or key=value pairs as "
                "libpq reads them",
                variable=variable,
                named="".join(named),
            ),
            variable=variable,
        )
    mode = _TLS_WORDS.get(("sslmode", parameters.get("sslmode", "")))
    return parameters | ({"sslmode": mode} if mode else {})


def _parsed(text: str) -> dict[str, str] | None:
    try:
        found = conninfo_to_dict(text)
    except (psycopg.Error, ValueError):
        return None
    return {name: str(value) for name, value in found.items()}


def _decoded(text: str, variable: str) -> str:
    """Return a part of a URL in which a % that encodes nothing stands for itself."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        pass
    raise StoreConfigError(
        worded(
            "{variable} has a percent-encoding that is not UTF-8; a % of the "
            "password is written %25",
            variable=variable,
        ),
        variable=variable,
    )


def _take(
    parameters: dict[str, str], name: str, value: str, variable: str, *, sure: bool
) -> None:
    """Take one parameter of a URL over, under the name that libpq has for it."""
    mode = _TLS_WORDS.get((name, value.lower()))
    if mode or (name == "ssl" and value in SSL_MODES):
        parameters["sslmode"] = mode or value
    elif name in _SCHEMA_WORDS:
        if not _SCHEMA_NAME.fullmatch(value):
            raise _refused(name, "the name of one schema", variable)
        # The usual one is not worth an option, which many poolers refuse.
        if value != "public":
            given = parameters.get("options", "")
            parameters["options"] = f"{given} -c search_path={value}".strip()
    elif name in _known():
        earlier = parameters.get(name) if name == "options" else None
        parameters[name] = f"{value} {earlier}" if earlier else value
    elif name == "ssl":
        raise _refused(name, f"true, false, {', '.join(SSL_MODES)}", variable)
    elif name not in _OF_OTHERS:
        shown = f"the parameter {name!r}" if sure else "a parameter"
        nearest = _nearest(name) if sure else ""
        raise StoreConfigError(
            worded(
                "{variable} has {shown}, which PostgreSQL's library does not "
                "know{nearest}; remove it, or write what is a setting of the "
                "server as options=-c%20name%3Dvalue",
                variable=variable,
                shown=shown,
                nearest=nearest,
            ),
            variable=variable,
        )


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a typo needs it

    near = get_close_matches(name.lower(), _known(), 1, 0.8)
    return f" (is it {near[0]}?)" if near else ""


def _known() -> list[str]:
    return [option.keyword.decode() for option in pq.Conninfo.get_defaults()]


def _refused(name: str, accepted: str, variable: str) -> StoreConfigError:
    # What is there may be half of a password with a colon in it.
    return StoreConfigError(
        worded(
            "{variable} has no usable {name}; accepted: {accepted}",
            variable=variable,
            name=name,
            accepted=accepted,
        ),
        variable=variable,
    )


def _check(parameters: Mapping[str, str], variable: str) -> None:
    for name, (accepts, words) in _CHECKED.items():
        # libpq would only say so when it connects, which looks like an outage.
        if parameters.get(name) and not accepts(parameters[name]):
            raise _refused(name, words, variable)
    for name, accepted in _combinations(parameters):
        raise _refused(name, accepted, variable)
    if _PLACEHOLDER.fullmatch(parameters.get("password", "")):
        raise StoreConfigError(
            worded(
                "{variable} still has the placeholder where the password goes",
                variable=variable,
            ),
            variable=variable,
        )


def _combinations(parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the parameters that libpq refuses beside the others, and what would do."""
    mode = parameters.get("sslmode")
    if mode and mode != "verify-full" and parameters.get("sslrootcert") == "system":
        yield "sslmode", "verify-full, which sslrootcert=system needs"
    if mode and mode not in ENCRYPTED and parameters.get("sslnegotiation") == "direct":
        yield "sslmode", f"{', '.join(ENCRYPTED)}, one of which sslnegotiation needs"
    hosts = _count(parameters.get("host"))
    addresses = _count(parameters.get("hostaddr"))
    if hosts and addresses and hosts != addresses:
        yield "hostaddr", "as many as there are names in host"
    ports = _count(parameters.get("port"))
    if ports > 1 and ports != max(hosts, addresses, 1):
        yield "port", "one for all hosts, or as many as there are hosts"


def _count(text: str | None) -> int:
    return len(text.split(",")) if text else 0


def several_hosts(parameters: Mapping[str, str]) -> bool:
    """Tell whether libpq is given a choice of servers, by itself or by a variable."""
    defaults = {
        option.keyword.decode(): option.val.decode() if option.val else ""
        for option in pq.Conninfo.get_defaults()
    }
    places = (
        parameters.get(name) or defaults.get(name) for name in ("hostaddr", "host")
    )
    return any(_count(each) > 1 for each in places)
