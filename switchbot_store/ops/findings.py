"""What a look at a database's health says: findings, and how they add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(StrEnum):
    """How bad it is. `UNKNOWN`: what was to be looked at could not be seen.

    >>> from switchbot_store.ops import Status
    >>> Status("warning") is Status.WARNING, f"{Status.UNKNOWN}"
    (True, 'unknown')
    """

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


# From harmless to grave: a thing nobody could look at is never taken for healthy.
_SEVERITY = {status: rank for rank, status in enumerate(Status)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, or the sum of those that are well.

    `check` is the name asked for, as in ``index``; `code` says which of its questions, as
    in ``index_duplicate``. `subject` is the object, quoted as SQL wants it, or empty for
    the whole database. `fix` is what to do, empty where there is nothing. `examined` of
    `total` objects were looked at for this question.

    >>> from switchbot_store.ops import Finding, Status
    >>> Finding("index", "index_unused", Status.OK, "", "all are used").to_dict()["status"]
    'ok'
    """

    check: str
    code: str
    status: Status
    subject: str
    message: str
    fix: str = ""
    examined: int = 0
    total: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "status": str(self.status)}


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Every finding of the checks asked for; `server` names the PostgreSQL version.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store.ops import analyze_db_health
    >>> report = analyze_db_health(database_url, "index,sequence")
    >>> report.checks, str(report.overall_status), report.problems
    (('index', 'sequence'), 'ok', ())
    """

    server: str
    database: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def overall_status(self) -> Status:
        """The gravest status of all findings; ``unknown`` is graver than ``ok``."""
        return worst(finding.status for finding in self.findings)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are not ``ok``, the gravest first."""
        bad = [each for each in self.findings if each.status is not Status.OK]
        return tuple(sorted(bad, key=lambda each: -_SEVERITY[each.status]))

    def of(self, check: str) -> tuple[Finding, ...]:
        """Return one check's findings."""
        return tuple(each for each in self.findings if each.check == check)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "overall_status": str(self.overall_status),
            "server": self.server,
            "database": self.database,
            "checks": list(self.checks),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def worst(statuses: Iterable[Status]) -> Status:
    """Return the gravest status, ``ok`` of none."""
    return max(statuses, key=_SEVERITY.__getitem__, default=Status.OK)


@dataclass(slots=True)
class Question:
    """Gathers the findings of one question of a check."""

    check: str
    code: str
    what: str
    """What was looked at, in the plural, for the sentence "12 of 14 indexes ..."."""

    def sum_up(
        self, findings: list[Finding], *, examined: int, total: int, well: str
    ) -> list[Finding]:
        """Return the findings with the counts, and one that says how many are well.

        What could not be examined is a finding of its own, of status ``unknown``.
        """
        counted = [replace(each, examined=examined, total=total) for each in findings]
        unseen = any(each.status is Status.UNKNOWN for each in findings)
        status = Status.UNKNOWN if examined < total and not unseen else Status.OK
        counted.append(
            Finding(
                self.check,
                self.code,
                status,
                "",
                worded(
                    "examined {examined} of {total} {what}: {well}",
                    examined=examined,
                    total=total,
                    what=self.what,
                    well=worded("{number} to look at", number=len(findings))
                    if findings
                    else well,
                ),
                examined=examined,
                total=total,
            )
        )
        return counted

    def found(
        self, status: Status, subject: str, message: str, fix: str = ""
    ) -> Finding:
        """Return a finding of this question."""
        return Finding(self.check, self.code, status, subject, message, fix)

    def unseen(self, message: str, fix: str = "", *, total: int = 0) -> list[Finding]:
        """Return that the question cannot be answered, and why."""
        status = Status.UNKNOWN
        return [Finding(self.check, self.code, status, "", message, fix, 0, total)]
