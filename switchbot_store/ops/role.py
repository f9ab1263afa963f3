"""A role that may read and nothing else: the server's own guard, before any of ours.

`make_role` makes one; `rights_beyond_select` tells what another one may do besides, and so
what only this package's look-ups keep a statement from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import worded
from switchbot_store.ops.target import TIMEOUT_SECONDS, read, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from switchbot_store.ops.target import Session, Target
    from switchbot_store.postgres.connections import Connection

HOW_TO_READ_ONLY: Final = (
    "connect as one that `switchbot-store ops role` made, which the server itself keeps"
    " from changing anything"
)
_MOST_NAMED: Final = 3
_MOST_CONNECTIONS: Final = 5

# By full names throughout: this is asked before anything else is trusted.
_RIGHTS: Final = """
WITH RECURSIVE mine (oid) AS (
    SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user
    UNION SELECT m.roleid FROM pg_auth_members m JOIN mine ON mine.oid = m.member
), tables AS (
    SELECT c.oid, c.oid::regclass::text AS name, c.relowner, c.relkind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'f', 'S') AND n.nspname NOT LIKE 'pg\\_%'
        AND n.nspname <> 'information_schema'
), found (place, what) AS (
    SELECT 1, '' FROM pg_roles r WHERE r.oid IN (SELECT oid FROM mine)
        AND r.rolsuper
    UNION SELECT 2, '' FROM pg_roles r WHERE r.oid IN (SELECT oid FROM mine) AND NOT r.rolsuper
        AND (r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
    UNION SELECT 3, r.rolname FROM pg_roles r
        JOIN mine ON mine.oid = r.oid
        WHERE r.rolname IN ('pg_read_server_files', 'pg_write_server_files',
            'pg_execute_server_program', 'pg_signal_backend', 'pg_write_all_data',
            'pg_checkpoint', 'pg_maintain', 'pg_create_subscription',
            'pg_use_reserved_connections', 'pg_signal_autovacuum_worker')
    UNION SELECT 4, t.name FROM tables t WHERE t.relowner IN (SELECT oid FROM mine)
    UNION SELECT 5, t.name FROM tables t
        WHERE t.relowner NOT IN (SELECT oid FROM mine) AND CASE WHEN t.relkind = 'S'
            THEN has_sequence_privilege(t.oid, 'UPDATE, USAGE')
            ELSE has_table_privilege(t.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
            END
    UNION SELECT 6, n.nspname FROM pg_namespace n
        WHERE n.nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(n.oid, 'CREATE')
    UNION SELECT 7, ''
        WHERE has_database_privilege(current_database(), 'CREATE')
    UNION SELECT 8, p.oid::regprocedure::text FROM pg_proc p
        WHERE p.prosecdef AND p.oid >= 16384 AND has_function_privilege(p.oid, 'EXECUTE')
            AND p.proowner NOT IN (SELECT oid FROM mine)
)
SELECT place, what FROM found ORDER BY place, what
"""


def _right(place: int, what: str) -> str:
    """Return in words what a row of `_RIGHTS` says."""
    match place:
        case 1:
            return worded("is a superuser")
        case 2:
            return worded(
                "may create roles or databases, replicate, or pass row security"
            )
        case 3:
            return worded("is a member of {role}", role=what)
        case 4:
            return worded("owns {table}", table=what)
        case 5:
            return worded("may change {table}", table=what)
        case 6:
            return worded("may create objects in the schema {schema}", schema=what)
        case 7:
            return worded("may create schemas in the database")
        case _:
            return worded(
                "may run {function} with the rights of its owner", function=what
            )


@dataclass(frozen=True, slots=True)
class ReadingRole:
    """A role made for reading: its name, and what it may do beyond SELECT all the same.

    That is what everybody may in this database; the statements that take it away are for
    the database's owner to decide.

    >>> from switchbot_store.ops import ReadingRole
    >>> ReadingRole("analyst", ("public",), ()).to_dict()["beyond_select"]
    []
    """

    name: str
    schemas: tuple[str, ...]
    beyond_select: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "schemas": list(self.schemas),
            "beyond_select": list(self.beyond_select),
        }


def rights_beyond_select(session: Session) -> tuple[str, ...]:
    """Return what the role of a session may do besides reading, the gravest first."""
    # Undone, as what was looked up would stay locked, as if a statement named it.
    with (
        session.connection.transaction(force_rollback=True),
        session.on_own_path(),
    ):
        found = [_right(row["place"], row["what"]) for row in session.rows(_RIGHTS)]
    shown = tuple(found[:_MOST_NAMED])
    more = len(found) - _MOST_NAMED
    return (*shown, worded("and {more} more", more=more)) if more > 0 else shown


def reading_rights(target: Target) -> tuple[str, ...]:
    """Return what the role that a target connects with may do besides reading.

    Empty for one that `make_role` made. Raises StoreConfigError, StoreUnavailableError.
    """
    return read(target, rights_beyond_select, timeout_seconds=TIMEOUT_SECONDS)


def make_role(
    target: Target, name: str, password: str, schemas: Sequence[str] = ("public",)
) -> ReadingRole:
    """Make a role that may connect and SELECT from all tables of some schemas.

    Made again it is brought into that shape, with the new password, which is hashed here
    and does not reach the server's log. Tables that come later are readable if the role
    of `target` makes them. Raises StoreDataError for what the server refuses, and for a
    role that has something already, StoreUnavailableError.
    """

    def work(connection: Connection) -> None:
        encoded = connection.pgconn.encrypt_password(
            password.encode(), name.encode(), b"scram-sha-256"
        )
        role = sql.Identifier(name)
        row = connection.execute(
            "SELECT r.rolsuper OR r.rolname = current_user OR EXISTS (SELECT FROM"
            " pg_class c WHERE c.relowner = r.oid) AS taken FROM pg_roles r"
            " WHERE r.rolname = %s",
            [name],
        ).fetchone()
        if row is not None and row[0]:
            raise StoreDataError(
                worded("the role {name} is in use for something else", name=name)
            )
        verb = sql.SQL("CREATE" if row is None else "ALTER")
        connection.execute(
            sql.SQL(
                "{} ROLE {} LOGIN PASSWORD {} NOSUPERUSER NOCREATEDB NOCREATEROLE"
                " INHERIT NOREPLICATION NOBYPASSRLS CONNECTION LIMIT {}"
            ).format(verb, role, encoded.decode(), _MOST_CONNECTIONS)
            if _may_say_all(connection)
            else sql.SQL("{} ROLE {} LOGIN PASSWORD {} CONNECTION LIMIT {}").format(
                verb, role, encoded.decode(), _MOST_CONNECTIONS
            )
        )
        for setting, value in (
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ):
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    role, sql.Identifier(setting), value
                )
            )
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                sql.Identifier(connection.info.dbname), role
            )
        )
        for schema in schemas:
            place = sql.Identifier(schema)
            for statement in (
                "GRANT USAGE ON SCHEMA {} TO {}",
                "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {} GRANT SELECT ON TABLES TO {}",
            ):
                connection.execute(sql.SQL(statement).format(place, role))

    write(target, work)
    beyond = read(target, lambda session: _rights_of(session, name))
    return ReadingRole(name, tuple(schemas), beyond)


def _may_say_all(connection: Connection) -> bool:
    """Tell whether the role may name attributes that only a superuser may give."""
    row = connection.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    return bool(row and row[0])


def _rights_of(session: Session, name: str) -> tuple[str, ...]:
    """Return the rights of another role, as that role sees them."""
    try:
        with session.attempt():
            session.connection.execute(
                sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(name))
            )
    except psycopg.errors.InsufficientPrivilege:
        return ("its rights could not be looked at: this role may not act as it",)
    return rights_beyond_select(session)
