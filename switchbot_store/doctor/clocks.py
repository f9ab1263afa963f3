"""Whether this host's clock can be right, by itself and by the rows of a history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_store.doctor.findings import SetupFinding
from switchbot_store.errors import StoreError
from switchbot_store.factory import make_backend
from switchbot_store.history.present import FAR, RELEASED, leap_of, present

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_store.config import StoreConfig


def host_clock(_config: StoreConfig) -> Iterator[SetupFinding]:
    """See whether this host lives before this program was written."""
    now = datetime.now(UTC)
    if now < RELEASED:
        yield SetupFinding(
            "clock",
            "problem",
            f"this host believes it is {now:%Y-%m-%d}",
            "Let it set its clock from the network (NTP) before the program starts.",
        )


def history_clock(config: StoreConfig) -> Iterator[SetupFinding]:
    """Compare this host's clock with the rows of a history that is there."""
    days = config.history_retention_days
    leap = leap_of(timedelta(days=days) if days else None)
    now = datetime.now(UTC)
    backend = make_backend(config, looking=True)
    try:
        doubt = present(backend, now, leap=leap).doubt
        newest = backend.latest(1)
    except StoreError as error:
        yield SetupFinding(
            "history", "problem", str(error), "Check the disk or database."
        )
        return
    finally:
        backend.close()
    if doubt is not None:
        yield SetupFinding(
            "clock",
            "warning",
            f"no row of history is deleted by this clock: {doubt}",
            "Let it set its clock from the network (NTP). If it is right, there is"
            " nothing to do: it is believed after some days of rows.",
        )
    if newest and newest[0].timestamp > now + FAR:
        yield SetupFinding(
            "history",
            "warning",
            f"rows lie in the future, up to {newest[0].timestamp:%Y-%m-%d %H:%M}:"
            " a clock was ahead when they were recorded",
            "Let the clock be set from the network (NTP) before the program starts;"
            " these rows are kept, and nothing is deleted on account of them.",
        )
