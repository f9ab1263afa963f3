"""Settings as the engine uses them: frozen, complete, already checked.

`settings.parse_settings` makes them from a document. The pure core imports only this.
What a document leaves out, and whoever makes them without one, has the defaults of
`settings_table`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.cloud.catalog.infrared import looks_infrared
from switchbot_automation.equipment.table import AIRCON, KINDS
from switchbot_automation.model import (
    COLDEST,
    DEFAULT_ZONE,
    HIGHEST_SETPOINT,
    LOWEST_SETPOINT,
    WARMEST,
    Action,
    Reason,
)
from switchbot_automation.schedule.windows import CATCH_UPS
from switchbot_automation.settings.table import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any
    from zoneinfo import ZoneInfo

    from switchbot_automation.equipment.kind import EquipmentKind
    from switchbot_automation.model import PluginPart
    from switchbot_automation.rules.definition.model import Rule
    from switchbot_automation.schedule.windows import CurvePoint, TimeWindow

_ZONE = DEFAULTS[""]
_SENSOR = DEFAULTS["sensors[]"]
_UNIT = DEFAULTS["equipment[]"]
_OPENINGS = DEFAULTS["openings"]
_PRESENCE = DEFAULTS["presence"]
_HUMIDITY = DEFAULTS["humidity"]
_AIR = DEFAULTS["air"]
_OFFSET = DEFAULTS["offsets[]"]
_PRICE = DEFAULTS["price"]
_GROUP = DEFAULTS["groups{}"]
_NOTIFIER = DEFAULTS["notifiers{}"]

# What a price leaves of a band: of one that is narrower a meter's step is too much.
NARROWEST_KELVIN = 1.2

USES = ("meter", "unit", "power", "outdoor", "opening", "presence")
"""What a device may be there for in a room; `power` measures what its unit draws."""


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

    def within(self, low: float, high: float) -> Profile:
        """Return it with that band, its setpoint moved as far as the band's middle."""
        kelvin = (low + high - self.min_temp - self.max_temp) / 2.0
        return replace(self.shifted(kelvin), min_temp=low, max_temp=high)

    def shifted(self, kelvin: float) -> Profile:
        """Return it moved by so much, its band within what settings allow."""
        least = min(self.min_temp, self.max_temp)
        most = max(self.min_temp, self.max_temp)
        kelvin = max(min(kelvin, WARMEST - most), COLDEST - least)
        lowest = min(LOWEST_SETPOINT, self.target_temp)
        highest = max(HIGHEST_SETPOINT, self.target_temp)
        return replace(
            self,
            min_temp=round(self.min_temp + kelvin, 3),
            max_temp=round(self.max_temp + kelvin, 3),
            target_temp=round(min(max(self.target_temp + kelvin, lowest), highest), 3),
        )


@dataclass(frozen=True, slots=True)
class Sensor:
    """One of several meters of a room."""

    device_id: str
    weight: float = _SENSOR["weight"]


@dataclass(frozen=True, slots=True)
class EquipmentUnit:
    """What keeps a room; `kind` is a word of `equipment.table.KINDS`.

    Its minimum times are None where they are as its kind or its zone has them.
    """

    kind: str
    device_id: str
    channel: int = _UNIT["channel"]
    level: int = _UNIT["level"]
    cycle_seconds: int = _UNIT["cycle_seconds"]
    measures_power: bool = _UNIT["measures_power"]
    joins_after_seconds: int = _UNIT["joins_after_seconds"]
    least_on_seconds: int | None = None
    least_off_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings by name, complete: a season without temperatures is None.

    `curve` are the points between which its bands move; `quiet_fan`: the fan runs low.
    """

    name: str
    winter: Profile | None
    summer: Profile | None
    hysteresis_celsius: float
    fan_mode_during_window: bool
    curve: tuple[CurvePoint, ...] = ()
    quiet_fan: bool = False


@dataclass(frozen=True, slots=True)
class Openings:
    """What pauses heating and cooling; `drop_kelvin` 0: the room's own loss does not."""

    sensors: tuple[str, ...] = _OPENINGS["sensors"]
    pause_after_seconds: int = _OPENINGS["pause_after_seconds"]
    resume_after_seconds: int = _OPENINGS["resume_after_seconds"]
    poll_interval_seconds: int = _OPENINGS["poll_interval_seconds"]
    unknown_after_seconds: int = _OPENINGS["unknown_after_seconds"]
    drop_kelvin: float = _OPENINGS["drop_kelvin"]
    drop_pause_seconds: int = _OPENINGS["drop_pause_seconds"]
    longest_pause_seconds: int = _OPENINGS["longest_pause_seconds"]
    frost_celsius: float = _OPENINGS["frost_celsius"]


