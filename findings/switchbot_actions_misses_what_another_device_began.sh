#!/usr/bin/env bash
# switchbot-actions 2.3.0: a rule fires when its conditions become true, by comparing a device's last
# message with the one before. What another device says (the README's "fan on if it is hot and the
# window is closed") is looked up as it is now for both.
#
# Seen, with a meter and a window contact: the room passes 28 degrees with the window closed, and
# the rule fires. The room passes 28 degrees with the window open, the window is closed, and five
# more messages of the meter say 29 to 31 degrees: the rule never fires, since "before" counts as
# true as soon as the window is closed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet install 'switchbot-actions==2.3.0' 'PySwitchbot==1.0.0'
"$folder/venv/bin/python" - <<'PY'
import asyncio
from types import SimpleNamespace

from switchbot import SwitchBotAdvertisement
from switchbot_actions.config import AutomationIf, DeviceSettings
from switchbot_actions.state import StateSnapshot, create_state_object
from switchbot_actions.triggers import EdgeTrigger

METER, WINDOW = "00:00:5E:00:53:01", "00:00:5E:00:53:02"
devices = {
    "meter": DeviceSettings(address=METER),
    "window": DeviceSettings(address=WINDOW),
}
rule = AutomationIf(
    source="switchbot",
    conditions={"temperature": "> 28.0", "window.contact_open": False},
)


def message(address, **values):
    return SwitchBotAdvertisement(
        address=address, data={"data": values}, device=None, rssi=-60
    )


async def fired(messages):
    """Give the messages to a trigger as the program's handler does; how often it fires."""
    trigger, last, count = EdgeTrigger(rule), {}, 0

    async def act(state):
        nonlocal count
        count += 1

    trigger.on_triggered(act)
    for address, values in messages:
        snapshot = StateSnapshot(dict(last), devices)
        new = message(address, **values)
        before = create_state_object(last.get(address), snapshot=snapshot)
        last[address] = new
        if address == METER:
            await trigger.process_state(
                create_state_object(new, previous=before, snapshot=snapshot)
            )
    return count


hot = [(METER, {"temperature": 29.0 + step / 2}) for step in range(5)]
cool = (METER, {"temperature": 27.0})
open_, closed = ((WINDOW, {"contact_open": state}) for state in (True, False))
at_once = asyncio.run(fired([closed, cool, *hot]))
afterwards = asyncio.run(fired([open_, cool, hot[0], closed, *hot]))
print("window closed before it was hot:", at_once, "- closed afterwards:", afterwards)
assert at_once == 1
assert afterwards == 0, "a condition that another device fulfils is seen now"
PY
