"""A home whose truth and whose words differ.

The truth is the physics of `switchbot_automation.simulation.house`: rooms, their units,
their windows, who is there. The words are what the account answers and pushes. Where
nobody interferes both agree; an adversary takes hold of one of them:

- `Room.unit` and `Room.draught` change the truth;
- `Home.twist` changes what a device says of itself;
- `Home.obstruct` and `Home.lose_answers` stand between the engine and the account;
- `Room.deafen` stands between the hub and the unit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from switchbot_automation.cloud.talk.answers import parse_devices, parse_status
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus, Scene
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.simulation.account.devices import parse_set_all
from switchbot_automation.simulation.account.refusals import typed_error
from switchbot_automation.simulation.faults import RefusedError
from switchbot_automation.simulation.house.aircon import (
    Aircon,
    AirconMode,
    AirconSettings,
)
from switchbot_automation.simulation.house.chance import seeded
from switchbot_automation.simulation.house.house import (
    STEP_SECONDS,
    House,
    HouseParameters,
    _exact_step,
)
from switchbot_automation.simulation.house.weather import Climate, Weather
from switchbot_automation.simulation.scenarios import HOUSES

HUB_ID = "FA7310762361"
HEATER_ID = "HEATER000001"
OPEN_WINDOW_LOSS = 120.0
"""What an open window adds to a room's loss, in W/K."""
WIDE_OPEN_LOSS = 250.0
"""The same of one that is wide open, as for an airing of ten minutes."""

Fields = dict[str, Any]
Undo = Callable[[], None]


class Unit(Aircon):
    """An air conditioner that can do something else than it was told.

    `dead`: no fan, no compressor, no watt. `blowing`: the fan runs, nothing is heated or
    cooled, as with a full bucket. `defrosting`: it heats the outdoors with the room's
    heat for twelve minutes of every forty.
    """

    dead = blowing = defrosting = False

    def step(self, room: float) -> float:
        heat = super().step(room)
        if self.dead:
            self.heat = self.power_draw = 0.0
        elif self.blowing and self.settings.power:
            self.heat, self.power_draw = 0.0, self.parameters.fan_power
        elif self.defrosting and heat > 0.0 and self._in_state % 2400.0 < 720.0:
            self.heat, self.power_draw = -250.0, 600.0
        return self.heat


class Building(House):
    """A room whose window can be opened and whose unit is a `Unit`."""

    def __init__(self, parameters: HouseParameters, *arguments: Any, **more: Any):
        # Who was there from which second on, a value every five minutes.
        self.people_at: list[int] = []
        super().__init__(parameters, *arguments, **more)
        self.aircon: Unit = Unit(parameters.aircon, STEP_SECONDS)
        self.aircon.set_outdoor(self.conditions.temperature)

    def _slow_step(self) -> None:
        super()._slow_step()
        self.people_at.append(self.people)

    def somebody_at(self, minute: int) -> bool:
        """Return whether somebody was there then, or within the half hour before."""
        last = minute // 5
        return any(self.people_at[max(0, last - 6) : last + 1])

    def lose(self, more: float) -> None:
        """Let the air lose so many W/K more to the outdoors than the walls do."""
        loss = self.parameters.window_loss + more
        self._matrix = _exact_step(
            replace(self.parameters, window_loss=loss), STEP_SECONDS
        )


@dataclass(frozen=True)
class RoomPlan:
    """What a room has. `house` is a name of `HOUSES`."""

    name: str = "living"
    house: str = "default"
    meters: int = 1
    plug: bool = False
    contact: bool = False
    presence: bool = False
    pushed: bool = True
    half_degrees: bool = False
    buttons: bool = False
    begins_at: float | None = 20.5


