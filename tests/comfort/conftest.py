"""A heated room whose meter, window, motion sensor and clock the test holds."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
METER, AIRCON = "C271111EC0AB", "02-202008110034-13"
CONTACT, MOTION = "E1CONTACT001", "E2MOTION0001"
SETTINGS = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 60,
    "command_cooldown_seconds": 0,
    "timezone": "UTC",
    "meter_device_id": METER,
    "aircon_device_id": AIRCON,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "time_windows": [{"days": list(range(7)), "start": "06:00", "end": "23:00"}],
}


class Room:
    """A `CloudApi` with a meter and sensors; what was asked and sent is counted."""

    def __init__(self, changes):
        self.clock = SimulatedClock(NOON)
        self.temperature = 19.0
        self.fields = {
            CONTACT: {"openState": "close", "moveDetected": False},
            MOTION: {"moveDetected": True},
        }
        self.asked, self.sent = [], []
        self.store = MemoryStore(now=self.clock.now)
        self.store.set("settings", SETTINGS | changes)
        self.store.set("state", {"assumed_aircon_power": "off"})
        self.restart()

    def restart(self):
        self.engine = AutomationEngine(self, self.store, clock=self.clock)

    async def devices(self):
        return DeviceList((), ())

    async def scenes(self):
        return []

    async def run_scene(self, scene_id):
        raise AssertionError(scene_id)

    async def status(self, device_id):
        self.asked.append(device_id)
        now = self.clock.now()
        if device_id == METER:
            fields = {"temperature": self.temperature, "humidity": 50}
            return DeviceStatus(device_id, "Meter", fields, now)
        fields = self.fields[device_id]
        if fields is None:
            raise TimeoutError("no answer")
        return DeviceStatus(device_id, "Contact Sensor", fields, now)

    async def command(
        self, device_id, command, parameter="default", command_type="command"
    ):
        self.sent.append((command, parameter))
        return CommandResult(device_id, self.clock.now())

    @property
    def running(self):
        return bool(self.sent) and self.sent[-1][0] == "setAll"

    async def tick(self):
        report = await self.engine.run_once()
        return report.decisions[0]

    async def live(self, **length):
        """Tick at every wake-up for so long; return the last decision."""
        end = self.clock.now() + timedelta(**length)
        decision = await self.tick()
        while (due := self.engine.next_wakeup) <= end:
            self.clock.advance((due - self.clock.now()).total_seconds())
            decision = await self.tick()
        self.clock.advance((end - self.clock.now()).total_seconds())
        return decision

    async def event(self, device_id, **context):
        at = int(self.clock.now().timestamp() * 1000)
        return await self.engine.handle_webhook(
            {
                "eventType": "changeReport",
                "eventVersion": "1",
                "context": {
                    "deviceType": "WoContact",
                    "deviceMac": device_id,
                    "timeOfSample": at,
                    **context,
                },
            }
        )


def codes(decision):
    return [str(reason.code) for reason in decision.reasons]


@pytest.fixture
def room():
    """Make a room with these settings changed."""
    return Room
