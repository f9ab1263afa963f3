"""Settings as the engine uses them: frozen, complete, already checked.

`settings.parse_settings` makes them from a document. The pure core imports only this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.model import DEFAULT_ZONE, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from switchbot_automation.model import Action, PluginPart
    from switchbot_automation.rules.definition.model import Rule
    from switchbot_automation.schedule.windows import TimeWindow


@dataclass(frozen=True, slots=True)
class Profile:
    """What a season asks for. Temperatures in degrees Celsius.

    `ac_mode`: 0 and 1 auto, 2 cool, 3 dry, 4 fan, 5 heat. `fan_speed`: 1 auto, 2 low,
    3 medium, 4 high. `target_temp` is what is sent to the air conditioner.
    """

    min_temp: float
    max_temp: float
    target_temp: float
    fan_speed: int
    ac_mode: int


@dataclass(frozen=True, slots=True)
class Sensor:
    """One of several meters of a room."""

    device_id: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings by name, complete: a season without temperatures is None."""

    name: str
    winter: Profile | None
    summer: Profile | None
    hysteresis_celsius: float
    fan_mode_during_window: bool


@dataclass(frozen=True, slots=True)
class Openings:
    """What pauses heating and cooling; `drop_kelvin` 0: the room's own loss does not."""

    sensors: tuple[str, ...] = ()
    pause_after_seconds: int = 60
    resume_after_seconds: int = 60
    poll_interval_seconds: int = 600
    unknown_after_seconds: int = 3600
    drop_kelvin: float = 0.0
    drop_pause_seconds: int = 1200


@dataclass(frozen=True, slots=True)
class Presence:
    """What tells that somebody is there, and the preset for while nobody is."""

    sensors: tuple[str, ...]
    preset: str
    away_after_seconds: int = 1800
    poll_interval_seconds: int = 600
    unknown_after_seconds: int = 7200


@dataclass(frozen=True, slots=True)
class OffsetInput:
    """A number from elsewhere that is added to the band, within `limit_kelvin`."""

    source: str
    limit_kelvin: float = 1.0
    expires_seconds: int = 7200


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """One zone. `winter` and `summer` are None where the document gave no temperatures.

    With `sensors`, `meter_device_id` is the first of them. `overlay` says what of these
    is not as the document has it, None where nothing ever is; see `core.overlay`.
    """

    name: str
    timezone: ZoneInfo
    automation_enabled: bool = False
    observe_only: bool = False
    mode: str = "winter"
    poll_interval_seconds: int = 120
    adaptive_polling_enabled: bool = True
    idle_poll_interval_seconds: int = 600
    predictive_polling: bool = False
    poll_warmup_minutes: int = 15
    aircon_poll_cooldown_minutes: int = 15
    hysteresis_celsius: float = 0.3
    command_cooldown_seconds: int = 180
    min_on_seconds: int = 0
    min_off_seconds: int = 0
    off_repeat_count: int = 1
    off_repeat_interval_seconds: int = 10
    turn_off_outside_windows: bool = False
    fan_mode_during_window: bool = False
    meter_device_id: str = ""
    aircon_device_id: str = ""
    half_degrees: bool = False
    time_windows: tuple[TimeWindow, ...] = ()
    season_dwell_minutes: int = 240
    control: str = "switch"
    overshoot_learning: bool = False
    optimum_start: bool = False
    winter: Profile | None = None
    summer: Profile | None = None
    scenes: Mapping[Action, str] = field(default_factory=dict)
    webhooks: Mapping[Action, str] = field(default_factory=dict, repr=False)
    webhook_allowed_hosts: frozenset[str] = frozenset()
    cascade: tuple[str, ...] = ("webhook", "scene", "command", "button")
    sensors: tuple[Sensor, ...] = ()
    sensor_fusion: str = "median"
    plausible_min_celsius: float = -10.0
    plausible_max_celsius: float = 50.0
    sensor_slew_kelvin: float = 10.0
    sensor_stale_hold_seconds: int = 0
    sensor_stale_conservative_seconds: int = 1800
    sensor_stale_off_seconds: int = 3600
    sensor_frozen_seconds: int = 14400
    sensor_recovery_readings: int = 3
    max_continuous_on_seconds: int = 86400
    max_starts_per_hour: int = 6
    max_starts_per_day: int = 72
    changeover_gap_seconds: int = 600
    unknown_history_lockout_seconds: int = 0
    buttons: Mapping[Action, str] = field(default_factory=dict)
    power_meter_device_id: str = ""
    power_meter_on_watts: float = 60.0
    confirm_within_seconds: int = 180
    thermal_response_seconds: int = 0
    repair_attempts: int = 2
    manual_hold_seconds: int | None = None
    presets: Mapping[str, Preset] = field(default_factory=dict)
    preset: str = ""
    openings: Openings | None = None
    presence: Presence | None = None
    offsets: tuple[OffsetInput, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    overlay: Overlay | None = None

    @property
    def meters(self) -> tuple[str, ...]:
        """The devices that its temperature is read from, best first."""
        if self.sensors:
            return tuple(sensor.device_id for sensor in self.sensors)
        return (self.meter_device_id,) if self.meter_device_id else ()


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Zones that share one outdoor unit; `policy` is one of `table.groups.POLICIES`."""

    name: str
    zones: tuple[str, ...]
    policy: str = "majority"
    changeover_gap_seconds: int = 600
    stagger_seconds: int = 30
    dwell_seconds: int = 1800
    max_wait_seconds: int = 5400


class SetAside(NamedTuple):
    """A part of a stored document that cannot be read here, and that the rest goes without.

    `path` is where it stands, `name` its key or the rule's id, `error` says what is wrong.
    """

    path: str
    name: str
    error: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole document. `zones` has at least one; a flat document is zone `default`.

    `quota_reserve` in calls, None for automatic. `shadow`, of the same zones, is decided
    beside and never commanded. `rules` are a person's own, see `rules.model`,
    `plugins` the parts that plug-ins provide. `overlaid`
    names the zones whose settings change with time and surroundings. `set_aside` is what
    could be read no more, see `settings.salvage`.
    """

    zones: Mapping[str, ZoneSettings]
    api_quota_warning_threshold: int = 250
    quota_reserve: int | None = None
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    shadow: Settings | None = None
    rules: tuple[Rule, ...] = ()
    plugins: Mapping[str, PluginPart] = field(default_factory=dict)
    overlaid: frozenset[str] = frozenset()
    set_aside: tuple[SetAside, ...] = ()

    @property
    def default(self) -> ZoneSettings:
        """The zone named `default`, else the first."""
        return self.zones.get(DEFAULT_ZONE) or next(iter(self.zones.values()))


@dataclass(frozen=True, slots=True)
class Overlay:
    """What was laid over `base`, and why.

    `pause`: heating and cooling rest for it; `paused_since` is when its cause began.
    `opened`: nothing is begun for it, since it would have to rest in a moment. `until`:
    when something of this changes by itself, aware UTC, None for never.
    """

    base: ZoneSettings
    reasons: tuple[Reason, ...] = ()
    pause: Reason | None = None
    paused_since: datetime | None = None
    opened: Reason | None = None
    until: datetime | None = None
