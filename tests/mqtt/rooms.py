"""A home of two rooms, one with a name that no topic may hold."""

from switchbot_automation.simulation import default_settings

WINDOW = {"days": list(range(7)), "start": "00:00", "end": "00:00"}
PRESETS = {"eco": {"setback_kelvin": 3.0}, "sleep": {"setback_kelvin": 1.0}}


def two_zones():
    winter = default_settings("winter")
    zone = {
        key: winter[key]
        for key in ("winter", "mode", "meter_device_id", "aircon_device_id")
        if key in winter
    }
    other = zone | {"summer": {"min_temp": 24, "max_temp": 26, "target_temp": 25}}
    return {
        "automation_enabled": True,
        "time_windows": [WINDOW],
        "presets": PRESETS,
        "zones": {"office": zone, "Küche/1": other},
    }
