"""The settings that protect: what a thermometer may be believed, what a unit may bear."""

from __future__ import annotations

from functools import partial

from switchbot_automation.settings.spec import Kind, SettingSpec


def _whole(
    name: str, default: int, bounds: tuple[int, int], unit: str, meaning: str
) -> SettingSpec:
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, unit)


_seconds = partial(_whole, unit="s")
_number = partial(SettingSpec, kind=Kind.NUMBER)


def _least(
    name: str, default: int, bounds: tuple[int, int], meaning: str, *aliases: str
) -> SettingSpec:
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, "s", (), aliases)


MINIMUM_TIMES: tuple[SettingSpec, ...] = (
    _least(
        "command_cooldown_seconds",
        180,
        (0, 3600),
        "Least time on and off where the next two are 0; 0 means none.",
    ),
    _least(
        "min_on_seconds",
        0,
        (0, 3600),
        "Least time it stays on; 0 means `command_cooldown_seconds`.",
        "action_on_cooldown_seconds",
    ),
    _least(
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
    _least("off_repeat_interval_seconds", 10, (1, 600), "Time between those."),
)

PROTECTION: tuple[SettingSpec, ...] = (
    _number(
        "frost_floor_celsius",
        meaning="At or below this a room that can be heated is, under a hold, a pause and"
        " with the automation off, too; only `observe_only` keeps it from that. Without a"
        " meter a thermostat is left at 2 K more, and an air conditioner runs for 15"
        " min every 2 h once it may freeze. 0 means none.",
        default=5.0,
        bounds=(0, 15),
        unit="°C",
    ),
    _number(
        "heat_ceiling_celsius",
        meaning="At or above this nothing heats the room, whoever wants it to; only"
        " `observe_only` leaves it. Where it is left out there is none.",
        bounds=(15, 50),
        unit="°C",
    ),
    _number(
        "plausible_min_celsius",
        meaning="A colder reading is no reading.",
        default=-10.0,
        bounds=(-50, 20),
        unit="°C",
    ),
    _number(
        "plausible_max_celsius",
        meaning="A warmer reading is no reading.",
        default=50.0,
        bounds=(25, 80),
        unit="°C",
    ),
    _number(
        "sensor_slew_kelvin",
        meaning="A reading further than this from the last one, for every five minutes"
        " between them, starts nothing until two agree; nor does it stop anything where"
        " the meter jumped and came back twice lately. 0 means that any may.",
        default=10.0,
        bounds=(0, 50),
        unit="K",
    ),
    _seconds(
        "sensor_stale_hold_seconds",
        0,
        (0, 86400),
        meaning="How long everything stays as it is without a reading; after that"
        " nothing is switched on. 0 means twice the time between readings.",
    ),
    _seconds(
        "sensor_stale_conservative_seconds",
        1800,
        (0, 86400),
        meaning="How long without a reading until a running unit is set to the saving"
        " end of the band; 0 means never.",
    ),
    _seconds(
        "sensor_stale_off_seconds",
        3600,
        (0, 86400),
        meaning="How long without a reading until a running unit is turned off; 0 means"
        " never.",
    ),
    _seconds(
        "sensor_frozen_seconds",
        14400,
        (0, 86400),
        meaning="How long temperature and humidity may stand still while the unit runs,"
        " before it is turned off and the meter mistrusted; after five sixths of it the"
        " setpoint is moved by a degree, which a live meter shows. 0 means for ever.",
    ),
    _whole(
        "sensor_recovery_readings",
        3,
        (1, 20),
        "times",
        "How many usable readings in a row a meter that was given up has to show before"
        " anything is switched on.",
    ),
    _seconds(
        "max_continuous_on_seconds",
        86400,
        (0, 604800),
        meaning="How long the unit may run without a stop, whatever is read; it then"
        " rests for ten minutes. 0 means for ever.",
    ),
    _whole(
        "max_starts_per_hour",
        6,
        (0, 60),
        "times",
        "How often the compressor may start within any sixty minutes; 0 means as often"
        " as the minimum times let it.",
    ),
    _whole(
        "max_starts_per_day",
        72,
        (0, 288),
        "times",
        "How often it may start within any 24 hours; 0 means as often as it likes.",
    ),
    _seconds(
        "changeover_gap_seconds",
        600,
        (0, 86400),
        meaning="Least rest between heating and cooling.",
    ),
    _seconds(
        "unknown_history_lockout_seconds",
        0,
        (0, 3600),
        meaning="Least wait before the first start while nobody knows when the"
        " compressor last stopped. 0 means `min_off_seconds`, and none for a new"
        " installation.",
    ),
)

CONFIRMATION: tuple[SettingSpec, ...] = (
    SettingSpec(
        "power_meter_device_id",
        Kind.DEVICE_ID,
        "A plug that measures what the air conditioner draws, and so shows whether a"
        " command was carried out.",
        "",
        (0, 50),
        "characters",
    ),
    _whole(
        "power_meter_channel",
        1,
        (1, 2),
        "",
        "Which channel of a relay with two of them the air conditioner hangs on.",
    ),
    _number(
        "power_meter_on_watts",
        meaning="From this on that plug's reading means that the unit runs.",
        default=60.0,
        bounds=(1, 10000),
        unit="W",
    ),
    _seconds(
        "confirm_within_seconds",
        180,
        (10, 3600),
        meaning="How long the unit's status or the plug may take to show a command.",
    ),
    SettingSpec(
        "thermal_response_seconds",
        Kind.WHOLE,
        "How long the room may take to follow its unit before what the unit was told is"
        " told again. Where it is left out, 45 min until the room has shown how long it"
        " takes; 0 means that the room is not asked.",
        bounds=(0, 86400),
        unit="s",
    ),
    _whole(
        "repair_attempts",
        2,
        (0, 10),
        "times",
        "How often a command that did not show is sent again before the unit counts as"
        " unresponsive; each time waits twice as long.",
    ),
    _seconds(
        "setpoint_change_seconds",
        300,
        (0, 86400),
        meaning="Least time between two changes of the setpoint, fan speed or mode of a"
        " unit that runs, however often what is wished changes.",
    ),
    SettingSpec(
        "command_quiet_hours",
        Kind.SECTION,
        "Hours in which the unit is to make no beep: nothing is sent but a person's"
        " commands, what safety asks, the OFF at the end of a window, and what a room"
        " needs that is 2 K out of its band.",
    ),
    SettingSpec(
        "command_quiet_hours.start",
        Kind.EDGE,
        "From when on.",
        bounds=(-720, 720),
        unit="min from the sun's",
        required=True,
    ),
    SettingSpec(
        "command_quiet_hours.end",
        Kind.EDGE,
        "Until when, on the next day where that is earlier than the start.",
        bounds=(-720, 720),
        unit="min from the sun's",
        required=True,
    ),
    SettingSpec(
        "manual_hold_seconds",
        Kind.WHOLE,
        "How long the automation leaves a zone alone after a person's command that says"
        " nothing of it; 0 means not at all. Where it is left out, until the next start"
        " or end of its windows, at most a day. After a change by the unit's own remote"
        " only as long as it says, and where but a plug shows that, 4 h at most; a cover"
        " that a hand moved is left for 4 h where it says nothing.",
        bounds=(0, 604800),
        unit="s",
    ),
)
