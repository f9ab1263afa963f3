"""Devices that a plug-in provides, beside those of the account.

A zone names one as ``plugin:`` and its name in the settings' `plugins`: a sensor as its
meter, an actuator as its air conditioner. Neither costs a call to the cloud.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.errors import PluginError
from switchbot_automation.model import (
    PLUGIN_PREFIX,
    CommandResult,
    Device,
    DeviceStatus,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.offsets import Offsets
    from switchbot_automation.model import CloudApi, DeviceList, PluginPart, Scene

_LOGGER = logging.getLogger(__name__)


_TYPE: Final = "plugin"


class PluggedCloud:
    """A `CloudApi` with the plug-ins' devices among the account's.

    The parts are made at first use and kept as long as their settings stay the same;
    one that has a `close` is closed when they are not.
    """

    def __init__(self, client: CloudApi, documents: Documents, clock: Clock) -> None:
        self._client = client
        self._documents = documents
        self._clock = clock
        self._made: dict[str, tuple[str, Any]] = {}
        self._registered: dict[str, tuple[str, Callable[[], None]]] = {}

    async def devices(self) -> DeviceList:
        """Return the account's devices and the plug-ins' sensors."""
        listed = await self._client.devices()
        sensors = tuple(
            Device(f"{PLUGIN_PREFIX}{name}", name, _TYPE, None, cloud_service=False)
            for name, part in self._parts.items()
            if part.group == "sensors"
        )
        return replace(listed, devices=(*listed.devices, *sensors))

    async def status(self, device_id: str) -> DeviceStatus:
        """Ask the cloud, or read a plug-in's sensor. Raises PluginError."""
        if not device_id.startswith(PLUGIN_PREFIX):
            return await self._client.status(device_id)
        name = device_id.removeprefix(PLUGIN_PREFIX)
        fields = await self._part(name, "sensors").read()
        if not isinstance(fields, Mapping):
            kind = type(fields).__name__
            raise PluginError(f"read() gave a {kind}, no mapping", plugin=name)
        return DeviceStatus(device_id, _TYPE, dict(fields), self._clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        """Command a device of the account, or a plug-in's actuator."""
        if not device_id.startswith(PLUGIN_PREFIX):
            return await self._client.command(
                device_id, command, parameter, command_type
            )
        name = device_id.removeprefix(PLUGIN_PREFIX)
        await self._part(name, "actuators").send(command, parameter)
        return CommandResult(device_id, self._clock.now())

    async def scenes(self) -> list[Scene]:
        """Return the account's scenes."""
        return await self._client.scenes()

    async def run_scene(self, scene_id: str) -> CommandResult:
        """Run a scene of the account."""
        return await self._client.run_scene(scene_id)

    def adopt(self, offsets: Offsets) -> None:
        """Register the plug-ins' offsets, end those that the settings no longer have."""
        parts = self._parts
        if not parts and not self._registered:
            return
        wanted = {name: part for name, part in parts.items() if part.group == "offsets"}
        for name, (fingerprint, end) in tuple(self._registered.items()):
            if name not in wanted or wanted[name].fingerprint != fingerprint:
                end()
                del self._registered[name]
        for name in wanted.keys() - self._registered.keys():
            try:
                source = self._part(name, "offsets").kelvin
                end = offsets.register(name, source)
            except Exception as error:  # noqa: BLE001 - a plug-in's, or a host's of that name
                _LOGGER.warning("the offset %s cannot be used: %s", name, error)
                end = _nothing
            self._registered[name] = (wanted[name].fingerprint, end)

    @property
    def _parts(self) -> Mapping[str, PluginPart]:
        settings = self._documents.settings
        return settings.plugins if settings else {}

    def _part(self, name: str, group: str) -> Any:
        """Return a part, made of its settings. Raises PluginError."""
        part = self._parts.get(name)
        if part is None or part.group != group:
            raise PluginError(f"no such part in `plugins` of {group}", plugin=name)
        made = self._made.get(name)
        if made is None or made[0] != part.fingerprint:
            if made is not None:
                _close(name, made[1])
            made = self._made[name] = (part.fingerprint, part.factory(part.config))
        return made[1]

    def close(self) -> None:
        """Close the parts that can be."""
        for name, (_fingerprint, part) in self._made.items():
            _close(name, part)
        self._made.clear()


def _close(name: str, part: Any) -> None:
    close = getattr(part, "close", None)
    if not callable(close):
        return
    try:
        close()
    except Exception as error:  # noqa: BLE001 - a plug-in's
        _LOGGER.warning("the plug-in part %s was not closed: %s", name, error)


def _nothing() -> None:
    """End what never began."""
