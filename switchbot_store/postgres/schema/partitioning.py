"""Tables in parts: moves a table of ours into hash partitions while others use it.

A table is copied beside itself in steps of some thousand rows, with a trigger that mirrors
what is written meanwhile, and then the copy takes the name. Readers and writers wait for
that last moment alone. A step locks the rows that it copies against changes, so that none
is copied older than it is. Stopped in the middle, whatever by, the next call begins the
copy again over what is there.

Rows go by the key's first column, ``kind`` of documents, ``zone`` of the history and
``device_id`` of readings: what belongs to a home's zone, or to one device, lies in one part.
Citus distributes by the same columns.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, LiteralString, NamedTuple, cast

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from switchbot_store.errors import MigrationError, StoreConfigError
from switchbot_store.languages import worded
from switchbot_store.postgres.connecting import connected
from switchbot_store.postgres.errors import words_of
from switchbot_store.postgres.location import (
    POOL_CONNECT_SECONDS,
    connection_options,
    connection_string,
)
from switchbot_store.postgres.schema.adoption import (
    BUSY,
    LOCK_MILLISECONDS,
    LOCK_PATIENCE_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Connection = psycopg.Connection[Any]

_LOGGER = logging.getLogger(__name__)

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "json_store": ("kind",),
    "state_history": ("zone", "timestamp"),
    "state_history_hourly": ("zone", "bucket"),
    "state_history_late": ("zone", "bucket"),
    "state_history_blocks": ("zone", "bucket"),
    "device_readings": ("device_id", "attribute", "timestamp"),
    "device_readings_hourly": ("device_id", "attribute", "bucket"),
}
"""The tables that are parted, with their keys; by the first column."""
MOST_PARTS: Final = 1024
_ROWS: Final = 2000
_PAUSE_SECONDS: Final = 0.2
_BESIDE: Final = "_parting"
_BEFORE: Final = "_before_parting"

_KIND: Final = """
SELECT c.relkind::text, (
    SELECT count(*) FROM pg_inherits i WHERE i.inhparent = c.oid
), c.reltuples::bigint, pg_get_userbyid(c.relowner)
FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
_RESTS_ON_IT: Final = """
SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid
WHERE d.refobjid = to_regclass(%s) AND d.classid = 'pg_rewrite'::regclass
    AND r.ev_class <> d.refobjid
UNION ALL
SELECT conrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND confrelid = to_regclass(%s)
"""
_OTHER_INDEXES: Final = """
SELECT i.indexrelid::regclass::text, i.indisunique, pg_get_indexdef(i.indexrelid)
FROM pg_index i WHERE i.indrelid = to_regclass(%s) AND (NOT i.indisunique OR ARRAY(
    SELECT a.attname::text FROM unnest(i.indkey) n(number)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.number
    ORDER BY 1
) IS DISTINCT FROM %s)
"""
_TRIGGERS: Final = """
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal AND t.tgname <> %s
ORDER BY t.tgname
"""
_GRANTS: Final = """
SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN NULL
    ELSE pg_get_userbyid(a.grantee) END, a.is_grantable
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.oid = to_regclass(%s) AND a.grantee <> c.relowner
"""


class Parted(NamedTuple):
    """What became of one table: in how many `parts` it is, and how many rows moved.

    `left_out` are indexes that a parted table cannot have.
    """

    table: str
    parts: int
    rows: int
    left_out: tuple[str, ...] = ()


