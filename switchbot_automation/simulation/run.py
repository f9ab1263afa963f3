"""Days of a simulated home under the real engine, as fast as the machine allows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation.account.account import SceneStep, VirtualScene
from switchbot_automation.simulation.clock import SimulatedClock
from switchbot_automation.simulation.comfort import (
    Comfort,
    measure_comfort,
    most_starts_in_an_hour,
    window_spans,
)
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import (
    AIRCON_ID,
    METER_ID,
    Room,
    RoomSpec,
    SimulatedHome,
    UnitSpec,
)
from switchbot_automation.simulation.house.house import (
    RECORD_SECONDS,
    House,
    HouseMaker,
    HouseParameters,
)
from switchbot_automation.simulation.report import SimulationReport, SimulationSeries
from switchbot_automation.simulation.scenarios import (
    HOUSES,
    SEASON_STARTS,
    default_settings,
    new_settings,
)
from switchbot_store import MemoryStore, StoreInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from switchbot_automation.clock import Clock
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_automation.simulation.house.weather import Climate
    from switchbot_store import AsyncStore

__all__ = ["SimulationReport", "default_settings", "simulate"]

_SETTINGS_KEY = "settings"
_LEAST_STEP_SECONDS = 1.0
# Nothing here ever waits; the loop wants a turn now and then to forget ended timers.
_TICKS_A_TURN = 1000


async def simulate(
    settings: Mapping[str, Any] | None = None,
    *,
    days: float = 7,
    season: str = "winter",
    seed: int = 0,
    house: HouseParameters | str | None = None,
    climate: Climate | None = None,
    store: StoreInterface | AsyncStore | None = None,
    history: Any = None,
    on_progress: Callable[[float], None] | None = None,
) -> SimulationReport:
    """Let the engine look after a simulated home for `days` from a Monday of `season`.

    `settings` (default `new_settings(season)`) is what the engine is given; the
    home gets its meters, remotes and scenes under the ids found there. `house` is
    parameters or a name in `scenarios.HOUSES`, the same for every zone; `climate` is the
    weather's, by default that of Lyon. `store` must
    not hold settings yet. Sensors and actuators of plug-ins are played by simulated devices
    of their kind, none is made. `history` goes to the engine. `on_progress` is called with
    the share done, 0 to 1. No webhook is ever sent.

    Raises SettingsError for settings that cannot be used, a store that already holds
    some, a season without temperatures, or an unknown house or season.
    """
    began = perf_counter()
    if season not in SEASON_STARTS:
        raise SettingsError(
            f"no season {season!r}; there are {', '.join(SEASON_STARTS)}"
        )
    document = dict(new_settings(season) if settings is None else settings)
    parsed = parse_settings(document)
    store = MemoryStore() if store is None else store
    await _put_settings(store, document)

    tz = parsed.default.timezone
    start = datetime.combine(SEASON_STARTS[season], time(), tz).astimezone(UTC)
    clock = SimulatedClock(start)
    home = build_home(clock, parsed, house=_house(house), seed=seed, climate=climate)
    # A made-up week lights nobody's stove.
    home.plays_parts = True
    engine = AutomationEngine(home, store, history=history, clock=clock)
    ticks = await _drive(engine, clock, start + timedelta(days=days), on_progress)
    home.advance()
    return _report(
        home, parsed, days=days, season=season, seed=seed, ticks=ticks, began=began
    )


def build_home(
    clock: Clock,
    settings: Settings,
    *,
    house: HouseParameters,
    seed: int,
    climate: Climate | None = None,
    make_house: HouseMaker = House,
) -> SimulatedHome:
    """Return a home with a room for each zone of `settings`, under their ids.

    `make_house` is as of `SimulatedHome`. Scenes of the settings do what a person would have put into them: the season's
    setpoint, mode and fan.
    """
    units = _unit_ids(settings)
    rooms = [
        RoomSpec(
            name=zone.name,
            meter_id=zone.meter_device_id or METER_ID,
            aircon_id=units[zone.name],
            house=house,
            half_degrees=zone.half_degrees,
            equipment=zone.kind.word,
            plug_type="Relay Switch 2PM" if zone.unit_channel else "Plug Mini (EU)",
            channel=zone.unit_channel,
            meter_type="MeterPro(CO2)" if zone.air else "Meter",
            further=tuple(
                _unit_spec(settings.zones[name])
                for name in settings.units.get(zone.name, ())
            ),
        )
        for zone in settings.zones.values()
        if not zone.lead
    ]
    scenes = [
        _scene(zone, units.get(zone.name, zone.aircon_device_id), action, scene_id)
        for zone in settings.zones.values()
        for action, scene_id in zone.scenes.items()
        if scene_id
    ]
    return SimulatedHome(
        clock,
        rooms=rooms,
        scenes=scenes,
        seed=seed,
        record=True,
        climate=climate,
        make_house=make_house,
    )


def _unit_ids(settings: Settings) -> dict[str, str]:
    """Return the id of each room's unit; who names none has one that no other room has."""
    rooms = [zone for zone in settings.zones.values() if not zone.lead]
    named = {zone.aircon_device_id for zone in settings.zones.values()}
    # From the examples' own on, which ends in 13.
    numbered = (f"{AIRCON_ID[:-2]}{number}" for number in count(int(AIRCON_ID[-2:])))
    spare = (each for each in numbered if each not in named)
    return {zone.name: zone.aircon_device_id or next(spare) for zone in rooms}


