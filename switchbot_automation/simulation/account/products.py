"""Any product of the catalogue as a simulated device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.cloud.catalog.catalog import DeviceType, device_types, find
from switchbot_automation.errors import UnsupportedCommandError
from switchbot_automation.simulation.account.covers import CoverDevice
from switchbot_automation.simulation.account.devices import NO_HUB, VirtualDevice
from switchbot_automation.simulation.account.families import (
    CatalogDevice,
    InfraredRemote,
)
from switchbot_automation.simulation.account.keypads import KeypadDevice

if TYPE_CHECKING:
    from switchbot_automation.simulation.house.meter import Meter


def make_device(
    device_type: str,
    device_id: str,
    name: str | None = None,
    hub_id: str = NO_HUB,
    *,
    air: Meter | None = None,
) -> VirtualDevice:
    """Return a device of that type (any spelling of the catalogue).

    Raises UnsupportedCommandError for a type that the catalogue does not have.
    """
    infrared = "-" in device_id
    products = find(device_type, infrared=infrared) or find(device_type)
    if not products:
        raise UnsupportedCommandError(
            f"no device type {device_type!r} in the catalogue", maybe_sent=False
        )
    return build(products[0], device_id, name, hub_id, air=air)


def build(
    product: DeviceType,
    device_id: str,
    name: str | None = None,
    hub_id: str = NO_HUB,
    *,
    air: Meter | None = None,
) -> VirtualDevice:
    """Return a device of that product."""
    if product.infrared:
        return InfraredRemote(product, device_id, name, hub_id)
    fields = {field.name for field in product.status}
    kind: type[CatalogDevice] = CatalogDevice
    if product.command("createKey") is not None:
        kind = KeypadDevice
    elif product.command("setPosition") is not None and fields & _POSITIONS:
        kind = CoverDevice
    return kind(product, device_id, name, hub_id, air=air)


def one_of_each(hub_id: str, *, air: Meter | None = None) -> list[VirtualDevice]:
    """Return one device of every product but the air conditioner's remote.

    Products without a status or command are among them: an account may hold any.
    """
    devices: list[VirtualDevice] = []
    for number, product in enumerate(device_types(), 1):
        if product.infrared and product.category == "ac":
            continue
        device_id = (
            f"02-202601010000-{number:02}"
            if product.infrared
            else f"C0FFEE{number:06X}"
        )
        hub = hub_id if product.infrared or product.hub_required else NO_HUB
        devices.append(build(product, device_id, hub_id=hub, air=air))
    return devices


_POSITIONS = {"slidePosition", "position"}
