"""From an advertisement to a status's words, by PySwitchbot's parser.

What is true of it (PySwitchbot 3.1.0): it never raises, gives degrees Celsius always, and
None for what a packet does not have. The model is told by the first byte of the service
data, which only an active scan has; passive packets are read by a model that is known, as
from the account's list. Equal bytes of two devices give one and the same object, which is
copied here. A wrong model is not noticed by the parser: where the packet names its own,
that one counts. A Hub 3 is given a climate although its sensor, which sits in the cable, is
not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.cloud.catalog.catalog import lookup
from switchbot_automation.errors import PluginError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Mapping

# By the list's type: the parser's name of a model, an attribute of `SwitchbotModel`.
MODELS: Final[Mapping[str, str]] = {
    "Meter": "METER",
    "MeterPlus": "METER_PLUS",
    "MeterPro": "METER_PRO",
    "MeterPro(CO2)": "METER_PRO_CO2",
    "WoIOSensor": "INDOOR_OUTDOOR_THERMO_HYGROMETER",
    "Hub 2": "HUB2",
    "Hub 3": "HUB3",
    "Home Climate Panel": "CLIMATE_PANEL",
    "Contact Sensor": "CONTACT_SENSOR",
    "Motion Sensor": "MOTION_SENSOR",
    "Presence Sensor": "PRESENCE_SENSOR",
    "Water Detector": "LEAK",
}
_PLAIN: Final = {
    "temperature": "temperature",
    "humidity": "humidity",
    "battery": "battery",
    "co2": "CO2",
    "lightLevel": "lightLevel",
}
# What is not in every packet and lasts for long.
MEASURED_SELDOM: Final = frozenset({"battery"})
# What a Hub 3 measures by the sensor in its cable.
_IN_CABLE: Final = frozenset({"temperature", "humidity"})
_PRESENCE: Final = "Presence Sensor"
_PERCENT: Final = 100


class Parsed(NamedTuple):
    """What one packet said: the device, its type in the list, and a status's fields.

    `gone` are fields that it says are not there any more, unlike those it leaves out.
    """

    device_id: str
    device_type: str
    fields: Mapping[str, Any]
    rssi: int | None
    gone: frozenset[str] = frozenset()


def parsed(device: Any, advertisement: Any, device_type: str = "") -> Parsed | None:
    """Return what a packet says in a status's words, None where it says nothing of ours.

    `device` and `advertisement` are bleak's, or anything with the same attributes:
    `address`; `service_data`, `manufacturer_data`, `rssi`. `device_type` is the list's
    type, for packets that do not name their model. Raises PluginError where the extra
    `ble` is not installed.
    """
    try:
        from switchbot import SwitchbotModel, parse_advertisement_data  # noqa: PLC0415 - the extra `ble`
    except ImportError as error:
        raise PluginError(
            worded("pip install 'switchbot-automation[ble]' ({error})", error=error),
            plugin="bluetooth",
        ) from error
    product = lookup(device_type, infrared=False) if device_type else None
    known = MODELS.get(product.device_type if product else "")
    model = SwitchbotModel[known] if known else None
    found = parse_advertisement_data(device, advertisement, model)
    if found is None or not found.data:
        return None
    told = found.data.get("data") or {}
    named = found.data.get("modelName")
    own = next((t for t, m in MODELS.items() if SwitchbotModel[m] is named), "")
    if not own or (model is not None and named is not model and not found.active):
        return None
    fields = _fields(own, told)
    gone = _IN_CABLE if told.get("sensor_inserted") is False else frozenset()
    fields = {name: value for name, value in fields.items() if name not in gone}
    if not fields:
        return None
    rssi = getattr(found, "rssi", None)
    return Parsed(id_of(device.address), own, fields, rssi, gone)


def id_of(address: str) -> str:
    """Return the cloud's id for a Bluetooth address: its digits without separators.

    >>> id_of("c2:71:11:1e:c0:ab")
    'C271111EC0AB'
    """
    return address.replace(":", "").replace("-", "").upper()


def _fields(device_type: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in this packet; what is None is not in it, rather than gone."""
    fields = {
        name: told[key]
        for key, name in _PLAIN.items()
        if told.get(key) is not None and not isinstance(told[key], bool)
    }
    if not 0 <= fields.get("humidity", 0) <= _PERCENT:
        return {}
    if told.get("motion_detected") is not None:
        name = "Detected" if device_type == _PRESENCE else "moveDetected"
        fields[name] = bool(told["motion_detected"])
    if told.get("is_light") is not None:
        fields["brightness"] = "bright" if told["is_light"] else "dim"
    if told.get("contact_open") is not None:
        late = told.get("contact_timeout")
        open_ = "timeOutNotClose" if late else "open"
        fields["openState"] = open_ if told["contact_open"] else "close"
    if told.get("leak") is not None:
        fields["status"] = int(bool(told["leak"]))
    return fields
