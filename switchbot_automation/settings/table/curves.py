"""The settings of a curve, which a preset or a window may have."""

from __future__ import annotations

from switchbot_automation.settings.spec import Kind, SettingSpec


def curve_points(of: str, began: str) -> tuple[SettingSpec, ...]:
    """Return the settings of the points of a curve: whose it is, and when that begins."""
    return (
        SettingSpec(
            f"{of}.curve[].at",
            Kind.EDGE,
            "When, on the clock of `timezone`; the points go round it once at most.",
        ),
        SettingSpec(
            f"{of}.curve[].after_minutes",
            Kind.NUMBER,
            f"When, since {began}; in place of `at`.",
            bounds=(0, 2880),
            unit="min",
        ),
        *(
            SettingSpec(
                f"{of}.curve[].{season}_kelvin",
                Kind.NUMBER,
                f"By how much `{season}` is moved then; up where positive, 0 without it.",
                bounds=(-15, 15),
                unit="K",
            )
            for season in ("winter", "summer")
        ),
    )
