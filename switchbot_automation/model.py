"""The plain data that passes between the parts. No I/O, no asyncio, no clock.

All instants are aware UTC, all temperatures degrees Celsius, all durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEFAULT_ZONE = "default"

NOTHING: Mapping[str, Any] = MappingProxyType({})


# --- what the cloud knows ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Device:
    """A physical device of the list.

    `device_type` is "" and `hub_device_id` None where the cloud left them out. `extra`
    holds the other keys as they came.
    """

    device_id: str
    name: str
    device_type: str
    hub_device_id: str | None
    cloud_service: bool
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class Remote:
    """An infrared remote of the list; its state cannot be read."""

    device_id: str
    name: str
    remote_type: str
    hub_device_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceList:
    """The account's devices. One empty list is not proof that they are gone."""

    devices: tuple[Device, ...]
    remotes: tuple[Remote, ...]


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device's status as the cloud gave it.

    `fields` are the raw fields; `received_at` says when the answer came, not when the
    device measured, which the cloud does not tell.
    """

    device_id: str
    device_type: str
    fields: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Scene:
    """A manual scene of the phone app."""

    scene_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The cloud accepted a command; that is no proof that it was carried out.

    `command_id` is given by devices that answer later, such as keypads.
    """

    device_id: str
    accepted_at: datetime
    command_id: str | None = None
    body: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


class CloudApi(Protocol):
    """What the engine needs of a cloud.

    `SwitchBotClient` is one, `simulation.SimulatedHome` another, a host's own a third.
    Any exception counts as a failed call.
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
    """What can be done to an air conditioner; also the key of its scenes and webhooks."""

    WINTER = "winter"
    SUMMER = "summer"
    FAN = "fan"
    OFF = "off"


class ManualAction(StrEnum):
    """What a person can ask for. `ON` is the season's; `QUICK_OFF` also disables."""

    ON = "on"
    OFF = "off"
    FAN = "fan"
    WINTER = "winter"
    SUMMER = "summer"
    QUICK_OFF = "quick_off"


class Outcome(StrEnum):
    """What a tick came to for a zone, in the dashboard's words."""

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
    API_ERROR = "api_error"


