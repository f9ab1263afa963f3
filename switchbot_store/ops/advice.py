"""Which indexes would make queries cheaper, by the planner's own word (hypopg).

Greedy: of all candidates the one that saves most for its size is taken, then the next
beside it, until another one saves less than a tenth or the time is up.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import psycopg

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import reworded, worded
from switchbot_store.ops.plans import (
    NO_HYPOPG,
    NO_STATEMENTS,
    TIMEOUT_SECONDS,
    forget_supposed,
    get_top_queries,
    index_names,
    plan_of,
    suppose,
)
from switchbot_store.ops.statements.answers import LongAnswerError
from switchbot_store.ops.statements.parsing import candidates, judged
from switchbot_store.ops.statements.reach import checked
from switchbot_store.ops.statements.read_only import telling
from switchbot_store.ops.target import read
from switchbot_store.ops.tree_size import Tree, compact_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from switchbot_store.ops.candidates import Candidate
    from switchbot_store.ops.target import Session, Target

_LEAST_GAIN: Final = 0.1
_MOST_INDEXES: Final = 5
_SIZE_WEIGHT: Final = 2.0
"""Time counts twice as much as space, in the logarithm: an index may double neither."""
_QUERIES_LOOKED_AT: Final = 50
MAX_QUERIES: Final = 100
_BUDGET_SECONDS: Final = 20.0

_PLANNING_SECONDS: Final = 5
_LIMIT_PLANNING: Final = "SELECT pg_catalog.set_config('statement_timeout', %s, true)"

_COLUMNS: Final = """
SELECT a.attname::text AS name FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_opclass o ON o.opcintype = t.oid OR t.typname IN ('varchar')
JOIN pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree' AND o.opcdefault
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
_DROP: Final = """
SELECT {schema}.hypopg_drop_index(indexrelid) FROM {schema}.hypopg()
WHERE indexname = %s
"""
_IS_TABLE: Final = """
SELECT c.oid::regclass::text AS name, c.oid::bigint AS oid FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'm')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True)
class IndexRecommendation:
    """An index worth having: its statement, size, and what the queries then cost.

    Costs are the planner's, each query's times how often it was called; `gain` is the
    share saved by this index beside those before it.

    >>> from switchbot_store.ops import IndexRecommendation
    >>> IndexRecommendation(
    ...     definition="CREATE INDEX ON state_history (zone)",
    ...     table="state_history",
    ...     columns=("zone",),
    ...     estimated_bytes=8192,
    ...     cost_before=100.0,
    ...     cost_after=25.0,
    ...     queries=("SELECT ...",),
    ... ).gain
    0.75
    """

    definition: str
    table: str
    columns: tuple[str, ...]
    estimated_bytes: int
    cost_before: float
    cost_after: float
    queries: tuple[str, ...]

    @property
    def gain(self) -> float:
        """The share of the cost that it saves, 0 to 1."""
        return 1.0 - self.cost_after / self.cost_before if self.cost_before else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "columns": list(self.columns), "gain": self.gain}


@dataclass(frozen=True, slots=True)
class IndexAdvice:
    """Recommendations in the order to take them; `how_to` where none could be sought.

    `examined` of `total` queries could be planned; `skipped` says why not the others.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store.ops import analyze_query_indexes
    >>> advice = analyze_query_indexes(database_url, ["SELECT 1"])
    >>> bool(advice.how_to) or advice.total == 1  # without hypopg: how to get it
    True
    """

    recommendations: tuple[IndexRecommendation, ...] = ()
    examined: int = 0
    total: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)
    how_to: str = ""
    complete: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "recommendations": [each.to_dict() for each in self.recommendations],
            "examined": self.examined,
            "total": self.total,
            "skipped": dict(self.skipped),
            "how_to": self.how_to,
            "complete": self.complete,
        }


def analyze_query_indexes(
    target: Target,
    queries: Sequence[str],
    *,
    budget_seconds: float = _BUDGET_SECONDS,
) -> IndexAdvice:
    """Advise on indexes for some queries, each as important as the others.

    Raises ValueError without any query, and for more than `MAX_QUERIES`;
    StoreUnavailableError. What cannot be planned, or is no read, is skipped with the
    reason.
    """
    if not queries:
        raise ValueError(worded("give at least one query"))
    if len(queries) > MAX_QUERIES:
        raise ValueError(
            worded(
                "{number} queries: give {most} at most",
                number=len(queries),
                most=MAX_QUERIES,
            )
        )
    return _advised(target, dict.fromkeys(queries, 1.0), budget_seconds)


def analyze_workload_indexes(
    target: Target,
    *,
    budget_seconds: float = _BUDGET_SECONDS,
) -> IndexAdvice:
    """Advise on indexes for what the server has run, by pg_stat_statements.

    A query counts as often as it was called.
    """
    top = get_top_queries(target, _QUERIES_LOOKED_AT)
    if top.how_to:
        return IndexAdvice(how_to=NO_STATEMENTS)
    weights = {each.query: float(each.calls) for each in top.queries}
    return _advised(target, weights, budget_seconds) if weights else IndexAdvice()


def _advised(
    target: Target, weights: Mapping[str, float], budget_seconds: float
) -> IndexAdvice:
    ends_at = time.monotonic() + budget_seconds
    skipped: dict[str, str] = {}

    def look(session: Session) -> IndexAdvice:
        schema = session.extension_schema("hypopg")
        if schema is None:
            return IndexAdvice(total=len(weights), how_to=NO_HYPOPG)
        try:
            return _Search(session, schema, weights, skipped, ends_at).run()
        finally:
            forget_supposed(session)

    while True:
        try:
            return read(target, look, timeout_seconds=budget_seconds + TIMEOUT_SECONDS)
        except _TooLongError as error:
            # The connection is lost, with what was supposed in it: once more without.
            skipped[error.sql] = reworded(error)


class _TooLongError(StoreDataError):
    """The plan of a query is longer than is read."""

    def __init__(self, sql: str, error: LongAnswerError) -> None:
        super().__init__(reworded(error))
        self.sql = sql


class _Search:
    def __init__(
        self,
        session: Session,
        schema: str,
        weights: Mapping[str, float],
        skipped: dict[str, str],
        ends_at: float,
    ) -> None:
        self._session = session
        self._schema = schema
        self._weights = weights
        self._ends_at = ends_at
        self._texts: dict[str, str] = {}
        self._tables: dict[str, tuple[str, int]] = {}
        self._skipped = skipped

    def run(self) -> IndexAdvice:
        costs: dict[str, float] = {}
        examined = 0
        tried: dict[Candidate, set[str]] = {}
        self._session.rows(_LIMIT_PLANNING, [f"{_PLANNING_SECONDS}s"])
        for sql in self._weights:
            if sql in self._skipped:
                continue
            if not self._in_time():
                break
            planned = self._planned(sql)
            if planned is None:
                continue
            examined += 1
            cost, found = planned
            if found is not None:
                costs[sql] = cost
            for candidate in found or ():
                tried.setdefault(candidate, set()).add(sql)
        chosen: list[IndexRecommendation] = []
        while tried and len(chosen) < _MOST_INDEXES and self._in_time():
            best = self._best(tried, costs)
            if best is None:
                break
            recommendation, candidate, now = best
            chosen.append(recommendation)
            costs = now
            del tried[candidate]
            self._create(candidate)
        return IndexAdvice(
            tuple(chosen),
            examined=examined,
            total=len(self._weights),
            skipped=self._skipped,
            complete=self._in_time(),
        )

    def _planned(self, sql: str) -> tuple[float, list[Candidate] | None] | None:
        """Return a query's cost and what may serve it; None where it is skipped.

        Nothing serves what reads the catalogue alone, and it weighs nothing.
        """
        try:
            names = self._columns_of(sql)
            cost, _ = self._cost(sql)
            return cost, candidates(self._texts[sql], names) if names else None
        except LongAnswerError as error:
            raise _TooLongError(sql, error) from error
        except StoreDataError as error:
            self._skipped[sql] = reworded(error)
        except psycopg.errors.QueryCanceled:
            self._skipped[sql] = worded(
                "not planned within {seconds} s", seconds=_PLANNING_SECONDS
            )
        return None

    def _best(
        self, possible: Mapping[Candidate, set[str]], costs: dict[str, float]
    ) -> tuple[IndexRecommendation, Candidate, dict[str, float]] | None:
        before = self._total(costs)
        found = None
        best_score = 0.0
        for candidate, queries in possible.items():
            if not self._in_time():
                break
            tried = self._tried(candidate, queries, costs)
            if tried is None:
                continue
            size, now, served = tried
            after = self._total(now)
            if not served or after > before * (1.0 - _LEAST_GAIN):
                continue
            score = _SIZE_WEIGHT * math.log(before / max(after, 1e-9))
            score -= math.log1p(size / 2**30)
            if score > best_score:
                best_score = score
                advice = IndexRecommendation(
                    self._definition(candidate),
                    self._tables[candidate.table][0],
                    candidate.columns,
                    size,
                    before,
                    after,
                    served,
                )
                found = (advice, candidate, now)
        return found

    def _tried(
        self, candidate: Candidate, queries: set[str], costs: dict[str, float]
    ) -> tuple[int, dict[str, float], tuple[str, ...]] | None:
        """Return size, costs and the queries served with an index; None if it fails."""
        now, served = dict(costs), []
        try:
            name, size = self._create(candidate)
        except StoreDataError:
            return None  # not of this table, or not of this type
        for sql in queries:
            try:
                now[sql], used = self._cost(sql)
            except LongAnswerError as error:
                raise _TooLongError(sql, error) from error
            except (StoreDataError, psycopg.errors.QueryCanceled):
                continue
            if name in used:
                served.append(sql)
        self._drop(name)
        return size, now, tuple(served)

    def _columns_of(self, sql: str) -> dict[str, frozenset[str]]:
        parts = judged(sql, parameters=True)
        with telling():
            checked(self._session, parts)
        self._texts[sql] = parts.text
        columns = {}
        for schema, name in parts.relations:
            named = f"{schema}.{name}" if schema else name
            quoted = self._session.row(
                "SELECT concat_ws('.', quote_ident(nullif(%s, '')), quote_ident(%s)) AS n",
                [schema, name],
            )["n"]
            tables = self._session.rows(_IS_TABLE, [quoted])
            if tables:
                self._tables[named] = (tables[0]["name"], tables[0]["oid"])
                rows = self._session.rows(_COLUMNS, [quoted])
                columns[named] = frozenset(row["name"] for row in rows)
        return columns

    def _cost(self, sql: str) -> tuple[float, set[str]]:
        found = plan_of(self._session, self._texts[sql])
        return float(found["Plan"]["Total Cost"]), index_names(found)

    def _total(self, costs: Mapping[str, float]) -> float:
        return sum(self._weights[sql] * cost for sql, cost in costs.items())

    def _create(self, candidate: Candidate) -> tuple[str, int]:
        created = suppose(self._session, self._schema, self._definition(candidate))
        # hypopg counts every row's key, PostgreSQL stores equal ones once.
        tree = Tree(self._tables[candidate.table][1], candidate.columns)
        with self._session.on_own_path():
            (size,) = compact_bytes(self._session, [tree])
        return created["name"], int(created["bytes"] if size is None else size)

    def _drop(self, name: str) -> None:
        self._session.rows(_DROP.format(schema=self._schema).encode(), [name])

    def _definition(self, candidate: Candidate) -> str:
        columns = ", ".join(_quoted(candidate.columns))
        return f"CREATE INDEX ON {self._tables[candidate.table][0]} ({columns})"

    def _in_time(self) -> bool:
        return time.monotonic() < self._ends_at


def _quoted(names: Iterable[str]) -> list[str]:
    return [
        name
        if name.isidentifier() and name.islower()
        else '"' + name.replace('"', '""') + '"'
        for name in names
    ]
