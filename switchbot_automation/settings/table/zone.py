"""The settings of a zone: its band, how it is kept and read, and its devices."""

from __future__ import annotations

from functools import partial

from switchbot_automation.equipment.table import KINDS
from switchbot_automation.settings.spec import Kind, SettingSpec

RUNGS = ("webhook", "scene", "command", "button")
CONTROLS = ("auto", "switch", "modulate")
SEASONS = ("winter", "summer")
FUSIONS = ("median", "weighted", "fallback")


def _profile(season: str, ac_mode: int, low: str, high: str) -> tuple[SettingSpec, ...]:
    degrees = partial(SettingSpec, kind=Kind.NUMBER, bounds=(10, 35), unit="°C")
    other = "2 (that would cool)" if season == "winter" else "5 (that would heat)"
    return (
        SettingSpec(
            season,
            Kind.SECTION,
            f"What {season} mode keeps. Its three temperatures are needed once"
            f" automation is enabled in {season} mode.",
        ),
        degrees(f"{season}.min_temp", meaning=low),
        degrees(f"{season}.max_temp", meaning=high),
        degrees(
            f"{season}.target_temp",
            meaning="Setpoint sent to the air conditioner, which takes 16 to 30 °C;"
            " may lie outside the other two.",
        ),
        SettingSpec(
            f"{season}.fan_speed",
            Kind.WHOLE,
            "1 auto, 2 low, 3 medium, 4 high.",
            default=3,
            bounds=(1, 4),
        ),
        SettingSpec(
            f"{season}.ac_mode",
            Kind.WHOLE,
            f"0 and 1 auto, 2 cool, 3 dry, 4 fan, 5 heat; not {other}.",
            default=ac_mode,
            bounds=(0, 5),
        ),
    )


def _duration(
    name: str, default: int, bounds: tuple[int, int], meaning: str
) -> SettingSpec:
    unit = "min" if name.endswith("_minutes") else "s"
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, unit)


def _flag(name: str, meaning: str, *, default: bool = False) -> SettingSpec:
    return SettingSpec(name, Kind.FLAG, meaning, default)


def _device_id(name: str, meaning: str) -> SettingSpec:
    return SettingSpec(name, Kind.DEVICE_ID, meaning, "", (0, 50), "characters")


BAND: tuple[SettingSpec, ...] = (
    _flag(
        "automation_enabled",
        "Whether the engine commands by itself; when off it still reads the meter.",
    ),
    _flag(
        "observe_only",
        "Whether it only decides and records; a person's commands still go out.",
    ),
    SettingSpec(
        "mode",
        Kind.CHOICE,
        "Season: winter heats below a threshold, summer cools above one; auto does"
        " whichever the room asks for, and needs the temperatures of both.",
        default="winter",
        choices=(*SEASONS, "auto"),
    ),
    _duration(
        "season_dwell_minutes",
        240,
        (0, 10080),
        "With mode auto, least time in one season before the other.",
    ),
    *_profile(
        "winter",
        5,
        "Heating starts at this less the hysteresis.",
        "Heating stops at this plus the hysteresis.",
    ),
    *_profile(
        "summer",
        2,
        "Cooling stops at this less the hysteresis.",
        "Cooling starts at this plus the hysteresis.",
    ),
    SettingSpec(
        "hysteresis_celsius",
        Kind.NUMBER,
        "Widens both thresholds of a profile outward.",
        default=0.3,
        bounds=(0, 5),
        unit="K",
    ),
)

CONTROL: tuple[SettingSpec, ...] = (
    SettingSpec(
        "control",
        Kind.CHOICE,
        "How a room is kept: `auto` does whatever keeps it best, with `optimum_start` and"
        " `predictive_polling` unless they are given, and is recommended; `switch` turns"
        " the air conditioner on and off at the"
        " thresholds; `modulate` leaves it on and steers its setpoint so that the meter"
        " settles inside the band, for an inverter with `aircon_device_id`.",
        default="switch",
        choices=CONTROLS,
    ),
    SettingSpec(
        "overshoot_learning",
        Kind.FLAG,
        "Whether `switch` learns how far the room runs on and softens the setpoint, so"
        " that a light room does not short-cycle. Absent: yes where `control` is given.",
    ),
    _flag(
        "optimum_start",
        "Whether to begin before a window opens, as early as was learned to be needed, a"
        " day at most, so that the room is in its band by then; also within a window for"
        " one with a preset that wants more, as after a vacation.",
    ),
)

