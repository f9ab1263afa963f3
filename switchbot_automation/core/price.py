"""Which end of its band a room is kept at for the price of energy. Pure.

Heat that is stored in a room in a cheap hour need not be made in the dear one after it. So
shortly before dear hours only the conditioned part of a band counts, and in them only
the other, which the room coasts through. Both lie within the band that a person asked
for: nothing is ever left for a price. What is dear is told from the prices of the half day
before and the half day after; where they hardly differ, or are not known, nothing is
moved.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from switchbot_automation.core.state.zone import PriceLevel
from switchbot_automation.model import Reason, ReasonCode
from switchbot_automation.schedule.windows import in_window, next_boundary
from switchbot_automation.series import Series
from switchbot_automation.settings.model import NARROWEST_KELVIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from switchbot_automation.settings.model import (
        PriceSettings,
        PriceWindow,
        Profile,
        ZoneSettings,
    )

_HALF_DAY, _HOUR = timedelta(hours=12), timedelta(hours=1)
# Prices that differ by less of their mean are not worth a start.
_WORTH = 0.15
# What is this near to the mean, in shares of the spread, is neither dear nor cheap.
_NEAR_MEAN = 0.05
# A shorter time of dear energy is over before a room has cooled by it.
_SHORTEST = timedelta(minutes=30)


_Span: TypeAlias = "tuple[datetime, datetime, float]"


def tariff_of(zone: ZoneSettings, now: datetime) -> Series | None:
    """Return the prices of a zone's tariff around an instant, None where it has none."""
    price = zone.price
    if price is None or not price.windows or price.otherwise is None:
        return None
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return _tariff(price.windows, price.otherwise, zone.timezone, day)


@lru_cache(maxsize=64)  # asked at every tick, of what is the same all day
def _tariff(
    windows: tuple[PriceWindow, ...], otherwise: float, tz: tzinfo, day: datetime
) -> Series:
    """Return what a tariff costs from the day before `day` to two days after it."""
    at, ends = day - timedelta(days=1), day + timedelta(days=3)
    points: list[tuple[datetime, float]] = []
    while at < ends:
        found = (each.price for each in windows if in_window((each.window,), at, tz))
        points.append((at, next(found, otherwise)))
        later = [next_boundary((each.window,), at, tz) for each in windows]
        at = min((each for each in later if each is not None), default=ends)
    return Series(tuple(points), ends=ends, issued_at=day)


def level_of(series: Series, now: datetime, lead: timedelta) -> PriceLevel | None:
    """Return what prices ask for at an aware instant, None where none is known then.

    `lead` is how long before dear hours heat is stored.
    """
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    spans = _spans_around(series, hour)
    here = next((each for each in spans if each[0] <= now < each[1]), None)
    if here is None:
        return None
    whole = sum((end - begin).total_seconds() for begin, end, _ in spans)
    mean = (
        sum((end - begin).total_seconds() * price for begin, end, price in spans)
        / whole
    )
    prices = [price for _, _, price in spans]
    spread = max(prices) - min(prices)
    price = here[2]
    whole_band = PriceLevel(False, False, price, max(prices), here[1])  # noqa: FBT003 - a row of a table
    if spread <= _WORTH * abs(mean):
        return whole_band
    limit = mean + _NEAR_MEAN * spread
    blocks = _dear_blocks(spans, limit)
    inside = next((each for each in blocks if each[0] <= now < each[1]), None)
    if inside is not None:
        return PriceLevel(False, True, price, inside[2], inside[1])  # noqa: FBT003 - a NamedTuple's fields
    ahead = next((each for each in blocks if each[0] > now), None)
    if ahead is None:
        return whole_band
    begins, _, dear = ahead
    worth = dear - price > _WORTH * abs(mean)
    if begins - now <= lead and worth:
        return PriceLevel(True, False, price, dear, min(begins, here[1]))  # noqa: FBT003
    until = begins - lead if begins - lead > now else here[1]
    return PriceLevel(False, False, price, dear, until)  # noqa: FBT003


def _dear_blocks(spans: tuple[_Span, ...], limit: float) -> list[_Span]:
    """Return from when to when energy is dear, and its highest price then."""
    blocks: list[_Span] = []
    for begin, end, price in spans:
        if price <= limit:
            continue
        if blocks and blocks[-1][1] == begin:
            blocks[-1] = (blocks[-1][0], end, max(blocks[-1][2], price))
        else:
            blocks.append((begin, end, price))
    return [each for each in blocks if each[1] - each[0] >= _SHORTEST]


