"""How seldom a meter reports, seen by what it says. Pure.

The cloud answers with the last that a meter reported, and does not say when that was. A meter
that reports each half hour says the same for so long, and then something else by some tenths at
once; one that reports as soon as it changes leaps like that only where it was not looked at. So
what counts is how far apart its changes may be at most, by when it was looked at, and whether it
stood while it was looked at and then leapt.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from switchbot_automation.core.control.trend import number

_KEPT = 8
# So often of its last changes a meter that reports seldom stood for so long, then leapt so far.
_LEAST, _STOOD_SECONDS, _LEAPS_KELVIN = 2, 590.0, 0.29
# What is known sooner than this is no matter.
_SELDOM_SECONDS, _LONGEST_SECONDS = 1000.0, 5400.0


class Report(NamedTuple):
    """A change of what a meter says.

    The report before is `within` so many seconds; it `stood` for so many while it was looked
    at, and `leapt` by so many kelvin.
    """

    within: float
    stood: float
    leapt: float


class Reports(NamedTuple):
    """What a meter says, Celsius, from the first to the last look that said so; POSIX seconds.

    `before` is the last look that said something else, 0.0 for none.
    """

    value: float | None = None
    first: float = 0.0
    last: float = 0.0
    before: float = 0.0
    changes: tuple[Report, ...] = ()

    def after(self, at: float, value: float) -> Reports:
        """Return it after the meter was looked at."""
        if self.value is None or at < self.last:
            return Reports(value, at, at, changes=self.changes)
        if value == self.value:
            return self._replace(last=at)
        changes = self.changes
        if self.before:
            change = Report(
                round(at - self.before, 1),
                round(self.last - self.first, 1),
                round(abs(value - self.value), 2),
            )
            changes = (*changes, change)[-_KEPT:]
        return Reports(value, at, at, self.last, changes)

    @property
    def apart(self) -> float:
        """How many seconds lie between two reports at most; 0.0 for one that reports soon."""
        leaps = [
            each
            for each in self.changes
            if each.stood >= _STOOD_SECONDS and each.leapt >= _LEAPS_KELVIN
        ]
        if len(leaps) < _LEAST:
            return 0.0
        within = min(each.within for each in self.changes)
        return 0.0 if within < _SELDOM_SECONDS else min(within, _LONGEST_SECONDS)

    @property
    def repeats(self) -> bool:
        """Tell whether the last look most likely saw the report before it once more."""
        return 0.0 < self.last - self.first < self.apart

    def to_list(self) -> list[Any]:
        """Return it as a document."""
        changes = " ".join(
            f"{each.within:g}/{each.stood:g}/{each.leapt:g}" for each in self.changes
        )
        return [self.value, self.first, self.last, self.before, changes]

    @classmethod
    def from_list(cls, value: Any) -> Reports:
        """Read a document; garbage counts as nothing seen."""
        if not isinstance(value, list) or len(value) != 5:  # noqa: PLR2004 - as written
            return cls()
        said = number(value[0], -200.0, 200.0)
        instants = [number(each, 0.0, 1e11) for each in value[1:4]]
        if said is None or not isinstance(value[4], str):
            return cls()
        try:
            changes = [_read(each) for each in value[4].split()[-_KEPT:]]
        except (TypeError, ValueError):
            return cls()
        first, last, before = (each or 0.0 for each in instants)
        return cls(said, first, max(first, last), min(before, first), tuple(changes))


NEVER_READ = Reports()


def _read(text: str) -> Report:
    report = Report(*map(float, text.split("/")))
    if not all(0.0 <= each < 1e9 for each in report):  # noqa: PLR2004 - nor inf, nor nan
        raise ValueError(text)
    return report