POLLING: tuple[SettingSpec, ...] = (
    _duration(
        "poll_interval_seconds", 120, (15, 3600), "Time between readings in windows."
    ),
    _flag(
        "adaptive_polling_enabled",
        "Whether to read less often outside windows.",
        default=True,
    ),
    _duration(
        "idle_poll_interval_seconds",
        600,
        (15, 86400),
        "Time between readings outside windows.",
    ),
    _flag(
        "predictive_polling",
        "Whether each meter is read only once its temperature could have reached the"
        " threshold that matters; `poll_interval_seconds` and `poll_warmup_minutes` then"
        " say nothing. Recommended; off, the intervals are fixed.",
    ),
    _duration(
        "poll_warmup_minutes",
        15,
        (0, 1440),
        "How long before a window reading gets frequent again.",
    ),
    _duration(
        "aircon_poll_cooldown_minutes",
        15,
        (1, 1440),
        "How old the air conditioner's status gets before it is read without need.",
    ),
)

METERS: tuple[SettingSpec, ...] = (
    _device_id("meter_device_id", "The meter of the room."),
    SettingSpec(
        "sensors",
        Kind.SECTIONS,
        "The room's meters where there are several, best first; `meter_device_id` is"
        " short for one.",
        default=(),
        bounds=(0, 20),
        unit="entries",
    ),
    SettingSpec(
        "sensors[].device_id",
        Kind.DEVICE_ID,
        "A meter.",
        bounds=(1, 50),
        unit="characters",
        required=True,
    ),
    SettingSpec(
        "sensors[].weight",
        Kind.NUMBER,
        "How much it counts under `weighted`.",
        default=1.0,
        bounds=(0.01, 100),
    ),
    SettingSpec(
        "sensor_fusion",
        Kind.CHOICE,
        "What several meters come to: the middle value, the mean by weight, or that of"
        " the first in the list that gives one.",
        default="median",
        choices=FUSIONS,
    ),
    SettingSpec(
        "sensor_disagree_kelvin",
        Kind.NUMBER,
        "A meter this far from the middle of the room's others, or from a better one of"
        " two, is left out; 0 means never.",
        default=4.0,
        bounds=(0, 30),
        unit="K",
    ),
)