@dataclass(frozen=True, slots=True)
class Presence:
    """What tells that somebody is there, and the preset for while nobody is."""

    sensors: tuple[str, ...]
    preset: str
    away_after_seconds: int = _PRESENCE["away_after_seconds"]
    poll_interval_seconds: int = _PRESENCE["poll_interval_seconds"]
    unknown_after_seconds: int = _PRESENCE["unknown_after_seconds"]


@dataclass(frozen=True, slots=True)
class OffsetInput:
    """A number from elsewhere that is added to the band, within `limit_kelvin`."""

    source: str
    limit_kelvin: float = _OFFSET["limit_kelvin"]
    expires_seconds: int = _OFFSET["expires_seconds"]


@dataclass(frozen=True, slots=True)
class PriceWindow:
    """Hours of a tariff, and what energy costs in them."""

    window: TimeWindow
    price: float


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """What energy costs, and how much of the band may be used for it; see `core.price`.

    A tariff by the clock: `windows`, and `otherwise` what it costs outside of them. With
    `source` a series of that name counts instead, while it is known and was issued no
    more than `max_age_seconds` ago.
    """

    windows: tuple[PriceWindow, ...] = _PRICE["windows"]
    otherwise: float | None = None
    source: str = _PRICE["source"]
    max_age_seconds: int = _PRICE["max_age_seconds"]
    share: float = _PRICE["share"]
    lead_seconds: int = _PRICE["lead_seconds"]

    @property
    def lead(self) -> timedelta:
        """How long before dear hours heat is stored."""
        return timedelta(seconds=self.lead_seconds)


@dataclass(frozen=True, slots=True)
class Humidity:
    """What humidity a room is kept at; percent are relative, None is no such end."""

    min_percent: float | None = None
    max_percent: float | None = None
    max_dew_point_celsius: float | None = None
    mould_risk: bool = _HUMIDITY["mould_risk"]
    dry_mode: bool = _HUMIDITY["dry_mode"]
    hysteresis_percent: float = _HUMIDITY["hysteresis_percent"]


