"""An engine that lives in such a home for days, and what is written down meanwhile."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore
from tests.adversaries.adversaries import Episode, strikes
from tests.adversaries.home import BUTTONS, HEATER_ID, Home, Room, RoomPlan, Undo

PARIS = ZoneInfo("Europe/Paris")
STARTS = {
    "winter": datetime(2026, 1, 12, tzinfo=PARIS),
    "summer": datetime(2026, 7, 6, tzinfo=PARIS),
}
SAMPLE_MINUTES = 10
EVERY_DAY = [0, 1, 2, 3, 4, 5, 6]
SETBACK = 2.0
"""By how much night and absence move the band, in kelvin."""

WINDOWS = {
    "always": [
        {"days": EVERY_DAY, "start": "00:00", "end": "12:00"},
        {"days": EVERY_DAY, "start": "12:00", "end": "00:00"},
    ],
    "night preset": [
        {"days": EVERY_DAY, "start": "06:30", "end": "23:00"},
        {"days": EVERY_DAY, "start": "23:00", "end": "06:30", "preset": "night"},
    ],
    "day only": [{"days": EVERY_DAY, "start": "06:30", "end": "23:00"}],
}


@dataclass(frozen=True)
class Household:
    """What is drawn of a home beside its adversaries."""

    rooms: tuple[RoomPlan, ...] = (RoomPlan(),)
    season: str = "winter"
    windows: str = "always"
    control: str | None = None
    predictive: bool = False
    fusion: str = "median"
    group: bool = False
    heater_rule: bool = True
    daily_limit: int = 10_000
    outdoors: float = 14.0
    seed: int = 0
    more: tuple[tuple[str, Any], ...] = ()

    def settings(self, home: Home) -> dict[str, Any]:
        """Return the document of this household, whose first zone is the first room's."""
        document: dict[str, Any] = {
            "automation_enabled": True,
            "mode": self.season,
            "timezone": "Europe/Paris",
            "poll_interval_seconds": 120,
            "predictive_polling": self.predictive,
            "hysteresis_celsius": 0.3,
            "min_on_seconds": 300,
            "min_off_seconds": 300,
            "turn_off_outside_windows": True,
            "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
            "summer": {
                "min_temp": 23.0,
                "max_temp": 26.0,
                "target_temp": 24.0,
                "ac_mode": 2,
            },
            "time_windows": WINDOWS[self.windows],
            "presets": {
                "night": {"setback_kelvin": SETBACK},
                "away": {"setback_kelvin": SETBACK},
            },
            "sensor_fusion": self.fusion,
            "zones": {room.plan.name: self._zone(room) for room in home.rooms},
            **dict(self.more),
        }
        if self.control is not None:
            document["control"] = self.control
        if self.group and len(home.rooms) > 1:
            names = [room.plan.name for room in home.rooms]
            document["groups"] = {"outdoor": {"zones": names}}
        if self.heater_rule:
            document["rules"] = [self._frost_rule(home.rooms[0])]
        return document

    def _zone(self, room: Room) -> dict[str, Any]:
        plan = room.plan
        zone: dict[str, Any] = {
            "aircon_device_id": room.unit_id,
            "half_degrees": plan.half_degrees,
        }
        if plan.meters == 1:
            zone["meter_device_id"] = room.meters[0]
        else:
            zone["sensors"] = [{"device_id": each} for each in room.meters]
        if plan.plug:
            zone["power_meter_device_id"] = room.plug_id
        if plan.contact:
            zone["openings"] = {"sensors": [room.contact_id]}
        if plan.presence:
            zone["presence"] = {"sensors": [room.presence_id], "preset": "away"}
        if plan.buttons:
            heat, cool, blow, stop = BUTTONS
            zone["buttons"] = {"winter": heat, "summer": cool, "fan": blow, "off": stop}
        return zone

    def _frost_rule(self, room: Room) -> dict[str, Any]:
        return {
            "id": "frost",
            "triggers": {
                "trigger": "numeric_state",
                "device": room.meters[0],
                "attribute": "temperature",
                "below": 5,
            },
            "actions": {"action": "command", "device": HEATER_ID, "command": "turnOn"},
        }


@dataclass(frozen=True)
class Sample:
    """Health at one minute of the home's life."""

    minute: int
    health: dict[str, Any]


@dataclass
class Chronicle:
    """What happened: the home, the script, and health every ten minutes."""

    household: Household
    home: Home
    script: list[Episode]
    minutes: int
    samples: list[Sample] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)
    notices: list[Any] = field(default_factory=list)


class _Tracebacks(logging.Handler):
    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._kept.append(self.format(record))


