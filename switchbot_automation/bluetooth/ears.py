"""What was heard by Bluetooth: the newest word of each device, and how old it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.bluetooth.parsing import id_of, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_DEVICES: Final = 500


class HeardDevice(NamedTuple):
    """What a device said: fields as in its status, how long ago, and how loud (dBm)."""

    device_type: str
    fields: Mapping[str, Any]
    age_seconds: float
    rssi: int | None


@dataclass(slots=True)
class _Voice:
    device_type: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    at: float = 0.0
    rssi: int | None = None


class Ears:
    """Keeps what devices say. `monotonic` returns seconds; used on one thread.

    Fields that a packet does not have stay as they were heard last: a passive packet
    has no battery. What it says is gone does not, as the climate of a Hub 3 without its sensor.

    >>> from switchbot_automation.bluetooth import Ears
    >>> Ears().heard("C271111EC0AB") is None
    True
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._voices: dict[str, _Voice] = {}
        self._types: dict[str, str] = {}
        self._listeners: list[Callable[[str], object]] = []

    def expect(self, device_id: str, device_type: str = "") -> None:
        """Say of what type a device is, for packets that do not tell."""
        if device_type or device_id not in self._types:
            self._types[id_of(device_id)] = device_type

    def hear(self, device: Any, advertisement: Any) -> bool:
        """Take a packet, of bleak or of a host's own Bluetooth; whether it said something.

        Raises PluginError where the extra `ble` is not installed; nothing else for
        whatever bytes there are.
        """
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
        voice.fields = fields
        voice.at = self._monotonic()
        if changed:
            for listener in tuple(self._listeners):
                listener(device_id)
        return True

    def heard(self, device_id: str) -> HeardDevice | None:
        """Return what a device said last, None where it was never heard."""
        voice = self._voices.get(id_of(device_id))
        if voice is None:
            return None
        age = self._monotonic() - voice.at
        return HeardDevice(voice.device_type, dict(voice.fields), age, voice.rssi)

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
