"""The settings that are laid over a zone's own for a time: presets and what chooses them."""

from __future__ import annotations

from functools import partial

from switchbot_automation.settings.spec import Kind, SettingSpec
from switchbot_automation.settings.table.curves import curve_points

_degrees = partial(SettingSpec, kind=Kind.NUMBER, bounds=(10, 35), unit="°C")


def _seconds(
    name: str, default: int, bounds: tuple[int, int], meaning: str
) -> SettingSpec:
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, "s")


def _devices(name: str, meaning: str, *, required: bool = False) -> SettingSpec:
    return SettingSpec(
        name,
        Kind.DEVICE_IDS,
        meaning,
        None if required else (),
        (1 if required else 0, 20),
        "entries",
        required=required,
    )


def _preset_profile(season: str) -> tuple[SettingSpec, ...]:
    inside = f"presets{{}}.{season}"
    return (
        SettingSpec(
            inside,
            Kind.SECTION,
            f"What of `{season}` is otherwise with the preset; the rest stays.",
        ),
        _degrees(f"{inside}.min_temp", meaning=f"In place of `{season}.min_temp`."),
        _degrees(f"{inside}.max_temp", meaning=f"In place of `{season}.max_temp`."),
        _degrees(
            f"{inside}.target_temp", meaning=f"In place of `{season}.target_temp`."
        ),
        SettingSpec(
            f"{inside}.fan_speed",
            Kind.WHOLE,
            f"In place of `{season}.fan_speed`.",
            bounds=(1, 4),
        ),
        SettingSpec(
            f"{inside}.ac_mode",
            Kind.WHOLE,
            f"In place of `{season}.ac_mode`.",
            bounds=(0, 5),
        ),
    )


