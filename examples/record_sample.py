# Makes sample_readings.csv and sample_settings.json: a simulated winter morning, as the
# engine read it while it kept the room.
#
#   python examples/record_sample.py [DIRECTORY]
#
# Also an example of a cloud of your own: whatever has these five methods can stand
# between the engine and the devices.
import argparse
import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from switchbot_automation import AutomationEngine
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus, Scene
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_store import MemoryStore

START = datetime(2026, 1, 12, 5, tzinfo=UTC)
HOURS = 4

# The setpoint lies above the band, as many remotes need it to: the unit's own sensor
# hangs in warm air. So it is the engine that has to stop it.
SETTINGS = {
    **default_settings("winter"),
    "winter": {
        "min_temp": 20.0,
        "max_temp": 22.0,
        "target_temp": 25.0,
        "fan_speed": 3,
        "ac_mode": 5,
    },
}


class RecordingCloud:
    """Passes everything on to the home and keeps what the meter answered."""

    def __init__(self, home: SimulatedHome, meter_id: str) -> None:
        self._home = home
        self._meter_id = meter_id
        self.rows: list[tuple[str, float, float]] = []

    async def devices(self) -> DeviceList:
        return await self._home.devices()

    async def status(self, device_id: str) -> DeviceStatus:
        status = await self._home.status(device_id)
        if device_id == self._meter_id:
            at = status.received_at.isoformat(timespec="milliseconds")
            fields = status.fields
            self.rows.append((at, fields["temperature"], fields["humidity"]))
        return status

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        return await self._home.command(device_id, command, parameter, command_type)

    async def scenes(self) -> list[Scene]:
        return await self._home.scenes()

    async def run_scene(self, scene_id: str) -> CommandResult:
        return await self._home.run_scene(scene_id)


async def record() -> RecordingCloud:
    clock = SimulatedClock(START)
    home = SimulatedHome(clock, season="winter", seed=3)
    cloud = RecordingCloud(home, SETTINGS["meter_device_id"])
    store = MemoryStore()
    store.set("settings", SETTINGS)
    async with AutomationEngine(cloud, store, clock=clock) as engine:
        while clock.now() < START + timedelta(hours=HOURS):
            await engine.run_once()
            clock.advance_to(engine.next_wakeup)
    return cloud


def main(directory: Path) -> None:
    cloud = asyncio.run(record())
    with (directory / "sample_readings.csv").open(
        "w", encoding="utf-8", newline=""
    ) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("timestamp", "temperature_c", "humidity_pct"))
        writer.writerows(cloud.rows)
    settings = json.dumps(SETTINGS, indent=2) + "\n"
    (directory / "sample_settings.json").write_text(settings, encoding="utf-8")
    print(f"{len(cloud.rows)} readings in {directory}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(
        description="Record a simulated winter morning."
    )
    here = Path(__file__).parent
    arguments.add_argument("directory", nargs="?", default=here, type=Path)
    main(arguments.parse_args().directory)
