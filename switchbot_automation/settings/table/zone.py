"""Every setting, once: the schema, the defaults, the bounds and the documentation.

Names with a section (``winter.min_temp``) lie inside that key of the document; those
under ``time_windows[]`` or ``sensors[]`` inside each element of that list, those under ``groups{}`` or
``presets{}`` inside each value of that object.
"""

from __future__ import annotations

from functools import partial

from switchbot_automation.settings.spec import Kind, SettingSpec
from switchbot_automation.settings.table.comfort import COMFORT
from switchbot_automation.settings.table.protection import (
    ACTING,
    OWN,
    PROTECTION,
    SENSORS,
)
from switchbot_automation.settings.table.windows import PLACE, WINDOWS

__all__ = ["Kind", "SettingSpec", "settings_table"]

RUNGS = ("webhook", "scene", "command", "button")
CONTROLS = ("switch", "modulate")
SEASONS = ("winter", "summer")
POLICIES = ("majority", "priority", "largest_error")


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
            meaning="Setpoint sent to the air conditioner; may lie outside the other two.",
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
    name: str, default: int, bounds: tuple[int, int], meaning: str, *aliases: str
) -> SettingSpec:
    unit = "min" if name.endswith("_minutes") else "s"
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, unit, (), aliases)


def _of_group(
    key: str, default: int, bounds: tuple[int, int], meaning: str
) -> SettingSpec:
    name = f"groups{{}}.{key}"
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, "s", per_zone=False)


def _flag(name: str, meaning: str, *, default: bool = False) -> SettingSpec:
    return SettingSpec(name, Kind.FLAG, meaning, default)


def _device_id(name: str, meaning: str) -> SettingSpec:
    return SettingSpec(name, Kind.DEVICE_ID, meaning, "", (0, 50), "characters")


_TABLE: tuple[SettingSpec, ...] = (
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
    *WINDOWS,
    SettingSpec(
        "timezone",
        Kind.TIMEZONE,
        "The clock that the windows are read on.",
        default="Europe/Paris",
    ),
    *PLACE,
    _flag(
        "turn_off_outside_windows",
        "Whether the air conditioner is turned off while no window is in force.",
    ),
    _flag(
        "fan_mode_during_window",
        "Whether, inside a window, the fan runs where the air conditioner would be off.",
    ),
    *COMFORT,
    SettingSpec(
        "control",
        Kind.CHOICE,
        "How a room is kept: `switch` turns the air conditioner on and off at the"
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
        "Whether to begin before a window opens, as early as was learned to be needed,"
        " so that the room is in its band by then.",
    ),
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
    _duration(
        "command_cooldown_seconds",
        180,
        (0, 3600),
        "Least time on and off where the next two are 0; 0 means none.",
    ),
    _duration(
        "min_on_seconds",
        0,
        (0, 3600),
        "Least time it stays on; 0 means `command_cooldown_seconds`.",
        "action_on_cooldown_seconds",
    ),
    _duration(
        "min_off_seconds",
        0,
        (0, 3600),
        "Least time it stays off; 0 means `command_cooldown_seconds`.",
        "action_off_cooldown_seconds",
    ),
    SettingSpec(
        "off_repeat_count",
        Kind.WHOLE,
        "How often OFF is sent in all, since infrared may be missed.",
        default=1,
        bounds=(1, 10),
        unit="times",
    ),
    _duration("off_repeat_interval_seconds", 10, (1, 600), "Time between those."),
    SettingSpec(
        "api_quota_warning_threshold",
        Kind.WHOLE,
        "Warn once no more than this are left of the day; 0 means never.",
        default=250,
        bounds=(0, 10000),
        unit="calls",
        per_zone=False,
    ),
    SettingSpec(
        "quota_reserve",
        Kind.RESERVE,
        "Calls of the day that readings leave to commands; `auto` is 5 % of the limit"
        " and at least 300.",
        default="auto",
        bounds=(0, 9999),
        unit="calls",
        per_zone=False,
    ),
    *PROTECTION,
    _device_id("meter_device_id", "The meter of the room."),
    *SENSORS,
    _device_id(
        "aircon_device_id",
        "The air conditioner; empty where only scenes or webhooks reach it.",
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
        " kept secret. A zone's object replaces the whole.",
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
    *ACTING,
    SettingSpec(
        "trigger_mode",
        Kind.CHOICE,
        "Of older documents: `direct` means the cascade scene, command; `ifttt` webhook"
        " alone. Use `cascade`.",
        choices=("direct", "ifttt"),
    ),
    SettingSpec(
        "shadow",
        Kind.OVERRIDES,
        "Other settings, written over these, that are decided beside them and recorded"
        " where they differ, without commanding anything.",
        per_zone=False,
    ),
    *OWN,
    SettingSpec(
        "zones",
        Kind.ZONES,
        "Rooms by name; each overrides any of these keys. Without it there is one,"
        " `default`.",
        bounds=(1, 100),
        unit="characters a name",
        per_zone=False,
    ),
    SettingSpec(
        "groups",
        Kind.GROUPS,
        "Zones by group that share one outdoor unit, which heats or cools but never both.",
        bounds=(1, 100),
        unit="characters a name",
        per_zone=False,
    ),
    SettingSpec(
        "groups{}.zones",
        Kind.NAMES,
        "Its zones; in the order of their rank under the policy `priority`.",
        bounds=(1, 100),
        unit="entries",
        required=True,
        per_zone=False,
    ),
    SettingSpec(
        "groups{}.policy",
        Kind.CHOICE,
        "Whose season wins where zones want both: that of the most zones, of the first"
        " in the list, or of the one farthest from its band.",
        default="majority",
        choices=POLICIES,
        per_zone=False,
    ),
    _of_group(
        "changeover_gap_seconds",
        600,
        (0, 86400),
        "Least rest between heating and cooling.",
    ),
    _of_group(
        "stagger_seconds", 30, (0, 3600), "Least time between the starts of two zones."
    ),
    _of_group(
        "dwell_seconds",
        1800,
        (0, 86400),
        "Least time that one season keeps the unit once it has it.",
    ),
    _of_group(
        "max_wait_seconds",
        5400,
        (0, 86400),
        "After waiting this long a zone's season wins whatever the policy says.",
    ),
)


def settings_table() -> list[SettingSpec]:
    """Return every setting, in the order of the documentation."""
    return list(_TABLE)
