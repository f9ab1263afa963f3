"""What devices said, by device and attribute: CO2, power, kWh, light, doors, batteries.

Beside the rows of zones, in tables of its own, so that whoever reads those sees nothing
new. `DeviceHistory` collects and answers; a `ReadingBackend` is the place, held by
`switchbot_store.testing.ReadingContract`.
"""

from switchbot_store.history.readings.model import (
    DeviceReading,
    ReadingBackend,
    ReadingKey,
)
from switchbot_store.history.readings.service import DeviceHistory
from switchbot_store.history.readings.sqlite import SqliteReadings

__all__ = [
    "DeviceHistory",
    "DeviceReading",
    "ReadingBackend",
    "ReadingKey",
    "SqliteReadings",
]
