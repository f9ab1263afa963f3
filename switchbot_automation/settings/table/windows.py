"""The settings of windows: when they are in force, on which clock, and what is outside."""

from __future__ import annotations

from switchbot_automation.schedule.windows import CATCH_UPS, GAPS, OVERLAPS, Policy
from switchbot_automation.settings.spec import Kind, SettingSpec
from switchbot_automation.settings.table.curves import curve_points

_ASSUMED = Policy()


def _flag(name: str, meaning: str) -> SettingSpec:
    return SettingSpec(name, Kind.FLAG, meaning, default=False)


WINDOWS: tuple[SettingSpec, ...] = (
    SettingSpec(
        "time_windows",
        Kind.SECTIONS,
        "When automation acts; none means never. Read on the clock of `timezone`.",
        default=(),
        bounds=(0, 100),
        unit="entries",
    ),
    SettingSpec(
        "time_windows[].days",
        Kind.DAYS,
        "Days the window starts on: 0 Monday to 6 Sunday.",
        bounds=(1, 7),
        unit="entries",
        required=True,
    ),
    SettingSpec(
        "time_windows[].start",
        Kind.EDGE,
        "When it starts; by the sun as `sunset-30`, in minutes, which needs `latitude`,"
        " `longitude` and the extra `sun`.",
        bounds=(-720, 720),
        unit="min from the sun's",
        required=True,
    ),
    SettingSpec(
        "time_windows[].end",
        Kind.EDGE,
        "When it is over; not after `start` means the next day, so 00:00 to 00:00 is"
        " a whole one; 00:00 is midnight.",
        bounds=(-720, 720),
        unit="min from the sun's",
        required=True,
    ),
    SettingSpec(
        "time_windows[].id",
        Kind.NAME,
        "What the window is called, for people and reasons.",
        bounds=(0, 40),
        unit="characters",
    ),
    SettingSpec(
        "time_windows[].from",
        Kind.DATE,
        "The first day it may start on; without it there is none.",
    ),
    SettingSpec(
        "time_windows[].until",
        Kind.DATE,
        "The last day it may start on; without it there is none.",
    ),
    SettingSpec(
        "time_windows[].preset",
        Kind.NAME,
        "The preset in force with it; without it that of the zone.",
        bounds=(0, 40),
        unit="characters",
    ),
    SettingSpec(
        "time_windows[].quiet_fan",
        Kind.FLAG,
        "Whether the air conditioner's fan runs low in it, whatever `fan_speed` says.",
    ),
    SettingSpec(
        "time_windows[].curve",
        Kind.SECTIONS,
        "Points between which the bands and setpoints move while it is in force, as"
        " `presets{}.curve`, in place of its preset's curve; not while a preset or band of"
        " a person's, or nobody being there, decides.",
        bounds=(1, 48),
        unit="entries",
    ),
    *curve_points("time_windows[]", "the window came into force"),
    SettingSpec(
        "time_windows[].dst_gap",
        Kind.CHOICE,
        "What becomes of a start or end that the clock skips: it is taken for the instant"
        " of the change, its window is left out, or it is moved on by what was skipped.",
        default=_ASSUMED.dst_gap,
        choices=GAPS,
    ),
    SettingSpec(
        "time_windows[].dst_overlap",
        Kind.CHOICE,
        "Which reading of a start or end counts that the clock reads twice; both means"
        " that the window is in force whenever the clock reads a time within it.",
        default=_ASSUMED.dst_overlap,
        choices=OVERLAPS,
    ),
    SettingSpec(
        "time_windows[].catch_up",
        Kind.CHOICE,
        "Whether a window that had begun before the engine looked is joined: always,"
        " within `catch_up_seconds` of its start, or never.",
        default=_ASSUMED.catch_up,
        choices=CATCH_UPS,
    ),
    SettingSpec(
        "time_windows[].catch_up_seconds",
        Kind.WHOLE,
        "How late it is joined with `catch_up` within.",
        default=_ASSUMED.catch_up_seconds,
        bounds=(0, 86400),
        unit="s",
    ),
    SettingSpec(
        "timezone",
        Kind.TIMEZONE,
        "The clock that the windows are read on.",
        default="Europe/Paris",
    ),
    SettingSpec(
        "latitude",
        Kind.NUMBER,
        "Where the sun rises for windows by the sun; north is positive.",
        bounds=(-90, 90),
        unit="°",
    ),
    SettingSpec(
        "longitude",
        Kind.NUMBER,
        "Where the sun rises for windows by the sun; east is positive.",
        bounds=(-180, 180),
        unit="°",
    ),
    _flag(
        "turn_off_outside_windows",
        "Whether the unit is turned off while no window is in force; one that is only on"
        " or off, as a heater on a plug or a humidifier, is unless this says otherwise.",
    ),
    _flag(
        "fan_mode_during_window",
        "Whether, inside a window, the fan runs where the air conditioner would be off.",
    ),
)