class CommandStatus(StrEnum):
    """How far a command has come."""

    DECIDED = "decided"
    BLOCKED = "blocked"
    SENT = "sent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class ReasonCode(StrEnum):
    """Why. Every decision and verdict carries at least one; the list only grows."""

    # where in the week, and whether at all
    AUTOMATION_DISABLED = "automation_disabled"
    IN_WINDOW = "in_window"
    OUTSIDE_WINDOWS = "outside_windows"
    NO_WINDOWS = "no_windows"

    # what was read
    NO_METER = "no_meter"
    """No meter is configured."""
    NO_READING = "no_reading"
    """The meter was reached and gave no temperature."""
    METER_UNREACHABLE = "meter_unreachable"
    TEMPERATURE_NOT_A_NUMBER = "temperature_not_a_number"
    TEMPERATURE_IMPLAUSIBLE = "temperature_implausible"
    """No room is that warm or cold."""
    TEMPERATURE_JUMPED = "temperature_jumped"
    """No room changes that fast; a start waits until several readings agree."""

    # what safety said
    SENSOR_STALE_NO_NEW_START = "sensor_stale_no_new_start"
    SENSOR_STALE_CONSERVATIVE = "sensor_stale_conservative"
    SENSOR_STALE_OFF = "sensor_stale_off"
    SENSOR_FROZEN = "sensor_frozen"
    """The value stood still for hours while the unit ran."""
    SENSOR_RECOVERING = "sensor_recovering"
    """Back after it was given up, and not yet trusted with a start."""
    MAX_CONTINUOUS_ON = "max_continuous_on"
    QUOTA_RESERVE = "quota_reserve"
    """What is left of the day's calls is kept for commands; nothing recent is known."""

    # what the rule of the season said
    TEMP_BELOW_ON_THRESHOLD = "temp_below_on_threshold"
    TEMP_ABOVE_ON_THRESHOLD = "temp_above_on_threshold"
    TEMP_BELOW_OFF_THRESHOLD = "temp_below_off_threshold"
    TEMP_ABOVE_OFF_THRESHOLD = "temp_above_off_threshold"
    WITHIN_BAND = "within_band"
    PROFILE_MISSING = "profile_missing"
    THRESHOLDS_INVERTED = "thresholds_inverted"
    MODE_UNKNOWN = "mode_unknown"

    # what the controllers said
    OPTIMUM_START = "optimum_start"
    """Begun before the window so that the room is in its band when it opens."""
    OPTIMUM_START_WAITS = "optimum_start_waits"
    """Not yet: the room is brought up in less time than is left."""
    SETPOINT_STEERED = "setpoint_steered"
    SETPOINT_KEPT = "setpoint_kept"
    SETPOINT_SOFTENED = "setpoint_softened"
    """Less is asked for than the profile says, so that the room is not overrun."""
    ROOM_HOLDS_WITHOUT = "room_holds_without"
    """The room stays in its band with the unit off."""

    # why nothing, or something else, needs to be sent
    ALREADY_OFF = "already_off"
    DUPLICATE_SUPPRESSED = "duplicate_suppressed"
    OFF_REPEAT_PENDING = "off_repeat_pending"
    FAN_INSTEAD_OF_OFF = "fan_instead_of_off"
    FAN_IN_NEUTRAL_ZONE = "fan_in_neutral_zone"

    # what its group said
    GROUP_MODE_CONFLICT = "group_mode_conflict"
    """The outdoor unit that zones share is at the other season's work."""
    GROUP_CHANGEOVER = "group_changeover"
    GROUP_STAGGER = "group_stagger"

    OBSERVE_ONLY = "observe_only"
    """The zone's settings want it decided and recorded, not sent."""
    HOLD_MANUAL = "hold_manual"
    """A person's command holds until the instant in `detail`."""

    # what the gate said
    NOTHING_TO_SEND = "nothing_to_send"
    GATE_OPEN = "gate_open"
    MIN_ON_REMAINING = "min_on_remaining"
    MIN_OFF_REMAINING = "min_off_remaining"
    START_CAP_HOUR = "start_cap_hour"
    """As many starts as may lie within any sixty minutes."""
    START_CAP_DAY = "start_cap_day"
    CHANGEOVER_REMAINING = "changeover_remaining"
    """Between heating and cooling the compressor has to rest longer."""
    HISTORY_UNKNOWN = "history_unknown"
    """Nobody knows when the compressor last stopped: it may have been just now."""
    EMERGENCY_OFF = "emergency_off"
    """Safety wants it off; the minimum on time does not keep it on."""
    REPEAT_AFTER_CRASH = "repeat_after_crash"
    """The very command whose fate is unknown; sending it again changes nothing."""

    # where a command came from
    OFF_REPEAT = "off_repeat"
    MANUAL = "manual"
    MANUAL_DEFERRED = "manual_deferred"
    """A person's command that had to wait for the equipment, now due."""

    # what became of a command
    CONFIRMED = "confirmed"
    """The unit's status, its plug or the room showed it."""
    VERIFY_FAILED_RESEND = "verify_failed_resend"
    DEVICE_UNRESPONSIVE = "device_unresponsive"
    """Sent again as often as allowed, and nothing shows that it was carried out."""
    NO_RUNG_CONFIGURED = "no_rung_configured"
    ALL_RUNGS_FAILED = "all_rungs_failed"
    LOST_RACE = "lost_race"
    """Another writer changed the state first; nothing was sent."""
    INTENT_IN_FLIGHT = "intent_in_flight"
    """Another engine recorded a command a moment ago and may be sending it."""
    NOT_LEASE_HOLDER = "not_lease_holder"
    """Another, newer engine commands on this state; this one only watches."""
    STORE_UNAVAILABLE = "store_unavailable"
    """The intent could not be recorded, so only OFF may be sent."""

    # the settings document
    SETTINGS_INVALID = "settings_invalid"
    SETTINGS_UNAVAILABLE = "settings_unavailable"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with the numbers behind it; keys of `detail` name the unit."""

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
    reading, None where the settings say it. `emergency`: safety wants it, and no
    minimum time may keep it waiting. `blocked_until` is until when its group
    keeps the zone waiting.
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
    """

    trigger: str
    outcome: Outcome
    decisions: tuple[ZoneDecision, ...]
    commands: tuple[Command, ...]
    next_wakeup: datetime
    duration_seconds: float
