"""For how long values were watched being what they are, for conditions with `for`. Pure.

Only time that was watched counts: after a stop of the engine, or a while without a
value, it begins anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.instants import stored_instant
from switchbot_automation.rules.definition.triggers import GAP, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.rules.definition.context import Home, Subject

# Written down so often, so that a document is not written at every tick.
_NOTED = GAP / 2
_LATE = timedelta(minutes=1)


class Watched(NamedTuple):
    """What is remembered now, since when values are what they are, and the next look."""

    memory: Mapping[str, Any]
    since: Mapping[Subject, datetime]
    next_at: datetime | None


def watch(
    subjects: Iterable[Subject], memory: Mapping[str, Any], home: Home, now: datetime
) -> Watched:
    """Look at values once. `memory` is what an earlier look remembered."""
    kept: dict[str, Any] = {}
    since: dict[Subject, datetime] = {}
    for subject in subjects:
        key = f"{'zone' if subject.zone else 'device'} {subject}"
        found = memory.get(key)
        before = found if isinstance(found, dict) else {}
        value = home.value(subject)
        began, seen = (stored_instant(before.get(name)) for name in ("since", "seen"))
        if seen is not None and not now - GAP - _LATE <= seen <= now:
            began = None
        if value is None:
            # It may be back soon; until then nobody knows, and no condition holds.
            if began is not None:
                kept[key] = before
            continue
        if began is None or began > now or not same(before.get("value"), value):
            kept[key] = {
                "value": value,
                "since": now.isoformat(),
                "seen": now.isoformat(),
            }
            since[subject] = now
            continue
        since[subject] = began
        due = seen is None or now - seen >= _NOTED
        kept[key] = {**before, "seen": now.isoformat()} if due else before
    return Watched(kept, since, now + _NOTED if kept else None)