def _unit_spec(zone: ZoneSettings) -> UnitSpec:
    two = zone.kind.word == "heater" and zone.unit_channel
    return UnitSpec(
        zone.kind.word,
        zone.aircon_device_id,
        product="Relay Switch 2PM" if two else "",
        channel=zone.unit_channel if two else 0,
    )


def _scene(
    zone: ZoneSettings, aircon: str, action: Action, scene_id: str
) -> VirtualScene:
    profile = zone.winter if action is Action.WINTER else zone.summer
    if action is Action.OFF:
        step = SceneStep(aircon, "turnOff")
    elif action is Action.FAN or profile is None:
        step = SceneStep(aircon, "setAll", "22,4,3,on")
    else:
        setpoint = round(profile.target_temp)
        parameter = f"{setpoint},{profile.ac_mode},{profile.fan_speed},on"
        step = SceneStep(aircon, "setAll", parameter)
    return VirtualScene(scene_id, f"{zone.name} {action}", (step,))


def _house(house: HouseParameters | str | None) -> HouseParameters:
    if isinstance(house, HouseParameters):
        return house
    try:
        return HOUSES[house or "default"]
    except KeyError as error:
        names = ", ".join(HOUSES)
        raise SettingsError(f"no house {house!r}; there are {names}") from error


async def _put_settings(
    store: StoreInterface | AsyncStore, document: dict[str, Any]
) -> None:
    """Write the settings into a store that has none: a simulation is no visitor."""
    if isinstance(store, StoreInterface):
        entry = await asyncio.to_thread(store.get_entry, _SETTINGS_KEY)
    else:
        entry = await store.get_entry(_SETTINGS_KEY)
    if entry.revision:
        raise SettingsError(
            "the store already holds settings; a simulation needs one of its own"
        )
    if isinstance(store, StoreInterface):
        await asyncio.to_thread(store.set, _SETTINGS_KEY, document)
    else:
        await store.set(_SETTINGS_KEY, document)


async def _drive(
    engine: AutomationEngine,
    clock: SimulatedClock,
    end: datetime,
    on_progress: Callable[[float], None] | None,
) -> int:
    """Tick the engine at the instants it asks for until `end`; return the ticks."""
    start, ticks, told = clock.now(), 0, -1
    total = (end - start).total_seconds()
    async with engine:
        while clock.now() < end:
            await engine.run_once(trigger="simulation")
            ticks += 1
            if ticks % _TICKS_A_TURN == 0:
                await asyncio.sleep(0)
            wait = (engine.next_wakeup - clock.now()).total_seconds()
            left = (end - clock.now()).total_seconds()
            clock.advance(min(left, max(_LEAST_STEP_SECONDS, wait)))
            percent = int(100 * (1 - (end - clock.now()).total_seconds() / total))
            if on_progress is not None and percent > told:
                told = percent
                on_progress(percent / 100)
    return ticks


def _report(
    home: SimulatedHome,
    settings: Settings,
    *,
    days: float,
    season: str,
    seed: int,
    ticks: int,
    began: float,
) -> SimulationReport:
    comfort = Comfort()
    series: SimulationSeries | None = None
    for name, zone in settings.zones.items():
        if zone.lead:
            continue
        measured, of_zone = _judge(home, home.rooms[name], zone, season)
        comfort += measured
        if series is None or name == settings.default.name:
            series = of_zone
    if series is None:
        raise SettingsError("no zone", path="zones")
    units = {
        device_id: unit
        for room in home.rooms.values()
        for device_id, unit in ((room.spec.aircon_id, room.unit), *room.units.items())
    }
    calls = home.account.calls
    return SimulationReport(
        days=days,
        season=season,
        seed=seed,
        ticks=ticks,
        api_calls_per_day=calls.total() / days,
        commands_per_day=(calls[Call.COMMAND] + calls[Call.RUN_SCENE]) / days,
        starts_per_day=sum(len(unit.starts) for unit in units.values()) / days,
        max_starts_in_an_hour=max(
            most_starts_in_an_hour(unit.starts) for unit in units.values()
        ),
        percent_out_of_band=comfort.percent_out_of_band,
        degree_minutes_per_day=comfort.degree_minutes / days,
        kwh_per_day=sum(unit.energy for unit in units.values()) / 3.6e6 / days,
        wall_seconds=perf_counter() - began,
        series=series,
    )


def _judge(
    home: SimulatedHome, room: Room, zone: ZoneSettings, season: str
) -> tuple[Comfort, SimulationSeries]:
    mode = zone.mode if zone.mode in SEASON_STARTS else season
    profile = zone.winter if mode == "winter" else zone.summer
    if profile is None:
        raise SettingsError("has no temperatures to judge the room by", path=mode)
    recording = room.house.recording
    if recording is None:
        raise RuntimeError("the home was not asked to record")
    minutes = len(recording.room)
    step = timedelta(seconds=RECORD_SECONDS)
    times = [home.start + index * step for index in range(minutes)]
    spans = window_spans(zone.time_windows, zone.timezone, times[0], times[-1] + step)
    in_window = [False] * minutes
    for begin, end in spans:
        first = -((home.start - begin) // step)
        last = -((home.start - end) // step)
        in_window[first:last] = [True] * (last - first)
    band = (profile.min_temp, profile.max_temp)
    comfort = measure_comfort(
        recording.room,
        recording.conditioning,
        in_window,
        band,
        heating=mode == "winter",
    )
    return comfort, SimulationSeries(
        times=times,
        room=recording.room,
        meter=recording.meter,
        outdoor=recording.outdoor,
        conditioning=[bool(on) for on in recording.conditioning],
        in_window=in_window,
        band_low=band[0],
        band_high=band[1],
        windows=spans,
        timezone=zone.timezone,
    )
