"""What ails a PostgreSQL database: health, objects, plans, indexes. Extra ``ops``.

Each function takes a store, a pool or a connection string and changes nothing, but for
`make_role`; each result is a typed object with `to_dict()`.
"""

from __future__ import annotations

from switchbot_store.ops.advice import (
    IndexAdvice,
    IndexRecommendation,
    analyze_query_indexes,
    analyze_workload_indexes,
)
from switchbot_store.ops.findings import Finding, HealthReport, Status
from switchbot_store.ops.health import CHECKS, analyze_db_health
from switchbot_store.ops.objects import (
    DatabaseObject,
    ObjectDetails,
    Schema,
    get_object_details,
    list_objects,
    list_schemas,
)
from switchbot_store.ops.plans import (
    QueryCost,
    QueryPlan,
    TopQueries,
    explain_query,
    get_top_queries,
)
from switchbot_store.ops.role import ReadingRole, make_role, reading_rights
from switchbot_store.ops.statements.read_only import SqlResult, execute_sql
from switchbot_store.ops.statements.validation import RefusedSqlError

__all__ = [
    "CHECKS",
    "DatabaseObject",
    "Finding",
    "HealthReport",
    "IndexAdvice",
    "IndexRecommendation",
    "ObjectDetails",
    "QueryCost",
    "QueryPlan",
    "ReadingRole",
    "RefusedSqlError",
    "Schema",
    "SqlResult",
    "Status",
    "TopQueries",
    "analyze_db_health",
    "analyze_query_indexes",
    "analyze_workload_indexes",
    "execute_sql",
    "explain_query",
    "get_object_details",
    "get_top_queries",
    "list_objects",
    "list_schemas",
    "make_role",
    "reading_rights",
]
