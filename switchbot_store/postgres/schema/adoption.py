"""Takes over a dashboard's table `state_history` while the dashboard goes on writing.

No step holds a lock that stops a writer for longer than milliseconds, however many rows
there are:

1. *expand*: missing columns are added, wider ones are relabelled where that rewrites
   nothing, and each column of which PostgreSQL would rewrite the whole table gets a
   column beside it, which a trigger fills for rows written from now on;
2. *fill*: the rows that were there are filled in by ranges of blocks;
3. *check*, *index*: what the new primary key needs is proven and built beside writers;
4. *swap*: the new columns take the names of the old ones, the key comes into force;
5. *after*: indexes and constraints over the columns that went are made anew.

The table `state_history_adoption` has one row as long as that takes: the step, how far
it is, the plan, and who works on it. Whoever comes next, after whatever interrupted,
goes on from there. Each step is safe to repeat and to be done by two at once; the claim
in that row, which ages by the server's clock, only spares work. It needs no session, so
it holds behind a transaction pooler, where no lock could outlive a transaction and
indexes are built outside of any.
"""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from switchbot_store.errors import MigrationError, StoreClosedError, StoreError
from switchbot_store.languages import worded
from switchbot_store.postgres.errors import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    Connection = psycopg.Connection[Any]
    Lend = Callable[[], AbstractContextManager[Connection]]
    Progress = Callable[[float, str], None]

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)

WANTED: Final = (
    ("timestamp", "timestamptz", "now()"),
    ("zone", "text", "'default'"),
    ("temperature", "double precision", None),
    ("humidity", "double precision", None),
    ("assumed_aircon_power", "text", None),
    ("last_action", "text", None),
    ("api_requests_today", "bigint", None),
    ("error_count", "bigint", "0"),
    ("last_temperature_stale", "boolean", "false"),
    ("timezone", "text", "'UTC'"),
    ("metadata", "jsonb", None),
)
"""Name, type and default of the columns that a history has."""

_LOCAL_TIMESTAMP: Final = "timestamp without time zone"
_KEY: Final = frozenset({"timestamp", "zone"})
_BESIDE: Final = "adopting_"
_LEAST_BLOCKS: Final = 64
"""Below, the way to a server far off costs more than the rows."""
_MOST_BLOCKS: Final = 4096
_CHUNK_SECONDS: Final = 0.25
"""How long a range of blocks may take; only who changes its rows waits for it."""
_MOVES_AT_ONCE: Final = 2000
_ROUNDS: Final = 10
_VACUUMS: Final = 4
"""So often the space of rows filled in is given back meanwhile: the table grows by a
fraction and not to twice its size."""

LOCK_MILLISECONDS: Final = 300
"""Who asks for a lock holds up everybody who comes after: it gives up after this."""
_QUIET_LOCK_MILLISECONDS: Final = 5000
"""For a lock that stops no writer. Beyond PostgreSQL's `deadlock_timeout`, so that a
vacuum by the server itself makes way."""
LOCK_PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 2.0
_CLAIM_SECONDS: Final = 30
_CLAIM_POLL_SECONDS: Final = 1.0

BUSY: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
"""What another session's work makes of ours, and a moment later does not."""
_CANNOT_BE: Final = (psycopg.DataError, psycopg.IntegrityError)
_CANNOT_BE_MADE: Final = (*_CANNOT_BE, psycopg.ProgrammingError)
_NEVER: Final = (*_CANNOT_BE_MADE, psycopg.NotSupportedError)
"""What a step meets again however often it is tried: a value, a type, a trigger of others."""
_OF_THIS_ROLE: Final = (
    psycopg.errors.UndefinedTable,  # it has ended, here or elsewhere
    psycopg.errors.InsufficientPrivilege,  # who began it goes on
)

_STOPPED: Final = worded(
    "the adoption of state_history was stopped; it goes on from there"
)

# The share of the whole that is done when a step begins, and when it ends.
_SHARES: Final = {
    "expand": (0.0, 0.01),
    "fill": (0.01, 0.6),
    "check": (0.6, 0.65),
    "index": (0.65, 0.9),
    "swap": (0.9, 0.92),
    "after": (0.92, 1.0),
}
_WORDS: Final = {
    "expand": "columns",
    "fill": "rows",
    "check": "checking rows",
    "index": "primary key",
    "swap": "taking over",
    "after": "indexes",
}

_WANTED_ROWS: Final = ", ".join(f"('{name}', '{kind}')" for name, kind, _ in WANTED)
_STATE: Final = f"""
WITH wanted (name, type) AS (VALUES {_WANTED_ROWS})
SELECT
    c.relkind = 'r' AND NOT c.relispartition AND NOT EXISTS (
        SELECT FROM pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid)
    ) AND NOT EXISTS (
        SELECT FROM pg_attribute a JOIN wanted w ON w.name = a.attname
        WHERE a.attrelid = c.oid AND (a.attgenerated <> '' OR a.attidentity <> '')
    ),
    to_regclass('state_history_adoption') IS NULL AND NOT EXISTS (
        SELECT FROM wanted w LEFT JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped
        WHERE a.atttypid IS DISTINCT FROM w.type::regtype OR a.atttypmod <> -1
    ) AND EXISTS (
        SELECT FROM pg_constraint k
        WHERE k.conrelid = c.oid AND k.contype = 'p' AND ARRAY(
            SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY n(number, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = n.number
            ORDER BY n.place
        ) = ARRAY['zone', 'timestamp']
    )
FROM pg_class c WHERE c.oid = to_regclass('state_history')
"""

