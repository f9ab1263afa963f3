"""What was heard by Bluetooth: the newest word of each device, and how old it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.bluetooth.parsing import MEASURED_SELDOM, id_of, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_DEVICES: Final = 500


class HeardDevice(NamedTuple):
    """What a device said: fields as in its status, how long ago, and how loud (dBm).

    `ages_seconds` is each field's own age: not every packet has them all.
    """

    device_type: str
    fields: Mapping[str, Any]
    age_seconds: float
    rssi: int | None
    ages_seconds: Mapping[str, float] = MappingProxyType({})

    def within(self, seconds: float) -> dict[str, Any]:
        """Return the fields that are no older; a battery lasts however old its word is.

        >>> HeardDevice("Meter", {"temperature": 21.0, "battery": 90}, 5, -60,
        ...             {"temperature": 900.0, "battery": 900.0}).within(600)
        {'battery': 90}
        """
        return {
            name: value
            for name, value in self.fields.items()
            if name in MEASURED_SELDOM
            or self.ages_seconds.get(name, self.age_seconds) <= seconds
        }


@dataclass(slots=True)
class _Voice:
    device_type: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    said_at: dict[str, float] = field(default_factory=dict)
    at: float = 0.0
    rssi: int | None = None


def seconds_with_sleep() -> float:
    """Return seconds that go on while the host sleeps, where its system counts them.

    Linux' own monotonic clock stands still meanwhile, and what was heard before would be
    taken for new (clock_gettime(2): CLOCK_BOOTTIME).
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Ears:
    """Keeps what devices say. `monotonic` returns seconds; used on one thread.

    Fields that a packet does not have stay as they were heard last: a passive packet
    has no battery. What it says is gone does not, as the climate of a Hub 3 without its sensor.
    `heard_at` is when anything was heard last, by `monotonic`; None for never.

    >>> from switchbot_automation.bluetooth import Ears
    >>> Ears().heard("C271111EC0AB") is None
    True
    """

    def __init__(self, monotonic: Callable[[], float] = seconds_with_sleep) -> None:
        self._monotonic = monotonic
        self.heard_at: float | None = None
        self._voices: dict[str, _Voice] = {}
        self._types: dict[str, str] = {}
        self._listeners: list[Callable[[str], object]] = []

    def now(self) -> float:
        """Return the seconds by which it tells ages."""
        return self._monotonic()

    def expect(self, device_id: str, device_type: str = "") -> None:
        """Say of what type a device is, for packets that do not tell."""
        if device_type or device_id not in self._types:
            self._types[id_of(device_id)] = device_type

    def hear(self, device: Any, advertisement: Any) -> bool:
        """Take a packet, of bleak or of a host's own Bluetooth; whether it said something.

        Raises PluginError where the extra `ble` is not installed; nothing else for
        whatever bytes there are.
        """
        now = self.heard_at = self._monotonic()
        device_id = id_of(device.address)
        said = parsed(device, advertisement, self._types.get(device_id, ""))
        if said is None:
            return False
        voice = self._voices.get(device_id)
        if voice is None:
            if len(self._voices) >= _MOST_DEVICES and device_id not in self._types:
                return False
            voice = self._voices[device_id] = _Voice()
        kept = {name: v for name, v in voice.fields.items() if name not in said.gone}
        fields = {**kept, **said.fields}
        changed = fields != voice.fields
        voice.device_type, voice.rssi = said.device_type, said.rssi
        voice.fields, voice.at = fields, now
        voice.said_at.update(dict.fromkeys(said.fields, now))
        if changed:
            for listener in tuple(self._listeners):
                listener(device_id)
        return True

    def heard(self, device_id: str) -> HeardDevice | None:
        """Return what a device said last, None where it was never heard."""
        voice = self._voices.get(id_of(device_id))
        if voice is None:
            return None
        now = self._monotonic()
        ages = {name: now - voice.said_at[name] for name in voice.fields}
        fields = dict(voice.fields)
        return HeardDevice(
            voice.device_type,
            fields,
            now - voice.at,
            voice.rssi,
            MappingProxyType(ages),
        )

    def subscribe(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call `listener` with the id of each device that says something new."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end


_EARS: Final = Ears()


def ears() -> Ears:
    """Return the ears of this process: one adapter, one scanner, however many sensors."""
    return _EARS