def partition(
    target: str,
    modulus: int,
    *,
    progress: Callable[[float, str], None] = lambda _share, _what: None,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[Parted]:
    """Move documents and history into `modulus` hash partitions each, online.

    `target` is a connection string, of the tables' owner and not behind a transaction
    pooler. Tables that are parted already stay as they are; so does all where it is
    called again. `progress` is told the share done, 0 to 1, and of what.

    Raises StoreConfigError for a number of parts that cannot be; MigrationError where
    views or foreign keys rest on a table, which a table that takes its place would not
    have, or where a table stays locked for a minute; StoreUnavailableError.
    """
    if not 1 < modulus <= MOST_PARTS:
        raise StoreConfigError(
            worded("2 to {most_parts} parts", most_parts=MOST_PARTS), variable="modulus"
        )
    conninfo = connection_string(target)
    options = connection_options(conninfo, pooler=False)
    found = []
    with connected(conninfo, options, POOL_CONNECT_SECONDS) as connection:
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")
        for number, table in enumerate(KEYS):
            parting = _Parting(connection, table, modulus, monotonic)
            share = number / len(KEYS)
            progress(share, table)
            try:
                done = parting.run(partial(_tell, progress, table, share))
            except psycopg.Error as error:
                raise MigrationError(
                    worded("{table}: {error}", table=table, error=words_of(error))
                ) from error
            if done is not None:
                found.append(done)
    progress(1.0, "")
    return found


def _tell(
    progress: Callable[[float, str], None], table: str, share: float, part: float
) -> None:
    progress(share + part / len(KEYS), table)


class _Parting:
    """One table on its way into parts."""

    def __init__(
        self,
        connection: Connection,
        table: str,
        modulus: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._table = table
        self._key = KEYS[table]
        self._modulus = modulus
        self._monotonic = monotonic
        self._beside = f"{table}{_BESIDE}"
        self._before = f"{table}{_BEFORE}"
        self._mirror = f"{table}{_BESIDE}_mirror"

    def run(self, progress: Callable[[float], None]) -> Parted | None:
        """Do it, or go on with it; None where the table is not there."""
        self._drop_before()
        row = self._row(_KIND, self._table)
        if row is None:
            return None
        kind, parts, rows, owner = row
        if kind == "p":
            return Parted(self._table, parts, 0)
        self._check()
        left_out = self._make(owner)
        moved = self._copy(max(1, rows), progress)
        self._patiently(self._swap)
        self._drop_before()
        return Parted(self._table, self._modulus, moved, left_out)

    # --- the steps -------------------------------------------------------------------

    def _check(self) -> None:
        resting = self._rows(_RESTS_ON_IT, self._table, self._table)
        if resting:
            names = ", ".join(sorted(str(name) for (name,) in resting))
            raise MigrationError(
                worded(
                    "{names} rests on {table}, and would go on with the old table: "
                    "drop it, and make it anew afterwards",
                    names=names,
                    table=self._table,
                )
            )

    def _make(self, owner: str) -> tuple[str, ...]:
        """Make the copy, empty, and what mirrors writes into it."""
        key = sorted(self._key)
        others = self._rows(_OTHER_INDEXES, self._table, key)
        exists = self._row("SELECT to_regclass(%s)", self._beside)
        if exists is None or exists[0] is None:
            with self._connection.transaction():
                self._create(owner)
                for _name, unique, definition in others:
                    if not unique:
                        self._index_beside(definition)
        self._patiently(self._mirror_writes)
        left_out = tuple(name for name, unique, _ in others if unique)
        for name in left_out:
            _LOGGER.warning("a parted table cannot have the index %s", name)
        return left_out

    def _create(self, owner: str) -> None:
        self._run(
            "CREATE TABLE {beside} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
            " INCLUDING GENERATED INCLUDING IDENTITY INCLUDING STORAGE INCLUDING COMMENTS)"
            " PARTITION BY HASH ({first})"
        )
        # How full its pages may be and the like: the parts have the rows from now on.
        options = self._row(_OPTIONS, self._table)
        for number in range(self._modulus):
            self._run(
                "CREATE TABLE {part} PARTITION OF {beside}"
                " FOR VALUES WITH (MODULUS {modulus}, REMAINDER {number}){options}",
                options=sql.SQL(cast("LiteralString", options[0] if options else "")),
                part=sql.Identifier(f"{self._table}_p{number}"),
                number=sql.Literal(number),
            )
        self._run("ALTER TABLE {beside} ADD PRIMARY KEY ({key})")
        self._run("ALTER TABLE {beside} OWNER TO {owner}", owner=sql.Identifier(owner))
        for privilege, grantee, grantable in self._rows(_GRANTS, self._table):
            self._run(
                "GRANT {privilege} ON {beside} TO {grantee}{option}",
                privilege=sql.SQL(privilege),
                grantee=sql.SQL("PUBLIC")
                if grantee is None
                else sql.Identifier(grantee),
                option=sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )

    def _index_beside(self, definition: str) -> None:
        """Make an index of the table for the copy, under a name that PostgreSQL finds."""
        _create, _on, rest = definition.partition(" ON ")
        _name, _using, how = rest.partition(" USING ")
        self._run("CREATE INDEX ON {beside} USING {how}", how=sql.SQL(how))

    def _mirror_writes(self) -> None:
        with self._connection.transaction():
            self._limit_waiting()
            self._run(
                "CREATE OR REPLACE FUNCTION {mirror}() RETURNS trigger LANGUAGE plpgsql"
                " AS {body}",
                body=sql.Literal(self._mirroring()),
            )
            self._run("DROP TRIGGER IF EXISTS {mirror} ON {table}")
            self._run(
                "CREATE TRIGGER {mirror} AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION {mirror}()"
            )

    def _mirroring(self) -> str:
        same = sql.SQL(" AND ").join(
            sql.SQL("{0} = OLD.{0}").format(sql.Identifier(name)) for name in self._key
        )
        return (
            sql.SQL(
                "BEGIN"
                " IF TG_OP <> 'INSERT' THEN DELETE FROM {beside} WHERE {same}; END IF;"
                " IF TG_OP <> 'DELETE' THEN INSERT INTO {beside}"
                " OVERRIDING SYSTEM VALUE VALUES (NEW.*) ON CONFLICT DO NOTHING; END IF;"
                " RETURN NULL; END"
            )
            .format(beside=sql.Identifier(self._beside), same=same)
            .as_string(self._connection)
        )

    def _copy(self, rows: int, progress: Callable[[float], None]) -> int:
        """Copy all rows in the order of their key, some thousand at a time."""
        after: tuple[Any, ...] | None = None
        moved = 0
        while True:
            last = self._patiently(partial(self._copy_some, after))
            if last is None:
                return moved
            *after_list, count = last
            after = tuple(after_list)
            moved += count
            progress(min(1.0, moved / rows))

    def _copy_some(self, after: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        beyond: sql.Composable = sql.SQL("")
        if after is not None:
            beyond = sql.SQL("WHERE ({key}) > ({after})").format(
                key=self._names(), after=sql.SQL(", ").join(map(sql.Literal, after))
            )
        # Whoever would change a row that is copied waits for the end of this statement,
        # and what mirrors his write finds the copy.
        statement = sql.SQL(
            "WITH chunk AS MATERIALIZED ("
            " SELECT * FROM {table} {beyond} ORDER BY {key} LIMIT {rows} FOR SHARE"
            "), copied AS ("
            " INSERT INTO {beside} OVERRIDING SYSTEM VALUE SELECT * FROM chunk"
            " ON CONFLICT DO NOTHING RETURNING 1"
            ") SELECT {key}, (SELECT count(*) FROM chunk) FROM chunk"
            " ORDER BY {descending} LIMIT 1"
        )
        descending = sql.SQL(", ").join(
            sql.SQL("{} DESC").format(sql.Identifier(name)) for name in self._key
        )
        return self._fetched(
            statement.format(
                table=sql.Identifier(self._table),
                beside=sql.Identifier(self._beside),
                key=self._names(),
                beyond=beyond,
                rows=sql.Literal(_ROWS),
                descending=descending,
            )
        )

    def _swap(self) -> None:
        """Let the copy take the name: the one moment at which others wait."""
        with self._connection.transaction():
            self._limit_waiting()
            self._run("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            self._run("DROP TRIGGER {mirror} ON {table}")
            triggers = self._rows(_TRIGGERS, self._table, self._mirror)
            self._run("ALTER TABLE {table} RENAME TO {before}")
            self._run("ALTER TABLE {beside} RENAME TO {table}")
            for (definition,) in triggers:
                # As it stood on the table of that name.
                self._run("{definition}", definition=sql.SQL(definition))
            # A serial's numbers go on with the table that has the name.
            for sequence, column in self._rows(_SEQUENCES, self._before):
                self._run(
                    "ALTER SEQUENCE {sequence} OWNED BY {table}.{column}",
                    sequence=sql.SQL(sequence),
                    column=sql.Identifier(column),
                )

    def _drop_before(self) -> None:
        self._patiently(lambda: self._run("DROP TABLE IF EXISTS {before}"))
        if self._row("SELECT to_regclass(%s)", self._beside) == (None,):
            self._run("DROP FUNCTION IF EXISTS {mirror}()")

    # --- how -------------------------------------------------------------------------

    def _patiently(self, work: Callable[[], Any]) -> Any:
        """Do it once nobody is in the way, within a minute."""
        gives_up_at = self._monotonic() + LOCK_PATIENCE_SECONDS
        while True:
            try:
                return work()
            except BUSY as error:
                if self._monotonic() >= gives_up_at:
                    raise MigrationError(
                        worded(
                            "{table} is in use: {error}",
                            table=self._table,
                            error=words_of(error),
                        )
                    ) from error
            threading.Event().wait(_PAUSE_SECONDS)

    def _limit_waiting(self) -> None:
        milliseconds = sql.Literal(LOCK_MILLISECONDS)
        self._run("SET LOCAL lock_timeout = {limit}", limit=milliseconds)

    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self._key))

    def _run(self, statement: LiteralString, **parts: sql.Composable) -> None:
        made = sql.SQL(statement).format(
            **{
                "table": sql.Identifier(self._table),
                "beside": sql.Identifier(self._beside),
                "before": sql.Identifier(self._before),
                "mirror": sql.Identifier(self._mirror),
                "first": sql.Identifier(self._key[0]),
                "key": self._names(),
                "modulus": sql.Literal(self._modulus),
                **parts,
            }
        )
        self._connection.execute(made)

    def _fetched(self, statement: sql.Composed) -> tuple[Any, ...] | None:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(statement).fetchone()

    def _row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), values).fetchone()

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()


_SEQUENCES: Final = """
SELECT d.objid::regclass::text, a.attname FROM pg_depend d
JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refobjid = to_regclass(%s) AND d.classid = 'pg_class'::regclass
    AND d.deptype = 'a'
"""

_OPTIONS: Final = """
SELECT coalesce(' WITH (' || string_agg(
    format('%%I = %%L', split_part(each, '=', 1), substr(each, strpos(each, '=') + 1)),
    ', ') || ')', '')
FROM pg_class c, unnest(c.reloptions) AS each WHERE c.oid = to_regclass(%s)
"""
