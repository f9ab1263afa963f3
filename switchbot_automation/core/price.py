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
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from switchbot_automation.core.control.band import as_asked
from switchbot_automation.core.state.zone import PriceLevel
from switchbot_automation.core.storing import COMMON, Keeps, Moves, best_moves, keeps
from switchbot_automation.model import Reason, ReasonCode
from switchbot_automation.schedule.windows import in_window, next_boundary
from switchbot_automation.series import Series
from switchbot_automation.settings.model import NARROWEST_KELVIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from switchbot_automation.core.state.zone import ZoneState
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
# How much lower than usual a room is kept in dear hours: by a heater's share, of its band; by a
# setpoint that is steered, of what it is brought up. As was seen in simulated rooms.
_HEATERS_DOWN, _UNITS_DOWN = 0.2, 0.1
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


class Store(NamedTuple):
    """What heat is stored in: how the room keeps it, and how far it is moved for a price.

    In kelvin, up while it stores (`up`), down from what is usual while it coasts (`down`).
    """

    kept: Keeps = COMMON
    up: float = 1.0
    down: float = 0.0
    inverter: bool = True


def store_of(zone: ZoneSettings, state: ZoneState) -> Store:
    """Return what is known of a zone's room as a store of heat, or of cold."""
    heating = zone.mode != "summer"
    price, learned = zone.price, state.learned
    zone = as_asked(zone)
    profile = zone.winter if heating else zone.summer
    up = width = 0.0
    if price is not None and profile is not None:
        width = profile.max_temp - profile.min_temp
        up = max(0.0, min(price.share * width, width - NARROWEST_KELVIN))
    room = None if learned is None else learned.warm_up.room(heating=heating)
    kept = COMMON if room is None else keeps(room)
    if zone.proportions:
        return Store(kept, up, _HEATERS_DOWN * width, inverter=False)
    # What is set in steps is half a step warmer than is needed as it is, as a rule.
    step = 0.5 if zone.half_degrees else 1.0
    up = max(0.0, up - step / 2.0)
    return Store(kept, up, _UNITS_DOWN * up)


def level_of(
    series: Series, now: datetime, lead: timedelta, store: Store | None = None
) -> PriceLevel | None:
    """Return what prices ask for at an aware instant, None where none is known then.

    `lead` is how long before dear hours heat is stored, `store` what it is stored in, None
    where it is stored whether it pays or not.
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
        if not _moves(store, spans, lead, inside[:2]).coasts:
            return replace(whole_band, until=inside[1])
        return PriceLevel(False, True, price, inside[2], inside[1])  # noqa: FBT003 - a NamedTuple's fields
    ahead = next((each for each in blocks if each[0] > now), None)
    if ahead is None:
        return whole_band
    begins, ends, dear = ahead
    worth = dear - price > _WORTH * abs(mean)
    if (
        begins - now <= lead
        and worth
        and _moves(store, spans, lead, (begins, ends)).stores
    ):
        return PriceLevel(True, False, price, dear, min(begins, here[1]))  # noqa: FBT003
    until = begins - lead if begins - lead > now else here[1]
    return PriceLevel(False, False, price, dear, until)  # noqa: FBT003


def _moves(
    store: Store | None,
    spans: tuple[_Span, ...],
    lead: timedelta,
    dear: tuple[datetime, datetime],
) -> Moves:
    """Return what pays for dear hours, where it is stored for the whole of the lead."""
    if store is None:
        return Moves(stores=True, coasts=True)
    first = spans[0][0]

    def hours(at: datetime) -> float:
        return (at - first) / _HOUR

    return best_moves(
        store.kept,
        tuple((hours(begin), hours(end), price) for begin, end, price in spans),
        (store.up, store.down),
        stores_at=hours(dear[0] - lead),
        dear=(hours(dear[0]), hours(dear[1])),
        inverter=store.inverter,
    )


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
    price: PriceSettings,
    series: Series | None,
    now: datetime,
    store: Store | None = None,
) -> PriceLevel | None:
    """Return what a series that somebody said asks for, None while it is not believed.

    Not one that is older than it may be, nor one that says it was made later than now.
    """
    if series is None:
        return None
    ends = series.issued_at + timedelta(seconds=price.max_age_seconds)
    if not series.issued_at - _HOUR <= now < ends:
        return None
    level = level_of(series, now, price.lead, store)
    if level is None:
        return None
    return replace(level, until=min(level.until, ends))


def level_in_force(
    zone: ZoneSettings,
    said: PriceLevel | None,
    now: datetime,
    store: Store | None = None,
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
    return level_of(series, now, price.lead, store) if series is not None else None


def with_price(
    zone: ZoneSettings,
    said: PriceLevel | None,
    now: datetime,
    store: Store | None = None,
) -> ZoneSettings:
    """Return a zone's settings with the part of its band that the price asks for.

    `said` is what a series asked for when it was last looked at. Nothing of a band that is
    kept for an opening, or too narrow to have two ends.
    """
    price, overlay = zone.price, zone.overlay
    if price is None or overlay is None or overlay.paused_since is not None:
        return zone
    level = level_in_force(zone, said, now, store)
    if level is None:
        return zone
    until = level.until
    if overlay.until is not None:
        until = min(until, overlay.until)
    overlay = replace(overlay, until=until)
    if not (level.stores or level.coasts):
        return zone.with_laid(overlay=overlay)
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
    return zone.with_laid(
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
