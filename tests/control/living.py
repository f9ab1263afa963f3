"""Let the real engine live in the room of a case, and judge it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import Fault, SimulatedClock
from switchbot_automation.simulation.account.products import make_device
from switchbot_automation.simulation.comfort import measure_comfort, window_spans
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.house.chance import seeded
from switchbot_automation.simulation.house.house import RECORD_SECONDS
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import SEASON_STARTS
from switchbot_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_automation.simulation import SimulatedHome
    from switchbot_automation.simulation.home import Room
    from tests.control.cases import Case

CONTACT, MOTION = "E1CONTACT001", "E2MOTION0001"
_SENSORS = {
    "openings": {"sensors": [CONTACT], "poll_interval_seconds": 60},
    "presence": {"sensors": [MOTION], "preset": "eco", "poll_interval_seconds": 60},
}
_NIGHT = "night"
_ECO = {"eco": {"winter": {"min_temp": 18.0, "max_temp": 20.0, "target_temp": 20.0}}}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a room came to, of the days that count; of several rooms see `worst_of`."""

    percent_out: float
    degree_minutes: float
    starts: float
    commands: float
    calls: float
    kwh: float
    cold: float = 0.0
    hot: float = 0.0
    """Per cent of the windows too cold and too hot."""


def room_settings(case: Case, **control: Any) -> tuple[dict[str, Any], Settings]:
    """Return the document of a case, and what it says."""
    document = case.document(**control)
    if case.sensors:
        document |= {"presets": _ECO}
    if case.night is not None:
        presets = document.get("presets", {})
        document["presets"] = presets | {_NIGHT: {case.season: case.night}}
        document["time_windows"] = [*document["time_windows"], *_nights(document)]
    if case.rooms > 1:
        document["zones"] = {
            f"room {number}": {
                "meter_device_id": f"C{number}71111EC0AB",
                "aircon_device_id": f"02-20200811003{number}-13",
                **(_SENSORS if case.sensors and number == 0 else {}),
            }
            for number in range(case.rooms)
        }
    return document, parse_settings(document)


def _nights(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"days": each["days"], "start": each["end"], "end": "23:59", "preset": _NIGHT}
        for each in document["time_windows"]
    ] + [
        {"days": each["days"], "start": "00:00", "end": each["start"], "preset": _NIGHT}
        for each in document["time_windows"]
    ]


@contextmanager
def built(
    case: Case, settings: Settings, seed: int
) -> Iterator[tuple[SimulatedClock, SimulatedHome]]:
    """Give the clock and the home of a case, at the midnight it begins at."""
    begins = SEASON_STARTS[case.season]
    midnight = datetime.combine(begins, time(), settings.default.timezone)
    clock = SimulatedClock(midnight.astimezone(UTC))
    with case.houses(begins) as make_house:
        yield (
            clock,
            build_home(
                clock,
                settings,
                house=case.house,
                seed=seed,
                climate=case.climate,
                make_house=make_house,
            ),
        )


async def live(case: Case, *, seed: int = 0, **control: Any) -> Figures:
    """Let the engine look after it, told `control`."""
    document, settings = room_settings(case, **control)
    with built(case, settings, seed) as (clock, home):
        return await _lived_in(
            case, document, settings, clock, home, seeded(seed, "unheard")
        )


@contextmanager
def _unheard(home: SimulatedHome, case: Case, chance: Random) -> Iterator[None]:
    """Let what is told meanwhile be answered and reach nobody, now and then."""
    if chance.random() >= case.unheard:
        yield
        return
    with home.faults.inject(Fault.LOST, calls=[Call.COMMAND]):
        yield


async def _lived_in(
    case: Case,
    document: dict[str, Any],
    settings: Settings,
    clock: SimulatedClock,
    home: SimulatedHome,
    chance: Random,
) -> Figures:
    if case.sensors:
        for kind, device_id, shows in (
            ("Contact Sensor", CONTACT, {"openState": "close"}),
            ("Motion Sensor", MOTION, {"moveDetected": True}),
        ):
            device = make_device(kind, device_id)
            device.state.update(shows)
            home.account.add(device)
    if case.lost:
        home.faults.inject(Fault.ANSWER_LOST, calls=[Call.COMMAND])
    store = MemoryStore(now=clock.now)
    store.set("settings", document)
    engine = AutomationEngine(home, store, clock=clock)
    end = home.start + timedelta(days=case.days)
    counted, calls, commands = home.start + timedelta(days=case.judged_from), 0, 0
    async with engine:
        while clock.now() < end:
            if clock.now() <= counted:
                calls = home.account.calls.total()
                commands = home.account.calls[Call.COMMAND]
            with _unheard(home, case, chance):
                await engine.run_once()
            wanted = (engine.next_wakeup - clock.now()).total_seconds()
            left = (end - clock.now()).total_seconds()
            clock.advance(min(left, case.every or max(1.0, wanted)))
    home.advance()
    found = [
        judged(case, settings.zones[name], room, home)
        for name, room in home.rooms.items()
        if name in settings.zones
    ]
    days = case.days - case.judged_from
    return worst_of(
        found,
        commands=(home.account.calls[Call.COMMAND] - commands) / days / case.rooms,
        calls=(home.account.calls.total() - calls) / days / case.rooms,
    )


def worst_of(found: list[Figures], **counted: float) -> Figures:
    """Return the room that was out the most, with the most starts and the mean energy."""
    worst = max(found, key=lambda each: each.percent_out)
    return replace(
        worst,
        starts=max(each.starts for each in found),
        kwh=fmean(each.kwh for each in found),
        **counted,
    )


def judged(case: Case, zone: ZoneSettings, room: Room, home: SimulatedHome) -> Figures:
    """Return what one room came to; commands and calls are the account's."""
    recording = room.house.recording
    profile = zone.summer if case.season == "summer" else zone.winter
    if recording is None or profile is None:
        raise ValueError(f"{zone.name} was not recorded, or has no band")
    step = timedelta(seconds=RECORD_SECONDS)
    first = int(timedelta(days=case.judged_from) / step)
    times = [home.start + step * each for each in range(len(recording.room))][first:]
    windows = [each for each in zone.time_windows if each.preset != _NIGHT]
    spans = window_spans(windows, zone.timezone, times[0], times[-1] + step)
    inside = [any(begin <= at < end for begin, end in spans) for at in times]
    air, on = recording.room[first:], recording.conditioning[first:]

    def of(low: float, high: float) -> Any:
        return measure_comfort(
            air, on, inside, (low, high), heating=case.season == "winter"
        )

    both = of(profile.min_temp, profile.max_temp)
    days = case.days - case.judged_from
    begun = case.judged_from * 86400.0
    starts = sum(each >= begun for each in room.unit.starts)
    return Figures(
        percent_out=both.percent_out_of_band,
        degree_minutes=both.degree_minutes / days,
        starts=starts / days,
        commands=0.0,
        calls=0.0,
        kwh=room.unit.energy / 3.6e6 / case.days,
        cold=of(profile.min_temp, 99.0).percent_out_of_band,
        hot=of(-99.0, profile.max_temp).percent_out_of_band,
    )