@dataclass
class Room:
    """A room that is lived in; ids are those that the account lists."""

    plan: RoomPlan
    home: "Home"
    number: int
    house: Building
    open: bool = False
    deaf: list[Callable[[], bool]] = field(default_factory=list)
    events: list[Fields] = field(default_factory=list)

    @property
    def unit(self) -> Unit:
        return self.house.aircon

    @property
    def unit_id(self) -> str:
        return f"02-20260101000{self.number}-1{self.number}"

    @property
    def meters(self) -> list[str]:
        return [f"C27{self.number}{each}" for each in range(self.plan.meters)]

    @property
    def plug_id(self) -> str:
        return f"6055F{self.number}"

    @property
    def contact_id(self) -> str:
        return f"D0000{self.number}"

    @property
    def presence_id(self) -> str:
        return f"B0E9F{self.number}"

    # --- the truth ----------------------------------------------------------------

    def remote(self, **changes: Any) -> None:
        """Let a hand at the unit's own remote change its settings, unseen by all."""
        self.house.command(
            self.home.elapsed, lambda settings: replace(settings, **changes)
        )

    def draught(self, *, is_open: bool, loss: float = OPEN_WINDOW_LOSS) -> None:
        """Open or close the window in truth; its sensor tells if it can."""
        self.open = is_open
        self.house.lose(loss if is_open else 0.0)
        if self.plan.contact:
            word = "open" if is_open else "close"
            self.says(self.contact_id, "WoContact", openState=word)

    def deafen(self, lost: Callable[[], bool]) -> Undo:
        """Lose each burst for which `lost()` is true until it is undone."""
        return held(self.deaf, lost)

    def hears(self, change: Callable[[AirconSettings], AirconSettings]) -> None:
        """Let a burst reach the unit, unless something swallows it."""
        # Each is asked: one of them counts the bursts it swallows.
        lost = [deaf() for deaf in self.deaf]
        if not any(lost) and not self.unit.dead:
            self.house.command(self.home.elapsed, change)

    # --- the words ----------------------------------------------------------------

    def says(self, device: str, kind: str, **context: Any) -> None:
        """Push an event of one of the room's devices, where they push at all."""
        if self.plan.pushed and device not in self.home.silent:
            self.events.append({"deviceMac": device, "deviceType": kind, **context})

    def words(self, device: str) -> Fields | None:
        """Return what that device says as long as nobody twists it; None: not here."""
        house = self.house
        if device in self.meters:
            return self._meter(self.meters.index(device))
        if device == self.plug_id and self.plan.plug:
            watts = round(house.aircon.power_draw, 1)
            return {
                "deviceType": "Plug Mini (EU)",
                "power": "on",
                "voltage": 230.0,
                "weight": watts,
                "electricCurrent": round(watts / 0.23),
            }
        if device == self.contact_id and self.plan.contact:
            word = "open" if self.open else "close"
            return {"deviceType": "Contact Sensor", "openState": word, "battery": 90}
        if device == self.presence_id and self.plan.presence:
            moving = self.moving
            return {"deviceType": "Motion Sensor", "moveDetected": moving}
        return {} if device == self.unit_id else None

    @property
    def moving(self) -> bool:
        """Whether a motion sensor sees somebody: in a minute of six while one is there."""
        return self.moving_at(int(self.home.elapsed // 60))

    def moving_at(self, minute: int) -> bool:
        """Return whether whoever is there now moved in that minute."""
        return self.house.people > 0 and minute * 7919 % 31 < 5

    def _meter(self, number: int) -> Fields:
        report = self.house.meter.report
        if report is None:
            return {}
        # The others hang elsewhere in the room and go their own way by a tenth.
        apart = 0.1 * ((int(report.seconds) // 900 + number) % 3 - 1) if number else 0.0
        return {
            "deviceType": "Meter",
            "temperature": round(report.temperature + apart, 1),
            "humidity": report.humidity + number,
            "battery": 87,
            "hubDeviceId": HUB_ID,
        }


@dataclass(frozen=True)
class Attempt:
    """One command that came to the account. `error` None: it was accepted."""

    at: datetime
    device: str
    word: str
    error: str | None = None


class Home:
    """A `CloudApi` over rooms that are lived in, in the time of `clock`."""

    def __init__(
        self,
        clock: SimulatedClock,
        plans: list[RoomPlan],
        *,
        season: str = "winter",
        seed: int = 0,
        outdoors: float = 14.0,
        ledger: QuotaLedger | None = None,
    ) -> None:
        self.clock = clock
        self.season = season
        self.start = clock.now()
        self.ledger = ledger
        self.random = seeded(seed, "adversaries")
        self.silent: set[str] = set()
        self.twists: dict[str, list[Callable[[Fields], Any]]] = {}
        self.obstacles: list[Callable[[str, str, str], None]] = []
        self.lost_answers: list[Callable[[], bool]] = []
        self.latencies: list[Callable[[], float]] = []
        self.attempts: list[Attempt] = []
        self.heater_on_at: list[float] = []
        self.overspent: list[str] = []
        day = {"winter": 15, "summer": 200}[season]
        weather = Weather(
            Climate(day_of_year=day, yearly_mean=outdoors), self.start, seed=seed
        )
        self.rooms = [
            Room(
                plan,
                self,
                number,
                Building(
                    replace(HOUSES[plan.house], initial_temperature=plan.begins_at),
                    weather,
                    self.start,
                    seed=f"{seed}/{number}",
                    record=True,
                ),
            )
            for number, plan in enumerate(plans)
        ]

    @property
    def elapsed(self) -> float:
        """Seconds since the home began."""
        return (self.clock.true_now() - self.start).total_seconds()

    def catch_up(self) -> None:
        """Let the rooms live until now; people who move are seen where that is pushed."""
        for room in self.rooms:
            was = room.house.seconds
            room.house.advance_to(self.elapsed)
            # Also what moved between two looks is pushed.
            minutes = range(int(was // 60) + 1, int(room.house.seconds // 60) + 1)
            if room.plan.presence and any(room.moving_at(each) for each in minutes):
                room.says(room.presence_id, "WoPresence", detectionState="DETECTED")

    # --- what adversaries take hold of ----------------------------------------------

    def twist(self, device: str, change: Callable[[Fields], Any]) -> Undo:
        """Change what a device says: `change` gets its words and returns others."""
        return held(self.twists.setdefault(device, []), change)

    def hush(self, device: str) -> Undo:
        """Let a device push nothing until it is undone."""
        self.silent.add(device)
        return lambda: self.silent.discard(device)

    def obstruct(self, obstacle: Callable[[str, str, str], None]) -> Undo:
        """Ask `obstacle(kind, device, word)` before each call; it refuses by raising."""
        return held(self.obstacles, obstacle)

    def lose_answers(self, lost: Callable[[], bool]) -> Undo:
        """Carry commands out and lose the answer whenever `lost()` is true."""
        return held(self.lost_answers, lost)

    def delay(self, seconds: Callable[[], float]) -> Undo:
        """Let each call take so long."""
        return held(self.latencies, seconds)

    # --- the account ----------------------------------------------------------------

    async def devices(self) -> DeviceList:
        await self._call("devices")
        listed: list[Fields] = [
            self._entry(HEATER_ID, "Heater plug", "Plug Mini (EU)"),
        ]
        for room in self.rooms:
            name, plan = room.plan.name, room.plan
            listed += [
                self._entry(each, f"{name} meter", "Meter") for each in room.meters
            ]
            if plan.plug:
                listed.append(
                    self._entry(room.plug_id, f"{name} plug", "Plug Mini (EU)")
                )
            if plan.contact:
                listed.append(
                    self._entry(room.contact_id, f"{name} window", "Contact Sensor")
                )
            if plan.presence:
                listed.append(
                    self._entry(room.presence_id, f"{name} motion", "Motion Sensor")
                )
        remotes = [
            {
                "deviceId": room.unit_id,
                "deviceName": f"{room.plan.name} unit",
                "remoteType": "Air Conditioner",
                "hubDeviceId": HUB_ID,
            }
            for room in self.rooms
        ]
        body: Any = {"deviceList": listed, "infraredRemoteList": remotes}
        return parse_devices(self._twisted("devices", body))

    async def status(self, device_id: str) -> DeviceStatus:
        await self._call("status", device_id)
        for room in self.rooms:
            words = room.words(device_id)
            if words is not None:
                break
        else:
            if device_id != HEATER_ID:
                raise self._error(RefusedError("device not found", status_code=152))
            words = {"deviceType": "Plug Mini (EU)", "power": "off", "weight": 0.0}
        body = self._twisted(device_id, words)
        return parse_status(device_id, body, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        word = command if parameter == "default" else f"{command} {parameter}"
        try:
            await self._call("command", device_id, word)
            self._carry_out(device_id, command, parameter, command_type)
        except RefusedError as refusal:
            self.attempts.append(
                Attempt(self.clock.now(), device_id, word, refusal.message)
            )
            raise self._error(refusal) from refusal
        except Exception as error:
            self.attempts.append(Attempt(self.clock.now(), device_id, word, str(error)))
            raise
        self.attempts.append(Attempt(self.clock.now(), device_id, word))
        lost = [each() for each in self.lost_answers]
        if any(lost):
            raise CloudTimeoutError("no answer in 15 s", maybe_sent=True)
        return CommandResult(device_id, self.clock.now())

    async def scenes(self) -> list[Scene]:
        await self._call("scenes")
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        raise self._error(RefusedError("scene not found", status_code=190))

    def _carry_out(
        self, device: str, command: str, parameter: Any, command_type: str
    ) -> None:
        if device == HEATER_ID:
            self.heater_on_at.append(self.elapsed)
            return
        for room in self.rooms:
            if room.unit_id == device:
                room.hears(_as_change(room, command, parameter, command_type))
                return
        raise RefusedError("device not found", status_code=152)

    async def _call(self, kind: str, device: str = "", word: str = "") -> None:
        latency = sum(each() for each in self.latencies)
        if latency:
            await self.clock.sleep(min(latency, 15.0))
        self.catch_up()
        ledger = self.ledger
        if (
            ledger is not None
            and kind != "command"
            and ledger.remaining < ledger.reserve
        ):
            self.overspent.append(f"{self.clock.now()}: {kind} {device}")
        for obstacle in tuple(self.obstacles):
            try:
                obstacle(kind, device, word)
            except RefusedError as refusal:
                if kind == "command":
                    raise
                raise self._error(refusal) from refusal
        if latency >= 15.0 and kind != "command":
            raise CloudTimeoutError("no answer in 15 s")

    def _twisted(self, device: str, words: Any) -> Any:
        for twist in tuple(self.twists.get(device, ())):
            try:
                words = twist(words)
            except RefusedError as refusal:
                raise self._error(refusal) from refusal
        return words

    def _error(self, refusal: RefusedError) -> Exception:
        return typed_error(
            refusal, what="the call", server_now=self.clock.now(), remaining=9000
        )

    def _entry(self, device: str, name: str, kind: str) -> Fields:
        return {
            "deviceId": device,
            "deviceName": name,
            "deviceType": kind,
            "hubDeviceId": HUB_ID,
            "enableCloudService": True,
        }


def held(things: list[Any], thing: Any) -> Undo:
    """Put `thing` among `things` and return what takes it out again."""
    things.append(thing)

    def undo() -> None:
        if thing in things:
            things.remove(thing)

    return undo


BUTTONS = {
    "Heat": AirconSettings(power=True, setpoint=23.0, mode=AirconMode.HEAT, fan=3),
    "Cool": AirconSettings(power=True, setpoint=24.0, mode=AirconMode.COOL, fan=3),
    "Blow": AirconSettings(power=True, setpoint=24.0, mode=AirconMode.FAN, fan=3),
    "Stop": AirconSettings(power=False, setpoint=23.0, mode=AirconMode.HEAT, fan=3),
}
"""Learned buttons of a remote, by exact name."""


def _as_change(
    room: Room, command: str, parameter: Any, command_type: str
) -> Callable[[AirconSettings], AirconSettings]:
    if command_type == "customize":
        button = BUTTONS.get(command) if room.plan.buttons else None
        if button is None:
            raise RefusedError("No this command", status_code=190)
        return lambda _settings: button
    if command in {"turnOn", "turnOff"}:
        return lambda settings: replace(settings, power=command == "turnOn")
    if command != "setAll":
        raise RefusedError("Command is not supported", status_code=160)
    wanted = parse_set_all(parameter, half_degrees=room.plan.half_degrees)
    return lambda _settings: wanted


def local_minutes(start: datetime, minutes: int, tz: Any) -> list[datetime]:
    """Return each minute from `start` on the wall clock of `tz`."""
    return [(start + timedelta(minutes=each)).astimezone(tz) for each in range(minutes)]