class Life:
    """An engine on a home; `script` is what comes between them.

    `each_wakeup` is called before the engine looks, with the minutes lived so far.
    """

    def __init__(
        self,
        household: Household,
        script: Sequence[Episode] = (),
        *,
        settings: dict[str, Any] | None = None,
        each_wakeup: Callable[[float], None] | None = None,
    ) -> None:
        self.clock = SimulatedClock(STARTS[household.season].astimezone(UTC))
        self.ledger = QuotaLedger(clock=self.clock, limit=household.daily_limit)
        self.home = Home(
            self.clock,
            list(household.rooms),
            season=household.season,
            seed=household.seed,
            outdoors=household.outdoors,
            ledger=self.ledger,
        )
        self.store = MemoryStore(now=self.clock.now)
        self.store.set("settings", household.settings(self.home) | (settings or {}))
        self.chronicle = Chronicle(household, self.home, list(script), 0)
        self._each_wakeup = each_wakeup
        self._strikes = list(strikes(self.chronicle.script, self.home))
        self._undo: dict[int, Undo] = {}
        self._next_sample = 0
        self.restart()

    def restart(self) -> None:
        """Begin another engine on the same store, as after a power cut."""
        self.engine = AutomationEngine(
            self.home, self.store, clock=self.clock, quota=self.ledger
        )
        self.engine.subscribe(self.chronicle.notices.append)

    @property
    def room(self) -> Room:
        """The first room."""
        return self.home.rooms[0]

    @property
    def minute(self) -> float:
        """Minutes lived so far."""
        return self.home.elapsed / 60.0

    async def live(self, **length: float) -> Chronicle:
        """Let the home and its engine live for so long (keywords of `timedelta`)."""
        end = self.clock.true_now() + timedelta(**length)
        handler = _Tracebacks(self.chronicle.tracebacks)
        logger = logging.getLogger("switchbot_automation")
        logger.addHandler(handler)
        try:
            await self._live(end)
        finally:
            logger.removeHandler(handler)
        self.chronicle.minutes = round(self.minute)
        return self.chronicle

    async def _live(self, end: datetime) -> None:
        while True:
            self.home.catch_up()
            self._strike()
            await self._push()
            if self.engine.next_wakeup <= self.clock.now():
                if self._each_wakeup is not None:
                    self._each_wakeup(self.minute)
                report = await self.engine.run_once()
                assert report.next_wakeup > self.clock.now()
            await self._sample()
            if self.clock.true_now() >= end:
                return
            self.clock.advance_to(min(self._next_moment(), end))

    def _next_moment(self) -> datetime:
        minutes = [self._next_sample]
        if self._strikes:
            minutes.append(self._strikes[0][0])
        moment = self.home.start + timedelta(minutes=min(minutes))
        return min(self.engine.next_wakeup, moment)

    def _strike(self) -> None:
        while self._strikes and self._strikes[0][0] <= self.minute:
            _minute, beginning, episode = self._strikes.pop(0)
            room = self.home.rooms[episode.room % len(self.home.rooms)]
            if beginning:
                undo = episode.adversary.begin(room)
                if undo is not None:
                    self._undo[id(episode)] = undo
            elif id(episode) in self._undo:
                self._undo.pop(id(episode))()

    async def _push(self) -> None:
        for room in self.home.rooms:
            events, room.events = room.events, []
            for context in events:
                sampled = round(self.clock.now().timestamp() * 1000)
                await self.engine.handle_webhook(
                    {
                        "eventType": "changeReport",
                        "eventVersion": "1",
                        "context": context | {"timeOfSample": sampled},
                    }
                )

    async def _sample(self) -> None:
        if self.minute >= self._next_sample:
            health = await self.engine.health()
            self.chronicle.samples.append(Sample(int(self.minute), health))
            self._next_sample = int(self.minute) + SAMPLE_MINUTES


# --- drawn at random ------------------------------------------------------------------

_plans = st.builds(
    RoomPlan,
    house=st.sampled_from(["default", "light", "sunny", "offset"]),
    meters=st.sampled_from([1, 1, 2, 3]),
    plug=st.booleans(),
    contact=st.booleans(),
    presence=st.booleans(),
    pushed=st.booleans(),
    half_degrees=st.booleans(),
    buttons=st.booleans(),
    begins_at=st.none(),
)

_names = ("living", "bed", "office")


def households(season: str, windows: str) -> st.SearchStrategy[Household]:
    """Return homes of one to three rooms."""
    return st.builds(
        _household,
        plans=st.lists(_plans, min_size=1, max_size=3),
        season=st.just(season),
        windows=st.just(windows),
        control=st.sampled_from([None, "switch", "modulate"]),
        predictive=st.booleans(),
        fusion=st.sampled_from(["median", "weighted", "fallback"]),
        group=st.booleans(),
        heater_rule=st.booleans(),
        daily_limit=st.sampled_from([10_000, 10_000, 2_000]),
        seed=st.integers(0, 999),
    )


def _household(plans: list[RoomPlan], **others: Any) -> Household:
    named = zip(plans, _names, strict=False)
    rooms = tuple(replace(plan, name=name) for plan, name in named)
    return Household(rooms=rooms, **others)
