"""The table of versions: made, read, and mended where somebody changed it.

It only remembers; how our own tables look is what counts (`shape`). So where it lost what
tells a version, it is made whole and our own files are applied anew, which leaves alone
what is there. Of the files of others nobody knows that: they are told.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from switchbot_store.errors import MigrationError
from switchbot_store.languages import worded

NAME: Final = "switchbot_store_migrations"
_CREATE: Final = b"""
CREATE TABLE IF NOT EXISTS switchbot_store_migrations (
    namespace text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace, version)
)
"""
_COLUMNS: Final = {
    "namespace": "text",
    "version": "integer",
    "name": "text",
    "applied_at": "timestamptz DEFAULT now()",
}
_LOOK: Final = """
SELECT c.relkind IN ('r', 'p'), w.name, w.type,
    (SELECT format_type(a.atttypid, NULL) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped),
    format_type(w.type::regtype, NULL),
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
        AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY n(number, nth)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = n.number
            WHERE n.nth <= i.indnkeyatts ORDER BY 1) = ARRAY['namespace', 'version'])
FROM pg_class c, (VALUES ('namespace', 'text'), ('version', 'integer'), ('name', 'text'),
    ('applied_at', 'timestamptz')) AS w(name, type)
WHERE c.oid = to_regclass('switchbot_store_migrations')
"""
_VERSION: Final = b"""
SELECT coalesce(max(version), 0) FROM switchbot_store_migrations WHERE namespace = %s
"""
_REMEMBER: Final = b"""
INSERT INTO switchbot_store_migrations (namespace, version, name) VALUES (%s, %s, %s)
ON CONFLICT (namespace, version) DO UPDATE SET applied_at = now()
"""
_ONCE: Final = b"""
DELETE FROM switchbot_store_migrations one USING switchbot_store_migrations other
WHERE one.ctid > other.ctid
    AND one.namespace = other.namespace AND one.version = other.version;
CREATE UNIQUE INDEX ON switchbot_store_migrations (namespace, version)
"""
_LET_OTHERS_BE: Final = b"""
DO $$
DECLARE other text;
BEGIN
    FOR other IN SELECT conname FROM pg_constraint
        WHERE conrelid = to_regclass('switchbot_store_migrations') AND contype = 'p'
    LOOP
        EXECUTE format('ALTER TABLE switchbot_store_migrations DROP CONSTRAINT %I', other);
    END LOOP;
    FOR other IN SELECT attname FROM pg_attribute
        WHERE attrelid = to_regclass('switchbot_store_migrations') AND attnum > 0
            AND attnotnull AND NOT attisdropped AND NOT atthasdef AND attidentity = ''
            AND attname NOT IN ('namespace', 'version', 'name', 'applied_at')
    LOOP
        EXECUTE format('ALTER TABLE switchbot_store_migrations ALTER %I DROP NOT NULL', other);
    END LOOP;
END $$
"""
_KEY: Final = "its key over namespace and version"


def version_of(connection: psycopg.Connection[Any], namespace: str, *, own: str) -> int:
    """Return the newest version applied, 0 for none.

    Also 0 for the namespace `own` where the table lost what tells it. Raises
    MigrationError for that of others then, and where it is no table of versions at all.
    """
    lacks = _lacking(connection)
    if lacks is None:
        return 0
    if not {"namespace", "version"} & set(lacks):
        try:
            with connection.cursor(row_factory=tuple_row) as cursor:
                row = cursor.execute(_VERSION, (namespace,)).fetchone()
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                worded(
                    "this role may not read {name}: as its owner GRANT SELECT ON it TO the role",
                    name=NAME,
                )
            ) from error
        return int(row[0]) if row else 0
    if namespace != own:
        raise MigrationError(
            worded(
                "{name} lost {lacks}: which versions of {namespace!r} were applied is not known; bring that table back from a backup",
                name=NAME,
                lacks=", ".join(lacks),
                namespace=namespace,
            )
        )
    return 0


def make_version_table(connection: psycopg.Connection[Any]) -> None:
    """Make the table, or what it lacks. Raises MigrationError, psycopg.Error."""
    connection.execute(_CREATE)
    lacks = _lacking(connection) or ()
    for name in lacks:
        if name in _COLUMNS:
            connection.execute(
                f"ALTER TABLE {NAME} ADD COLUMN {name} {_COLUMNS[name]}".encode()
            )
    if set(lacks) & set(_COLUMNS):  # one of them may be there by another name
        connection.execute(_LET_OTHERS_BE, prepare=False)
    if _KEY in lacks:
        connection.execute(_ONCE, prepare=False)


def remember(
    connection: psycopg.Connection[Any], namespace: str, version: int, name: str
) -> None:
    """Note that a file was applied."""
    connection.execute(_REMEMBER, (namespace, version, name))


def _lacking(connection: psycopg.Connection[Any]) -> list[str] | None:
    """Return what it lacks, None where there is no such table."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_LOOK.encode(), prepare=False).fetchall()
    if not found:
        return None
    for is_table, name, wanted, kind, meant, _ in found:
        if not is_table or (kind is not None and kind != meant):
            why = f"{name} is {kind} and not {wanted}" if is_table else "it is no table"
            raise MigrationError(
                worded(
                    "{name} is not as this program made it: {why}; rename it, then it is made anew",
                    name=NAME,
                    why=why,
                )
            )
    keyed = found[0][-1]
    lacking = [name for _, name, _, kind, _, _ in found if kind is None]
    return lacking if keyed else [*lacking, _KEY]