DEVICES: tuple[SettingSpec, ...] = (
    _device_id(
        "aircon_device_id",
        "The air conditioner; empty where only scenes or webhooks reach it.",
    ),
    SettingSpec(
        "equipment",
        Kind.SECTIONS,
        "What heats or cools the room, where it is something else than an air conditioner"
        " or there are several; `aircon_device_id` is short for one of the kind `aircon`."
        " The first keeps the room. Each further one that heats or cools joins when those"
        " before it do not keep up, takes over where they must not or cannot run, and"
        " leaves once the room is in the middle of its band. It has a state, history and"
        " commands of its own, under the zone's name with its number: `living 2`.",
        default=(),
        bounds=(0, 12),
        unit="entries",
    ),
    SettingSpec(
        "equipment[].kind",
        Kind.CHOICE,
        "`aircon`: takes `setAll`. `thermostat`: a Smart Radiator Thermostat. `heater`: a"
        " heater on a Plug Mini, Plug or Relay Switch, which is on for a share of a"
        " cycle. `humidifier`, `dehumidifier` (on a Plug or Relay Switch), `purifier`,"
        " `fan`, `curtain`, `blind` and `shade` keep what `humidity`, `air` and summer ask"
        " for. Each brings times, caps and `control: auto` of its own, unless given.",
        choices=tuple(KINDS),
        required=True,
    ),
    SettingSpec(
        "equipment[].device_id",
        Kind.DEVICE_ID,
        "The device that is told.",
        bounds=(1, 50),
        unit="characters",
        required=True,
    ),
    SettingSpec(
        "equipment[].channel",
        Kind.WHOLE,
        "Of a `heater` or `dehumidifier`: which channel of a Relay Switch 2PM it hangs on;"
        " 0 where there is but one.",
        default=0,
        bounds=(0, 2),
    ),
    SettingSpec(
        "equipment[].level",
        Kind.WHOLE,
        "Of a `curtain` or `shade`: how far it closes against the sun; 0 means wholly.",
        default=0,
        bounds=(0, 100),
        unit="%",
    ),
    SettingSpec(
        "equipment[].cycle_seconds",
        Kind.WHOLE,
        "Of a `heater`: within how long it is on once and off once; with 25 min the relay"
        " switches six times in any hour at most.",
        default=1500,
        bounds=(300, 7200),
        unit="s",
    ),
    SettingSpec(
        "equipment[].measures_power",
        Kind.FLAG,
        "Of a `heater` or `dehumidifier`: whether its plug says what is drawn, and so"
        " whether it works; not so of a Plug.",
        default=True,
    ),
    SettingSpec(
        "equipment[].joins_after_seconds",
        Kind.WHOLE,
        "Of a second or later unit: how long the room is out of its band, with those"
        " before it running, until it joins; longer where they will be there by then.",
        default=1800,
        bounds=(0, 21600),
        unit="s",
    ),
    SettingSpec(
        "equipment[].least_on_seconds",
        Kind.WHOLE,
        "Least time this unit stays on, in place of the zone's or its kind's.",
        bounds=(0, 3600),
        unit="s",
    ),
    SettingSpec(
        "equipment[].least_off_seconds",
        Kind.WHOLE,
        "Least time this unit stays off, in place of the zone's or its kind's.",
        bounds=(0, 3600),
        unit="s",
    ),
    SettingSpec(
        "heat_pump_min_outdoor_celsius",
        Kind.NUMBER,
        "Below this outdoors no compressor of the zone heats, but against frost, until it"
        " is 1 K warmer; the next unit takes over. Needs `outdoor_device_id`; where that"
        " is silent for 3 h a unit without a compressor takes over; with none in the room"
        " its last word counts. Absent: no such limit.",
        bounds=(-40, 20),
        unit="°C",
    ),
    _device_id(
        "outdoor_device_id",
        "The meter outdoors: of the account, `plugin:NAME`, or one that a host feeds.",
    ),
    SettingSpec(
        "humidity",
        Kind.SECTION,
        "What humidity the room is kept at within its windows, by the humidity of its"
        " meter: by a `humidifier`, a `dehumidifier`, or the air conditioner's dry mode.",
    ),
    SettingSpec(
        "humidity.min_percent",
        Kind.NUMBER,
        "Below this the air is wetted.",
        bounds=(10, 80),
        unit="%",
    ),
    SettingSpec(
        "humidity.max_percent",
        Kind.NUMBER,
        "Above this the air is dried.",
        bounds=(20, 95),
        unit="%",
    ),
    SettingSpec(
        "humidity.max_dew_point_celsius",
        Kind.NUMBER,
        "The air is dried above this dew point, too (Magnus formula over water, WMO-No. 8).",
        bounds=(0, 30),
        unit="°C",
    ),
    _flag(
        "humidity.mould_risk",
        "Whether the air is also dried, and no more wetted, where a poorly insulated wall"
        " would be at 80 % or more (ISO 13788, a temperature factor of 0.7); needs"
        " `outdoor_device_id`.",
    ),
    _flag(
        "humidity.dry_mode",
        "Whether the air conditioner dries in its dry mode in summer, while the room needs"
        " no cooling and no `dehumidifier` does.",
        default=True,
    ),
    SettingSpec(
        "humidity.hysteresis_percent",
        Kind.NUMBER,
        "How far back within its end the humidity has to be until that is enough.",
        default=3.0,
        bounds=(0.5, 20),
        unit="%",
    ),
    SettingSpec(
        "air",
        Kind.SECTION,
        "What air the room is kept at within its windows, by the CO2 of its meter: by a"
        " `fan` that brings fresh air; a `purifier` cleans it meanwhile, and takes no"
        " CO2.",
    ),
    SettingSpec(
        "air.max_co2_ppm",
        Kind.WHOLE,
        "Above this the air is stale.",
        default=1000,
        bounds=(500, 5000),
        unit="ppm",
    ),
    SettingSpec(
        "air.hysteresis_ppm",
        Kind.WHOLE,
        "How far below that it has to be until that is enough.",
        default=150,
        bounds=(20, 1000),
        unit="ppm",
    ),
    _flag(
        "feels_like",
        "Whether the bands are of what the air feels like rather than of its temperature:"
        " the apparent temperature after Steadman 1994 without wind and sun, as the"
        " Australian Bureau of Meteorology gives it, 3 K from the temperature at most.",
    ),
    _flag("half_degrees", "Whether the air conditioner takes half degrees."),
    SettingSpec(
        "aircon_scenes",
        Kind.SCENES,
        "Scene that carries out winter, summer, fan or off; empty for none. A zone's"
        " object replaces the whole.",
        bounds=(0, 50),
        unit="characters each",
    ),
    SettingSpec(
        "webhooks",
        Kind.WEBHOOKS,
        "URL that carries out winter, summer, fan or off: https, a public host, its path"
        ' kept secret, or `{"secret": "NAME"}` for one that lies outside.'
        " A zone's object replaces the whole.",
        bounds=(0, 2048),
        unit="characters each",
        aliases=("ifttt_webhooks",),
    ),
    SettingSpec(
        "webhook_allowed_hosts",
        Kind.HOSTS,
        "Hosts that webhooks may reach at a private address and without TLS.",
        default=(),
        bounds=(0, 50),
        unit="entries",
    ),
    SettingSpec(
        "cascade",
        Kind.CASCADE,
        "In which order a command is tried, as far as each way is configured.",
        default=RUNGS,
        bounds=(1, 4),
        unit="entries",
        choices=RUNGS,
    ),
    SettingSpec(
        "buttons",
        Kind.BUTTONS,
        "Name of the learned button that carries out winter, summer, fan or off, for a"
        " remote that refuses `setAll`. A zone's object replaces the whole.",
        bounds=(0, 100),
        unit="characters each",
    ),
)

OLD: tuple[SettingSpec, ...] = (
    SettingSpec(
        "trigger_mode",
        Kind.CHOICE,
        "Of older documents: `direct` means the cascade scene, command; `ifttt` webhook"
        " alone. Use `cascade`.",
        choices=("direct", "ifttt"),
    ),
)
