"""The plain data that passes between the parts. No I/O, no asyncio, no clock.

All instants are aware UTC, all temperatures degrees Celsius, all durations seconds.
"""

from __future__ import annotations

import copyreg
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from switchbot_automation.reasons import (  # noqa: TC001 - a public name here
    ReasonCode as ReasonCode,  # noqa: PLC0414 - likewise
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


DEFAULT_ZONE = "default"

NOTHING: Mapping[str, Any] = MappingProxyType({})


def _unchanging(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def _reduced(view: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _unchanging, (dict(view),)


# What is decided and set travels between processes, and Python pickles no such view.
copyreg.pickle(MappingProxyType, _reduced)


# --- what the cloud knows ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Device:
    """A physical device of the list.

    `device_type` is "" and `hub_device_id` None where the cloud left them out. `extra`
    holds the other keys as they came.

    >>> from switchbot_automation import Device
    >>> meter = Device("C271111EC0AB", "Living room", "Meter", None, cloud_service=True)
    >>> meter.device_type
    'Meter'
    """

    device_id: str
    name: str
    device_type: str
    hub_device_id: str | None
    cloud_service: bool
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Remote:
    """An infrared remote of the list; its state cannot be read.

    >>> from switchbot_automation import Remote
    >>> Remote("02-2020", "Bedroom", "Air Conditioner", "FA7310762361").remote_type
    'Air Conditioner'
    """

    device_id: str
    name: str
    remote_type: str
    hub_device_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceList:
    """The account's devices. One empty list is not proof that they are gone.

    >>> from switchbot_automation import DeviceList, Remote
    >>> unit = Remote("02-2020", "Bedroom", "Air Conditioner", None)
    >>> [remote.name for remote in DeviceList(devices=(), remotes=(unit,)).remotes]
    ['Bedroom']
    """

    devices: tuple[Device, ...]
    remotes: tuple[Remote, ...]


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device's status as the cloud gave it.

    `fields` are the raw fields; `received_at` says when the answer came, not when the
    device measured, which the cloud does not tell.

    >>> from datetime import UTC, datetime
    >>> from switchbot_automation import DeviceStatus
    >>> fields = {"temperature": 21.5, "humidity": 48}
    >>> at = datetime(2026, 1, 12, 7, tzinfo=UTC)
    >>> DeviceStatus("C271111EC0AB", "Meter", fields, received_at=at).fields["temperature"]
    21.5
    """

    device_id: str
    device_type: str
    fields: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Scene:
    """A manual scene of the phone app.

    >>> from switchbot_automation import Scene
    >>> Scene("T02-20250101-04", "Off").name
    'Off'
    """

    scene_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The cloud accepted a command; that is no proof that it was carried out.

    `command_id` is given by devices that answer later, such as keypads.

    >>> from datetime import UTC, datetime
    >>> from switchbot_automation import CommandResult
    >>> at = datetime(2026, 1, 12, 7, tzinfo=UTC)
    >>> print(CommandResult("02-2020", accepted_at=at).command_id)
    None
    """

    device_id: str
    accepted_at: datetime
    command_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


class CloudApi(Protocol):
    """What the engine needs of a cloud.

    `SwitchBotClient` is one, `simulation.SimulatedHome` another, a host's own a third.
    `status` gives a device's raw fields, of a meter ``temperature`` in degrees Celsius and
    ``humidity`` in percent. `command` takes ``turnOff``, ``setAll`` with "temperature,mode,
    fan,on" and, of `command_type` ``customize``, the name of a learned button; it returns
    once the command was accepted.

    A cloud that takes more than eight readings at once may say so in an attribute
    `reads_at_once`, up to 1000; SwitchBot's refuses bursts.

    Any exception counts as a failed call. One of `CloudError` also says, by `maybe_sent`,
    whether a repetition could act twice.

    >>> import asyncio
    >>> from datetime import UTC, datetime
    >>> from switchbot_automation import CommandResult, DeviceList, DeviceStatus
    >>> class OneRoom:
    ...     async def devices(self):
    ...         return DeviceList(devices=(), remotes=())
    ...
    ...     async def status(self, device_id):
    ...         fields = {"temperature": 18.5}
    ...         return DeviceStatus(device_id, "Meter", fields, datetime.now(UTC))
    ...
    ...     async def command(
    ...         self, device_id, command, parameter="default", command_type="command"
    ...     ):
    ...         print(device_id, command, parameter)
    ...         return CommandResult(device_id, datetime.now(UTC))
    ...
    ...     async def scenes(self):
    ...         return []
    ...
    ...     async def run_scene(self, scene_id):
    ...         raise LookupError(scene_id)
    >>> settings = {"meter_device_id": "meter", "aircon_device_id": "unit"}
    >>> async def off():
    ...     from switchbot_automation import AutomationEngine
    ...     from switchbot_store import MemoryStore
    ...
    ...     store = MemoryStore()
    ...     store.set("settings", settings)
    ...     async with AutomationEngine(OneRoom(), store) as engine:
    ...         await engine.act("default", "off")
    >>> asyncio.run(off())
    unit turnOff default
    """

    async def devices(self) -> DeviceList: ...
    async def status(self, device_id: str) -> DeviceStatus: ...
    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult: ...
    async def scenes(self) -> list[Scene]: ...
    async def run_scene(self, scene_id: str) -> CommandResult: ...


# --- what the engine decides ------------------------------------------------------


class Power(StrEnum):
    """What the air conditioner is believed to be."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What can be done to a unit; also the key of its scenes and webhooks.

    An air conditioner does the first four, and `DRY` in its dry mode; each other kind of
    equipment one of its own, and `OFF`.

    >>> from switchbot_automation import Action
    >>> Action("winter") is Action.WINTER
    True
    """

    WINTER = "winter"
    SUMMER = "summer"
    FAN = "fan"
    OFF = "off"
    DRY = "dry"
    HUMIDIFY = "humidify"
    PURIFY = "purify"
    VENTILATE = "ventilate"
    SHADE = "shade"


class ManualAction(StrEnum):
    """What a person can ask for. `ON` is the season's; `QUICK_OFF` also disables.

    >>> from switchbot_automation import ManualAction
    >>> [str(action) for action in ManualAction]
    ['on', 'off', 'fan', 'winter', 'summer', 'quick_off']
    """

    ON = "on"
    OFF = "off"
    FAN = "fan"
    WINTER = "winter"
    SUMMER = "summer"
    QUICK_OFF = "quick_off"


class Outcome(StrEnum):
    """What a tick came to for a zone, in the dashboard's words.

    >>> from switchbot_automation import Outcome
    >>> Outcome.WINTER_ON == "winter_on"
    True
    """

    NOOP = "noop"
    DISABLED = "disabled"
    ALREADY_OFF = "already_off"
    TURNED_OFF_OUTSIDE_WINDOW = "turned_off_outside_window"
    OUTSIDE_WINDOW = "outside_window"
    MISSING_METER = "missing_meter"
    INVALID_TEMPERATURE = "invalid_temperature"
    INVALID_PROFILE = "invalid_profile"
    INVALID_THRESHOLDS = "invalid_thresholds"
    INVALID_MODE = "invalid_mode"
    INVALID_SETTINGS = "invalid_settings"
    COOLDOWN = "cooldown"
    WINTER_ON = "winter_on"
    WINTER_OFF = "winter_off"
    SUMMER_ON = "summer_on"
    SUMMER_OFF = "summer_off"
    OFF_REPEAT_PENDING = "off_repeat_pending"
    NO_ACTION = "no_action"
    FAN_NEUTRAL_ZONE = "fan_neutral_zone"
    DEVICE_ON = "device_on"
    DEVICE_OFF = "device_off"
    API_ERROR = "api_error"


class CommandStatus(StrEnum):
    """How far a command has come.

    >>> from switchbot_automation import CommandStatus
    >>> [str(status) for status in CommandStatus]
    ['decided', 'blocked', 'sent', 'accepted', 'confirmed', 'failed']
    """

    DECIDED = "decided"
    BLOCKED = "blocked"
    SENT = "sent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with the numbers behind it; keys of `detail` name the unit.

    >>> from switchbot_automation import Reason, ReasonCode
    >>> reason = Reason(ReasonCode.OFF_REPEAT, {"remaining": 1})
    >>> print(reason.code, reason.detail["remaining"])
    off_repeat 1
    """

    code: ReasonCode
    detail: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class RungResult:
    """What one rung of the cascade (webhook, scene, command) came to.

    `parameter` is what a `command` rung sent; None for the other rungs and for OFF.
    """

    rung: str
    ok: bool
    error: str | None = None
    duration_seconds: float = 0.0
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a tick and how far it came.

    `blocked_until` is the instant at which a command blocked by the equipment's
    minimum times becomes legal. `sent_at` is when the first rung was tried.

    >>> from switchbot_automation import Action, Command, CommandStatus
    >>> command = Command("1", "office", Action.OFF, CommandStatus.ACCEPTED)
    >>> command.status == "accepted"
    True
    """

    id: str
    zone: str
    action: Action
    status: CommandStatus
    rungs: tuple[RungResult, ...] = ()
    reasons: tuple[Reason, ...] = ()
    sent_at: datetime | None = None
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ZoneDecision:
    """What was decided for one zone. `action` None: leave it as it is.

    `if_blocked` is the outcome's word while the equipment's minimum times run, also
    when nothing is to be sent; None where they do not matter. `setpoint`, Celsius, is
    sent in place of the profile's. `look_at` is when a controller wants the next
    reading, counted from the last one and so perhaps past, None where the settings say
    it. `emergency`: safety wants it, and no minimum time may keep it waiting.
    `blocked_until` is until when its group keeps the zone waiting.

    >>> from switchbot_automation import Action, Outcome, ZoneDecision
    >>> decision = ZoneDecision("office", Outcome.WINTER_ON, Action.WINTER)
    >>> print(decision.zone, decision.outcome, decision.action)
    office winter_on winter
    """

    zone: str
    outcome: Outcome
    action: Action | None = None
    reasons: tuple[Reason, ...] = ()
    if_blocked: Outcome | None = None
    setpoint: float | None = None
    look_at: datetime | None = None
    blocked_until: datetime | None = None
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for the whole home at one instant."""

    at: datetime
    zones: tuple[ZoneDecision, ...]


@dataclass(frozen=True, slots=True)
class ZoneVerdict:
    """Whether a zone's action may be sent now.

    `outcome` is the final word for the zone. `blocked_until` is the exact instant at
    which the wait is over, given also when nothing was to be sent.
    """

    zone: str
    allowed: bool
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says about a decision, one verdict a zone, in the same order."""

    at: datetime
    zones: tuple[ZoneVerdict, ...]


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one `run_once` did.

    `outcome` is the default zone's word, else the most severe; `next_wakeup` is aware
    UTC.

    >>> import asyncio
    >>> from switchbot_automation import AutomationEngine
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> async def one_tick():
    ...     home, store = SimulatedHome(), MemoryStore()
    ...     store.set("settings", default_settings())
    ...     async with AutomationEngine(home, store, clock=home.clock) as engine:
    ...         return await engine.run_once("example")
    >>> report = asyncio.run(one_tick())
    >>> print(report.trigger, report.outcome, len(report.commands))
    example turned_off_outside_window 1
    """

    trigger: str
    outcome: Outcome
    decisions: tuple[ZoneDecision, ...]
    commands: tuple[Command, ...]
    next_wakeup: datetime
    duration_seconds: float


COLDEST: Final = 10.0
WARMEST: Final = 35.0
"""What a band may ask of a room, in degrees Celsius."""

LOWEST_SETPOINT: Final = 16.0
HIGHEST_SETPOINT: Final = 30.0
"""What setpoints an air conditioner takes, in degrees Celsius, as the catalogue has it."""

PLUGIN_PREFIX: Final = "plugin:"
"""What the id of a plug-in's device begins with."""


@dataclass(frozen=True, slots=True)
class PluginPart:
    """A part that the settings ask a plug-in for; `config` is what its schema returned.

    `fingerprint` tells it from one with other settings. The factory takes the config and,
    where it is known, the `plugins.PluginContext`, which it hands on to who wants it.
    `tells`: it is an actuator that can be read.
    """

    group: str
    word: str
    config: Any = field(repr=False)
    factory: Callable[..., Any] = field(repr=False)
    fingerprint: str = ""
    tells: bool = False
