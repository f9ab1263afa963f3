"""What other settings would bring, in one sentence; nothing else says it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_automation.languages import later
from switchbot_automation.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_automation.backtest.report import BacktestReport


class Sides(NamedTuple):
    """A figure as it is now, and as it would be then."""

    now: float
    then: float


class SameDays(NamedTuple):
    """The same days under two settings, in what a person asks of them.

    `out_of_band` is in percent of the time, `calls` and `starts` are those of all `days`,
    as `kwh` is.
    """

    days: float
    out_of_band: Sides
    calls: Sides
    starts: Sides
    kwh: Sides


class _Said(NamedTuple):
    """One figure's words: fewer and more, each of one and of several."""

    one_fewer: str
    fewer: str
    one_more: str
    more: str


_CALLS: Final = _Said(
    later("one call fewer"),
    later("{count} calls fewer"),
    later("one call more"),
    later("{count} calls more"),
)
_STARTS: Final = _Said(
    later("one start fewer"),
    later("{count} starts fewer"),
    later("one start more"),
    later("{count} starts more"),
)
# Less than this nobody tells from nothing: percent of the time, of the difference, kWh.
_NEVER: Final = 0.05
_SAME_PERCENT: Final = 0.5
_SAME_KWH: Final = 0.05


def of_backtest(report: BacktestReport) -> SameDays:
    """Return what a backtest found, candidate against current."""
    now, then = report.current, report.candidate
    return SameDays(
        days=report.observed_days,
        out_of_band=Sides(100 - now.percent_in_band, 100 - then.percent_in_band),
        calls=Sides(now.api_calls, then.api_calls),
        starts=Sides(now.starts, then.starts),
        kwh=Sides(now.energy_kwh, then.energy_kwh),
    )


def recorded_words(brought: SameDays) -> str:
    """Say what the days that were recorded would have been.

    >>> week = SameDays(7, Sides(12.5, 0.5), Sides(2400, 1960), Sides(60, 61), Sides(50, 50))
    >>> recorded_words(week)
    'The same 7 days: 96 % less out of band, 440 calls fewer, one start more.'
    """
    return _(
        "The same {days:.0f} days: {what}.",
        days=float(brought.days),
        what=", ".join(_parts(brought)),
    )


def simulated_words(brought: SameDays) -> str:
    """Say what simulated days were; the house is none of a person's.

    >>> days = SameDays(3, Sides(4, 0), Sides(900, 900), Sides(30, 12), Sides(20, 21.5))
    >>> print(simulated_words(days))  # doctest: +NORMALIZE_WHITESPACE
    The same 3 days in a simulated house: never out of band, now 4.0 % of the time,
    18 starts fewer, 1.5 kWh more.
    """
    return _(
        "The same {days:.0f} days in a simulated house: {what}.",
        days=float(brought.days),
        what=", ".join(_parts(brought)),
    )


def _parts(brought: SameDays) -> Iterator[str]:
    yield _band_words(brought.out_of_band)
    for sides, words in ((brought.calls, _CALLS), (brought.starts, _STARTS)):
        count = round(sides.then - sides.now)
        if count:
            yield _count_words(count, words)
    kwh = float(brought.kwh.then - brought.kwh.now)
    if kwh < -_SAME_KWH:
        yield _("{kwh:.1f} kWh less", kwh=-kwh)
    elif kwh > _SAME_KWH:
        yield _("{kwh:.1f} kWh more", kwh=kwh)


def _band_words(sides: Sides) -> str:
    now, then = (float(each) for each in sides)
    if then < _NEVER:
        if now < _NEVER:
            return _("never out of band, as now")
        return _("never out of band, now {percent:.1f} % of the time", percent=now)
    if now < _NEVER:
        return _("out of band {percent:.1f} % of the time, now never", percent=then)
    percent = 100 * (now - then) / now
    if abs(percent) < _SAME_PERCENT:
        return _("as long out of band")
    if percent > 0:
        return _("{percent:.0f} % less out of band", percent=percent)
    return _("{percent:.0f} % more out of band", percent=-percent)


def _count_words(count: int, words: _Said) -> str:
    if count in {-1, 1}:
        return _(words.one_fewer if count < 0 else words.one_more)
    return _(words.fewer if count < 0 else words.more, count=abs(count))
