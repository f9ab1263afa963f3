#!/usr/bin/env bash
# switchbot-actions 2.3.0 with PySwitchbot 1.0.0: the right side of a condition is made of the type of
# the value, so a limit with a fraction beside a value that happens to be whole cannot be read, and
# counts as "not met", without a word in the log.
#
# Seen: humidity comes as a whole number from PySwitchbot. At 60 % "> 55" holds; "> 55.5", "< 65.5" and
# "!= 55.5" all do not, nor does "> 55.0". Of temperature, which has a fraction, each holds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-actions==2.3.0' 'PySwitchbot==1.0.0'
"$folder/venv/bin/python" - <<'PY'
import asyncio
import logging

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from switchbot.adv_parser import parse_advertisement_data
from switchbot_actions.config import AutomationIf
from switchbot_actions.state import create_state_object
from switchbot_actions.triggers import EdgeTrigger

heard = []
handler = logging.Handler()
handler.emit = heard.append
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.WARNING)

ADDRESS = "00:00:5E:00:53:01"
# A meter that says 60.4 degrees and 60 %: type, state, battery, tenths, degrees, humidity.
message = parse_advertisement_data(
    BLEDevice(ADDRESS, "WoSensorTH", {}),
    AdvertisementData(
        local_name="WoSensorTH",
        manufacturer_data={},
        service_data={
            "0000fd3d-0000-1000-8000-00805f9b34fb": bytes([0x54, 0, 100, 4, 0x80 | 60, 60])
        },
        service_uuids=[],
        tx_power=None,
        rssi=-60,
        platform_data=(),
    ),
)
assert type(message.data["data"]["humidity"]) is int


def holds(name, condition):
    trigger, fired = EdgeTrigger(AutomationIf(source="switchbot", conditions={name: condition})), []

    async def act(state):
        fired.append(state)

    trigger.on_triggered(act)
    asyncio.run(trigger.process_state(create_state_object(message)))
    return bool(fired)


for condition in ("> 55", "> 55.0", "> 55.5", "< 65.5", "!= 55.5"):
    print(
        condition,
        "humidity:", holds("humidity", condition),
        "temperature:", holds("temperature", condition),
    )
    assert holds("temperature", condition)
    assert holds("humidity", condition) is (condition == "> 55"), "read as a number now"
assert not heard, "what cannot be read is told of now"
PY
