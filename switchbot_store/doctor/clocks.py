"""Whether this host's clock can be right, by itself and by the rows of a history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from switchbot_store.doctor.findings import SetupFinding
from switchbot_store.errors import StoreError
from switchbot_store.factory import make_backend
from switchbot_store.history.present import FAR, RELEASED, leap_of, present
from switchbot_store.languages import error_words
from switchbot_store.languages import translated as _
from switchbot_store.zone_rules import differs_from, zone_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_store.config import StoreConfig


_LOOKED_AT: Final = 100
"""Newest rows: enough to have met the timezone of every zone."""


def host_clock(_config: StoreConfig) -> Iterator[SetupFinding]:
    """See whether this host lives before this program was written."""
    now = datetime.now(UTC)
    if now < RELEASED:
        yield SetupFinding(
            "clock",
            "problem",
            _("this host believes it is {now:%Y-%m-%d}", now=now),
            _("Let it set its clock from the network (NTP) before the program starts."),
        )


def host_zone_rules(_config: StoreConfig) -> Iterator[SetupFinding]:
    """Say by which rules of the timezones clocks are read."""
    rules = zone_rules()
    if rules.installed is None and rules.system is None:
        yield SetupFinding(
            "zone rules",
            "warning",
            _("no rules of the timezones whose release is known"),
            _("Install the package tzdata: pip install --upgrade tzdata."),
        )
    else:
        yield SetupFinding("zone rules", "ok", rules.told())


def history_clock(config: StoreConfig) -> Iterator[SetupFinding]:
    """Compare this host's clock with the rows of a history that is there."""
    days = config.history_retention_days
    leap = leap_of(timedelta(days=days) if days else None)
    now = datetime.now(UTC)
    backend = make_backend(config, looking=True)
    apart: dict[str, datetime] = {}
    try:
        doubt = present(backend, now, leap=leap).doubt
        newest = backend.latest(_LOOKED_AT)
        names = {row.timezone for row in newest if row.timezone}
        apart = {name: at for name in sorted(names) if (at := _apart(name, now))}
    except StoreError as error:
        yield SetupFinding(
            "history", "problem", error_words(error), _("Check the disk or database.")
        )
        return
    finally:
        backend.close()
    if doubt is not None:
        yield SetupFinding(
            "clock",
            "warning",
            _("no row of history is deleted by this clock: {doubt}", doubt=doubt),
            _(
                "Let it set its clock from the network (NTP). If it is right, there is"
                " nothing to do: it is believed after some days of rows."
            ),
        )
    for name, at in apart.items():
        yield SetupFinding(
            "zone rules",
            "warning",
            _(
                "{name} is read by {rules}, which differ from {at:%Y-%m-%d %H:%M} UTC"
                " on",
                name=name,
                rules=zone_rules(),
                at=at,
            ),
            _("Update the older: other programs on this host may read another time."),
        )
    if newest and newest[-1].timestamp > now + FAR:
        yield SetupFinding(
            "history",
            "warning",
            _(
                "rows lie in the future, up to {at:%Y-%m-%d %H:%M}: a clock was ahead"
                " when they were recorded",
                at=newest[-1].timestamp,
            ),
            _(
                "Let the clock be set from the network (NTP) before the program"
                " starts; these rows are kept, and nothing is deleted on account of"
                " them."
            ),
        )


def _apart(name: str, now: datetime) -> datetime | None:
    try:
        return differs_from(name, now)
    except (KeyError, ValueError, OSError):
        return None  # a row may hold any text
