"""Ears of one's own: SwitchBot sensors heard by Bluetooth, without the cloud. Extra `ble`.

Meters, contacts, motion and presence sensors say what they measure to whoever listens, in
Bluetooth advertisements. `Ears` keeps what was heard, `listen` hears by this host's own
adapter, and a host that has Bluetooth already, as Home Assistant, feeds `ears().hear`.
The plug-in `bluetooth` of the group ``switchbot_automation.sensors`` makes each a sensor::

    "plugins": {"living meter": {"sensor": "bluetooth", "device_id": "C271111EC0AB"}}

A zone has it as ``plugin:living meter``, or goes on naming the meter by its id: then both
ways are one meter, see `engine/observe/ears.py`.
"""

from switchbot_automation.bluetooth.ears import Ears, HeardDevice, ears
from switchbot_automation.bluetooth.listening import ScannerDouble, listen

__all__ = ["Ears", "HeardDevice", "ScannerDouble", "ears", "listen"]