@dataclass(frozen=True, slots=True)
class Air:
    """Until when a room's air is fresh."""

    max_co2_ppm: int = _AIR["max_co2_ppm"]
    hysteresis_ppm: int = _AIR["hysteresis_ppm"]


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """One zone. `winter` and `summer` are None where the document gave no temperatures.

    With `equipment`, `aircon_device_id` is the device of its first entry. Each further
    entry has settings of its own beside: those of a unit whose `lead` is this zone, see
    `settings.units`; it is `without_unit` where none of them heats or cools. A unit is
    `backed_up` where another of its room heats without a compressor; the room's air is
    `air_left` to another that changes the same of it. With `sensors`, `meter_device_id` is
    the first of them. `overlay` says what of these is not as the document has it, None where
    nothing ever is; see `core.overlay`.
    """

    name: str
    timezone: ZoneInfo
    automation_enabled: bool = _ZONE["automation_enabled"]
    observe_only: bool = _ZONE["observe_only"]
    mode: str = _ZONE["mode"]
    poll_interval_seconds: int = _ZONE["poll_interval_seconds"]
    adaptive_polling_enabled: bool = _ZONE["adaptive_polling_enabled"]
    idle_poll_interval_seconds: int = _ZONE["idle_poll_interval_seconds"]
    predictive_polling: bool = _ZONE["predictive_polling"]
    poll_warmup_minutes: int = _ZONE["poll_warmup_minutes"]
    aircon_poll_cooldown_minutes: int = _ZONE["aircon_poll_cooldown_minutes"]
    hysteresis_celsius: float = _ZONE["hysteresis_celsius"]
    command_cooldown_seconds: int = _ZONE["command_cooldown_seconds"]
    min_on_seconds: int = _ZONE["min_on_seconds"]
    min_off_seconds: int = _ZONE["min_off_seconds"]
    off_repeat_count: int = _ZONE["off_repeat_count"]
    off_repeat_interval_seconds: int = _ZONE["off_repeat_interval_seconds"]
    turn_off_outside_windows: bool = _ZONE["turn_off_outside_windows"]
    fan_mode_during_window: bool = _ZONE["fan_mode_during_window"]
    meter_device_id: str = _ZONE["meter_device_id"]
    aircon_device_id: str = _ZONE["aircon_device_id"]
    equipment: tuple[EquipmentUnit, ...] = _ZONE["equipment"]
    half_degrees: bool = _ZONE["half_degrees"]
    time_windows: tuple[TimeWindow, ...] = _ZONE["time_windows"]
    season_dwell_minutes: int = _ZONE["season_dwell_minutes"]
    control: str = _ZONE["control"]
    overshoot_learning: bool = False
    optimum_start: bool = _ZONE["optimum_start"]
    winter: Profile | None = None
    summer: Profile | None = None
    scenes: Mapping[Action, str] = field(default_factory=dict)
    webhooks: Mapping[Action, str] = field(default_factory=dict, repr=False)
    webhook_allowed_hosts: frozenset[str] = frozenset(_ZONE["webhook_allowed_hosts"])
    cascade: tuple[str, ...] = _ZONE["cascade"]
    sensors: tuple[Sensor, ...] = _ZONE["sensors"]
    sensor_fusion: str = _ZONE["sensor_fusion"]
    sensor_disagree_kelvin: float = _ZONE["sensor_disagree_kelvin"]
    frost_floor_celsius: float = _ZONE["frost_floor_celsius"]
    heat_ceiling_celsius: float | None = None
    heat_pump_min_outdoor_celsius: float | None = None
    outdoor_device_id: str = _ZONE["outdoor_device_id"]
    humidity: Humidity | None = None
    air: Air | None = None
    feels_like: bool = _ZONE["feels_like"]
    lead: str = ""
    without_unit: bool = False
    unit_tells: bool = False
    backed_up: bool = False
    air_left: bool = False
    plausible_min_celsius: float = _ZONE["plausible_min_celsius"]
    plausible_max_celsius: float = _ZONE["plausible_max_celsius"]
    sensor_slew_kelvin: float = _ZONE["sensor_slew_kelvin"]
    sensor_stale_hold_seconds: int = _ZONE["sensor_stale_hold_seconds"]
    sensor_stale_conservative_seconds: int = _ZONE["sensor_stale_conservative_seconds"]
    sensor_stale_off_seconds: int = _ZONE["sensor_stale_off_seconds"]
    sensor_frozen_seconds: int = _ZONE["sensor_frozen_seconds"]
    sensor_recovery_readings: int = _ZONE["sensor_recovery_readings"]
    max_continuous_on_seconds: int = _ZONE["max_continuous_on_seconds"]
    max_starts_per_hour: int = _ZONE["max_starts_per_hour"]
    max_starts_per_day: int = _ZONE["max_starts_per_day"]
    changeover_gap_seconds: int = _ZONE["changeover_gap_seconds"]
    unknown_history_lockout_seconds: int = _ZONE["unknown_history_lockout_seconds"]
    buttons: Mapping[Action, str] = field(default_factory=dict)
    power_meter_device_id: str = _ZONE["power_meter_device_id"]
    power_meter_channel: int = _ZONE["power_meter_channel"]
    power_meter_on_watts: float = _ZONE["power_meter_on_watts"]
    confirm_within_seconds: int = _ZONE["confirm_within_seconds"]
    thermal_response_seconds: int | None = None
    repair_attempts: int = _ZONE["repair_attempts"]
    setpoint_change_seconds: int = _ZONE["setpoint_change_seconds"]
    command_quiet_hours: TimeWindow | None = None
    manual_hold_seconds: int | None = None
    presets: Mapping[str, Preset] = field(default_factory=dict)
    preset: str = _ZONE["preset"]
    openings: Openings | None = None
    presence: Presence | None = None
    offsets: tuple[OffsetInput, ...] = _ZONE["offsets"]
    price: PriceSettings | None = None
    outdoor_forecast: str = _ZONE["outdoor_forecast"]
    sun_forecast: str = _ZONE["sun_forecast"]
    latitude: float | None = None
    longitude: float | None = None
    overlay: Overlay | None = None
    meters: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The devices that its temperature is read from, best first. Follows the others."""
    kind: EquipmentKind = field(init=False, repr=False, compare=False)
    """What its unit can do and how it is told. Follows the others."""
    unit_channel: int = field(init=False, repr=False, compare=False)
    """Which channel of its device the unit is, or to which level it goes; 0 where there
    is but one."""
    proportions: bool = field(init=False, repr=False, compare=False)
    """Whether its unit is on for a share of a cycle. Follows the others."""
    unit_readable: bool = field(init=False, repr=False, compare=False)
    """Whether its unit can be asked for a status. Follows the others."""
    predictive: bool = field(init=False, repr=False, compare=False)
    """Whether its meter is read by prediction; steering implies it. Follows the others."""
    steers: bool = field(init=False, repr=False, compare=False)
    """Whether its room is kept by a setpoint that follows the meter. Follows the others."""
    modulates: bool = field(init=False, repr=False, compare=False)
    """Whether its setpoint is steered, which takes a unit that can be told. Follows the
    others."""
    learns: bool = field(init=False, repr=False, compare=False)
    """Whether it uses anything that has to be learned. Follows the others."""
    shows: bool = field(init=False, repr=False, compare=False)
    """Whether anything can show that a command was carried out. Follows the others."""
    ways: frozenset[Action] = field(init=False, repr=False, compare=False)
    """The actions that any way is configured for."""
    without_way: tuple[Action, ...] = field(init=False, repr=False, compare=False)
    """What it has to do and no way is configured for; none where it only looks on."""

    def __post_init__(self) -> None:
        meters = tuple(sensor.device_id for sensor in self.sensors)
        if not meters and self.meter_device_id:
            meters = (self.meter_device_id,)
        # Asked for many times a tick, and of settings that never change.
        object.__setattr__(self, "meters", meters)
        unit = self.equipment[0] if self.equipment else None
        kind = AIRCON if unit is None else KINDS[unit.kind]
        object.__setattr__(self, "kind", kind)
        channel = (unit.channel or unit.level) if unit else 0
        object.__setattr__(self, "unit_channel", channel)
        # Without a unit to send a setpoint to, `auto` switches.
        steers = self.control == "modulate" or (
            self.control == "auto"
            and bool(self.aircon_device_id)
            and "command" in self.cascade
        )
        proportions = kind.proportional and steers
        object.__setattr__(self, "proportions", proportions)
        # What keeps humidity or air is looked at with the temperature of its room.
        steers = steers and (kind.sets or kind.own is not None)
        object.__setattr__(self, "steers", steers)
        object.__setattr__(self, "predictive", self.predictive_polling or steers)
        modulates = steers and kind.sets and bool(self.aircon_device_id)
        object.__setattr__(self, "modulates", modulates)
        learns = (
            self.automation_enabled
            and kind.own is None
            and (
                self.optimum_start
                or self.overshoot_learning
                or modulates
                or self.mode == "auto"
            )
        )
        object.__setattr__(self, "learns", learns)
        object.__setattr__(self, "ways", frozenset(filter(self._first_way, Action)))
        object.__setattr__(self, "without_way", self._without_way())
        told = self.unit_tells or not looks_infrared(self.aircon_device_id)
        readable = told and (
            # What a plug says of itself is what is read as its watts.
            self.power_meter_device_id != self.aircon_device_id
        )
        object.__setattr__(self, "unit_readable", readable)
        shows = readable or self.power_meter_device_id or self.thermal_response_seconds
        object.__setattr__(self, "shows", bool(shows))

    def with_laid(self, **changes: Any) -> ZoneSettings:
        """Return it with other values of what is laid over a zone, see `LAID`.

        What follows from its fields stays as it is: `dataclasses.replace` would find all
        of it again, several times a tick.
        """
        if not changes.keys() <= LAID:
            others = ", ".join(sorted(changes.keys() - LAID))
            raise TypeError(f"more than an overlay follows from {others}")
        made = object.__new__(ZoneSettings)
        for put, value in zip(_PUT.values(), _values_of(self), strict=True):
            put(made, value)
        for name, value in changes.items():
            _PUT[name](made, value)
        return made

    def heated(self, low: float, high: float, setpoint: float) -> ZoneSettings:
        """Return it as if all it was for were a band kept by heating, degrees Celsius."""
        fan = self.winter.fan_speed if self.winter else 3
        profile = Profile(low, high, setpoint, fan, 5)
        return replace(self, mode="winter", winter=profile)

    def _without_way(self) -> tuple[Action, ...]:
        if not self.commands or self.lead or self.without_unit:
            # What a further unit cannot, another of its room does.
            return ()
        further = [KINDS[unit.kind] for unit in self.equipment[1:]]
        missing = tuple(
            action
            for action in self.actions
            if not self.can(action) and not any(kind.can(action) for kind in further)
        )
        if self.mode != "auto":
            return missing
        # A room with nothing but heaters has no summer, which is no fault of it.
        return tuple(action for action in missing if self.is_made_to(action))

    def is_made_to(self, action: Action) -> bool:
        """Tell whether anything in its room is there to do that, set up or not.

        Of a further unit of a room only what that one does itself.
        """
        if not self.equipment or self.scenes.get(action) or self.webhooks.get(action):
            return True
        return any(KINDS[unit.kind].can(action) for unit in self.equipment)

    def can(self, action: Action) -> bool:
        """Tell whether any way is configured to carry an action out."""
        return action in self.ways

    @property
    def tells_fan(self) -> bool:
        """Whether its unit is told how fast its fan is to run.

        Not what has none, and not what a scene, a webhook or a learned button starts.
        """
        slow, fast = (self.kind.setting("20", 5, speed) for speed in (2, 3))
        return slow != fast and any(
            self._first_way(action) == "command"
            for action in self.actions
            if action is not Action.OFF
        )

    @property
    def is_set_elsewhere(self) -> bool:
        """Whether what it is set to is in a scene, a webhook or a learned button alone."""
        starts = [action for action in self.actions if action is not Action.OFF]
        ways = {self._first_way(action) for action in starts}
        return bool(starts) and "command" not in ways

    def _first_way(self, action: Action) -> str | None:
        """Return the rung that carries an action out, unless it fails; None without any."""
        device = bool(self.aircon_device_id) and action in self.kind.able
        configured = {
            "webhook": bool(self.webhooks.get(action)),
            "scene": bool(self.scenes.get(action)),
            "command": device,
            "button": device and bool(self.buttons.get(action)),
        }
        return next((rung for rung in self.cascade if configured[rung]), None)

    def has_beside_commands(self, action: Action) -> bool:
        """Tell whether an action can be carried out otherwise than by a command."""
        others = {
            "webhook": self.webhooks,
            "scene": self.scenes,
            "button": self.buttons if self.aircon_device_id else {},
        }
        return any(
            rung in self.cascade and ways.get(action) for rung, ways in others.items()
        )

    @property
    def devices(self) -> frozenset[str]:
        """The devices of the account that are asked for it."""
        return frozenset(device_id for device_id, _use in self.uses)

    @property
    def uses(self) -> tuple[tuple[str, str], ...]:
        """Each device of it with what it is there for, a word of `USES`."""
        around = (("opening", self.openings), ("presence", self.presence))
        named = (
            *((each, "meter") for each in self.meters),
            (self.aircon_device_id, "unit"),
            (self.power_meter_device_id, "power"),
            (self.outdoor_device_id, "outdoor"),
            *((each, use) for use, part in around if part for each in part.sensors),
        )
        return tuple((each, use) for each, use in named if each)

    @property
    def actions(self) -> tuple[Action, ...]:
        """What it has to be able to do to keep its room."""
        if self.mode == "auto":
            return (Action.WINTER, Action.SUMMER, Action.OFF)
        return (Action.SUMMER if self.mode == "summer" else Action.WINTER, Action.OFF)

    @property
    def commands(self) -> bool:
        """Whether the engine commands it by itself."""
        return self.automation_enabled and not self.observe_only

    @property
    def series(self) -> tuple[str, ...]:
        """The names of what is said of the hours to come, "" where there is none."""
        price = self.price.source if self.price else ""
        return (price, self.outdoor_forecast, self.sun_forecast)

    @property
    def is_overlaid(self) -> bool:
        """Whether these settings change with time and surroundings."""
        return bool(
            self.preset
            or self.outdoor_device_id
            or self.feels_like
            or self.openings
            or self.presence
            or self.offsets
            or self.price
            or self.outdoor_forecast
            or self.sun_forecast
            or any(
                window.preset
                or window.quiet_fan
                or window.curve
                or window.policy.catch_up != CATCH_UPS[0]
                for window in self.time_windows
            )
        )


LAID = frozenset(
    {
        *("winter", "summer", "hysteresis_celsius", "fan_mode_during_window"),
        *("time_windows", "overlay"),
    }
)
"""What is laid over a zone; none of what follows from a zone's fields follows from these."""

