"""The plug-in `bluetooth`: a sensor that is heard, and costs no call."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol

from switchbot_automation.bluetooth.ears import ears
from switchbot_automation.bluetooth.listening import listen
from switchbot_automation.bluetooth.parsing import MODELS, id_of
from switchbot_automation.cloud.catalog.catalog import lookup
from switchbot_automation.errors import PluginError
from switchbot_automation.languages import worded
from switchbot_automation.plugins import API_VERSION, Plugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from switchbot_automation.bluetooth.ears import Ears
    from switchbot_automation.bluetooth.listening import Scanner

_LOGGER = logging.getLogger(__name__)
_AGAIN_SECONDS: Final = 300.0
_SILENT_SECONDS: Final = 300.0
# What only drifts is told so often at most; what opens or moves, at once.
_DRIFT_SECONDS: Final = 30.0
_DRIFTING: Final = frozenset(
    {"temperature", "humidity", "CO2", "lightLevel", "battery"}
)
_ADDRESS: Final = vol.All(
    str, id_of, vol.Match(r"^[0-9A-F]{12}$", msg="a device id or Bluetooth address")
)


def _type(value: object) -> str:
    """Return the list's type of a sensor that can be heard; "" is any that says it."""
    if value == "":
        return ""
    product = lookup(value, infrared=False) if isinstance(value, str) else None
    if product is None or product.device_type not in MODELS:
        raise vol.Invalid(worded("one of {models}", models=", ".join(MODELS)))
    return product.device_type


_SCHEMA: Final = vol.Schema(
    {
        vol.Required("device_id"): _ADDRESS,
        vol.Optional("type", default=""): _type,
        vol.Optional("scan", default="active"): vol.In(["active", "passive", "host"]),
        vol.Optional("max_age_seconds", default=600): vol.All(
            vol.Any(int, float), vol.Range(5, 86_400)
        ),
    }
)


class _Scanning:
    """The one scanner of this process, for as long as a sensor wants it.

    A radio has one scan at a time: another begins once each before it has let go.
    """

    def __init__(
        self, make: Callable[[Callable[[Any, Any], None]], Scanner] | None = None
    ) -> None:
        self._make = make
        self._wanted = 0
        self._task: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._active = False

    def want(self, *, active: bool) -> None:
        """Begin to scan on the running loop, unless it is done already.

        One that wants an active scan gets it for all: it hears what a passive one does.
        """
        task = self._task
        if task is not None and not task.done() and self._active >= active:
            return
        self._leave()
        self._active = active
        begun = _after(frozenset(self._leaving), active=active, make=self._make)
        self._task = asyncio.get_running_loop().create_task(begun)

    def added(self) -> None:
        """Count a sensor more."""
        self._wanted += 1

    def closed(self) -> None:
        """Count one less; the last one ends the scan."""
        self._wanted -= 1
        if self._wanted <= 0:
            self._leave()

    def _leave(self) -> None:
        task, self._task = self._task, None
        if task is not None and not task.done():
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            task.cancel()


_SCANNING: Final = _Scanning()


async def _after(
    before: frozenset[asyncio.Task[None]],
    *,
    active: bool,
    make: Callable[[Callable[[Any, Any], None]], Scanner] | None = None,
) -> None:
    """Scan once the scans before have let the radio go."""
    loop = asyncio.get_running_loop()
    here = {task for task in before if task.get_loop() is loop}
    if here:
        await asyncio.wait(here)
    await _scan(active=active, make=make)


async def _scan(
    *,
    active: bool,
    make: Callable[[Callable[[Any, Any], None]], Scanner] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Scan until it is cancelled; where that fails, try again every five minutes.

    A scan that hears nothing of anybody for as long is begun anew: where the system's
    Bluetooth was restarted or its adapter came back, it goes on without a word for ever.
    """
    while True:
        try:
            async with listen(active=active, make=make) as taken:
                heard_at: float | None = math.nan
                while taken.heard_at != heard_at:
                    heard_at = taken.heard_at
                    await sleep(_SILENT_SECONDS)
            _LOGGER.info("nothing is heard by Bluetooth; the scan is begun anew")
        except PluginError as error:
            _LOGGER.warning("%s; tried again in five minutes", error)
            await sleep(_AGAIN_SECONDS)


class BluetoothSensor:
    """A sensor of the group ``sensors``: what a device said lately, by Bluetooth.

    `hears` is the cloud's id of the device, so that both ways are one meter. `scan` is
    ``active``, ``passive`` (its type has to be known) or ``host``: whoever has the radio
    feeds `ears`.
    """

    def __init__(self, config: Mapping[str, Any], into: Ears | None = None) -> None:
        self.hears: str = config["device_id"]
        self._ears = into or ears()
        self._scan: str = config["scan"]
        self._max_age: float = config["max_age_seconds"]
        self._ears.expect(self.hears, config["type"])
        self._counted = self._scan != "host"
        if self._counted:
            _SCANNING.added()

    async def read(self) -> Mapping[str, Any]:
        """Return what it said. Raises PluginError where that is too long ago."""
        if self._counted:
            _SCANNING.want(active=self._scan == "active")
        heard = self._ears.heard(self.hears)
        if heard is None:
            raise PluginError(
                worded("{hears} was not heard yet", hears=self.hears),
                plugin="bluetooth",
            )
        if heard.age_seconds > self._max_age:
            raise PluginError(
                worded(
                    "{hears} was last heard {age_seconds:.0f} s ago",
                    hears=self.hears,
                    age_seconds=heard.age_seconds,
                ),
                plugin="bluetooth",
            )
        return heard.within(self._max_age)

    def subscribe(
        self, listener: Callable[[Mapping[str, Any]], object]
    ) -> Callable[[], None]:
        """Call `listener` with what the device says when that is new; return what ends it."""
        before: Mapping[str, Any] = {}
        told_at = -math.inf

        def hear(device_id: str) -> None:
            nonlocal before, told_at
            heard = self._ears.heard(device_id) if device_id == self.hears else None
            if heard is None:
                return
            fields = heard.within(self._max_age)
            new = {name for name, value in fields.items() if before.get(name) != value}
            seconds = self._ears.now()
            if not new or (new <= _DRIFTING and seconds - told_at < _DRIFT_SECONDS):
                return
            before, told_at = fields, seconds
            listener(fields)

        return self._ears.subscribe(hear)

    def close(self) -> None:
        """Want the scanner no longer."""
        if self._counted:
            self._counted = False
            _SCANNING.closed()


sensor: Final = Plugin(_SCHEMA, BluetoothSensor, API_VERSION)
