"""What a session has to be like, whatever the role, the database or the server says.

``ALTER ROLE ... SET`` and its kin change how instants are written, how long a statement
may take and what happens when two write at once. Behind a transaction pooler a session
cannot be told, since the next statement meets another: there the statements say
themselves what they mean, instants travel in binary and what collided is repeated.

A pooler is known by what it does, not by its name: when a client connects it makes up the
process id, since it does not know yet which server connections will do the work.

A search path that the connection string asks for, as ``?schema=`` does, is set here too:
some poolers refuse the `options` in which libpq sends it, others pass over them.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson
import psycopg

from switchbot_store.errors import StoreConfigError
from switchbot_store.languages import worded
from switchbot_store.postgres.wire import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_store.postgres.wire import OwnConnection

_WANTED: Final[Mapping[str, str]] = {
    # A second writer of a row is to wait for the first, not to fail.
    "default_transaction_isolation": "read committed",
    # The watchdog ends what takes too long; it knows how long each call may take.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    # Compiling a chart of many rows takes longer than it can save, seconds the first time.
    "jit": "off",
}
# Where pg_catalog is not named it comes first; named, it may come after a schema whose
# functions then stand for the server's own. Tables are made in the first schema, which
# has to be there and to allow it. A path that the connection string or PGOPTIONS asks for
# is as it says: it is no accident.
_SETTLE: Final = b"""
WITH session AS (
    SELECT pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $2::int4 AS is_ours
)
SELECT is_ours FROM session
UNION ALL
SELECT pg_catalog.set_config(name, wanted, false) IS NULL
FROM session, pg_catalog.jsonb_each_text($1::jsonb) AS w(name, wanted)
WHERE is_ours AND pg_catalog.current_setting(name, true) <> wanted
UNION ALL
SELECT pg_catalog.set_config('search_path', $3::text, false) IS NULL
FROM session
WHERE is_ours AND $3::text <> ''
UNION ALL
SELECT pg_catalog.set_config('search_path', (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(name), ', ' ORDER BY
        pg_catalog.has_schema_privilege(name, 'CREATE') DESC, place)
    FROM (
        SELECT name, pg_catalog.min(place) AS place
        FROM pg_catalog.unnest(
            pg_catalog.array_append(pg_catalog.current_schemas(false), 'public'::name)
        ) WITH ORDINALITY AS s(name, place)
        WHERE pg_catalog.to_regnamespace(pg_catalog.quote_ident(name)) IS NOT NULL
        GROUP BY name
    ) AS named WHERE name <> 'pg_catalog'), false) IS NULL
FROM session
WHERE is_ours
    AND $3::text = ''
    AND ('pg_catalog' = ANY (pg_catalog.current_schemas(false))
    OR pg_catalog.has_schema_privilege(pg_catalog.current_schema(), 'CREATE') IS NOT TRUE)
    AND (SELECT source FROM pg_catalog.pg_settings WHERE name = 'search_path') <> 'client'
"""
_VALUES: Final = orjson.dumps(_WANTED)
_UNLIMITED: Final = b"SET statement_timeout = 0"
_ATTEMPTS: Final = 20


_PATH: Final = re.compile(r"(?:^|(?<=\s))(?:-c\s*|--)search_path=([^\s\\]+)(?=\s|$)")
_IN_FORCE: Final = b"SELECT pg_catalog.current_schema(), session_user"


def without_path(options: str) -> tuple[str, str]:
    """Return the rest of libpq's `options`, and the search path that they ask for.

    One with a backslash is left where it is.
    """
    found = _PATH.findall(options)
    rest = " ".join(_PATH.sub("", options).split(" ")).strip()
    return (rest, found[-1]) if found else (options, "")


def settle(connection: OwnConnection, path: str = "") -> bool:
    """Bring a new session into that state; False, and nothing done, behind a pooler.

    `path` is the search path, `""` for that of the role. Raises psycopg.Error.
    """
    ours_is = str(connection.info.backend_pid).encode()
    values = (_VALUES, ours_is, path.encode())
    try:
        ours, *_ = fetch(connection, _SETTLE, values)
    except psycopg.errors.QueryCanceled:
        # By a limit of milliseconds, which even its own end has to get by.
        for _ in range(_ATTEMPTS):
            with suppress(psycopg.errors.QueryCanceled):
                fetch(connection, _UNLIMITED, ())
                break
        ours, *_ = fetch(connection, _SETTLE, values)
    return ours == (b"t",)


def check_path(connection: OwnConnection, path: str) -> None:
    """See that the sessions of a transaction pooler begin in the first schema of `path`.

    None can be told to. Raises StoreConfigError, psycopg.Error.
    """
    first = path.split(",", maxsplit=1)[0].strip('"')
    ((schema, user),) = fetch(connection, _IN_FORCE, ())
    if (schema or b"").decode() == first:
        return
    raise StoreConfigError(
        worded(
            "the schema {first} of the URL cannot be chosen behind a pooler "
            "that gives each transaction another session: run `ALTER ROLE "
            "{decode} SET search_path = {first}`, restart the pooler, or "
            "connect to the server itself",
            first=first,
            decode=(user or b"").decode(),
        ),
        variable="POSTGRES_URL",
    )
