"""Houses and seasons by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.home import AIRCON_ID, METER_ID
from switchbot_automation.simulation.house.aircon import AirconParameters
from switchbot_automation.simulation.house.house import HouseParameters
from switchbot_automation.simulation.house.meter import MeterParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT = HouseParameters()

HOUSES: Mapping[str, HouseParameters] = MappingProxyType(
    {
        "default": _DEFAULT,
        # Plasterboard and carpet: the air follows the unit within minutes.
        "light": replace(
            _DEFAULT,
            air_capacity=190e3,
            mass_capacity=2.2e6,
            coupling=130.0,
            wall_loss=20.0,
        ),
        # Old stone: a day to warm up, a day to cool down.
        "heavy": replace(
            _DEFAULT,
            air_capacity=450e3,
            mass_capacity=30e6,
            coupling=380.0,
            window_loss=32.0,
            wall_loss=30.0,
        ),
        # Draughty windows and a large unit.
        "leaky": replace(
            _DEFAULT,
            window_loss=75.0,
            wall_loss=45.0,
            air_changes_per_hour=1.6,
            aircon=AirconParameters(heating_capacity=6000.0, cooling_capacity=5000.0),
        ),
        # Large panes to the south-west.
        "sunny": replace(_DEFAULT, solar_aperture=4.0, facade=235.0),
        # The unit reads its own warm air, the meter hangs in a dead corner.
        "offset": replace(
            _DEFAULT,
            aircon=AirconParameters(
                return_offset_heating=3.2, return_offset_cooling=-0.8
            ),
            meter=MeterParameters(lag_seconds=720.0, offset=-0.3),
        ),
    }
)
"""Parameters of houses that differ in what makes control hard."""

SEASON_STARTS: Mapping[str, date] = MappingProxyType(
    {"winter": date(2026, 1, 12), "summer": date(2026, 7, 6)}
)
"""The Monday on which a simulation of that season begins."""


def new_settings(season: str = "winter") -> dict[str, Any]:
    """Return what somebody begins with who has no document: `default_settings`, kept best.

    Raises KeyError for a season other than winter and summer.

    >>> from switchbot_automation.simulation import new_settings
    >>> new_settings("winter")["control"]
    'auto'
    """
    return default_settings(season) | {"control": "auto"}


def default_settings(season: str = "winter") -> dict[str, Any]:
    """Return a settings document for the default home: one window, 06:30 to 23:00.

    It names no way of control, as a dashboard's does, and is run as the dashboard would.
    Raises KeyError for a season other than winter and summer.
    """
    return {
        "automation_enabled": True,
        "mode": {"winter": "winter", "summer": "summer"}[season],
        "poll_interval_seconds": 120,
        "idle_poll_interval_seconds": 600,
        "hysteresis_celsius": 0.3,
        "command_cooldown_seconds": 180,
        "min_on_seconds": 300,
        "min_off_seconds": 300,
        "turn_off_outside_windows": True,
        "timezone": "Europe/Paris",
        "meter_device_id": METER_ID,
        "aircon_device_id": AIRCON_ID,
        "winter": {
            "min_temp": 20.0,
            "max_temp": 22.0,
            # A unit reads its own warm air, so people ask for more than they want.
            "target_temp": 23.0,
            "fan_speed": 3,
            "ac_mode": 5,
        },
        "summer": {
            "min_temp": 23.0,
            "max_temp": 26.0,
            "target_temp": 24.0,
            "fan_speed": 3,
            "ac_mode": 2,
        },
        "time_windows": [
            {"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:30", "end": "23:00"}
        ],
    }
