"""Listening: this host's own adapter by bleak, and a double that needs none."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol

from switchbot_automation.bluetooth.ears import ears
from switchbot_automation.errors import PluginError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchbot_automation.bluetooth.ears import Ears

_LOGGER = logging.getLogger(__name__)

_SERVICE: Final = "0000fd3d-0000-1000-8000-00805f9b34fb"
_COMPANY: Final = 2409
# bleak, and what it speaks to BlueZ by.
_LIBRARIES: Final = frozenset({"bleak", "dbus_fast"})


class Scanner(Protocol):
    """What `listen` needs of a scanner; bleak's `BleakScanner` is one."""

    async def start(self) -> None:
        """Begin to call back for each packet."""
        ...

    async def stop(self) -> None:
        """End that."""
        ...


@asynccontextmanager
async def listen(
    into: Ears | None = None,
    *,
    make: Callable[[Callable[[Any, Any], None]], Scanner] | None = None,
    active: bool = True,
) -> AsyncIterator[Ears]:
    """Hear with a scanner for as long as the block lasts; yield the ears.

    `make` is called with what takes a device and its packet, and returns the scanner; by
    default bleak's, on Linux over BlueZ. An `active` scan also gets batteries and models,
    and costs the sensors' batteries a little. Raises PluginError where Bluetooth or the
    extra `ble` is not there.
    """
    taken = into or ears()

    def take(device: Any, advertisement: Any) -> None:
        taken.hear(device, advertisement)

    scanner = (make or _bleak(active=active))(take)
    try:
        await scanner.start()
    except asyncio.CancelledError:
        # It may hear already, and nobody would end it any more.
        await _stop(scanner)
        raise
    except Exception as error:
        if not _of_the_radio(error):
            raise
        raise PluginError(
            worded("Bluetooth: {error}", error=error), plugin="bluetooth"
        ) from error
    try:
        yield taken
    finally:
        await _stop(scanner)


async def _stop(scanner: Scanner) -> None:
    try:
        await scanner.stop()
    except Exception as error:
        # Whoever leaves wants it no longer, and the system's service may be gone.
        if not _of_the_radio(error):
            raise
        _LOGGER.info("the Bluetooth scan was not ended: %s", error)


def _of_the_radio(error: Exception) -> bool:
    """Tell whether the radio or its service failed, rather than whoever wrote this."""
    library = type(error).__module__.partition(".")[0]
    return library in _LIBRARIES or isinstance(error, OSError | RuntimeError | EOFError)


def _bleak(*, active: bool) -> Callable[[Callable[[Any, Any], None]], Scanner]:
    def make(take: Callable[[Any, Any], None]) -> Scanner:
        try:
            from bleak import BleakScanner  # noqa: PLC0415 - the extra `ble`
        except ImportError as error:
            raise PluginError(
                worded(
                    "pip install 'switchbot-automation[ble]' ({error})", error=error
                ),
                plugin="bluetooth",
            ) from error
        if active:
            scanner: Scanner = BleakScanner(take, scanning_mode="active")
            return scanner
        from bleak.args.bluez import BlueZScannerArgs  # noqa: PLC0415 - likewise
        from bleak.backends.bluezdbus.advertisement_monitor import OrPattern  # noqa: PLC0415 - of Linux alone

        # BlueZ hears passively only what it was told to look for: SwitchBot's company.
        pattern = OrPattern(0, 0xFF, _COMPANY.to_bytes(2, "little"))
        passive: Scanner = BleakScanner(
            take,
            scanning_mode="passive",
            bluez=BlueZScannerArgs(or_patterns=[pattern]),
        )
        return passive

    return make


class ScannerDouble:
    """A scanner without a radio: packets are the bytes that it is given.

    >>> import asyncio
    >>> from switchbot_automation.bluetooth import Ears, ScannerDouble, listen
    >>> async def heard():
    ...     double = ScannerDouble()
    ...     async with listen(Ears(), make=double.make) as found:
    ...         packet = bytes.fromhex("54 00 64 05 98 30")
    ...         double.say("AA:BB:CC:DD:EE:FF", service=packet)
    ...         return found.heard("AABBCCDDEEFF")
    >>> asyncio.run(heard()).fields
    {'temperature': 24.5, 'humidity': 48, 'battery': 100}
    """

    def __init__(self) -> None:
        self._take: Callable[[Any, Any], None] | None = None
        self.running: bool = False

    def make(self, take: Callable[[Any, Any], None]) -> ScannerDouble:
        """Return this scanner, as `listen` wants it."""
        self._take = take
        return self

    async def start(self) -> None:
        """Begin."""
        self.running = True

    async def stop(self) -> None:
        """End."""
        self.running = False

    def say(
        self,
        address: str,
        *,
        service: bytes | None = None,
        manufacturer: bytes | None = None,
        rssi: int = -60,
    ) -> None:
        """Let a device say this: `service` data of fd3d, `manufacturer` data of SwitchBot."""
        if self._take is None or not self.running:
            raise RuntimeError("nobody listens")
        packet = SimpleNamespace(
            service_data={} if service is None else {_SERVICE: service},
            manufacturer_data={} if manufacturer is None else {_COMPANY: manufacturer},
            rssi=rssi,
        )
        self._take(SimpleNamespace(address=address), packet)