_COLUMNS: Final = f"""
WITH wanted (name, type) AS (VALUES {_WANTED_ROWS})
SELECT w.name, a.attnum, a.atttypid::regtype::text,
    a.atttypid = w.type::regtype, a.atttypmod = -1,
    CASE WHEN a.attcollation <> 0 THEN a.attcollation::regcollation::text END,
    a.attnotnull, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum),
    -- These would be proven or built anew under a lock.
    EXISTS (
        SELECT FROM pg_constraint k
        WHERE k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)
            AND k.contype IN ('c', 'f', 'x')
    ) OR EXISTS (
        SELECT FROM pg_index i JOIN pg_depend d
            ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
            AND d.refobjsubid = a.attnum
            AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    )
FROM wanted w
LEFT JOIN pg_attribute a ON a.attrelid = 'state_history'::regclass
    AND a.attname = w.name AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY a.attnum
"""
_OTHERS: Final = """
SELECT attname FROM pg_attribute
WHERE attrelid = 'state_history'::regclass AND attnum > 0 AND NOT attisdropped
    AND attgenerated = ''
ORDER BY attnum
"""
_OLD_KEY: Final = """
SELECT oid::bigint, conname, conindid::bigint FROM pg_constraint
WHERE conrelid = 'state_history'::regclass AND contype = 'p'
"""
# What would stop a column from changing, or go with it, and cannot be made anew here.
_IN_THE_WAY: Final = """
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
WHERE coalesce(c.relkind NOT IN ('i', 'S'), true) AND (
    d.refclassid = 'pg_class'::regclass AND d.refobjid = 'state_history'::regclass
    AND d.refobjsubid = ANY (%(changing)s)
    AND NOT coalesce(k.conrelid = d.refobjid AND k.contype IN ('c', 'f', 'n', 'p', 'u'),
        false)
    AND NOT coalesce(f.adrelid = d.refobjid AND f.adnum = d.refobjsubid, false)
    AND d.classid <> 'pg_statistic_ext'::regclass
    OR d.refclassid = 'pg_constraint'::regclass AND d.refobjid = %(key)s
    OR d.refclassid = 'pg_class'::regclass AND d.refobjid = %(key_index)s
    AND coalesce(k.oid <> %(key)s, true)
)
ORDER BY 1
"""
_INDEXES: Final = """
SELECT DISTINCT quote_ident(c.relname), pg_get_indexdef(i.indexrelid)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
    AND d.refobjsubid = ANY (%(going)s)
    AND (d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        OR d.classid = 'pg_constraint'::regclass AND d.objid = k.oid)
WHERE i.indrelid = 'state_history'::regclass AND NOT i.indisprimary
"""
_CONSTRAINTS: Final = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'state_history'::regclass AND contype IN ('c', 'f')
    AND conkey && %(going)s::smallint[]
"""
_STATISTICS: Final = """
SELECT DISTINCT pg_get_statisticsobjdef(s.oid)
FROM pg_statistic_ext s JOIN pg_depend d
    ON d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
WHERE s.stxrelid = 'state_history'::regclass
    AND d.refobjid = s.stxrelid AND d.refobjsubid = ANY (%(going)s)