# What puts a value in each slot, as `object.__setattr__` does by the name of it.
_PUT = {
    each.name: vars(ZoneSettings)[each.name].__set__ for each in fields(ZoneSettings)
}
_values_of = attrgetter(*_PUT)


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Zones that share one outdoor unit; `policy` is one of `table.groups.POLICIES`."""

    name: str
    zones: tuple[str, ...]
    policy: str = _GROUP["policy"]
    changeover_gap_seconds: int = _GROUP["changeover_gap_seconds"]
    stagger_seconds: int = _GROUP["stagger_seconds"]
    dwell_seconds: int = _GROUP["dwell_seconds"]
    max_wait_seconds: int = _GROUP["max_wait_seconds"]


@dataclass(frozen=True, slots=True)
class NotifierSettings:
    """One way to tell a person; `kind` is one of `table.notifiers.NOTIFIERS`.

    `service` is Home Assistant's, `token` the password of whoever takes the notice.
    """

    name: str
    kind: str
    url: str = field(repr=False)
    token: str = field(default="", repr=False)
    service: str = _NOTIFIER["service"]
    allowed_hosts: frozenset[str] = frozenset(_NOTIFIER["allowed_hosts"])


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

    `quota_reserve` in calls, None for automatic. `language` is one of
    `languages.LANGUAGES`, or ``auto``; `unit` one of `units.UNITS`, in which a person is
    told temperatures: those here are in degrees Celsius. A person is told of batteries `battery_below` so
    many percent, and of filters `filter_after_hours`; 0 tells of none. `shadow`, of the same zones, is decided
    beside and never commanded. `rules` are a person's own, see `rules.model`,
    `notifiers` tell a person, `plugins` are the parts that plug-ins provide. `overlaid`
    names the zones whose settings change with time and surroundings. `set_aside` is what
    could be read no more, see `settings.salvage`. `changing`: they are
    not in force as they stand, see `core.overlay`.
    """

    zones: Mapping[str, ZoneSettings]
    api_quota_warning_threshold: int = _ZONE["api_quota_warning_threshold"]
    quota_reserve: int | None = None
    language: str = _ZONE["language"]
    unit: str = _ZONE["unit"]
    battery_below: float = _ZONE["battery_below"]
    filter_after_hours: float = _ZONE["filter_after_hours"]
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    shadow: Settings | None = None
    rules: tuple[Rule, ...] = _ZONE["rules"]
    notifiers: Mapping[str, NotifierSettings] = field(default_factory=dict)
    plugins: Mapping[str, PluginPart] = field(default_factory=dict)
    overlaid: frozenset[str] = frozenset()
    set_aside: tuple[SetAside, ...] = ()
    changing: bool = field(init=False, repr=False, compare=False)
    units: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    """The further units of each zone that has several, by its name."""

    def __post_init__(self) -> None:
        units: dict[str, tuple[str, ...]] = {}
        for name, zone in self.zones.items():
            if zone.lead:
                units[zone.lead] = (*units.get(zone.lead, ()), name)
        object.__setattr__(self, "units", units)
        # Asked at every tick, of settings that hardly ever change.
        seasonal = any(zone.mode == "auto" for zone in self.zones.values())
        object.__setattr__(self, "changing", bool(self.overlaid) or seasonal)

    def beside(self, zone: ZoneSettings) -> tuple[str, ...]:
        """Return the names of the zones of the other units of that zone's room."""
        first = zone.lead or zone.name
        more = self.units.get(first)
        if more is None:
            return ()
        return tuple(name for name in (first, *more) if name != zone.name)

    @property
    def default(self) -> ZoneSettings:
        """The zone named `default`, else the first."""
        return self.zones.get(DEFAULT_ZONE) or next(iter(self.zones.values()))


@dataclass(frozen=True, slots=True)
class Overlay:
    """What was laid over `base`, and why.

    `pause`: heating and cooling rest for it; `paused_since` is when its cause began. That
    without a pause lasts so long that only frost is kept off.
    `opened`: nothing is begun for it, since it would have to rest in a moment. `until`:
    when something of this changes by itself, aware UTC, None for never. `ahead`: a later
    window that wants more than the one that is open: when it opens, and the zone of then.
    `asked`: the profiles of winter and summer whose bands a price has narrowed, None where
    none has.
    """

    base: ZoneSettings
    reasons: tuple[Reason, ...] = ()
    pause: Reason | None = None
    paused_since: datetime | None = None
    opened: Reason | None = None
    until: datetime | None = None
    ahead: tuple[datetime, ZoneSettings] | None = None
    asked: tuple[Profile | None, Profile | None] | None = None
