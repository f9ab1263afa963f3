"""What turns off a device that a rule turned on, whatever becomes of the rule.

A heater on a plug knows nothing of rooms. `for_at_most` bounds how long it is on in one
go; and where the rule that turned it on went by a temperature or a humidity, it is turned
off once nobody has known that value for `GIVEN_UP`: a rule that would have turned it off
waits for a value that never comes. Lights and the like are left on. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.core.state.values import instant, text
from switchbot_automation.rules.definition.context import Subject
from switchbot_automation.rules.running.endings import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.rules.definition.actions import DeviceCommand
    from switchbot_automation.rules.definition.context import Home
    from switchbot_automation.rules.definition.model import Rule
    from switchbot_automation.rules.running.run import RuleRun

GIVEN_UP: Final = timedelta(minutes=15)
"""For how long a value may be unknown while something that hangs on it is on. It gets
unknown when it was not read for three intervals, or as soon as it cannot be believed."""

_MEASURED: Final = frozenset({"temperature", "humidity"})

_HARMLESS: Final = frozenset(
    {"light", "cover", "media", "camera", "vacuum", "lock", "fan", "air_purifier"}
)
# Pressed once more, it may turn on what somebody turned off.
_PRESSES: Final = frozenset({"Bot"})


def harmless(product: DeviceType | None) -> bool:
    """Tell whether a product may stay as it is where a sensor is lost."""
    return product is not None and (
        product.category in _HARMLESS or product.name in _PRESSES
    )


@dataclass(frozen=True, slots=True)
class Guard:
    """One device that a rule turned on, by the rule's word for it.

    `until` is when it is turned off in any case, None for never; `subjects` are the values
    that it hangs on, `lost_at` is since when one of them is unknown.
    """

    rule: str
    run: str
    device: str
    since: datetime
    until: datetime | None = None
    subjects: tuple[Subject, ...] = ()
    lost_at: datetime | None = None

    def after(self, before: Guard) -> Guard:
        """Return it where another one is on the device already: on it is in one go."""
        ends = [at for at in (before.until, self.until) if at is not None]
        subjects = self.subjects or before.subjects
        lost_at = before.lost_at if subjects == before.subjects else None
        return replace(
            self,
            since=before.since,
            until=min(ends, default=None),
            subjects=subjects,
            lost_at=lost_at,
        )

    def not_later_than(self, now: datetime) -> Guard:
        """Return it after the clock was set back, if it was: it waits no longer for that."""
        lost_at = min(self.lost_at, now) if self.lost_at else None
        ahead = self.since - now
        if ahead <= timedelta(0):
            return self if lost_at == self.lost_at else replace(self, lost_at=lost_at)
        until = self.until - ahead if self.until else None
        return replace(self, since=now, until=until, lost_at=lost_at)

    def set_back(self, by: timedelta) -> Guard:
        """Return it on a clock that was set back so far: it lasts as long as before."""
        return replace(
            self,
            since=self.since - by,
            until=self.until - by if self.until else None,
            lost_at=self.lost_at - by if self.lost_at else None,
        )

    @property
    def devices(self) -> frozenset[str]:
        """The devices whose values it has to be told, all the time."""
        return frozenset(each.device for each in self.subjects if each.device)

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "rule": self.rule,
            "run": self.run,
            "device": self.device,
            "since": self.since.isoformat(),
            **({"until": self.until.isoformat()} if self.until else {}),
            **({"lost_at": self.lost_at.isoformat()} if self.lost_at else {}),
            "subjects": [
                {"of": each.attribute, "zone": each.zone, "device": each.device}
                for each in self.subjects
            ],
        }

    @classmethod
    def from_document(cls, document: object) -> Guard | None:
        """Read one; None for what is none."""
        if not isinstance(document, Mapping):
            return None
        rule, run = text(document.get("rule")), text(document.get("run"))
        device, since = text(document.get("device")), instant(document.get("since"))
        if not rule or not run or not device or since is None:
            return None
        listed = document.get("subjects")
        found = [_subject(each) for each in listed] if isinstance(listed, list) else []
        return cls(
            rule,
            run,
            device,
            since,
            instant(document.get("until")),
            tuple(each for each in found if each is not None),
            instant(document.get("lost_at")),
        )


def _subject(document: object) -> Subject | None:
    if not isinstance(document, Mapping):
        return None
    of = text(document.get("of"))
    zone, device = text(document.get("zone")) or "", text(document.get("device")) or ""
    if not of or bool(zone) is bool(device):
        return None
    return Subject(of, zone, device)


def guard_of(
    rule: Rule,
    run: RuleRun,
    action: DeviceCommand,
    now: datetime,
    product: DeviceType | None,
) -> Guard | None:
    """Return what guards a device after a command of a run, None where nothing has to.

    `product` is what the device is, if anybody knows.
    """
    until = now + action.for_at_most if action.for_at_most is not None else None
    hangs = action.command == _ON and not action.keep_on and not harmless(product)
    subjects = hangs_on(rule, run.cause) if hangs else ()
    if until is None and not subjects:
        return None
    return Guard(rule.id, run.id, action.device, now, until, subjects)


_ON: Final = "turnOn"


def hangs_on(rule: Rule, cause: Mapping[str, Any]) -> tuple[Subject, ...]:
    """Return the temperatures and humidities that a run goes by.

    Those of the trigger that began it; where that looked at none, those of the conditions.
    Where a person began it, all of them.
    """
    index = cause.get("index")
    if not isinstance(index, int) or not 0 <= index < len(rule.triggers):
        return _measured(rule.subjects)
    found = _measured(rule.triggers[index].subjects)
    if found:
        return found
    others = {subject for each in rule.triggers for subject in each.subjects}
    return tuple(each for each in _measured(rule.subjects) if each not in others)


def _measured(subjects: Iterable[Subject]) -> tuple[Subject, ...]:
    return tuple(each for each in subjects if each.attribute.casefold() in _MEASURED)


class Guarded(NamedTuple):
    """What watching the guards came to: those that stay, OFFs that are due, when again."""

    guards: tuple[Guard, ...]
    endings: tuple[Ending, ...]
    next_at: datetime | None


def watch_over(guards: Iterable[Guard], home: Home, now: datetime) -> Guarded:
    """Look at every guard; what is due becomes an OFF that is owed."""
    kept: list[Guard] = []
    due: list[Ending] = []
    wanted: list[datetime] = []
    for guard in guards:
        lost = [each for each in guard.subjects if home.value(each) is None]
        lost_at = (guard.lost_at or now) if lost else None
        why = ""
        if guard.until is not None and now >= guard.until:
            why = "it was on for as long as it may be"
        elif lost_at is not None and now - lost_at >= GIVEN_UP:
            why = f"nobody knows the {lost[0]} since {lost_at.isoformat()}"
        if why:
            due.append(
                Ending(
                    guard.rule,
                    guard.run,
                    "device",
                    guard.device,
                    now,
                    now,
                    now,
                    why=why,
                )
            )
            continue
        wanted += [] if guard.until is None else [guard.until]
        wanted += [] if lost_at is None else [lost_at + GIVEN_UP]
        same = lost_at == guard.lost_at
        kept.append(guard if same else replace(guard, lost_at=lost_at))
    return Guarded(tuple(kept), tuple(due), min(wanted, default=None))