"""
_GRANTS: Final = """
SELECT format('GRANT %%s (%%I) ON state_history TO %%s%%s', g.privilege_type, a.attname,
    CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
    CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_attribute a, aclexplode(a.attacl) g
WHERE a.attrelid = 'state_history'::regclass AND a.attnum = ANY (%(going)s)
"""

_CREATE: Final = """
CREATE TABLE state_history_adoption (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    step text NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    plan jsonb NOT NULL,
    holder uuid,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
_BEGIN: Final = """
INSERT INTO state_history_adoption (step, total, plan, holder)
SELECT 'fill', pg_relation_size('state_history')
    / current_setting('block_size')::bigint, %s, %s
"""
_EXISTS: Final = "SELECT to_regclass('state_history_adoption') IS NOT NULL"
_READ: Final = "SELECT step, done, total, plan FROM state_history_adoption"
# A holder that builds an index or checks rows says nothing meanwhile, but has a lock
# that no writer ever takes. The client may be gone: its work is still worth waiting for.
_CLAIM: Final = f"""
UPDATE state_history_adoption SET holder = %(me)s, seen_at = clock_timestamp()
WHERE holder IS NULL OR holder = %(me)s OR NOT (
    seen_at BETWEEN clock_timestamp() - interval '{_CLAIM_SECONDS} s'
        AND clock_timestamp() + interval '{_CLAIM_SECONDS} s'
    OR EXISTS (
        SELECT FROM pg_locks l JOIN pg_stat_activity s USING (pid)
        WHERE l.relation = 'state_history'::regclass AND l.granted
            AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_backend_pid()
            AND s.backend_type = 'client backend'
    )
)
RETURNING true
"""
_SEEN: Final = """
UPDATE state_history_adoption SET seen_at = clock_timestamp()
WHERE holder = %s RETURNING done, total
"""
_MINE: Final = f"{_READ} WHERE holder = %s"
_RELEASE: Final = "UPDATE state_history_adoption SET holder = NULL WHERE holder = %s"
_SET_STEP: Final = "UPDATE state_history_adoption SET step = %s, done = 0"
_SET_DONE: Final = "UPDATE state_history_adoption SET done = %s"
_SET_PLAN: Final = "UPDATE state_history_adoption SET plan = %s"

_INDEX_STATE: Final = """
SELECT i.indisvalid, EXISTS (
    SELECT FROM pg_locks l
    WHERE l.relation = 'state_history'::regclass AND l.granted
        AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_backend_pid())
FROM pg_index i WHERE i.indexrelid = to_regclass('state_history_adopted')
"""
_DROP_INDEX: Final = "DROP INDEX CONCURRENTLY IF EXISTS state_history_adopted"
_QUIETLY_LOCKED: Final = "LOCK TABLE state_history IN SHARE UPDATE EXCLUSIVE MODE"
_LOCKED: Final = "LOCK TABLE state_history IN ACCESS EXCLUSIVE MODE"

_NO_MOVES: Final = """
DROP TABLE IF EXISTS state_history_adoption_moves;
CREATE UNLOGGED TABLE state_history_adoption_moves (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place tid NOT NULL,
    earlier bigint NOT NULL
)
"""
_HOW_MANY: Final = "SELECT coalesce(max(number), 0) FROM state_history_adoption_moves"
_HOLDERS: Final = """
SELECT DISTINCT 'session ' || l.pid || coalesce(' of ' || s.usename, '')
    || coalesce(' (' || nullif(s.application_name, '') || ')', '')
    || coalesce(', ' || s.state, '')
FROM pg_locks l JOIN pg_stat_activity s USING (pid)
WHERE l.relation = to_regclass('state_history') AND l.granted
    AND l.pid <> pg_backend_pid()
"""
_SMALL: Final = f"""
SELECT coalesce(sum(pg_total_relation_size(relid)), 0) < {1 << 22}
FROM pg_partition_tree('state_history')
"""
_MAY_CHANGE: Final = """
SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
WHERE oid = to_regclass('state_history')
"""
_SESSION: Final = f"""
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = {LOCK_MILLISECONDS};
SET LOCAL timezone = 'UTC'
""".encode()
_TIMEOUTS: Final = """
SELECT set_config(name, '0', %s) FROM pg_settings WHERE name IN
    ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')
"""


class State(NamedTuple):
    """How the table stands. `stepwise`: it is of a kind that can be adopted in steps."""

    stepwise: bool
    right: bool


class InterruptedAdoptionError(StoreClosedError):
    """Somebody asked to stop; what was done stays, and is gone on from."""


class _LostClaimError(Exception):
    """Another process works on it now."""


class _WaitingError(Exception):
    """A lock was not to be had, or an index is being built by a session of another."""


class BusyTableError(MigrationError):
    """The table is locked by somebody else, too long. Tried again it may go on."""


@dataclass
class _Plan:
    """What was found when the adoption began; kept as JSON."""

    beside: dict[str, str] = field(default_factory=dict)  # name to type
    was: dict[str, str] = field(default_factory=dict)  # name to former type
    defaults: dict[str, str] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    old_key: str | None = None
    key_name: str = "state_history_pkey"
    nullable: bool = True
    zone_nullable: bool = False
    finishing: list[str] = field(default_factory=list)
    indexes: list[list[str]] = field(default_factory=list)  # name and definition
    after: list[str] = field(default_factory=list)
    validate: list[str] = field(default_factory=list)

    def named(self, column: str) -> str:
        """Return the name that the column to be has until the swap."""
        return f"{_BESIDE}{column}" if column in self.beside else f'"{column}"'

    def value(self, column: str, *, row: str = "") -> str:
        """Return what the column beside holds, from the column that was there."""
        was = f'{row}"{column}"'
        if column == "zone":
            return f"coalesce({was}::text, 'default')"
        if column == "timestamp" and self.was[column] == _LOCAL_TIMESTAMP:
            return f"{was} AT TIME ZONE 'UTC'"
        return f"{was}::{self.beside[column]}"


def state(connection: Connection) -> State | None:
    """Tell how `state_history` stands, None if there is none."""
    row = _row(connection, _STATE)
    return None if row is None else State(bool(row[0]), bool(row[1]))


def look(connection: Connection) -> None:
    """See whether the table that is there could be adopted; nothing is changed.

    Raises MigrationError naming what stands in the way.
    """
    found = state(connection)
    if found is None or found.right or not found.stepwise:
        return
    if not _value(connection, _MAY_CHANGE):
        raise MigrationError(
            worded(
                "state_history is another role's: run `switchbot-store migrate` as its"
                " owner"
            )
        )
    _planned(connection)


def is_quick(connection: Connection) -> bool:
    """Tell whether there is no table to adopt, or one that takes a moment in one go."""
    found = state(connection)
    if found is None:
        return True
    return not found.stepwise and bool(_value(connection, _SMALL))


def in_progress(connection: Connection) -> str:
    """Say in words how far an adoption is that has begun and has not ended."""
    if not _value(connection, _EXISTS):
        return ""
    try:
        row = _row(connection, _READ)
    except psycopg.errors.UndefinedTable:
        return ""  # ended this moment
    return "" if row is None else f"{_share(*row[:3]):.0%} done, at: {_WORDS[row[0]]}"


class Adoption:
    """One process's part in the adoption.

    `lend` gives a connection in autocommit mode for the length of one step. `progress`
    is told the share done, 0 to 1, and of what, between any two steps, while nothing
    is locked. `begin_lock` is taken, within the first transaction, against others that
    begin. `stopped` ends the work between two steps by InterruptedAdoptionError.
    """

    def __init__(
        self,
        lend: Lend,
        *,
        begin_lock: Callable[[Connection], object],
        progress: Progress = lambda _part, _what: None,
        stopped: threading.Event | None = None,
    ) -> None:
        self._lend = lend
        self._begin_lock = begin_lock
        self._progress = progress
        self._stopped = stopped or threading.Event()
        self._me = str(uuid.uuid4())
        self._held = False
        self._blocks = _LEAST_BLOCKS
        self._part = 0.0

    def run(self) -> None:
        """Adopt the table, or wait until another process has.

        Raises MigrationError when something stands in the way, and nothing was changed;
        BusyTableError, InterruptedAdoptionError or psycopg's errors, after which the
        next run goes on from there.
        """
        self._tell("expand", 0, 0)
        if not self._patiently(self._expand):
            return
        try:
            while self._turn():
                pass
        finally:
            self._release()

    def _turn(self) -> bool:
        """Do one step, or wait for who does them; False when nothing is left."""
        try:
            if not self._held and not self._patiently(self._claim):
                with self._lend() as connection:
                    step, done, total, _ = _row(connection, _READ) or ("after", 0, 0, 0)
                self._tell(step, done, total)
                self._pause(_CLAIM_POLL_SECONDS)
                return True
            self._held = True
            self._patiently(self._step)
        except _LostClaimError:
            # Taken over while this process was held up.
            self._held = False
        except psycopg.errors.UndefinedTable:
            with self._lend() as connection:
                if _value(connection, _EXISTS):
                    raise
            return False  # it has ended, here or elsewhere
        return True

    def _claim(self, connection: Connection) -> bool:
        with _transaction(connection):
            return bool(_value(connection, _CLAIM, {"me": self._me}))

    def _step(self, connection: Connection) -> None:
        row = _row(connection, _MINE, [self._me])
        if row is None:
            raise _LostClaimError
        step, done, total, plan = row[0], row[1], row[2], _Plan(**row[3])
        self._tell(step, done, total)
        steps: dict[str, Callable[[Connection, _Plan], object]] = {
            "fill": self._fill,
            "check": self._check,
            "index": self._index,
            "swap": self._swap,
            "after": self._after,
        }
        try:
            steps[step](connection, plan)
        except _OF_THIS_ROLE:
            raise
        except _NEVER as error:
            if step == "after":  # there is nothing left to go back to
                raise
            # What fills the columns beside would go on failing in the dashboard's writes.
            self._undo(plan, error)

    def _seen(self, connection: Connection) -> tuple[int, int]:
        """Show that this process is at it; return how far it is, and of how much."""
        row = _row(connection, _SEEN, [self._me])
        if row is None:
            raise _LostClaimError
        return row[0], row[1]

    # the steps

    def _expand(self, connection: Connection) -> bool:
        """Begin, unless it has begun; False: there is nothing to adopt."""
        with _transaction(connection):
            self._begin_lock(connection)
            if _value(connection, _EXISTS):
                return True
            found = state(connection)
            if found is None or found.right or not found.stepwise:
                return False
            plan, changes = _planned(connection)
            _lock_out_writers(connection)
            _run(connection, _CREATE)
            for statement in changes:
                _run(connection, statement)
            _run(connection, _BEGIN, [_dumped(plan), self._me])
        _LOGGER.info("adopting the table state_history, in steps; writers go on")
        return True

    def _fill(self, connection: Connection, plan: _Plan) -> None:
        began = time.monotonic()
        with _transaction(connection):
            done, total = self._seen(connection)
            upto = min(total, done + self._blocks)
            within = {"first": f"({done},0)", "end": f"({upto},0)"}
            if plan.nullable:
                _put_aside(connection, plan, within)
            if plan.beside or plan.zone_nullable:
                # Done again after a crash of the server, if that forgets it.
                _run(connection, "SET LOCAL synchronous_commit = off")
                _run(connection, _filling(plan), within)
            if upto >= total:
                _run(connection, _SET_STEP, ["check"])
            else:
                _run(connection, _SET_DONE, [upto])
        took = time.monotonic() - began
        faster = 2 * self._blocks if took < _CHUNK_SECONDS / 2 else self._blocks
        slower = self._blocks // 2 if took > _CHUNK_SECONDS * 2 else faster
        self._blocks = max(_LEAST_BLOCKS, min(_MOST_BLOCKS, slower))
        share = total // (_VACUUMS + 1)
        if plan.beside and share > _LEAST_BLOCKS and done // share < upto // share:
            with suppress(psycopg.errors.QueryCanceled):
                _run(connection, "VACUUM (TRUNCATE false, SKIP_LOCKED) state_history")

    def _check(self, connection: Connection, _plan: _Plan) -> None:
        with _transaction(connection, long=True):
            self._seen(connection)
            _lock_quietly(connection)
            _run(
                connection,
                "ALTER TABLE state_history VALIDATE CONSTRAINT state_history_adopting",
            )
            _run(connection, _SET_STEP, ["index"])

    def _index(self, connection: Connection, plan: _Plan) -> None:
        for _ in range(_ROUNDS):
            found = _row(connection, _INDEX_STATE)
            if found is not None and not found[0]:
                if found[1]:
                    raise _WaitingError  # left running by who was killed
                _run(connection, _DROP_INDEX)
                found = None
            try:
                if found is None:
                    self._seen(connection)
                    _run(connection, _create_key(plan))
            except psycopg.errors.UniqueViolation:
                _run(connection, _DROP_INDEX)
                self._move_apart(connection, plan)
                continue
            with _transaction(connection):
                self._seen(connection)
                _run(connection, _SET_STEP, ["swap"])
            return
        raise MigrationError(
            worded(
                "rows of one instant keep coming into state_history: stop what "
                "writes them until this has ended"
            )
        )

    def _move_apart(self, connection: Connection, plan: _Plan) -> None:
        """Move rows of one instant on by a microsecond each, until there are none."""
        while True:
            with _transaction(connection, long=True):
                self._seen(connection)
                _lock_quietly(connection)
                _run(connection, _NO_MOVES)
                _run(connection, _moves(plan))
            moves = _value(connection, _HOW_MANY)
            for done in range(0, moves, _MOVES_AT_ONCE):
                self._tell("index", done, moves)
                with _transaction(connection):
                    self._seen(connection)
                    values = {"done": done, "upto": done + _MOVES_AT_ONCE}
                    _run(connection, _move(plan), values)
            if not moves:
                _run(connection, "DROP TABLE IF EXISTS state_history_adoption_moves")
                return

    def _swap(self, connection: Connection, plan: _Plan) -> None:
        with _transaction(connection):
            self._seen(connection)
            if not (_row(connection, _INDEX_STATE) or [False])[0]:
                # Dropped by a process that was held up in the step before.
                _run(connection, _SET_STEP, ["index"])
                return
            _lock_out_writers(connection)
            for statement in _swapping(plan):
                _run(connection, statement)
            _run(connection, _SET_STEP, ["after"])

    def _after(self, connection: Connection, plan: _Plan) -> None:
        while plan.indexes or plan.after or plan.validate:
            self._seen(connection)
            if plan.indexes:
                _rebuild_index(connection, *plan.indexes[0])
                plan.indexes.pop(0)
            elif plan.after:
                _make_anew(connection, plan.after[0])
                plan.after.pop(0)
            else:
                _make_anew(connection, plan.validate[0], long=True)
                plan.validate.pop(0)
            _run(connection, _SET_PLAN, [_dumped(plan)])
        with _transaction(connection):
            self._seen(connection)
            _run(connection, "DROP TABLE state_history_adoption")

    def _undo(self, plan: _Plan, cause: psycopg.Error) -> None:
        """Leave the table as it was found, since a value of it does not fit."""

        def undo(connection: Connection) -> None:
            _run(connection, _DROP_INDEX)
            with _transaction(connection):
                self._seen(connection)
                _lock_out_writers(connection)
                for statement in _undoing(plan):
                    _run(connection, statement)

        self._patiently(undo)
        raise MigrationError(
            worded(
                "a row of state_history does not fit: {cause}; nothing was adopted",
                cause=words_of(cause),
            )
        ) from cause

    # what goes between them

    def _patiently(self, work: Callable[[Connection], T]) -> T:
        """Do a step on a connection of its own, again while a lock is not to be had."""
        gives_up_at = time.monotonic() + LOCK_PATIENCE_SECONDS
        pause = _PAUSE_SECONDS
        while True:
            self._check_stopped()
            try:
                with self._lend() as connection:
                    return work(connection)
            except _WaitingError:
                self._progress(self._part, "waiting for an index being built")
            except psycopg.errors.QueryCanceled as error:
                if self._stopped.is_set():
                    raise InterruptedAdoptionError(_STOPPED) from error
                raise MigrationError(
                    worded(
                        "state_history: {error}; behind a pooler the time limit of the "
                        "role cannot be lifted: `switchbot-store migrate` with a URL "
                        "that leads past it goes on from here",
                        error=error,
                    )
                ) from error
            except BUSY as error:
                if time.monotonic() >= gives_up_at:
                    with self._lend() as connection:
                        raise BusyTableError(_busy(connection, error)) from error
                _LOGGER.debug("state_history is busy, trying again: %s", error)
                self._progress(self._part, "waiting for a lock")
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise InterruptedAdoptionError(_STOPPED)

    def _release(self) -> None:
        """Let the next one go on at once; who cannot be told waits half a minute."""
        try:
            with self._lend() as connection:
                if _value(connection, _EXISTS):
                    _run(connection, _RELEASE, [self._me])
        except (psycopg.Error, StoreError) as error:
            _LOGGER.debug("the claim on state_history ends by its age: %s", error)

    def _tell(self, step: str, done: int, total: int) -> None:
        self._part = _share(step, done, total)
        self._progress(self._part, _WORDS[step])


def _share(step: str, done: int, total: int) -> float:
    begin, end = _SHARES[step]
    return begin + (end - begin) * min(1.0, done / max(1, total))


# statements


def _planned(connection: Connection) -> tuple[_Plan, list[str]]:
    """Look at the table; return what is to be done and the statements that begin it.

    Raises MigrationError naming what stands in the way.
    """
    plan = _Plan(columns=[name for (name,) in _rows(connection, _OTHERS)])
    defaults = {name: default for name, _, default in WANTED}
    types = {name: kind for name, kind, _ in WANTED}
    alter, changing, going = [], [], []
    for found in _rows(connection, _COLUMNS):
        name, number, was, same, plain, collation, not_null, default, comment, tied = (
            found
        )
        kind = types[name]
        if number is None:
            alter.append(f'ADD COLUMN "{name}" {_declared(name, kind, defaults[name])}')
            plan.columns.append(name)
            continue
        if name in _KEY:
            nullable = not not_null
            plan.nullable = nullable if name == "timestamp" else plan.nullable
            plan.zone_nullable = nullable if name == "zone" else plan.zone_nullable
        if same and plain:
            if not_null and name not in _KEY:
                alter.append(f'ALTER COLUMN "{name}" DROP NOT NULL')
            continue
        changing.append(number)
        if (same or (kind == "text" and was == "character varying")) and not tied:
            # Another label on the same bytes.
            collated = f" COLLATE {collation}" if collation else ""
            alter.append(f'ALTER COLUMN "{name}" TYPE {kind}{collated}')
            if not_null and name not in _KEY:
                alter.append(f'ALTER COLUMN "{name}" DROP NOT NULL')
            continue
        going.append(number)
        plan.beside[name], plan.was[name] = kind, was
        if default is not None and name not in _KEY:
            plan.defaults[name] = f"({default})::{kind}"
        if comment is not None:
            text = sql.Literal(comment).as_string(connection)
            plan.finishing.append(f'COMMENT ON COLUMN state_history."{name}" IS {text}')
        alter.append(f"ADD COLUMN {_BESIDE}{name} {kind}")
    _look_at_what_becomes_of_values(connection, plan)
    _look_at_what_rests_on_it(connection, plan, changing, going)
    alter.append(
        "ADD CONSTRAINT state_history_adopting CHECK"
        f" ({plan.named('zone')} IS NOT NULL AND {plan.named('timestamp')} IS NOT NULL)"
        " NOT VALID"
    )
    return plan, [f"ALTER TABLE state_history {', '.join(alter)}", *_trigger(plan)]


def _look_at_what_becomes_of_values(connection: Connection, plan: _Plan) -> None:
    """See that there is a way from the types that are there to the others.

    Every write of the dashboard goes that way from the beginning on.
    """
    for name, was in plan.was.items():
        made = [plan.value(name)]
        if name == "timestamp":
            made.append(f"now()::{was}")
        try:
            with connection.transaction():
                _run(connection, f"SELECT {', '.join(made)} FROM state_history LIMIT 0")
        except psycopg.ProgrammingError as error:
            raise MigrationError(
                worded(
                    "state_history cannot be adopted: its column {name} is {was}, of "
                    "which nothing makes {kind} ({error}). Rename the column or the "
                    "table, then it is made anew; nothing was changed",
                    name=name,
                    was=was,
                    kind=plan.beside[name],
                    error=words_of(error),
                )
            ) from error


def _declared(name: str, kind: str, default: str | None) -> str:
    if name == "timestamp":
        raise MigrationError(worded("state_history has no column `timestamp`"))
    words = f"{kind} NOT NULL" if name in _KEY else kind
    return words if default is None else f"{words} DEFAULT {default}"


def _look_at_what_rests_on_it(
    connection: Connection, plan: _Plan, changing: list[int], going: list[int]
) -> None:
    key, plan.old_key, key_index = _row(connection, _OLD_KEY) or (None, None, None)
    values = {"changing": changing, "key": key, "key_index": key_index}
    in_the_way = [text for (text,) in _rows(connection, _IN_THE_WAY, values)]
    if in_the_way:
        raise MigrationError(
            worded(
                "state_history cannot be adopted while this rests on it: "
                "{in_the_way}. Drop it, migrate, and make it anew; nothing was "
                "changed",
                in_the_way="; ".join(in_the_way),
            )
        )
    taken = _value(connection, "SELECT to_regclass('state_history_pkey') IS NOT NULL")
    if taken and plan.old_key != plan.key_name:
        plan.key_name = "state_history_adopted"
    values = {"going": going}
    plan.indexes = [list(found) for found in _rows(connection, _INDEXES, values)]
    for name, definition in _rows(connection, _CONSTRAINTS, values):
        quoted = sql.Identifier(name).as_string(connection)
        unproven = definition.removesuffix(" NOT VALID")
        plan.after.append(
            f"ALTER TABLE state_history ADD CONSTRAINT {quoted} {unproven} NOT VALID"
        )
        if unproven == definition:
            plan.validate.append(
                f"ALTER TABLE state_history VALIDATE CONSTRAINT {quoted}"
            )
    plan.validate += [text for (text,) in _rows(connection, _STATISTICS, values)]
    plan.finishing += [text for (text,) in _rows(connection, _GRANTS, values)]


def _trigger(plan: _Plan) -> list[str]:
    """Return what fills the columns beside of each row written from now on.

    A writer that is old is never refused for what it leaves out.
    """
    was = plan.was.get("timestamp", "timestamptz")
    lines = [f'NEW."timestamp" := coalesce(NEW."timestamp", now()::{was});']
    if "zone" not in plan.beside:
        lines.append("NEW.zone := coalesce(NEW.zone, 'default');")
    for name in plan.beside:
        filled = f"NEW.{_BESIDE}{name} := {plan.value(name, row='NEW.')};"
        if name == "timestamp":
            # One that was moved apart stays so until the dashboard changes it.
            filled = (
                f"IF NEW.{_BESIDE}{name} IS NULL OR TG_OP = 'UPDATE'"
                f' AND NEW."{name}" IS DISTINCT FROM OLD."{name}"'
                f" THEN {filled} END IF;"
            )
        lines.append(filled)
    return [
        (
            "CREATE OR REPLACE FUNCTION state_history_adopting() RETURNS trigger"
            " LANGUAGE plpgsql SET timezone TO 'UTC' AS"
            f" $$ BEGIN {' '.join(lines)} RETURN NEW; END $$"
        ),
        # After the triggers of others, which may change the row; whoever writes.
        (
            "CREATE TRIGGER zz_state_history_adopting BEFORE INSERT OR UPDATE"
            " ON state_history FOR EACH ROW EXECUTE FUNCTION state_history_adopting()"
        ),
        "ALTER TABLE state_history ENABLE ALWAYS TRIGGER zz_state_history_adopting",
    ]


def _filling(plan: _Plan) -> str:
    # What to write is the trigger's business; a row that has it is left alone.
    wrong = [
        f"{_BESIDE}{name} IS NULL"
        if name == "timestamp"
        else f"{_BESIDE}{name} IS DISTINCT FROM {plan.value(name)}"
        for name in plan.beside
    ]
    if plan.zone_nullable:
        wrong.append("zone IS NULL")
    return (
        'UPDATE state_history SET "timestamp" = "timestamp"'
        " WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid"
        f" AND ({' OR '.join(wrong)})"
    )


def _put_aside(connection: Connection, plan: _Plan, within: dict[str, str]) -> None:
    """Move rows of no instant, which have no place in a history, to another table."""
    where = (
        'WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid AND "timestamp" IS NULL'
    )
    found = f"SELECT EXISTS (SELECT FROM state_history {where})"
    if not _value(connection, found, within):
        return
    columns = ", ".join(
        sql.Identifier(name).as_string(connection) for name in plan.columns
    )
    _run(
        connection,
        "CREATE TABLE IF NOT EXISTS state_history_without_timestamp AS"
        f" SELECT {columns} FROM state_history WITH NO DATA",
    )
    _run(
        connection,
        f"WITH gone AS (DELETE FROM state_history {where} RETURNING {columns})"
        f" INSERT INTO state_history_without_timestamp ({columns})"
        f" SELECT {columns} FROM gone",
        within,
    )


def _moves(plan: _Plan) -> str:
    key = f"{plan.named('zone')}, {plan.named('timestamp')}"
    return (
        "INSERT INTO state_history_adoption_moves (place, earlier)"
        " SELECT place, earlier FROM (SELECT ctid AS place, row_number() OVER"
        f" (PARTITION BY {key} ORDER BY ctid) - 1 AS earlier FROM state_history)"
        " AS placed WHERE earlier > 0"
    )


def _move(plan: _Plan) -> str:
    moment = plan.named("timestamp")
    return (
        f"UPDATE state_history h SET {moment} = h.{moment}"
        " + m.earlier * interval '1 microsecond'"
        " FROM state_history_adoption_moves m"
        " WHERE h.ctid = m.place AND m.number > %(done)s AND m.number <= %(upto)s"
    )


def _create_key(plan: _Plan) -> str:
    return (
        "CREATE UNIQUE INDEX CONCURRENTLY state_history_adopted"
        f" ON state_history ({plan.named('zone')}, {plan.named('timestamp')})"
    )


def _swapping(plan: _Plan) -> Iterator[str]:
    yield "DROP TRIGGER zz_state_history_adopting ON state_history"
    yield "DROP FUNCTION state_history_adopting()"
    if plan.old_key is not None:
        # The numbers stay, as a column that no longer identifies.
        name = '"' + plan.old_key.replace('"', '""') + '"'
        yield f"ALTER TABLE state_history DROP CONSTRAINT {name}"
    for name in plan.beside:
        yield f'ALTER TABLE state_history DROP COLUMN "{name}"'
        yield f'ALTER TABLE state_history RENAME COLUMN {_BESIDE}{name} TO "{name}"'
    for name, default in plan.defaults.items():
        yield f'ALTER TABLE state_history ALTER COLUMN "{name}" SET DEFAULT {default}'
    # The constraint proves it, so that no row is looked at.
    yield (
        'ALTER TABLE state_history ALTER COLUMN "timestamp" SET DEFAULT now(),'
        " ALTER COLUMN zone SET DEFAULT 'default',"
        ' ALTER COLUMN "timestamp" SET NOT NULL, ALTER COLUMN zone SET NOT NULL'
    )
    yield (
        f"ALTER TABLE state_history ADD CONSTRAINT {plan.key_name}"
        " PRIMARY KEY USING INDEX state_history_adopted"
    )
    yield "ALTER TABLE state_history DROP CONSTRAINT state_history_adopting"
    yield from plan.finishing


def _undoing(plan: _Plan) -> Iterator[str]:
    yield "DROP TRIGGER zz_state_history_adopting ON state_history"
    yield "DROP FUNCTION state_history_adopting()"
    yield "ALTER TABLE state_history DROP CONSTRAINT state_history_adopting"
    for name in plan.beside:
        yield f"ALTER TABLE state_history DROP COLUMN {_BESIDE}{name}"
    yield "DROP TABLE state_history_adoption"


def _rebuild_index(connection: Connection, name: str, definition: str) -> None:
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    found = _row(connection, valid, [name])
    if found is not None and found[0]:
        return
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {name}".encode()
    create = re.sub(
        r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", definition
    )
    if found is not None:
        _run(connection, drop)
    try:
        _run(connection, create)
    except _CANNOT_BE_MADE as error:
        _LOGGER.warning("the index %s is gone, make another: %s", name, error)
        _run(connection, drop)


def _make_anew(connection: Connection, statement: str, *, long: bool = False) -> None:
    try:
        with _transaction(connection, long=long):
            (_lock_quietly if long else _lock_out_writers)(connection)
            _run(connection, statement)
    except psycopg.errors.DuplicateObject:
        return  # made, and forgotten to be noted
    except _CANNOT_BE_MADE as error:
        _LOGGER.warning("not made anew on state_history: %s: %s", statement, error)


@contextmanager
def _transaction(connection: Connection, *, long: bool = False) -> Iterator[None]:
    """Do one step, whatever the role or the database sets by default."""
    with connection.transaction():
        _run(connection, _SESSION)
        if long:
            _run(connection, _TIMEOUTS, [True])
        yield


def without_limits(connection: Connection) -> None:
    """Lift the time limits of a session of our own, unless it is shared by a pooler.

    What is built outside of a transaction cannot lift them for itself alone.
    """
    if connection.info.backend_pid == _value(connection, "SELECT pg_backend_pid()"):
        _run(connection, _TIMEOUTS, [False])
        _run(connection, "SET lock_timeout = 0")


def _lock_quietly(connection: Connection) -> None:
    """Lock vacuums and changes of the schema out, and no reader or writer."""
    _limit_waiting(connection, _QUIET_LOCK_MILLISECONDS)
    _run(connection, _QUIETLY_LOCKED)


def _lock_out_writers(connection: Connection) -> None:
    # In this order: a vacuum by the server makes way only after a second, for which no
    # writer should have to queue.
    _lock_quietly(connection)
    _limit_waiting(connection, LOCK_MILLISECONDS)
    _run(connection, _LOCKED)


def _limit_waiting(connection: Connection, milliseconds: int) -> None:
    _run(connection, f"SET LOCAL lock_timeout = {milliseconds}")


def _busy(connection: Connection, error: Exception) -> str:
    holders = ", ".join(text for (text,) in _rows(connection, _HOLDERS))
    locked = (
        worded(
            "state_history is locked by {holders}: {error}",
            holders=holders,
            error=error,
        )
        if holders
        else worded("state_history is locked: {error}", error=error)
    )
    return locked + worded(
        "; what was done stays, and is gone on from when this is tried again"
    )


def _dumped(plan: _Plan) -> str:
    return orjson.dumps(asdict(plan)).decode()


def _run(connection: Connection, statement: str | bytes, values: Any = None) -> None:
    # From this module and the catalogue, never from data. Never prepared: several
    # statements cannot be, and none is of use twice.
    text = statement.encode() if isinstance(statement, str) else statement
    connection.execute(text, values, prepare=False)


def _rows(
    connection: Connection, query: str, values: Any = None
) -> Sequence[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query.encode(), values, prepare=False).fetchall()


def _row(
    connection: Connection, query: str, values: Any = None
) -> tuple[Any, ...] | None:
    rows = _rows(connection, query, values)
    return rows[0] if rows else None


def _value(connection: Connection, query: str, values: Any = None) -> Any:
    row = _row(connection, query, values)
    return None if row is None else row[0]
