"""A simulated home: rooms, their devices and the account they belong to.

`SimulatedHome` is a `CloudApi`; `FakeSwitchBotCloud` serves the same object over HTTP.
The home lives on the monotonic side of its clock: setting the wall clock moves nothing
in it. It catches up whenever it is looked at, in fixed steps, so that the rooms do not
depend on how often that is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.catalog.catalog import find
from switchbot_automation.cloud.talk.answers import (
    parse_command_result,
    parse_devices,
    parse_scenes,
    parse_status,
)
from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.simulation.account.account import (
    DAILY_LIMIT,
    Account,
    QuotaShape,
    SceneStep,
    VirtualScene,
)
from switchbot_automation.simulation.account.devices import (
    AirconRemote,
    HubDevice,
    MeterDevice,
)
from switchbot_automation.simulation.account.heating import (
    HeaterPlug,
    ThermostatDevice,
)
from switchbot_automation.simulation.account.machines import (
    MachineDevice,
    ShadingDevice,
)
from switchbot_automation.simulation.account.products import make_device, one_of_each
from switchbot_automation.simulation.account.push import Push
from switchbot_automation.simulation.account.refusals import typed_error
from switchbot_automation.simulation.clock import SimulatedClock
from switchbot_automation.simulation.faults import Call, Fault, Faults, RefusedError
from switchbot_automation.simulation.house.aircon import Aircon, FurtherAircon
from switchbot_automation.simulation.house.heaters import (
    Floor,
    Panel,
    PanelParameters,
    Radiator,
    RadiatorParameters,
)
from switchbot_automation.simulation.house.house import (
    STEP_SECONDS,
    House,
    HouseMaker,
    HouseParameters,
)
from switchbot_automation.simulation.house.machines import (
    MACHINES,
    Machine,
    MachineParameters,
)
from switchbot_automation.simulation.house.meter import (
    Meter,
    MeterParameters,
    MeterReport,
)
from switchbot_automation.simulation.house.weather import Climate, Weather

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.model import (
        CommandResult,
        DeviceList,
        DeviceStatus,
        Scene,
    )
    from switchbot_automation.simulation.account.devices import VirtualDevice
    from switchbot_automation.simulation.house.aircon import AirconSettings
    from switchbot_automation.simulation.house.heaters import HeatSource

METER_ID = "C271111EC0AB"
AIRCON_ID = "02-202008110034-13"
HUB_ID = "FA7310762361"
OUTDOOR_METER_ID = "D40E84863006"
_SEASON_DAYS = {"winter": 15, "summer": 200}
_OUTDOOR_STEP_SECONDS = 300
# What a unit is where nobody says which product it is.
_USUAL = {
    "thermostat": "Smart Radiator Thermostat",
    "heater": "Plug Mini (EU)",
    "humidifier": "Humidifier",
    "dehumidifier": "Plug Mini (EU)",
    "purifier": "Air Purifier VOC",
    "fan": "Circulator Fan",
    "curtain": "Curtain3",
    "blind": "Blind Tilt",
    "shade": "Roller Shade",
}
_OUTDOOR_METER = MeterParameters(
    lag_seconds=900.0, report_min_seconds=240.0, report_max_seconds=900.0, noise=0.03
)


def default_scenes(
    aircon_id: str = AIRCON_ID, *, winter: str = "23,5,3,on", summer: str = "24,2,3,on"
) -> tuple[VirtualScene, ...]:
    """Return one manual scene each for heating, cooling, blowing and off.

    `winter` and `summer` are parameters of `setAll`.
    """

    def scene(number: int, name: str, parameter: str) -> VirtualScene:
        step = SceneStep(aircon_id, "setAll", parameter)
        return VirtualScene(f"T02-20250101-{number:02}", name, (step,))

    off = VirtualScene("T02-20250101-04", "Off", (SceneStep(aircon_id, "turnOff"),))
    return (
        scene(1, "Winter", winter),
        scene(2, "Summer", summer),
        scene(3, "Fan", "22,4,3,on"),
        off,
    )


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """A unit of a room beside its first: `equipment` is a word of the settings'.

    `product` is what it is listed as, by default what its kind usually is.
    """

    equipment: str
    device_id: str
    product: str = ""
    channel: int = 0
    panel: PanelParameters = field(default_factory=PanelParameters)
    radiator: RadiatorParameters = field(default_factory=RadiatorParameters)
    machine: MachineParameters | None = None


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """A room to build: its name, the ids of its two devices, and the house itself.

    `equipment` is what heats it, a word of the settings' `equipment`: its device has the
    id `aircon_id`, and a heater hangs on a `plug_type`, on its `channel` where it has
    several. `learned_remote` makes the remote a "DIY" one that has no `setAll`; `buttons` are
    its learned buttons by exact name. `half_degrees` lets `setAll` take them. A meter of
    the type ``MeterPro(CO2)`` shows that too. `further` are the units beside the first.
    """

    name: str = "living room"
    meter_id: str = METER_ID
    aircon_id: str = AIRCON_ID
    house: HouseParameters = field(default_factory=HouseParameters)
    learned_remote: bool = False
    half_degrees: bool = False
    equipment: str = "aircon"
    plug_type: str = "Plug Mini (EU)"
    channel: int = 0
    panel: PanelParameters = field(default_factory=PanelParameters)
    radiator: RadiatorParameters = field(default_factory=RadiatorParameters)
    buttons: dict[str, AirconSettings] = field(default_factory=dict)
    meter_type: str = "Meter"
    further: tuple[UnitSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """A room that is running."""

    spec: RoomSpec
    house: House
    meter: MeterDevice
    units: Mapping[str, HeatSource | Machine] = field(default_factory=dict)
    """The units beside the first, by device id."""

    @property
    def unit(self) -> Aircon | HeatSource:
        """What heats or cools it."""
        return self.house.source or self.house.aircon


class SimulatedHome:
    """Rooms, devices and cloud in one process, on the time of `clock`.

    `rooms` (default: one) are what is built; `house` replaces the parameters of that
    one. `season` winter or summer holds the weather in that season; None lets it follow
    the clock's date. `speed` lets the home live faster than the clock. Each call takes
    `latency_seconds` of the clock; a slow answer is given up after `timeout_seconds`.
    `record` keeps one value a minute of every room in `house.recording`. `make_house` may
    give the rooms other physics than the two nodes of `House`.

    Raises of the calls are the typed errors of `switchbot_automation.errors`.

    >>> import asyncio
    >>> from switchbot_automation.simulation import SimulatedHome
    >>> home = SimulatedHome(season="winter")
    >>> home.clock.advance(3600)
    >>> status = asyncio.run(home.status(home.room.spec.meter_id))
    >>> 10 < status.fields["temperature"] < 30
    True
    """

    plays_parts = False
    """Whether it answers for the sensors and actuators of plug-ins as well."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        rooms: Sequence[RoomSpec] | None = None,
        house: HouseParameters | None = None,
        climate: Climate | None = None,
        season: str | None = None,
        seed: int = 0,
        scenes: Sequence[VirtualScene] | None = None,
        daily_limit: int = DAILY_LIMIT,
        quota_shape: QuotaShape = QuotaShape.BODY_190,
        command_delay_seconds: float = 2.0,
        latency_seconds: float = 0.0,
        timeout_seconds: float = 15.0,
        speed: float = 1.0,
        record: bool = False,
        make_house: HouseMaker = House,
    ) -> None:
        self._make_house = make_house
        self.clock: Clock = SimulatedClock() if clock is None else clock
        self.latency_seconds = latency_seconds
        self.timeout_seconds = timeout_seconds
        self.speed = speed
        self.start: datetime = self.server_now()
        self._origin = self.clock.monotonic()
        self._reached = 0.0
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._later_count = 0
        self.faults: Faults = Faults(lambda: self.elapsed)
        self.push: Push = Push(
            faults=self.faults,
            elapsed=lambda: self._reached,
            timestamp=self._timestamp,
        )
        self.account: Account = Account(
            faults=self.faults,
            push=self.push,
            server_now=self.server_now,
            elapsed=lambda: self._reached,
            after=self._after,
            daily_limit=daily_limit,
            quota_shape=quota_shape,
            command_delay_seconds=command_delay_seconds,
        )
        climate = climate or Climate()
        if season is not None:
            climate = replace(climate, day_of_year=_SEASON_DAYS[season])
        self.weather: Weather = Weather(climate, self.start, seed=seed)
        if rooms is None:
            rooms = [RoomSpec(house=house or HouseParameters())]
        self.account.add(HubDevice(HUB_ID, "Hub Mini", "Hub Mini"))
        self.rooms: dict[str, Room] = {}
        for number, spec in enumerate(rooms):
            self.rooms[spec.name] = self._build(spec, f"{seed}/{number}", record=record)
        self._add_outdoor_meter(seed)
        if scenes is None:
            scenes = default_scenes(self.room.spec.aircon_id)
        self.account.add_scenes(scenes)

    # --- the world ----------------------------------------------------------------

    @property
    def room(self) -> Room:
        """The first room."""
        return next(iter(self.rooms.values()))

    @property
    def elapsed(self) -> float:
        """Seconds that have passed in the home since its start."""
        return (self.clock.monotonic() - self._origin) * self.speed

    def server_now(self) -> datetime:
        """Return the cloud's own time: right even where the clock was set wrong."""
        if isinstance(self.clock, SimulatedClock):
            return self.clock.true_now()
        return self.clock.now()

    def add_device(
        self, device_type: str, device_id: str, name: str | None = None
    ) -> VirtualDevice:
        """Add a device of any catalogued type and return it.

        Ids such as ``02-202601010000-01`` make infrared remotes. Thermometers measure
        the first room. Raises UnsupportedCommandError for an unknown type.
        """
        device = make_device(
            device_type, device_id, name, HUB_ID, air=self.room.house.meter
        )
        self.account.add(device)
        return device

    def add_one_of_each(self) -> None:
        """Add a device of every catalogued product."""
        self.account.add(*one_of_each(HUB_ID, air=self.room.house.meter))

    def happen(self, device_id: str, **fields: Any) -> None:
        """Let a device change by itself: a door opens, a bell rings, a lock is turned.

        `fields` are of its status, or of its events alone (`press`). An event follows
        where the product sends one. Raises ValueError for a field it does not have or a
        device that is none of the catalogue's, KeyError for one that is not there.
        """
        self.advance()
        context = self.account.devices[device_id].happened(fields)
        if context is not None:
            self.push.emit(device_id, context, self.elapsed)

    def advance(self) -> None:
        """Catch up with the clock."""
        target = self.elapsed
        while self._later and self._later[0][0] <= target:
            due, _, do = heappop(self._later)
            self._step_to(due)
            do()
        self._step_to(target)

    def _step_to(self, seconds: float) -> None:
        self._reached = max(self._reached, seconds)
        for room in self.rooms.values():
            room.house.advance_to(self._reached)

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        self._later_count += 1
        heappush(self._later, (self._reached + seconds, self._later_count, do))

    def _timestamp(self, seconds: float) -> float:
        ago = (self.elapsed - seconds) / self.speed
        return (self.server_now() - timedelta(seconds=ago)).timestamp()

    def _build(self, spec: RoomSpec, seed: str, *, record: bool) -> Room:
        house = self._make_house(
            spec.house, self.weather, self.start, seed=seed, record=record
        )
        co2 = (lambda: house.co2) if "CO2" in spec.meter_type else None
        meter = MeterDevice(
            spec.meter_id, spec.name, spec.meter_type, HUB_ID, house.meter, co2=co2
        )
        house.meter.on_report = lambda report: self._reported(meter, report)

        def send(change: Callable[[AirconSettings], AirconSettings]) -> None:
            house.command(self._reached, change)

        units = {
            each.device_id: self._further(spec, each, house) for each in spec.further
        }
        if spec.equipment != "aircon":
            self.account.add(meter, self._heating(spec, house))
            return Room(spec, house, meter, units)
        remote = AirconRemote(
            spec.aircon_id,
            f"{spec.name} air conditioner",
            HUB_ID,
            send,
            learned=spec.learned_remote,
            half_degrees=spec.half_degrees,
            buttons=spec.buttons,
        )
        self.account.add(meter, remote)
        return Room(spec, house, meter, units)

    def _further(
        self, spec: RoomSpec, unit: UnitSpec, house: House
    ) -> HeatSource | Machine:
        """Put a unit beside the first into a room, and its device into the account."""
        if unit.equipment == "aircon":
            return self._further_aircon(spec, unit, house)
        product = find(unit.product or _USUAL[unit.equipment])[0]
        name = f"{spec.name} {unit.equipment}"

        def seconds() -> float:
            return self._reached

        device: VirtualDevice
        if unit.equipment in ("thermostat", "heater"):
            if unit.equipment == "thermostat":
                radiator = Radiator(unit.radiator, STEP_SECONDS)
                source: HeatSource = radiator
                device = ThermostatDevice(
                    product, unit.device_id, name, radiator, seconds
                )
            else:
                panel = Panel(unit.panel, STEP_SECONDS)
                source = panel
                device = HeaterPlug(
                    product,
                    unit.device_id,
                    name,
                    panel,
                    seconds=seconds,
                    channel=unit.channel,
                )
            house.further.append(source)
            self.account.add(device)
            return source
        machine = Machine(unit.machine or MACHINES[unit.equipment], STEP_SECONDS)
        house.machines.append(machine)
        make = ShadingDevice if machine.parameters.shade else MachineDevice
        self.account.add(make(product, unit.device_id, name, machine, seconds))
        return machine

    def _further_aircon(
        self, spec: RoomSpec, unit: UnitSpec, house: House
    ) -> FurtherAircon:
        """Put an air conditioner like the first beside it; it is told by infrared."""
        aircon = Aircon(spec.house.aircon, STEP_SECONDS)
        source = FurtherAircon(aircon, lambda: house.conditions.temperature)
        house.further.append(source)
        name = f"{spec.name} further air conditioner"
        half = spec.half_degrees
        self.account.add(
            AirconRemote(
                unit.device_id, name, HUB_ID, source.command, half_degrees=half
            )
        )
        return source

    def _heating(self, spec: RoomSpec, house: House) -> VirtualDevice:
        """Put a heat source into a room; return its device."""
        thermostat = spec.equipment == "thermostat"
        kind = "Smart Radiator Thermostat" if thermostat else spec.plug_type
        product, name = find(kind)[0], f"{spec.name} {spec.equipment}"

        def seconds() -> float:
            return self._reached

        if thermostat:
            radiator = Radiator(spec.radiator, STEP_SECONDS)
            house.source = radiator
            return ThermostatDevice(product, spec.aircon_id, name, radiator, seconds)
        floor = spec.house.floor
        panel = (
            Panel(spec.panel, STEP_SECONDS)
            if floor is None
            else Floor(floor, STEP_SECONDS, temperature=house.air)
        )
        house.source = panel
        return HeaterPlug(
            product,
            spec.aircon_id,
            name,
            panel,
            seconds=seconds,
            channel=spec.channel,
        )

    def _add_outdoor_meter(self, seed: int) -> None:
        meter = Meter(
            _OUTDOOR_METER,
            _OUTDOOR_STEP_SECONDS,
            temperature=self.room.house.conditions.temperature,
            seed=f"{seed}/outdoor",
        )

        def follow(house: House) -> None:
            conditions = house.conditions
            meter.step(house.seconds, conditions.temperature, conditions.moisture)

        self.room.house.on_conditions = follow
        follow(self.room.house)
        device = MeterDevice(OUTDOOR_METER_ID, "balcony", "WoIOSensor", HUB_ID, meter)
        meter.on_report = lambda report: self._reported(device, report)
        self.account.add(device)

    def _reported(self, device: MeterDevice, report: MeterReport) -> bool:
        """Let a report through to the cloud, unless a fault holds it back."""
        last = device.meter.report
        if self.faults.active:
            strike = self.faults.strike
            at = report.seconds
            if strike(Fault.DEAD, device_id=device.device_id, at=at):
                return False
            if strike(Fault.FROZEN, device_id=device.device_id, at=at):
                if last is not None:
                    self.push.emit(device.device_id, device.event(last), at)
                return False
        changed = last is None or (
            (report.temperature, report.humidity) != (last.temperature, last.humidity)
        )
        if changed:
            self.push.emit(device.device_id, device.event(report), report.seconds)
        return True

    # --- CloudApi -----------------------------------------------------------------

    async def devices(self) -> DeviceList:
        """Return the account's devices and infrared remotes."""
        body = await self._call(Call.DEVICES, None, self.account.list_devices)
        return parse_devices(body)

    async def status(self, device_id: str) -> DeviceStatus:
        """Return what the cloud last heard of a device."""
        body = await self._call(
            Call.STATUS, device_id, lambda: self.account.status(device_id)
        )
        return parse_status(device_id, body, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        """Send a command; it reaches the device a little later."""
        payload = {
            "commandType": command_type,
            "command": command,
            "parameter": parameter,
        }
        body = await self._call(
            Call.COMMAND, device_id, lambda: self.account.command(device_id, payload)
        )
        return parse_command_result(device_id, body, self.clock.now())

    async def scenes(self) -> list[Scene]:
        """Return the account's manual scenes."""
        body = await self._call(Call.SCENES, None, self.account.list_scenes)
        return parse_scenes(body)

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Carry out a manual scene."""
        body = await self._call(
            Call.RUN_SCENE, scene_id, lambda: self.account.run_scene(scene_id)
        )
        return parse_command_result(scene_id, body, self.clock.now())

    async def _call(self, call: Call, target: str | None, do: Callable[[], Any]) -> Any:
        if self.latency_seconds:
            await self.clock.sleep(self.latency_seconds)
        self.advance()
        try:
            self.account.charge(call)
            body = do()
        except RefusedError as refusal:
            raise typed_error(
                refusal,
                what=call if target is None else f"{call} of {target}",
                server_now=self.server_now(),
                remaining=self.account.remaining,
            ) from refusal
        if not self.faults.active:
            return body
        if self.faults.strike(Fault.ANSWER_LOST, device_id=target, call=call):
            raise CloudTimeoutError(f"{call}: the connection broke")
        slow = self.faults.strike(Fault.SLOW, device_id=target, call=call)
        if slow is not None:
            await self.clock.sleep(min(slow.seconds, self.timeout_seconds))
            if slow.seconds >= self.timeout_seconds:
                raise CloudTimeoutError(f"no answer in {self.timeout_seconds:g} s")
        return body
