"""Ask a PostgreSQL server what ails it.

The questions are those of crystaldba/postgres-mcp, whose answers this does not share:
thresholds come from the server's own settings, identity columns count, indexes are
compared as PostgreSQL parsed them, and what cannot be seen is ``unknown``, never ``ok``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import psycopg

from switchbot_store.languages import worded
from switchbot_store.ops.findings import Finding, HealthReport, Status
from switchbot_store.ops.health_activity import check_connections, check_vacuum
from switchbot_store.ops.health_indexes import check_indexes
from switchbot_store.ops.health_sequences import check_sequences
from switchbot_store.ops.health_storage import (
    check_buffers,
    check_constraints,
    check_replication,
)
from switchbot_store.ops.target import TIMEOUT_SECONDS, read
from switchbot_store.postgres.errors import is_broken_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from switchbot_store.ops.target import Session, Target

CHECKS: Final[dict[str, Callable[[Session], list[Finding]]]] = {
    "index": check_indexes,
    "connection": check_connections,
    "vacuum": check_vacuum,
    "sequence": check_sequences,
    "replication": check_replication,
    "buffer": check_buffers,
    "constraint": check_constraints,
}
_ALL: Final = "all"
_CHANGED_ON_THE_PRIMARY: Final = frozenset(
    {"index", "vacuum", "sequence", "constraint"}
)


def analyze_db_health(
    target: Target,
    checks: str | Iterable[str] = _ALL,
    *,
    long_transaction_seconds: float | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> HealthReport:
    """Look at a database and return what was found; nothing is changed.

    `checks` is ``all``, names of `CHECKS` separated by commas, or an iterable of them.
    A check that is refused for want of a privilege is a finding of status ``unknown``.
    `long_transaction_seconds`: from when on a transaction is long; None for the server's
    own limit, else five minutes. Raises ValueError for another name, StoreConfigError
    for a target that is no PostgreSQL, StoreUnavailableError when it cannot be reached.
    """
    names = check_names(checks)

    def look(session: Session) -> HealthReport:
        session.look_in_the_catalogue_first()
        findings: list[Finding] = []
        for name in names:
            findings += _one(session, name, long_transaction_seconds)
        server = session.row(
            "SELECT current_setting('server_version') AS version,"
            " current_database()::text AS name"
        )
        if session.standby:
            findings = [_for_the_primary(each) for each in findings]
        return HealthReport(server["version"], server["name"], names, tuple(findings))

    return read(target, look, timeout_seconds=timeout_seconds)


def check_names(checks: str | Iterable[str]) -> tuple[str, ...]:
    """Return the checks asked for, each once. Raises ValueError for another name."""
    given = checks.split(",") if isinstance(checks, str) else list(checks)
    names = [name.strip() for name in given if name.strip()]
    unknown = [name for name in names if name != _ALL and name not in CHECKS]
    if unknown or not names:
        raise ValueError(
            worded(
                "no check {unknown}; there are {all}, {checks}",
                unknown=", ".join(unknown) or worded("given"),
                all=_ALL,
                checks=", ".join(CHECKS),
            )
        )
    return tuple(CHECKS) if _ALL in names else tuple(dict.fromkeys(names))


def _one(
    session: Session, name: str, long_transaction_seconds: float | None
) -> list[Finding]:
    try:
        with session.attempt():
            if name == "connection":
                return check_connections(session, long_transaction_seconds)
            return CHECKS[name](session)
    except psycopg.Error as error:
        if is_broken_connection(error):
            raise
        # Hosted servers take away what PostgreSQL gives to everybody; a table may be
        # locked, or go away while it is looked at.
        refused = isinstance(
            error,
            psycopg.errors.InsufficientPrivilege | psycopg.errors.UndefinedFunction,
        )
        fix = (
            worded("ask as a member of pg_monitor") if refused else worded("ask again")
        )
        message = (str(error).splitlines() or [type(error).__name__])[0]
        return [Finding(name, f"{name}_refused", Status.UNKNOWN, "", message, fix)]


def _for_the_primary(finding: Finding) -> Finding:
    """Say where a statement is to be carried out: a standby changes nothing."""
    if not finding.fix or finding.check not in _CHANGED_ON_THE_PRIMARY:
        return finding
    if finding.status is Status.UNKNOWN:
        return finding
    return replace(finding, fix=worded("on the primary: {fix}", fix=finding.fix))
