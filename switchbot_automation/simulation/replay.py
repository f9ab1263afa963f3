"""Run the engine over recorded readings, without commanding anything.

Every reading is fed at its own instant to a real engine on a temporary store; commands go
nowhere and count as accepted. The engine gets no webhook sender. What comes out is each
change of decision, which is what a person compares with what happened in the room.
"""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.instants import parse_instant
from switchbot_automation.languages import worded
from switchbot_automation.model import (
    CommandResult,
    CommandStatus,
    Device,
    DeviceList,
    DeviceStatus,
    Scene,
)
from switchbot_automation.simulation.clock import SimulatedClock
from switchbot_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.model import (
        Action,
        Outcome,
        Reason,
        TickReport,
        ZoneDecision,
    )

_COLUMNS = ("timestamp", "temperature_c", "humidity_pct")

_WENT_OUT = frozenset(
    {CommandStatus.SENT, CommandStatus.ACCEPTED, CommandStatus.CONFIRMED}
)

# Stand-ins for a document that names no devices: a recording has a meter, and a decision
# must be able to become a command to be seen.
_RECORDED_METER = "RECORDED0001"
_RECORDED_AIRCON = "02-000000000000-00"


class ReadingsError(ValueError):
    """The file as a whole is not a recording: a column is missing, or it has no rows."""


@dataclass(frozen=True, slots=True)
class RecordedReading:
    """One row: aware UTC, degrees Celsius, percent relative humidity or None."""

    at: datetime
    temperature: float
    humidity: float | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used; `line` counts from 1 as an editor does."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class RecordedReadings:
    """The readings in order of time, and the rows that were left out."""

    readings: tuple[RecordedReading, ...]
    bad_rows: tuple[BadRow, ...]


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """A zone decided something other than at the reading before.

    `temperature` is the reading's. `command` is the action that went out with the
    decision, None if none did.
    """

    at: datetime
    zone: str
    temperature: float
    outcome: Outcome
    reasons: tuple[Reason, ...]
    command: Action | None


def read_readings(lines: Iterable[str]) -> RecordedReadings:
    """Parse a CSV with the columns timestamp, temperature_c and humidity_pct.

    Timestamps are ISO 8601 with an offset or ``Z``; other columns are left alone; an
    empty humidity is an unknown one. A row that cannot be used is kept as a BadRow.
    Raises ReadingsError when a column is missing.
    """
    table = csv.DictReader(lines)
    missing = [name for name in _COLUMNS if name not in (table.fieldnames or ())]
    if missing:
        raise ReadingsError(
            worded(
                "column {missing} is missing; the first line must name {columns}",
                missing=", ".join(missing),
                columns=", ".join(_COLUMNS),
            )
        )
    readings: list[RecordedReading] = []
    bad_rows: list[BadRow] = []
    for row in table:
        try:
            reading = _reading(row, after=readings[-1].at if readings else None)
        except ValueError as error:
            bad_rows.append(BadRow(table.line_num, str(error)))
        else:
            readings.append(reading)
    return RecordedReadings(tuple(readings), tuple(bad_rows))


def _reading(row: Mapping[str, str | None], after: datetime | None) -> RecordedReading:
    stamp = row["timestamp"] or ""
    try:
        at = parse_instant(stamp)
    except ValueError as error:
        raise ValueError(worded("timestamp {error}", error=error)) from None
    if after is not None and at < after:
        raise ValueError(
            worded("timestamp {stamp!r} is earlier than the row before", stamp=stamp)
        )
    temperature = _number(row["temperature_c"], "temperature_c")
    if temperature is None:
        raise ValueError(worded("temperature_c is empty"))
    return RecordedReading(
        at, temperature, _number(row["humidity_pct"], "humidity_pct")
    )


def _number(text: str | None, column: str) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(
            worded("{column} {text!r} is not a number", column=column, text=text)
        ) from error
    if not math.isfinite(number):
        raise ValueError(
            worded("{column} {text!r} is not finite", column=column, text=text)
        )
    return number


class RecordedCloud:
    """A CloudApi whose every sensor shows the reading it was given last.

    Commands and scenes are accepted and kept in `sent`; nothing leaves the process.
    """

    plays_parts = True
    """Plug-ins' sensors and actuators are played as well, see `PluggedCloud`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fields: Mapping[str, Any] = {}
        self.sent: list[tuple[str, str, Any]] = []

    def show(self, reading: RecordedReading) -> None:
        """Make `reading` what sensors answer from now on."""
        fields: dict[str, Any] = {"temperature": reading.temperature}
        if reading.humidity is not None:
            fields["humidity"] = reading.humidity
        self._fields = fields

    async def devices(self) -> DeviceList:
        """Return one meter."""
        return DeviceList(
            (Device(_RECORDED_METER, "Recorded meter", "Meter", None, True),),  # noqa: FBT003  # enableCloudService
            (),
        )

    async def status(self, device_id: str) -> DeviceStatus:
        """Return the reading shown last, whichever sensor is asked."""
        return DeviceStatus(device_id, "Meter", self._fields, self._clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",  # noqa: ARG002  # CloudApi's signature
    ) -> CommandResult:
        """Accept the command."""
        self.sent.append((device_id, command, parameter))
        return CommandResult(device_id, self._clock.now())

    async def scenes(self) -> list[Scene]:
        """Return no scenes."""
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Accept the scene."""
        self.sent.append((scene_id, "scene", None))
        return CommandResult(scene_id, self._clock.now())


async def replay(
    readings: Sequence[RecordedReading],
    settings: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
) -> AsyncIterator[DecisionChange]:
    """Yield each change of decision, feeding every reading at its own instant.

    `settings` is a settings document, `state` the state of the zone `default` before the
    first reading. A document without a meter or a unit gets stand-ins; what plug-ins
    measure and command is played. One
    recording has one meter, so every zone sees the same readings. Raises SettingsError.
    """
    if not readings:
        return
    clock = SimulatedClock(readings[0].at)
    cloud = RecordedCloud(clock)
    store = MemoryStore()
    store.set_many({"settings": _with_devices(settings), "state": dict(state or {})})
    decided: dict[str, Outcome] = {}
    # What a recording holds was paid for when it was made, however many rows a day.
    quota = QuotaLedger(limit=sys.maxsize, clock=clock)
    engine = AutomationEngine(cloud, store, clock=clock, quota=quota)
    async with engine:
        for reading in readings:
            clock.advance_to(reading.at)
            cloud.show(reading)
            report = await engine.run_once(trigger="replay")
            for decision in report.decisions:
                command = _command(report, decision)
                if decided.get(decision.zone) != decision.outcome or command:
                    decided[decision.zone] = decision.outcome
                    yield DecisionChange(
                        reading.at,
                        decision.zone,
                        reading.temperature,
                        decision.outcome,
                        decision.reasons,
                        command,
                    )


def _command(report: TickReport, decision: ZoneDecision) -> Action | None:
    """Return the action that went out for a decision; repeats of an OFF are no part."""
    return next(
        (
            command.action
            for command in report.commands
            if (command.zone, command.action) == (decision.zone, decision.action)
            and command.status in _WENT_OUT
        ),
        None,
    )


def _with_devices(settings: Mapping[str, Any]) -> dict[str, Any]:
    document = dict(settings)
    document["meter_device_id"] = document.get("meter_device_id") or _RECORDED_METER
    if not document.get("equipment"):
        document["aircon_device_id"] = (
            document.get("aircon_device_id") or _RECORDED_AIRCON
        )
    return document