COMFORT: tuple[SettingSpec, ...] = (
    SettingSpec(
        "presets",
        Kind.PRESETS,
        "Settings by name, as home, away, sleep, eco, that are in force while chosen. A"
        " zone's object replaces the whole.",
        bounds=(1, 40),
        unit="characters a name",
    ),
    *_preset_profile("winter"),
    *_preset_profile("summer"),
    SettingSpec(
        "presets{}.setback_kelvin",
        Kind.NUMBER,
        "By how much the band and the setpoint are moved to save: down in winter, up in"
        " summer, within 10 to 35 °C.",
        bounds=(0, 15),
        unit="K",
    ),
    SettingSpec(
        "presets{}.hysteresis_celsius",
        Kind.NUMBER,
        "In place of `hysteresis_celsius`.",
        bounds=(0, 5),
        unit="K",
    ),
    SettingSpec(
        "presets{}.fan_mode_during_window",
        Kind.FLAG,
        "In place of `fan_mode_during_window`.",
    ),
    SettingSpec(
        "presets{}.quiet_fan",
        Kind.FLAG,
        "Whether the air conditioner's fan runs low with it, whatever `fan_speed` says.",
    ),
    SettingSpec(
        "presets{}.curve",
        Kind.SECTIONS,
        "Points between which the preset's bands and setpoints move in a straight line, in"
        " steps of a degree, of half a one with `half_degrees`; as through a night.",
        bounds=(1, 48),
        unit="entries",
    ),
    *curve_points(
        "presets{}",
        "the preset came into force with its window or a person's wish",
    ),
    SettingSpec(
        "preset",
        Kind.NAME,
        "The preset in force where nothing else chooses one; empty for none.",
        default="",
        bounds=(0, 40),
        unit="characters",
    ),
    SettingSpec(
        "openings",
        Kind.SECTION,
        "Windows and doors: while one is open, heating and cooling pause.",
    ),
    _devices("openings.sensors", "Contact sensors. One that is not heard is not open."),
    _seconds(
        "openings.pause_after_seconds",
        60,
        (0, 3600),
        "How long one has to be open before the pause.",
    ),
    _seconds(
        "openings.resume_after_seconds",
        60,
        (0, 3600),
        "How long all have to be closed before the pause is over.",
    ),
    _seconds(
        "openings.poll_interval_seconds",
        600,
        (60, 86400),
        "Time between readings of a sensor that sends no events; more as calls get few.",
    ),
    _seconds(
        "openings.unknown_after_seconds",
        3600,
        (300, 86400),
        "After so long without a word a sensor is unknown, and counts as closed.",
    ),
    SettingSpec(
        "openings.drop_kelvin",
        Kind.NUMBER,
        "A room that loses this much within ten minutes counts as open: falls while"
        " heating, rises while cooling. 1.0 suits most rooms; while the unit heats no less"
        " than 3.4 counts, since it melts its ice with the room's heat, and nothing for"
        " minutes after it was told something. 0 means that it is not looked for.",
        default=0.0,
        bounds=(0, 10),
        unit="K",
    ),
    _seconds(
        "openings.drop_pause_seconds",
        1200,
        (60, 7200),
        "How long the pause lasts after such a loss.",
    ),
    _seconds(
        "openings.longest_pause_seconds",
        14400,
        (0, 604800),
        "After so long a window is forgotten or its sensor dead: it is told, and heating"
        " begins again at `openings.frost_celsius`. 0 means never.",
    ),
    SettingSpec(
        "openings.frost_celsius",
        Kind.NUMBER,
        "Where heating begins in spite of a pause that lasts too long; it ends 2 K above.",
        default=8.0,
        bounds=(3, 15),
        unit="°C",
    ),
    SettingSpec(
        "presence",
        Kind.SECTION,
        "Whether somebody is there: a preset is in force while nobody is.",
    ),
    _devices(
        "presence.sensors",
        "Motion, presence and contact sensors. Nobody is there once all of them are"
        " known to have shown nothing for a while.",
        required=True,
    ),
    SettingSpec(
        "presence.preset",
        Kind.NAME,
        "The preset in force while nobody is there.",
        bounds=(1, 40),
        unit="characters",
        required=True,
    ),
    _seconds(
        "presence.away_after_seconds",
        1800,
        (0, 86400),
        "How long nothing has to have moved.",
    ),
    _seconds(
        "presence.poll_interval_seconds",
        600,
        (60, 86400),
        "Time between readings of a sensor that sends no events; more as calls get few.",
    ),
    _seconds(
        "presence.unknown_after_seconds",
        7200,
        (300, 604800),
        "After so long without a word a sensor is unknown: somebody may be there.",
    ),
    SettingSpec(
        "offsets",
        Kind.SECTIONS,
        "What is added to the band and the setpoint, as for a price or a forecast; each"
        " from a source that the host or a plug-in provides.",
        default=(),
        bounds=(0, 10),
        unit="entries",
    ),
    SettingSpec(
        "offsets[].source",
        Kind.NAME,
        "Its name.",
        bounds=(1, 40),
        unit="characters",
        required=True,
    ),
    SettingSpec(
        "offsets[].limit_kelvin",
        Kind.NUMBER,
        "It never adds or takes away more than this.",
        default=1.0,
        bounds=(0, 5),
        unit="K",
    ),
    _seconds(
        "offsets[].expires_seconds",
        7200,
        (60, 604800),
        "After so long without a new value it adds nothing.",
    ),
    SettingSpec(
        "outdoor_forecast",
        Kind.NAME,
        "A series of the temperature outdoors in °C that a plug-in of `plugins` reads or the"
        " host tells under this name: with `optimum_start` a room begins earlier where it"
        " gets colder than of late, and never later.",
        default="",
        bounds=(0, 40),
        unit="characters",
    ),
    SettingSpec(
        "sun_forecast",
        Kind.NAME,
        "A series of the sun in W/m2 on level ground that a plug-in of `plugins` reads or the"
        " host tells under this name: where the room learned what the sun does to it, `modulate`"
        " and `auto` heat a step less, within the band, before the sun would carry it over, and"
        " cooling begins earlier for a sunnier day.",
        default="",
        bounds=(0, 40),
        unit="characters",
    ),
    SettingSpec(
        "price",
        Kind.SECTION,
        "What energy costs: before dear hours the room is kept at the conditioned end of"
        " its band, in them at the other, never outside of it. Any currency, or CO2: only"
        " the relation counts.",
    ),
    SettingSpec(
        "price.windows",
        Kind.SECTIONS,
        "A tariff by the clock of `timezone`: hours with a price of their own. Of several"
        " that overlap the first counts.",
        default=(),
        bounds=(0, 50),
        unit="entries",
    ),
    SettingSpec(
        "price.windows[].days",
        Kind.DAYS,
        "Days the hours start on: 0 Monday to 6 Sunday; without it every day.",
        bounds=(1, 7),
        unit="entries",
    ),
    SettingSpec(
        "price.windows[].start",
        Kind.EDGE,
        "When they start.",
        bounds=(-720, 720),
        unit="min from the sun's",
        required=True,
    ),
    SettingSpec(
        "price.windows[].end",
        Kind.EDGE,
        "When they are over; not after `start` means the next day.",
        bounds=(-720, 720),
        unit="min from the sun's",
        required=True,
    ),
    SettingSpec(
        "price.windows[].price",
        Kind.NUMBER,
        "What a kWh costs in them.",
        bounds=(-10000, 10000),
        required=True,
    ),
    SettingSpec(
        "price.otherwise",
        Kind.NUMBER,
        "What a kWh costs outside of `price.windows`.",
        bounds=(-10000, 10000),
    ),
    SettingSpec(
        "price.source",
        Kind.NAME,
        "A series of prices that a plug-in of `plugins` reads or the host tells under this"
        " name. While it is not known, `price.windows` counts, if there is any.",
        default="",
        bounds=(0, 40),
        unit="characters",
    ),
    _seconds(
        "price.max_age_seconds",
        129600,
        (3600, 1209600),
        "So long after it was issued a series is not believed any more.",
    ),
    SettingSpec(
        "price.share",
        Kind.NUMBER,
        "How much of the band is given up at the other end, but never more than leaves"
        " 1.2 K; 0 moves nothing.",
        default=0.5,
        bounds=(0, 0.9),
    ),
    _seconds(
        "price.lead_seconds",
        7200,
        (0, 43200),
        "How long before dear hours heat, or cold, is stored.",
    ),
)
