"""Two ways to one device: heard by oneself, and told by the cloud.

A sensor of a plug-in may say which device of the cloud it hears (`hears`, its id). Then a
zone that names that id is answered by it, at no call, while the cloud is asked now and then
whether it says the same. Both are one meter: what is handed on is one status, which is
judged as any other. While they contradict each other the cloud is asked each time, and the
one counts that goes on from what was believed; that they do is said in the health.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.core.state.said import finite, said_by_status
from switchbot_automation.model import DeviceStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from switchbot_automation.clock import Clock

_LOGGER = logging.getLogger(__name__)

CONFIRM_SECONDS: Final = 1800.0
"""How often the cloud is asked whether it says the same."""
AGREE_KELVIN: Final = 2.0
"""So far apart two words of one meter may lie: the cloud's may be minutes old."""


class Agreement(NamedTuple):
    """What two ways come to: which one counts, and whether they say the same."""

    by_ear: bool
    agree: bool


def agreement(
    heard: Mapping[str, Any], told: Mapping[str, Any], believed: float | None
) -> Agreement:
    """Return which of two ways to one meter counts. Pure.

    What was heard, where they agree or one of them says no temperature. Else the one that
    lies nearer to what was `believed` last, in degrees Celsius; without that the cloud's:
    what is heard may be another device.

    >>> agreement({"temperature": 21.0}, {"temperature": 21.4}, None)
    Agreement(by_ear=True, agree=True)
    >>> agreement({"temperature": 21.0}, {"temperature": 12.0}, 20.8)
    Agreement(by_ear=True, agree=False)
    >>> agreement({"temperature": 21.0}, {"temperature": 12.0}, 12.1)
    Agreement(by_ear=False, agree=False)
    """
    ear, cloud = finite(heard.get("temperature")), finite(told.get("temperature"))
    if ear is None or cloud is None or abs(ear - cloud) <= AGREE_KELVIN:
        return Agreement(by_ear=True, agree=True)
    if believed is None:
        return Agreement(by_ear=False, agree=False)
    return Agreement(by_ear=abs(ear - believed) < abs(cloud - believed), agree=False)


@dataclass(slots=True)
class _Line:
    """What is known of one device that is heard."""

    confirmed_at: float | None = None
    asked_at: float | None = None
    believed: float | None = None
    doubt: str = ""
    alone: bool = False


class EarsOfEngine:
    """The devices of one engine that are heard beside the cloud.

    `hearing` returns, by the cloud's id, what reads the sensor that hears it.
    """

    def __init__(
        self,
        clock: Clock,
        hearing: Callable[[], Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]]],
    ) -> None:
        self._clock = clock
        self.hearing = hearing
        self._lines: dict[str, _Line] = {}

    async def answer(self, device_id: str) -> DeviceStatus | None:
        """Return what is heard of a device; None where the cloud is to be asked.

        That is where nothing is heard, where it was not confirmed for long, and while the
        two contradict each other.
        """
        line = self._lines.get(device_id)
        now = self._clock.monotonic()
        asked = line.asked_at if line is not None else None
        if (
            line is None
            or line.doubt
            or asked is None
            or now - asked >= CONFIRM_SECONDS
        ):
            return None
        return await self._heard(device_id, line)

    async def beside(self, status: DeviceStatus) -> DeviceStatus:
        """Return the cloud's answer and what is heard as one status."""
        if status.device_id not in self.hearing():
            return status
        line = self._lines.setdefault(status.device_id, _Line())
        line.alone = False
        heard = await self._fields(status.device_id)
        if heard is None:
            return status
        # Where nothing was heard nothing was confirmed either.
        line.asked_at = self._clock.monotonic()
        told = said_by_status(status).values
        found = agreement(heard, told, line.believed)
        if found.agree:
            line.confirmed_at, line.doubt = line.asked_at, ""
        else:
            doubt = (
                f"it is heard with {heard['temperature']:g} °C and the cloud says"
                f" {told['temperature']:g} °C"
            )
            if not line.doubt:
                _LOGGER.warning("%s: %s", status.device_id, doubt)
            line.doubt = doubt
        fields = {**status.fields, **heard} if found.by_ear else status.fields
        line.believed = finite(fields.get("temperature"))
        return DeviceStatus(
            status.device_id, status.device_type, fields, status.received_at
        )

    async def instead(self, device_id: str) -> DeviceStatus | None:
        """Return what is heard while the cloud cannot be asked; None for nothing.

        While the two contradict each other it does not count alone.
        """
        if device_id not in self.hearing():
            return None
        line = self._lines.setdefault(device_id, _Line())
        if line.doubt:
            return None
        status = await self._heard(device_id, line)
        if status is not None:
            line.alone = True
            # As long as it is away it is asked no more often than else.
            line.asked_at = self._clock.monotonic()
        return status

    async def _heard(self, device_id: str, line: _Line) -> DeviceStatus | None:
        fields = await self._fields(device_id)
        if fields is None:
            return None
        line.believed = finite(fields.get("temperature"))
        return DeviceStatus(device_id, "", fields, self._clock.now())

    async def _fields(self, device_id: str) -> Mapping[str, Any] | None:
        read = self.hearing().get(device_id)
        if read is None:
            return None
        try:
            fields = await read()
        except Exception as error:  # noqa: BLE001 - a plug-in's
            _LOGGER.info("%s is not heard: %s", device_id, error)
            return None
        return fields or None

    def doubts(self, device_id: str, heard: Mapping[str, Any]) -> bool:
        """Tell whether what is heard was contradicted, or a temperature never compared."""
        if device_id not in self.hearing():
            return False
        line = self._lines.get(device_id)
        compared = line is not None and line.asked_at is not None
        if not compared and finite(heard.get("temperature")) is not None:
            return True
        return line is not None and bool(line.doubt)

    def report(self) -> dict[str, dict[str, Any]]:
        """Return what is heard, JSON-able: confirmed so long ago, and what contradicts."""
        now, heard = self._clock.monotonic(), self.hearing()
        return {
            device_id: {
                "confirmed_seconds_ago": (
                    None
                    if line.confirmed_at is None
                    else round(now - line.confirmed_at)
                ),
                "cloud_away": line.alone,
                "contradicted": line.doubt,
            }
            for device_id, line in self._lines.items()
            if device_id in heard
        }