@lru_cache(maxsize=256)
def _spans_around(series: Series, hour: datetime) -> tuple[_Span, ...]:
    """Return the prices of half a day before and after; of finer ones by the hour.

    Neighbours of the same price are one.
    """
    found = tuple(series.spans(hour - _HALF_DAY, hour + _HALF_DAY))
    starts = [at for at, _ in series.points]
    steps = sorted(after - at for at, after in pairwise(starts))
    if steps and steps[len(steps) // 2] < _SHORTEST:
        found = tuple(_by_hour(found))
    joined: list[_Span] = []
    for begin, end, price in found:
        if joined and joined[-1][1:] == (begin, price):
            joined[-1] = (joined[-1][0], end, price)
        else:
            joined.append((begin, end, price))
    return tuple(joined)


def _by_hour(spans: tuple[_Span, ...]) -> Iterator[_Span]:
    """Yield the mean of each hour of which a price is known."""
    hours: dict[datetime, list[_Span]] = {}
    for begin, end, price in spans:
        hour = begin.replace(minute=0, second=0, microsecond=0)
        hours.setdefault(hour, []).append((begin, end, price))
    for parts in hours.values():
        seconds = [(end - begin).total_seconds() for begin, end, _ in parts]
        weighed = sum(
            each * price for each, (_, _, price) in zip(seconds, parts, strict=True)
        )
        yield parts[0][0], parts[-1][1], weighed / sum(seconds)


def level_said(
    price: PriceSettings, series: Series | None, now: datetime
) -> PriceLevel | None:
    """Return what a series that somebody said asks for, None while it is not believed.

    Not one that is older than it may be, nor one that says it was made later than now.
    """
    if series is None:
        return None
    ends = series.issued_at + timedelta(seconds=price.max_age_seconds)
    if not series.issued_at - _HOUR <= now < ends:
        return None
    level = level_of(series, now, price.lead)
    if level is None:
        return None
    return replace(level, until=min(level.until, ends))


def level_in_force(
    zone: ZoneSettings, said: PriceLevel | None, now: datetime
) -> PriceLevel | None:
    """Return what the price of a zone asks for now, None where it is not known.

    `said` is what a series asked for when it was last looked at; while it is not known the
    tariff by the clock counts.
    """
    price = zone.price
    if price is None:
        return None
    if price.source and said is not None and now < said.until:
        return said
    series = tariff_of(zone, now)
    return level_of(series, now, price.lead) if series is not None else None


def with_price(
    zone: ZoneSettings, said: PriceLevel | None, now: datetime
) -> ZoneSettings:
    """Return a zone's settings with the part of its band that the price asks for.

    `said` is what a series asked for when it was last looked at. Nothing of a band that is
    kept for an opening, or too narrow to have two ends.
    """
    price, overlay = zone.price, zone.overlay
    if price is None or overlay is None or overlay.paused_since is not None:
        return zone
    level = level_in_force(zone, said, now)
    if level is None:
        return zone
    until = level.until
    if overlay.until is not None:
        until = min(until, overlay.until)
    overlay = replace(overlay, until=until)
    if not (level.stores or level.coasts):
        return replace(zone, overlay=overlay)
    code = ReasonCode.PRICE_STORES if level.stores else ReasonCode.PRICE_COASTS
    detail = {
        "price": round(level.price, 4),
        "dear": round(level.dear, 4),
        "until": level.until.isoformat(),
    }
    overlay = replace(
        overlay,
        reasons=(*overlay.reasons, Reason(code, detail)),
        asked=(zone.winter, zone.summer),
    )
    # Where a unit is switched it starts that far outside of the band, and the nearer the
    # room is kept to that end the longer it would be out of it.
    switched = not (zone.modulates or zone.proportions)
    margin = zone.hysteresis_celsius if switched and level.coasts else 0.0
    return replace(
        zone,
        winter=_part(zone.winter, price.share, warm=level.stores, margin=margin),
        summer=_part(zone.summer, price.share, warm=level.coasts, margin=margin),
        overlay=overlay,
    )


def _part(
    profile: Profile | None, share: float, *, warm: bool, margin: float
) -> Profile | None:
    """Return a profile without a share of its band at the other end.

    `margin` is how far the end that is kept is moved inward, in kelvin.
    """
    if profile is None:
        return None
    low, high = profile.min_temp, profile.max_temp
    less = share * (high - low)
    low, high = (low, high - margin) if warm else (low + margin, high)
    less = min(less, high - low - NARROWEST_KELVIN)
    if less <= 0.0:
        return profile
    return (
        profile.within(low + less, high) if warm else profile.within(low, high - less)
    )
