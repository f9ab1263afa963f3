"""What nearly stopped a decision: how far it was from each limit that it met. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.explain.words import duration
from switchbot_automation.languages import later
from switchbot_automation.languages import translated as _
from switchbot_automation.schedule.windows import foreseen_boundary, in_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from switchbot_automation.explain.trace import Trace
    from switchbot_automation.model import Reason


@dataclass(frozen=True, slots=True)
class Margin:
    """One limit: what was there, what was needed, and what was between them.

    `margin` is in `unit`, s or K; negative where the limit is what stood in the way.
    """

    check: str
    have: float
    need: float
    margin: float
    unit: str
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "check": self.check,
            "have": self.have,
            "need": self.need,
            "margin": self.margin,
            "unit": self.unit,
            "text": self.text,
        }


def margins_of(trace: Trace) -> tuple[Margin, ...]:
    """Return every margin that applies, in the order of the stages."""
    return tuple(margin for check in _CHECKS for margin in check(trace))


def _thresholds(trace: Trace) -> Iterator[Margin]:
    for reason in trace.decision.reasons:
        temperature = reason.detail.get("temperature_celsius")
        for limit in _limits(reason):
            if temperature is None:
                continue
            margin = round(abs(temperature - limit), 3)
            yield Margin(
                "threshold",
                temperature,
                limit,
                margin,
                "K",
                _(
                    "{temperature_celsius:g} °C is {margin_kelvin:g} K from the threshold "
                    "{limit_celsius:g} °C",
                    temperature_celsius=temperature,
                    margin_kelvin=margin,
                    limit_celsius=limit,
                ),
            )


def _limits(reason: Reason) -> Iterable[float]:
    return [
        value
        for key in ("limit_celsius", "low_celsius", "high_celsius")
        if isinstance(value := reason.detail.get(key), int | float)
    ]


def _equipment(trace: Trace) -> Iterator[Margin]:
    zone, state = trace.zone_settings, trace.seen.state
    if state.compressor_running:
        check, since, need = "min_on", state.compressor_started_at, zone.min_on_seconds
        message = later("the compressor has run {have} of {need} at least")
    else:
        check, since = "min_off", state.compressor_stopped_at
        need = zone.min_off_seconds
        message = later("the compressor has rested {have} of {need} at least")
    need = need if need > 0 else zone.command_cooldown_seconds
    if since is None or need <= 0:
        return
    have = (trace.at - since).total_seconds()
    text = _(message, have=duration(have), need=duration(need))
    yield Margin(check, round(have, 1), need, round(have - need, 1), "s", text)


def _window(trace: Trace) -> Iterator[Margin]:
    zone = trace.zone_settings
    boundary = foreseen_boundary(zone.time_windows, trace.at, zone.timezone)
    if boundary is None:
        return
    left = round((boundary - trace.at).total_seconds(), 1)
    inside = in_window(zone.time_windows, trace.at, zone.timezone) is not None
    text = (
        _("the window closes in {length}", length=duration(left))
        if inside
        else _("the window opens in {length}", length=duration(left))
    )
    yield Margin("window", left, 0.0, left, "s", text)


def _age(trace: Trace) -> Iterator[Margin]:
    reading = trace.seen.reading
    if reading.received_at is None or reading.temperature is None:
        return
    age = round((trace.at - reading.received_at).total_seconds(), 1)
    text = _("the reading was {length} old", length=duration(age))
    yield Margin("reading_age", age, 0.0, age, "s", text)


_CHECKS: tuple[Callable[[Trace], Iterator[Margin]], ...] = (
    _age,
    _thresholds,
    _window,
    _equipment,
)
