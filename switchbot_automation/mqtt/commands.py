"""What other hubs ask of a zone, as calls of the engine: the same that a person makes.

Temperatures and presets are wishes (`engine.set_temperature`, `engine.set_preset_mode`),
which end by themselves; a mode of another season alone is a change of the settings.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.engine.act.boosts import moved
from switchbot_automation.languages import worded
from switchbot_automation.model import COLDEST, WARMEST
from switchbot_automation.mqtt.discovery import SEASONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from switchbot_automation.engine.act.boosts import Boosts
    from switchbot_automation.engine.engine import AutomationEngine

BOOST_KELVIN: Final = 2.0
BOOST_FOR: Final = timedelta(hours=1)

_MOST_CHARACTERS: Final = 100
_PRESSED: Final = "PRESS"
_BOOST: Final = "boost"
_WORDS: Final = frozenset(
    {"until_next_change", "until_end_of_day", "permanent", "none"}
)


async def carry_out(
    engine: AutomationEngine, boosts: Boosts, zone: str, what: str, payload: bytes
) -> None:
    """Do what came in for a zone below ``set/<what>``; `boosts` is kept between commands.

    Raises ValueError for what is none of it, and whatever the engine raises.
    """
    if what == _BOOST:
        await _boost(engine, boosts, zone, text_of(payload))
        return
    do = _COMMANDS.get(what)
    if do is None:
        raise ValueError(
            worded(
                "no command {what!r}; there are {commands}",
                what=what,
                commands=", ".join(COMMANDS),
            )
        )
    await do(engine, zone, text_of(payload))


def text_of(payload: bytes) -> str:
    """Return a command's text. Raises ValueError for what is none, or too long."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise ValueError(worded("a command is text")) from error
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(
            worded(
                "a command has at most {most_characters} characters",
                most_characters=_MOST_CHARACTERS,
            )
        )
    return text.strip()


async def set_band(
    engine: AutomationEngine, zone: str, low: float | None, high: float | None
) -> None:
    """Let a zone keep a band for a time; a side that is None stays where it is."""
    wanted = _wanted(engine, zone)
    await engine.set_temperature(
        zone,
        wanted["low"] if low is None else low,
        wanted["high"] if high is None else high,
    )


async def _mode(engine: AutomationEngine, zone: str, text: str) -> None:
    if text == "off":
        await engine.act(zone, "quick_off")
        return
    season = SEASONS.get(text)
    if season is None:
        raise ValueError(
            worded(
                "no mode {text!r}; there are off, {seasons}",
                text=text,
                seasons=", ".join(SEASONS),
            )
        )
    if season != engine.zone_overview(zone)["mode"]:
        await _change_season(engine, zone, season)
    await engine.resume(zone)


async def _change_season(engine: AutomationEngine, zone: str, season: str) -> None:
    stored = await engine.stored_settings()
    document = dict(stored.data)
    zones = document.get("zones")
    if isinstance(zones, dict) and isinstance(zones.get(zone), dict):
        document["zones"] = {**zones, zone: {**zones[zone], "mode": season}}
    else:
        document["mode"] = season
    await engine.apply_settings(document, revision=stored.revision)


async def _temperature(engine: AutomationEngine, zone: str, text: str) -> None:
    """Move the band, as wide as it is, around another middle."""
    wanted, middle = _wanted(engine, zone), number(text)
    if not COLDEST <= middle <= WARMEST:
        # A slip, or another scale: as far as a band goes is not what was meant.
        ends = worded(
            "{low} to {high} {symbol}",
            low=format(COLDEST, "g"),
            high=format(WARMEST, "g"),
            symbol="°C",
        )
        raise ValueError(worded("expected {ends}, got {value}", ends=ends, value=text))
    band = wanted["low"], wanted["high"]
    await engine.set_temperature(zone, *moved(band, middle - sum(band) / 2))


async def _boost(
    engine: AutomationEngine, boosts: Boosts, zone: str, text: str
) -> None:
    """Want more of what the zone is doing for a while: warmer in winter, else cooler."""
    until = BOOST_FOR if text in {"", _PRESSED} else _minutes(text)
    band = boosts.band(engine.zone_overview(zone), BOOST_KELVIN)
    await engine.set_temperature(zone, *band, until)


async def _low(engine: AutomationEngine, zone: str, text: str) -> None:
    await set_band(engine, zone, number(text), None)


async def _high(engine: AutomationEngine, zone: str, text: str) -> None:
    await set_band(engine, zone, None, number(text))


async def _preset(engine: AutomationEngine, zone: str, text: str) -> None:
    if text in {"", "none"}:
        await engine.hold(zone, "none")
    else:
        await engine.set_preset_mode(zone, text)


async def _hold(engine: AutomationEngine, zone: str, text: str) -> None:
    """Hold for so many minutes, or one of `engine.hold`'s words."""
    if text in _WORDS:
        await engine.hold(zone, text)
    else:
        await engine.hold(zone, _minutes(text))


async def _quiet_fan(engine: AutomationEngine, zone: str, text: str) -> None:
    """Run the fan low for so many minutes, or until one of `engine.hold`'s words."""
    await engine.quiet_fan(zone, text if text in _WORDS else _minutes(text))


async def _skip(engine: AutomationEngine, zone: str, _text: str) -> None:
    await engine.skip_next_window(zone)


async def _resume(engine: AutomationEngine, zone: str, _text: str) -> None:
    await engine.resume(zone)


async def _refresh(engine: AutomationEngine, _zone: str, _text: str) -> None:
    await engine.run_once("refresh")


_COMMANDS: Final[dict[str, Callable[[AutomationEngine, str, str], Awaitable[Any]]]] = {
    "mode": _mode,
    "temperature": _temperature,
    "low": _low,
    "high": _high,
    "preset": _preset,
    "hold": _hold,
    "skip_next_window": _skip,
    "quiet_fan": _quiet_fan,
    "resume": _resume,
    "refresh": _refresh,
}

COMMANDS: Final = (*_COMMANDS, _BOOST)
"""Every command there is."""


def number(text: str) -> float:
    """Read a number. Raises ValueError for what is none, and for none that is finite."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(worded("expected a number, not {text!r}", text=text[:20]))
    return found


def _minutes(text: str) -> float:
    """Return so many minutes as seconds, which the engine judges: a duration has an end."""
    return number(text) * 60.0


def _wanted(engine: AutomationEngine, zone: str) -> dict[str, float]:
    wanted: dict[str, float] | None = engine.zone_overview(zone)["wanted"]
    if wanted is None:
        raise ValueError(
            worded("zone {zone} has no temperatures to keep in its settings", zone=zone)
        )
    return wanted
