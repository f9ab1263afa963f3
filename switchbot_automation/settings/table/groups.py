"""The settings of the zones that share one outdoor unit."""

from __future__ import annotations

from switchbot_automation.settings.spec import Kind, SettingSpec

POLICIES = ("majority", "priority", "largest_error")


def _of_group(
    key: str, default: int, bounds: tuple[int, int], meaning: str
) -> SettingSpec:
    name = f"groups{{}}.{key}"
    return SettingSpec(name, Kind.WHOLE, meaning, default, bounds, "s", per_zone=False)


GROUPS: tuple[SettingSpec, ...] = (
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
        "After waiting this long a zone's season wins whatever the policy says, and a"
        " person's hold in another zone ends.",
    ),
)
