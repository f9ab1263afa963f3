"""What ails a PostgreSQL database: health, objects, plans, indexes. Extra ``ops``.

Each function takes a store, a pool or a connection string and changes nothing; each
result is a typed object with `to_dict()`.
"""

from __future__ import annotations

from switchbot_store.ops.findings import Finding, HealthReport, Status
from switchbot_store.ops.health import CHECKS, analyze_db_health
from switchbot_store.ops.read_only import SqlResult, execute_sql
from switchbot_store.ops.validation import RefusedSqlError

__all__ = [
    "CHECKS",
    "Finding",
    "HealthReport",
    "RefusedSqlError",
    "SqlResult",
    "Status",
    "analyze_db_health",
    "execute_sql",
]
